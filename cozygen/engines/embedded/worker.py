"""The embedded engine's process: checks prompts and describes nodes, or renders.

Started as ``python -m cozygen.engines.embedded.worker``; requests come on standard input, answers and events go to
standard output (see `cozygen.engines.embedded.wire`). Whatever nodes print goes to standard error. The process ends
when its input does, which is also how it learns that the studio is gone.
"""

from __future__ import annotations

import io
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from cozygen.engines.base import PromptRejected
from cozygen.engines.embedded import machine, object_info, report
from cozygen.engines.embedded.executor import DEFAULT_CACHE_BYTES, Executor, FolderHost, ResultCache
from cozygen.engines.embedded.registry import NodeRegistry, load_nodes
from cozygen.engines.embedded.validation import rejected, validate_prompt
from cozygen.engines.embedded.wire import split_parts, with_parts
from cozygen.ipc import WireError, read_message, write_message
from cozygen.nodes.host import Directory, set_host

log = logging.getLogger(__name__)

PREVIEW_SIZE = 512
"""Longest side of a preview in pixels."""

_LAST_WORDS_SECONDS = 1.5
_NICENESS = 5
_RENDERER_NICENESS = 10
_MIN_CACHE_BYTES = 2**27


class Worker:
    """Answers the requests that come in on `source`, one after another; a cancellation at once."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._sending = threading.Lock()
        self._requests: queue.SimpleQueue[tuple[dict[str, Any], list[bytes]] | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._running: str | None = None
        self._registry = NodeRegistry({})
        self._executor: Executor | None = None

    def run(self) -> None:
        """Work until the input ends."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while (request := self._requests.get()) is not None:
            self._answer(*request)
        self._done.set()

    def _read(self) -> None:
        try:
            while (message := read_message(self._source)) is not None:
                header, body = message
                parts = split_parts(header, body)
                if header.get("op") == "cancel":
                    self._cancelled.add(json.loads(parts[0])["prompt_id"])
                else:
                    self._requests.put((header, parts))
        except (WireError, OSError) as error:
            log.error("the studio cannot be understood: %s", error)
        # The running node gets a moment to stop at its next step and to clean up after itself.
        self._stopping.set()
        self._requests.put(None)
        self._done.wait(_LAST_WORDS_SECONDS)
        os._exit(0)

    def _answer(self, header: Mapping[str, Any], parts: list[bytes]) -> None:
        try:
            answer = self._do(header.get("op"), parts)
            self._send({"re": header.get("id"), "ok": True}, *answer)
        except Exception as error:
            log.exception("request %s failed", header.get("op"))
            self._send({"re": header.get("id"), "ok": False}, report.shown(error, 2000).encode())

    def _do(self, op: Any, parts: list[bytes]) -> list[bytes]:
        meta = json.loads(parts[0])
        match op:
            case "configure":
                return self._configure(meta)
            case "validate":
                return self._validate(parts[1], meta["targets"])
            case "object_info":
                return [report.dump_json(self._describe(meta["class"]))]
            case "run":
                return self._run(meta, json.loads(parts[1]), json.loads(parts[2]))
            case _:
                raise ValueError(f"there is no operation {op}")

    def _configure(self, meta: Mapping[str, Any]) -> list[bytes]:
        _give_way(_NICENESS)
        folders: dict[Directory, Path] = {kind: Path(path) for kind, path in meta["folders"].items()}
        set_host(FolderHost(folders))
        self._registry = load_nodes(meta["modules"])
        if meta["renders"]:
            _give_way(_RENDERER_NICENESS - _NICENESS)
            _offer_for_sacrifice()
        total_memory, _ = machine.memory()
        limit = min(DEFAULT_CACHE_BYTES, max(_MIN_CACHE_BYTES, total_memory // 8))
        self._executor = Executor(
            self._registry, folders, self._emit, self._emit_preview, self._is_cancelled, ResultCache(limit)
        )
        return [report.dump_json({"classes": len(self._registry.classes)})]

    def _validate(self, encoded: bytes, targets: list[str] | None) -> list[bytes]:
        try:
            graph = json.loads(encoded)
            valid = validate_prompt(graph, self._registry, targets)
            answer = {"outputs": valid.outputs_to_execute, "node_errors": valid.node_errors}
            return [report.dump_json(answer), json.dumps(graph).encode()]
        except RecursionError:
            refusal = rejected("invalid_prompt", "The prompt is nested too deeply.", "")
        except PromptRejected as error:
            refusal = error
        return [report.dump_json({"rejected": refusal.body, "status": refusal.status}), b""]

    def _describe(self, name: str | None) -> dict[str, Any]:
        if name is None:
            return object_info.all_info(self._registry)
        node_class = self._registry.get(name)
        return object_info.all_info(
            NodeRegistry({} if node_class is None else {name: node_class}, self._registry.display_names)
        )

    def _run(self, meta: Mapping[str, Any], graph: Any, extra_data: Any) -> list[bytes]:
        if self._executor is None:
            raise RuntimeError("the process is not configured")
        prompt_id = meta["prompt_id"]
        self._running = prompt_id
        try:
            self._executor.run(prompt_id, graph, extra_data, meta["outputs"])
        finally:
            self._running = None
            self._cancelled.discard(prompt_id)
        return []

    def _is_cancelled(self) -> bool:
        return self._stopping.is_set() or self._running in self._cancelled

    # What is sent

    def _emit(self, event: str, data: dict[str, Any]) -> None:
        self._send({"event": event}, report.dump_json(data))

    def _emit_preview(self, node_id: str, picture: np.ndarray[Any, Any]) -> None:
        try:
            encoded = encode_preview(picture)
        except Exception:
            log.exception("node %s sent a preview that is no picture", node_id)
            return
        self._send({"preview": True}, report.dump_json({"prompt_id": self._running, "node_id": node_id}), encoded)

    def _send(self, header: Mapping[str, Any], *parts: bytes) -> None:
        with self._sending:
            try:
                write_message(self._sink, *with_parts(header, parts))
            except OSError:
                os._exit(0)  # the studio is gone, and nobody is left to render for


def encode_preview(picture: np.ndarray[Any, Any]) -> bytes:
    """A picture (float, 0..1, ``[h, w]`` or ``[h, w, channels]``) as a JPEG of at most `PREVIEW_SIZE` pixels a side.

    Raises `ValueError` for what is no picture.
    """
    pixels = np.asarray(picture)
    if pixels.ndim == 4 and len(pixels):
        pixels = pixels[0]
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or not pixels.size:
        raise ValueError(f"no picture has the shape {list(pixels.shape)}")
    step = max(1, max(pixels.shape[:2]) // PREVIEW_SIZE)
    pixels = pixels[::step, ::step]
    pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels[:, :, :1], 3, axis=2)
    scaled = np.clip(np.nan_to_num(pixels.astype(np.float32)), 0.0, 1.0) * 255.0 + 0.5
    image = Image.fromarray(scaled.astype(np.uint8))
    image.thumbnail((PREVIEW_SIZE, PREVIEW_SIZE), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _give_way(niceness: int) -> None:
    """Let the studio and the rest of the machine go first. Windows gets this from the one who starts the process."""
    if os.name == "posix":
        with suppress(OSError):
            os.nice(niceness)


def _offer_for_sacrifice() -> None:
    """When memory runs out, Linux shall end this process and not the studio."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for ourselves; what nodes read is empty, and what they print goes to standard error."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.stdout = sys.stderr
    return source, sink


def main() -> None:
    """Serve the process that started this one."""
    # Ctrl+C in the studio's terminal is the studio's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = _take_pipes()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    Worker(source, sink).run()
    sys.stderr.flush()
    os._exit(0)  # threads that nodes left behind do not keep the process


if __name__ == "__main__":
    main()
