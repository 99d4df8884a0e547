"""`cozygen dedupe`, with real files and real decoders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image
from typer.testing import CliRunner, Result

from cozygen import cli
from cozygen.dedupe import amount
from tests.media.samples import encoded, photo


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine that the tests run on."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COZYGEN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "output"
    folder.mkdir(parents=True)
    return folder


def put(out: Path, name: str, mtime: float, data: bytes) -> None:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))


def dedupe(tmp_path: Path, *options: str, input: str | None = None) -> Result:
    arguments = ["dedupe", "--data-dir", str(tmp_path / "data"), *options]
    return CliRunner().invoke(cli.app, arguments, input=input, env={"COLUMNS": "200", "NO_COLOR": "1"})


def found(tmp_path: Path, *options: str) -> dict[str, Any]:
    result = dedupe(tmp_path, "--json", *options)
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def fill(out: Path) -> bytes:
    picture = photo()
    data = encoded(picture, "PNG")
    put(out, "a/late.png", 1_700_000_200, data)
    put(out, "early.png", 1_700_000_100, data)
    put(out, "small.jpg", 1_700_000_000, encoded(picture.resize((160, 120), Image.Resampling.LANCZOS), "JPEG"))
    put(out, "other.png", 1_700_000_000, encoded(photo(seed=2), "PNG"))
    return data


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_report(tmp_path: Path, out: Path) -> None:
    data = fill(out)
    report = found(tmp_path)
    [group] = report["groups"]
    assert [file["path"] for file in group["files"]] == ["early.png", "a/late.png", "small.jpg"]
    assert [file["copy_of"] for file in group["files"]] == [None, 0, None]
    assert group["exact"] is False and group["spare"] == report["spare"] == len(data)
    assert (report["files"], report["unseen"], report["trashed"], report["errors"]) == (4, 0, None, [])
    assert found(tmp_path, "--distance", "0")["spare"] == len(data)
    text = dedupe(tmp_path).stdout
    assert "1. 3 files, alike" in text and "copy" in text and "best" in text and "early.png" in text
    assert f"{amount(len(data))} are freed without the 1 copies" in text
    assert "other.png" not in text
    assert len(files_in(out)) == 4


def test_copies_go_to_the_trash_and_nothing_else_does(tmp_path: Path, out: Path) -> None:
    fill(out)
    assert dedupe(tmp_path, "--trash", input="n\n").exit_code == 0
    assert len(files_in(out)) == 4
    report = found(tmp_path, "--trash", "--yes")
    assert report["trashed"] == ["a/late.png"]
    assert files_in(out) == {"early.png", "small.jpg", "other.png"}
    assert found(tmp_path, "--trash", "--yes")["trashed"] == []
    assert len([name for name in files_in(tmp_path / "data" / "trash") if name.startswith("files/")]) == 1


def test_links_to_one_file_are_no_copies(tmp_path: Path, out: Path) -> None:
    put(out, "1.png", 1_700_000_000, encoded(photo(), "PNG"))
    os.link(out / "1.png", out / "2.png")
    assert found(tmp_path, "--trash", "--yes")["trashed"] == []
    assert files_in(out) == {"1.png", "2.png"}


def test_what_only_seems_to_be_the_same_stays(tmp_path: Path, out: Path) -> None:
    sound = bytearray(b"ID3" + bytes(400_000))
    put(out, "1.mp3", 1_700_000_000, bytes(sound))
    sound[20_000] = 1  # between the samples that are compared at first
    put(out, "2.mp3", 1_700_000_000, bytes(sound))
    report = found(tmp_path, "--trash", "--yes")
    assert len(report["groups"]) == 1 and report["trashed"] == []
    assert files_in(out) == {"1.mp3", "2.mp3"}


def test_nothing_to_find(tmp_path: Path, out: Path) -> None:
    put(out, "1.png", 1_700_000_000, encoded(photo(), "PNG"))
    result = dedupe(tmp_path)
    assert result.exit_code == 0 and result.stdout.strip() == "No duplicates among 1 files."


def test_a_running_studio_is_left_alone(tmp_path: Path, out: Path) -> None:
    with FileLock(tmp_path / "data" / "studio.lock"):
        result = dedupe(tmp_path)
    assert result.exit_code == 3 and "A studio is running" in result.stderr


def test_a_library_that_there_is_none_of(tmp_path: Path, out: Path) -> None:
    assert dedupe(tmp_path, "--root", "none").exit_code == 2
    gone = tmp_path / "gone"
    result = dedupe(tmp_path, "--root", "nas", "--library-dir", f"nas={gone}")
    assert result.exit_code == 1 and f"{gone} is not there" in result.stderr


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (123_456, "123 kB"), (2.5e12, "2.5 TB")]
)
def test_amounts(size: float, text: str) -> None:
    assert amount(size) == text
