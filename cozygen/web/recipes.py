"""Recipes: how a file was made, value by value, to make it again, change it, or go on from it in its form."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool

from cozygen.engines.base import EngineError
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.metadata import Summary, summarise
from cozygen.jobs.model import Job, NewJob
from cozygen.jobs.service import JobNotFoundError
from cozygen.storage.paths import sanitise_filename
from cozygen.web.aliases import load_aliases
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.gallery import FileQuery
from cozygen.web.jobs import JobsCreated, job_view, refusals
from cozygen.web.listing import RootName, gallery_of, is_text, path_errors, resolve_folder
from cozygen.web.services import Services, in_thread
from cozygen.web.workflows import load_form, ready
from cozygen.workflows.again import Filled, again, exact, fill, kept, seeds
from cozygen.workflows.assemble import ValuesError
from cozygen.workflows.form import FormField
from cozygen.workflows.graph import Graph, GraphError
from cozygen.workflows.service import (
    WorkflowExistsError,
    WorkflowNameError,
    WorkflowNotFoundError,
    WorkflowService,
)
from cozygen.workflows.texts import expander

section = Section("Recipes", "How a file was made, to make it again with other values or to go on from it in its form.")

_MAX_VALUES = 2000
_MAX_COPIES = 1000


class RecipeField(Model):
    """A value that the file was made with."""

    key: str
    label: str
    type: Literal["string", "int", "float", "boolean", "choice", "image"]
    value: Any = Field(description="as typed; integers beyond 2^53 as text, since browsers round them")
    group: str | None = Field(description="`more`: of less interest")
    multiline: bool
    role: Literal["prompt", "negative", "seed"] | None = Field(description="what it is for, where that is known")


class Recipe(Model):
    """How a file was made."""

    job: str | None = Field(description="the render that made it, where it is one of the user's")
    workflow: str | None = Field(description="the name of the workflow that was rendered")
    title: str
    can_render: bool = Field(description="whether it can be made again: the file says which nodes made it")
    fields: list[RecipeField]


@dataclass(frozen=True)
class _Origin:
    """What is known of how a file was made. `values` and `raw` are the form's and the prompts as typed."""

    job: Job | None
    graph: Graph
    title: str
    fields: list[FormField]
    values: Mapping[str, Any]
    raw: Mapping[str, str]
    summary: Summary | None


async def _origin(call: Call[Any, Any], root: str, subfolder: str, filename: str) -> _Origin | None:
    """How a file was made; None when it does not say. Raises `ApiError` 404 where there is no file."""
    services = call.services
    if not filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    if not is_text(filename):
        raise ApiError(400, "invalid filename", "The name is not valid Unicode.", field="filename")
    gallery = gallery_of(services, root)
    folder = await in_thread(lambda: resolve_folder(gallery.root, subfolder))
    with path_errors():
        found = await gallery.details(folder, filename)
    if found is None:
        raise ApiError(404, "not found", "There is no such file.", field="filename")
    job = await _job(services, folder, filename, call.user) if root == OUTPUT else None
    value = job.graph if job is not None else found.prompt or await in_thread(lambda: found.workflow)
    if not value:
        return None
    try:
        graph, loaded = await ready(services, value, name=PurePosixPath(filename).stem, inferred=True)
    except GraphError:
        return None
    return _Origin(
        job=job,
        graph=graph,
        title=job.title if job is not None else loaded.title,
        fields=loaded.fields,
        values=job.values if job is not None else {},
        raw=(job.prompt_raw if job is not None else found.prompt_raw) or {},
        summary=await in_thread(lambda: summarise(found)) if found.has_prompt else None,
    )


async def _job(services: Services, subfolder: str, filename: str, user: str) -> Job | None:
    """The job of the user's that made a file of the output folder."""
    prompt_id = await services.lineage.prompt_of(subfolder, filename)
    if prompt_id is None:
        return None
    with suppress(JobNotFoundError):
        job = await services.jobs.get(prompt_id)
        return job if job.user == user else None
    return None


async def _known(call: Call[Any, Any], root: str, subfolder: str, filename: str) -> _Origin:
    origin = await _origin(call, root, subfolder, filename)
    if origin is None:
        raise ApiError(409, "no recipe", "The file does not say which nodes made it.", field="filename")
    return origin


@section.route(
    "GET",
    "/cozygen/api/gallery/recipe",
    query=FileQuery,
    response=Recipe,
    errors={
        400: "`missing filename`, `invalid root`, or a name that is none",
        403: "Outside the library's folder",
        404: "No such file",
    },
    field_errors={"root": "invalid root"},
)
async def get_recipe(call: Call[FileQuery, NoBody]) -> Recipe:
    """The values that a file was made with: those of its render, else those of the nodes that are embedded in it."""
    query = call.query
    origin = await _origin(call, query.root, query.subfolder, query.filename)
    if origin is None:
        return Recipe(job=None, workflow=None, title="", can_render=False, fields=[])
    return Recipe(
        job=None if origin.job is None else origin.job.id,
        workflow=None if origin.job is None else origin.job.workflow,
        title=origin.title,
        can_render=True,
        fields=[_field(origin, field) for field in origin.fields],
    )


def _field(origin: _Origin, field: FormField) -> RecipeField:
    typed = origin.raw.get(f"{field.node_id}.{field.input}", field.default) if field.type == "string" else field.default
    return RecipeField(
        key=field.key,
        label=field.label,
        type=field.type,
        value=exact(origin.values.get(field.key, typed)),
        group=field.group,
        multiline=field.multiline,
        role=_role(field, origin.summary),
    )


def _role(field: FormField, summary: Summary | None) -> Literal["prompt", "negative", "seed"] | None:
    if field.can_randomize:
        return "seed"
    if field.type != "string" or not field.is_prompt or not field.multiline:
        return None
    text = str(field.default).strip()
    known = summary is not None and text != "" and summary.positive.strip() != summary.negative.strip()
    if summary is not None and known and text == summary.positive.strip():
        return "prompt"
    if summary is not None and known and text == summary.negative.strip():
        return "negative"
    return "negative" if "neg" in f"{field.key} {field.label}".lower() else "prompt"


def _few(values: Any) -> Any:
    # Before each is looked at: pydantic makes an error of every one, however many there are.
    if isinstance(values, dict) and len(values) > _MAX_VALUES:
        raise ValueError(f"must be at most {_MAX_VALUES} values")
    return values


class FileBody(Model):
    """Which file."""

    filename: str = Field(max_length=4096)
    subfolder: str = Field("", max_length=4096)
    root: RootName = OUTPUT


class RenderAgain(FileBody):
    """Which file to make again, and what to change."""

    values: Annotated[dict[Annotated[str, Field(max_length=500)], Any], BeforeValidator(_few)] = Field(
        default_factory=dict,
        description="by the keys of the recipe; all others stay",
        json_schema_extra={"maxProperties": _MAX_VALUES},
    )
    seed: Literal["same", "new"] = "same"
    front: StrictBool = Field(False, description="run before what waits")


_FILE_ERRORS = {
    400: "`missing filename`, `invalid root`, `invalid values`, or a wrong field",
    403: "Outside the library's folder",
    404: "No such file",
    409: "`no recipe`: the file does not say which nodes made it",
}


@section.route(
    "POST",
    "/cozygen/api/gallery/recipe/render",
    body=RenderAgain,
    response=JobsCreated,
    status=201,
    errors={**_FILE_ERRORS, 502: "The engine failed", 503: "The engine is out of reach"},
    field_errors={"root": "invalid root"},
)
async def render_again(call: Call[NoQuery, RenderAgain]) -> JobsCreated:
    """Make a file again, with other values or a new seed. Only prompts that are changed are expanded."""
    body, services = call.body, call.services
    origin = await _known(call, body.root, body.subfolder, body.filename)
    rng = random.SystemRandom()
    expand = expander(await load_aliases(services), services.wildcards.lines, rng)
    fresh = [key for key in seeds(origin.fields) if key not in body.values] if body.seed == "new" else []

    def make() -> NewJob:
        try:
            made = again(
                origin.graph,
                origin.fields,
                body.values,
                fresh=fresh,
                texts=origin.values,
                raw=origin.raw,
                expand=expand,
                rng=rng,
            )
        except ValuesError as error:
            raise ApiError(400, "invalid values", str(error), field="values", fields=error.fields) from None
        return NewJob(
            graph=made.graph,
            user=call.user,
            title=origin.title,
            workflow=None if origin.job is None else origin.job.workflow,
            front=body.front,
            extra_data={"extra_pnginfo": {"cozygen_prompt_raw": made.prompt_raw}},
            values=made.values,
            prompt_raw=made.prompt_raw,
        )

    new = await in_thread(make)
    with refusals(origin.fields):
        job = (await services.jobs.submit(new))[0]
    view = job_view(job, await services.jobs.position(job), services.jobs)
    return JobsCreated(jobs=[view])


class Opened(Model):
    """What to open a workflow's form with."""

    workflow: str
    stored: bool = Field(description="the workflow was kept just now: none that makes the file was there")
    values: dict[str, str | bool] = Field(description="by field, numbers as text; all others as the workflow has them")
    random: dict[str, bool] = Field(description="by field: whether each render draws a new number")
    bypass: dict[str, bool]


@section.route(
    "POST",
    "/cozygen/api/gallery/recipe/open",
    body=FileBody,
    response=Opened,
    errors={**_FILE_ERRORS, 507: "The disk refuses"},
    field_errors={"root": "invalid root"},
)
async def open_recipe(call: Call[NoQuery, FileBody]) -> Opened:
    """Find the workflow and the values that make a file.

    Where the workflow is gone, has changed since, or never was one of ours, the one that made the file is kept under a
    name of its own.
    """
    body, services = call.body, call.services
    origin = await _known(call, body.root, body.subfolder, body.filename)
    if origin.job is not None and origin.job.workflow is not None:
        filled = await _filled(services, origin, origin.job.workflow)
        if filled is not None:
            return _opened(origin.job.workflow, filled, stored=False)
    stem = origin.job.workflow if origin.job is not None else None
    stem = PurePosixPath(stem or body.filename).stem
    name, stored = await in_thread(lambda: _keep(services.workflows, stem, _typed_graph(origin)))
    if stored:
        services.bus.publish("workflows", {})
    _, loaded = await load_form(services, name)
    return _opened(name, kept(loaded.fields), stored=stored)


async def _filled(services: Services, origin: _Origin, name: str) -> Filled | None:
    try:
        graph, loaded = await load_form(services, name)
    except ApiError:
        return None  # it is gone, or no workflow any more
    info: Mapping[str, Any] = {}
    with suppress(EngineError):
        info = await services.engine.object_info()
    return await in_thread(lambda: fill(graph, loaded.fields, origin.graph, origin.values, info))


def _opened(name: str, filled: Filled, *, stored: bool) -> Opened:
    return Opened(workflow=name, stored=stored, values=filled.values, random=filled.random, bypass=filled.bypass)


def _typed_graph(origin: _Origin) -> Graph:
    """The graph with its prompts as typed, so that they can be edited."""
    graph = copy.deepcopy(origin.graph)
    for key, text in origin.raw.items():
        node_id, _, name = key.rpartition(".")
        inputs = graph.get(node_id, {}).get("inputs", {})
        if isinstance(inputs.get(name), str):
            inputs[name] = text
    return graph


def _keep(workflows: WorkflowService, stem: str, graph: Graph) -> tuple[str, bool]:
    """The name of a stored workflow that is `graph`, and whether it is stored just now. Blocking; raises `ApiError`."""
    base = sanitise_filename(f"{stem[:120]}.json").removesuffix(".json")
    for number in range(1, _MAX_COPIES):
        name = f"{base}.json" if number == 1 else f"{base}-{number}.json"
        try:
            workflows.store(name, graph)
            return name, True
        except WorkflowExistsError:
            with suppress(ValueError, WorkflowNotFoundError):
                if workflows.read(name) == graph:
                    return name, False
        except (GraphError, WorkflowNameError) as error:
            raise ApiError(409, "no recipe", f"The workflow cannot be kept: {error}.", field="filename") from None
        except OSError as error:
            raise ApiError(507, "storage failed", f"The disk refuses: {error.strerror}") from None
    raise ApiError(409, "exists", f"There are too many workflows called {base}.", field="filename")
