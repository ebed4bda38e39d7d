"""Measurements. They print JSON lines, always next to a peer or a baseline, and assert nothing."""
