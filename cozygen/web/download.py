"""Downloads: many files as one ZIP, one file with its metadata or without."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from cozygen.gallery.download import TICKET_SECONDS, Ticket, archive, opened
from cozygen.gallery.service import Selection
from cozygen.gallery.strip import CannotStrip
from cozygen.media.kinds import content_type
from cozygen.storage.paths import PathError
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.library import ChosenFiles, Place, place_view, selection_errors, selection_of
from cozygen.web.listing import RootQuery, gallery_of
from cozygen.web.services import in_thread

section = Section("Downloads", "Files to take away, with what they say about how they were made or without it.")

Metadata = Literal["keep", "strip"]


class DownloadBody(ChosenFiles):
    """Which files."""

    metadata: Metadata = Field("keep", description="`strip`: without prompts, workflows and all else; pixels stay")


class Download(Model):
    """Where the ZIP is fetched, as often as wanted until it expires."""

    url: str
    count: int
    size: int = Field(description="bytes of the files")
    expires_in: float = Field(description="seconds")
    missing: list[Place] | None = Field(None, description="the files of `items` that are not there, if any")


@section.route(
    "POST",
    "/cozygen/api/gallery/download",
    body=DownloadBody,
    response=Download,
    errors={
        400: "`missing items`, `invalid query`, `invalid root`, or a wrong field",
        403: "Outside the library's folder",
        404: "None of the files is there",
        413: "Too many files",
    },
)
async def prepare_download(call: Call[NoQuery, DownloadBody]) -> Download:
    """Prepare a ZIP of files. It is made while it is fetched."""
    services = call.services
    selection = await selection_of(services, call.body)
    with selection_errors():
        chosen = await services.galleries.choose(selection)
    if not chosen.files:
        raise ApiError(404, "not found", "There is no such file.", field="items")
    ticket = services.downloads.offer(call.user, chosen.files, strip=call.body.metadata == "strip")
    values = {}
    if chosen.missing:
        values["missing"] = list(map(place_view, chosen.missing))
    return Download(
        url=f"/cozygen/api/gallery/download/{ticket.token}",
        count=len(chosen.files),
        size=sum(file.row.size for file in chosen.files),
        expires_in=TICKET_SECONDS,
        **values,
    )


@section.route(
    "GET",
    "/cozygen/api/gallery/download/{ticket}",
    media_type="application/zip",
    errors={404: "There is nothing to fetch, or no longer"},
)
async def fetch_download(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Fetch a ZIP. Files that cannot be read, or stripped, are named in a text file in it."""
    ticket = call.services.downloads.get(call.user, call.path("ticket"))
    if ticket is None:
        raise ApiError(404, "not found", "There is nothing to download here, or no longer.")
    response = web.StreamResponse(headers=_headers("application/zip", _name(ticket)))
    parts = archive(ticket.files, strip=ticket.strip)
    try:
        await response.prepare(call.request)
        while part := await in_thread(lambda: next(parts, b"")):
            await response.write(part)
        await response.write_eof()
    except ConnectionResetError:
        pass  # whoever wanted it has gone
    finally:
        await in_thread(parts.close)
    return response


def _name(ticket: Ticket) -> str:
    folders = {file.row.subfolder.rpartition("/")[2] for file in ticket.files}
    return f"{folders.pop() if len(folders) == 1 and '' not in folders else 'gallery'}.zip"


def _headers(kind: str, filename: str) -> dict[str, str]:
    plain = "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "_" for c in filename)
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{plain}"{extended}',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }


class ExportQuery(RootQuery):
    """Which file, and how."""

    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    metadata: Metadata = Field("keep", description="`strip`: without prompts, workflows and all else; pixels stay")


@section.route(
    "GET",
    "/cozygen/api/gallery/export",
    query=ExportQuery,
    media_type="*/*",
    errors={
        400: "`missing filename`, `invalid root`, or a wrong field",
        403: "Outside the library's folder",
        404: "No such file",
        415: "`cannot strip`: metadata cannot be taken out of this file",
    },
    field_errors={"metadata": "invalid metadata", "root": "invalid root"},
)
async def export(call: Call[ExportQuery, NoBody]) -> web.StreamResponse:
    """Download one file. It is not encoded anew: without metadata, every pixel and sample is as it was."""
    query, gallery = call.query, gallery_of(call.services, call.query.root)
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    with selection_errors():
        chosen = await gallery.choose(Selection([(query.subfolder, query.filename)]))
    if not chosen.rows:
        raise ApiError(404, "not found", "There is no such file.", field="filename")
    path = chosen.rows[0].path
    file = opened(gallery.root, path, strip=query.metadata == "strip")
    try:
        size, parts = await in_thread(file.__enter__)
    except CannotStrip as error:
        raise ApiError(415, "cannot strip", f"{str(error).capitalize()}.", field="metadata") from None
    except (OSError, PathError):
        raise ApiError(404, "not found", "There is no such file.", field="filename") from None
    response = web.StreamResponse(headers=_headers(content_type(path), chosen.rows[0].name))
    response.content_length = size
    steps = iter(parts)
    try:
        await response.prepare(call.request)
        while part := await in_thread(lambda: next(steps, b"")):
            await response.write(part)
        await response.write_eof()
    except (ConnectionResetError, CannotStrip):
        if call.request.transport is not None:  # a file that shrank meanwhile: a cut answer says so
            call.request.transport.close()
    finally:
        await in_thread(lambda: file.__exit__(None, None, None))
    return response
