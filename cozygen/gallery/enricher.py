"""Reads the metadata of what is new in the library, in the background."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path

from cozygen.gallery.details import Details, Enriched, Read
from cozygen.gallery.library import Library, Row
from cozygen.gallery.readers import Readers, ReadersFailed
from cozygen.gallery.worker import Priority, Worker

log = logging.getLogger(__name__)

_AT_ONCE = 4000
_BATCH = 400
_MANY = 400
"""Files from which on it is worth to start processes."""
_IDLE_SECONDS = 30.0
_YIELD_SECONDS = 0.002


class Enricher:
    """One thread that reads, newest files first, and steps back while somebody waits for a page."""

    def __init__(
        self,
        library: Library,
        worker: Worker,
        read: Read,
        readers: Readers,
    ) -> None:
        self._library = library
        self._worker = worker
        self._read = read
        self._readers = readers
        self._wake = threading.Event()
        self._stopped = False
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="gallery-metadata", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the file that is being read. Blocking."""
        self._stopped = True
        self._wake.set()
        self._readers.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._readers.rest()

    def wake(self) -> None:
        """Say that there may be something to read."""
        self._wake.set()

    @property
    def paused_now(self) -> bool:
        """Whether somebody waits."""
        return self._waiting > 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Step back for the duration of the context. To be entered on the event loop only."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _run(self) -> None:
        while not self._stopped:
            try:
                more = self._round()
            except (CancelledError, ReadersFailed):
                return
            except sqlite3.Error as error:
                log.info("metadata has to wait: %s", error)
                more = False
            if not more:
                self._readers.rest()
                self._wake.wait(_IDLE_SECONDS)
                self._wake.clear()

    def _round(self) -> bool:
        """Read some files; whether there may be more."""
        if self._library.is_elsewhere():
            return False
        rows = self._library.unread(self._library.snapshot, _AT_ONCE)
        parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        read = self._read_elsewhere(parts) if len(rows) >= _MANY else map(self._read_here, parts)
        writing: list[Future[None]] = []
        for part, details in zip(parts, read, strict=True):
            found = [Enriched(row.id, row.size, row.mtime_ns, one) for row, one in zip(part, details, strict=True)]
            writing.append(self._worker.submit(Priority.BACKGROUND, self._library.enrich(found)))
        for future in writing:
            future.result()
        return bool(rows)

    def _read_elsewhere(self, parts: Sequence[Sequence[Row]]) -> Iterator[list[Details | None]]:
        return self._readers.stream([[self._library.disk(row.path) for row in part] for part in parts])

    def _read_here(self, rows: Sequence[Row]) -> list[Details | None]:
        found = []
        for row in rows:
            if self._stopped:
                raise CancelledError
            found.append(self._read(Path(self._library.disk(row.path))))
            if self._waiting:
                time.sleep(_YIELD_SECONDS)
        return found
