from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cozygen.nodes import locate
from cozygen.nodes.locate import FileRefused


@pytest.fixture
def tree(host: Any) -> Path:
    base: Path = host.base
    for name in ("input/a.png", "input/sub/b.png", "output/o.png", "output/CozyGen/p.png", "temp/t.png", "secret.png"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(name.encode())
    return base


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.png", "input/a.png"),
        ("sub/b.png", "input/sub/b.png"),
        ("sub\\b.png", "input/sub/b.png"),
        ("./sub//b.png", "input/sub/b.png"),
        ("a.png [input]", "input/a.png"),
        ("o.png [output]", "output/o.png"),
        ("t.png [temp]", "temp/t.png"),
        ("output::::o.png", "output/o.png"),
        ("output::o.png", "output/o.png"),
        ("output::CozyGen::p.png", "output/CozyGen/p.png"),
    ],
)
def test_names_lead_to_files(tree: Path, name: str, file: str) -> None:
    assert locate.find(name) == (tree / file).resolve()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "sub/../../secret.png",
        "sub/../a.png",
        "/etc/passwd",
        "C:/x.png",
        "c:x",
        "..\\secret.png",
        "a.png\0.jpg",
        "sub",
        "",
        ".",
        "missing.png",
        "../secret.png [output]",
        "output::..::secret.png",
        "output::CozyGen::../o.png",
        "output::/etc::passwd",
        "output::",
        "output::CozyGen::",
        "output::CozyGen/x::y.png",
        "x" * 5000,
        "a/" * 3000,
        "\ud800.png",
        "a.png/b",
    ],
)
def test_other_names_are_refused_in_a_sentence(tree: Path, name: str) -> None:
    with pytest.raises(FileRefused) as caught:
        locate.find(name)
    message = str(caught.value)
    assert str(tree) not in message
    assert "\n" not in message
    assert len(message.encode()) < 400


def test_links_are_followed_only_inside(tree: Path) -> None:
    (tree / "input" / "inner.png").symlink_to("a.png")
    assert locate.find("inner.png").name == "a.png"
    (tree / "input" / "outer.png").symlink_to(tree / "secret.png")
    (tree / "input" / "folder").symlink_to(tree)
    (tree / "input" / "loop.png").symlink_to("loop.png")
    for name in ("outer.png", "folder/secret.png", "loop.png"):
        with pytest.raises(FileRefused):
            locate.find(name)


def test_only_regular_files_are_files(tree: Path) -> None:
    os.mkfifo(tree / "input" / "pipe.png")
    with pytest.raises(FileRefused, match="There is no file"):
        locate.find("pipe.png")


def test_a_fingerprint_follows_the_content(tree: Path) -> None:
    before = locate.fingerprint("a.png")
    os.utime(tree / "input" / "a.png", (1, 1))
    assert locate.fingerprint("a.png") == before
    (tree / "input" / "a.png").write_bytes(b"other")
    assert locate.fingerprint("a.png") != before
    unknown = locate.fingerprint(None)
    assert unknown != unknown  # NaN: run every time


def test_a_stamp_follows_time_and_size(tree: Path) -> None:
    before = locate.stamp("a.png")
    os.utime(tree / "input" / "a.png", (1, 1))
    assert locate.stamp("a.png") != before
    unknown = locate.stamp(None)
    assert unknown != unknown


def test_listings_are_sorted_and_of_one_kind(tree: Path) -> None:
    for name in ("B.jpg", ".hidden.png", "clip.mp4", "notes.txt", "photo.webp"):
        (tree / "input" / name).write_bytes(b"")
    assert locate.listing("input", "image") == ["B.jpg", "a.png", "photo.webp"]
    assert locate.listing("input", "video") == ["clip.mp4"]
    assert locate.listing("input") == ["B.jpg", "a.png", "clip.mp4", "notes.txt", "photo.webp"]


def test_listings_see_new_files(tree: Path) -> None:
    assert "new.png" not in locate.listing("input")
    (tree / "input" / "new.png").write_bytes(b"")
    os.utime(tree / "input", (2, 2))
    assert "new.png" in locate.listing("input")


def test_listings_are_empty_outside_of_a_run() -> None:
    assert locate.listing("input", "image") == []


def test_names_are_shown_short_and_on_one_line() -> None:
    assert locate.shown("a\nb") == '"a?b"'
    assert len(locate.shown("x" * 999)) < 130
