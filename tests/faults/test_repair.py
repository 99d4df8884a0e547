"""What a crash can leave behind, one thing at a time: it is repaired by the next start."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from cozygen.gallery import files, service
from cozygen.gallery.check import check
from cozygen.gallery.scan import read_folder
from cozygen.gallery.trash import Doomed, Trash
from cozygen.storage.paths import Root, sweep_temporaries
from cozygen.web.services import SERVICES
from tests.api.conftest import MakeStudio
from tests.faults.scene import LIST, MARKS, MOVE
from tests.faults.test_disk import ask, names, put

LEFTOVER = f".cozygen-{'0' * 16}.tmp"


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def bin(data_dir: Path, out: Path) -> Trash:
    return Trash(data_dir / "trash", Root(out), days=30)


def doom(out: Path, name: str, data: bytes = b"x") -> Doomed:
    return Doomed(put(out, name, data), "", name)


# The trash


def test_a_file_that_was_being_restored_under_another_name(bin: Trash, out: Path, data_dir: Path) -> None:
    [trashed] = bin.put([doom(out, "fox.png", b"old")]).done
    put(out, "fox.png", b"new")
    put(out, "fox (2).png", b"newer")
    os.link(data_dir / "trash/files" / trashed.id, out / "fox (3).png")
    bin.repair()
    assert bin.items() == [] and list((data_dir / "trash/info").iterdir()) == []
    assert (out / "fox (3).png").read_bytes() == b"old" and (out / "fox (3).png").stat().st_nlink == 1


def test_a_copy_from_or_to_another_disk(bin: Trash, out: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was copied, and what it was copied from was not removed."""
    same, other = bin.put([doom(out, "same.png", b"same"), doom(out, "other.png", b"1")]).done
    for trashed, data in ((same, b"same"), (other, b"2")):
        copy = put(out, trashed.filename, data)
        os.utime(copy, ns=(1, (data_dir / "trash/files" / trashed.id).stat().st_mtime_ns))
    bin.repair()
    assert len(bin.items()) == 2, "on one disk nothing is copied: these are others, and stay"
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        status = real(path)
        return (
            status if path.is_relative_to(out) else os.stat_result((*status[:2], -1, *status[3:]), status_times(status))
        )

    monkeypatch.setattr(Path, "lstat", lstat)
    bin.repair()
    assert [item.filename for item in bin.items()] == ["other.png"]
    assert (out / "same.png").read_bytes() == b"same"


def status_times(status: os.stat_result) -> dict[str, int]:
    return {"st_mtime_ns": status.st_mtime_ns}


def test_a_record_that_was_half_written(bin: Trash, out: Path, data_dir: Path) -> None:
    bin.put([doom(out, "fox.png")])
    (data_dir / "trash/info" / LEFTOVER).write_bytes(b'{"vers')
    bin.repair()
    assert len(bin.items()) == 1 and len(list((data_dir / "trash/info").iterdir())) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES, errno.ENOENT])
def test_a_disk_that_does_not_tell_what_is_in_the_trash(
    bin: Trash, out: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The records, without which nobody knows where the files belong, are kept."""
    bin.put([doom(out, "fox.png")])
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        if path.name == "files":
            raise OSError(number, os.strerror(number))
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    bin.repair()
    assert bin.purge() == 0
    monkeypatch.undo()
    [kept] = bin.items()
    assert bin.restore({kept.id}).done == [kept] and (out / "fox.png").exists()


def test_what_cannot_be_removed_stays_in_the_trash(bin: Trash, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin.put([doom(out, "1.png"), doom(out, "stuck.png"), doom(out, "3.png")])
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith(".1"):
            raise PermissionError(errno.EACCES, "Permission denied")
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert bin.purge() == 2
    assert [item.filename for item in bin.items()] == ["stuck.png"]


# Moves between disks


def test_a_place_that_is_taken_while_a_file_is_copied_there(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(out, "mine.png", b"mine")
    target = put(out, "disk/other.png").with_name("fox.png")
    real_copy, real_link = shutil.copy2, os.link

    def copy(one: Path, other: Path, **options: bool) -> None:
        real_copy(one, other, **options)
        target.write_bytes(b"theirs")

    def link(one: Path, other: Path, **options: bool) -> None:
        if one.parent != other.parent:
            raise OSError(errno.EXDEV, "cross-device link")
        real_link(one, other, **options)

    monkeypatch.setattr(shutil, "copy2", copy)
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(FileExistsError):
        files.put_at(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"mine", b"theirs")
    assert sorted(path.name for path in target.parent.iterdir()) == ["fox.png", "other.png"]


# Temporary files and folders


def test_folders_of_which_a_copy_was_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / LEFTOVER / "deep"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"x")
    os.utime(tmp_path / LEFTOVER, (1, 1))
    assert sweep_temporaries(tmp_path) == 0, "it has the times of what it is a copy of"
    now = time.time()
    monkeypatch.setattr("cozygen.storage.paths.time.time", lambda: now + 20 * 3600)
    assert sweep_temporaries(tmp_path) == 0, "a large one takes long"
    monkeypatch.setattr("cozygen.storage.paths.time.time", lambda: now + 26 * 3600)
    assert sweep_temporaries(tmp_path) == 1 and list(tmp_path.iterdir()) == []


async def test_they_are_swept_as_soon_as_they_are_old(
    studio: MakeStudio, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the studio ran for a moment only while they were young."""
    put(out, "a/b/1.png")
    leftover = put(out, f"a/b/{LEFTOVER}")
    for _ in range(2):
        client = await studio()
        assert await names(client) == ["1.png"]
        assert await names(client, "recursive=1&show_hidden=1") == ["1.png"]
        await client.close()
    assert leftover.exists()
    os.utime(leftover, (1, 1))
    client = await studio()
    async with asyncio.timeout(30):
        while leftover.exists():
            await asyncio.sleep(0.02)
    monkeypatch.setattr(service, "_HOUR", 0.05)
    await client.close()
    client = await studio()
    await names(client)
    os.utime(put(out, f"a/b/{LEFTOVER}"), (1, 1))
    async with asyncio.timeout(30):
        while leftover.exists():
            await names(client)
            await asyncio.sleep(0.02)


# Moves that were interrupted while the drive was away


async def test_a_move_is_not_given_up_where_a_folder_stands_in_for_the_drive(
    studio: MakeStudio, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(out, "1.png", b"one")
    (out / "b").mkdir()
    client = await studio()
    body = {"items": [{"filename": "1.png"}], "set": {"rating": 5}}
    await ask(client, MARKS, body)

    async def killed(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    organiser = client.app[SERVICES].organiser
    monkeypatch.setattr(organiser, "_finish", killed)
    with pytest.raises(asyncio.CancelledError):
        await organiser.move("default", service.Selection([("", "1.png")]), [], "b", "rename")
    monkeypatch.undo()
    await client.close()
    away = out.with_name("away")
    out.rename(away)
    client = await studio()  # which makes the folder anew
    await names(client)
    await client.close()
    out.rmdir()
    away.rename(out)
    client = await studio()
    with client.app[SERVICES].database.engine.connect() as connection:
        steps = connection.exec_driver_sql("SELECT pending, data FROM undo_steps WHERE kind = 'files'").fetchall()
    assert [pending for pending, _ in steps] == [0] and "b" in steps[0][1]
    assert (await ask(client, f"{LIST}?recursive=1&q=rating:5"))["items"][0]["subfolder"] == "b"
    assert (await client.post(MOVE, json={"items": body["items"], "to": "b"})).status == 404


# What may not be looked at


def test_a_reading_says_that_it_was_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "1.png")
    (tmp_path / "link.png").symlink_to("1.png")

    def reading(*, follow: bool) -> tuple[list[str], bool]:
        found = read_folder(tmp_path, follow_symlinks=follow)
        assert found is not None
        return sorted(found.files), found.denied

    assert reading(follow=True) == (["1.png", "link.png"], False)
    real = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str], wanted: str) -> None:
            self._entry, self._wanted = entry, wanted

        def __getattr__(self, name: str) -> object:
            return getattr(self._entry, name)

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            if self._entry.name == self._wanted:
                raise PermissionError(errno.EACCES, "Permission denied")
            return self._entry.stat(follow_symlinks=follow_symlinks)

    class Entries(list[Entry]):
        def __enter__(self) -> Entries:
            return self

        def __exit__(self, *_: object) -> None: ...

    for wanted, result in (("link.png", (["1.png"], False)), ("1.png", (["link.png"], True))):
        with real(tmp_path) as entries:
            found = Entries(Entry(entry, wanted) for entry in entries)
        monkeypatch.setattr(os, "scandir", lambda path, found=found: found)
        assert reading(follow=True) == result
        monkeypatch.undo()


async def test_a_check_does_not_take_for_gone_what_it_may_not_see(
    studio: MakeStudio, out: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(out, "a/deep/1.png")
    put(out, "b/2.png")
    client = await studio()
    await names(client)
    await client.close()
    real = os.scandir

    def refuse(path: Path | str) -> object:
        if str(path).endswith("/a"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = check(data_dir / "index.db", Root(out))
    assert (found.gone, found.unreachable, found.files) == ([], ["a"], 1)
    monkeypatch.undo()
    (out / "a/1.png").write_bytes(b"x")
    client = await studio()
    await names(client)
    await client.close()
    (out / "denied").mkdir()
    monkeypatch.setattr(os, "scandir", lambda path: refuse(str(path).replace("/denied", "/a")))
    found = check(data_dir / "index.db", Root(out))
    assert (found.gone, found.unreachable, found.files) == ([], ["a"], 1), "of one that was never seen nothing is said"
    monkeypatch.undo()
    out.rename(out.with_name("away"))
    found = check(data_dir / "index.db", Root(out))
    assert (found.gone, found.unreachable, found.files, found.agree) == ([], [""], 0, False)
