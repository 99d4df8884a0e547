"""Indexing from the command line, and comparing the index with the disk."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from cozygen import cli
from cozygen.gallery.check import NoIndex, check
from cozygen.storage.paths import Root
from tests.gallery.metadata.makers import png


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "data/output"
    for name in ("a/1.png", "a/b/2.png", "3.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png({"parameters": "a fox\nSteps: 20"}))
    return folder


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli.app, ["index", "--data-dir", str(tmp_path / "data"), *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )


def test_a_library_is_indexed_and_agrees(tmp_path: Path, out: Path) -> None:
    assert "`cozygen index` makes one" in run(tmp_path, "--check").output
    result = run(tmp_path)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "3 files in 3 folders are indexed.")
    with closing(sqlite3.connect(tmp_path / "data/index.db")) as index:
        assert index.execute("SELECT count(*) FROM meta WHERE positive = 'a fox'").fetchone() == (3,)
    result = run(tmp_path, "--check")
    assert result.exit_code == 0
    assert result.output.splitlines()[-2:] == ["3 files in 3 folders were compared with the index.", "They agree."]
    assert run(tmp_path).exit_code == 0


def test_what_differs_is_named(tmp_path: Path, out: Path) -> None:
    assert run(tmp_path).exit_code == 0
    (out / "new").mkdir()
    (out / "new/4.png").write_bytes(b"x")
    (out / "a/1.png").unlink()
    (out / "3.png").write_bytes(b"another")
    (out / "a/b/2.png").rename(out / "2.png")
    (out / "a/b").rmdir()
    found = check(tmp_path / "data/index.db", Root(out))
    assert sorted(found.missing) == ["2.png", "new/4.png"]
    assert sorted(found.gone) == ["a/1.png", "a/b/2.png"]
    assert found.changed == ["3.png"]
    result = run(tmp_path, "--check")
    assert result.exit_code == 1
    assert "changed since they were indexed: 1\n  3.png" in result.output
    assert run(tmp_path).exit_code == 0
    assert run(tmp_path, "--check").exit_code == 0


def test_files_that_nobody_read_yet_count(tmp_path: Path, out: Path) -> None:
    assert run(tmp_path).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "data/index.db")) as index, index:
        index.execute("UPDATE files SET state = 0 WHERE name = '3.png'")
    result = run(tmp_path, "--check")
    assert (result.exit_code, "not read yet: 1" in result.output) == (1, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_cannot_be_read_is_no_difference(tmp_path: Path, out: Path) -> None:
    assert run(tmp_path).exit_code == 0
    (out / "a").chmod(0)
    found = check(tmp_path / "data/index.db", Root(out))
    (out / "a").chmod(0o700)
    assert not found.agree


def test_an_index_that_cannot_be_read_is_no_index(tmp_path: Path, out: Path) -> None:
    index = tmp_path / "data/index.db"
    index.write_bytes(b"no database, but long enough to look at" * 100)
    with pytest.raises(NoIndex, match="cannot be read"):
        check(index, Root(out))
    index.unlink()
    with closing(sqlite3.connect(index)) as other:
        other.execute("PRAGMA user_version = 1")
    with pytest.raises(NoIndex, match="another version"):
        check(index, Root(out))
    assert "another version" in run(tmp_path, "--check").output


def test_a_running_studio_keeps_its_own_index(tmp_path: Path, out: Path) -> None:
    with FileLock(tmp_path / "data/studio.lock"):
        result = run(tmp_path)
    assert (result.exit_code, "A studio is running" in result.output) == (3, True)


def test_all_libraries_are_indexed_or_one(tmp_path: Path, out: Path) -> None:
    pics = tmp_path / "pics"
    pics.mkdir()
    (pics / "1.png").write_bytes(png({}))
    options = ("--library-dir", f"pics={pics}", "--library-dir", f"usb={tmp_path / 'nowhere'}")
    result = run(tmp_path, "--root", "pics", *options)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "pics: 1 files in 1 folders are indexed.")
    assert not (tmp_path / "data/index.db").exists()
    result = run(tmp_path, *options)
    assert result.exit_code == 0
    said = result.output.splitlines()
    assert said[-1] == "3 files in 3 folders are indexed."
    assert any(line.startswith("input: ") for line in said)
    assert any(line.startswith("usb: ") and "is not there" in line for line in said)
    result = run(tmp_path, "--check", *options)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "They agree.")
    (pics / "2.png").write_bytes(b"x")
    result = run(tmp_path, "--check", *options)
    assert (result.exit_code, "pics: not in the index: 1\n  2.png" in result.output) == (1, True)
    assert run(tmp_path, "--check", "--root", "output", *options).exit_code == 0
    assert check(tmp_path / "data/index-pics.db", Root(pics), name="pics").missing == ["2.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--root", "nowhere"), "--root: there is no library called nowhere"),
        (("--library-dir", "pics"), "--library-dir: 'pics' is not name=path"),
        (("--library-dir", "a=x", "--library-dir", "a=y"), "--library-dir: a is named twice"),
        (("--library-dir", "Output=x"), "--library-dir / COZYGEN_LIBRARY_DIRS: 'Output' is no name of a library"),
    ],
)
def test_a_library_that_is_none_is_named(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = run(tmp_path, *options)
    assert (result.exit_code, said in result.output) == (2, True)
    assert "Traceback" not in result.output
