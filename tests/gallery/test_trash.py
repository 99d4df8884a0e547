from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import pytest

from cozygen.gallery.trash import TRASH_NAME, Doomed, Trash, valid_id
from cozygen.storage.paths import Root

DAY = 86_400.0


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def trash(tmp_path: Path, library: Path) -> Trash:
    return Trash(tmp_path / "data" / "trash", Root(library), days=30)


def make(library: Path, name: str, data: bytes = b"data") -> Doomed:
    path = library / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    folder, _, filename = name.rpartition("/")
    return Doomed(path, folder, filename)


def test_a_deleted_file_comes_back_as_it_was(trash: Trash, library: Path) -> None:
    doomed = make(library, "a/b/pic.png", b"pixels")
    os.utime(doomed.path, (1000.5, 1000.5))
    [trashed] = trash.put([doomed]).done
    assert not doomed.path.exists()
    assert (trashed.subfolder, trashed.filename, trashed.size, trashed.mtime) == ("a/b", "pic.png", 6, 1000.5)
    assert trash.items() == [trashed]
    [restored] = trash.restore({trashed.id}).done
    assert restored == trashed
    assert doomed.path.read_bytes() == b"pixels"
    assert doomed.path.stat().st_mtime == 1000.5
    assert trash.items() == []


def test_the_folder_is_made_again_when_it_is_gone(trash: Trash, library: Path) -> None:
    [trashed] = trash.put([make(library, "a/b/pic.png")]).done
    (library / "a" / "b").rmdir()
    (library / "a").rmdir()
    assert len(trash.restore({trashed.id}).done) == 1
    assert (library / "a" / "b" / "pic.png").is_file()


def test_a_taken_name_is_not_overwritten(trash: Trash, library: Path) -> None:
    first = trash.put([make(library, "pic.png", b"1")]).done[0]
    second = trash.put([make(library, "pic.png", b"2")]).done[0]
    make(library, "pic.png", b"3")
    assert [item.filename for item in trash.restore({first.id}).done] == ["pic (2).png"]
    assert [item.filename for item in trash.restore({second.id}).done] == ["pic (3).png"]
    assert (library / "pic.png").read_bytes() == b"3"
    assert (library / "pic (2).png").read_bytes() == b"1"
    assert (library / "pic (3).png").read_bytes() == b"2"


def test_the_latest_of_a_place_is_the_one_deleted_last(trash: Trash, library: Path) -> None:
    trash.put([make(library, "pic.png", b"1")])
    second = trash.put([make(library, "pic.png", b"22")]).done[0]
    trash.put([make(library, "a/pic.png", b"333")])
    assert trash.latest("", "pic.png") == second
    assert trash.latest("b", "pic.png") is None


def test_a_link_is_moved_and_what_it_leads_to_stays(trash: Trash, library: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious.png"
    target.write_bytes(b"x")
    (library / "link.png").symlink_to(target)
    assert len(trash.put([Doomed(library / "link.png", "", "link.png")]).done) == 1
    assert target.read_bytes() == b"x"
    assert not (library / "link.png").is_symlink()


def test_what_is_gone_is_neither_deleted_nor_an_error(trash: Trash, library: Path) -> None:
    outcome = trash.put([Doomed(library / "no.png", "", "no.png"), make(library, "yes.png")])
    assert [item.filename for item in outcome.done] == ["yes.png"]
    assert outcome.errors == []


def test_of_two_who_delete_the_same_file_one_gets_it(trash: Trash, library: Path) -> None:
    for _ in range(20):
        doomed = make(library, "pic.png")
        barrier = threading.Barrier(2)
        counts: list[int] = []

        def delete(doomed: Doomed = doomed, barrier: threading.Barrier = barrier, counts: list[int] = counts) -> None:
            barrier.wait()
            counts.append(len(trash.put([doomed]).done))

        threads = [threading.Thread(target=delete) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(counts) == [0, 1]


def test_many_are_kept_in_batches(trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.gallery.trash._BATCH", 10)
    outcome = trash.put([make(library, f"{number}.png") for number in range(25)])
    assert len(outcome.done) == 25
    assert len(list((trash._folders[0] / "info").iterdir())) == 3
    assert len(trash.items()) == 25
    assert len(trash.restore({item.id for item in outcome.done}).done) == 25
    assert list((trash._folders[0] / "info").iterdir()) == []


def test_a_file_that_the_disk_keeps_is_an_error_and_the_others_are_done(
    trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "stuck.png":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    outcome = trash.put([make(library, "stuck.png"), make(library, "a/ok.png")])
    assert [item.filename for item in outcome.done] == ["ok.png"]
    assert outcome.errors == ["stuck.png: Permission denied"]
    assert [item.filename for item in trash.items()] == ["ok.png"]


class TestAnotherDisk:
    """`rename` between disks fails with EXDEV."""

    @pytest.fixture(autouse=True)
    def _two_disks(self, monkeypatch: pytest.MonkeyPatch, library: Path, tmp_path: Path) -> None:
        rename, link = Path.rename, os.link

        def crosses(a: Path, b: Path) -> bool:
            return a.is_relative_to(library) != b.is_relative_to(library)

        def rename_or_refuse(self: Path, target: Path) -> Path:
            if crosses(self, target):
                raise OSError(errno.EXDEV, "cross-device link")
            return rename(self, target)

        def link_or_refuse(source: Path, target: Path, *, follow_symlinks: bool = True) -> None:
            if crosses(source, target):
                raise OSError(errno.EXDEV, "cross-device link")
            link(source, target, follow_symlinks=follow_symlinks)

        monkeypatch.setattr(Path, "rename", rename_or_refuse)
        monkeypatch.setattr(os, "link", link_or_refuse)

    def test_a_copy_is_made_and_comes_back(self, trash: Trash, library: Path) -> None:
        [trashed] = trash.put([make(library, "pic.png", b"pixels")]).done
        assert not (library / "pic.png").exists()
        assert len(trash.restore({trashed.id}).done) == 1
        assert (library / "pic.png").read_bytes() == b"pixels"
        assert [path.name for path in library.iterdir()] == ["pic.png"]

    def test_a_taken_name_is_not_overwritten(self, trash: Trash, library: Path) -> None:
        [trashed] = trash.put([make(library, "pic.png", b"1")]).done
        make(library, "pic.png", b"2")
        assert trash.restore({trashed.id}).done[0].filename == "pic (2).png"
        assert (library / "pic.png").read_bytes() == b"2"

    def test_a_full_disk_loses_nothing(self, trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*args: object, **options: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("shutil.copy2", full)
        outcome = trash.put([make(library, "pic.png", b"1")])
        assert outcome.errors == ["pic.png: No space left on device"]
        assert (library / "pic.png").read_bytes() == b"1"
        assert trash.items() == []


def test_the_trash_lies_on_the_disk_of_the_library(
    trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = make(library, "pic.png")
    real = Path.stat

    class Other:
        st_dev = -1

    monkeypatch.setattr(
        Path, "stat", lambda self, **options: Other() if self == trash._folders[0] else real(self, **options)
    )
    [trashed] = trash.put([doomed]).done
    monkeypatch.undo()
    assert (library / TRASH_NAME / "files" / trashed.id).is_file()
    assert trash.items() == [trashed]
    assert len(trash.restore({trashed.id}).done) == 1


class TestCrashes:
    """At each moment at which the power may go, `repair` leaves every file in one place."""

    def test_after_the_record_before_the_move(
        self, trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(source: Path, target: Path) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("cozygen.gallery.trash._move", die)
        with pytest.raises(KeyboardInterrupt):
            trash.put([make(library, "pic.png")])
        assert (library / "pic.png").is_file()
        assert trash.items() == []
        trash.repair()
        assert list((trash._folders[0] / "info").iterdir()) == []

    def test_in_the_middle_of_a_batch(self, trash: Trash, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from cozygen.gallery import trash as module

        move = module._move
        moved: list[Path] = []

        def die(source: Path, target: Path) -> None:
            if moved:
                raise KeyboardInterrupt
            move(source, target)
            moved.append(source)

        monkeypatch.setattr("cozygen.gallery.trash._move", die)
        with pytest.raises(KeyboardInterrupt):
            trash.put([make(library, "a.png"), make(library, "b.png")])
        trash.repair()
        assert [item.filename for item in trash.items()] == ["a.png"]
        assert (library / "b.png").is_file()
        assert [item.filename for item in trash.restore({item.id for item in trash.items()}).done] == ["a.png"]

    def test_between_the_two_halves_of_a_restore(self, trash: Trash, library: Path) -> None:
        [trashed] = trash.put([make(library, "pic.png")]).done
        os.link(trash._folders[0] / "files" / trashed.id, library / "pic.png")
        trash.repair()
        assert trash.items() == []
        assert (library / "pic.png").read_bytes() == b"data"

    def test_half_a_copy(self, trash: Trash, library: Path) -> None:
        trash.put([make(library, "pic.png")])
        (trash._folders[0] / "files" / "x.part").write_bytes(b"ha")
        trash.repair()
        assert len(trash.items()) == 1
        assert len(list((trash._folders[0] / "files").iterdir())) == 1


def test_a_damaged_record_hides_only_its_own_files(trash: Trash, library: Path) -> None:
    trash.put([make(library, "a.png")])
    record = next((trash._folders[0] / "info").iterdir())
    kept = trash.put([make(library, "b.png")]).done
    for damage in (b"{", b"[]", b'{"deleted_at": 1, "files": [{}]}', json.dumps({"deleted_at": "x"}).encode()):
        record.write_bytes(damage)
        assert trash.items() == kept


def test_a_record_cannot_lead_out_of_the_library(trash: Trash, library: Path, tmp_path: Path) -> None:
    [trashed] = trash.put([make(library, "a.png")]).done
    record = next((trash._folders[0] / "info").iterdir())
    record.write_bytes(record.read_bytes().replace(b'"subfolder": ""', b'"subfolder": "../evil"'))
    outcome = trash.restore({trashed.id})
    assert outcome.done == []
    assert outcome.errors == ["../evil/a.png: the path leaves its folder"]
    assert not (tmp_path / "evil").exists()


def test_old_files_go_and_young_ones_stay(trash: Trash, library: Path) -> None:
    [trashed] = trash.put([make(library, "a.png")]).done
    assert trash.expire(now=trashed.deleted_at + 29 * DAY) == 0
    assert trash.expire(now=trashed.deleted_at + 31 * DAY) == 1
    assert trash.items() == []
    assert list((trash._folders[0] / "info").iterdir()) == []


def test_with_0_days_they_stay_for_ever(tmp_path: Path, library: Path) -> None:
    trash = Trash(tmp_path / "trash", Root(library), days=0)
    [trashed] = trash.put([make(library, "a.png")]).done
    assert trash.expire(now=trashed.deleted_at + 9999 * DAY) == 0
    assert trash.items() == [trashed]


def test_purging_removes_what_is_named_or_all(trash: Trash, library: Path) -> None:
    done = trash.put([make(library, f"{name}.png") for name in "abc"]).done
    assert trash.purge({done[1].id, "0" * 32 + ".7"}) == 1
    assert {item.filename for item in trash.items()} == {"a.png", "c.png"}
    assert trash.purge() == 2
    assert trash.items() == []
    assert trash.restore({done[0].id}).done == []


def test_ids_look_like_ids() -> None:
    assert valid_id("0" * 32 + ".12")
    for text in ("", "x", "0" * 32, "0" * 32 + ".", "../" + "0" * 32 + ".1", "0" * 32 + ".1\n", "A" * 32 + ".1"):
        assert not valid_id(text)
