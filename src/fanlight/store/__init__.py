"""Sessions, keys, tickets and the audit trail, in SQLite."""
