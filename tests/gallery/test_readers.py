from __future__ import annotations

import json
import struct
import sys
import threading
import zlib
from pathlib import Path

import pytest

from cozygen.gallery.details import read_details
from cozygen.gallery.readers import Readers, ReadersFailed

DIES = """
import json, os, sys
from cozygen.ipc import read_message, write_message
while (message := read_message(sys.stdin.buffer)) is not None:
    paths = json.loads(message[1])
    if any("bad" in path for path in paths):
        os._exit(9)
    write_message(sys.stdout.buffer, {}, json.dumps([[1, 2, None, None, None, []] for _ in paths]).encode())
"""
HANGS = "import time; time.sleep(1000)"


def png(prompt: str) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 5, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", b"parameters\0" + f"{prompt}\nSteps: 20, Seed: 5".encode())
    return b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(b"\0\0\0\0" * 5)) + chunk(b"IEND", b"")


def test_processes_find_what_we_find(tmp_path: Path) -> None:
    paths = []
    for number in range(25):
        path = tmp_path / f"{number} é.png"
        path.write_bytes(png(f"a fox {number}"))
        paths.append(str(path))
    paths.append(str(tmp_path / "absent.png"))
    readers = Readers(2)
    try:
        found = readers.read(paths)
        assert found == [read_details(Path(path)) for path in paths]
        assert found[3] is not None and found[3].wire is not None
        assert (found[3].width, found[3].height) == (3, 5)
        assert found[3].wire["prompt"] == "a fox 3"
        assert found[-1] is None
        readers.rest()
        assert readers.read(paths[:1]) == found[:1]
        assert readers.read([]) == []
        parts = [paths[:3], paths[3:4], [], paths[4:]]
        assert list(readers.stream(parts)) == [found[:3], found[3:4], [], found[4:]]
        assert next(readers.stream(parts)) == found[:3]  # nobody has to take all of it
    finally:
        readers.rest()


def test_only_the_file_that_ends_a_process_is_given_up() -> None:
    readers = Readers(2, command=[sys.executable, "-c", DIES])
    paths = [f"{'bad' if number == 5 else 'good'}{number}" for number in range(12)]
    try:
        found = readers.read(paths)
    finally:
        readers.rest()
    assert [number for number, details in enumerate(found) if details is None] == [5]


def test_stopping_ends_what_hangs() -> None:
    readers = Readers(1, command=[sys.executable, "-c", HANGS])
    failed = threading.Event()

    def read() -> None:
        try:
            readers.read(["a", "b"])
        except ReadersFailed:
            failed.set()

    thread = threading.Thread(target=read)
    thread.start()
    while readers._processes[0] is None:
        pass
    readers.stop()
    thread.join(10)
    readers.rest()
    assert failed.is_set()


def test_a_command_that_is_not_there_is_a_failure_of_each_file() -> None:
    readers = Readers(1, command=["/nonexistent/python"])
    assert readers.read(["a", "b"]) == [None, None]


def test_secrets_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from cozygen.gallery.readers import _environment

    monkeypatch.setenv("COZYGEN_AUTH_PASS", "hunter2")
    monkeypatch.setenv("PYTHONPATH", "/before")
    environment = _environment()
    assert "hunter2" not in json.dumps(environment)
    assert environment["PYTHONPATH"].endswith("/before")
