"""What the index knows, compared with what is on disk, after all that can happen there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.details import Enriched, describe
from cozygen.gallery.index import IndexStore
from cozygen.gallery.library import Change, Library, by_folder
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.scan import KINDS, Unreachable
from cozygen.storage.paths import Root

EVERYTHING = Scope("", recursive=True, show_hidden=True)


class Rig:
    """A library whose worker is the test itself."""

    def __init__(self, base: Path, *, follow_symlinks: bool = False) -> None:
        self.folder = base / "out"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = IndexStore(base / "data" / "index.db")
        self.store.open()
        self.changes: list[Change] = []
        self.library = Library(
            "output", Root(self.folder, follow_symlinks=follow_symlinks), self.store, self.changes.extend
        )
        self.library.load()

    def file(self, path: str, data: bytes = b"x", mtime: float | None = None) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if mtime is not None:
            os.utime(target, (mtime, mtime))
        return target

    def scan(self, paths: list[str] | None = None, *, thorough: bool = False) -> None:
        stale = self.library.stale(self.library.snapshot, EVERYTHING) if paths is None else paths
        for _ in self.library.rescan(stale, deep=True, thorough=thorough):
            pass
        self.library.complete = True

    def names(self, scope: Scope = EVERYTHING) -> list[str]:
        snapshot = self.library.snapshot
        rows = self.library.rows(snapshot, snapshot.ids(scope, 0, None))
        assert None not in rows
        return [row.path for row in rows if row]

    def news(self) -> set[tuple[str, bool]]:
        found = {(change.subfolder, change.hidden) for change in self.changes}
        self.changes.clear()
        return found

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_newest_first_then_by_name(rig: Rig) -> None:
    for name, mtime in (("b.png", 10), ("a.png", 10), ("c.png", 30), ("x/d.png", 20), ("x/a.png", 10)):
        rig.file(name, mtime=mtime)
    rig.scan()
    names = rig.names()
    assert names[:2] == ["c.png", "x/d.png"]
    assert sorted(names[2:4]) == ["a.png", "x/a.png"]
    assert names[4] == "b.png"
    assert rig.names(Scope("")) == ["c.png", "a.png", "b.png"]
    assert rig.names(Scope("x")) == ["x/d.png", "x/a.png"]


def test_many_of_the_same_time_stay_in_order(rig: Rig) -> None:
    for number in range(0, 900, 3):
        rig.file(f"{number:04}.png", mtime=50)
    rig.scan()
    for number in range(1, 900, 3):
        rig.file(f"{number:04}.png", mtime=50)
    rig.scan()
    for number in (5, 2, 8):
        rig.file(f"{number:04}.png", mtime=50)
    rig.scan()
    assert rig.names() == sorted(rig.names())
    assert len(rig.names()) == 603


def test_only_media_are_shown(rig: Rig) -> None:
    shown = "a.PNG b.jpg c.jpeg d.gif e.webp f.bmp g.tif h.tiff i.avif j.apng k.mp4 l.webm m.mov n.mkv o.mp3 p.wav q.flac r.ogg s.m4a t.opus"
    for name in shown.split():
        rig.file(name)
    for name in ("x.svg", "x.txt", "x.json", "png", ".png", "x.png.tmp", "x.safetensors", ".cozygen-0.png"):
        rig.file(name)
    (rig.folder / "folder.png").mkdir()
    rig.file(".cozygen-trash/files/x.png")
    os.mkfifo(rig.folder / "pipe.png")
    rig.scan()
    assert sorted(rig.names()) == shown.split()
    counts = {kind: len(rig.names(Scope(kind=code))) for code, kind in enumerate(KINDS)}
    assert counts == {"image": 10, "video": 4, "audio": 6}


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_cannot_be_asked_for_are_left_out(rig: Rig) -> None:
    for name in (b"\xff.png", b"new\nline.png", b"back\\slash.png", b"C:drive.png"):
        (rig.folder / os.fsdecode(name)).write_bytes(b"x")
    (rig.folder / os.fsdecode(b"\xfe")).mkdir()
    rig.file("good \u00e9\U0001f600.png")
    rig.scan()
    assert rig.names() == ["good \u00e9\U0001f600.png"]


Step = Callable[[Rig], object]

STEPS: list[tuple[str, Step, list[str], set[tuple[str, bool]]]] = [
    ("a file appears", lambda r: r.file("a/new.png"), ["a/1.png", "a/b/2.png", "a/new.png"], {("a", False)}),
    ("a file vanishes", lambda r: (r.folder / "a/1.png").unlink(), ["a/b/2.png"], {("a", False)}),
    (
        "a file is renamed",
        lambda r: (r.folder / "a/1.png").rename(r.folder / "a/0.png"),
        ["a/0.png", "a/b/2.png"],
        {("a", False)},
    ),
    (
        "a file moves",
        lambda r: (r.folder / "a/1.png").rename(r.folder / "a/b/1.png"),
        ["a/b/1.png", "a/b/2.png"],
        {("a", False), ("a/b", False)},
    ),
    ("a folder vanishes", lambda r: shutil.rmtree(r.folder / "a/b"), ["a/1.png"], {("a", False), ("a/b", False)}),
    (
        "a folder is renamed",
        lambda r: (r.folder / "a").rename(r.folder / "z"),
        ["z/1.png", "z/b/2.png"],
        {("", False), ("a", False), ("a/b", False), ("z", False), ("z/b", False)},
    ),
    (
        "a folder appears",
        lambda r: r.file("n/m/3.png"),
        ["a/1.png", "a/b/2.png", "n/m/3.png"],
        {("", False), ("n", False), ("n/m", False)},
    ),
    ("a hidden file appears", lambda r: r.file("a/.h.png"), ["a/.h.png", "a/1.png", "a/b/2.png"], {("a", True)}),
    ("nothing happens", lambda r: None, ["a/1.png", "a/b/2.png"], set()),
    ("another program's file appears", lambda r: r.file("a/notes.txt"), ["a/1.png", "a/b/2.png"], set()),
]


@pytest.mark.parametrize(("step", "names", "news"), [entry[1:] for entry in STEPS], ids=[entry[0] for entry in STEPS])
def test_a_change_is_seen_and_told(rig: Rig, step: Step, names: list[str], news: set[tuple[str, bool]]) -> None:
    rig.file("a/1.png")
    rig.file("a/b/2.png")
    rig.scan()
    rig.news()
    step(rig)
    rig.scan()
    assert sorted(rig.names()) == names
    assert rig.news() == news


def test_a_replaced_file_is_seen_and_told(rig: Rig) -> None:
    rig.file("a.png", mtime=10)
    rig.file("b.png", mtime=20)
    rig.scan()
    rig.news()
    rig.file("t.tmp", b"longer", mtime=30).replace(rig.folder / "a.png")
    rig.scan()
    assert rig.names() == ["a.png", "b.png"]
    assert rig.news() == {("", False)}


def test_a_file_that_was_written_over_is_seen_by_a_thorough_scan_and_by_name(rig: Rig) -> None:
    rig.file("a.png", mtime=10)
    rig.file("b.png", mtime=20)
    rig.scan()
    os.utime(rig.folder, (1, 1))
    rig.scan()
    with (rig.folder / "a.png").open("r+b") as stream:
        stream.write(b"longer")
    snapshot = rig.library.snapshot
    rows = [row for row in rig.library.rows(snapshot, snapshot.ids(EVERYTHING, 0, None)) if row]
    assert by_folder(rig.library.differing(rows)) == {"": {"a.png"}}
    for _ in rig.library.rescan((), names={"": {"a.png", "gone.png"}}):
        pass
    assert rig.names() == ["a.png", "b.png"]
    with (rig.folder / "b.png").open("r+b") as stream:
        stream.write(b"longer still")
    rig.scan([""], thorough=True)
    assert rig.names() == ["b.png", "a.png"]


def test_a_folder_whose_times_are_set_back_is_still_scanned(rig: Rig) -> None:
    rig.file("a/1.png")
    rig.scan()
    before = (rig.folder / "a").stat()
    rig.file("a/2.png")
    os.utime(rig.folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    rig.scan()
    assert sorted(rig.names()) == ["a/1.png", "a/2.png"]


def test_a_scan_right_after_a_change_is_not_trusted(rig: Rig) -> None:
    rig.file("a.png")
    rig.scan()
    assert rig.library.stale(rig.library.snapshot, Scope("")) == [""]


def test_a_large_folder_is_compared_by_inode(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.gallery.library._TRUST_FROM", 3)
    for name in "abcd":
        rig.file(f"{name}.png", mtime=10)
    rig.scan()
    rig.file("t.tmp", b"other", mtime=40).replace(rig.folder / "c.png")
    rig.file("e.png", mtime=50)
    (rig.folder / "a.png").unlink()
    rig.scan()
    assert rig.names() == ["e.png", "c.png", "b.png", "d.png"]


def test_the_index_outlives_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.file("a/1.png", mtime=10)
    rig.file("a/.h/2.png", mtime=20)
    rig.scan()
    columns = rig.library.snapshot.columns
    rig.close()
    again = Rig(tmp_path)
    for name in ("keys", "ids", "folders", "kinds", "hidden"):
        assert getattr(again.library.snapshot.columns, name).tolist() == getattr(columns, name).tolist()
    assert again.names() == ["a/.h/2.png", "a/1.png"]
    again.file("a/3.png", mtime=30)
    again.scan()
    assert again.names() == ["a/3.png", "a/.h/2.png", "a/1.png"]
    again.close()


def test_an_index_of_another_place_is_not_believed(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.file("a/1.png")
    rig.scan()
    other = tmp_path / "other"
    other.mkdir()
    library = Library("output", Root(other), rig.store)
    library.load()
    assert len(library.snapshot.columns) == 0
    assert list(library.snapshot.tree.folders) == [""]
    rig.close()


@pytest.mark.parametrize(
    "damage",
    [b"not a database at all, but long enough to look like one" * 40, b"", b"SQLite format 3\0" + b"\xff" * 5000],
)
def test_a_damaged_index_is_built_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.db").write_bytes(damage)
    rig = Rig(tmp_path)
    rig.file("1.png")
    rig.scan()
    assert rig.names() == ["1.png"]
    rig.close()


def test_an_index_of_another_version_is_built_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    connection = sqlite3.connect(tmp_path / "data" / "index.db")
    connection.executescript("CREATE TABLE files (x); PRAGMA user_version = 99")
    connection.close()
    rig = Rig(tmp_path)
    rig.file("1.png")
    rig.scan()
    assert rig.names() == ["1.png"]
    rig.close()


def test_without_a_place_for_it_the_index_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "data" / "index.db").mkdir(parents=True)
    rig = Rig(tmp_path)
    rig.file("1.png")
    rig.scan()
    assert rig.names() == ["1.png"]
    rig.close()


def test_a_full_disk_moves_the_index_into_memory(rig: Rig) -> None:
    for number in range(50):
        rig.file(f"a/{number}.png")
    rig.scan()
    rig.store.writer.execute(f"PRAGMA max_page_count = {rig.store.writer.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(2000):
        rig.file(f"b/{number:04}-{'long' * 20}.png")
    rig.scan()
    assert len(rig.names()) == 2050


def test_a_folder_that_cannot_be_reached_keeps_what_is_known(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.file("a/1.png")
    rig.file("b/2.png")
    rig.scan()

    def vanish(path: Path, **options: object) -> None:
        raise Unreachable(5, "Input/output error")

    monkeypatch.setattr("cozygen.gallery.library.read_folder", vanish)
    rig.file("a/3.png")
    rig.scan()
    assert sorted(rig.names()) == ["a/1.png", "b/2.png"]
    monkeypatch.undo()
    rig.scan()
    assert sorted(rig.names()) == ["a/1.png", "a/3.png", "b/2.png"]


def test_a_root_that_vanished_keeps_what_is_known(rig: Rig, tmp_path: Path) -> None:
    rig.file("a/1.png")
    rig.scan()
    rig.folder.rename(tmp_path / "elsewhere")
    rig.scan()
    (tmp_path / "elsewhere").rename(rig.folder)
    rig.scan()
    assert rig.names() == ["a/1.png"]


@pytest.mark.parametrize("follow", [False, True])
def test_links_are_shown_when_they_are_followed(tmp_path: Path, follow: bool) -> None:
    rig = Rig(tmp_path, follow_symlinks=follow)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "o.png").write_bytes(b"x")
    rig.file("a/1.png")
    (rig.folder / "linked").symlink_to(outside)
    (rig.folder / "l.png").symlink_to(outside / "o.png")
    (rig.folder / "dead.png").symlink_to(outside / "none.png")
    (rig.folder / "a" / "loop").symlink_to(rig.folder)
    (rig.folder / "a" / "self").symlink_to(rig.folder / "a")
    (rig.folder / "a" / "circle").symlink_to(rig.folder / "a" / "circle")
    rig.scan()
    assert sorted(rig.names()) == (["a/1.png", "l.png", "linked/o.png"] if follow else ["a/1.png"])
    rig.close()


def test_metadata_goes_with_the_file_as_it_was(rig: Rig) -> None:
    rig.file("a.png", mtime=10)
    rig.file("b.png", mtime=20)
    rig.scan()
    [b, a] = rig.library.unread(rig.library.snapshot, 10)
    details = describe(FileMetadata(width=8, parameters=f"a fox\nSteps: 20, Seed: {2**64 - 1}"))
    found = [
        Enriched(a.id, a.size, a.mtime_ns, details),
        Enriched(b.id, b.size, b.mtime_ns + 1, details),
        Enriched(999, 1, 1, details),
    ]
    for _ in rig.library.enrich(found):
        pass
    assert [row.name for row in rig.library.unread(rig.library.snapshot, 10)] == ["b.png"]
    assert rig.library.count_unread() == 1
    snapshot = rig.library.snapshot
    wires = [row.wire for row in rig.library.rows(snapshot, snapshot.ids(EVERYTHING, 0, None)) if row]
    assert wires[0] is None
    assert wires[1] is not None
    assert rig.store.writer.execute("SELECT seed, positive FROM meta").fetchall() == [(str(2**64 - 1), "a fox")]
    rig.file("a.png", b"another", mtime=30)
    rig.scan([""], thorough=True)
    assert rig.store.writer.execute("SELECT count(*) FROM meta").fetchone() == (0,)
    assert rig.library.count_unread() == 2


def test_where_something_happened_is_found_among_the_known_folders(rig: Rig) -> None:
    rig.file("a/b/1.png")
    rig.scan()
    base = os.path.realpath(rig.folder)
    folders, names = rig.library.locate(
        [
            base,
            f"{base}/a/x.png",
            f"{base}/a/b",
            f"{base}/new/deep/y.png",
            f"{base}/.cozygen-trash/z.png",
            f"{base}/\udcff",
            "/elsewhere",
        ]
    )
    assert folders == {"", "a", "a/b"}
    assert names["a"] == {"x.png", "b"}
    assert "x.png" not in names[""]


class Disk(RuleBasedStateMachine):
    """Whatever is done on disk, in whatever order: after a scan the index says what is there."""

    folders = st.sampled_from(["", "a", "a/b", "a/.h", "c"])
    names = st.sampled_from(["1.png", "2.png", ".3.png", "4.mp4", "note.txt"])

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.base = Path(tempfile.mkdtemp(prefix="cozygen-test-"))
        self.rig = Rig(self.base)

    def teardown(self) -> None:
        self.rig.close()
        shutil.rmtree(self.base)

    @rule(folder=folders, name=names, size=st.integers(0, 3), mtime=st.integers(1, 5))
    def write(self, folder: str, name: str, size: int, mtime: int) -> None:
        temporary = self.rig.file("writing.tmp", b"x" * size, mtime=mtime)
        (self.rig.folder / folder).mkdir(parents=True, exist_ok=True)
        temporary.replace(self.rig.folder / folder / name)

    @rule(folder=folders, name=names)
    def remove(self, folder: str, name: str) -> None:
        (self.rig.folder / folder / name).unlink(missing_ok=True)

    @rule(folder=folders.filter(bool))
    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self.rig.folder / folder, ignore_errors=True)

    @rule(source=folders.filter(bool), place=folders.filter(bool))
    def move_folder(self, source: str, place: str) -> None:
        if (
            (self.rig.folder / source).is_dir()
            and not (self.rig.folder / place).exists()
            and not place.startswith(source)
        ):
            (self.rig.folder / place).parent.mkdir(parents=True, exist_ok=True)
            (self.rig.folder / source).rename(self.rig.folder / place)

    @rule()
    def restart(self) -> None:
        self.rig.close()
        self.rig = Rig(self.base)

    @invariant()
    def the_index_is_right(self) -> None:
        self.rig.scan()
        on_disk = []
        for parent, _, files in os.walk(self.rig.folder):
            for name in files:
                path = Path(parent, name)
                if path.suffix in (".png", ".mp4"):
                    on_disk.append((-path.stat().st_mtime_ns, name, path.relative_to(self.rig.folder).as_posix()))
        names = self.rig.names()
        assert sorted(names) == sorted(path for _, _, path in on_disk)
        order = {path: (mtime, name) for mtime, name, path in on_disk}
        assert [order[path] for path in names] == sorted(order[path] for path in names)


Disk.TestCase.settings = hypothesis_settings(max_examples=25, stateful_step_count=15, deadline=None)
TestDisk = Disk.TestCase
