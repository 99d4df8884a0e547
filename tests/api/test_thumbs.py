from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cozygen.web.thumbs import accepted, matches
from tests.api.conftest import MakeStudio
from tests.media import samples
from tests.media.samples import BLACK, GREEN, RED, close, encoded, film, photo, png, quarters, sound, write

Client = TestClient[Any, Any]
FOREVER = "max-age=31536000, immutable"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.fixture
def outputs(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def inputs(data_dir: Path) -> Path:
    folder = data_dir / "input"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def old(path: Path) -> Path:
    os.utime(path, ns=(10**18, 10**18))
    return path


async def get(client: Client, *, headers: Mapping[str, str] | None = None, **query: object) -> tuple[int, Any, Any]:
    """Status, headers, and the body: a picture, JSON, or empty."""
    params = {key: str(value) for key, value in query.items()}
    async with client.get("/cozygen/thumb", params=params, headers=headers) as answer:
        body: Any = await answer.read()
        if answer.content_type.startswith("image/") and body:
            with Image.open(io.BytesIO(body)) as picture:
                picture.load()
                assert picture.format is not None
                assert answer.content_type == f"image/{picture.format.lower()}"
                body = picture
        elif answer.content_type == "application/json":
            body = await answer.json()
        return answer.status, answer.headers, body


async def test_the_defaults(client: Client, outputs: Path) -> None:
    write(outputs / "a.png", encoded(quarters(1200, 900), "PNG"))
    status, headers, picture = await get(client, filename="a.png")
    assert status == 200
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == f"public, {FOREVER}"
    assert headers["ETag"].startswith('W/"')
    assert "Vary" not in headers
    assert picture.size == (384, 288)
    assert close(samples.corners(picture)[0], RED)


@pytest.mark.parametrize(
    ("width", "side"), [(96, 96), (200, 200), (1024, 1024), (1, 96), (0, 96), (-5, 96), (5000, 1024), (10**18, 1024)]
)
async def test_widths_are_clamped(client: Client, outputs: Path, width: int, side: int) -> None:
    write(outputs / "a.png", encoded(quarters(2000, 1000), "PNG"))
    status, _, picture = await get(client, filename="a.png", w=width)
    assert (status, picture.size) == (200, (side, side // 2))


async def test_small_pictures_stay_small_and_turned_ones_are_turned(client: Client, outputs: Path) -> None:
    write(outputs / "small.png", encoded(quarters(20, 10), "PNG"))
    write(outputs / "turned.jpg", encoded(quarters(600, 400), "JPEG", exif=samples.oriented(6)))
    assert (await get(client, filename="small.png"))[2].size == (20, 10)
    assert (await get(client, filename="turned.jpg"))[2].size == (256, 384)


@pytest.mark.parametrize("width", ["x", "", "12px", "1e3", "nan", "9" * 5000, "12.5"])
async def test_a_width_that_is_no_number(client: Client, outputs: Path, width: str) -> None:
    status, _, body = await get(client, filename="a.png", w=width)
    assert (status, body["field"]) == (400, "w")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"type": "temp"}, "type"),
        ({"type": ""}, "type"),
        ({"type": "OUTPUT"}, "type"),
        ({"fmt": "gif"}, "fmt"),
        ({"fmt": "x" * 1000}, "fmt"),
        ({"subfolder": "x" * 5000}, "subfolder"),
        ({"filename": "x" * 5000}, "filename"),
        ({"filename": "x" * 300}, "filename"),
        ({"filename": "a\nb.png"}, "filename"),
    ],
)
async def test_bad_queries_name_the_field(client: Client, query: dict[str, Any], field: str) -> None:
    status, _, body = await get(client, **{"filename": "a.png", **query})
    assert (status, body["field"]) == (400, field)


async def test_a_filename_is_needed(client: Client) -> None:
    queries: list[dict[str, Any]] = [{}, {"filename": ""}]
    for query in queries:
        status, _, body = await get(client, **query)
        assert (status, body["error"], body["field"]) == (400, "missing filename", "filename")


@pytest.mark.parametrize("kind", ["output", "input"])
@pytest.mark.parametrize(
    ("subfolder", "filename"),
    [
        ("..", "secret.png"),
        ("", "../secret.png"),
        ("", "..\\secret.png"),
        ("sub", "../../secret.png"),
        ("sub/../..", "secret.png"),
        ("", "/etc/passwd"),
        ("sub", "/etc/passwd"),
        ("/etc", "passwd"),
        ("\\etc", "passwd"),
        ("C:\\Windows", "x.png"),
        ("sub", "C:x.png"),
        ("", "a\0.png"),
        ("s\0", "a.png"),
        ("../output-secret", "a.png"),
        ("link", "secret.png"),
        ("", "linked.png"),
        ("", ".."),
    ],
)
async def test_paths_that_leave_are_forbidden(
    client: Client, data_dir: Path, kind: str, subfolder: str, filename: str
) -> None:
    write(data_dir / "secret.png", encoded(quarters(), "PNG"))
    root = data_dir / kind
    (root / "sub").mkdir(parents=True, exist_ok=True)
    (data_dir / "output-secret").mkdir(exist_ok=True)
    write(data_dir / "output-secret" / "a.png", encoded(quarters(), "PNG"))
    (root / "link").symlink_to(data_dir)
    (root / "linked.png").symlink_to(data_dir / "secret.png")
    status, _, body = await get(client, type=kind, subfolder=subfolder, filename=filename)
    assert (status, body["error"]) == (403, "forbidden")


async def test_absent_files_and_folders(client: Client, outputs: Path) -> None:
    (outputs / "folder").mkdir()
    write(outputs / "file.png", encoded(quarters(), "PNG"))
    queries: list[dict[str, Any]] = [
        {"filename": "absent.png"},
        {"filename": "folder"},
        {"filename": "."},
        {"filename": "a.png", "subfolder": "nowhere"},
        {"filename": "a.png", "subfolder": "file.png"},
        {"filename": "%2e%2e"},
    ]
    for query in queries:
        status, _, body = await get(client, **query)
        assert (status, body["error"]) == (404, "not found")


async def test_subfolders_and_inputs(client: Client, outputs: Path, inputs: Path) -> None:
    for root in (outputs, inputs):
        (root / "été" / "b c").mkdir(parents=True)
    write(outputs / "été" / "b c" / "x & y.png", encoded(quarters(100, 50), "PNG"))
    write(inputs / "été" / "b c" / "x & y.png", encoded(quarters(50, 100), "PNG"))
    queries: list[dict[str, Any]] = [
        {"subfolder": "été/b c", "filename": "x & y.png"},
        {"subfolder": "été\\b c", "filename": "x & y.png"},
        {"filename": "été/b c/x & y.png"},
        {"subfolder": "été", "filename": "b c\\x & y.png"},
    ]
    for query in queries:
        assert (await get(client, **query))[2].size == (100, 50)
        assert (await get(client, **query, type="output"))[2].size == (100, 50)
        assert (await get(client, **query, type="input"))[2].size == (50, 100)


async def test_links_within_the_folder_and_followed_ones(studio: MakeStudio, data_dir: Path, outputs: Path) -> None:
    write(outputs / "a.png", encoded(quarters(), "PNG"))
    (outputs / "b.png").symlink_to(outputs / "a.png")
    write(data_dir / "far.png", encoded(quarters(), "PNG"))
    (outputs / "far.png").symlink_to(data_dir / "far.png")
    strict = await studio()
    assert (await get(strict, filename="b.png"))[0] == 200
    assert (await get(strict, filename="far.png"))[0] == 403
    await strict.close()
    assert (await get(await studio(follow_symlinks=True), filename="far.png"))[0] == 200


@pytest.mark.parametrize("name", ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avif", "apng"])
async def test_pictures_of_every_kind(client: Client, outputs: Path, name: str) -> None:
    encoding = {"jpg": "JPEG", "tif": "TIFF", "apng": "PNG"}.get(name, name.upper())
    write(outputs / f"a.{name}", encoded(quarters(300, 200), encoding))
    _, _, picture = await get(client, filename=f"a.{name}", w=96)
    assert picture.size == (96, 64)
    assert close(samples.corners(picture)[1], GREEN)


async def test_a_film_gives_its_first_real_frame(client: Client, outputs: Path) -> None:
    write(outputs / "a.mp4", film([RED] * 3 + [GREEN] * 9))
    write(outputs / "b.webm", film([BLACK] * 3 + [GREEN] * 9, container="webm", codec="libvpx-vp9"))
    for name, colour in (("a.mp4", RED), ("b.webm", GREEN)):
        _, _, picture = await get(client, filename=name)
        assert picture.size == (64, 48)
        assert close(picture.getpixel((30, 20)), colour, 60)


async def test_sound_and_the_unreadable_have_a_placeholder(client: Client, outputs: Path) -> None:
    write(outputs / "a.mp3", sound("mp3", "libmp3lame", seconds=0.2))
    old(write(outputs / "text.png", b"not a picture"))
    old(write(outputs / "empty.webp", b""))
    old(write(outputs / "cut.png", encoded(photo(), "PNG")[:5000]))
    old(write(outputs / "bomb.png", png(100_000, 100_000, 8, 2, zlib.compress(b"\0"))))
    old(write(outputs / "notes.txt", b"words"))
    for name in ("a.mp3", "text.png", "empty.webp", "cut.png", "bomb.png", "notes.txt"):
        status, headers, picture = await get(client, filename=name, w=128)
        assert (status, picture.size, picture.format) == (200, (128, 128), "JPEG")
        assert headers["Cache-Control"] == f"public, {FOREVER}"
        assert len(set(picture.convert("L").tobytes())) > 10, "something is drawn"
        answer = await get(client, filename=name, w=128, headers={"If-None-Match": headers["ETag"]})
        assert answer[0] == 304


async def test_a_file_that_is_still_being_written_is_not_cached_for_ever(client: Client, outputs: Path) -> None:
    whole = encoded(photo(), "PNG")
    path = write(outputs / "a.png", whole[:5000])
    _, before, placeholder = await get(client, filename="a.png")
    assert before["Cache-Control"] == "public, no-cache"
    path.write_bytes(whole)
    status, after, picture = await get(client, filename="a.png", headers={"If-None-Match": before["ETag"]})
    assert (status, after["Cache-Control"]) == (200, f"public, {FOREVER}")
    assert (placeholder.size, picture.size) == ((384, 384), (320, 240))


async def test_files_that_differ_in_extension_have_their_own(client: Client, outputs: Path) -> None:
    old(write(outputs / "a.png", encoded(Image.new("RGB", (50, 50), RED), "PNG")))
    old(write(outputs / "a.webp", encoded(Image.new("RGB", (50, 50), GREEN), "WEBP")))
    old(write(outputs / "a.mp4", film([GREEN] * 3)))
    assert close((await get(client, filename="a.png"))[2].getpixel((9, 9)), RED)
    assert close((await get(client, filename="a.webp"))[2].getpixel((9, 9)), GREEN)
    assert (await get(client, filename="a.mp4"))[2].size == (64, 48)


async def test_what_has_not_changed_is_not_sent_again(
    client: Client, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(outputs / "a.png", encoded(quarters(), "PNG"))
    _, headers, _ = await get(client, filename="a.png")
    tag = headers["ETag"]

    async def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is decoded for this")

    monkeypatch.setattr("cozygen.media.thumbs.ThumbnailStore.get", never)
    monkeypatch.setattr("cozygen.media.thumbs.ThumbnailStore.known", never)
    for value in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        status, headers, body = await get(client, filename="a.png", headers={"If-None-Match": value})
        assert (status, body, headers["ETag"], headers["Cache-Control"]) == (304, b"", tag, f"public, {FOREVER}")
    monkeypatch.undo()
    assert (await get(client, filename="a.png", headers={"If-None-Match": '"x"'}))[0] == 200
    assert (await get(client, filename="a.png", w=100, headers={"If-None-Match": tag}))[0] == 200
    path.write_bytes(encoded(quarters(70, 70), "PNG"))
    status, headers, picture = await get(client, filename="a.png", headers={"If-None-Match": tag})
    assert (status, picture.size, headers["ETag"] == tag) == (200, (70, 70), False)


async def test_better_formats_are_sent_where_asked(client: Client, outputs: Path) -> None:
    write(outputs / "a.png", encoded(photo(), "PNG"))
    tags = set()
    for query, accept, wanted in (
        ({}, CHROME, "jpeg"),
        ({"fmt": "auto"}, CHROME, "avif"),
        ({"fmt": "auto"}, "image/webp,*/*", "webp"),
        ({"fmt": "auto"}, "*/*", "jpeg"),
        ({"fmt": "webp"}, "*/*", "webp"),
    ):
        status, headers, _ = await get(client, filename="a.png", headers={"Accept": accept}, **query)
        assert (status, headers["Content-Type"]) == (200, f"image/{wanted}")
        assert headers.get("Vary") == ("Accept" if query.get("fmt") == "auto" else None)
        tags.add(headers["ETag"])
    assert len(tags) == 3


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "jpeg"),
        ("*/*", "jpeg"),
        ("image/*", "jpeg"),
        (CHROME, "avif"),
        ("image/avif;q=0.5,image/webp", "webp"),
        ("image/webp,image/avif", "avif"),
        ("image/webp;q=0.5,image/jpeg", "jpeg"),
        ("image/webp;q=0.5,image/jpeg;q=0.4", "webp"),
        ("image/webp;q=0.5,image/*;q=0.8", "jpeg"),
        ("image/webp;q=0", "jpeg"),
        ("image/webp;q=0,image/avif;q=0.001", "avif"),
        ("IMAGE/WEBP ; Q=1", "webp"),
        ("image/webp;level=1;q=0.7,*/*;q=0.8", "jpeg"),
        ("image/webp;q=x", "jpeg"),
        ("image/webp;q=nan", "jpeg"),
        ("text/html,image/webpx", "jpeg"),
    ],
)
def test_the_accept_header(header: str, wanted: str) -> None:
    assert accepted(header) == wanted


@given(st.text(max_size=80))
def test_any_header_is_taken(header: str) -> None:
    assert accepted(header) in ("jpeg", "webp", "avif")
    assert isinstance(matches(header, 'W/"a"'), bool)


async def test_with_sign_in_it_is_private(studio: MakeStudio, outputs: Path) -> None:
    write(outputs / "a.png", encoded(quarters(), "PNG"))
    client = await studio(auth_user="ann", auth_pass="horse battery")
    assert (await get(client, filename="a.png"))[0] == 401
    async with client.post("/cozygen/api/login", json={"username": "ann", "password": "horse battery"}) as answer:
        token = (await answer.json())["token"]
    status, headers, _ = await get(client, filename="a.png", headers={"Authorization": f"Bearer {token}"})
    assert (status, headers["Cache-Control"]) == (200, f"private, {FOREVER}")


async def test_clearing_the_cache(client: Client, outputs: Path, data_dir: Path) -> None:
    for number in range(3):
        write(outputs / f"{number}.png", encoded(photo(seed=number), "PNG"))
        await get(client, filename=f"{number}.png")
    assert len(list((data_dir / "thumbnails").rglob("*.pic"))) == 3
    for count in (3, 0):
        async with client.post("/cozygen/api/clear_cache") as answer:
            assert answer.status == 200
            assert await answer.json() == {"status": "ok", "message": f"{count} thumbnails removed"}
    assert not list((data_dir / "thumbnails").rglob("*.pic"))
    assert (await get(client, filename="1.png"))[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
async def test_a_worker_that_is_killed_is_not_noticed(client: Client, outputs: Path) -> None:
    write(outputs / "a.png", encoded(photo(), "PNG"))
    assert (await get(client, filename="a.png"))[0] == 200
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    workers = [pid for pid in children if "cozygen.media.worker" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert workers
    for pid in workers:
        os.kill(int(pid), signal.SIGKILL)
    # Not before: what is looked at in the background while workers die counts as what kills them.
    write(outputs / "b.png", encoded(photo(seed=2), "PNG"))
    status, _, picture = await get(client, filename="b.png")
    assert (status, picture.size) == (200, (320, 240))


async def test_no_decoder_at_all_is_said(client: Client, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(outputs / "a.png", encoded(photo(), "PNG"))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    services = _services(client)
    monkeypatch.setattr(services.media, "_command", ["/nonexistent/python"])
    status, headers, body = await get(client, filename="a.png")
    assert (status, body["error"]) == (503, "unavailable")
    assert headers["Retry-After"]


async def test_who_goes_away_is_not_served(client: Client, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(outputs / "a.png", encoded(photo(), "PNG"))
    cancelled = asyncio.Event()
    begun = asyncio.Event()

    async def slow(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    monkeypatch.setattr(_services(client).thumbs, "get", slow)
    task = asyncio.create_task(get(client, filename="a.png"))
    async with asyncio.timeout(20):
        await begun.wait()
        task.cancel()
        await cancelled.wait()


def _services(client: Client) -> Any:
    from cozygen.web.services import SERVICES

    assert client.app is not None
    return client.app[SERVICES]
