"""Where aliases are used: in prompts rendered before, in forms, in presets and in other aliases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from cozygen.accounts.state import MAX_PROMPTS
from cozygen.prompts.alias_document import aliases_in
from cozygen.prompts.aliases import answering, references
from cozygen.web.aliases import DOCUMENT
from cozygen.web.api import Call, Model, NoBody, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread
from cozygen.web.state import UsedPrompt

section = Section("Where aliases are used", "What would change with an alias.")

_FORM = "form:"
_SHOWN = 100


class UsageQuery(Model):
    """Which alias."""

    name: str = Field(min_length=1, max_length=1000)


class FormUse(Model):
    """A field of a workflow's form as the user left it."""

    workflow: str
    field: str
    text: str


class PresetUse(Model):
    """A field of a preset."""

    workflow: str
    id: str
    name: str
    field: str
    text: str


class AliasUsage(Model):
    """Where an alias is used by the signed-in user. `prompts` has the latest ones; `rendered` counts all."""

    name: str
    prompts: list[UsedPrompt]
    rendered: int
    forms: list[FormUse]
    presets: list[PresetUse]
    aliases: list[str]


@section.route(
    "GET", "/cozygen/api/aliases/usage", query=UsageQuery, response=AliasUsage, errors={404: "No such alias"}
)
async def alias_usage(call: Call[UsageQuery, NoBody]) -> AliasUsage:
    """Where an alias is used: by any of the names that it answers to."""
    services, user, name = call.services, call.user, call.query.name.strip().lower()
    document = await in_thread(lambda: services.documents.read(DOCUMENT, {}))
    names = await in_thread(lambda: answering(document, name))
    if not names:
        raise ApiError(404, "not found", "There is no such alias.", field="name")
    # Whatever it is called by ends with this.
    short = name.rpartition(":")[2]
    prompts = await services.user_state.prompts(user, containing=short, field=None, offset=0, limit=MAX_PROMPTS)
    states = await services.user_state.starting_with(user, _FORM)
    presets = await in_thread(lambda: services.presets.all(user))

    def look() -> AliasUsage:
        used = [prompt for prompt in prompts if names & references(prompt.text)]
        return AliasUsage(
            name=name,
            prompts=[UsedPrompt(**vars(prompt)) for prompt in used[:_SHOWN]],
            rendered=len(used),
            forms=[
                FormUse(workflow=state.key.removeprefix(_FORM), field=field, text=text)
                for state in states
                for field, text in _using(_values(state.value), names)
            ],
            presets=[
                PresetUse(workflow=workflow, id=preset["id"], name=preset["name"], field=field, text=text)
                for workflow, kept in presets.items()
                for preset in kept
                for field, text in _using(preset["values"], names)
            ],
            aliases=sorted(_aliases_using(document, names, name)),
        )

    return await in_thread(look)


def _values(draft: Any) -> Any:
    return draft.get("values") if isinstance(draft, dict) else None


def _using(values: Any, names: set[str]) -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping):
        for field, text in values.items():
            if isinstance(text, str) and names & references(text):
                yield str(field), text


def _aliases_using(document: Any, names: set[str], name: str) -> Iterable[str]:
    return (other for other, alias in aliases_in(document).items() if other != name and names & references(alias.text))
