"""Aliases: the document that the alias editor keeps."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import Field, RootModel

from cozygen.prompts.aliases import Aliases
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, any_json
from cozygen.web.services import Services, in_thread

section = Section("Aliases", "Short names for pieces of a prompt.")

DOCUMENT = "aliases"


class AliasDocument(RootModel[dict[str, Any]]):
    """``{"items": {name: text}, "categories": {name: category}, "categoryList": [...]}``, or ``{name: text}``."""


class Saved(Model):
    """It is stored."""

    status: Literal["ok"]


@section.route("GET", "/cozygen/api/aliases", response=AliasDocument)
async def get_aliases(call: Call[NoQuery, NoBody]) -> web.Response:
    """The aliases as they were saved."""
    return await any_json(lambda: call.services.documents.read(DOCUMENT, {}))


@section.route(
    "POST",
    "/cozygen/api/aliases",
    body=AliasDocument,
    response=Saved,
    errors={400: "Not JSON, or not an object; what is stored is untouched"},
)
async def save_aliases(call: Call[NoQuery, AliasDocument]) -> Saved:
    """Replace the aliases."""
    await in_thread(lambda: call.services.documents.replace(DOCUMENT, call.body.root))
    return Saved(status="ok")


class ExpandBody(Model):
    """A prompt as typed."""

    text: str = Field(max_length=1_000_000)


class Expanded(Model):
    """What the engine would see of it."""

    text: str


@section.route("POST", "/cozygen/api/aliases/expand", body=ExpandBody, response=Expanded)
async def expand_aliases(call: Call[NoQuery, ExpandBody]) -> Expanded:
    """A prompt with its aliases replaced by what they stand for."""
    aliases = await load_aliases(call.services)
    return Expanded(text=await in_thread(lambda: aliases.expand(call.body.text)))


async def load_aliases(services: Services) -> Aliases:
    """The aliases in force."""
    document = await in_thread(lambda: services.documents.read(DOCUMENT, {}))
    return Aliases.from_document(document)
