"""The rules of a session, pure: events in, commands out. No I/O, clock, ids or randomness."""
