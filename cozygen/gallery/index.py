"""The index on disk: one SQLite file that can be deleted at any time and builds itself again.

Nothing that cannot be read from the library's files is kept here; what people add to them lives in the studio's
database. The schema has a version instead of migrations: an index of another version is thrown away.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cozygen.gallery.words import TOKENIZER

log = logging.getLogger(__name__)

VERSION = 4

UNREAD, READ, UNREADABLE = 0, 1, 2
"""How far the metadata of a file is known: `files.state`."""

_CACHE, _READING_CACHE = 8000, 2000
"""KiB of each connection. Readers are several, and what they read the system has in memory anyway."""
_CHECKPOINT_PAGES = 8000
"""Of 4 KiB: only at a checkpoint the disk is waited for, which takes long where others use it too."""

_SCHEMA = """
CREATE TABLE roots (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,          -- 'output', ...
    path TEXT NOT NULL,
    device INTEGER NOT NULL DEFAULT 0   -- that it was on when there was last something in it
);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    root INTEGER NOT NULL REFERENCES roots (id),
    path TEXT NOT NULL,                 -- relative to the root, '/'-separated
    changed_ns INTEGER NOT NULL,        -- stamp when last scanned; see cozygen.gallery.scan
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    settled INTEGER NOT NULL,           -- no change can hide behind the stamp
    scanned INTEGER NOT NULL,
    UNIQUE (root, path)
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- another content at the same place is another file
    folder INTEGER NOT NULL REFERENCES folders (id),
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,              -- 0 image, 1 video, 2 audio
    size INTEGER NOT NULL,              -- bytes
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,   -- metadata: 0 unread, 1 read, 2 unreadable
    width INTEGER,                      -- pixels
    height INTEGER,
    duration REAL,                      -- seconds
    fps REAL
);
CREATE INDEX files_name ON files (name COLLATE NOCASE, name);
CREATE UNIQUE INDEX files_folder_name ON files (folder, name);
CREATE INDEX files_unread ON files (mtime_ns DESC) WHERE state = 0;
CREATE TABLE meta (
    file INTEGER PRIMARY KEY REFERENCES files (id),
    source TEXT,                        -- the program that made the file
    positive TEXT NOT NULL,
    negative TEXT NOT NULL,
    models TEXT NOT NULL,               -- JSON: [name, ...]
    loras TEXT NOT NULL,                -- JSON: [[name, strength of the model, of the text encoder], ...]
    vae TEXT,
    sampler TEXT,
    scheduler TEXT,
    steps INTEGER,
    cfg REAL,
    guidance REAL,
    seed TEXT,                          -- decimal; may exceed 64 bits
    gen_width INTEGER,                  -- pixels that were sampled
    gen_height INTEGER,
    has_workflow INTEGER NOT NULL,
    wire TEXT NOT NULL                  -- JSON: the `meta` of a listing
);
CREATE INDEX meta_seed ON meta (seed) WHERE seed IS NOT NULL;
CREATE TABLE sources (
    path TEXT NOT NULL,                 -- of a file that a graph names, relative to its folder
    folder TEXT NOT NULL,               -- that folder: 'input', 'output' or 'temp'
    file INTEGER NOT NULL,              -- whose graph it is
    PRIMARY KEY (path, folder, file)
) WITHOUT ROWID;
CREATE INDEX sources_file ON sources (file);
CREATE TRIGGER sources_gone AFTER DELETE ON files BEGIN
    DELETE FROM sources WHERE file = old.id;
END;
CREATE TRIGGER sources_renumbered AFTER UPDATE OF id ON files BEGIN
    UPDATE sources SET file = new.id WHERE file = old.id;
END;
CREATE TABLE looks (                    -- see cozygen.gallery.alike
    file INTEGER PRIMARY KEY,
    seen INTEGER NOT NULL DEFAULT 0,    -- somebody has looked at the file
    phash INTEGER,                      -- 64 bits as a signed number; NULL where there is nothing to see
    thumbhash BLOB,
    content INTEGER                     -- the first 64 bits of a key of the content, in the same way
);
CREATE TRIGGER looks_gone AFTER DELETE ON files BEGIN
    DELETE FROM looks WHERE file = old.id;
END;
CREATE TRIGGER looks_renumbered AFTER UPDATE OF id ON files WHEN new.id != old.id BEGIN
    UPDATE looks SET file = new.id WHERE file = old.id;
END;
"""

_TEXTS = f"""
CREATE VIRTUAL TABLE texts USING fts5 (  -- the row of a file whose metadata were read has its id
    name, positive, negative, resources, content = '', tokenize = "{TOKENIZER}"
);
"""


class IndexStore:
    """One writing connection, used by one thread at a time, and as many reading ones as are needed at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = ""
        self._uri = False
        self._writer: sqlite3.Connection | None = None
        self._idle: queue.LifoQueue[tuple[int, sqlite3.Connection]] = queue.LifoQueue()
        self._generation = 0

    @property
    def generation(self) -> int:
        """Another number for every index that was begun anew: its ids are other files'."""
        return self._generation

    @property
    def writer(self) -> sqlite3.Connection:
        """The writing connection. Raises `RuntimeError` before `open`."""
        if self._writer is None:
            raise RuntimeError("the index is not open")
        return self._writer

    def open(self) -> None:
        """Open or create the index. Damaged ones are thrown away; in memory where the disk takes none."""
        self._target, self._uri = str(self.path), False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open_on_disk()
        except (OSError, sqlite3.Error) as error:
            log.warning("the gallery's index is kept in memory: %s: %s", self.path, error)
            self._open_in_memory()

    def start_over(self, *, in_memory: bool) -> None:
        """Throw away what is there and begin with an empty index."""
        self._close_all()
        self._delete()
        if in_memory:
            self._open_in_memory()
        else:
            self.open()

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; each statement sees the newest committed state."""
        try:
            generation, connection = self._idle.get_nowait()
            if generation != self._generation:
                connection.close()
                raise queue.Empty
        except queue.Empty:
            generation, connection = self._generation, self._connect()
        try:
            yield connection
        finally:
            self._idle.put((generation, connection))

    def close(self) -> None:
        """Close every connection that nobody is using."""
        self._close_all()

    def _open_on_disk(self) -> sqlite3.Connection:
        try:
            connection = self._connect(writing=True)
            if _version(connection) == VERSION:
                return connection
            fresh = _is_empty(connection)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            log.warning("the gallery's index is damaged and is built again: %s", error)
            fresh = False
        if not fresh:
            with suppress(UnboundLocalError):
                connection.close()
            self._delete()
            connection = self._connect(writing=True)
        _create(connection)
        return connection

    def _open_in_memory(self) -> None:
        self._target, self._uri = f"file:cozygen-{uuid.uuid4().hex}?mode=memory&cache=shared", True
        self._writer = self._connect(writing=True)
        _create(self._writer)

    def _connect(self, *, writing: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._target, uri=self._uri, timeout=30, isolation_level=None, check_same_thread=False
        )
        try:
            if self._uri:
                # Tables are locked as a whole in a shared cache; whoever reads a row too many looks again anyway.
                connection.execute("PRAGMA read_uncommitted = 1")
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(f"PRAGMA cache_size = -{_CACHE if writing else _READING_CACHE}")
                connection.execute("PRAGMA journal_size_limit = 33554432")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _close_all(self) -> None:
        self._generation += 1
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait()[1].close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that is committed at the end, and rolled back by an exception."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _create(connection: sqlite3.Connection) -> None:
    connection.executescript(f"BEGIN; {_SCHEMA} {_TEXTS} PRAGMA user_version = {VERSION}; COMMIT;")
