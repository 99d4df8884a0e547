"""Finding, sorting and counting files by what is known of them. Reads only; any thread.

Conditions are evaluated over whole columns (`Attributes`), words by the full-text index, whose answers are cut down
to what exists. The cost grows with the number of matches, by nanoseconds for each.
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cozygen.gallery import query
from cozygen.gallery.attributes import (
    BLOCK,
    FAVORITE,
    HIDDEN,
    PROMPT,
    SEVERAL,
    SINGLE,
    WORKFLOW,
    Attributes,
    Frame,
    Labels,
    Mask,
    look_up,
)
from cozygen.gallery.catalogue import Columns, Scope, Snapshot
from cozygen.gallery.index import IndexStore
from cozygen.gallery.query import And, Node, Not, Or, Words
from cozygen.gallery.scan import KINDS
from cozygen.gallery.words import fold, spaced

Places = NDArray[np.int32]
"""Positions in the columns of a snapshot."""

_REMEMBERED = 8
_REMEMBERED_TEXTS, _REMEMBERED_IDS = 64, 1_000_000
_REMEMBERED_PLACES = 1_000_000
_IDS_AT_ONCE = 1 << 18
_TOP = 50
_FLAGS = {"is:favorite": FAVORITE, "is:hidden": HIDDEN, "has:prompt": PROMPT, "has:workflow": WORKFLOW}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_WORDS = re.compile(r"[\W_]+")


class TextIndex:
    """The full-text index, with the last answers remembered."""

    def __init__(self, store: IndexStore, attributes: Callable[[], Attributes]) -> None:
        self._store = store
        self._attributes = attributes
        self._known: OrderedDict[str, tuple[Attributes, int, NDArray[np.int32]]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, expression: str) -> NDArray[np.int32]:
        """The ids that match an FTS5 expression, ascending. Some may be of files that have gone."""
        attributes = self._attributes()
        version = attributes.version
        with self._lock:
            known = self._known.get(expression)
            if known is not None and known[0] is attributes and known[1] == version:
                self._known.move_to_end(expression)
                return known[2]
        with self._store.reader() as connection:
            parts = [
                _matching_ids(connection, expression, low, low + _IDS_AT_ONCE)
                for low in range(0, len(attributes.frame), _IDS_AT_ONCE)
            ]
        found = np.concatenate(parts)
        with self._lock:
            self._known[expression] = attributes, version, found
            total = sum(len(entry[2]) for entry in self._known.values())
            while len(self._known) > _REMEMBERED_TEXTS or (total > _REMEMBERED_IDS and len(self._known) > 1):
                total -= len(self._known.popitem(last=False)[1][2])
        return found

    def scores(self, expression: str, lowest: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The ids from `lowest` on that match, ascending, and how well: BM25, the lower the better."""
        with self._store.reader() as connection:
            rows = connection.execute(
                "SELECT rowid, bm25(texts, 8.0, 4.0, 1.0, 4.0) FROM texts WHERE texts MATCH ? AND rowid >= ?"
                " ORDER BY rowid",
                (expression, lowest),
            )
            table = np.fromiter(rows, dtype=[("id", "i8"), ("score", "f8")])
        return table["id"], table["score"]

    def seed(self, text: str) -> list[int]:
        """The ids of files with that seed."""
        with self._store.reader() as connection:
            return [id for (id,) in connection.execute("SELECT file FROM meta WHERE seed = ?", (text,))]


def expression(words: Words) -> str:
    """Words as an expression of FTS5 (https://www.sqlite.org/fts5.html#full_text_query_syntax)."""
    quoted = '"' + _CONTROL.sub(" ", spaced(words.text)).replace('"', '""') + '"'
    column = f"{{{words.column}}} : " if words.column else ""
    return f"{column}{quoted}{' *' if words.prefix else ''}"


def _matching_ids(connection: sqlite3.Connection, expression: str, low: int, high: int) -> NDArray[np.int32]:
    # One long text is handed over many times faster than as many rows.
    row = connection.execute(
        "SELECT group_concat(rowid) FROM texts WHERE texts MATCH ? AND rowid >= ? AND rowid < ?",
        (expression, low, high),
    )
    return np.fromstring(row.fetchone()[0] or "", np.int32, sep=",")


class Evaluator:
    """Evaluates conditions over the files of one snapshot: masks by file id."""

    def __init__(self, snapshot: Snapshot, attributes: Attributes, texts: TextIndex) -> None:
        self._columns = snapshot.columns
        self._tree = snapshot.tree
        self._attributes = attributes
        self._frame: Frame = attributes.frame
        self._texts = texts

    def mask(self, node: Node) -> Mask:
        """For each id, whether the condition holds."""
        if isinstance(node, And):
            return self._all(node.nodes)
        if isinstance(node, Or):
            found = self.mask(node.nodes[0])
            for other in node.nodes[1:]:
                found = found | self.mask(other)
            return found
        if isinstance(node, Not):
            return ~self.mask(node.node)
        check: Callable[[Any], Mask] = getattr(self, f"_{type(node).__name__.lower()}")
        return check(node)

    def _all(self, nodes: Sequence[Node]) -> Mask:
        # What the index can intersect by itself it does much faster.
        words = [node for node in nodes if isinstance(node, Words) and not self._tags(node).any()]
        found = np.ones(len(self._frame), np.bool_)
        if words:
            found &= self._ids(self._texts.find(" AND ".join(f"({expression(node)})" for node in words)))
        for node in nodes:
            if node not in words:
                found &= self.mask(node)
        return found

    def _ids(self, ids: NDArray[Any] | Sequence[int]) -> Mask:
        found = np.zeros(len(self._frame), np.bool_)
        ids = np.asarray(ids if len(ids) else [], np.int64) if isinstance(ids, list) else np.asarray(ids)
        found[ids[ids < len(found)]] = True
        return found

    def _everything(self, node: query.Everything) -> Mask:
        return np.ones(len(self._frame), np.bool_)

    def _words(self, node: Words) -> Mask:
        found = self._ids(self._texts.find(expression(node)))
        tags = self._tags(node)
        return found | self._with("tag", tags) if tags.any() else found

    def _tags(self, node: Words) -> Mask:
        """Which of the user's tags have these words in them."""
        wanted = " " + _plain(node.text) + ("" if node.prefix else " ")
        if node.column is not None or not wanted.strip():
            return np.zeros(0, np.bool_)
        labels = self._attributes.labels["tag"].folded
        return np.array([wanted in f" {_plain(label)} " for label in labels], np.bool_)

    def _label(self, node: query.Label) -> Mask:
        return self._with(node.kind, matching(self._attributes.labels[node.kind], node.text, whole=node.whole))

    def _with(self, kind: str, labels: Mask) -> Mask:
        """The files that have one of the `labels`."""
        if kind not in SINGLE:
            return self._attributes.pairs[kind].with_labels(labels, len(self._frame))
        if not len(labels):
            return np.zeros(len(self._frame), np.bool_)
        labels[0] = False
        numbers = self._frame.number(kind)
        found: Mask = np.take(labels, numbers, mode="clip")
        return found & (numbers < len(labels))

    def _between(self, node: query.Between) -> Mask:
        if node.key in ("width", "height"):
            sides = self._sides[0 if node.key == "width" else 1]
            return self._with("dims", _inside(sides, node) & (sides > 0))
        values = self._frame.number("size" if node.key == "filesize" else node.key)
        found = _inside(values, node)
        return found & (values >= 0) if values.dtype.kind == "i" else found

    @cached_property
    def _sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The widths and heights that each label of `dims` stands for."""
        return sides(self._attributes.labels["dims"])

    def _dimensions(self, node: query.Dimensions) -> Mask:
        widths, heights = self._sides
        if node.compare == ">=":
            labels = (widths >= node.width) & (heights >= node.height)
        elif node.compare == "<=":
            labels = (widths <= node.width) & (heights <= node.height)
        else:
            labels = (widths == node.width) & (heights == node.height)
        return self._with("dims", labels)

    def _ratio(self, node: query.Ratio) -> Mask:
        ratios = ratios_of(self._sides)
        labels = (ratios > node.low) & (ratios < node.high) if node.open else _within(ratios, node.low, node.high)
        return self._with("dims", labels)

    def _flag(self, node: query.Flag) -> Mask:
        bit = _FLAGS.get(node.name)
        if bit is not None:
            found: Mask = (self._frame.flags & bit) != 0
            return found
        if node.name == "is:rated":
            return self._frame.rating > 0
        kind = "tag" if node.name == "is:tagged" else node.name.removeprefix("has:")
        return self._with(kind, np.ones(len(self._attributes.labels[kind]), np.bool_))

    def _kind(self, node: query.Kind) -> Mask:
        return self._ids(self._columns.ids[self._columns.kinds == KINDS.index(node.name)])

    def _folder(self, node: query.Folder) -> Mask:
        wanted = _pattern(f"/{node.path.casefold()}/")
        table = np.zeros(max(self._tree.by_id, default=0) + 1, np.bool_)
        for id, folder in self._tree.by_id.items():
            table[id] = wanted.search(f"/{folder.path.casefold()}/") is not None
        return self._ids(self._columns.ids[table[self._columns.folders]])

    def _dates(self, node: query.Dates) -> Mask:
        first = 0 if node.end is None else int(np.searchsorted(self._columns.keys, -nanoseconds(node.end), "right"))
        last = len(self._columns)
        if node.start is not None:
            last = int(np.searchsorted(self._columns.keys, -nanoseconds(node.start), "right"))
        return self._ids(self._columns.ids[first:last])

    def _seed(self, node: query.Seed) -> Mask:
        return self._ids(self._texts.seed(node.text))


def nanoseconds(moment: datetime) -> int:
    """A local time in nanoseconds since the epoch, clamped to what 64 bits hold."""
    try:
        seconds = moment.timestamp()
    except (OverflowError, OSError, ValueError):
        seconds = -math.inf if moment.year < 1970 else math.inf
    return int(max(-9.2e18, min(9.2e18, seconds * 1e9)))


def matching(labels: Labels, text: str, *, whole: bool) -> Mask:
    """For each label, whether it contains `text`, or is it when `whole`. ``*`` is anything.

    Folders and extensions of model files need not be given.
    """
    wanted = fold(text)
    if "*" in wanted:
        pattern = _pattern(wanted)
        fits = pattern.fullmatch if whole else pattern.search
        return np.array([bool(name) and fits(name) is not None for name in labels.folded], np.bool_)
    if not whole:
        return np.array([bool(name) and wanted in name for name in labels.folded], np.bool_)
    return np.array([bool(name) and wanted in (name, _stem(name)) for name in labels.folded], np.bool_)


def _stem(name: str) -> str:
    last = name.rpartition("/")[2]
    return last.rpartition(".")[0] or last


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(part) for part in re.split(r"\*+", text)), re.DOTALL)


def _plain(text: str) -> str:
    return _NOT_WORDS.sub(" ", fold(text)).strip()


def _within(values: NDArray[Any], low: float, high: float) -> Mask:
    found: Mask = (values >= low) & (values <= high)
    return found


def _inside(values: NDArray[Any], node: query.Between) -> Mask:
    low, high = node.low, node.high
    if values.dtype == np.float32:  # 7.1 is another number there
        low, high = _single(low), _single(high)
    above: Mask = values > low if node.open_low else values >= low
    below: Mask = values < high if node.open_high else values <= high
    return above & below


def _single(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def sides(labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The widths and heights that labels such as ``1024x1536`` stand for; 0 for the others."""
    known = labels.table
    begin = 0 if known is None else len(known)
    if begin < len(labels):
        pairs = [tuple(map(float, name.split("x"))) if name else (0.0, 0.0) for name in labels.names[begin:]]
        fresh = np.array(pairs, np.float64).reshape(-1, 2)
        labels.table = known = fresh if known is None else np.concatenate([known, fresh])
    assert known is not None  # there is a label at least: the empty one
    return known[:, 0], known[:, 1]


def ratios_of(table: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Width by height; NaN where it is not known."""
    widths, heights = table
    with np.errstate(divide="ignore", invalid="ignore"):
        return widths / heights


@dataclass(frozen=True)
class Found:
    """The files that a search found: their places, newest first."""

    columns: Columns
    places: Places
    memo: dict[str, Any] = field(default_factory=dict, compare=False)
    """For what is worked out of it."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """Their ids, in the same order. They are put together anew each time."""
        ids = self.columns.ids
        return ids if len(self.places) == len(ids) else ids[self.places]

    def blocks(self) -> Iterator[tuple[int, Places, NDArray[np.int64]]]:
        """The places and ids in parts, each with where in the whole it begins."""
        for start in range(0, len(self.places), BLOCK):
            places = self.places[start : start + BLOCK]
            yield start, places, self.columns.ids[places]

    def __len__(self) -> int:
        return len(self.places)


class Searcher:
    """Finds files of one library, and remembers the last searches as long as nothing changes."""

    def __init__(self, store: IndexStore, attributes: Callable[[], Attributes]) -> None:
        self.texts = TextIndex(store, attributes)
        self._attributes = attributes
        self._known: OrderedDict[tuple[Scope, Node], tuple[tuple[int, int], Found]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, snapshot: Snapshot, scope: Scope, node: Node) -> Found:
        """The files of `scope` for which the condition holds."""
        attributes = self._attributes()
        state = snapshot.serial, attributes.version
        with self._lock:
            known = self._known.get((scope, node))
            if known is not None and known[0] == state:
                self._known.move_to_end((scope, node))
                return known[1]
        places = snapshot.places(scope)
        if not isinstance(node, query.Everything):
            mask = Evaluator(snapshot, attributes, self.texts).mask(node)
            blocks = Found(snapshot.columns, places).blocks()
            # Quicker than `part[...]`, whose time depends on how the files that fit lie among the others.
            parts = [part.take(np.flatnonzero(look_up(mask, ids))) for _, part, ids in blocks]
            places = np.concatenate(parts or [places])
        found = Found(snapshot.columns, places)
        self._remember((scope, node), state, found)
        return found

    def _remember(self, key: tuple[Scope, Node], state: tuple[int, int], found: Found) -> None:
        with self._lock:
            # What was found in an older picture of the library would keep all of that in memory.
            for old in [old for old, (other, _) in self._known.items() if other != state]:
                del self._known[old]
            self._known[key] = state, found
            total = sum(map(_weight, self._known.items()))
            while len(self._known) > _REMEMBERED or (total > _REMEMBERED_PLACES and len(self._known) > 1):
                total -= _weight(self._known.popitem(last=False))

    def facets(self, snapshot: Snapshot, scope: Scope, found: Found) -> dict[str, Counted]:
        """How the files that were found in `scope` divide, see `facets`. Most of all files cost no more than few."""
        known: dict[str, Counted] | None = found.memo.get("facets")
        if known is None:
            attributes = self._attributes()
            whole = self.find(snapshot, scope, query.Everything())
            counts = _counts_within(whole, found, attributes)
            known = found.memo["facets"] = facets(found, snapshot, attributes, counts)
        return known

    def relevance(self, found: Found, node: Node) -> NDArray[np.float64]:
        """How well each file fits the words of a condition, the lower the better. Of very many, the newest count."""
        scores = np.zeros(len(found))
        words = list(positive_words(node))
        if not words or not len(found):
            return scores
        ids = found.ids
        lowest = int(np.partition(ids, -_SCORED)[-_SCORED]) if len(ids) > _SCORED else 0
        scored, values = self.texts.scores(" OR ".join(f"({expression(word)})" for word in words), lowest)
        if not len(scored):
            return scores
        recent = np.flatnonzero(ids >= lowest)
        places = np.minimum(np.searchsorted(scored, ids[recent]), len(scored) - 1)
        scores[recent] = np.where(scored[places] == ids[recent], values[places], 0.0)
        return scores


def _weight(known: tuple[tuple[Scope, Node], tuple[tuple[int, int], Found]]) -> int:
    """The places that a remembered search keeps in memory. Those of all files the snapshot has anyway."""
    (_, node), (_, found) = known
    return 0 if isinstance(node, query.Everything) else len(found)


_SCORED = 4000


def positive_words(node: Node) -> Iterable[Words]:
    """The words that a condition asks for, not those that it excludes."""
    if isinstance(node, Words):
        yield node
    elif isinstance(node, And | Or):
        for one in node.nodes:
            yield from positive_words(one)


# Counting


Counted = list[tuple[str | int, int]]
"""Values with the number of files that have them, the most frequent first."""


Counts = dict[str, NDArray[np.int64]]
"""For each kind of label, and for kinds, folders, ratings and flags: how many files have which number."""

_BYTE = 256


def counts_of(found: Found, attributes: Attributes) -> Counts:
    """Count what was found."""
    known: Counts | None = found.memo.get("counts")
    if known is not None:
        return known
    frame, columns = attributes.frame, found.columns
    lengths = {name: len(attributes.labels[name]) for name in SINGLE}
    lengths |= {"rating": _BYTE, "flags": _BYTE, "kind": len(KINDS)}
    lengths["folder"] = int(columns.folders.max(initial=0)) + 1
    counts = {name: np.zeros(length, np.int64) for name, length in lengths.items()}
    mask = np.zeros(len(frame), np.bool_)
    for _, places, ids in found.blocks():
        if columns.highest >= len(frame):
            ids = ids[ids < len(frame)]
        mask[ids] = True
        values = {name: frame.number(name)[ids] for name in (*SINGLE, "rating", "flags")}
        values |= {"kind": columns.kinds[places], "folder": columns.folders[places]}
        for name, numbers in values.items():
            length = lengths[name]
            counts[name] += np.bincount(numbers, minlength=length)[:length]
    for name in SEVERAL:
        counts[name] = attributes.pairs[name].counts(mask, len(attributes.labels[name]))
    found.memo["counts"] = counts
    return counts


def _counts_within(whole: Found, found: Found, attributes: Attributes) -> Counts:
    """Count what was found, or what was not: the fewer of `whole`, of which all that was found is a part."""
    if whole.columns is not found.columns or 2 * len(found) <= len(whole):
        return counts_of(found, attributes)
    total = counts_of(whole, attributes)
    if len(found) == len(whole):
        return total
    missing = np.zeros(len(whole.columns), np.bool_)
    missing[whole.places] = True
    missing[found.places] = False
    rest = counts_of(Found(whole.columns, np.flatnonzero(missing).astype(np.int32)), attributes)
    return {name: _less(counts, rest[name]) for name, counts in total.items()}


def _less(counts: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The difference; labels may have come between the two."""
    found = counts.copy()
    length = min(len(counts), len(other))
    found[:length] -= other[:length]
    return np.maximum(found, 0)


def facets(
    found: Found, snapshot: Snapshot, attributes: Attributes, counts: Counts | None = None
) -> dict[str, Counted]:
    """How the files that were found divide, by keys and values of the query language: 50 each, all months.

    `counts` are those of what was found, where they are known.
    """
    counts = counts or counts_of(found, attributes)
    result: dict[str, Counted] = {}
    result["kind"] = _top(dict(zip(KINDS, counts["kind"].tolist(), strict=True)))
    for kind in (*SEVERAL, *SINGLE):
        result["size" if kind == "dims" else kind] = _named(attributes.labels[kind], counts[kind])
    result["ratio"] = _shapes(attributes.labels["dims"], counts["dims"])
    result["rating"] = _ratings(counts["rating"])
    result["folder"] = _top(_folders(counts["folder"], snapshot))
    result["date"] = _months(found)
    for key, name, bit in (("is", "favorite", FAVORITE), ("has", "prompt", PROMPT), ("has", "workflow", WORKFLOW)):
        count = int(counts["flags"][(np.arange(_BYTE) & bit) != 0].sum())
        result.setdefault(key, []).extend([(name, count)] if count else [])
    return result


def values_of(key: str, found: Found, snapshot: Snapshot, attributes: Attributes) -> Counted:
    """All values of a key of the query language, with the number of files that have them."""
    if key == "folder":
        return _top(_folders(counts_of(found, attributes)["folder"], snapshot), most=None)
    if key == "date":
        return _months(found)
    if key == "rating":
        return _ratings(counts_of(found, attributes)["rating"])
    return [*attributes.counts("dims" if key == "size" else key)]


def _ratings(counts: NDArray[np.int64]) -> Counted:
    return [(value, int(counts[value])) for value in range(5, -1, -1) if counts[value]]


def _folders(counts: NDArray[np.int64], snapshot: Snapshot) -> dict[str, int]:
    paths = snapshot.tree.by_id
    return {paths[id].path: int(counts[id]) for id in np.flatnonzero(counts).tolist() if id in paths}


def _top(counts: dict[str, int], most: int | None = _TOP) -> Counted:
    best = sorted((name for name, count in counts.items() if count), key=lambda name: (-counts[name], name))
    found: Counted = [(name, counts[name]) for name in best[:most]]
    return found


def _named(labels: Labels, counts: NDArray[np.int64]) -> Counted:
    """The most frequent labels."""
    counts = counts[: len(labels)].copy()
    counts[:1] = 0
    best = np.argsort(-counts, kind="stable")[:_TOP]
    return _top({labels.names[number]: int(counts[number]) for number in best.tolist() if labels.names[number]})


def _shapes(labels: Labels, counts: NDArray[np.int64]) -> Counted:
    ratios = ratios_of(sides(labels))[: len(counts)]
    counts = counts[: len(ratios)]
    shapes = {"portrait": ratios < 1, "square": ratios == 1, "landscape": ratios > 1}
    return _top({name: int(counts[chosen].sum()) for name, chosen in shapes.items()})


_FIRST_YEAR, _LAST_YEAR = 1980, 2107
"""Files of other times have been given them by mistake."""


def _months(found: Found) -> Counted:
    """How many files of which month, the latest month first."""
    if not len(found):
        return []
    keys, places = found.columns.keys, found.places
    newest = _year(-int(keys[places[0]]))
    oldest = _year(-int(keys[places[-1]]))
    names, starts = [], []
    for year in range(max(oldest, _FIRST_YEAR), min(newest, _LAST_YEAR) + 1):
        for month in range(1, 13):
            names.append(f"{year}-{month:02}")
            starts.append(nanoseconds(datetime(year, month, 1)))
    starts.append(nanoseconds(datetime(min(newest, _LAST_YEAR) + 1, 1, 1)))
    edges = np.searchsorted(keys, -np.array(starts, np.int64), "right")
    positions = np.searchsorted(places, edges, "left")
    counts = positions[:-1] - positions[1:]
    latest = zip(reversed(names), counts[::-1].tolist(), strict=True)
    return [(name, count) for name, count in latest if count]


def _year(ns: int) -> int:
    try:
        return datetime.fromtimestamp(ns / 1e9).year
    except (OverflowError, OSError, ValueError):
        return _FIRST_YEAR if ns < 0 else _LAST_YEAR
