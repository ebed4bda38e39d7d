"""Shipped fakes, Playbook, ManualClock."""
