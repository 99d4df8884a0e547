"""Workflows: the files, the form that each implies, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from cozygen.engines.base import EngineError, EngineUnavailable
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, any_json
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread
from cozygen.workflows.exposed import Exposure
from cozygen.workflows.graph import Graph, GraphError
from cozygen.workflows.loading import LoadedForm, load, needs_engine
from cozygen.workflows.missing import missing_files, missing_nodes
from cozygen.workflows.service import WorkflowJsonError, WorkflowNotFoundError, describe, mode_of

section = Section("Workflows", "API-format workflows, their forms, and the choices that an engine offers.")


class WorkflowNames(Model):
    """The files of the workflows folder."""

    workflows: list[str]


class WorkflowSummary(Model):
    """A workflow in the picker."""

    name: str
    title: str
    description: str
    mode: Literal["text-to-image", "image-to-image", "text-to-video", "image-to-video"] | None
    error: str | None = Field(description="why the file cannot be used")


class WorkflowList(Model):
    """All workflows."""

    items: list[WorkflowSummary]


class FormFieldModel(Model):
    """One control of the form."""

    key: str
    node_id: str
    class_type: str
    input: str
    label: str
    type: Literal["string", "int", "float", "boolean", "choice", "image"]
    default: Any
    multiline: bool
    min: float | None
    max: float | None
    step: float | None
    choices: list[str] | None
    choice_type: str | None
    can_randomize: bool
    can_bypass: bool
    priority: int
    group: str | None = Field(None, description="the heading that it stands under; `more` is shown folded")
    row: str | None = Field(None, description="fields of the same group and row stand side by side")


class FormOutputModel(Model):
    """A node that delivers results."""

    node_id: str
    kind: Literal["image", "video"]


class Form(Model):
    """The form of a workflow, fields in display order."""

    workflow: str
    title: str
    description: str
    mode: Literal["text-to-image", "image-to-image", "text-to-video", "image-to-video"] | None
    fields: list[FormFieldModel]
    outputs: list[FormOutputModel]
    problems: list[str] = Field(description="what stands in the way of a render, in plain sentences")


@section.route("GET", "/cozygen/workflows", response=WorkflowNames)
async def list_workflows(call: Call[NoQuery, NoBody]) -> WorkflowNames:
    """The names of the workflow files, sorted."""
    return WorkflowNames(workflows=await in_thread(call.services.workflows.names))


@section.route(
    "GET",
    "/cozygen/workflows/{filename}",
    media_type="application/json",
    errors={400: "The file is not JSON (`bad json`)", 404: "No such workflow (`not found`)"},
)
async def get_workflow(call: Call[NoQuery, NoBody]) -> web.Response:
    """One workflow's JSON."""
    document = await _read(call.services, call.path("filename"))
    return await any_json(lambda: document)


async def _read(services: Services, name: str) -> Any:
    try:
        return await in_thread(lambda: services.workflows.read(name))
    except WorkflowNotFoundError:
        raise ApiError(404, "not found", f"There is no workflow {name}.") from None
    except WorkflowJsonError as error:
        raise ApiError(400, "bad json", f"{name} is not JSON: {error}") from None


@section.route("GET", "/cozygen/api/workflows", response=WorkflowList)
async def workflow_summaries(call: Call[NoQuery, NoBody]) -> WorkflowList:
    """All workflows with titles and modes, for a picker."""
    summaries = await in_thread(call.services.workflows.summaries)
    return WorkflowList(
        items=[
            WorkflowSummary.model_validate(
                {"name": s.name, "title": s.title, "description": s.description, "mode": s.mode, "error": s.error}
            )
            for s in summaries
        ]
    )


async def load_form(services: Services, name: str, *, inferred: bool = False) -> tuple[Graph, LoadedForm]:
    """A workflow's graph and its fields, with `inferred` those of all nodes. Raises `ApiError` 404 and 400."""
    try:
        value = await in_thread(lambda: services.workflows.read(name))
        exposure = await in_thread(lambda: services.workflows.exposed.get(name))
        return await ready(services, value, exposure, name=name, inferred=inferred)
    except WorkflowNotFoundError:
        raise ApiError(404, "not found", f"There is no workflow {name}.", field="workflow") from None
    except WorkflowJsonError as error:
        raise ApiError(400, "bad json", f"{name} is not JSON: {error}", field="workflow") from None
    except GraphError as error:
        raise ApiError(400, "bad workflow", f"{name}: {error}", field="workflow") from None


async def ready(
    services: Services, value: Any, exposure: Exposure | None = None, *, name: str = "", inferred: bool = False
) -> tuple[Graph, LoadedForm]:
    """The graph and the form of a workflow in either format. Raises `GraphError`."""
    info: Mapping[str, Any] = {}
    if await in_thread(lambda: needs_engine(value, exposure, inferred=inferred)):
        with suppress(EngineError):  # the form says so, and is made without
            info = await services.engine.object_info()
    return await in_thread(lambda: load(value, info, exposure, name=name, inferred=inferred))


class FormQuery(Model):
    """How much of the workflow."""

    inferred: bool = Field(False, description="show the values of all nodes besides what CozyGen nodes declare")


@section.route(
    "GET",
    "/cozygen/api/workflows/{name}/form",
    query=FormQuery,
    response=Form,
    errors={400: "Not JSON, or not a workflow", 404: "No such workflow"},
)
async def workflow_form(call: Call[FormQuery, NoBody]) -> Form:
    """The form of a workflow, with choices filled in.

    What its CozyGen nodes declare; without any, what is inferred from its nodes; or what was exposed.
    """
    services, name = call.services, call.path("name")
    graph, loaded = await load_form(services, name, inferred=call.query.inferred)
    return await build_form(services, name, graph, loaded)


async def build_form(services: Services, name: str, graph: Graph, loaded: LoadedForm) -> Form:
    """A form on the wire, with all that stands in the way of a render."""
    problems: list[str] = []
    fields = []
    for field in loaded.fields:
        choices = field.choices
        if choices is None and field.choice_type:
            choices = await _choices(services, field.choice_type, problems, quiet=field.is_native)
        model = {**vars(field), "choices": choices}
        fields.append(FormFieldModel.model_validate(model))
    for problem in [*await _missing(services, graph), *loaded.problems]:
        _add(problems, problem)
    mode = (await in_thread(services.workflows.types)).get(name) or await in_thread(lambda: mode_of(graph))
    about = describe(graph)
    return Form.model_validate(
        {
            "workflow": name,
            "title": loaded.title,
            "description": about.get("description", ""),
            "mode": mode,
            "fields": fields,
            "outputs": [vars(output) for output in loaded.outputs],
            "problems": problems,
        }
    )


async def _choices(services: Services, kind: str, problems: list[str], *, quiet: bool) -> list[str] | None:
    """The choices of a kind. `quiet`: the kind is a guess, which may be none of the engine's."""
    try:
        found = await services.engine.choices(kind)
    except EngineError as error:
        _add(problems, str(error))
        return None if quiet else []
    if found is None and not quiet:
        _add(problems, f"The engine knows no choices of type {kind}.")
    return found if found or quiet else []


async def _missing(services: Services, graph: Graph) -> list[str]:
    """A sentence for each node class and each file that the engine does not have."""
    try:
        known = await services.engine.object_info()
    except EngineUnavailable as error:
        return [str(error)]
    except EngineError as error:
        return [f"The engine's node list could not be read: {error}"]

    def find() -> list[str]:
        nodes = [node.sentence() for node in missing_nodes(graph, known)]
        return nodes + [file.sentence() for file in missing_files(graph, known)]

    return await in_thread(find)


def _add(problems: list[str], text: str) -> None:
    if text not in problems:
        problems.append(text)


class ChoicesQuery(Model):
    """Which list."""

    type: str | None = Field(None, max_length=200)
    refresh: str = Field("", max_length=200)
    cache_bust: str = Field("", max_length=2000)


class Choices(Model):
    """Names to choose from."""

    choices: list[str]


_CHOICE_ALIASES = {"samplers_list": "sampler", "schedulers_list": "scheduler"}


@section.route(
    "GET",
    "/cozygen/get_choices",
    query=ChoicesQuery,
    response=Choices,
    errors={400: "`missing type` or `invalid type X`", 502: "The engine failed", 503: "The engine is out of reach"},
)
async def get_choices(call: Call[ChoicesQuery, NoBody]) -> Choices:
    """Samplers, schedulers, or the files of one of the engine's model folders."""
    query, engine = call.query, call.services.engine
    if not query.type:
        raise ApiError(400, "missing type", "Say which list with `type`.", field="type")
    refresh = query.refresh in ("1", "true", "True") or bool(query.cache_bust)
    kinds = ["unet_gguf", "unet"] if query.type == "unet" else [_CHOICE_ALIASES.get(query.type, query.type)]
    try:
        for kind in kinds:
            found = await engine.choices(kind, refresh=refresh)
            if found is not None:
                return Choices(choices=found)
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None
    raise ApiError(400, f"invalid type {query.type}", "The engine has no such list.", field="type")
