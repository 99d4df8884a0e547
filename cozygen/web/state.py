"""What is remembered for the signed-in user: form and page state, and the prompts used before."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field, JsonValue

from cozygen.accounts.state import StateChangedError, StateTooLargeError, Stored
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError

section = Section("State and history", "What is remembered for the signed-in user, the same on every device.")

_MAX_KEY = 300


class StateValue(Model):
    """A value as it stands. `version` counts its changes; `updated_at` is in seconds since the epoch."""

    key: str
    value: JsonValue
    version: int
    updated_at: float


class StateList(Model):
    """Values by key."""

    items: list[StateValue]


class StateQuery(Model):
    """Which values."""

    prefix: str = Field("", max_length=_MAX_KEY)


class StatePut(Model):
    """A value to keep, whatever was there, or only over the version that it was made from."""

    value: JsonValue
    if_version: int | None = Field(None, ge=0, le=2**53, strict=True, description="0: only where there is none")


class Forgotten(Model):
    """How much is gone."""

    status: Literal["ok"]
    removed: int


def _view(stored: Stored) -> StateValue:
    return StateValue(**vars(stored))


def _key(call: Call[NoQuery, NoBody] | Call[NoQuery, StatePut]) -> str:
    key = call.path("key")
    if not 0 < len(key) <= _MAX_KEY or not key.isprintable():
        raise ApiError(400, "invalid key", f"A key is printable text of at most {_MAX_KEY} characters.", field="key")
    return key


@section.route("GET", "/cozygen/api/state", query=StateQuery, response=StateList)
async def list_state(call: Call[StateQuery, NoBody]) -> StateList:
    """All values whose key starts with a prefix, such as ``form:``."""
    found = await call.services.user_state.starting_with(call.user, call.query.prefix)
    return StateList(items=[_view(stored) for stored in found])


@section.route("GET", "/cozygen/api/state/{key:.+}", response=StateValue, errors={400: "A bad key", 404: "No value"})
async def get_state(call: Call[NoQuery, NoBody]) -> StateValue:
    """One value."""
    stored = await call.services.user_state.get(call.user, _key(call))
    if stored is None:
        raise ApiError(404, "not found", "Nothing is kept under this key.")
    return _view(stored)


@section.route(
    "PUT",
    "/cozygen/api/state/{key:.+}",
    body=StatePut,
    response=StateValue,
    errors={400: "A bad key", 409: "Changed in the meantime: `current` is what it is now", 413: "Too large"},
)
async def put_state(call: Call[NoQuery, StatePut]) -> StateValue:
    """Keep a value. Other devices hear of it through the event `state`."""
    key, body, services = _key(call), call.body, call.services
    try:
        stored = await services.user_state.put(call.user, key, body.value, if_version=body.if_version)
    except StateTooLargeError as error:
        raise ApiError(413, "too large", str(error), field="value") from None
    except StateChangedError as error:
        current = None if error.current is None else vars(error.current)
        raise ApiError(409, "changed", "It was changed in the meantime.", current=current) from None
    services.bus.publish("state", {"key": key, "version": stored.version}, user=call.user)
    return _view(stored)


@section.route("DELETE", "/cozygen/api/state/{key:.+}", status=204, errors={400: "A bad key"})
async def delete_state(call: Call[NoQuery, NoBody]) -> web.Response:
    """Forget a value; fine where there is none."""
    key = _key(call)
    await call.services.user_state.remove(call.user, key)
    call.services.bus.publish("state", {"key": key, "version": 0}, user=call.user)
    return web.Response(status=204)


class HistoryQuery(Model):
    """Which prompts."""

    q: str = Field("", max_length=1000, description="text that is in them")
    field: str | None = Field(None, max_length=500, description="of this form field only")
    offset: int = Field(0, ge=0, le=10**6)
    limit: int = Field(50, ge=1, le=500)


class UsedPrompt(Model):
    """A prompt as typed. `used_at` is in seconds since the epoch."""

    id: int
    text: str
    field: str
    workflow: str | None
    uses: int
    used_at: float


class PromptHistory(Model):
    """Prompts, the latest first."""

    items: list[UsedPrompt]


@section.route("GET", "/cozygen/api/prompt_history", query=HistoryQuery, response=PromptHistory)
async def prompt_history(call: Call[HistoryQuery, NoBody]) -> PromptHistory:
    """The prompts that the user rendered, each once."""
    query = call.query
    found = await call.services.user_state.prompts(
        call.user, containing=query.q, field=query.field, offset=query.offset, limit=query.limit
    )
    return PromptHistory(items=[UsedPrompt(**vars(prompt)) for prompt in found])


@section.route("DELETE", "/cozygen/api/prompt_history", response=Forgotten)
async def clear_prompt_history(call: Call[NoQuery, NoBody]) -> Forgotten:
    """Forget all prompts."""
    return Forgotten(status="ok", removed=await call.services.user_state.forget_prompts(call.user, None))


@section.route(
    "DELETE", "/cozygen/api/prompt_history/{id}", response=Forgotten, errors={400: "A bad id", 404: "No such prompt"}
)
async def forget_prompt(call: Call[NoQuery, NoBody]) -> Forgotten:
    """Forget one prompt."""
    text = call.path("id")
    if not text.isdecimal() or len(text) > 18:
        raise ApiError(400, "invalid id", "An id is a number.", field="id")
    removed = await call.services.user_state.forget_prompts(call.user, int(text))
    if not removed:
        raise ApiError(404, "not found", "There is no such prompt.")
    return Forgotten(status="ok", removed=removed)
