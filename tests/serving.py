"""`python -m cozygen serve` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

START_SECONDS = 90.0


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without settings of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COZYGEN_")}
    return kept | dict(more or {})


def command(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command of ours, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cozygen", *arguments],
        cwd=cwd, env=clean_environment(env), capture_output=True, text=True, timeout=START_SECONDS,
    )  # fmt: skip


class Serving:
    """A studio; a context manager that leaves nothing running. Everything is in `folder`, the working directory."""

    def __init__(self, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._out, self._err = folder / "stdout.txt", folder / "stderr.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cozygen", "serve", "--data-dir", str(self.data), *options],
                cwd=folder, env=clean_environment(env), stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
        self._session = requests.Session()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def stdout(self) -> str:
        return self._out.read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self._err.read_text("utf-8", "replace")

    def url(self) -> str:
        """Its origin, once it is up."""
        wait_until(lambda: "Open http" in self.stdout or self.process.poll() is not None, START_SECONDS)
        found = re.search(r"Open (http://\S+)/cozygen/", self.stdout)
        assert found is not None, self.stdout + self.stderr
        return found[1]

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        response = self._session.request(method, self.url() + path, json=body, timeout=60)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def end(self, number: signal.Signals) -> int:
        """Tell it to stop; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def children(self) -> set[int]:
        """Processes that it has started, and those that they have."""
        return descendants(self.process.pid)


def descendants(pid: int) -> set[int]:
    """The processes below `pid` (Linux only)."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be noticed does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
