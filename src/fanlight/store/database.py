"""One SQLite file, one thread that touches it, and SQLite's errors in our words.

Concurrency: every statement runs on the database's own thread, one transaction at a time, so the
event loop never waits for a disk and no two transactions of a process meet. Other processes
(`fanlight link`) may write the same file: WAL and the busy timeout take care of them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from fanlight.errors import DiskFull, HostError

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The open file. Made by `Database.open`."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread

    @classmethod
    async def open(cls, directory: Path) -> Database:
        """Open `directory`/fanlight.db, made (0600, in a 0700 directory) and migrated as needed.

        Raises DiskFull or HostError.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            engine = await _on(thread, _open, directory)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(engine, thread)

    async def close(self) -> None:
        """Finish what runs and close the file."""
        await _on(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def run(
        self,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work(connection, ...)` in one transaction on the store's thread.

        Raises DiskFull, HostError (any other failure of SQLite), and what `work` raises; nothing
        of a transaction that raised remains.
        """

        def transaction() -> T:
            with our_errors(), self._engine.begin() as connection:
                return work(connection, *args, **kwargs)

        return await _on(self._thread, transaction)


async def _on(thread: ThreadPoolExecutor, work: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work, *args)


def _open(directory: Path) -> Engine:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(directory, 0o700)
    path = directory / "fanlight.db"
    # SQLite gives -wal and -shm the mode of the file itself, so it must be right from the start.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    os.chmod(path, 0o600)
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    with our_errors(), _locked(directory / "migration.lock"), engine.begin() as connection:
        _migrate(connection)
    return engine


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for another writer: SQLite
    # refuses it at once. Taking the write lock at the start lets the busy timeout work.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    # Imported here: it costs a tenth of a second that nothing else needs.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn SQLite's errors into DiskFull and HostError; constraints pass through as they are."""
    try:
        yield
    except DatabaseError as error:
        original: Any = error.orig
        name = getattr(original, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_FULL"):
            raise DiskFull(hint=DiskFull.hint) from error
        if name.startswith("SQLITE_CONSTRAINT"):
            raise
        raise HostError(f"the store cannot be used: {original}") from error
