"""Clips, strips of frames, waveforms, and thumbnails made ahead."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from cozygen.media.ahead import Wanted
from cozygen.media.pool import MediaPool, MediaUnavailable
from cozygen.web.services import SERVICES
from tests.api.conftest import Client, MakeStudio
from tests.media.samples import GREEN, RED, close, encoded, film, photo, quarters, sound, write

FOREVER = "max-age=31536000, immutable"
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
PREVIEW, SCRUB, WAVEFORM = "/cozygen/preview", "/cozygen/api/scrub", "/cozygen/api/waveform"
AHEAD = "/cozygen/api/thumbs/ahead"
EACH = pytest.mark.parametrize("url", [PREVIEW, SCRUB, WAVEFORM])


@pytest.fixture
def outputs(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def clip(outputs: Path) -> Path:
    """A film of two seconds with a sound: red, then green."""
    return write(outputs / "a.mp4", film([RED] * 8 + [GREEN] * 8, sound=True))


async def get(
    client: Client, url: str, *, headers: Mapping[str, str] | None = None, **query: object
) -> tuple[int, Any, Any]:
    """Status, headers, and the body: bytes or JSON."""
    params = {key: str(value) for key, value in query.items()}
    async with client.get(url, params=params, headers=headers) as answer:
        json = answer.content_type == "application/json"
        return answer.status, answer.headers, await (answer.json() if json else answer.read())


def services(client: Client) -> Any:
    assert client.app is not None
    return client.app[SERVICES]


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def test_a_clip_is_short_small_and_silent(client: Client, clip: Path) -> None:
    status, headers, body = await get(client, PREVIEW, filename="a.mp4", w=96)
    assert (status, headers["Content-Type"], headers["Accept-Ranges"]) == (200, "video/mp4", "bytes")
    assert headers["Cache-Control"] == f"public, {FOREVER}" and headers["ETag"].startswith('W/"')
    with av.open(io.BytesIO(body), "r") as container:
        (stream,) = container.streams
        assert stream.type == "video"
        frames = [_pictured(frame) for frame in container.decode(video=0)]
    assert frames[0].size == (64, 48)
    assert close(frames[0].getpixel((20, 20)), RED, 60) and close(frames[-1].getpixel((20, 20)), GREEN, 60)


def _pictured(frame: Any) -> Any:
    return frame.to_image()


async def test_parts_of_a_clip(client: Client, clip: Path) -> None:
    _, headers, whole = await get(client, PREVIEW, filename="a.mp4")
    size = len(whole)
    for asked, start, stop in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-50", size - 50, size),
        (f"bytes=10-{size * 2}", 10, size),
        ("bytes=0-0", 0, 1),
    ):
        status, answer, part = await get(client, PREVIEW, filename="a.mp4", headers={"Range": asked})
        assert (status, part) == (206, whole[start:stop]), asked
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert (answer["ETag"], answer["Content-Type"]) == (headers["ETag"], "video/mp4")
    for asked in (f"bytes={size}-", "bytes=5-2", "bytes=x", "bytes=", "chars=0-1", "bytes=-0", "bytes=0-1,4-5"):
        status, answer, body = await get(client, PREVIEW, filename="a.mp4", headers={"Range": asked})
        assert (status, body["error"], answer["Content-Range"]) == (416, "range not satisfiable", f"bytes */{size}")
    both = {"Range": "bytes=0-9", "If-Range": headers["ETag"]}
    assert (await get(client, PREVIEW, filename="a.mp4", headers=both))[::2] == (200, whole)


async def test_a_head_request_has_no_body(client: Client, clip: Path) -> None:
    _, _, whole = await get(client, PREVIEW, filename="a.mp4")
    async with client.head(PREVIEW, params={"filename": "a.mp4"}) as answer:
        assert (answer.status, answer.headers["Content-Length"], await answer.read()) == (200, str(len(whole)), b"")


async def test_a_strip_says_how_to_cut_it(client: Client, clip: Path) -> None:
    status, headers, body = await get(client, SCRUB, filename="a.mp4", count=4, w=64)
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(body)) as picture:
        width, height = int(headers["X-Frame-Width"]), int(headers["X-Frame-Height"])
        assert (headers["X-Frame-Count"], picture.size) == ("4", (4 * width, height))
        assert (width, height) == (64, 48)
        colours = [picture.convert("RGB").getpixel((width * n + width // 2, height // 2)) for n in range(4)]
    for colour, wanted in zip(colours, (RED, RED, GREEN, GREEN), strict=True):
        assert isinstance(colour, tuple) and close(colour, wanted, 60)


async def test_a_waveform(client: Client, outputs: Path, clip: Path) -> None:
    write(outputs / "a.mp3", sound("mp3", "libmp3lame", seconds=0.5))
    for name in ("a.mp3", "a.mp4"):
        status, headers, body = await get(client, WAVEFORM, filename=name, w=200, h=50)
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(body)) as picture:
            assert picture.size == (200, 50)
            assert len(set(picture.convert("L").tobytes())) > 10, "something is drawn"


@pytest.mark.parametrize(
    ("url", "query", "size"),
    [
        (SCRUB, {"count": 0}, (128, 48)),
        (SCRUB, {"count": -5}, (128, 48)),
        (SCRUB, {"count": 10**18, "w": 1}, (48 * 48, 36)),
        (SCRUB, {"count": 2, "w": 10**9}, (128, 48)),
        (WAVEFORM, {"w": 0, "h": 0}, (160, 40)),
        (WAVEFORM, {"w": 10**9, "h": 10**9}, (2048, 512)),
        (WAVEFORM, {}, (640, 160)),
    ],
)
async def test_sizes_are_clamped(client: Client, clip: Path, url: str, query: Any, size: tuple[int, int]) -> None:
    status, _, body = await get(client, url, filename="a.mp4", **query)
    assert status == 200
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.size == size


@pytest.mark.parametrize(
    ("url", "query", "field"),
    [
        (PREVIEW, {"w": "x"}, "w"),
        (SCRUB, {"count": "1.5"}, "count"),
        (SCRUB, {"w": ""}, "w"),
        (SCRUB, {"fmt": "gif"}, "fmt"),
        (WAVEFORM, {"h": "9" * 5000}, "h"),
        (WAVEFORM, {"w": "nan"}, "w"),
    ],
)
async def test_numbers_that_are_none(client: Client, clip: Path, url: str, query: Any, field: str) -> None:
    status, _, body = await get(client, url, filename="a.mp4", **query)
    assert (status, body["field"]) == (400, field)


@EACH
@pytest.mark.parametrize(
    ("query", "status", "error", "field"),
    [
        ({}, 400, "missing filename", "filename"),
        ({"filename": "a.mp4", "type": "nowhere"}, 400, "invalid type", "type"),
        ({"filename": "a.mp4", "subfolder": "x" * 5000}, 400, "invalid request", "subfolder"),
        ({"filename": "a\nb.mp4"}, 400, "invalid filename", "filename"),
        ({"filename": "../secret.mp4"}, 403, "forbidden", None),
        ({"filename": "secret.mp4", "subfolder": ".."}, 403, "forbidden", None),
        ({"filename": "/etc/passwd"}, 403, "forbidden", None),
        ({"filename": "a\0.mp4"}, 403, "forbidden", None),
        ({"filename": "linked.mp4"}, 403, "forbidden", None),
        ({"filename": "gone.mp4"}, 404, "not found", None),
        ({"filename": "folder"}, 404, "not found", None),
        ({"filename": "text.mp4"}, 415, "unsupported media type", "filename"),
        ({"filename": "empty.mp4"}, 415, "unsupported media type", "filename"),
        ({"filename": "picture.png"}, 415, "unsupported media type", "filename"),
    ],
)
async def test_what_cannot_be_had(
    client: Client, data_dir: Path, outputs: Path, url: str, query: Any, status: int, error: str, field: Any
) -> None:
    write(data_dir / "secret.mp4", b"secret")
    write(outputs / "text.mp4", b"not a film")
    write(outputs / "empty.mp4", b"")
    write(outputs / "picture.png", encoded(quarters(), "PNG"))
    (outputs / "folder").mkdir()
    (outputs / "linked.mp4").symlink_to(data_dir / "secret.mp4")
    found, _, body = await get(client, url, **query)
    assert (found, body["error"], body.get("field")) == (status, error, field)


async def test_a_sound_has_no_frames_and_a_silent_film_no_waveform(client: Client, outputs: Path) -> None:
    write(outputs / "a.mp3", sound("mp3", "libmp3lame", seconds=0.2))
    write(outputs / "silent.mp4", film([RED] * 4))
    for url, name in ((PREVIEW, "a.mp3"), (SCRUB, "a.mp3"), (WAVEFORM, "silent.mp4")):
        status, _, body = await get(client, url, filename=name)
        assert (status, body["field"]) == (415, "filename")


@EACH
async def test_what_has_not_changed_is_not_sent_again(
    client: Client, clip: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, headers, _ = await get(client, url, filename="a.mp4")
    tag = headers["ETag"]

    async def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is decoded for this")

    for name in ("clip", "strip", "waveform"):
        monkeypatch.setattr(f"cozygen.media.thumbs.ThumbnailStore.{name}", never)
    for value in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        status, answer, body = await get(client, url, filename="a.mp4", headers={"If-None-Match": value})
        assert (status, body, answer["ETag"], answer["Cache-Control"]) == (304, b"", tag, f"public, {FOREVER}")
    monkeypatch.undo()
    assert (await get(client, url, filename="a.mp4", headers={"If-None-Match": '"x"'}))[0] == 200
    assert (await get(client, url, filename="a.mp4", w=200, headers={"If-None-Match": tag}))[0] == 200
    clip.write_bytes(film([GREEN] * 9, sound=True))
    status, answer, _ = await get(client, url, filename="a.mp4", headers={"If-None-Match": tag})
    assert (status, answer["ETag"] == tag) == (200, False)


@EACH
async def test_it_is_made_once(client: Client, clip: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    ask = MediaPool._enqueue

    def counting(pool: MediaPool, request: dict[str, Any], heavy: bool, background: bool) -> Any:
        job = ask(pool, request, heavy, background)
        if request["op"] in ("clip", "strip", "waveform"):
            made.append(f"{request['op']} {id(job)}")
        return job

    monkeypatch.setattr(MediaPool, "_enqueue", counting)
    answers = await asyncio.gather(*(get(client, url, filename="a.mp4") for _ in range(5)))
    assert {answer[0] for answer in answers} == {200} and len({answer[2] for answer in answers}) == 1
    assert len(set(made)) == 1
    clip.rename(clip.with_name("b.mp4"))
    assert (await get(client, url, filename="b.mp4"))[2] == answers[0][2]
    assert len(set(made)) == 1, "kept by its content"


@pytest.mark.parametrize("url", [SCRUB, WAVEFORM])
async def test_better_formats_are_sent_where_asked(client: Client, clip: Path, url: str) -> None:
    for query, accept, wanted in (
        ({}, CHROME, "jpeg"),
        ({"fmt": "auto"}, CHROME, "avif"),
        ({"fmt": "auto"}, "*/*", "jpeg"),
        ({"fmt": "webp"}, "*/*", "webp"),
    ):
        status, headers, _ = await get(client, url, filename="a.mp4", headers={"Accept": accept}, **query)
        assert (status, headers["Content-Type"]) == (200, f"image/{wanted}")
        assert headers.get("Vary") == ("Accept" if query.get("fmt") == "auto" else None)


async def test_inputs_have_previews_too(client: Client, data_dir: Path) -> None:
    (data_dir / "input" / "sub").mkdir(parents=True, exist_ok=True)
    write(data_dir / "input" / "sub" / "a.mp4", film([RED] * 4))
    assert (await get(client, PREVIEW, filename="a.mp4", subfolder="sub", type="input"))[0] == 200
    assert (await get(client, PREVIEW, filename="a.mp4", subfolder="sub"))[0] == 404


@EACH
async def test_no_decoder_at_all_is_said(client: Client, clip: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise MediaUnavailable("no worker")

    for name in ("clip", "strip", "waveform"):
        monkeypatch.setattr(f"cozygen.media.pool.MediaPool.{name}", away)
    status, headers, body = await get(client, url, filename="a.mp4")
    assert (status, body["error"], headers["Retry-After"]) == (503, "unavailable", "5")


async def test_with_sign_in_it_is_private(studio: MakeStudio, clip: Path) -> None:
    client = await studio(auth_user="ann", auth_pass="horse battery")
    for url in (PREVIEW, SCRUB, WAVEFORM):
        assert (await get(client, url, filename="a.mp4"))[0] == 401
    async with client.post(AHEAD, json={"items": []}) as answer:
        assert answer.status == 401
    async with client.post("/cozygen/api/login", json={"username": "ann", "password": "horse battery"}) as answer:
        token = (await answer.json())["token"]
    status, headers, _ = await get(client, SCRUB, filename="a.mp4", headers={"Authorization": f"Bearer {token}"})
    assert (status, headers["Cache-Control"]) == (200, f"private, {FOREVER}")


# Ahead


async def ask_ahead(client: Client, body: Any) -> tuple[int, Any]:
    async with client.post(AHEAD, json=body) as answer:
        return answer.status, await answer.json()


async def test_thumbnails_are_made_before_they_are_asked_for(client: Client, outputs: Path, data_dir: Path) -> None:
    (outputs / "x").mkdir()
    for number in range(3):
        write(outputs / "x" / f"{number}.png", encoded(photo(seed=number), "PNG"))
    items = [{"subfolder": "x", "filename": f"{number}.png"} for number in range(3)]
    items.append({"subfolder": "x", "filename": "gone.png"})
    assert await ask_ahead(client, {"items": items, "width": 128, "fmt": "webp"}) == (200, {"ok": True, "accepted": 3})
    store = services(client).thumbs
    paths = sorted((outputs / "x").iterdir())
    await until(lambda: all(store.known(path, 128, "webp", path.stat()) is not None for path in paths))
    assert len(list((data_dir / "thumbnails").rglob("*.pic"))) >= 3


async def test_callers_and_lists(client: Client, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[Wanted]]] = []

    def want(caller: str, wanted: list[Wanted]) -> int:
        asked.append((caller, wanted))
        return len(wanted)

    monkeypatch.setattr(services(client).ahead, "want", want)
    path = write(outputs / "a.png", encoded(quarters(), "PNG"))
    item = {"filename": "a.png", "type": "output"}
    for body in ({"items": [item]}, {"items": [item], "client": "w2", "width": 10**6}, {"items": [], "width": -1}):
        assert (await ask_ahead(client, body))[0] == 200
    assert asked == [
        ("default\0", [Wanted(path, 384, "jpeg")]),
        ("default\0w2", [Wanted(path, 1024, "jpeg")]),
        ("default\0", []),
    ]


@pytest.mark.parametrize(
    ("body", "status", "error", "field"),
    [
        ({}, 400, "invalid request", "items"),
        ([], 400, "bad json", None),
        ({"items": "x"}, 400, "invalid request", "items"),
        ({"items": [{}]}, 400, "invalid request", "items.0.filename"),
        ({"items": [{"filename": ""}]}, 400, "invalid request", "items.0.filename"),
        ({"items": [{"filename": 5}]}, 400, "invalid request", "items.0.filename"),
        ({"items": [{"filename": "a.png"}] * 201}, 400, "invalid request", "items"),
        ({"items": [], "width": "x"}, 400, "invalid request", "width"),
        ({"items": [], "width": 1.5}, 400, "invalid request", "width"),
        ({"items": [], "fmt": "auto"}, 400, "invalid request", "fmt"),
        ({"items": [], "client": "x" * 101}, 400, "invalid request", "client"),
        ({"items": [{"filename": "a.png", "type": "nowhere"}]}, 400, "invalid type", "items.0.type"),
        ({"items": [{"filename": "a.png"}, {"filename": "../a.png"}]}, 403, "forbidden", "items.1.filename"),
        ({"items": [{"filename": "a\nb.png"}]}, 400, "invalid filename", "items.0.filename"),
        ({"items": [{"filename": "\ud800.png"}]}, 400, "invalid request", "items.0.filename"),
    ],
)
async def test_bad_lists(client: Client, body: Any, status: int, error: str, field: str | None) -> None:
    found, answer = await ask_ahead(client, body)
    assert (found, answer["error"], answer.get("field")) == (status, error, field)


async def test_new_outputs_get_thumbnails_by_themselves(client: Client, outputs: Path) -> None:
    """Such as are asked for at present."""
    write(outputs / "before.png", encoded(quarters(), "PNG"))
    assert (await get(client, "/cozygen/thumb", filename="before.png", w=200))[0] == 200
    arrivals = services(client).galleries.output

    async def scanned() -> bool:
        return bool((await arrivals.progress()).complete)

    await until(scanned)
    store = services(client).thumbs
    numbers = iter(range(1000))

    def made() -> bool:
        # Those that come until the studio has begun to look do not count as new.
        path = write(outputs / f"new {next(numbers)}.png", encoded(photo(), "PNG"))
        made_ones = [
            one
            for one in outputs.glob("new *.png")
            if one != path and store.known(one, 200, "jpeg", one.stat()) is not None
        ]
        return bool(made_ones)

    await until(made)
