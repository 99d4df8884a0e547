from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.nodes import saving
from cozygen.nodes.host import Interrupted, set_host
from cozygen.nodes.locate import FileRefused

NOON = time.struct_time((2026, 3, 7, 12, 5, 9, 5, 66, 0))


def fill(path: Path) -> None:
    path.write_bytes(b"data")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("prefix", "expanded"),
    [
        ("a", "a"),
        ("%width%x%height%", "640x480"),
        ("%year%-%month%-%day% %hour%.%minute%.%second%", "2026-03-07 12.05.09"),
        ("%date:yyyy-MM-dd%/x", "2026-03-07/x"),
        ("%date:yy M d h m s%", "26 3 7 12 5 9"),
        ("%date:hhmmss%", "120509"),
        ("%date%", "2026-03-07"),
        ("100%", "100%"),
        ("%unknown%", "%unknown%"),
        ("%batch_num%", "%batch_num%"),
    ],
)
def test_prefixes_have_variables(prefix: str, expanded: str) -> None:
    assert saving.expand(prefix, 640, 480, NOON) == expanded


@given(st.text())
def test_any_prefix_can_be_expanded(prefix: str) -> None:
    expanded = saving.expand(prefix, 1, 2, NOON)
    assert expanded == prefix if "%" not in prefix else isinstance(expanded, str)


def test_the_counter_starts_at_one_and_goes_on(host: Any) -> None:
    first = saving.series("output", "pics/a", 1, 1)
    assert [first.save("png", fill)["filename"] for _ in range(2)] == ["a_00001_.png", "a_00002_.png"]
    assert saving.series("output", "pics/a", 1, 1).save("mp4", fill) == {
        "filename": "a_00003_.mp4",
        "subfolder": "pics",
        "type": "output",
    }


@pytest.mark.parametrize(
    ("present", "following"),
    [
        (["a_00001_.png", "a_00002_.png", "a_00005_.png"], 6),
        (["a_00007_.webm"], 8),
        (["ab_00007_.png", "A_x_.png", "a.png", "a_.png", "a__00009_.png"], 1),
        (["a_12_extra.png"], 13),
        (["a_99999_.png"], 100000),
        (["a_b_00004_.png"], 1),
        ([f"a_{'9' * 40}_.png"], 1),
    ],
)
def test_the_counter_follows_the_highest_in_the_folder(host: Any, present: list[str], following: int) -> None:
    for name in present:
        fill(host.base / "output" / name)
    saved = saving.series("output", "a", 1, 1).save("png", fill)
    assert saved["filename"] == f"a_{following:05}_.png"


def test_a_prefix_with_special_characters_is_taken_literally(host: Any) -> None:
    fill(host.base / "output" / "a[1]*_00003_.png")
    assert saving.series("output", "a[1]*", 1, 1).save("png", fill)["filename"] == "a[1]*_00004_.png"


def test_the_batch_number_goes_into_the_name(host: Any) -> None:
    series = saving.series("output", "b%batch_num%", 1, 1)
    assert [series.save("png", fill, number)["filename"] for number in range(2)] == ["b0_00001_.png", "b1_00002_.png"]
    again = saving.series("output", "b%batch_num%", 1, 1)
    assert [again.save("png", fill, number)["filename"] for number in range(2)] == ["b0_00002_.png", "b1_00003_.png"]


def test_concurrent_saves_take_different_names(host: Any) -> None:
    def save(number: int) -> str:
        set_host(host)

        def write(path: Path) -> None:
            path.write_text(str(number))

        return saving.series("output", "c", 1, 1).save("png", write)["filename"]

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda number: copy_context().run(save, number), range(40)))
    folder = host.base / "output"
    assert len(set(saved)) == 40
    assert sorted(saved) == names(folder)
    assert [(folder / name).read_text() for name in saved] == [str(number) for number in range(40)]


def test_a_name_taken_in_the_meantime_is_passed_over(host: Any) -> None:
    series = saving.series("output", "a", 1, 1)
    series.save("png", fill)
    fill(host.base / "output" / "a_00002_.png")
    assert series.save("png", fill)["filename"] == "a_00003_.png"


@pytest.mark.parametrize("failure", [Interrupted(), RuntimeError("no"), MemoryError()])
def test_what_fails_leaves_nothing_behind(host: Any, files: Any, failure: Exception) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"half")
        assert path.name.startswith(".")
        raise failure

    with pytest.raises(type(failure)):
        saving.series("output", "a", 1, 1).save("png", write)
    assert files() == ([], [])


def test_a_full_disk_is_said_without_a_path(host: Any, files: Any) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with pytest.raises(FileRefused, match="No space left on device") as caught:
        saving.series("output", "a", 1, 1).save("png", write)
    assert str(host.base) not in str(caught.value)
    assert files() == ([], [])


def test_file_systems_without_links_work_too(host: Any, files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.EPERM, "not here")

    monkeypatch.setattr(os, "link", no_links)
    fill(host.base / "output" / "a_00001_.png")
    series = saving.series("output", "a", 1, 1)
    assert series.save("png", fill)["filename"] == "a_00002_.png"
    fill(host.base / "output" / "a_00003_.png")
    assert series.save("png", fill)["filename"] == "a_00004_.png"
    assert files()[1] == []


HOSTILE = [
    "../x",
    "..",
    "a/../../x",
    "/etc/x",
    "//server/share",
    "\\\\server\\share",
    "..\\x",
    "C:\\x",
    "c:x",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "x" * 300,
    "d" * 300 + "/x",
    "\ud800",
]


@pytest.mark.parametrize("prefix", HOSTILE)
def test_hostile_prefixes_are_refused(host: Any, files: Any, prefix: str) -> None:
    with pytest.raises(FileRefused) as caught:
        saving.series("output", prefix, 1, 1).save("png", fill)
    assert str(host.base) not in str(caught.value)
    str(caught.value).encode()
    assert files() == ([], [])
    assert names(host.base) == ["input", "output", "temp"]


@pytest.mark.parametrize(
    ("prefix", "subfolder", "filename"),
    [
        ("a/../b", "", "b_00001_.png"),
        ("./a//b/", "a", "b_00001_.png"),
        ("a\\b\\c", "a/b", "c_00001_.png"),
        ("", "", "ComfyUI_00001_.png"),
        ("a/..", "", "ComfyUI_00001_.png"),
        ("...", "", "..._00001_.png"),
        ("ä/ü", "ä", "ü_00001_.png"),
    ],
)
def test_odd_prefixes_stay_inside(host: Any, prefix: str, subfolder: str, filename: str) -> None:
    saved = saving.series("output", prefix, 1, 1).save("png", fill)
    assert (saved["subfolder"], saved["filename"]) == (subfolder, filename)
    assert (host.base / "output" / subfolder / filename).is_file()


def test_links_out_of_the_folder_are_refused(host: Any) -> None:
    (host.base / "output" / "out").symlink_to(host.base / "input")
    with pytest.raises(FileRefused, match="leads out"):
        saving.series("output", "out/x", 1, 1)
    (host.base / "output" / "loop").symlink_to("loop")
    with pytest.raises(FileRefused):
        saving.series("output", "loop/x", 1, 1)
    assert names(host.base / "input") == []


def test_a_folder_that_is_a_file_is_said(host: Any) -> None:
    fill(host.base / "output" / "a")
    with pytest.raises(FileRefused, match='"a" cannot be made'):
        saving.series("output", "a/x", 1, 1)


@given(st.text(max_size=30))
def test_every_prefix_is_inside_or_refused(tmp_path_factory: pytest.TempPathFactory, prefix: str) -> None:
    base = tmp_path_factory.mktemp("any", numbered=True)

    class Folders:
        def directory(self, kind: str) -> Path:
            folder = base / kind
            folder.mkdir(exist_ok=True)
            return folder

    def run() -> None:
        set_host(Folders())  # type: ignore[arg-type]  # the only service that is asked for
        try:
            saved = saving.series("output", prefix, 1, 1).save("png", fill)
        except FileRefused:
            return
        assert (base / "output" / saved["subfolder"] / saved["filename"]).is_file()

    copy_context().run(run)
    assert names(base) in ([], ["output"])
