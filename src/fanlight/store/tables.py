"""The tables. Times are seconds since the epoch; what grants something is stored as SHA-256 only.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

metadata = MetaData()


def _principal(*, nullable: bool = False) -> Column[str]:
    return Column("principal", String, ForeignKey("principals.id"), nullable=nullable)


def _session(*, primary_key: bool = False) -> Column[str]:
    owner = ForeignKey("sessions.id", ondelete="CASCADE")
    return Column("session", String, owner, nullable=False, primary_key=primary_key)


principals = Table(
    "principals",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", Float, nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", String, primary_key=True),
    _principal(),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)

browser_sessions = Table(
    "browser_sessions",
    metadata,
    Column("hash", String, primary_key=True),
    _principal(),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("hash", String, nullable=False, unique=True),
    Column("prefix", String, nullable=False),
    Column("label", String, nullable=False),
    _principal(),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, ForeignKey("principals.id"), nullable=False),
    Column("tool", String),
    Column("recipient", String),
    Column("label", String, nullable=False),
    Column("status", String, nullable=False),
    Column("answerer", String, nullable=False),
    Column("machine_ref", String),
    Column("machine_token_hash", String),
    Column("reason", JSON),
    Column("view", JSON, nullable=False),
    Column("memo", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Index("sessions_by_owner", "owner", "created_at"),
    Index("sessions_by_machine_token", "machine_token_hash"),
)

session_tokens = Table(
    "session_tokens",
    metadata,
    Column("hash", String, primary_key=True),
    _session(),
    _principal(),
    Column("created_at", Float, nullable=False),
)

session_events = Table(
    "session_events",
    metadata,
    _session(),
    Column("id", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("session", "id"),
)

bundles = Table(
    "bundles",
    metadata,
    _session(primary_key=True),
    Column("ciphertext", LargeBinary),
    Column("created_at", Float, nullable=False),
    Column("fetched_at", Float),
    Column("deleted_at", Float),
)

tickets = Table(
    "tickets",
    metadata,
    Column("hash", String, primary_key=True),
    _session(),
    _principal(),
    Column("use", String, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Column("connection", String),
)

device_requests = Table(
    "device_requests",
    metadata,
    Column("device_code_hash", String, primary_key=True),
    Column("user_code", String, nullable=False, unique=True),
    Column("tool", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("client_name", String, nullable=False),
    Column("state", String, nullable=False),
    _principal(nullable=True),
    Column("session", String, ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("expires_at", Float, nullable=False),
    Column("polled_at", Float),
    Column("interval_s", Float, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("principal", String, nullable=False),
    Column("session", String),
    Column("action", String, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("audit_by_principal", "principal", "id"),
)
