"""News from the file system as it happens, where the system gives any."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from watchfiles import watch

log = logging.getLogger(__name__)

_DEBOUNCE_MS, _STEP_MS, _TIMEOUT_MS = 100, 10, 100
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_NETWORK = frozenset(
    {"9p", "afpfs", "afs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
    | {"glusterfs", "lustre", "macfuse", "ncpfs", "nfs", "nfs4", "osxfuse", "smb3", "smbfs", "vboxsf", "virtiofs"}
    | {"webdav"}
)


class Watcher:
    """Calls `on_paths` with the absolute paths at which something happened, on a thread of its own.

    Paths begin with the real path of `folder`. Events may be missed (a full queue, a folder that filled before it was
    watched), so somebody has to look around from time to time; `live` tells whether anything is heard at all, and
    `on_live` when that begins.
    """

    def __init__(
        self, folder: Path, on_paths: Callable[[Collection[str]], None], on_live: Callable[[], None] = lambda: None
    ) -> None:
        self.folder = folder
        self.live = False
        self._on_paths = on_paths
        self._on_live = on_live
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gallery-watch", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop. Blocking, for a moment."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if _identity(self.folder) is None:  # a drive that is not plugged in, which may be one of another machine
                self._stop.wait(_LOOK_SECONDS)
                continue
            if is_network_drive(self.folder):
                log.info("%s is on a network drive: it is looked at every now and then", self.folder)
                return
            try:
                self._listen()
                continue
            except Exception as error:  # whatever the system objects to, the library is looked at regularly instead
                log.warning("the system does not tell about changes in %s: %s", self.folder, error)
            finally:
                self.live = False
            self._stop.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        """Pass on events until the folder is exchanged for another, or `stop`."""
        real = os.path.realpath(self.folder)
        identity = _identity(real)
        if identity is None:
            self._stop.wait(1.0)
            return
        looked = time.monotonic()
        for changes in watch(
            real,
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=_TIMEOUT_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            if not self.live:
                self.live = True
                self._on_live()
            if changes:
                self._on_paths({path for _, path in changes})
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                if _identity(self.folder) != identity:
                    self._on_paths([real])
                    return


def _identity(path: Path | str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 -- a str or a Path
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_network_drive(folder: Path) -> bool:
    """Whether `folder` is on another machine's disk, whose changes the system does not tell of. Blocking."""
    real = os.path.realpath(folder)
    try:
        if sys.platform == "win32":
            import ctypes

            return (
                real.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(os.path.splitdrive(real)[0] + "\\") == 4
            )
        if sys.platform == "darwin":
            listed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=True).stdout
            return file_system(real, mac_mounts(listed)) in _NETWORK
        return file_system(real, linux_mounts(Path("/proc/self/mountinfo").read_text(errors="replace"))) in _NETWORK
    except (OSError, subprocess.SubprocessError):
        return False


def file_system(path: str, mounts: Iterable[tuple[str, str]]) -> str:
    """The type of the file system that `path` is on, of (mount point, type) pairs; empty when none fits."""
    best, kind = "", ""
    for point, candidate in mounts:
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, candidate
    return kind


def linux_mounts(text: str) -> Iterable[tuple[str, str]]:
    """The pairs of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)): mount point and file system type."""
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) > 4 and after:
            point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
            yield point, after.split(" ")[0]


def mac_mounts(text: str) -> Iterable[tuple[str, str]]:
    """The pairs in the output of macOS's ``mount``: ``//me@host/share on /Volumes/share (smbfs, nodev, ...)``."""
    for line in text.splitlines():
        head, separator, options = line.rpartition(" (")
        _, on, point = head.partition(" on ")
        if separator and on:
            yield point, options.rstrip(")").split(",")[0].strip()
