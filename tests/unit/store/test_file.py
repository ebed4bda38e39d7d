"""The file itself: modes, migrations, a full disk, what a second process sees."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from fanlight.errors import DiskFull, HostError, SessionNotFound
from fanlight.store import OWNER, SessionRecord, Store
from fanlight.store.database import Database
from fanlight.store.tables import metadata
from fanlight.wire import SessionId

A = SessionId("a")


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "store", now=1.0) as store:
        await store.add_session(SessionRecord(A, OWNER, 1.0))
        for path in (tmp_path / "store").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


async def test_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, now=1.0):
        pass
    engine = create_engine(f"sqlite:///{tmp_path}/fanlight.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, now=1.0) as store:
        await store.add_session(SessionRecord(A, OWNER, 1.0, view={"name": "é\u0000"}))
        await store.append_event(A, "session", {"n": 1}, 2.0)
    async with await Store.open(tmp_path, now=3.0) as store:
        found = await store.session(A)
        assert found is not None
        assert found.view == {"name": "é\u0000"}
        assert await store.append_event(A, "session", {"n": 2}, 4.0) == 2
        assert [one.id for one in await store.principals()] == [OWNER]


async def test_a_second_process_may_write_the_same_file(tmp_path: Path) -> None:
    async with (
        await Store.open(tmp_path, now=1.0) as served,
        await Store.open(tmp_path, now=1.0) as command,
    ):
        token = await command.new_link(OWNER, 2.0)
        assert (await served.redeem_link(token, 3.0))[0] == OWNER


async def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, now=1.0) as store:
        await store.add_session(SessionRecord(A, OWNER, 1.0))

        def fill(connection: Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        await store._database.run(fill)
        with pytest.raises(DiskFull):
            await store.put_bundle(A, b"x" * 1_000_000, 2.0)
        assert await store.bundle(A, 3.0) is None


async def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "fanlight.db").write_bytes(b"not a database, by any means" * 100)
    with pytest.raises(HostError, match="not a database"):
        await Store.open(tmp_path, now=1.0)


async def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, now=1.0) as store:
        with pytest.raises(SessionNotFound):
            await store.save_session_with_event(SessionRecord(A, OWNER, 1.0), "session", {}, 1.0)
        assert await store.events(A) == []


async def test_foreign_keys_are_kept(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    try:

        def broken(connection: Connection) -> None:
            connection.exec_driver_sql("insert into bundles values ('none', x'00', 1.0, 1.0, 1.0)")

        with pytest.raises(Exception, match="FOREIGN KEY") as caught:
            await database.run(broken)
        assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    finally:
        await database.close()
