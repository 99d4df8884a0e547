"""The SQLite database: one writer thread, a few readers, migrations at start."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

T = TypeVar("T")

HEAD = "0004"
"""The newest migration. A database that says it stands here is opened without loading alembic."""


class DatabaseTooNewError(Exception):
    """The file stands at a migration that this program does not know."""


T_Text = TypeVar("T_Text", str, str | None)


def storable(text: T_Text) -> T_Text:
    """Text without lone surrogates, which JSON may carry and the database cannot. None stays."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


class Database:
    """Runs functions in transactions, off the event loop.

    Writers are serialised on one thread, so that no two of them ever meet SQLite's lock; readers see the last
    committed state (WAL). A function gets a SQLAlchemy `Connection` inside a transaction that is committed when
    it returns and rolled back when it raises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-write")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="db-read")
        self._engine: Engine | None = None

    def open(self) -> None:
        """Create or migrate the database. Blocking.

        Raises `sqlite3.DatabaseError` or `sqlalchemy.exc.DatabaseError` for a damaged file, and `DatabaseTooNewError`.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        found = _revision(self.path)
        if found is not None and found > HEAD:
            raise DatabaseTooNewError(f"it was written by a newer CozyGen (revision {found}; this one knows {HEAD})")
        if found != HEAD:
            _migrate(self.path)
        self._engine = _connect(self.path)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine. Raises `RuntimeError` before `open`."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._run, work)

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """The same from any thread: queue `work` for the writer thread."""
        return self._writer.submit(self._run, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run, work)

    def close(self) -> None:
        """Wait for what is under way and close. Blocking."""
        self._writer.shutdown()
        self._readers.shutdown()
        if self._engine is not None:
            self._engine.dispose()


def _revision(path: Path) -> str | None:
    """The migration that the file stands at, read without SQLAlchemy (start-up time)."""
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return None if row is None else str(row[0])


def _connect(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _migrate(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    engine = _connect(path)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    finally:
        engine.dispose()
