from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.media.cache import DiskCache, MemoryCache


def name(number: int) -> str:
    return f"{number:032x}"


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    cache: MemoryCache[str, int] = MemoryCache(30)
    for number, key in enumerate("abc"):
        cache.put(key, number, 10)
    assert cache.get("a") == 0
    cache.put("d", 3, 10)
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]
    cache.put("large", 9, 31)
    assert cache.get("large") is None
    assert cache.get("d") == 3
    cache.put("d", 4, 30)
    assert [cache.get(key) for key in "acd"] == [None, None, 4]
    cache.drop("d")
    cache.drop("d")
    assert cache.get("d") is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12))))
def test_memory_is_never_more_than_the_limit(puts: list[tuple[int, int]]) -> None:
    cache: MemoryCache[int, int] = MemoryCache(30)
    sizes: dict[int, int] = {}
    for key, size in puts:
        cache.put(key, size, size)
        sizes[key] = size
        assert cache.get(key) == size
        assert sum(size for key, size in sizes.items() if cache.get(key) is not None) <= 30


def test_the_disk_gives_back_what_it_got(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "deep" / "cache", 10_000)
    assert cache.read(name(1)) is None
    assert cache.clear() == 0
    cache.write(name(1), b"one")
    cache.write(name(2), b"")
    assert (cache.read(name(1)), cache.read(name(2))) == (b"one", b"")
    assert DiskCache(tmp_path / "deep" / "cache", 10_000).read(name(1)) == b"one"
    cache.write(name(1), b"another")
    assert cache.read(name(1)) == b"another"


def test_the_disk_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1100)
    for number in range(10):
        cache.write(name(number), bytes(92))
        path = next(tmp_path.rglob(f"*{number:x}.pic"))
        os.utime(path, (1000 + number, 1000 + number))
    assert cache.read(name(0)) == bytes(92), "used again"
    cache.write(name(10), bytes(92))
    assert all(cache.read(name(number)) is not None for number in range(11))
    for number in range(1, 10):
        os.utime(next(tmp_path.rglob(f"*{number:x}.pic")), (1000 + number, 1000 + number))
    cache.write(name(11), bytes(92))
    kept = [number for number in range(12) if next(tmp_path.rglob(f"*{number:x}.pic"), None)]
    assert kept == [0, 4, 5, 6, 7, 8, 9, 10, 11], "down to nine tenths"


def test_the_limit_holds_for_what_was_there_before(tmp_path: Path) -> None:
    first = DiskCache(tmp_path, 10**6)
    for number in range(20):
        first.write(name(number), bytes(92))
    DiskCache(tmp_path, 1000).write(name(99), bytes(92))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.pic")) <= 900


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    cache.write(name(1), bytes(200))
    assert cache.read(name(1)) is None


@pytest.mark.parametrize("damaged", [b"", bytes(50), b"CGP1", b"CGP1\0\0\0\0changed"])
def test_damaged_files_are_removed(tmp_path: Path, damaged: bytes) -> None:
    cache = DiskCache(tmp_path, 10_000)
    cache.write(name(1), b"one")
    (path,) = tmp_path.rglob("*.pic")
    path.write_bytes(damaged)
    assert cache.read(name(1)) is None
    assert not path.exists()
    cache.write(name(1), b"one")
    assert cache.read(name(1)) == b"one"


def test_clearing_counts_and_leaves_other_files(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    for number in range(5):
        cache.write(name(number), b"x")
    (tmp_path / "00" / "notes.txt").write_text("mine")
    assert cache.clear() == 5
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]
    assert cache.clear() == 0


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    DiskCache(tmp_path, 10_000).write(name(1), b"x")
    leftover = tmp_path / "00" / ".cozygen-0123456789abcdef.tmp"
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    DiskCache(tmp_path, 10_000).write(name(2), b"x")
    assert not leftover.exists()


def test_a_disk_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = DiskCache(tmp_path / "file" / "cache", 10_000)
    for number in range(3):
        cache.write(name(number), b"x")
        assert cache.read(name(number)) is None
    assert len(caplog.records) == 1


def test_clearing_while_others_read_and_write(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 4000)
    stop = threading.Event()
    wrong: list[object] = []

    def busy(offset: int) -> None:
        number = offset
        try:
            while not stop.is_set():
                number += 1
                content = name(number % 40).encode()
                cache.write(name(number % 40), content)
                if cache.read(name(number % 40)) not in (None, content):
                    wrong.append(number)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=busy, args=(offset,)) for offset in (0, 20)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        cache.clear()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    cache.clear()
    assert not list(tmp_path.rglob("*.pic"))
