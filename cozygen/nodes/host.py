"""What a node may ask of whoever runs it.

Node classes follow ComfyUI's conventions (`INPUT_TYPES`, `RETURN_TYPES`, `FUNCTION`, ...). In ComfyUI such a class
reaches the program through module globals; ours reach it through the `Host` of the current context, so that the
same class runs on the embedded engine (numpy arrays) and inside ComfyUI (torch tensors).

Data passed between nodes on the embedded engine:

* ``IMAGE``: float32 array ``[batch, height, width, channels]`` with 3 (RGB) or 4 (RGBA) channels, values 0..1.
* ``MASK``: float32 array ``[batch, height, width]``, 1 = masked (ComfyUI's convention: mask = 1 - alpha).
* ``VIDEO``: a `Clip`. ``AUDIO``: ``{"waveform": float32 [batch, channels, samples], "sample_rate": int}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np

Directory = Literal["input", "output", "temp"]


class Interrupted(Exception):
    """The prompt was cancelled; nodes let it pass through."""


@dataclass
class Clip:
    """A video in memory.

    ``images``: float32 ``[frames, height, width, 3]`` in 0..1. ``frame_rate``: frames a second.
    ``audio``: None, or ``{"waveform": float32 [1, channels, samples], "sample_rate": int}``.
    """

    images: np.ndarray[Any, Any]
    frame_rate: float
    audio: dict[str, Any] | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Host(Protocol):
    """The services of the program that runs a node."""

    def directory(self, kind: Directory) -> Path:
        """The absolute folder for inputs, outputs or temporary (preview) files; it exists."""

    def progress(self, value: int, total: int, preview: np.ndarray[Any, Any] | None = None) -> None:
        """Report that step `value` of `total` is done, with an optional preview (float32 ``[h, w, 3]``, 0..1).

        Raises `Interrupted` when the prompt has been cancelled: long loops call it at every step.
        """

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Send a websocket event (such as ``cozygen_batch_ready``) to the client that queued the prompt."""

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """The host's IMAGE or MASK value as a numpy array (float32, shapes as above)."""

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """A numpy array as the host's IMAGE or MASK value."""


_current: ContextVar[Host] = ContextVar("cozygen_node_host")


def host() -> Host:
    """The host that runs the current node. Raises `LookupError` outside of a run."""
    return _current.get()


def set_host(value: Host) -> None:
    """Make `value` the host of this context (thread or task)."""
    _current.set(value)
