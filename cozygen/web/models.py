"""Model files: what each is, and its picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from cozygen.engines.base import EngineError, EngineUnavailable, ModelReader
from cozygen.media.pool import MediaUnavailable
from cozygen.models.info import from_header
from cozygen.models.library import ModelFile, entity_tag, folder_of
from cozygen.storage.paths import BadName, check_name
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, json_response, long_json_response
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread
from cozygen.web.thumbs import MAX_WIDTH, MIN_WIDTH, absent, accepted, matches, while_connected

section = Section("Models", "The model files to choose from, with what is known of each.")

_NO_CACHE = "private, no-cache"
_FOREVER = "private, max-age=31536000, immutable"
_MAX_NAME = 4096


class ModelInfo(Model):
    """A model file. What nobody says of it is empty or null."""

    name: str = Field(description="as the engine calls it, and as forms have it")
    folder: str = Field(description="the folder that it stands in; empty for none")
    title: str
    size: int | None = Field(description="bytes; null where the file is not on the studio's disk")
    mtime: float | None = Field(description="seconds since the epoch")
    base_model: str = Field(description="the model family, such as `SDXL 1.0`")
    author: str
    description: str = Field(description="plain text")
    notes: str = Field(description="plain text")
    trigger_words: list[str] = Field(description="words and phrases for the prompt")
    negative_words: list[str] = Field(description="words and phrases for the negative prompt")
    training_tags: list[str] = Field(description="the most frequent words of its training, the most frequent first")
    strength: float | None = Field(description="the strength that is recommended for it")
    preview: str | None = Field(description="a version for the address of its picture; null where there is none")


class ModelList(Model):
    """The models of a kind."""

    kind: str
    items: list[ModelInfo]


class ModelNameQuery(Model):
    """Which model."""

    name: str = Field(min_length=1, max_length=_MAX_NAME)


class PreviewQuery(ModelNameQuery):
    """Whose picture, and how large."""

    w: int = Field(384, ge=MIN_WIDTH, le=MAX_WIDTH, description="side of the box in pixels")
    fmt: Literal["jpeg", "webp", "avif", "auto"] = Field("auto", description="as for thumbnails")
    v: str = Field("", max_length=200, description="a version: another one is another address for caches")


@section.route(
    "GET",
    "/cozygen/api/models/{kind}",
    response=ModelList,
    errors={
        304: "Unchanged",
        404: "The engine has no such kind of models",
        502: "The engine failed",
        503: "The engine is out of reach",
    },
)
async def list_models(call: Call[NoQuery, NoBody]) -> web.Response:
    """The models of a kind (a model folder of the engine, such as `loras`), with what is known of each.

    What is known comes from the files' headers and from the files that model managers leave beside them.
    """
    services, kind = call.services, _kind(call)
    names = await _names(services, kind)
    wanted = call.request.headers.get("If-None-Match")

    def answer() -> web.Response:
        found = services.models.describe(kind, names)
        headers = {"ETag": entity_tag(found), "Cache-Control": _NO_CACHE}
        if wanted is not None and matches(wanted, headers["ETag"]):
            return web.Response(status=304, headers=headers)
        response = long_json_response(ModelList(kind=kind, items=[]), "items", map(_view, found))
        response.headers.update(headers)
        return response

    return await in_thread(answer)


@section.route(
    "GET",
    "/cozygen/api/models/{kind}/info",
    query=ModelNameQuery,
    response=ModelInfo,
    errors={
        400: "No name",
        404: "No such model",
        502: "The engine failed",
        503: "The engine is out of reach",
    },
)
async def model_info(call: Call[ModelNameQuery, NoBody]) -> web.Response:
    """One model. Where its file is not on the studio's disk, the engine is asked for the file's header."""
    services, kind, name = call.services, _kind(call), call.query.name
    if name not in await _names(services, kind):
        raise _no_model()
    model = (await in_thread(lambda: services.models.describe(kind, [name])))[0]
    if model.size is None and isinstance(services.engine, ModelReader):
        metadata = await _asked(services.engine, kind, name)
        facts = await in_thread(lambda: from_header(_texts(metadata)))
        model = ModelFile(name, facts=facts)
    return json_response(_view(model), headers={"Cache-Control": _NO_CACHE})


@section.route(
    "GET",
    "/cozygen/api/models/{kind}/preview",
    quiet=True,
    query=PreviewQuery,
    media_type="image/*",
    errors={
        304: "Unchanged",
        400: "No name, or a bad width",
        404: "No such model, or it has no picture",
        503: "No picture can be decoded at the moment",
    },
)
async def model_preview(call: Call[PreviewQuery, NoBody]) -> web.Response:
    """The picture that stands beside a model (`<name>.preview.png` and the like), to fit a w×w box."""
    query, services, headers = call.query, call.services, call.request.headers
    kind = _kind(call)
    path, status = await in_thread(lambda: _preview(services, kind, query.name))
    encoding = accepted(headers.get("Accept", "")) if query.fmt == "auto" else query.fmt
    try:
        made = await while_connected(call.request, services.thumbs.get(path, query.w, encoding, status=status))
    except MediaUnavailable as error:
        raise ApiError(503, "unavailable", str(error), headers={"Retry-After": "5"}) from None
    except OSError:  # it vanished a moment ago
        raise absent() from None
    caching = _FOREVER if made.settled and query.v else _NO_CACHE
    answer = {"Cache-Control": caching, "ETag": made.etag, **({"Vary": "Accept"} if query.fmt == "auto" else {})}
    wanted = headers.get("If-None-Match")
    if wanted is not None and matches(wanted, made.etag):
        return web.Response(status=304, headers=answer)
    return web.Response(body=made.data, content_type=made.content_type, headers=answer)


def _kind(call: Call[Any, NoBody]) -> str:
    kind = call.path("kind")
    try:
        check_name(kind)
    except BadName:
        raise _no_kind(kind) from None
    return kind


def _no_kind(kind: str) -> ApiError:
    return ApiError(404, "not found", f"The engine has no models of the kind {kind[:100]}.", field="kind")


def _no_model() -> ApiError:
    return ApiError(404, "not found", "There is no such model.", field="name")


async def _names(services: Services, kind: str) -> list[str]:
    """The models that the engine has. Raises `ApiError`."""
    try:
        found = await services.engine.models(kind)
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None
    if found is None:
        raise _no_kind(kind)
    return found


async def _asked(engine: ModelReader, kind: str, name: str) -> Mapping[str, Any]:
    """What the engine says of a model; nothing where it cannot be asked."""
    try:
        return await engine.model_metadata(kind, name)
    except EngineError:
        return {}


def _texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if isinstance(value, str)}


def _preview(services: Services, kind: str, name: str) -> tuple[Path, os.stat_result]:
    """The picture of a model and its status. Blocking. Raises `ApiError`."""
    model = services.models.find(kind, name)
    if model is None or model.preview is None:
        raise absent()
    try:
        return model.preview, model.preview.stat()
    except OSError:
        raise absent() from None


def _view(model: ModelFile) -> ModelInfo:
    facts = model.facts
    return ModelInfo(
        name=model.name,
        folder=folder_of(model.name),
        title=facts.title,
        size=model.size,
        mtime=model.mtime,
        base_model=facts.base_model,
        author=facts.author,
        description=facts.description,
        notes=facts.notes,
        trigger_words=list(facts.trigger_words),
        negative_words=list(facts.negative_words),
        training_tags=list(facts.training_tags),
        strength=facts.strength,
        preview=model.version if model.preview is not None else None,
    )
