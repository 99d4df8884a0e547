"""Runs a validated prompt: order by need, caching between prompts, list mapping, lazy inputs, ComfyUI's events."""

from __future__ import annotations

import hashlib
import heapq
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cozygen.engines.base import Graph
from cozygen.engines.embedded import report
from cozygen.engines.embedded.registry import (
    Declaration,
    Declarations,
    NodeClass,
    NodeRegistry,
    is_link,
    is_output_node,
)
from cozygen.nodes.host import Clip, Directory, Interrupted, set_host
from cozygen.storage.paths import PathError, Root

log = logging.getLogger(__name__)

Emit = Callable[[str, dict[str, Any]], None]
EmitPreview = Callable[[str, np.ndarray[Any, Any]], None]

DEFAULT_CACHE_BYTES = 2**30
_PREVIEW_SECONDS = 0.1
_STEP_SECONDS = 0.02
_MAX_STATES = 64
_MAX_SHOWN_VALUES = 8


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
        """Keep a result, and let go of what has not been used for longest. What alone is too large is not kept."""
        previous = self._entries.pop(signature, None)
        if previous is not None:
            self._size -= previous.size
        if result.size > self._limit:
            return
        self._entries[signature] = result
        self._size += result.size
        while self._size > self._limit:
            _, dropped = self._entries.popitem(last=False)
            self._size -= dropped.size

    def clear(self) -> None:
        """Let go of everything."""
        self._entries.clear()
        self._size = 0


class FolderHost:
    """The part of a node's host that needs no run: the folders."""

    def __init__(self, folders: Mapping[Directory, Path]) -> None:
        self._folders = folders

    def directory(self, kind: Directory) -> Path:
        """The folder for inputs, outputs or temporary files. Raises `OSError` when it cannot be created."""
        folder = self._folders[kind]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

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

    def run(self, prompt_id: str, graph: Graph, extra_data: Mapping[str, Any], outputs: Sequence[str]) -> None:
        """Run a prompt to its end, which is one of ``execution_success``, ``_error`` or ``_interrupted``."""
        try:
            _Run(self, prompt_id, graph, extra_data).run(outputs)
        finally:
            set_host(FolderHost(self.folders))  # the run's own host would keep its results in memory


class _NodeFailed(Exception):
    """A node raised; carries what the error event needs."""

    def __init__(self, node_id: str, inputs: dict[str, list[Any]], cause: BaseException) -> None:
        super().__init__(str(cause))
        self.node_id, self.inputs, self.cause = node_id, inputs, cause


class _Link(NamedTuple):
    """Where an input comes from. A `lazy` one is computed only when the node asks for it."""

    source: str
    slot: int
    lazy: bool


@dataclass(frozen=True)
class _Planned:
    """A node that this run needs, or may need."""

    declared: Declaration
    links: dict[str, _Link]

    @property
    def node_class(self) -> NodeClass:
        return self.declared.node_class


class _Run:
    def __init__(self, executor: Executor, prompt_id: str, graph: Graph, extra_data: Mapping[str, Any]) -> None:
        self.executor, self.prompt_id, self.graph, self.extra_data = executor, prompt_id, graph, extra_data
        self.emit = executor.emit
        self.plan: dict[str, _Planned] = {}
        self.results: dict[str, _Result] = {}
        self.signatures: dict[str, str] = {}
        self.executed: list[str] = []
        self.current: str | None = None
        self._volatile: set[str] = set()
        self._by_signature: dict[str, _Result] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._last_preview = -math.inf
        self._last_step = -math.inf

    def run(self, outputs: Sequence[str]) -> None:
        set_host(_RunHost(self, self.executor.folders))
        self._message("execution_start", {})
        try:
            self._prepare(outputs)
            self._take_cached()
            self._execute(outputs)
        except Interrupted:
            self._message("execution_interrupted", {**self._whereabouts(self.current), "executed": self.executed})
        except _NodeFailed as failure:
            self._message("execution_error", self._describe(failure.node_id, failure.inputs, failure.cause))
        except Exception as error:  # not a node's fault, yet this prompt must end like any other
            log.exception("prompt %s could not be run", self.prompt_id)
            self._message("execution_error", self._describe(self.current, {}, error))
        else:
            self._message("execution_success", {})

    def _message(self, event: str, data: dict[str, Any]) -> None:
        stamp = {"prompt_id": self.prompt_id, "timestamp": int(time.time() * 1000)}
        self.emit(event, {**data, **stamp})

    def _whereabouts(self, node_id: str | None) -> dict[str, Any]:
        node_type = None if node_id is None else self.graph[node_id]["class_type"]
        return {"node_id": node_id, "node_type": node_type}

    # What need not run

    def _prepare(self, outputs: Sequence[str]) -> None:
        """Find what `outputs` need, lazy inputs included, and give each node its signature, sources first."""
        declarations = Declarations(self.executor.registry)
        stack = [(node_id, False) for node_id in reversed(outputs)]
        while stack:
            node_id, expanded = stack.pop()
            if expanded:
                self._sign(node_id)
            elif node_id not in self.plan:
                planned = self.plan[node_id] = self._plan_node(node_id, declarations)
                stack.append((node_id, True))
                stack.extend((link.source, False) for link in planned.links.values() if link.source not in self.plan)

    def _plan_node(self, node_id: str, declarations: Declarations) -> _Planned:
        node = self.graph[node_id]
        declared = declarations.of(node["class_type"])
        # What the class does not declare is not passed to it, and so needs no computing either.
        links = {
            name: _Link(value[0], value[1], bool(spec.options.get("lazy")))
            for name, spec in declared.inputs.items()
            if is_link(value := node["inputs"].get(name))
        }
        return _Planned(declared, links)

    def _sign(self, node_id: str) -> None:
        """Equal signatures mean equal results."""
        planned, node = self.plan[node_id], self.graph[node_id]
        fingerprint, volatile = self._fingerprint(node_id, planned)
        parts: list[Any] = [node["class_type"], fingerprint]
        if getattr(planned.node_class, "NOT_IDEMPOTENT", False) or "UNIQUE_ID" in planned.declared.hidden.values():
            parts.append(node_id)
        for name in sorted(planned.declared.inputs):
            link = planned.links.get(name)
            if link is not None:
                parts.append([name, "from", self.signatures[link.source], link.slot])
            elif name in node["inputs"]:
                parts.append([name, "is", node["inputs"][name]])
        encoded = json.dumps(parts, sort_keys=True, default=repr).encode()
        self.signatures[node_id] = hashlib.sha256(encoded).hexdigest()
        if volatile or any(link.source in self._volatile for link in planned.links.values()):
            self._volatile.add(node_id)

    def _fingerprint(self, node_id: str, planned: _Planned) -> tuple[Any, bool]:
        """The class's ``IS_CHANGED``, and whether it is volatile: NaN or a failure means to run every time."""
        function = getattr(planned.node_class, "IS_CHANGED", None)
        if function is None:
            return None, False
        volatile = [self.prompt_id, node_id], True
        given = self.graph[node_id]["inputs"]
        inputs = {name: [None if name in planned.links else given[name]] for name in _given(planned, given)}
        try:
            answers = list(_map_over_lists(planned.node_class, planned.node_class, "IS_CHANGED", inputs))
            json.dumps(answers, default=repr, allow_nan=False)
        except Interrupted:
            raise
        except Exception as error:  # NaN is a ValueError here
            log.debug("node %s is run every time: %s", node_id, error)
            return volatile
        return answers, False

    def _take_cached(self) -> None:
        for node_id, signature in self.signatures.items():
            found = None if node_id in self._volatile else self.executor.cache.get(signature)
            if found is not None and self._files_exist(found.ui):
                self.results[node_id] = found
        cached = [node_id for node_id in self.graph if node_id in self.results]
        self._message("execution_cached", {"nodes": cached})

    def _files_exist(self, ui: Mapping[str, Any]) -> bool:
        """Whether the files that a result shows are still there: they may have been deleted since."""
        for items in ui.values():
            for item in items:
                if isinstance(item, dict) and "filename" in item and item.get("type") in self.executor.folders:
                    try:
                        root = Root(self.executor.folders[item["type"]], follow_symlinks=True)
                        if not root.resolve_file(str(item.get("subfolder", "")), str(item["filename"])).is_file():
                            return False
                    except PathError:
                        return False
        return True

    # What must run

    def _execute(self, outputs: Sequence[str]) -> None:
        schedule = _Schedule(self.plan, set(self.results))
        for output in outputs:
            schedule.add(output)
        while (node_id := schedule.next()) is not None:
            self.current = node_id
            self._checkpoint()
            result = self.results.get(node_id) or self._by_signature.get(self.signatures[node_id])
            if result is not None:
                self.results[node_id] = result
                if result.ui:
                    self._show(node_id, result.ui)
                self._set_state(node_id, 1.0, 1.0, "finished")
                schedule.done(node_id)
                continue
            self._set_state(node_id, 0.0, 1.0, "running")
            self.emit("executing", {"node": node_id, "display_node": node_id, "prompt_id": self.prompt_id})
            wanted = self._lazy_wishes(node_id)
            if wanted:
                schedule.wait_for(node_id, {self.plan[node_id].links[name].source for name in wanted})
                continue
            self._run_node(node_id)
            schedule.done(node_id)

    def _checkpoint(self) -> None:
        if self.executor.cancelled():
            raise Interrupted

    def _run_node(self, node_id: str) -> None:
        planned = self.plan[node_id]
        node_class = planned.node_class
        inputs = self._inputs(node_id, planned)
        try:
            returned = list(_map_over_lists(node_class(), node_class, node_class.FUNCTION, inputs, self._checkpoint))
            result = _merge(node_class, returned)
            if result.ui:
                self._show(node_id, result.ui)
        except Interrupted:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, MemoryError):
                self.executor.cache.clear()
            shown = {name: inputs[name] for name in inputs if name not in planned.declared.hidden}
            raise _NodeFailed(node_id, shown, error) from error
        self.results[node_id] = result
        if node_id not in self._volatile:
            signature = self.signatures[node_id]
            self._by_signature[signature] = result
            self.executor.cache.put(signature, result)
        self.executed.append(node_id)
        self._set_state(node_id, 1.0, 1.0, "finished")

    def _show(self, node_id: str, ui: dict[str, Any]) -> None:
        data = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": self.prompt_id}
        self.emit("executed", data)

    def _lazy_wishes(self, node_id: str) -> set[str]:
        """The lazy inputs that the node asks for now and that have not been computed."""
        planned = self.plan[node_id]
        missing = {name for name, link in planned.links.items() if link.lazy and link.source not in self.results}
        if not missing:
            return missing
        node_class = planned.node_class
        if not hasattr(node_class, "check_lazy_status"):
            return missing
        inputs = self._inputs(node_id, planned)
        try:
            answers = list(_map_over_lists(node_class(), node_class, "check_lazy_status", inputs, self._checkpoint))
            return {name for answer in answers for name in answer or () if name in missing}
        except Interrupted:
            raise
        except Exception as error:
            raise _NodeFailed(node_id, inputs, error) from error

    def _inputs(self, node_id: str, planned: _Planned) -> dict[str, list[Any]]:
        """The node's arguments, one list each; None stands for a lazy one that has not been computed."""
        given = self.graph[node_id]["inputs"]
        inputs: dict[str, list[Any]] = {}
        for name in _given(planned, given):
            link = planned.links.get(name)
            if link is None:
                inputs[name] = [given[name]]
            else:
                source = self.results.get(link.source)
                inputs[name] = [None] if source is None else source.slots[link.slot]
        hidden = {
            "PROMPT": self.graph,
            "DYNPROMPT": self.graph,
            "EXTRA_PNGINFO": self.extra_data.get("extra_pnginfo"),
            "UNIQUE_ID": node_id,
        }
        for name, kind in planned.declared.hidden.items():
            if kind in hidden:
                inputs[name] = [hidden[kind]]
        return inputs

    # What is told

    def report(self, value: float, total: float, preview: np.ndarray[Any, Any] | None) -> None:
        """A node's progress. Steps that follow each other within 20 ms are told as one."""
        self._checkpoint()
        node_id = self.current
        if node_id is None:
            return
        now = self.executor.clock()
        if value >= total or now - self._last_step >= _STEP_SECONDS:
            self._last_step = now
            self._set_state(node_id, value, total, "running")
            self.emit("progress", {"value": value, "max": total, "prompt_id": self.prompt_id, "node": node_id})
        if preview is not None and now - self._last_preview >= _PREVIEW_SECONDS:
            self._last_preview = now
            self.executor.emit_preview(node_id, preview)

    def _set_state(self, node_id: str, value: float, maximum: float, state: str) -> None:
        if len(self.plan) > _MAX_STATES and node_id not in self._states:
            # Long graphs: the whole list at every step would grow with the square of the length.
            self._states.clear()
        self._states[node_id] = {
            "value": value,
            "max": maximum,
            "state": state,
            "node_id": node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        self.emit("progress_state", {"prompt_id": self.prompt_id, "nodes": dict(self._states)})

    def _describe(self, node_id: str | None, inputs: dict[str, list[Any]], cause: BaseException) -> dict[str, Any]:
        return {
            **self._whereabouts(node_id),
            "executed": self.executed,
            "exception_message": report.explain(cause, self.executor.folders),
            "exception_type": report.type_name(cause),
            "traceback": report.traceback_lines(cause),
            "current_inputs": {
                name: [_format(value) for value in values[:_MAX_SHOWN_VALUES]] for name, values in inputs.items()
            },
            "current_outputs": list(self.results),
        }


class _Schedule:
    """Which node is next: outputs first, then what leads to one within two steps, then the rest as they were found."""

    def __init__(self, plan: Mapping[str, _Planned], cached: AbstractSet[str]) -> None:
        self._plan, self._cached = plan, cached
        self._order = {node_id: (rank, place) for place, (node_id, rank) in enumerate(_ranks(plan).items())}
        self._blockers: dict[str, set[str]] = {}
        self._waiters: dict[str, set[str]] = {}
        self._finished: set[str] = set()
        self._ready: list[tuple[tuple[int, int], str]] = []

    def add(self, node_id: str) -> None:
        """Plan a node and everything that it certainly needs."""
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            if current in self._blockers or current in self._finished:
                continue
            sources: set[str] = set()
            if current not in self._cached:  # a cached node needs nothing any more
                links = self._plan[current].links.values()
                sources = {link.source for link in links if not link.lazy} - self._finished
            self._block(current, sources)
            waiting.extend(sources)

    def _block(self, node_id: str, sources: set[str]) -> None:
        self._blockers[node_id] = sources
        for source in sources:
            self._waiters.setdefault(source, set()).add(node_id)
        if not sources:
            self._push(node_id)

    def _push(self, node_id: str) -> None:
        heapq.heappush(self._ready, (self._order[node_id], node_id))

    def next(self) -> str | None:
        """The node to run now; None when all is done. Raises `RuntimeError` when what is left waits for itself."""
        if self._ready:
            return heapq.heappop(self._ready)[1]
        if self._blockers:
            raise RuntimeError(f"node {next(iter(self._blockers))} waits for itself")
        return None

    def wait_for(self, node_id: str, sources: set[str]) -> None:
        """The node that was given out needs these first."""
        del self._blockers[node_id]
        missing = sources - self._finished
        for source in missing:
            self.add(source)
        self._block(node_id, missing)

    def done(self, node_id: str) -> None:
        """The node has its result."""
        self._finished.add(node_id)
        self._blockers.pop(node_id, None)
        for waiter in self._waiters.pop(node_id, ()):
            blockers = self._blockers.get(waiter)
            if blockers is not None:
                blockers.discard(node_id)
                if not blockers:
                    self._push(waiter)


def _ranks(plan: Mapping[str, _Planned]) -> dict[str, int]:
    """Steps from each node to an output, 3 for three and more."""
    ranks = {node_id: 0 if is_output_node(planned.node_class) else 3 for node_id, planned in plan.items()}
    edge = [node_id for node_id, rank in ranks.items() if rank == 0]
    for rank in (1, 2):
        found = []
        for node_id in edge:
            for link in plan[node_id].links.values():
                if ranks[link.source] > rank:
                    ranks[link.source] = rank
                    found.append(link.source)
        edge = found
    return ranks


def _given(planned: _Planned, inputs: Mapping[str, Any]) -> Iterator[str]:
    """The names of the inputs that the class declares and the prompt gives."""
    return (name for name in planned.declared.inputs if name in inputs)


def _map_over_lists(
    node: Any,
    node_class: NodeClass,
    function: str,
    inputs: dict[str, list[Any]],
    checkpoint: Callable[[], None] = lambda: None,
) -> Iterator[Any]:
    """Call a node's method once for each place in its longest input; shorter inputs repeat their last value.

    Nothing is called when all inputs are empty lists. `checkpoint` is called before each.
    """
    method = getattr(node, function)
    if getattr(node_class, "INPUT_IS_LIST", False) or not inputs:
        checkpoint()
        yield method(**inputs)
        return
    longest = max(len(values) for values in inputs.values())
    for name, values in inputs.items():
        if longest and not values:
            raise ValueError(f"the input {name} got an empty list while others did not")
    for place in range(longest):
        checkpoint()
        yield method(**{name: values[min(place, len(values) - 1)] for name, values in inputs.items()})


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


def _format(value: Any) -> Any:
    """A value for the error event: plain ones as they are, others described."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() < 64):
        return value
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    return report.shown(value, 500)
