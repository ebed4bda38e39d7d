"""Drives sessions: runs the cores' commands, owns tasks and timers, re-adopts after a restart."""
