"""Providers: what makes machines, behind one small contract."""
