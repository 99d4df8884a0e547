"""Workflow types and presets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, StrictInt

from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread
from cozygen.workflows.service import MODES

section = Section("Workflow types and presets", "What each workflow is for, and form values kept under a name.")

Mode = Literal["text-to-image", "text-to-video", "image-to-image", "image-to-video"]
_MAX_NAME = 255


class WorkflowTypes(Model):
    """The mode of each workflow that has been given one, and the modes there are."""

    workflows: dict[str, Mode]
    choices: list[Mode]


class TypeChange(Model):
    """Which workflow is for what; an empty mode takes it back."""

    workflow: str = Field("", max_length=_MAX_NAME)
    mode: str | None = Field("", max_length=64)


class TypesSaved(Model):
    """The map after the change."""

    status: Literal["ok"]
    workflows: dict[str, Mode]


@section.route("GET", "/cozygen/api/workflow_types", response=WorkflowTypes)
async def workflow_types(call: Call[NoQuery, NoBody]) -> WorkflowTypes:
    """What each workflow is for."""
    types = await in_thread(call.services.workflows.types)
    return WorkflowTypes.model_validate({"workflows": types, "choices": sorted(MODES)})


@section.route(
    "POST",
    "/cozygen/api/workflow_types",
    body=TypeChange,
    response=TypesSaved,
    errors={400: "No workflow, or an unknown mode"},
    field_errors={"workflow": "missing workflow", "mode": "invalid workflow mode"},
)
async def set_workflow_type(call: Call[NoQuery, TypeChange]) -> TypesSaved:
    """Say what a workflow is for. It need not exist: types may come before the file."""
    workflow = _workflow(call.body.workflow)
    mode = (call.body.mode or "").strip().lower()
    if mode and mode not in MODES:
        raise ApiError(400, "invalid workflow mode", f"mode must be one of {', '.join(sorted(MODES))}", field="mode")
    types = await in_thread(lambda: call.services.workflows.set_type(workflow, mode))
    return TypesSaved.model_validate({"status": "ok", "workflows": types})


def _workflow(name: str) -> str:
    if not name.strip():
        raise ApiError(400, "missing workflow", "Say which workflow.", field="workflow")
    return name.strip()


class Preset(Model):
    """Form values under a name. Times are whole seconds since the epoch."""

    id: str
    name: str
    values: dict[str, Any]
    updated: int
    created: int


class PresetsQuery(Model):
    """Of which workflow; of all without one."""

    workflow: str = Field("", max_length=_MAX_NAME)


class Presets(Model):
    """Presets, newest first: of all workflows (`workflows`), or of one (`workflow` and `presets`)."""

    workflows: dict[str, list[Preset]] | None = None
    workflow: str | None = None
    presets: list[Preset] | None = None
    user: str


class PresetInput(Model):
    """A preset to keep: with the `id` or the name of a known one it takes its place."""

    id: str | StrictInt | None = Field(None, description="of the preset to replace")
    name: str = Field("", max_length=200)
    values: dict[str, JsonValue] = Field(default_factory=dict)


class PresetChange(Model):
    """A preset to keep, or the id of one to delete."""

    workflow: str = Field("", max_length=_MAX_NAME)
    preset: PresetInput | None = None
    delete: str | StrictInt | None = None


class PresetsSaved(Model):
    """The workflow's presets after the change, newest first."""

    status: Literal["ok"]
    presets: list[Preset]
    preset: Preset | None = None
    user: str


@section.route("GET", "/cozygen/api/workflow_presets", query=PresetsQuery, response=Presets)
async def workflow_presets(call: Call[PresetsQuery, NoBody]) -> Presets:
    """The signed-in user's presets."""
    user, workflow = call.user, call.query.workflow.strip()
    if workflow:
        presets = await in_thread(lambda: call.services.presets.of_workflow(user, workflow))
        return Presets.model_validate({"workflow": workflow, "presets": presets, "user": user})
    workflows = await in_thread(lambda: call.services.presets.all(user))
    return Presets.model_validate({"workflows": workflows, "user": user})


@section.route(
    "POST",
    "/cozygen/api/workflow_presets",
    body=PresetChange,
    response=PresetsSaved,
    errors={400: "No workflow, or a preset without a name"},
    field_errors={"workflow": "missing workflow", "preset": "invalid preset", "delete": "invalid preset id"},
)
async def change_workflow_presets(call: Call[NoQuery, PresetChange]) -> PresetsSaved:
    """Create, replace or delete a preset of the signed-in user."""
    body, user, service = call.body, call.user, call.services.presets
    workflow = _workflow(body.workflow)
    if body.delete not in (None, ""):
        presets = await in_thread(lambda: service.delete(user, workflow, str(body.delete)))
        return PresetsSaved.model_validate({"status": "ok", "presets": presets, "user": user})
    preset = body.preset or PresetInput()
    if not preset.name.strip():
        raise ApiError(400, "missing preset name", "A preset needs a name.", field="preset.name")
    preset_id = None if preset.id in (None, "") else str(preset.id)[:64]
    presets, saved = await in_thread(
        lambda: service.save(user, workflow, name=preset.name.strip(), values=preset.values, preset_id=preset_id)
    )
    return PresetsSaved.model_validate({"status": "ok", "presets": presets, "preset": saved, "user": user})
