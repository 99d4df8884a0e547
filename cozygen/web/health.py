"""Health: is the server there, which engine runs behind it, and what the API is."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import RootModel

from cozygen import __version__
from cozygen.jobs.service import health_json
from cozygen.web import openapi
from cozygen.web.api import Access, Call, Model, NoBody, NoQuery, Section, any_json
from cozygen.web.services import in_thread

section = Section("Health", "The server, its engine and this document.")


class Hello(Model):
    """The server answers."""

    status: Literal["ok"]


class EngineState(Model):
    """The engine behind the studio."""

    ok: bool
    engine: Literal["embedded", "comfyui"]
    version: str
    url: str | None
    note: str
    """A plain sentence for the user interface."""


class Status(Model):
    """The server and its engine."""

    version: str
    engine: EngineState
    auth_enabled: bool


class OpenApi(RootModel[dict[str, Any]]):
    """An OpenAPI document."""


@section.route("GET", "/cozygen/hello", response=Hello, access=Access.PUBLIC)
async def hello(call: Call[NoQuery, NoBody]) -> Hello:
    """Say that the server is up."""
    return Hello(status="ok")


@section.route("GET", "/cozygen/api/status", response=Status)
async def status(call: Call[NoQuery, NoBody]) -> Status:
    """The server's version and how its engine is."""
    jobs = call.services.jobs
    health = jobs.health or await jobs.refresh_health()
    return Status(
        version=__version__,
        engine=EngineState.model_validate(health_json(health)),
        auth_enabled=call.services.sign_in.enabled,
    )


@section.route("GET", "/cozygen/api/openapi.json", response=OpenApi)
async def openapi_json(call: Call[NoQuery, NoBody]) -> web.Response:
    """This API as an OpenAPI 3.1 document."""
    return await any_json(call.request.app[openapi.DOCUMENT])


@section.route("GET", "/cozygen/api/docs", media_type="text/html")
async def docs(call: Call[NoQuery, NoBody]) -> web.Response:
    """This API as a page to read."""
    document = call.request.app[openapi.DOCUMENT]
    page = await in_thread(lambda: openapi.render_page(document()))
    return web.Response(text=page, content_type="text/html")
