"""A host for nodes that writes down what it is told, and fixtures with it for the tests of all nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cozygen.nodes import host as host_module
from cozygen.nodes.host import Directory, Interrupted


class RecordingHost:
    """Folders below one folder; `events` and `steps` in order; `stop_at` is the step at which the prompt is cancelled."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.steps: list[tuple[int, int]] = []
        self.stop_at: int | None = None
        for name in ("input", "output", "temp"):
            (base / name).mkdir()

    def directory(self, kind: Directory) -> Path:
        return self.base / kind

    def progress(self, value: int, total: int, preview: np.ndarray[Any, Any] | None = None) -> None:
        self.steps.append((value, total))
        if self.stop_at is not None and value >= self.stop_at:
            raise Interrupted

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        self.events.append((event, dict(data)))

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        return np.asarray(tensor, dtype=np.float32)

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        return np.ascontiguousarray(array, dtype=np.float32)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[RecordingHost]:
    """The host of the nodes in this test."""
    recording = RecordingHost(tmp_path)
    token = host_module._current.set(recording)
    yield recording
    host_module._current.reset(token)


@pytest.fixture
def files(host: RecordingHost) -> Any:
    """The visible files in the output folder, and the hidden ones."""

    def listed() -> tuple[list[str], list[str]]:
        paths = [path for path in (host.base / "output").rglob("*") if path.is_file()]
        names = sorted(path.relative_to(host.base / "output").as_posix() for path in paths)
        hidden = [name for name in names if name.rpartition("/")[2].startswith(".")]
        return [name for name in names if name not in hidden], hidden

    return listed
