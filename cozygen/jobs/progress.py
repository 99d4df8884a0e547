"""How far a running job is, as one number for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cozygen.engines.base import Graph


@dataclass(frozen=True)
class Progress:
    """`value` of `max` steps of one node, and `fraction` (0..1) of the whole job."""

    node_id: str | None
    node_title: str | None
    value: float
    max: float
    fraction: float

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {
            "node_id": self.node_id,
            "node_title": self.node_title,
            "value": self.value,
            "max": self.max,
            "fraction": round(self.fraction, 4),
        }


class Durations:
    """How long nodes of each class took lately (seconds), to weigh them in a job's progress."""

    _UNKNOWN = 1.0

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def learn(self, class_type: str, seconds: float) -> None:
        """Blend in a new measurement."""
        known = self._seconds.get(class_type)
        self._seconds[class_type] = seconds if known is None else 0.6 * known + 0.4 * seconds

    def weight(self, class_type: str) -> float:
        """Expected seconds, never quite nothing."""
        return max(0.001, self._seconds.get(class_type, self._UNKNOWN))


@dataclass
class Tracker:
    """Follows one running prompt. Feed it the engine's events; the fraction never goes back."""

    graph: Graph
    durations: Durations
    needed: set[str]
    clock: Callable[[], float] = time.monotonic
    _done: set[str] = field(default_factory=set)
    _current: str | None = None
    _since: float = 0.0
    _value: float = 0.0
    _max: float = 0.0
    _fraction: float = 0.0

    def cached(self, node_ids: list[str]) -> None:
        """These nodes need not run."""
        self._done.update(node_id for node_id in node_ids if node_id in self.needed)

    def executing(self, node_id: str) -> Progress:
        """A node begins; the one before it has ended."""
        self._close_current()
        self._current, self._since, self._value, self._max = node_id, self.clock(), 0.0, 0.0
        return self._progress()

    def step(self, node_id: str, value: float, maximum: float) -> Progress:
        """A node reports its steps."""
        if node_id != self._current:
            self._close_current()
            self._current, self._since = node_id, self.clock()
        self._value, self._max = value, maximum
        return self._progress()

    def end(self) -> None:
        """Every node has run."""
        self._close_current()

    def _close_current(self) -> None:
        if self._current is not None:
            self.durations.learn(self._class(self._current), self.clock() - self._since)
            self._done.add(self._current)
        self._current = None

    def _class(self, node_id: str) -> str:
        return str(self.graph.get(node_id, {}).get("class_type", ""))

    def _progress(self) -> Progress:
        total = sum(self.durations.weight(self._class(node_id)) for node_id in self.needed) or 1.0
        done = sum(self.durations.weight(self._class(node_id)) for node_id in self._done if node_id in self.needed)
        node_id = self._current
        if node_id is not None and self._max > 0 and node_id in self.needed and node_id not in self._done:
            done += self.durations.weight(self._class(node_id)) * min(1.0, max(0.0, self._value / self._max))
        self._fraction = max(self._fraction, min(1.0, done / total))
        return Progress(node_id, self._title(node_id), self._value, self._max, self._fraction)

    def _title(self, node_id: str | None) -> str | None:
        if node_id is None:
            return None
        meta = self.graph.get(node_id, {}).get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return str(title or self._class(node_id) or node_id)
