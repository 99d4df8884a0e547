"""Thumbnails and cache."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from cozygen.media.thumbs import Thumbnail
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.engine import confine
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread

section = Section("Thumbnails and cache", "Small pictures of large files.")

_MIN_WIDTH, _MAX_WIDTH = 96, 1024


class ThumbQuery(Model):
    """Which thumbnail."""

    type: Literal["output", "input"] = "output"
    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    w: int = Field(384, description="side of the box in pixels, clamped to 96..1024")
    fmt: str = Field("jpeg", max_length=16, description="`auto`: the best format that the Accept header allows")


class Cleared(Model):
    """The cache is empty."""

    status: Literal["ok"]
    message: str


@section.route(
    "GET",
    "/cozygen/thumb",
    query=ThumbQuery,
    media_type="image/jpeg",
    errors={304: "Unchanged", 400: "No filename, or a bad width", 403: "Outside the folder", 404: "No such file"},
)
async def thumb(call: Call[ThumbQuery, NoBody]) -> web.Response:
    """A thumbnail that fits in a w×w box; a drawn placeholder for what has no picture."""
    query, services = call.query, call.services
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    root = services.outputs if query.type == "output" else services.inputs
    subfolder, filename = query.subfolder, query.filename
    if query.type == "input" and "/" in filename.replace("\\", "/"):
        folder, _, filename = filename.replace("\\", "/").rpartition("/")
        subfolder = f"{subfolder}/{folder}" if subfolder else folder
    path = confine(root, subfolder, filename)
    width = max(_MIN_WIDTH, min(_MAX_WIDTH, query.w))
    kind = _format(call.request.headers.get("Accept", "")) if query.fmt == "auto" else "jpeg"
    relative = f"{query.type}/{root.relative(path)}"
    try:
        found: Thumbnail = await services.thumbs.get(path, relative, width, kind)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ApiError(404, "not found", "There is no such file.") from None
    scope = "private" if services.sign_in.enabled else "public"
    headers = {"Cache-Control": f"{scope}, max-age=31536000, immutable", "ETag": found.etag}
    if query.fmt == "auto":
        headers["Vary"] = "Accept"
    if _matches(call.request.headers.get("If-None-Match", ""), found.etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.data, content_type=found.content_type, headers=headers)


def _format(accept: str) -> str:
    offered = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return next((kind for kind in ("avif", "webp") if f"image/{kind}" in offered), "jpeg")


def _matches(header: str, etag: str) -> bool:
    """Weak comparison of ``If-None-Match`` (RFC 9110, 13.1.2)."""
    wanted = etag.removeprefix("W/")
    return any(part.strip().removeprefix("W/") in (wanted, "*") for part in header.split(","))


@section.route("POST", "/cozygen/api/clear_cache", response=Cleared)
async def clear_cache(call: Call[NoQuery, NoBody]) -> Cleared:
    """Remove every thumbnail; they are made again when they are asked for."""
    count = await in_thread(call.services.thumbs.clear)
    return Cleared(status="ok", message=f"{count} thumbnails removed")
