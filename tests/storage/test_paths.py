from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cozygen
from cozygen.storage.paths import (
    BadName,
    PathError,
    PathOutside,
    Root,
    atomic_write,
    check_name,
    fsync_directory,
    sanitise_filename,
    sweep_temporaries,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX names and links")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root `out` among neighbours, with links of every kind in it."""
    top = tmp_path_factory.mktemp("house")
    root = top / "out"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "picture.png").write_bytes(b"inside")
    (root / "100%25 real").mkdir()
    (root / "%2e%2e").mkdir()
    (top / "out-secret").mkdir()
    (top / "out-secret" / "key.txt").write_bytes(b"secret")
    (root / "leak").symlink_to(top / "out-secret")
    (root / "leak.txt").symlink_to(top / "out-secret" / "key.txt")
    (root / "up").symlink_to("..")
    (root / "inner").symlink_to("sub")
    (root / "sub" / "back").symlink_to(root)
    (root / "loop").symlink_to("loop")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (root / "gone").symlink_to("sub/not there")
    (root / "gone-out").symlink_to(top / "not there")
    (top / "out-secret" / "home").symlink_to(root / "sub")
    (top / "alias").symlink_to(root)
    return top


@pytest.fixture(scope="module")
def root(house: Path) -> Root:
    return Root(house / "out")


def is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


# --- resolve: what is allowed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_path", "expected"),
    [
        ("", ""),
        (".", ""),
        ("./", ""),
        ("sub", "sub"),
        ("sub/", "sub"),
        ("sub//deep", "sub/deep"),
        ("sub\\deep", "sub/deep"),
        ("./sub/./deep/.", "sub/deep"),
        ("sub/../sub", "sub"),
        ("sub/..", ""),
        ("not there/at all.png", "not there/at all.png"),
        ("%2e%2e", "%2e%2e"),
        ("%2e%2e/%2fetc", "%2e%2e/%2fetc"),
        ("100%25 real", "100%25 real"),
        ("..hidden", "..hidden"),
        ("a..b/..c", "a..b/..c"),
        ("grüße/日本/😀.png", "grüße/日本/😀.png"),
    ],
)
def test_resolves_below_the_root(root: Root, given_path: str, expected: str) -> None:
    assert root.resolve(given_path) == root.folder / expected


def test_links_that_stay_inside_are_allowed(root: Root) -> None:
    assert root.resolve("inner/picture.png").read_bytes() == b"inside"
    assert root.resolve("sub/back/sub/back/inner") == root.folder / "sub/back/sub/back/inner"
    assert root.resolve("gone") == root.folder / "gone"


@pytest.mark.parametrize("given_path", ["", "sub", "sub/picture.png", "inner/picture.png", "sub/back", "inner"])
@pytest.mark.parametrize("follow", [False, True])
def test_what_exists_is_found_with_its_status(house: Path, given_path: str, follow: bool) -> None:
    root = Root(house / "out", follow_symlinks=follow)
    path, status = root.find(given_path)
    assert path == root.resolve(given_path)
    assert os.path.samestat(status, path.stat())


@pytest.mark.parametrize("given_path", ["none", "none/at all", "sub/none", "gone", "sub/picture.png/none"])
@pytest.mark.parametrize("follow", [False, True])
def test_what_does_not_exist_is_not_found(house: Path, given_path: str, follow: bool) -> None:
    with pytest.raises(OSError):
        Root(house / "out", follow_symlinks=follow).find(given_path)


def test_what_leads_out_is_not_found(root: Root) -> None:
    for given_path in ("leak", "leak/key.txt", "../out", "sub/../.."):
        with pytest.raises(PathOutside):
            root.find(given_path)


def test_the_root_may_be_a_link(house: Path) -> None:
    alias = Root(house / "alias")
    assert alias.resolve("sub/picture.png") == house / "alias" / "sub" / "picture.png"
    assert alias.resolve("inner/picture.png").read_bytes() == b"inside"
    assert alias.relative(house / "out" / "sub") == "sub"
    with pytest.raises(PathOutside):
        alias.resolve("leak")


def test_the_root_need_not_exist_but_must_be_absolute(tmp_path: Path) -> None:
    assert Root(tmp_path / "later").resolve("a/b") == tmp_path / "later" / "a" / "b"
    with pytest.raises(ValueError, match="absolute"):
        Root(Path("relative"))


@posix_only
def test_the_file_system_root_is_a_root() -> None:
    assert Root(Path("/")).resolve("etc") == Path("/etc")


# --- resolve: what is not ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        "..",
        "../",
        "../out-secret/key.txt",
        "..\\out-secret",
        "sub/../..",
        "sub/../../out",
        "sub\\..\\..\\x",
        "./..",
        ".//..//x",
        "/",
        "/etc/passwd",
        "\\",
        "\\windows",
        "//server/share",
        "\\\\server\\share",
        "\\\\?\\C:\\x",
        "\\\\.\\PhysicalDrive0",
        "C:",
        "c:\\windows\\win.ini",
        "C:/x",
        "C:x",
        "./C:/x",
        "sub/../C:/x",
        "sub/c:",
        "sub\0",
        "\0",
        "sub/\0/../..",
        "leak",
        "leak/key.txt",
        "leak/not there",
        "leak.txt",
        "inner/back/leak",
        "up",
        "up/out",
        "up/out/sub",
        "up/up",
        "leak/home/picture.png",
        "loop",
        "loop/x",
        "ping/x",
        "gone-out",
        "gone-out/x",
    ],
)
def test_leaving_the_root_is_refused(root: Root, attempt: str) -> None:
    with pytest.raises(PathOutside):
        root.resolve(attempt)


def test_a_sibling_with_the_same_prefix_is_outside(root: Root, house: Path) -> None:
    with pytest.raises(PathOutside):
        root.resolve("../out-secret")
    with pytest.raises(PathOutside):
        root.relative(house / "out-secret" / "key.txt")


@pytest.mark.parametrize(
    "attempt",
    ["a" * 256, "sub/" + "é" * 128, "a/" * 3000, "x" * 50_000, "\udcff.png", "sub/\ud800", "a\nb", "sub/a\x7f", "\x85"],
)
def test_bad_names_in_a_path(root: Root, attempt: str) -> None:
    with pytest.raises(BadName):
        root.resolve(attempt)


def test_the_longest_name_is_allowed(root: Root) -> None:
    assert not root.resolve("a" * 255).exists()
    assert not root.resolve("é" * 127).exists()


def test_whatever_is_allowed_can_be_looked_at(root: Root) -> None:
    """Near the limit of the path's length, asking the disk answers "absent" and raises nothing."""
    for length in range(3900, 4200, 7):
        try:
            path = root.resolve(("a/" * length)[:length])
        except BadName:
            continue
        with pytest.raises(FileNotFoundError):
            path.stat()


def test_following_links_when_told_to(house: Path) -> None:
    follower = Root(house / "out", follow_symlinks=True)
    assert follower.resolve("leak/key.txt").read_bytes() == b"secret"
    for attempt in ("..", "leak/../../out-secret", "/etc", "C:\\", "a\0"):
        with pytest.raises(PathOutside):
            follower.resolve(attempt)


@pytest.mark.parametrize(
    "attempt",
    [
        "CON",
        "con.png",
        "sub/NUL",
        "nul.tar.gz",
        "COM1",
        "com¹.txt",
        "LPT9.x",
        "aux .txt",
        "CONIN$",
        "picture.png:stream",
        "sub/picture.png::$DATA",
        "trailing.",
        "trailing ",
        "what?",
        "a|b",
    ],
)
def test_names_with_a_meaning_on_windows(house: Path, attempt: str) -> None:
    with pytest.raises(BadName):
        Root(house / "out", windows=True).resolve(attempt)
    assert Root(house / "out", windows=False).resolve(attempt).name == attempt.split("/")[-1]


@pytest.mark.parametrize("attempt", [".. ", "...", "sub/.. /..", ". .", " ", "a/ ./b"])
def test_windows_parents_in_disguise(house: Path, attempt: str) -> None:
    with pytest.raises(PathOutside):
        Root(house / "out", windows=True).resolve(attempt)


# --- resolve_file ------------------------------------------------------------------------------------------------


def test_a_file_in_a_folder(root: Root) -> None:
    assert root.resolve_file("sub", "picture.png") == root.folder / "sub" / "picture.png"
    assert root.resolve_file("", "%2e%2e%2fx.png") == root.folder / "%2e%2e%2fx.png"
    assert root.resolve_file("sub\\deep", "a b.png") == root.folder / "sub" / "deep" / "a b.png"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "/",
        "../x",
        "C:x",
        "c:",
        "a\0b",
        "a\nb",
        "\x1b[31m",
        "\udcff",
        "a" * 256,
        "é" * 200,
    ],
)
def test_bad_file_names(root: Root, name: str) -> None:
    with pytest.raises(BadName):
        root.resolve_file("sub", name)
    with pytest.raises(BadName):
        check_name(name)


def test_a_file_cannot_be_a_link_out(root: Root) -> None:
    with pytest.raises(PathOutside):
        root.resolve_file("", "leak.txt")
    with pytest.raises(PathOutside):
        root.resolve_file("leak", "key.txt")
    with pytest.raises(PathOutside):
        root.resolve_file("..", "out-secret")


# --- relative ----------------------------------------------------------------------------------------------------


def test_relative_gives_back_what_resolve_takes(root: Root) -> None:
    assert root.relative(root.folder) == ""
    assert root.relative(root.resolve("sub\\deep")) == "sub/deep"


@posix_only
def test_relative_refuses_what_cannot_be_sent(root: Root) -> None:
    for name in ("back\\slash", "line\nbreak", os.fsdecode(b"\xff.png")):
        with pytest.raises(BadName):
            root.relative(root.folder / name)
    for path in (Path("/etc"), Path("relative"), root.folder / ".." / "x", root.folder.parent):
        with pytest.raises(PathOutside):
            root.relative(path)


# --- properties --------------------------------------------------------------------------------------------------

NASTY = st.one_of(
    st.sampled_from(
        ["..", ".", "", "/", "\\", "//", "\0", "C:", "\\\\?\\", "%2e%2e", "..%2f", "%00", ".. ", "...", "~", "CON"]
    ),
    st.sampled_from(
        ["sub", "deep", "leak", "up", "inner", "back", "loop", "gone", "gone-out", "home", "out", "key.txt"]
    ),
    st.sampled_from(
        ["\udc2e\udc2e", "\udcff", "\uff0e\uff0e", "\u2215", "\u29f5", "\u202e", "a" * 300, "a:b", "\r\n", "file:"]
    ),
)
PATHS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="./\\:a\0% \udc80", max_size=30),
    st.lists(NASTY | st.text(alphabet=st.characters(), max_size=8), max_size=8).map("/".join),
    st.lists(NASTY, max_size=8).map("\\".join),
    st.lists(NASTY, max_size=6).map("".join),
    st.binary(max_size=40).map(lambda data: data.decode(errors="surrogateescape")),
)


@given(relative=PATHS, windows=st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_property_a_resolved_path_is_really_inside(house: Path, relative: str, windows: bool) -> None:
    root = Root(house / "out", windows=windows)
    try:
        path = root.resolve(relative)
    except PathError:
        return
    assert is_inside(path, root.folder)
    assert ".." not in path.parts
    assert root.resolve(root.relative(path)) == path
    path.exists()
    with suppress(OSError):
        assert root.find(relative)[0] == path


@given(subfolder=PATHS, filename=PATHS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_property_a_file_is_one_name_in_its_folder(root: Root, subfolder: str, filename: str) -> None:
    try:
        path = root.resolve_file(subfolder, filename)
    except PathError:
        return
    assert path.name == filename
    assert path.parent == root.resolve(subfolder)
    assert is_inside(path, root.folder)


@given(relative=PATHS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_property_following_links_still_confines_the_text(house: Path, relative: str) -> None:
    root = Root(house / "out", follow_symlinks=True)
    try:
        path = root.resolve(relative)
    except PathError:
        return
    assert Path(os.path.normpath(path)).is_relative_to(root.folder)


# --- open_file ---------------------------------------------------------------------------------------------------


def read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def test_opening_files(root: Root, house: Path) -> None:
    assert read(root.open_file(root.resolve("sub/picture.png"))) == b"inside"
    assert read(root.open_file(root.resolve("inner/picture.png"))) == b"inside"
    assert read(Root(house / "alias").open_file(house / "alias" / "sub" / "picture.png")) == b"inside"
    assert read(Root(root.folder, follow_symlinks=True).open_file(root.folder / "leak.txt")) == b"secret"


def test_opening_a_link_that_leads_out(root: Root) -> None:
    for path in (root.folder / "leak.txt", root.folder / "leak" / "key.txt", root.folder / ".." / "out-secret"):
        with pytest.raises(PathOutside):
            root.open_file(path)


def test_opening_what_is_no_file(root: Root, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        root.open_file(root.folder / "absent")
    with pytest.raises(OSError):
        root.open_file(root.folder / "sub")


@posix_only
def test_opening_a_pipe_or_a_socket_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        for name in ("pipe", "s"):
            with pytest.raises(OSError):
                Root(tmp_path).open_file(tmp_path / name)


@posix_only
def test_a_link_put_in_the_way_after_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, or a folder above it, is exchanged for a link between the check and the opening."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_bytes(b"secret")
    really_open = os.open

    def exchange(victim: Path, target: Path) -> None:
        def opener(path: os.PathLike[str], flags: int, mode: int = 0o777) -> int:
            if not victim.is_symlink():
                victim.rename(victim.with_name("old"))
                victim.symlink_to(target)
            return really_open(path, flags, mode)

        monkeypatch.setattr(os, "open", opener)

    for number, (victim, target) in enumerate([("folder/file", secret / "file"), ("folder", secret)]):
        folder = tmp_path / f"root{number}"
        (folder / "folder").mkdir(parents=True)
        (folder / "folder" / "file").write_bytes(b"mine")
        root = Root(folder)
        path = root.resolve("folder/file")
        exchange(folder / victim, target)
        with pytest.raises(PathOutside):
            root.open_file(path)
        monkeypatch.undo()
        assert path.read_bytes() == b"secret"  # the exchange did happen


@posix_only
def test_without_proc_the_place_is_compared(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.storage.paths._path_of", lambda descriptor: None)
    assert read(root.open_file(root.resolve("inner/picture.png"))) == b"inside"


# --- sanitise_filename -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("picture.png", "picture.png"),
        ("my holiday (1).jpg", "my_holiday_(1).jpg"),
        ("Größe-日本_v2.webp", "Größe-日本_v2.webp"),
        ("Gro\u0308ße.png", "Größe.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("a:b.png", "a_b.png"),
        ("", "file"),
        (".", "file"),
        ("...", "file"),
        (".png", "file.png"),
        (".htaccess", "file.htaccess"),
        ("..png", "file.png"),
        ("name.", "name"),
        ("name. . .", "name._._"),
        ("CON.png", "_CON.png"),
        ("nul", "_nul"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.png", "console.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("zero\u200bwidth\ufeff.png", "zerowidth.png"),
        ("hangul\u3164filler.png", "hangulfiller.png"),
        ("null\0byte.png", "nullbyte.png"),
        ("new\nline.png", "new_line.png"),
        ("\udcff\ud800.png", "file.png"),
        ("<script>.png", "_script_.png"),
        ("😀.png", "_.png"),
        ("हिन्दी.png", "हिन्दी.png"),
        ("archive." + "x" * 30, "archive." + "x" * 30),
    ],
)
def test_sanitise(name: str, expected: str) -> None:
    assert sanitise_filename(name) == expected


def test_sanitise_shortens_the_stem_and_keeps_the_extension() -> None:
    short = sanitise_filename("é" * 500 + ".jpeg")
    assert short.endswith("é.jpeg")
    assert 198 <= len(short.encode()) <= 200
    assert len(sanitise_filename("x" * 500).encode()) == 200
    assert len(sanitise_filename("CON" + "😀" * 9 + ".png", max_bytes=32).encode()) <= 32
    with pytest.raises(ValueError, match="at least 32"):
        sanitise_filename("x", max_bytes=31)


@given(name=PATHS | st.text(max_size=300), max_bytes=st.integers(32, 255))
@settings(max_examples=500, deadline=None)
def test_property_a_sanitised_name_is_harmless(name: str, max_bytes: int) -> None:
    clean = sanitise_filename(name, max_bytes=max_bytes)
    check_name(clean, windows=True)
    assert len(clean.encode()) <= max_bytes
    assert not clean.startswith(".")
    assert unicodedata.is_normalized("NFC", clean)
    assert all(unicodedata.category(character)[0] in "LMN" or character in ".-_()" for character in clean)
    assert sanitise_filename(clean, max_bytes=max_bytes) == clean


@given(
    stem=st.from_regex(r"[a-z ]{1,40}", fullmatch=True), extension=st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True)
)
@settings(deadline=None)
def test_property_the_extension_survives(stem: str, extension: str) -> None:
    assert sanitise_filename(f"{stem}.{extension}").endswith(f".{extension}")


# --- atomic_write ------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_writing(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "file.bin"
    atomic_write(target, b"first", durable=durable)
    atomic_write(target, (part for part in (b"se", b"", b"cond")), durable=durable)
    assert target.read_bytes() == b"second"
    assert names(tmp_path) == ["file.bin"]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    atomic_write(tmp_path / ("n" * 255), b"x")
    assert names(tmp_path) == ["n" * 255]


def test_a_failing_source_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(target, broken())
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


def test_no_folder_and_no_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "absent" / "file", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        atomic_write(tmp_path / "folder", b"x")
    assert names(tmp_path) == ["folder"]


@posix_only
def test_the_mode_and_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "shared", b"")
        atomic_write(tmp_path / "private", b"", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


@posix_only
def test_a_link_is_replaced_and_its_target_untouched(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "link").symlink_to("target")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"target"
    assert not (tmp_path / "link").is_symlink()


WRITER = """
import sys
from pathlib import Path
from cozygen.storage.paths import atomic_write
number = 0
print("go", flush=True)
while True:
    number += 1
    atomic_write(Path(sys.argv[1]), [b"%09d" % number] * 2000, durable=False)
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE, cwd=Path(cozygen.__file__).parents[1]
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            while not target.exists():
                time.sleep(0.001)
            time.sleep(0.02)
            writer.kill()
        data = target.read_bytes()
        assert len(data) == 18_000
        assert data == data[:9] * 2000


def test_sweeping_what_a_killed_writer_left(tmp_path: Path) -> None:
    old, fresh = tmp_path / f".cozygen-{'0' * 16}.tmp", tmp_path / f".cozygen-{'1' * 16}.tmp"
    for path in (old, fresh, tmp_path / "mine.tmp", tmp_path / ".cozygen-notes.tmp"):
        path.write_bytes(b"")
        if path != fresh:
            os.utime(path, (1, 1))
    assert sweep_temporaries(tmp_path) == 1
    assert names(tmp_path) == sorted([fresh.name, "mine.tmp", ".cozygen-notes.tmp"])
    assert sweep_temporaries(tmp_path / "absent") == 0


def test_fsync_directory(tmp_path: Path) -> None:
    fsync_directory(tmp_path)
    if os.name != "nt":
        with pytest.raises(FileNotFoundError):
            fsync_directory(tmp_path / "absent")
