"""Reads the metadata of many files in processes of their own, which leaves this one to those who wait for it."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from cozygen.gallery.details import Details
from cozygen.ipc import WireError, read_message, write_message

log = logging.getLogger(__name__)

_MAX_PROCESSES = 4
_COMMAND = (sys.executable, "-m", "cozygen.gallery.readworker")


class ReadersFailed(Exception):
    """A process could not be started, or ended."""


class _Process:
    """One reading process. Used by one thread at a time, but for `kill`."""

    def __init__(self, command: Sequence[str]) -> None:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), **options
            )
        except OSError as error:
            raise ReadersFailed(str(error)) from None
        self._source = cast(BinaryIO, self._process.stdout)
        self._sink = cast(BinaryIO, self._process.stdin)

    def read(self, paths: Sequence[str]) -> list[Details | None]:
        """The details of files. Raises `ReadersFailed`."""
        try:
            write_message(self._sink, {}, json.dumps(list(paths)).encode())
            message = read_message(self._source)
        except (OSError, ValueError, WireError) as error:
            raise ReadersFailed(str(error)) from None
        if message is None:
            raise ReadersFailed("a process ended")
        return [None if entry is None else _details(entry) for entry in json.loads(message[1])]

    def kill(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """Have the process end, and wait for it."""
        self.kill()
        for pipe in (self._sink, self._source):
            with suppress(OSError):
                pipe.close()
        self._process.wait()


def _details(entry: list[Any]) -> Details:
    width, height, duration, fps, meta, sources = entry
    places = tuple((folder, path) for folder, path in sources)
    return Details(width, height, duration, fps, None if meta is None else tuple(meta), places)


def _environment() -> dict[str, str]:
    """The environment, without our settings (there are secrets among them) and with the place where we are found."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("COZYGEN_")}
    folder = Path(__file__).parents[2]
    if folder.name not in ("site-packages", "dist-packages"):  # those are searched anyway
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
    environment["PYTHONSAFEPATH"] = "1"  # the working directory may hold modules of anybody's
    return environment


class Readers:
    """Up to `processes` processes (default: one a core, up to 4), started when needed. Used by one thread."""

    def __init__(self, processes: int | None = None, *, command: Sequence[str] = _COMMAND) -> None:
        self._count = processes or min(os.cpu_count() or 1, _MAX_PROCESSES)
        self._command = command
        self._processes: list[_Process | None] = [None] * self._count
        self._lock = threading.Lock()
        self._stopped = False

    def read(self, paths: Sequence[str]) -> list[Details | None]:
        """The details of files, None for those that cannot be read. Blocking. Raises `ReadersFailed` after `stop`.

        A file at which a process dies counts as one that cannot be read.
        """
        size = -(-len(paths) // self._count) or 1
        parts = [paths[start : start + size] for start in range(0, len(paths), size)]
        return [details for part in self.stream(parts) for details in part]

    def stream(self, parts: Iterable[Sequence[str]]) -> Iterator[list[Details | None]]:
        """As `read`, part by part: while one is being looked at, the following ones are read."""
        idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(self._count):
            idle.put(number)

        def read(paths: Sequence[str]) -> list[Details | None]:
            number = idle.get()
            try:
                return self._read_part(number, paths)
            finally:
                idle.put(number)

        threads = ThreadPoolExecutor(self._count, thread_name_prefix="gallery-metadata")
        try:
            yield from threads.map(read, parts)
        finally:
            threads.shutdown(cancel_futures=True)

    def _read_part(self, number: int, paths: Sequence[str]) -> list[Details | None]:
        try:
            return self._process(number).read(paths)
        except ReadersFailed:
            self._discard(number)
            if self._stopped:
                raise
            if len(paths) == 1:
                log.warning("reading the metadata of %s ended a process", paths[0])
                return [None]
        middle = len(paths) // 2
        return self._read_part(number, paths[:middle]) + self._read_part(number, paths[middle:])

    def _process(self, number: int) -> _Process:
        with self._lock:
            if self._stopped:
                raise ReadersFailed("stopped")
            process = self._processes[number]
            if process is None:
                process = self._processes[number] = _Process(self._command)
            return process

    def _discard(self, number: int) -> None:
        with self._lock:
            process, self._processes[number] = self._processes[number], None
        if process is not None:
            process.close()

    def rest(self) -> None:
        """End the processes; they are started again when there is something to read."""
        for number in range(self._count):
            self._discard(number)

    def stop(self) -> None:
        """Have `read` end soon, from any thread; `rest` afterwards."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                if process is not None:
                    process.kill()
