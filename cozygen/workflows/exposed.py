"""What a user exposes of a workflow: parameters picked, renamed, ordered, grouped and bounded.

Stored beside the workflows, which stay as they are, as the document ``workflow_exposed``:
``{"version": 1, "workflows": {name: {"fields": [{"node_id", "input", "label"?, "group"?, "row"?, "min"?, "max"?,
"step"?, "choices"?, "multiline"?}], "rest": "folded" or "hidden"}}}``. `rest`: what becomes of all other fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cozygen.storage.documents import DocumentStore
from cozygen.workflows.form import MORE, FormField

DOCUMENT = "workflow_exposed"

Rest = Literal["folded", "hidden"]


@dataclass(frozen=True)
class Exposed:
    """One parameter that is exposed, and how. None: as the form has it anyway."""

    node_id: str
    input: str
    label: str | None = None
    group: str | None = None
    row: str | None = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    choices: list[str] | None = None
    multiline: bool | None = None

    @property
    def key(self) -> str:
        """How the parameter is addressed: ``<node id>.<input>``."""
        return f"{self.node_id}.{self.input}"

    def as_json(self) -> dict[str, Any]:
        """What is stored: all that is set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Exposure:
    """All that is exposed of a workflow, in order."""

    fields: list[Exposed] = field(default_factory=list)
    rest: Rest = "folded"


class ExposedError(ValueError):
    """Some entries do not fit the workflow. `fields` maps each one's place to a sentence for people."""

    def __init__(self, fields: dict[int, str]) -> None:
        super().__init__("; ".join(f"entry {place + 1} {message}" for place, message in fields.items()))
        self.fields = fields


def check(exposure: Exposure, available: Iterable[FormField]) -> None:
    """Raises `ExposedError` for entries that name no parameter, name one twice, or widen its bounds."""
    known = {f"{item.node_id}.{item.input}": item for item in available}
    problems: dict[int, str] = {}
    seen: set[str] = set()
    for place, entry in enumerate(exposure.fields):
        form_field = known.get(entry.key)
        if form_field is None:
            problems[place] = f"({entry.key}) is not a parameter of this workflow"
        elif entry.key in seen:
            problems[place] = f"({entry.key}) is exposed twice"
        elif (problem := _problem(entry, form_field)) is not None:
            problems[place] = f"({entry.key}) {problem}"
        seen.add(entry.key)
    if problems:
        raise ExposedError(problems)


def _problem(entry: Exposed, form_field: FormField) -> str | None:
    numeric = form_field.type in ("int", "float")
    if not numeric and (entry.min, entry.max, entry.step) != (None, None, None):
        return "is not a number and has no bounds"
    if entry.step is not None and entry.step <= 0:
        return "needs a step above 0"
    if form_field.min is not None and entry.min is not None and entry.min < form_field.min:
        return f"cannot go below {form_field.min:g}"
    if form_field.max is not None and entry.max is not None and entry.max > form_field.max:
        return f"cannot go above {form_field.max:g}"
    low = form_field.min if entry.min is None else entry.min
    high = form_field.max if entry.max is None else entry.max
    if low is not None and high is not None and low > high:
        return "has a minimum above its maximum"
    if entry.choices is not None:
        if form_field.type != "choice":
            return "is not a choice"
        strange = [name for name in entry.choices if form_field.choices and name not in form_field.choices]
        if strange or not entry.choices:
            return f"does not offer {strange[0]}" if strange else "needs at least one choice"
    if entry.multiline is not None and form_field.type != "string":
        return "is not a text"
    return None


def apply(exposure: Exposure, available: Iterable[FormField]) -> tuple[list[FormField], list[str]]:
    """The fields as exposed, and a sentence for each entry whose parameter the workflow has no longer."""
    known = {f"{item.node_id}.{item.input}": item for item in available}
    shown: dict[str, FormField] = {}
    problems = []
    for entry in exposure.fields:
        form_field = known.get(entry.key)
        if form_field is None:
            problems.append(f"The workflow no longer has the exposed parameter {entry.label or entry.key}.")
        elif entry.key not in shown:
            shown[entry.key] = _changed(entry, form_field)
    rest = [replace(item, group=MORE) for key, item in known.items() if key not in shown]
    fields = [*shown.values(), *(rest if exposure.rest == "folded" else [])]
    return [replace(item, priority=place) for place, item in enumerate(fields)], problems


def _changed(entry: Exposed, form_field: FormField) -> FormField:
    low = form_field.min if entry.min is None else entry.min
    high = form_field.max if entry.max is None else entry.max
    default = form_field.default
    if form_field.type in ("int", "float"):
        default = default if low is None else max(default, _like(default, low))
        default = default if high is None else min(default, _like(default, high))
    if entry.choices and default not in entry.choices:
        default = entry.choices[0]
    return replace(
        form_field,
        label=entry.label or form_field.label,
        group=entry.group or None,
        row=entry.row or None,
        min=low,
        max=high,
        step=form_field.step if entry.step is None else entry.step,
        choices=form_field.choices if entry.choices is None else list(entry.choices),
        multiline=form_field.multiline if entry.multiline is None else entry.multiline,
        default=default,
    )


def _like(default: float, bound: float) -> float:
    return int(bound) if isinstance(default, int) else bound


class ExposedStore:
    """Reads and changes what is exposed. All methods block; they raise as `DocumentStore` does."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def get(self, workflow: str) -> Exposure | None:
        """What is exposed of a workflow, None when nobody has said."""
        return _exposure(_workflows(self._documents.read(DOCUMENT)).get(workflow))

    def put(self, workflow: str, exposure: Exposure | None) -> None:
        """Store what is exposed of a workflow; None takes it back."""
        entry = (
            None
            if exposure is None
            else {"fields": [item.as_json() for item in exposure.fields], "rest": exposure.rest}
        )
        self._change(lambda workflows: _with(workflows, workflow, entry))

    def rename(self, old: str, new: str) -> None:
        """Take over what is exposed of a workflow that gets another name."""
        self._change(lambda workflows: _with(_with(workflows, new, workflows.get(old)), old, None))

    def _change(self, change: Any) -> None:
        self._documents.update(
            DOCUMENT, lambda stored: {"version": 1, "workflows": change(_workflows(stored))}, default={}
        )


def _with(workflows: Mapping[str, Any], name: str, entry: Any) -> dict[str, Any]:
    rest = {key: value for key, value in workflows.items() if key != name}
    return rest if entry is None else {**rest, name: entry}


def _workflows(stored: Any) -> dict[str, Any]:
    workflows = stored.get("workflows") if isinstance(stored, dict) else None
    return workflows if isinstance(workflows, dict) else {}


def _exposure(stored: Any) -> Exposure | None:
    """A stored entry, without what people who edit the file by hand may have got wrong."""
    if not isinstance(stored, dict) or not isinstance(stored.get("fields"), list):
        return None
    fields = [_exposed(item) for item in stored["fields"] if isinstance(item, dict)]
    return Exposure(
        [item for item in fields if item is not None], "hidden" if stored.get("rest") == "hidden" else "folded"
    )


def _exposed(item: Mapping[str, Any]) -> Exposed | None:
    node_id, name = item.get("node_id"), item.get("input")
    if not isinstance(node_id, str) or not isinstance(name, str):
        return None
    texts = {key: item[key] for key in ("label", "group", "row") if isinstance(item.get(key), str)}
    numbers = {key: item[key] for key in ("min", "max", "step") if _is_number(item.get(key))}
    choices, multiline = item.get("choices"), item.get("multiline")
    return Exposed(
        node_id=node_id,
        input=name,
        **texts,
        **numbers,
        choices=[text for text in choices if isinstance(text, str)] if isinstance(choices, list) else None,
        multiline=multiline if isinstance(multiline, bool) else None,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
