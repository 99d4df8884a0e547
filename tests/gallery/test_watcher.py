from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from cozygen.gallery import watcher
from cozygen.gallery.watcher import Watcher, file_system, is_network_drive, linux_mounts, mac_mounts

MOUNTINFO = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /mnt/my\040share rw,relatime shared:2 - cifs //server/share rw,vers=3.1.1
31 22 0:27 /sub /mnt/nfs rw master:1 propagate_from:2 - nfs4 10.0.0.2:/export rw
32 30 8:1 / /mnt/my\040share/local rw - ext4 /dev/sda1 rw
broken line
"""

MOUNT = """/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
//me@nas._smb._tcp.local/Pictures on /Volumes/Pic (tures) (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", "ext4"),
        ("/mnt/my share", "cifs"),
        ("/mnt/my share/a", "cifs"),
        ("/mnt/my share/local/a", "ext4"),
        ("/mnt/my shared", "ext4"),
        ("/mnt/nfs/x", "nfs4"),
    ],
)
def test_the_innermost_mount_counts_on_linux(path: str, kind: str) -> None:
    assert file_system(path, linux_mounts(MOUNTINFO)) == kind


def test_mounts_on_macos() -> None:
    mounts = list(mac_mounts(MOUNT))
    assert file_system("/Volumes/Pic (tures)/out", mounts) == "smbfs"
    assert file_system("/Users/me", mounts) == "apfs"
    assert file_system("/Users/me", []) == ""


def test_this_disk_is_no_network_drive(tmp_path: Path) -> None:
    assert not is_network_drive(tmp_path)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


class Heard:
    """What a watcher says."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.live = threading.Event()

    def add(self, paths: Collection[str]) -> None:
        self.paths |= set(paths)


def test_it_hears_of_files_and_of_new_folders(tmp_path: Path) -> None:
    heard = Heard()
    listening = Watcher(tmp_path, heard.add, heard.live.set)
    listening.start()
    try:
        assert heard.live.wait(10)
        (tmp_path / "a.png").write_bytes(b"x")
        (tmp_path / "new").mkdir()
        wait_for(lambda: {str(tmp_path / "a.png"), str(tmp_path / "new")} <= heard.paths)
    finally:
        listening.stop()
    assert not listening.live


def test_it_listens_again_when_the_folder_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_LOOK_SECONDS", 0.05)
    folder = tmp_path / "out"
    folder.mkdir()
    heard = Heard()
    listening = Watcher(folder, heard.add, heard.live.set)
    listening.start()
    try:
        assert heard.live.wait(10)
        heard.live.clear()
        folder.rename(tmp_path / "old")
        wait_for(lambda: not listening.live)
        folder.mkdir()
        assert heard.live.wait(10)
        (folder / "a.png").write_bytes(b"x")
        wait_for(lambda: str(folder / "a.png") in heard.paths)
    finally:
        listening.stop()


def test_it_hears_through_a_linked_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    heard = Heard()
    listening = Watcher(tmp_path / "link", heard.add, heard.live.set)
    listening.start()
    try:
        assert heard.live.wait(10)
        (tmp_path / "link" / "a.png").write_bytes(b"x")
        wait_for(lambda: os.path.realpath(tmp_path / "real" / "a.png") in heard.paths)
    finally:
        listening.stop()


def test_without_the_systems_help_it_is_not_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def refuse(*paths: object, **options: object) -> None:
        tried.set()
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watcher, "watch", refuse)
    heard = Heard()
    listening = Watcher(tmp_path, heard.add, heard.live.set)
    listening.start()
    assert tried.wait(10)
    listening.stop()
    assert not heard.live.is_set()


def test_a_network_drive_is_not_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "is_network_drive", lambda folder: True)
    heard = Heard()
    listening = Watcher(tmp_path, heard.add, heard.live.set)
    listening.start()
    listening._thread.join(10)
    assert not heard.live.is_set()
    listening.stop()
