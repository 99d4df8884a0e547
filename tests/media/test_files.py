from __future__ import annotations

import os
from pathlib import Path

import pytest

from cozygen.media.files import Version, fingerprint, open_regular
from tests.media.samples import write


def same_time(path: Path) -> Path:
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_a_fingerprint_stays_with_the_content(tmp_path: Path) -> None:
    path = same_time(write(tmp_path / "a.png", b"x" * 500_000))
    name, version = fingerprint(path)
    assert version == Version(10**18, 500_000)
    moved = path.rename(tmp_path / "b.jpg")
    assert fingerprint(moved) == (name, version)


@pytest.mark.parametrize("size", [10, 128 * 1024, 300_000])
def test_a_fingerprint_tells_contents_apart(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a", bytes(size))
    names = {fingerprint(same_time(path))[0]}
    for place in (0, size // 2 if size < 200_000 else 5000, size - 1):
        changed = bytearray(size)
        changed[place] = 1
        path.write_bytes(changed)
        names.add(fingerprint(same_time(path))[0])
    path.write_bytes(bytes(size + 1))
    names.add(fingerprint(same_time(path))[0])
    os.utime(path, ns=(10**18, 10**18 + 1))
    names.add(fingerprint(path)[0])
    assert len(names) == 6


def test_changes_in_the_middle_of_a_large_file_are_sampled(tmp_path: Path) -> None:
    path = write(tmp_path / "a", bytes(300_000))
    before = fingerprint(same_time(path))[0]
    changed = bytearray(300_000)
    changed[100_000:200_000] = b"\1" * 100_000
    path.write_bytes(changed)
    assert fingerprint(same_time(path))[0] != before


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    with open_regular(write(tmp_path / "a", b"abc")) as stream:
        assert stream.read() == b"abc"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent"):
        with pytest.raises(FileNotFoundError):
            open_regular(path)


def test_links_that_were_judged_before_are_followed(tmp_path: Path) -> None:
    target = write(tmp_path / "a", b"abc")
    (tmp_path / "link").symlink_to(target)
    with open_regular(tmp_path / "link") as stream:
        assert stream.read() == b"abc"
