"""Runs a validated prompt: order by need, caching between prompts, list mapping, lazy inputs, ComfyUI's events."""

from __future__ import annotations

import hashlib
import json
import math
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cozygen.engines.base import Graph
from cozygen.engines.embedded.registry import (
    NodeClass,
    NodeRegistry,
    hidden_inputs,
    input_specs,
    is_output_node,
)
from cozygen.nodes.host import Clip, Directory, Interrupted, set_host

Emit = Callable[[str, dict[str, Any]], None]
EmitPreview = Callable[[str, np.ndarray[Any, Any]], None]

DEFAULT_CACHE_BYTES = 2**30
_PREVIEW_SECONDS = 0.1
_STEP_SECONDS = 0.02


@dataclass
class _Result:
    """What a node gave: one list a slot, and what it shows in the user interface."""

    slots: list[list[Any]]
    ui: dict[str, Any]
    size: int


class ResultCache:
    """Results by signature, least recently used first out beyond `limit` bytes of arrays."""

    def __init__(self, limit: int = DEFAULT_CACHE_BYTES) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, _Result] = OrderedDict()
        self._size = 0

    def get(self, signature: str) -> _Result | None:
        """A result, which counts as used now."""
        found = self._entries.get(signature)
        if found is not None:
            self._entries.move_to_end(signature)
        return found

    def put(self, signature: str, result: _Result) -> None:
        """Keep a result, and let go of what has not been used for longest."""
        previous = self._entries.pop(signature, None)
        self._size += result.size - (previous.size if previous else 0)
        self._entries[signature] = result
        while self._size > self._limit and self._entries:
            _, dropped = self._entries.popitem(last=False)
            self._size -= dropped.size


class FolderHost:
    """The part of a node's host that needs no run: the folders."""

    def __init__(self, folders: Mapping[Directory, Path]) -> None:
        self._folders = folders

    def directory(self, kind: Directory) -> Path:
        """The folder for inputs, outputs or temporary files."""
        return self._folders[kind]

    def progress(self, value: int, total: int, preview: np.ndarray[Any, Any] | None = None) -> None:
        """Nothing runs."""

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Nobody listens."""

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Values are arrays already."""
        return np.asarray(tensor, dtype=np.float32)

    def tensor(self, array: np.ndarray[Any, Any]) -> Any:
        """Values are arrays already."""
        return np.ascontiguousarray(array, dtype=np.float32)


class _RunHost(FolderHost):
    """The host of the nodes of one run."""

    def __init__(self, run: _Run, folders: Mapping[Directory, Path]) -> None:
        super().__init__(folders)
        self._run = run

    def progress(self, value: int, total: int, preview: np.ndarray[Any, Any] | None = None) -> None:
        """Tell the clients; raises `Interrupted` once the prompt is cancelled."""
        self._run.report(value, total, preview)

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Tell the client that queued the prompt."""
        self._run.emit(event, {**data, "prompt_id": self._run.prompt_id})


@dataclass
class Executor:
    """Runs prompts one after another and keeps results between them.

    `emit` gets ComfyUI's events, `emit_preview` a node id and a float32 picture ``[h, w, 3]``, `cancelled` is asked
    between and inside nodes.
    """

    registry: NodeRegistry
    folders: Mapping[Directory, Path]
    emit: Emit
    emit_preview: EmitPreview
    cancelled: Callable[[], bool]
    cache: ResultCache = field(default_factory=ResultCache)
    clock: Callable[[], float] = time.monotonic

    def run(self, prompt_id: str, graph: Graph, extra_data: Mapping[str, Any], outputs: list[str]) -> None:
        """Run a prompt to its end, which is one of ``execution_success``, ``_error`` or ``_interrupted``."""
        _Run(self, prompt_id, graph, extra_data).run(outputs)


class _NodeFailed(Exception):
    """A node raised; carries what the error event needs."""

    def __init__(self, node_id: str, inputs: dict[str, list[Any]], cause: BaseException) -> None:
        super().__init__(str(cause))
        self.node_id, self.inputs, self.cause = node_id, inputs, cause


class _Run:
    def __init__(self, executor: Executor, prompt_id: str, graph: Graph, extra_data: Mapping[str, Any]) -> None:
        self.executor, self.prompt_id, self.graph, self.extra_data = executor, prompt_id, graph, extra_data
        self.emit = executor.emit
        self.results: dict[str, _Result] = {}
        self.signatures: dict[str, str] = {}
        self.executed: list[str] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.current = ""
        self._last_preview = -math.inf
        self._last_step = -math.inf

    def run(self, outputs: list[str]) -> None:
        set_host(_RunHost(self, self.executor.folders))
        self._message("execution_start", {})
        try:
            self._sign(outputs)
            self._take_cached()
            self._execute(outputs)
        except Interrupted:
            node_id = self.current
            node_type = self.graph.get(node_id, {}).get("class_type", "")
            self._message(
                "execution_interrupted", {"node_id": node_id, "node_type": node_type, "executed": self.executed}
            )
        except _NodeFailed as failure:
            self._message("execution_error", self._describe(failure))
        else:
            self.emit("executing", {"node": None, "prompt_id": self.prompt_id})
            self._message("execution_success", {})

    def _message(self, event: str, data: dict[str, Any]) -> None:
        stamp = {"prompt_id": self.prompt_id, "timestamp": int(time.time() * 1000)}
        self.emit(event, {**data, **stamp})

    # What need not run

    def _sign(self, outputs: list[str]) -> None:
        """Give every needed node a signature: equal signatures mean equal results."""
        for node_id in _dependencies_first(self.graph, outputs):
            node = self.graph[node_id]
            node_class = self.executor.registry.classes[node["class_type"]]
            parts: list[Any] = [node["class_type"], self._fingerprint(node_id, node_class)]
            if "UNIQUE_ID" in hidden_inputs(node_class).values():
                parts.append(node_id)
            for name in sorted(node["inputs"]):
                value = node["inputs"][name]
                if _is_link(value):
                    parts.append([name, "from", self.signatures[value[0]], value[1]])
                else:
                    parts.append([name, "is", value])
            encoded = json.dumps(parts, sort_keys=True, default=repr).encode("utf-8", "surrogatepass")
            self.signatures[node_id] = hashlib.sha256(encoded).hexdigest()

    def _fingerprint(self, node_id: str, node_class: NodeClass) -> Any:
        """The class's ``IS_CHANGED``; NaN (or a failure) means that the node must run every time."""
        if getattr(node_class, "NOT_IDEMPOTENT", False):
            return [self.prompt_id, node_id]
        function = getattr(node_class, "IS_CHANGED", None)
        if function is None:
            return None
        inputs = {
            name: None if _is_link(value) else value
            for name, value in self.graph[node_id]["inputs"].items()
            if name in input_specs(node_class)
        }
        try:
            fingerprint = function(**inputs)
        except Exception:
            return [self.prompt_id, node_id]
        if isinstance(fingerprint, float) and math.isnan(fingerprint):
            return [self.prompt_id, node_id]
        return fingerprint

    def _take_cached(self) -> None:
        for node_id, signature in self.signatures.items():
            found = self.executor.cache.get(signature)
            if found is not None:
                self.results[node_id] = found
        cached = [node_id for node_id in self.graph if node_id in self.results]
        self._message("execution_cached", {"nodes": cached})

    # What must run

    def _execute(self, outputs: list[str]) -> None:
        schedule = _Schedule(self.graph, self.executor.registry, set(self.results))
        for node_id in outputs:
            schedule.add(node_id)
        while (node_id := schedule.next()) is not None:
            if self.executor.cancelled():
                raise Interrupted
            self.current = node_id
            cached = self.results.get(node_id)
            if cached is not None:
                if cached.ui:
                    self._show(node_id, cached.ui)
                schedule.done(node_id)
                continue
            wanted = self._lazy_wishes(node_id)
            if wanted:
                schedule.wait_for(node_id, wanted)
                continue
            self._run_node(node_id)
            schedule.done(node_id)

    def _run_node(self, node_id: str) -> None:
        self.emit("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.prompt_id})
        self._set_state(node_id, 0.0, 1.0, "running")
        node_class = self.executor.registry.classes[self.graph[node_id]["class_type"]]
        inputs = self._inputs(node_id, node_class)
        try:
            returned = list(_map_over_lists(node_class(), node_class, node_class.FUNCTION, inputs))
            result = _merge(node_class, returned)
        except Interrupted:
            raise
        except (Exception, MemoryError) as error:
            raise _NodeFailed(node_id, inputs, error) from error
        self.results[node_id] = result
        self.executor.cache.put(self.signatures[node_id], result)
        self.executed.append(node_id)
        self._set_state(node_id, 1.0, 1.0, "finished")
        if result.ui:
            self._show(node_id, result.ui)

    def _show(self, node_id: str, ui: dict[str, Any]) -> None:
        data = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": self.prompt_id}
        self.emit("executed", data)

    def _lazy_wishes(self, node_id: str) -> list[str]:
        """The lazy inputs that the node asks for now and that have not been computed."""
        node_class = self.executor.registry.classes[self.graph[node_id]["class_type"]]
        lazy = {
            name: self.graph[node_id]["inputs"][name]
            for name, (_, _, options) in input_specs(node_class).items()
            if options.get("lazy") and _is_link(self.graph[node_id]["inputs"].get(name))
        }
        missing = {name for name, link in lazy.items() if link[0] not in self.results}
        if not missing:
            return []
        check = getattr(node_class, "check_lazy_status", None)
        if check is None:
            return sorted(missing)
        inputs = self._inputs(node_id, node_class, missing=missing)
        try:
            answers = list(_map_over_lists(node_class(), node_class, "check_lazy_status", inputs))
        except Exception as error:
            raise _NodeFailed(node_id, inputs, error) from error
        return sorted({name for answer in answers for name in answer or () if name in missing})

    def _inputs(self, node_id: str, node_class: NodeClass, missing: set[str] = frozenset()) -> dict[str, list[Any]]:  # type: ignore[assignment]
        """The node's arguments, one list each; `missing` lazy ones are None."""
        given = self.graph[node_id]["inputs"]
        inputs: dict[str, list[Any]] = {}
        for name in input_specs(node_class):
            value = given.get(name)
            if name in missing:
                inputs[name] = [None]
            elif _is_link(value):
                # An input that was lazy and not wanted has no result.
                source = self.results.get(value[0])
                inputs[name] = source.slots[value[1]] if source is not None else [None]
            elif name in given:
                inputs[name] = [value]
        hidden = {
            "PROMPT": self.graph,
            "DYNPROMPT": self.graph,
            "EXTRA_PNGINFO": self.extra_data.get("extra_pnginfo"),
            "UNIQUE_ID": node_id,
        }
        for name, kind in hidden_inputs(node_class).items():
            if kind in hidden:
                inputs[name] = [hidden[kind]]
        return inputs

    # What is told

    def report(self, value: int, total: int, preview: np.ndarray[Any, Any] | None) -> None:
        """A node's progress. Steps that follow each other within 20 ms are told as one."""
        if self.executor.cancelled():
            raise Interrupted
        now = self.executor.clock()
        if value >= total or now - self._last_step >= _STEP_SECONDS:
            self._last_step = now
            data = {"value": value, "max": total, "prompt_id": self.prompt_id, "node": self.current}
            self.emit("progress", data)
            self._set_state(self.current, float(value), float(total), "running")
        if preview is not None and now - self._last_preview >= _PREVIEW_SECONDS:
            self._last_preview = now
            self.executor.emit_preview(self.current, preview)

    def _set_state(self, node_id: str, value: float, maximum: float, state: str) -> None:
        self.states[node_id] = {
            "value": value,
            "max": maximum,
            "state": state,
            "node_id": node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        if len(self.states) > 1 and state == "running":
            # Long graphs: only what still runs and what has just ended is news.
            self.states = {key: entry for key, entry in self.states.items() if key == node_id}
        self.emit("progress_state", {"prompt_id": self.prompt_id, "nodes": dict(self.states)})

    def _describe(self, failure: _NodeFailed) -> dict[str, Any]:
        cause = failure.cause
        message = str(cause) or type(cause).__name__
        if isinstance(cause, MemoryError):
            message = "This machine ran out of memory. Try a smaller size or batch."
        kind = type(cause)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {
            "node_id": failure.node_id,
            "node_type": self.graph[failure.node_id]["class_type"],
            "executed": self.executed,
            "exception_message": _clean(message),
            "exception_type": module + kind.__qualname__,
            "traceback": _traceback(cause),
            "current_inputs": {name: [_clean(_format(v)) for v in vs] for name, vs in failure.inputs.items()},
            "current_outputs": list(self.results),
        }


class _Schedule:
    """Which node is next: outputs first, then what leads straight to one, then the rest, as they stand in the file."""

    def __init__(self, graph: Graph, registry: NodeRegistry, cached: set[str]) -> None:
        self._graph, self._registry, self._cached = graph, registry, cached
        self._place = {node_id: place for place, node_id in enumerate(graph)}
        self._blockers: dict[str, set[str]] = {}
        self._waiters: dict[str, set[str]] = {}
        self._finished: set[str] = set()
        self._ready: set[str] = set()

    def add(self, node_id: str) -> None:
        """Plan a node and everything that it certainly needs."""
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            if current in self._blockers or current in self._finished:
                continue
            # A cached node needs nothing any more.
            sources = set() if current in self._cached else set(self._strong_sources(current)) - self._finished
            self._block(current, sources)
            waiting.extend(sources)

    def _strong_sources(self, node_id: str) -> Iterator[str]:
        node = self._graph[node_id]
        specs = input_specs(self._registry.classes[node["class_type"]])
        for name, value in node["inputs"].items():
            if _is_link(value) and name in specs and not specs[name][2].get("lazy"):
                yield value[0]

    def _block(self, node_id: str, sources: set[str]) -> None:
        self._blockers[node_id] = sources
        for source in sources:
            self._waiters.setdefault(source, set()).add(node_id)
        if not sources:
            self._ready.add(node_id)

    def next(self) -> str | None:
        """The node to run now; None when all is done."""
        if not self._ready:
            return None
        chosen = min(self._ready, key=lambda node_id: (self._rank(node_id), self._place[node_id]))
        self._ready.discard(chosen)
        return chosen

    def _rank(self, node_id: str) -> int:
        if self._is_output(node_id):
            return 0
        return 1 if any(self._is_output(waiter) for waiter in self._waiters.get(node_id, ())) else 2

    def _is_output(self, node_id: str) -> bool:
        return is_output_node(self._registry.classes[self._graph[node_id]["class_type"]])

    def wait_for(self, node_id: str, inputs: list[str]) -> None:
        """The node asks for some of its lazy inputs."""
        sources = {self._graph[node_id]["inputs"][name][0] for name in inputs} - self._finished
        del self._blockers[node_id]
        for source in sources:
            self.add(source)
        self._block(node_id, sources)

    def done(self, node_id: str) -> None:
        """The node has its result."""
        self._finished.add(node_id)
        self._blockers.pop(node_id, None)
        for waiter in self._waiters.pop(node_id, ()):
            blockers = self._blockers.get(waiter)
            if blockers is not None:
                blockers.discard(node_id)
                if not blockers:
                    self._ready.add(waiter)


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _dependencies_first(graph: Graph, outputs: list[str]) -> list[str]:
    """What `outputs` need, lazy inputs included, each after what it needs. The graph has no cycle."""
    order: dict[str, None] = {}
    stack = [(node_id, False) for node_id in reversed(outputs)]
    while stack:
        node_id, expanded = stack.pop()
        if expanded:
            order.setdefault(node_id)
        elif node_id not in order:
            stack.append((node_id, True))
            sources = (value[0] for value in graph[node_id]["inputs"].values() if _is_link(value))
            stack.extend((source, False) for source in sources if source in graph and source not in order)
    return list(order)


def _map_over_lists(node: Any, node_class: NodeClass, function: str, inputs: dict[str, list[Any]]) -> Iterator[Any]:
    """Call a node's method once for each place in its longest input; shorter inputs repeat their last value."""
    method = getattr(node, function)
    if getattr(node_class, "INPUT_IS_LIST", False):
        yield method(**inputs)
        return
    longest = max((len(values) for values in inputs.values()), default=0)
    if longest == 0:
        if not inputs:
            yield method()
        return
    for place in range(longest):
        yield method(**{name: values[min(place, len(values) - 1)] for name, values in inputs.items() if values})


def _merge(node_class: NodeClass, returned: list[Any]) -> _Result:
    """What several calls returned, as one list for each output slot."""
    as_list = list(getattr(node_class, "OUTPUT_IS_LIST", [False] * len(node_class.RETURN_TYPES)))
    slots: list[list[Any]] = [[] for _ in node_class.RETURN_TYPES]
    ui: dict[str, list[Any]] = {}
    for value in returned:
        result = value
        if isinstance(value, dict):
            for key, shown in value.get("ui", {}).items():
                ui.setdefault(key, []).extend(shown)
            result = value.get("result", ())
        if not slots:
            continue
        if not isinstance(result, tuple | list) or len(result) < len(slots):
            raise TypeError(f"{node_class.__name__} returned no tuple of {len(slots)} values")
        for slot, item, is_list in zip(slots, result, as_list, strict=False):
            slot.extend(item) if is_list else slot.append(item)
    size = sum(_size(item) for slot in slots for item in slot) + 1024
    return _Result(slots, ui, size)


def _size(value: Any) -> int:
    """Bytes of the arrays in a value."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Clip):
        return int(value.images.nbytes) + _size(value.audio)
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_size(item) for item in value)
    return len(value) if isinstance(value, str | bytes) else 64


def _format(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    text = str(value)
    return text if len(text) <= 500 else text[:500] + "…"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _traceback(cause: BaseException) -> list[str]:
    """The frames inside the project, with file names from the package on: no path of this machine."""
    root = Path(__file__).parents[3]
    frames = []
    for frame in traceback.extract_tb(cause.__traceback__):
        path = Path(frame.filename)
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        frames.append(f'  File "{shown}", line {frame.lineno}, in {frame.name}\n    {frame.line}\n')
    return frames
