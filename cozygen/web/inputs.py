"""Uploads and inputs: pictures and clips to work from."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import Field

from cozygen.engines.base import EngineError, OutputType
from cozygen.gallery import listing
from cozygen.storage.paths import BadName, PathOutside, Root, fsync_directory, sanitise_filename
from cozygen.web.api import Call, FileUpload, Model, NoBody, NoQuery, Section
from cozygen.web.engine import file_response
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread

section = Section("Uploads and inputs", "The input folder: what renders start from.")

_DEFAULT_EXTENSIONS = "jpg,jpeg,png,webp,bmp,tif,tiff,gif"
_CHUNK = 256 * 1024
_FIELD_BYTES = 64 * 1024
_MALFORMED = (ValueError, AssertionError, HttpProcessingError)
"""What aiohttp's multipart reader raises for a body that is none."""


class ImageForm(FileUpload):
    """One picture or video."""

    image: bytes = Field(description="the file; it must come first")


class ComfyImageForm(FileUpload):
    """One picture or video, and where to keep it."""

    image: bytes = Field(description="the file, with its name")
    type: Literal["input", "temp", "output"] = "input"
    subfolder: str = ""
    overwrite: str = Field("", description="`true` or `1` replaces a file of the same name")


class ComfyMaskForm(ComfyImageForm):
    """A mask, and the picture that it belongs to."""

    original_ref: str = Field(description="JSON: `filename`, `subfolder` and `type` of the picture")


class Uploaded(Model):
    """Where the upload is kept."""

    filename: str
    size: int = Field(description="bytes")


class ComfyUploaded(Model):
    """Where the upload is kept, as ComfyUI says it."""

    name: str
    subfolder: str
    type: Literal["input", "temp", "output"]


class Received:
    """A part of a multipart body on disk under a temporary name."""

    def __init__(self, path: Path, name: str, size: int, sha256: str) -> None:
        self.path, self.name, self.size, self.sha256 = path, name, size, sha256

    def discard(self) -> None:
        """Remove the temporary file."""
        with suppress(FileNotFoundError):
            self.path.unlink()


async def receive(part: BodyPartReader, folder: Path, limit: int) -> Received:
    """Stream a part to a temporary file in `folder`. Raises `ApiError` 413 beyond `limit` bytes."""
    temporary = folder / f".upload-{uuid.uuid4().hex}"
    digest = hashlib.sha256()
    size = 0
    await in_thread(lambda: folder.mkdir(parents=True, exist_ok=True))
    handle = await in_thread(lambda: temporary.open("xb"))
    try:
        while chunk := await _chunk(part, _CHUNK):
            size += len(chunk)
            if size > limit:
                raise ApiError(413, "too large", f"The file is larger than {limit // 2**20} MiB.", field="image")
            await in_thread(partial(_write, handle, digest, chunk))
        await in_thread(partial(_settle, handle))
    except BaseException:
        handle.close()
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    return Received(temporary, part.filename or "", size, digest.hexdigest())


def _write(handle: BinaryIO, digest: hashlib._Hash, data: bytes) -> None:
    handle.write(data)
    digest.update(data)


def _settle(handle: BinaryIO) -> None:
    handle.flush()
    os.fsync(handle.fileno())
    handle.close()


async def _multipart(request: web.Request) -> Any:
    if not request.content_type.startswith("multipart/"):
        raise ApiError(400, "image field", "Send the file as the multipart form field `image`.", field="image")
    try:
        return await request.multipart()
    except _MALFORMED:
        raise _malformed() from None


async def _next_part(reader: Any) -> Any:
    try:
        return await reader.next()
    except _MALFORMED:
        raise _malformed() from None


async def _chunk(part: BodyPartReader, size: int) -> bytes:
    try:
        return bytes(await part.read_chunk(size))
    except _MALFORMED:
        raise _malformed() from None


def _malformed() -> ApiError:
    return ApiError(400, "image field", "The multipart body is malformed.", field="image")


async def _verified(services: Services, received: Received) -> None:
    """Refuse what is neither picture nor clip. Raises `ApiError` 415."""
    if received.size == 0 or await services.media.verify(received.path) not in ("image", "video"):
        raise ApiError(415, "unsupported media type", "The file is not a readable picture or video.", field="image")


@section.route(
    "POST",
    "/cozygen/upload_image",
    response=Uploaded,
    errors={400: "`image field`: it must come first", 413: "Too large", 415: "Neither picture nor video"},
    form=ImageForm,
)
async def upload_image(call: Call[NoQuery, NoBody]) -> Uploaded:
    """Store a picture or a video (multipart field `image`) in the input folder under a fresh name."""
    services = call.services
    reader = await _multipart(call.request)
    part = await _next_part(reader)
    if not isinstance(part, BodyPartReader) or part.name != "image":
        raise ApiError(400, "image field", "The first part must be the field `image`.", field="image")
    limit = services.settings.max_upload_mb * 2**20
    received = await receive(part, services.settings.inputs, limit)
    try:
        await _verified(services, received)
        name = f"{uuid.uuid4()}_{sanitise_filename(received.name or 'image')}"
        await in_thread(lambda: _publish(received.path, services.settings.inputs / name))
    finally:
        await in_thread(received.discard)
    with suppress(EngineError):
        await services.engine.upload(name, services.settings.inputs / name)
    return Uploaded(filename=name, size=received.size)


def _publish(source: Path, target: Path) -> None:
    source.replace(target)
    fsync_directory(target.parent)


@section.route(
    "POST",
    "/upload/image",
    response=ComfyUploaded,
    errors={400: "A field is missing or wrong", 413: "Too large", 415: "Neither picture nor video"},
    form=ComfyImageForm,
    also_under_api=True,
)
async def comfy_upload_image(call: Call[NoQuery, NoBody]) -> ComfyUploaded:
    """ComfyUI's upload: fields `image`, `overwrite`, `type`, `subfolder`. A new file never replaces another unasked."""
    return await _comfy_upload(call, lambda received, fields: None)


@section.route(
    "POST",
    "/upload/mask",
    response=ComfyUploaded,
    errors={400: "A field is missing or wrong", 404: "The original is gone", 413: "Too large", 415: "Not a picture"},
    form=ComfyMaskForm,
    also_under_api=True,
)
async def comfy_upload_mask(call: Call[NoQuery, NoBody]) -> ComfyUploaded:
    """ComfyUI's mask upload: the alpha of `image` becomes the alpha of the picture that `original_ref` names."""
    services = call.services

    def apply(received: Received, fields: dict[str, str]) -> None:
        original = _original(services, fields.get("original_ref"))
        _apply_mask(received.path, original)

    return await _comfy_upload(call, apply)


async def _comfy_upload(call: Call[Any, Any], transform: Callable[[Received, dict[str, str]], None]) -> ComfyUploaded:
    services = call.services
    limit = services.settings.max_upload_mb * 2**20
    reader = await _multipart(call.request)
    fields: dict[str, str] = {}
    received: Received | None = None
    try:
        while (part := await _next_part(reader)) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "image" and received is None:
                received = await receive(part, services.settings.inputs, limit)
            elif part.name:
                fields[part.name] = (await _chunk(part, _FIELD_BYTES)).decode("utf-8", "replace")
                while await _chunk(part, _CHUNK):
                    pass
        if received is None or not received.name:
            raise ApiError(400, "image field", "The field `image` with a file name is missing.", field="image")
        await _verified(services, received)
        final = received
        await in_thread(lambda: transform(final, fields))
        return await _comfy_store(services, received, fields)
    finally:
        if received is not None:
            await in_thread(received.discard)


async def _comfy_store(services: Services, received: Received, fields: dict[str, str]) -> ComfyUploaded:
    kind = fields.get("type") or "input"
    if kind not in ("input", "temp", "output"):
        raise ApiError(400, "invalid type", "type must be input, temp or output", field="type")
    wanted: OutputType = kind  # type: ignore[assignment]
    root = {"input": services.inputs, "temp": services.temp, "output": services.outputs}[wanted]
    subfolder = fields.get("subfolder", "").replace("\\", "/").strip("/")
    name = sanitise_filename(received.name)
    try:
        target = root.resolve_file(subfolder, name)
    except (PathOutside, BadName):
        raise ApiError(400, "invalid subfolder", "The subfolder leaves its folder.", field="subfolder") from None
    overwrite = fields.get("overwrite", "").lower() in ("true", "1")
    stored = await in_thread(lambda: _store_beside(received, target, overwrite))
    if wanted == "input":
        with suppress(EngineError):
            await services.engine.upload(stored.name, stored, subfolder=subfolder)
    return ComfyUploaded(name=stored.name, subfolder=subfolder, type=wanted)


def _store_beside(received: Received, target: Path, overwrite: bool) -> Path:
    """Move the upload to `target`, or to ``name (1).ext`` and so on; an equal file is reused, as in ComfyUI."""
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate, count = target, 0
    while not overwrite and candidate.exists():
        if candidate.is_file() and candidate.stat().st_size == received.size and _sha256(candidate) == received.sha256:
            return candidate
        count += 1
        candidate = target.with_name(f"{target.stem} ({count}){target.suffix}")
    if candidate.is_dir():
        raise ApiError(400, "invalid filename", "A folder has this name.", field="image")
    _publish(received.path, candidate)
    return candidate


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _original(services: Services, reference: str | None) -> Path:
    try:
        parsed = json.loads(reference or "")
        name, subfolder = str(parsed["filename"]), str(parsed.get("subfolder") or "")
        root: Root = {"input": services.inputs, "temp": services.temp, "output": services.outputs}[
            str(parsed.get("type") or "output")
        ]
        path = root.resolve_file(subfolder, name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadName, PathOutside):
        raise ApiError(400, "invalid original_ref", "original_ref names no picture.", field="original_ref") from None
    if not path.is_file():
        raise ApiError(404, "not found", "The picture that original_ref names is gone.", field="original_ref")
    return path


def _apply_mask(mask: Path, original: Path) -> None:
    from PIL import Image, ImageOps, PngImagePlugin

    try:
        with Image.open(mask) as upload, Image.open(original) as picture:
            # Masks are painted on what one sees, and the PNG has no EXIF to turn it.
            upright: Image.Image = picture
            with suppress(Exception):  # damaged EXIF raises anything, and the picture is as good as before
                upright = ImageOps.exif_transpose(picture)
            alpha = upload.convert("RGBA").getchannel("A").resize(upright.size)
            info = PngImagePlugin.PngInfo()
            for key, value in getattr(picture, "text", {}).items():
                info.add_text(key, value)
            result = upright.convert("RGBA")
            result.putalpha(alpha)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ApiError(
            415, "unsupported media type", "The mask or its picture cannot be read.", field="image"
        ) from None
    result.save(mask, format="PNG", compress_level=4, pnginfo=info)


class InputQuery(Model):
    """Which part of the input folder."""

    subfolder: str = Field("", max_length=4096)
    page: int = Field(1, ge=1, le=10**9)
    per_page: int = Field(50, ge=0, le=10**6)
    exts: str = Field(_DEFAULT_EXTENSIONS, max_length=1000, description="comma-separated")


class InputItem(Model):
    """A folder or a file."""

    name: str
    rel_path: str
    is_dir: bool
    size: int = Field(description="bytes; 0 for a folder")
    mtime: int = Field(description="seconds since the epoch")


class InputPage(Model):
    """One page of a folder: folders first, both by name."""

    items: list[InputItem]
    page: int
    per_page: int
    total_pages: int
    total_items: int
    cwd: str
    base: str


@section.route("GET", "/cozygen/input", query=InputQuery, response=InputPage, errors={400: "A path outside the folder"})
async def list_inputs(call: Call[InputQuery, NoBody]) -> InputPage:
    """List a folder of inputs. A folder that does not exist is empty."""
    query, services = call.query, call.services
    try:
        folder = services.inputs.resolve(query.subfolder)
    except (PathOutside, BadName):
        raise ApiError(400, "invalid subfolder", "The path leaves the input folder.", field="subfolder") from None
    extensions = frozenset(part.strip().lower().lstrip(".") for part in query.exts.split(",") if part.strip())
    entries = await in_thread(lambda: listing.inputs(folder, extensions))
    relative = services.inputs.relative(folder)
    total = len(entries) if entries is not None else 0
    per_page = query.per_page
    if per_page == 0:
        shown, pages = entries or [], 1
    else:
        start = (query.page - 1) * per_page
        shown, pages = (entries or [])[start : start + per_page], -(-total // per_page)
    prefix = f"{relative}/" if relative else ""
    return InputPage(
        items=[
            InputItem(name=e.name, rel_path=prefix + e.name, is_dir=e.is_dir, size=e.size, mtime=int(e.mtime))
            for e in shown
        ],
        page=query.page,
        per_page=per_page,
        total_pages=0 if entries is None else pages,
        total_items=total,
        cwd=relative,
        base=str(services.settings.inputs),
    )


class InputFileQuery(Model):
    """Which file."""

    path: str = Field("", max_length=4096)


@section.route(
    "GET",
    "/cozygen/input/file",
    query=InputFileQuery,
    media_type="*/*",
    errors={400: "No path, or one outside the folder", 404: "No such file"},
    is_file=True,
)
async def input_file(call: Call[InputFileQuery, NoBody]) -> web.FileResponse:
    """One input file; supports Range and conditional requests."""
    if not call.query.path:
        raise ApiError(400, "missing path", "Say which file with `path`.", field="path")
    try:
        path = call.services.inputs.resolve(call.query.path)
    except (PathOutside, BadName):
        raise ApiError(400, "invalid path", "The path leaves the input folder.", field="path") from None
    if not await in_thread(path.is_file):
        raise ApiError(404, "not found", "There is no such file.")
    return file_response(path, path.name)
