"""The gateway as a process, with real machines' senders and real viewers."""
