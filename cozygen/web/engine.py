"""ComfyUI's own API on our origin, whichever engine runs. Shapes are ComfyUI's; each path also under ``/api``."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from aiohttp import WSMsgType, web
from pydantic import ConfigDict, Field, RootModel, StrictBool

from cozygen.engines.base import EngineError, EngineUnavailable, LocalFile, OutputType, PromptRejected
from cozygen.gallery.scan import is_own
from cozygen.jobs.model import Job, JobState, NewJob
from cozygen.jobs.service import DuplicateJobError, JobEndedError, JobNotFoundError
from cozygen.media.kinds import content_type
from cozygen.media.pool import Encoding, MediaUnavailable
from cozygen.media.sniff import Undecodable
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, any_json
from cozygen.web.errors import ApiError
from cozygen.web.listing import refuse_unshown
from cozygen.web.services import Services
from cozygen.web.sockets import Socket

log = logging.getLogger(__name__)

section = Section("Engine", "ComfyUI's own API, served whichever engine runs. Each path answers under `/api` too.")

_HISTORY_LIMIT = 10_000
_ENGINE_ERRORS = {502: "The engine failed", 503: "The engine is out of reach"}


class AnyObject(RootModel[dict[str, Any]]):
    """A JSON object in ComfyUI's shape."""


class Names(RootModel[list[str]]):
    """A list of names."""


class PromptAccepted(Model):
    """The prompt is queued."""

    prompt_id: str
    number: float
    node_errors: dict[str, Any]


class PromptFault(Model):
    """What is wrong with a prompt, in ComfyUI's words."""

    model_config = ConfigDict(extra="allow")

    type: str
    message: str
    details: str
    extra_info: dict[str, Any]


class PromptRefused(Model):
    """The prompt is not queued."""

    error: PromptFault | str
    node_errors: dict[str, Any] | list[Any]


class PromptBody(Model):
    """A prompt to queue, as ComfyUI takes it."""

    model_config = ConfigDict(extra="allow")

    prompt: Any = Field(None, description="the API-format graph")
    client_id: str | None = None
    prompt_id: str | None = None
    number: float | None = None
    front: bool | None = None
    extra_data: dict[str, Any] | None = None


def _comfy_error(error: ApiError) -> web.Response:
    """Errors of `/prompt` in ComfyUI's shape: `error` is an object."""
    if isinstance(error.body.get("error"), dict):
        return error.response()
    body = {
        "error": {
            "type": str(error.body["error"]).replace(" ", "_"),
            "message": error.body.get("message") or error.body["error"],
            "details": error.body.get("message") or "",
            "extra_info": {},
        },
        "node_errors": {},
    }
    return web.json_response(body, status=error.status, headers=error.headers)


@section.route(
    "POST",
    "/prompt",
    body=PromptBody,
    response=PromptAccepted,
    errors={
        400: "The prompt is not valid: `error` and `node_errors` as in ComfyUI",
        409: "A prompt with this `prompt_id` was queued before",
        **_ENGINE_ERRORS,
    },
    error_response=_comfy_error,
    error_model=PromptRefused,
    also_under_api=True,
)
async def post_prompt(call: Call[NoQuery, PromptBody]) -> web.Response:
    """Queue a prompt. It is stored before it is acknowledged."""
    body = call.body
    if body.prompt is None:
        raise ApiError(400, "no_prompt", "No prompt provided")
    if body.number is not None and not math.isfinite(body.number):
        raise ApiError(400, "invalid_number", "number must be finite", field="number")
    for name, value in (("prompt_id", body.prompt_id), ("client_id", body.client_id)):
        if value is not None and not (0 < len(value) <= 64 if name == "prompt_id" else len(value) <= 256):
            raise ApiError(400, f"invalid_{name}", f"{name} is too long or empty", field=name)
    targets = (body.model_extra or {}).get("partial_execution_targets")
    if targets is not None and not (isinstance(targets, list) and all(isinstance(t, str) for t in targets)):
        raise ApiError(400, "invalid_partial_execution_targets", "partial_execution_targets must be a list of node ids")
    extra_data = dict(body.extra_data or {})
    extra_data.setdefault("create_time", int(time.time() * 1000))
    if body.client_id is not None:
        extra_data["client_id"] = body.client_id
    new = NewJob(
        graph=body.prompt,
        user=call.user,
        title="",
        prompt_id=body.prompt_id,
        client_id=body.client_id,
        number=body.number,
        front=bool(body.front),
        extra_data=extra_data,
        partial_execution_targets=targets,
        prompt_raw=_typed_texts(extra_data),
    )
    try:
        job, accepted = await call.services.jobs.submit(new)
    except PromptRejected as rejected:
        return web.json_response(rejected.body, status=rejected.status)
    except DuplicateJobError:
        raise ApiError(409, "duplicate_prompt_id", "a prompt with this prompt_id was queued before") from None
    except EngineUnavailable as error:
        raise ApiError(503, "engine_unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine_error", str(error)) from None
    number = int(job.number) if job.number.is_integer() else job.number
    return web.json_response({"prompt_id": job.id, "number": number, "node_errors": accepted.node_errors})


def _typed_texts(extra_data: dict[str, Any]) -> dict[str, str]:
    """The prompt as typed, where a client sends it along for the files' metadata."""
    info = extra_data.get("extra_pnginfo")
    typed = info.get("cozygen_prompt_raw") if isinstance(info, dict) else None
    if not isinstance(typed, dict):
        return {}
    return {str(key): value for key, value in typed.items() if isinstance(value, str)}


@section.route("GET", "/prompt", response=AnyObject, also_under_api=True)
async def get_prompt(call: Call[NoQuery, NoBody]) -> web.Response:
    """How many prompts have not ended."""
    return web.json_response({"exec_info": {"queue_remaining": await call.services.jobs.count_active()}})


def _queue_item(job: Job) -> list[Any]:
    number = int(job.number) if job.number.is_integer() else job.number
    return [number, job.id, job.graph, job.extra_data, job.targets]


@section.route("GET", "/queue", response=AnyObject, also_under_api=True)
async def get_queue(call: Call[NoQuery, NoBody]) -> web.Response:
    """What runs and what waits."""
    jobs = [job for job in await call.services.jobs.active() if job.user == call.user]
    running = [_queue_item(job) for job in jobs if job.state is JobState.RUNNING]
    pending = [_queue_item(job) for job in jobs if job.state is not JobState.RUNNING]
    return await any_json(lambda: {"queue_running": running, "queue_pending": pending})


class ClearBody(Model):
    """Clear all, or delete some."""

    clear: StrictBool = False
    delete: list[str] = Field(default_factory=list, max_length=10_000)


@section.route("POST", "/queue", body=ClearBody, errors=_ENGINE_ERRORS, also_under_api=True)
async def post_queue(call: Call[NoQuery, ClearBody]) -> web.Response:
    """Cancel waiting prompts: all, or those named."""
    jobs = call.services.jobs
    chosen = set(call.body.delete)
    waiting = [job.id for job in await jobs.active() if job.user == call.user and job.state is not JobState.RUNNING]
    named = [job_id for job_id in waiting if call.body.clear or job_id in chosen]
    # The last first, so that nothing moves up.
    await asyncio.gather(*(_cancel(call.services, job_id) for job_id in reversed(named)))
    return web.Response(status=200)


async def _cancel(services: Services, prompt_id: str) -> None:
    try:
        await services.jobs.cancel(prompt_id)
    except (JobEndedError, JobNotFoundError):
        return
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None


class InterruptBody(Model):
    """Which prompt."""

    prompt_id: str | None = Field(None, max_length=256, description="only this one, if it runs")


@section.route("POST", "/interrupt", body=InterruptBody, body_optional=True, errors=_ENGINE_ERRORS, also_under_api=True)
async def interrupt(call: Call[NoQuery, InterruptBody]) -> web.Response:
    """Interrupt what runs; with `prompt_id` only if it is that prompt."""
    wanted = call.body.prompt_id
    for job in await call.services.jobs.active():
        if job.user == call.user and job.state is JobState.RUNNING and wanted in (None, "", job.id):
            await _cancel(call.services, job.id)
    return web.Response(status=200)


class HistoryQuery(Model):
    """Which part of the history."""

    max_items: int | None = Field(None, ge=0, le=_HISTORY_LIMIT)
    offset: int | None = Field(None, ge=-1, le=2**31)


@section.route("GET", "/history", query=HistoryQuery, response=AnyObject, also_under_api=True)
async def get_history(call: Call[HistoryQuery, NoBody]) -> web.Response:
    """Ended prompts, oldest first; `max_items` alone gives the newest ones."""
    query = call.query
    paged = query.offset is not None and query.offset >= 0
    limit = query.max_items if query.max_items is not None else _HISTORY_LIMIT
    jobs = await call.services.jobs.history(
        user=call.user, newest=None if paged else limit, offset=query.offset if paged else None, limit=limit
    )
    return await any_json(lambda: {job.id: history_entry(job) for job in jobs})


@section.route("GET", "/history/{prompt_id}", response=AnyObject, also_under_api=True)
async def get_history_entry(call: Call[NoQuery, NoBody]) -> web.Response:
    """One ended prompt; an empty object while it has not ended."""
    try:
        job = await call.services.jobs.get(call.path("prompt_id"))
    except JobNotFoundError:
        return web.json_response({})
    if job.user != call.user or not job.state.ended or not job.in_history:
        return web.json_response({})
    return web.json_response({job.id: history_entry(job)})


def history_entry(job: Job) -> dict[str, Any]:
    """A job as ComfyUI's history keeps it."""
    success = job.state is JobState.DONE
    return {
        "prompt": _queue_item(job),
        "outputs": job.outputs,
        "status": {
            "status_str": "success" if success else "error",
            "completed": success,
            "messages": job.messages,
        },
        "meta": {
            node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
            for node_id in job.outputs
        },
    }


@section.route("POST", "/history", body=ClearBody, also_under_api=True)
async def post_history(call: Call[NoQuery, ClearBody]) -> web.Response:
    """Take prompts out of the history; their files stay."""
    if call.body.clear:
        await call.services.jobs.hide_history(None, user=call.user)
    elif call.body.delete:
        await call.services.jobs.hide_history(call.body.delete, user=call.user)
    return web.Response(status=200)


async def _from_engine(work: Any) -> Any:
    try:
        return await work
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None


@section.route("GET", "/object_info", response=AnyObject, errors=_ENGINE_ERRORS, also_under_api=True)
async def object_info(call: Call[NoQuery, NoBody]) -> web.Response:
    """Every node class that the engine has."""
    info = await _from_engine(call.services.engine.object_info())
    return await any_json(lambda: info)


@section.route("GET", "/object_info/{node_class}", response=AnyObject, errors=_ENGINE_ERRORS, also_under_api=True)
async def object_info_of(call: Call[NoQuery, NoBody]) -> web.Response:
    """One node class; an empty object when the engine does not have it."""
    return web.json_response(await _from_engine(call.services.engine.object_info(call.path("node_class"))))


@section.route("GET", "/system_stats", response=AnyObject, errors=_ENGINE_ERRORS, also_under_api=True)
async def system_stats(call: Call[NoQuery, NoBody]) -> web.Response:
    """The engine's machine."""
    return web.json_response(await _from_engine(call.services.engine.system_stats()))


@section.route("GET", "/features", response=AnyObject, errors=_ENGINE_ERRORS, also_under_api=True)
async def features(call: Call[NoQuery, NoBody]) -> web.Response:
    """What the engine supports."""
    return web.json_response(await _from_engine(call.services.engine.features()))


@section.route("GET", "/models", response=Names, errors=_ENGINE_ERRORS, also_under_api=True)
async def model_folders(call: Call[NoQuery, NoBody]) -> web.Response:
    """The engine's model folders."""
    return web.json_response(await _from_engine(call.services.engine.model_folders()))


@section.route(
    "GET",
    "/models/{folder}",
    response=Names,
    errors={404: "No such folder", **_ENGINE_ERRORS},
    also_under_api=True,
)
async def models(call: Call[NoQuery, NoBody]) -> web.Response:
    """The files of one model folder."""
    found = await _from_engine(call.services.engine.models(call.path("folder")))
    if found is None:
        raise ApiError(404, "not found", "There is no such model folder.")
    return web.json_response(found)


@section.route("GET", "/embeddings", response=Names, errors=_ENGINE_ERRORS, also_under_api=True)
async def embeddings(call: Call[NoQuery, NoBody]) -> web.Response:
    """The engine's embeddings, without their extensions."""
    return web.json_response(await _from_engine(call.services.engine.embeddings()))


class ViewQuery(Model):
    """Which file."""

    filename: str | None = Field(None, max_length=4096)
    subfolder: str = Field("", max_length=4096)
    type: str = Field("output", max_length=64, description="`output`, `input`, `temp`, or a library of the gallery")
    preview: str | None = Field(None, max_length=64, description="`webp;90` or `jpeg`: re-encoded for a quick look")


@section.route(
    "GET",
    "/view",
    query=ViewQuery,
    media_type="*/*",
    errors={400: "A bad name or type", 403: "Outside the folder", 404: "No such file", **_ENGINE_ERRORS},
    is_file=True,
    also_under_api=True,
)
async def view(call: Call[ViewQuery, NoBody]) -> web.StreamResponse:
    """A file of the engine; supports Range."""
    query, services = call.query, call.services
    if query.type in services.settings.library_dirs:
        return await _view_library(services, query)
    filename, subfolder, kind = _named(query)
    root = {"output": services.outputs, "input": services.inputs, "temp": services.temp}[kind]
    confine(root, subfolder, filename)
    if is_own(f"{subfolder}/{filename}"):
        raise ApiError(404, "not found", "There is no such file.")
    found = await _from_engine(services.engine.open_output(filename, subfolder, kind))
    if found is None:
        raise ApiError(404, "not found", "There is no such file.")
    if isinstance(found, LocalFile):
        if query.preview is not None:
            return await _preview(services, found, query.preview)
        return file_response(found.path, filename)
    return await _stream(call.request, found, filename)


async def _view_library(services: Services, query: ViewQuery) -> web.StreamResponse:
    """A file of a further library, which no engine knows of."""
    gallery = services.galleries.get(query.type)
    if query.filename is None:
        raise ApiError(404, "not found", "filename is missing", field="filename")
    names = query.filename.replace("\\", "/").split("/")
    subfolder = query.subfolder or "/".join(names[:-1])
    if names[0] == "" or ".." in names:
        raise ApiError(400, "invalid filename", "filename must name a file", field="filename")

    def locate() -> Path | None:
        path: Path = confine(gallery.root, subfolder, names[-1])
        refuse_unshown(gallery, gallery.root.relative(path))
        return path if path.is_file() else None

    path = await gallery.off_loop(locate)
    if path is None:
        raise ApiError(404, "not found", "There is no such file.")
    if query.preview is not None:
        return await _preview(services, LocalFile(path), query.preview)
    return file_response(path, names[-1])


def _named(query: ViewQuery) -> tuple[str, str, OutputType]:
    """File name, subfolder and type, with the statuses of ComfyUI. Raises `ApiError`."""
    if query.filename is None:
        raise ApiError(404, "not found", "filename is missing", field="filename")
    name, kind = query.filename, query.type
    annotation = re.fullmatch(r"(.*\S) ?\[(output|input|temp)\]", name, re.DOTALL)
    if annotation is not None:  # as in the lists of LoadImage: `name.png [temp]`
        name, kind = annotation[1], annotation[2]
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts:
        raise ApiError(400, "invalid filename", "filename must name a file", field="filename")
    if kind not in ("output", "input", "temp"):
        raise ApiError(400, "invalid type", "type must be output, input or temp", field="type")
    # ComfyUI's own clients put `folder/name` into filename now and then.
    return parts[-1], query.subfolder or "/".join(parts[:-1]), cast(OutputType, kind)


def confine(root: Any, subfolder: str, filename: str) -> Any:
    """The path of a file below `root`. Raises `ApiError` 403 outside and 400 for a name that is none."""
    from cozygen.storage.paths import BadName, PathOutside

    try:
        return root.resolve_file(subfolder, filename)
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves its folder.") from None
    except BadName as error:
        raise ApiError(400, "invalid filename", str(error), field="filename") from None


_INLINE = ("image/", "video/", "audio/")


def file_response(path: Any, filename: str) -> web.FileResponse:
    """A local file with a safe type: what could run in a browser is a download."""
    kind = content_type(filename)
    headers = {"Content-Type": kind, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return web.FileResponse(path, headers={**headers, "Content-Disposition": _disposition(kind, filename)})


def _disposition(kind: str, filename: str) -> str:
    """Shown or downloaded, and under which name (RFC 6266)."""
    how = "inline" if kind.startswith(_INLINE) else "attachment"
    plain = re.sub(r"[^ !#-\[\]-~]", "_", filename)
    extended = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
    return f'{how}; filename="{plain}"{extended}'


async def _preview(services: Services, found: LocalFile, wanted: str) -> web.StreamResponse:
    name, _, quality = wanted.partition(";")
    kind: Encoding = "jpeg" if name == "jpeg" else "webp"
    value = int(quality) if quality.isdecimal() and len(quality) <= 3 else 90
    try:
        data = await services.media.thumbnail(found.path, 4096, kind, quality=max(1, min(100, value)))
    except Undecodable:
        return file_response(found.path, found.path.name)
    except FileNotFoundError:
        raise ApiError(404, "not found", "There is no such file.") from None
    except MediaUnavailable as error:
        raise ApiError(503, "unavailable", str(error)) from None
    return web.Response(body=data, content_type=f"image/{kind}")


async def _stream(request: web.Request, found: Any, filename: str) -> web.StreamResponse:
    kind = content_type(filename)
    response = web.StreamResponse(headers={"Content-Type": kind, "Content-Disposition": _disposition(kind, filename)})
    if found.length is not None:
        response.content_length = found.length
    async with found:
        await response.prepare(request)
        async for chunk in found.chunks():
            await response.write(chunk)
    await response.write_eof()
    return response


class SocketQuery(Model):
    """Who connects."""

    client_id: str | None = Field(None, alias="clientId", max_length=256)


@section.route(
    "GET",
    "/ws",
    query=SocketQuery,
    status=101,
    errors={400: "Not a websocket handshake", 426: "Not a websocket handshake"},
    also_under_api=True,
)
async def websocket(call: Call[SocketQuery, NoBody]) -> web.WebSocketResponse:
    """ComfyUI's websocket: status, progress, previews and results of the client's prompts."""
    request, services = call.request, call.services
    response = web.WebSocketResponse(heartbeat=25.0, max_msg_size=1024 * 1024)
    if not response.can_prepare(request).ok:
        raise ApiError(400, "not a websocket", "This address speaks the websocket protocol only.")
    await response.prepare(request)
    socket = Socket(response, client_id=call.query.client_id or uuid.uuid4().hex, user=call.user)
    remaining = await services.jobs.count_active()
    socket.send("status", {"status": {"exec_info": {"queue_remaining": remaining}}, "sid": socket.client_id})
    services.sockets.add(socket)
    pump = asyncio.create_task(socket.pump())
    first = True
    try:
        async for message in response:
            if message.type is WSMsgType.TEXT:
                if first:
                    await _negotiate(services, socket, message.data)
                first = False
            elif message.type is WSMsgType.ERROR:
                break
    finally:
        services.sockets.remove(socket)
        pump.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await pump
    return response


async def _negotiate(services: Services, socket: Socket, text: str) -> None:
    """The first message may tell the client's features; ours are the answer."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(message, dict) or message.get("type") != "feature_flags":
        return
    data = message.get("data")
    socket.features = data if isinstance(data, dict) else {}
    with suppress(EngineError):
        socket.send("feature_flags", await services.engine.features())
