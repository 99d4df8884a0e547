"""Searches, orders and counts, compared with the same done one file at a time."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozygen.gallery import attributes, library, ordering, search
from cozygen.gallery.attributes import Attributes, Noted, Pairs
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.details import Details, Enriched
from cozygen.gallery.finder import Find, Finder
from cozygen.gallery.index import IndexStore
from cozygen.gallery.library import Library
from cozygen.gallery.ordering import BadCursor, Cursor, Sort, decode_cursor, parse_sort, smallest
from cozygen.gallery.query import (
    And,
    Between,
    Dates,
    Dimensions,
    Everything,
    Flag,
    Folder,
    Kind,
    Label,
    Node,
    Not,
    Or,
    Ratio,
    Seed,
    Words,
)
from cozygen.gallery.search import facets
from cozygen.storage.paths import Root

EVERYTHING = Scope("", recursive=True)
ANY = Everything()
FOLDERS = ["", "a", "a/b", "c d"]


@dataclass(frozen=True)
class Fake:
    """A file of the index that is on no disk."""

    folder: str
    name: str
    kind: int
    size: int
    mtime: int
    dims: tuple[int, int] | None
    duration: float | None
    positive: str | None
    models: tuple[str, ...]
    loras: tuple[str, ...]
    sampler: str | None
    steps: int | None
    cfg: float | None
    seed: str | None
    workflow: bool
    favorite: bool
    rating: int
    tags: tuple[str, ...]

    @property
    def details(self) -> Details:
        meta = None
        if self.positive is not None:
            loras = json.dumps([[name, 1.0, None] for name in self.loras])
            numbers = (self.steps, self.cfg, None, self.seed, None, None, int(self.workflow), "{}")
            models = json.dumps(self.models)
            meta = ("comfyui", self.positive, "ugly", models, loras, None, self.sampler, None, *numbers)
        width, height = self.dims or (None, None)
        return Details(width, height, self.duration, None, meta)

    @property
    def texts(self) -> list[str]:
        found = [self.name]
        if self.positive is not None:
            found += [self.positive, "ugly", *self.models, *self.loras]
        return [*found, *self.tags]


MODELS, LORAS, TAGS = (
    ["sd/dream.safetensors", "Flux_dev.gguf"],
    ["ink.safetensors", "x/Ink v2.safetensors"],
    ["best", "to do"],
)
PROMPTS = ["a red fox", "red castle", "fox_castle, night", ""]
fakes = st.builds(
    Fake,
    folder=st.sampled_from(FOLDERS),
    name=st.sampled_from(["fox.png", "Owl 2.png", "owl 10.png", "Ä.png", "b_c.png"]),
    kind=st.integers(0, 2),
    size=st.integers(0, 3),
    mtime=st.integers(0, 5).map(lambda month: int(datetime(2026, 1 + month, 15).timestamp())),
    dims=st.sampled_from([None, (512, 512), (512, 768), (1024, 576)]),
    duration=st.sampled_from([None, 1.5, 60.0]),
    positive=st.none() | st.sampled_from(PROMPTS),
    models=st.lists(st.sampled_from(MODELS), unique=True).map(tuple),
    loras=st.lists(st.sampled_from(LORAS), unique=True).map(tuple),
    sampler=st.sampled_from([None, "euler", "euler_a"]),
    steps=st.sampled_from([None, 20, 30]),
    cfg=st.sampled_from([None, 4.0, 7.1]),
    seed=st.sampled_from([None, "7", "18446744073709551615"]),
    workflow=st.booleans(),
    favorite=st.booleans(),
    rating=st.integers(0, 5),
    tags=st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
)
libraries = st.lists(fakes, max_size=12, unique_by=lambda fake: (fake.folder, fake.name))


class Rig:
    """An index that knows what it is told, and the same as a list."""

    def __init__(self, base: Path) -> None:
        self.store = IndexStore(base / "index.db")
        self.store.open()
        self.library = Library("output", Root(base / "nowhere"), self.store)
        self.finder = Finder(self.library)
        self.files: dict[int, Fake] = {}

    def fill(self, files: list[Fake]) -> None:
        writer = self.store.writer
        writer.execute("DELETE FROM files")
        writer.execute("DELETE FROM meta")
        writer.execute("DELETE FROM folders")
        writer.execute("INSERT INTO texts (texts) VALUES ('delete-all')")
        writer.execute("DELETE FROM roots")
        self.library.load()
        root = writer.execute("SELECT id FROM roots").fetchone()[0]
        for path in FOLDERS[1:]:
            writer.execute(
                "INSERT INTO folders (root, path, changed_ns, mtime_ns, inode, settled, scanned) VALUES (?, ?, 0, 0, 0, 1, 1)",
                (root, path),
            )
        ids = dict(writer.execute("SELECT path, id FROM folders"))
        self.files = {}
        for fake in files:
            row = (ids[fake.folder], fake.name, fake.kind, fake.size, fake.mtime * 10**9)
            id = writer.execute(
                "INSERT INTO files (folder, name, kind, size, mtime_ns, inode) VALUES (?, ?, ?, ?, ?, 0)", row
            ).lastrowid
            assert id is not None
            self.files[id] = fake
        found = [Enriched(id, fake.size, fake.mtime * 10**9, fake.details) for id, fake in self.files.items()]
        for _ in self.library.enrich(found):
            pass
        self.library.load()
        for _ in self.library.load_attributes():
            pass
        self.library.complete = True
        for id, fake in self.files.items():
            if fake.favorite or fake.rating or fake.tags:
                noted = Noted(id, fake.favorite, fake.rating, False, fake.tags)
                self.library.attributes.note({id: noted})

    def find(self, node: Node, scope: Scope = EVERYTHING) -> set[int]:
        return set(self.finder.ids(self.library.snapshot, scope, node))

    def ordered(
        self, sort: Sort, *, count: int | None = None, after: Cursor | None = None, node: Node = ANY
    ) -> tuple[list[int], Cursor | None]:
        found = self.finder.matches(self.library.snapshot, EVERYTHING, Find(node, sort, after), (), 0, count)
        return [row.id for row in found.rows if row is not None], found.next


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """So that a dozen of files are several."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (attributes, search, ordering):
            patch.setattr(module, "BLOCK", 3)
        patch.setattr(search, "_IDS_AT_ONCE", 5)
        yield


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("index"))
    yield made
    made.store.close()


STEADY = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)


def tokens(text: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in text.casefold().replace("ä", "a")).split()


def says(fake: Fake, words: str, *, prefix: bool = False) -> bool:
    wanted = tokens(words)
    for text in fake.texts:
        known = tokens(text)
        for start in range(len(known) - len(wanted) + 1):
            part = known[start : start + len(wanted)]
            if part == wanted or (prefix and part[:-1] == wanted[:-1] and part[-1].startswith(wanted[-1])):
                return True
    return False


LEAVES: list[tuple[Node, Callable[[Fake], bool]]] = [
    (Everything(), lambda f: True),
    (Words("fox"), lambda f: says(f, "fox")),
    (Words("red fox"), lambda f: says(f, "red fox")),
    (Words("FOX_castle"), lambda f: says(f, "fox castle")),
    (Words("cas", prefix=True), lambda f: says(f, "cas", prefix=True)),
    (Words("do"), lambda f: says(f, "do")),
    (Words("a"), lambda f: says(f, "a")),
    (Words("nothing"), lambda f: False),
    (Words("ugly", "negative"), lambda f: f.positive is not None),
    (Words("owl", "name"), lambda f: "owl" in f.name.lower()),
    (Words('"quoted" (x) * ^ : + -'), lambda f: False),
    (Label("model", "dream", False), lambda f: f.positive is not None and MODELS[0] in f.models),
    (Label("model", "flux dev", True), lambda f: f.positive is not None and MODELS[1] in f.models),
    (Label("lora", "ink", False), lambda f: f.positive is not None and bool(f.loras)),
    (Label("lora", "ink", True), lambda f: f.positive is not None and LORAS[0] in f.loras),
    (Label("sampler", "euler", True), lambda f: f.positive is not None and f.sampler == "euler"),
    (Label("sampler", "euler*", True), lambda f: f.positive is not None and f.sampler is not None),
    (Label("tag", "TO_DO", True), lambda f: "to do" in f.tags),
    (Label("album", "any", True), lambda f: False),
    (Between("steps", 20, math.inf, open_low=True), lambda f: f.positive is not None and f.steps == 30),
    (Between("steps", high=30), lambda f: f.positive is not None and f.steps is not None),
    (Between("cfg", 7.1, 7.1), lambda f: f.positive is not None and f.cfg == 7.1),
    (Between("cfg", high=7.1, open_high=True), lambda f: f.positive is not None and f.cfg == 4.0),
    (Between("rating", 4), lambda f: f.rating >= 4),
    (Between("duration", 1.0, 2.0), lambda f: f.duration == 1.5),
    (Between("filesize", 2, 2), lambda f: f.size == 2),
    (Between("width", 600), lambda f: f.dims == (1024, 576)),
    (Between("height", high=600), lambda f: f.dims is not None and f.dims[1] <= 600),
    (Dimensions(512, 768, "="), lambda f: f.dims == (512, 768)),
    (Dimensions(512, 512, ">="), lambda f: f.dims is not None),
    (Dimensions(600, 900, "<="), lambda f: f.dims in ((512, 512), (512, 768))),
    (Ratio(0, 1, open=True), lambda f: f.dims == (512, 768)),
    (Ratio(16 / 9 * 0.99, 16 / 9 * 1.01), lambda f: f.dims == (1024, 576)),
    (Flag("is:favorite"), lambda f: f.favorite),
    (Flag("is:tagged"), lambda f: bool(f.tags)),
    (Flag("is:rated"), lambda f: f.rating > 0),
    (Flag("has:workflow"), lambda f: f.positive is not None and f.workflow),
    (Flag("has:prompt"), lambda f: f.positive is not None),
    (Flag("has:lora"), lambda f: f.positive is not None and bool(f.loras)),
    (Kind("video"), lambda f: f.kind == 1),
    (Folder("a"), lambda f: f.folder.startswith("a")),
    (Folder("A/B"), lambda f: f.folder == "a/b"),
    (Folder("c*"), lambda f: f.folder == "c d"),
    (Dates(datetime(2026, 2, 1), datetime(2026, 4, 1)), lambda f: datetime.fromtimestamp(f.mtime).month in (2, 3)),
    (Dates(None, datetime(2026, 2, 1)), lambda f: datetime.fromtimestamp(f.mtime).month == 1),
    (Seed("18446744073709551615"), lambda f: f.positive is not None and f.seed == "18446744073709551615"),
]  # fmt: skip


@STEADY
@given(files=libraries)
def test_every_condition_holds_for_the_files_that_it_is_about(rig: Rig, files: list[Fake]) -> None:
    rig.fill(files)
    for node, holds in LEAVES:
        assert rig.find(node) == {id for id, fake in rig.files.items() if holds(fake)}, node


def combined(
    leaves: st.SearchStrategy[tuple[Node, Callable[[Fake], bool]]],
) -> st.SearchStrategy[tuple[Node, Callable[[Fake], bool]]]:
    pairs = st.lists(leaves, min_size=2, max_size=4)
    return st.one_of(
        leaves.map(lambda leaf: (Not(leaf[0]), lambda f: not leaf[1](f))),
        pairs.map(lambda found: (And(tuple(node for node, _ in found)), lambda f: all(holds(f) for _, holds in found))),
        pairs.map(lambda found: (Or(tuple(node for node, _ in found)), lambda f: any(holds(f) for _, holds in found))),
    )


@STEADY
@given(
    files=libraries,
    query=st.recursive(st.sampled_from(LEAVES), combined, max_leaves=8),
    kind=st.sampled_from([None, 0]),
    subfolder=st.sampled_from(["", "a"]),
)
def test_conditions_combine(
    rig: Rig, files: list[Fake], query: tuple[Node, Callable[[Fake], bool]], kind: int | None, subfolder: str
) -> None:
    rig.fill(files)
    node, holds = query
    scope = Scope(subfolder, recursive=True, kind=kind)
    wanted = {
        id
        for id, fake in rig.files.items()
        if holds(fake) and kind in (None, fake.kind) and fake.folder.startswith(subfolder)
    }
    assert rig.find(node, scope) == wanted


KEYS: dict[str, Callable[[Fake], tuple[object, ...]]] = {
    "newest": lambda f: (-f.mtime, f.name),
    "name": lambda f: (f.name.translate({c: c + 32 for c in range(65, 91)}), f.name),
    "size": lambda f: (-f.size, -f.mtime, f.name),
    "rating": lambda f: (-f.rating, -f.mtime, f.name),
    "duration": lambda f: (-(f.duration or -1), -f.mtime, f.name),
}
sorts = st.sampled_from(
    ["newest", "oldest", "name", "size", "rating", "duration", "random:1", "random:abcdefghijkl", "relevance"]
).map(parse_sort)


@STEADY
@given(files=libraries, sort=sorts, count=st.integers(1, 5))
def test_pages_follow_one_another_in_order(rig: Rig, files: list[Fake], sort: Sort, count: int) -> None:
    rig.fill(files)
    node = Words("fox") if sort.name == "relevance" else Everything()
    whole, none = rig.ordered(sort, node=node)
    assert none is None
    keys = [
        KEYS["newest" if sort.name == "oldest" else sort.name](rig.files[id])
        for id in whole
        if sort.name in (*KEYS, "oldest")
    ]
    assert keys == sorted(keys, reverse=sort.name == "oldest")
    assert set(whole) == rig.find(node)
    found: list[int] = []
    after: Cursor | None = None
    while True:
        page, after = rig.ordered(sort, count=count, after=after, node=node)
        found += page
        if after is None:
            break
        assert len(page) == count
        after = decode_cursor(after.encode(), sort)
    assert found == whole


@STEADY
@given(
    files=libraries.filter(bool), sort=sorts.filter(lambda sort: sort.name not in ("random", "rating")), data=st.data()
)
def test_a_page_goes_on_after_a_file_that_has_gone(
    rig: Rig, files: list[Fake], sort: Sort, data: st.DataObject
) -> None:
    rig.fill(files)
    whole, _ = rig.ordered(sort)
    place = data.draw(st.integers(0, len(whole) - 1))
    page, after = rig.ordered(sort, count=place + 1)
    gone = data.draw(st.sets(st.sampled_from(whole)))
    if after is None:
        assert page == whole
        return
    for id in gone:
        rig.store.writer.execute("DELETE FROM files WHERE id = ?", (id,))
    rig.library.load()
    for _ in rig.library.load_attributes():
        pass
    rest, _ = rig.ordered(sort, after=after)
    # A name may be there in two folders: the one that has gone cannot be told from the other one then.
    expected = [id for id in whole[place + 1 :] if id not in gone]
    last = rig.files[page[-1]]
    twins = {id for id, fake in rig.files.items() if (fake.name, fake.mtime) == (last.name, last.mtime)}
    assert [id for id in rest if id not in twins] == [id for id in expected if id not in twins]


@STEADY
@given(files=libraries)
def test_counts_are_those_of_the_files(rig: Rig, files: list[Fake]) -> None:
    rig.fill(files)
    snapshot, found = (
        rig.library.snapshot,
        rig.finder.searcher.find(rig.library.snapshot, EVERYTHING, Flag("has:prompt")),
    )
    chosen = [fake for fake in rig.files.values() if fake.positive is not None]
    straight = facets(found, snapshot, rig.library.attributes)
    assert rig.finder.searcher.facets(snapshot, EVERYTHING, found) == straight  # by what was not found, perhaps
    counted = {key: dict(values) for key, values in straight.items()}
    assert counted["model"] == Counter(name for fake in chosen for name in fake.models)
    assert counted["lora"] == Counter(name for fake in chosen for name in fake.loras)
    assert counted["tag"] == Counter(tag for fake in chosen for tag in fake.tags)
    assert counted["sampler"] == Counter(fake.sampler for fake in chosen if fake.sampler)
    assert counted["folder"] == Counter(fake.folder for fake in chosen)
    assert counted["rating"] == Counter(fake.rating for fake in chosen)
    assert counted["size"] == Counter(f"{fake.dims[0]}x{fake.dims[1]}" for fake in chosen if fake.dims)
    assert counted["date"] == Counter(f"{datetime.fromtimestamp(fake.mtime):%Y-%m}" for fake in chosen)
    assert counted["kind"] == Counter(("image", "video", "audio")[fake.kind] for fake in chosen)


def described(id: int, sampler: str | None = None, duration: float | None = None) -> tuple[object, ...]:
    return (id, 512, 512, duration, "comfyui", sampler, None, 20, 7.0, None, "[]", "[]", 0)


def test_columns_become_as_wide_as_the_labels_need() -> None:
    known = Attributes()
    known.admit([(id, 1) for id in range(1, 70_001)])
    known.describe([described(id, f"sampler {id}") for id in range(1, 251)])
    assert known.frame.sampler.dtype == np.uint8
    known.describe([described(id, f"sampler {id}") for id in range(251, 501)])
    assert known.frame.sampler.dtype == np.uint16
    known.describe([described(id, f"sampler {id}") for id in range(501, 70_001)])
    names = known.labels["sampler"].names
    assert [names[number] for number in known.frame.sampler[1:].tolist()] == [
        f"sampler {id}" for id in range(1, 70_001)
    ]
    known.reserve(200_000)
    assert known.frame.sampler[70_000] == 70_000


def test_what_nothing_was_known_of_can_be_told_later() -> None:
    known = Attributes()
    known.admit([(1, 10), (2, 20)])
    known.describe([described(1)])
    known.carry({1: 3})
    assert known.measures([3])[3].duration is None
    known.describe([described(2, duration=1.5)])
    known.reserve(100_000)
    known.carry({2: 4})
    found = known.measures([3, 4, 99_999])
    assert [found[id].duration for id in (3, 4, 99_999)] == [None, 1.5, None]


@given(st.lists(st.integers(-3, 3).map(float), max_size=20), st.integers(0, 25))
def test_the_smallest_come_first_equal_ones_as_they_are(values: list[float], count: int) -> None:
    found = smallest(np.array(values, np.float64), count).tolist()
    assert found == sorted(range(len(values)), key=lambda place: values[place])[:count]


@given(st.text(max_size=50))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(text, Sort())


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = Cursor("name", 0.0, 1, "a", 2)
    assert decode_cursor(cursor.encode(), Sort("name")) == cursor
    with pytest.raises(BadCursor):
        decode_cursor(cursor.encode(), Sort("size"))
    endless = Cursor("duration", math.inf, 1, "ä", None)
    assert decode_cursor(endless.encode(), Sort("duration")) == endless


def test_new_files_are_put_in_their_places_by_name(rig: Rig) -> None:
    base = Fake("", "", 0, 1, 10**9, None, None, None, (), (), None, None, None, None, False, False, 0, ())
    rig.fill([replace(base, name=name) for name in ("b.png", "D.png", "f.png")])
    names = {id: fake.name for id, fake in rig.files.items()}
    assert [names[id] for id in rig.ordered(Sort("name"))[0]] == ["b.png", "D.png", "f.png"]
    folder = rig.store.writer.execute("SELECT id FROM folders WHERE path = ''").fetchone()[0]
    for name in ("E.png", "a.png", "c.png", "z.png", "d.png"):
        cursor = rig.store.writer.execute(
            "INSERT INTO files (folder, name, kind, size, mtime_ns, inode) VALUES (?, ?, 0, 1, 5, 0)", (folder, name)
        )
        names[cursor.lastrowid or 0] = name
    rig.library.load()
    assert [names[id] for id in rig.ordered(Sort("name"))[0]] == [
        "a.png",
        "b.png",
        "c.png",
        "D.png",
        "d.png",
        "E.png",
        "f.png",
        "z.png",
    ]


@pytest.mark.parametrize("fault", ["lost", "too many"])
def test_texts_that_are_lost_or_too_many_are_indexed_again(
    rig: Rig, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Fake("", "", 0, 1, 10**9, None, None, "a red fox", (), (), None, None, None, None, False, False, 0, ())
    rig.fill([replace(base, name=f"{number}.png") for number in range(5)])
    texts = "INSERT INTO texts (rowid, name, positive, negative, resources) VALUES (?, 'x', 'fox', '', '')"
    if fault == "lost":
        rig.store.writer.execute("INSERT INTO texts (texts) VALUES ('delete-all')")
    else:
        monkeypatch.setattr(library, "_SPARE_TEXTS", 0)
        rig.store.writer.executemany(texts, [(number,) for number in range(10_000, 10_020)])
    rig.library.load()
    for _ in rig.library.load_attributes():
        pass
    assert rig.find(Words("fox")) == set(rig.files)
    assert rig.store.writer.execute("SELECT count(*) FROM texts_docsize").fetchone() == (5,)


# Attributes


labels = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), max_size=30, unique=True)


@given(
    labels,
    st.lists(
        st.one_of(
            st.tuples(st.just("drop"), st.integers(1, 9)),
            st.tuples(st.just("label"), st.integers(1, 4)),
            st.tuples(st.just("carry"), st.integers(1, 9)),
        ),
        max_size=6,
    ),
)
def test_pairs_are_as_a_set_of_pairs(given_: list[tuple[int, int]], steps: list[tuple[str, int]]) -> None:
    pairs, model = Pairs(), set(given_)
    pairs.extend([file for file, _ in given_], [label for _, label in given_])
    for step, number in steps:
        if step == "drop":
            pairs.drop(np.array([number]))
            model = {pair for pair in model if pair[0] != number}
        elif step == "label":
            pairs.drop_label(number)
            model = {pair for pair in model if pair[1] != number}
        elif number + 10 not in {file for file, _ in model}:
            pairs.carry({number: number + 10})
            model = {(file + 10 if file == number else file, label) for file, label in model}
    everybody = np.ones(30, np.bool_)
    assert pairs.counts(everybody, 5).tolist() == [sum(label == one for _, label in model) for one in range(5)]
    wanted = np.array([False, True, False, True, False])
    assert set(np.flatnonzero(pairs.with_labels(wanted, 30)).tolist()) == {
        file for file, label in model if label in (1, 3)
    }
    assert {file: set(found) for file, found in pairs.of(list(range(1, 20))).items()} == {
        file: {label for other, label in model if other == file} for file, _ in model
    }


def test_many_pairs_that_have_gone_leave_room() -> None:
    pairs = Pairs()
    pairs.extend(list(range(1, 5001)), [1] * 5000)
    pairs.drop(np.arange(1, 4000))
    assert len(pairs.view()[0]) == 1001
    assert pairs.counts(np.ones(6000, np.bool_), 2).tolist() == [0, 1001]


def test_a_file_that_gets_another_id_keeps_what_is_known_of_it() -> None:
    attributes = Attributes()
    attributes.admit([(1, 10), (2, 20)])
    attributes.describe([(1, 512, 768, None, "comfyui", "euler", None, 20, 7.0, None, '["m"]', '[["l", 1, 1]]', 1)])
    attributes.note({1: Noted(5, True, 3, False, ["t"])})
    attributes.carry({1: 3})
    assert attributes.notes([1, 2, 3]).keys() == {3}
    measures = attributes.measures([3])[3]
    assert (measures.width, measures.height, measures.duration) == (512, 768, None)
    assert attributes.counts("model") == [("m", 1)] and attributes.counts("sampler") == [("euler", 1)]
    attributes.forget([3])
    assert attributes.counts("model") == attributes.counts("tag") == []
