"""Thumbnails and cache."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

from aiohttp import web
from pydantic import Field

from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.scan import is_own
from cozygen.gallery.service import Gallery
from cozygen.media.pool import Encoding, MediaUnavailable
from cozygen.storage.paths import BadName, PathOutside
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.listing import RootName, gallery_of, is_further, refuse_unshown
from cozygen.web.services import in_thread

section = Section("Thumbnails and cache", "Small pictures of large files.")

T = TypeVar("T")

MIN_WIDTH, MAX_WIDTH = 96, 1024
_BETTER: tuple[Encoding, ...] = ("avif", "webp")  # than JPEG, the best first
_FOREVER = "max-age=31536000, immutable"
_LOOK_SECONDS = 0.25


class ThumbQuery(Model):
    """Which thumbnail."""

    type: RootName = OUTPUT
    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    w: int = Field(384, description="side of the box in pixels, clamped to 96..1024")
    fmt: Literal["jpeg", "webp", "avif", "auto"] = Field(
        "jpeg", description="`auto`: WebP or AVIF where the Accept header names it and does not prefer JPEG"
    )


class Cleared(Model):
    """The cache is empty."""

    status: Literal["ok"]
    message: str


@section.route(
    "GET",
    "/cozygen/thumb",
    quiet=True,
    query=ThumbQuery,
    media_type="image/*",
    errors={
        304: "Unchanged",
        400: "`missing filename`, `invalid type`, or a bad width",
        403: "Outside the folder",
        404: "No such file",
        503: "No picture can be decoded at the moment",
    },
    field_errors={"type": "invalid type"},
)
async def thumb(call: Call[ThumbQuery, NoBody]) -> web.Response:
    """A thumbnail that fits in a w×w box; a drawn placeholder for what has no picture."""
    query, services, headers = call.query, call.services, call.request.headers
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(services, query.type, "type")
    path, status = await services.thumbs.off_loop(lambda: locate(gallery, query.subfolder, query.filename))
    width = max(MIN_WIDTH, min(MAX_WIDTH, query.w))
    kind = accepted(headers.get("Accept", "")) if query.fmt == "auto" else query.fmt
    scope = "private" if services.sign_in.enabled else "public"
    vary = {"Vary": "Accept"} if query.fmt == "auto" else {}
    etag = services.thumbs.etag(status, width, kind)
    wanted = headers.get("If-None-Match")
    if wanted is not None and matches(wanted, etag):
        return web.Response(status=304, headers={"Cache-Control": f"{scope}, {_FOREVER}", "ETag": etag, **vary})
    services.ahead.usual = width, kind
    try:
        found = services.thumbs.known(path, width, kind, status)
        if found is None:
            making = services.thumbs.get(path, width, kind, status=status)
            found = await while_connected(call.request, making)
    except MediaUnavailable as error:
        raise ApiError(503, "unavailable", str(error), headers={"Retry-After": "5"}) from None
    except OSError:  # it vanished a moment ago
        raise absent() from None
    # What is not settled may be a picture the next time.
    caching = f"{scope}, {_FOREVER}" if found.settled else f"{scope}, no-cache"
    answer = {"Cache-Control": caching, "ETag": found.etag, **vary}
    if wanted is not None and matches(wanted, found.etag):
        return web.Response(status=304, headers=answer)
    return web.Response(body=found.data, content_type=found.content_type, headers=answer)


def locate(gallery: Gallery, subfolder: str, filename: str) -> tuple[Path, os.stat_result]:
    """The path of an existing file and its status; `filename` may be a path itself. Blocking. Raises `ApiError`."""
    try:
        if filename.startswith(("/", "\\")):
            raise PathOutside("the path is absolute")
        if is_own(f"{subfolder}/{filename}"):
            raise absent()
        path = f"{subfolder}/{filename}" if subfolder else filename
        found = gallery.root.find(path)
        if is_further(gallery):
            refuse_unshown(gallery, path)
        return found
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves its folder.") from None
    except BadName as error:
        raise ApiError(400, "invalid filename", str(error), field="filename") from None
    except OSError:
        raise absent() from None


def absent() -> ApiError:
    """The answer to a file that is not there."""
    return ApiError(404, "not found", "There is no such file.")


async def while_connected(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client goes away: it has scrolled on."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError("the client went away")
        return task.result()
    finally:
        task.cancel()


def accepted(header: str) -> Encoding:
    """The encoding to answer an ``Accept`` header with (RFC 9110, 12.5.1).

    JPEG, unless a better one is named (not by a wildcard alone) with a quality of at least JPEG's.
    """
    qualities = _qualities(header)
    wildcard = qualities.get("image/*", qualities.get("*/*", 0.0))
    least = qualities.get("image/jpeg", wildcard)
    chosen: Encoding = "jpeg"
    best = 0.0
    for encoding in _BETTER:
        quality = qualities.get(f"image/{encoding}", 0.0)
        if quality > best and quality >= least:
            chosen, best = encoding, quality
    return chosen


def _qualities(header: str) -> dict[str, float]:
    """Media range -> quality, 0..1; what is no number counts as 0."""
    result: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((text[2:].strip() for text in parameters if text.startswith("q=")), "1")
        try:
            result[name] = min(1.0, max(0.0, float(quality)))
        except ValueError:
            result[name] = 0.0
    return result


def matches(header: str, etag: str) -> bool:
    """Weak comparison of an ``If-None-Match`` header with an entity tag (RFC 9110, 13.1.2)."""
    wanted = etag.removeprefix("W/")
    return any(part.strip().removeprefix("W/") in (wanted, "*") for part in header.split(","))


@section.route("POST", "/cozygen/api/clear_cache", response=Cleared)
async def clear_cache(call: Call[NoQuery, NoBody]) -> Cleared:
    """Remove every thumbnail; they are made again when they are asked for."""
    count = await in_thread(call.services.thumbs.clear)
    return Cleared(status="ok", message=f"{count} thumbnails removed")
