"""Aliases: the document that the alias editor keeps."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import Field, RootModel

from cozygen.prompts import alias_document
from cozygen.prompts.alias_document import Alias, BadNameError, Change, ChangedMeanwhileError
from cozygen.prompts.aliases import Aliases
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, any_json
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread

section = Section("Aliases", "Short names for pieces of a prompt.")

DOCUMENT = "aliases"

_MAX_TEXT = 1_000_000
_MAX_CHANGES = 10_000


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
    _tell(call.services)
    return Saved(status="ok")


class AliasValue(Model):
    """What an alias stands for. `category` is empty for none."""

    text: str = Field(max_length=_MAX_TEXT)
    category: str = Field("", max_length=200)


class AliasChange(Model):
    """What an alias was when it was last seen (null: there was none), and what it is to be (null: gone)."""

    name: str = Field(min_length=1, max_length=1000)
    was: AliasValue | None
    now: AliasValue | None


class AliasChanges(Model):
    """Changes that are made all together or not at all."""

    changes: list[AliasChange] = Field(max_length=_MAX_CHANGES)


@section.route(
    "POST",
    "/cozygen/api/aliases/changes",
    body=AliasChanges,
    response=AliasDocument,
    errors={
        400: "A new alias has a name that a prompt could not have in it",
        409: "Some were changed in the meantime; nothing is stored. `current` has what they are now, by name",
    },
)
async def change_aliases(call: Call[NoQuery, AliasChanges]) -> AliasDocument:
    """Change single aliases, and leave the others as they are: the document afterwards.

    Whoever edits aliases on two devices at once loses nothing, which replacing all of them cannot promise.
    """
    changes = [Change(change.name, _alias(change.was), _alias(change.now)) for change in call.body.changes]

    def store() -> Any:
        return call.services.documents.update(DOCUMENT, lambda stored: alias_document.apply(stored, changes))

    try:
        document = await in_thread(store)
    except ChangedMeanwhileError as error:
        current = {name: None if alias is None else vars(alias) for name, alias in error.current.items()}
        raise ApiError(409, "changed", "Some aliases were changed in the meantime.", current=current) from None
    except BadNameError as error:
        raise ApiError(400, "invalid name", str(error), field="changes", name=error.name) from None
    _tell(call.services)
    return AliasDocument(document)


def _alias(value: AliasValue | None) -> Alias | None:
    return None if value is None else Alias(value.text, value.category.strip())


def _tell(services: Services) -> None:
    services.bus.publish("aliases", {})


class ExpandBody(Model):
    """A prompt as typed."""

    text: str = Field(max_length=_MAX_TEXT)


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
