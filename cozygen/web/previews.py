"""What shows more of a file than a thumbnail: clips, strips of frames, waveforms; and thumbnails made ahead."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from aiohttp import web
from pydantic import Field, StrictInt

from cozygen.gallery import metadata
from cozygen.gallery.marks import OUTPUT
from cozygen.media.ahead import Wanted
from cozygen.media.pool import Encoding, MediaUnavailable
from cozygen.media.sniff import Undecodable
from cozygen.media.thumbs import Thumbnail
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.listing import RootName, gallery_of
from cozygen.web.thumbs import MAX_WIDTH, MIN_WIDTH, absent, accepted, locate, matches, while_connected

section = Section("Previews", "Short clips, strips of frames and waveforms, and thumbnails made ahead.")

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.I)
_FOREVER = "max-age=31536000, immutable"
_CLIP = (96, 640)
_FRAME = (48, 320)
_COUNT = (2, 48)
_WAVE_WIDTH, _WAVE_HEIGHT = (160, 2048), (40, 512)
_MAX_AHEAD = 200

_ERRORS = {
    304: "Unchanged",
    400: "`missing filename`, `invalid type`, or a bad number",
    403: "Outside the folder",
    404: "No such file",
    415: "It cannot be made of such a file",
    503: "Nothing can be decoded at the moment",
}


class MediaQuery(Model):
    """Which file."""

    type: RootName = OUTPUT
    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)


class PreviewQuery(MediaQuery):
    """Which film."""

    w: int = Field(320, description="side of the box in pixels, clamped to 96..640")


class PictureQuery(MediaQuery):
    """Which file, and how the picture is to be encoded."""

    fmt: Literal["jpeg", "webp", "avif", "auto"] = Field(
        "jpeg", description="`auto`: WebP or AVIF where the Accept header names it and does not prefer JPEG"
    )


class ScrubQuery(PictureQuery):
    """Which film, and how many frames of it."""

    w: int = Field(160, description="side of the box of each frame in pixels, clamped to 48..320")
    count: int = Field(12, description="frames, clamped to 2..48")


class WaveformQuery(PictureQuery):
    """Which sound."""

    w: int = Field(640, description="width in pixels, clamped to 160..2048")
    h: int = Field(160, description="height in pixels, clamped to 40..512")


class _Made(NamedTuple):
    """What was made of a file, None where the caller has it already, and the headers of the answer."""

    thumbnail: Thumbnail | None
    headers: dict[str, str]


def _clamped(value: int, limits: tuple[int, int]) -> int:
    return max(limits[0], min(limits[1], value))


async def _made(
    call: Call[Any, NoBody], what: tuple[object, ...], make: Callable[[Any], Awaitable[Thumbnail]]
) -> _Made:
    """What `make` makes of the file's path. `what` names it, for the entity tag."""
    query, services, request = call.query, call.services, call.request
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(services, query.type, "type")
    path, status = await services.thumbs.off_loop(lambda: locate(gallery, query.subfolder, query.filename))
    scope = "private" if services.sign_in.enabled else "public"
    headers = {"Cache-Control": f"{scope}, {_FOREVER}", "ETag": services.thumbs.etag(status, *what)}
    if getattr(query, "fmt", None) == "auto":
        headers["Vary"] = "Accept"
    wanted = request.headers.get("If-None-Match")
    if wanted is not None and matches(wanted, headers["ETag"]):
        return _Made(None, headers)

    async def making() -> Thumbnail:
        return await make(path)

    try:
        found = await while_connected(request, making())
    except MediaUnavailable as error:
        raise ApiError(503, "unavailable", str(error), headers={"Retry-After": "5"}) from None
    except Undecodable as error:
        raise ApiError(
            415, "unsupported media type", f"Nothing can be made of it: {error}.", field="filename"
        ) from None
    except OSError:  # it vanished a moment ago
        raise absent() from None
    headers["ETag"] = found.etag
    return _Made(found, headers)


def _encoding(call: Call[Any, NoBody]) -> Encoding:
    fmt: Literal["jpeg", "webp", "avif", "auto"] = call.query.fmt
    return accepted(call.request.headers.get("Accept", "")) if fmt == "auto" else fmt


@section.route(
    "GET",
    "/cozygen/preview",
    quiet=True,
    query=PreviewQuery,
    media_type="video/*",
    errors={**_ERRORS, 206: "The range asked for", 416: "No such range"},
    field_errors={"type": "invalid type"},
)
async def preview(call: Call[PreviewQuery, NoBody]) -> web.Response:
    """A silent clip of a few seconds of a film, that fits a w×w box: MP4, or WebM. Supports Range."""
    box, thumbs = _clamped(call.query.w, _CLIP), call.services.thumbs
    made = await _made(call, ("clip", box), lambda path: thumbs.clip(path, box))
    if made.thumbnail is None:
        return web.Response(status=304, headers=made.headers)
    return _ranged(call.request, made.thumbnail, {**made.headers, "Accept-Ranges": "bytes"})


def _ranged(request: web.Request, found: Thumbnail, headers: Mapping[str, str]) -> web.Response:
    """All of it, or the range that is asked for (RFC 9110, 14)."""
    size = len(found.data)
    # The entity tag is a weak one, by which nobody can tell that his part is of the same file.
    if "Range" not in request.headers or "If-Range" in request.headers:
        return web.Response(body=found.data, content_type=found.content_type, headers=headers)
    start, stop = _span(request.headers["Range"], size)
    if start >= stop:
        span = {"Content-Range": f"bytes */{size}"}
        raise ApiError(416, "range not satisfiable", "There is no such range.", headers=span)
    return web.Response(
        status=206,
        body=found.data[start:stop],
        content_type=found.content_type,
        headers={**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"},
    )


def _span(header: str, size: int) -> tuple[int, int]:
    """The bytes from the first to before the second that a ``Range`` header asks for; none where there are no such.

    As with files, one range can be asked for and not several.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return 0, 0
    if not found[1]:
        return max(0, size - int(found[2])), size
    return int(found[1]), min(size, int(found[2]) + 1) if found[2] else size


@section.route(
    "GET",
    "/cozygen/api/scrub",
    quiet=True,
    query=ScrubQuery,
    media_type="image/*",
    errors=_ERRORS,
    field_errors={"type": "invalid type"},
)
async def scrub(call: Call[ScrubQuery, NoBody]) -> web.Response:
    """Frames of a film side by side, evenly spread from its beginning to its end.

    `X-Frame-Count`, `X-Frame-Width` and `X-Frame-Height` say how to cut the picture; all frames are of one size.
    """
    query, thumbs = call.query, call.services.thumbs
    box, count, kind = _clamped(query.w, _FRAME), _clamped(query.count, _COUNT), _encoding(call)
    made = await _made(call, ("strip", box, count, kind), lambda path: thumbs.strip(path, box, count, kind))
    if made.thumbnail is None:
        return web.Response(status=304, headers=made.headers)
    size = metadata.read(io.BytesIO(made.thumbnail.data))
    frames = {
        "X-Frame-Count": str(count),
        "X-Frame-Width": str((size.width or 0) // count),
        "X-Frame-Height": str(size.height or 0),
    }
    return _picture(made.thumbnail, {**made.headers, **frames})


@section.route(
    "GET",
    "/cozygen/api/waveform",
    quiet=True,
    query=WaveformQuery,
    media_type="image/*",
    errors=_ERRORS,
    field_errors={"type": "invalid type"},
)
async def waveform(call: Call[WaveformQuery, NoBody]) -> web.Response:
    """The loudness of a sound, or of a film's sound, over its time: a picture of w×h pixels."""
    query, thumbs = call.query, call.services.thumbs
    width, height, kind = _clamped(query.w, _WAVE_WIDTH), _clamped(query.h, _WAVE_HEIGHT), _encoding(call)
    what = ("waveform", width, height, kind)
    made = await _made(call, what, lambda path: thumbs.waveform(path, width, height, kind))
    if made.thumbnail is None:
        return web.Response(status=304, headers=made.headers)
    return _picture(made.thumbnail, made.headers)


def _picture(found: Thumbnail, headers: Mapping[str, str]) -> web.Response:
    return web.Response(body=found.data, content_type=found.content_type, headers=headers)


class AheadItem(Model):
    """A file."""

    type: RootName = OUTPUT
    filename: str = Field(min_length=1, max_length=4096)
    subfolder: str = Field("", max_length=4096)


class AheadBody(Model):
    """What is on the screen, or is about to be: first things first."""

    items: list[AheadItem] = Field(max_length=_MAX_AHEAD, description="none: nothing is wanted any more")
    width: StrictInt = Field(384, description="side of the box in pixels, clamped to 96..1024")
    fmt: Literal["jpeg", "webp", "avif"] = "jpeg"
    client: str = Field("", max_length=100, description="any text; each has a list of its own, say each window")


class AheadView(Model):
    """They are made in the background."""

    ok: Literal[True]
    accepted: int = Field(description="how many of the files are there")


@section.route(
    "POST",
    "/cozygen/api/thumbs/ahead",
    quiet=True,
    body=AheadBody,
    response=AheadView,
    errors={400: "A wrong field, or more than 200 items", 403: "Outside the folder"},
)
async def thumbs_ahead(call: Call[NoQuery, AheadBody]) -> AheadView:
    """Have thumbnails made that will be asked for soon. The list replaces the caller's earlier one.

    What was asked for last is made first; what somebody waits for comes before all of it.
    """
    body, services = call.body, call.services
    width = _clamped(body.width, (MIN_WIDTH, MAX_WIDTH))
    galleries = [gallery_of(services, item.type, f"items.{n}.type") for n, item in enumerate(body.items)]

    def look() -> list[Wanted]:
        found = []
        for number, (item, gallery) in enumerate(zip(body.items, galleries, strict=True)):
            try:
                path, _ = locate(gallery, item.subfolder, item.filename)
            except ApiError as error:
                if error.status == 404:
                    continue  # it has gone since
                code = error.body["error"]
                raise ApiError(error.status, code, str(error), field=f"items.{number}.filename") from None
            found.append(Wanted(path, width, body.fmt))
        return found

    wanted = await services.thumbs.off_loop(look)
    return AheadView(ok=True, accepted=services.ahead.want(f"{call.user}\0{body.client}", wanted))
