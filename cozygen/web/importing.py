"""Import: bring any workflow in, keep it under a name, and choose which of its parameters are shown."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from aiohttp import BodyPartReader, web
from pydantic import Field, JsonValue, StringConstraints

from cozygen.engines.base import EngineError
from cozygen.gallery import metadata
from cozygen.storage import jsons
from cozygen.storage.paths import sanitise_filename
from cozygen.web.api import MAX_JSON_BYTES, Call, FileUpload, Model, NoBody, NoQuery, Section, any_json, read_bytes
from cozygen.web.errors import ApiError
from cozygen.web.inputs import receive
from cozygen.web.services import Services, in_thread
from cozygen.web.workflows import Form, FormFieldModel, build_form, load_form, ready
from cozygen.workflows.exposed import Exposed, ExposedError, Exposure, check
from cozygen.workflows.graph import GraphError
from cozygen.workflows.loading import LoadedForm
from cozygen.workflows.missing import missing_files, missing_nodes
from cozygen.workflows.service import WorkflowExistsError, WorkflowNameError, WorkflowNotFoundError, describe
from cozygen.workflows.source import FoundWorkflow, NoWorkflowError, find_workflow

section = Section("Import", "Any workflow: from a file or a picture, under a name, with the parameters that matter.")

_MAX_NAME = 255


class WorkflowFile(FileUpload):
    """A workflow as JSON (UI format or API format), or a picture, film or sound that carries one."""

    file: bytes = Field(description="the file, with its name")


class MissingNodeModel(Model):
    """A node class that the engine does not know."""

    class_type: str
    title: str
    node_ids: list[str]
    close: list[str] = Field(description="classes with a name like it, the closest first")


class MissingFileModel(Model):
    """A model, an input file or an option that the engine does not offer."""

    kind: Literal["model", "input", "option"]
    node_id: str
    class_type: str
    title: str
    input: str
    value: str
    close: list[str] = Field(description="what the engine offers that is like it, the closest first")


class Imported(Model):
    """A workflow that was found in a file. It is not stored yet."""

    names: list[str] = Field(description="names to store it under that are free")
    source: str = Field(description="what it was found in: `json`, or the format of the picture, film or sound")
    format: Literal["api", "ui"]
    graph: dict[str, Any] = Field(description="API format")
    workflow: dict[str, Any] | None = Field(description="UI format, where the file has it")
    form: Form
    problems: list[str]
    missing_nodes: list[MissingNodeModel]
    missing_models: list[MissingFileModel]


@section.route(
    "POST",
    "/cozygen/api/import",
    response=Imported,
    form=WorkflowFile,
    errors={
        400: "`no file`, `bad json`, `no workflow` or `bad workflow`",
        413: "Too large",
    },
)
async def import_workflow(call: Call[NoQuery, NoBody]) -> web.Response:
    """Find the workflow in a file: as multipart field `file`, or as the body itself.

    Nothing is stored. What it was made of is shown as a form, with all that stands in the way of a render.
    """
    found, source, file_name = await _find(call)
    services = call.services
    value = found.graph if found.graph is not None else found.ui
    try:
        graph, loaded = await ready(services, value)
    except GraphError as error:
        raise ApiError(400, "bad workflow", str(error), field="file") from None
    info: Mapping[str, Any] = {}
    with suppress(EngineError):  # the form says so
        info = await services.engine.object_info()
    names = await in_thread(lambda: _free_names(services, file_name, describe(graph).get("title", "")))
    form = await build_form(services, names[0], graph, replace(loaded, title=loaded.title or names[0]))
    missing = await in_thread(lambda: (missing_nodes(graph, info), missing_files(graph, info))) if info else ([], [])

    def make() -> Any:
        found_workflow = Imported.model_validate(
            {
                "names": names,
                "source": source,
                "format": "api" if found.graph is not None else "ui",
                "graph": graph,
                "workflow": found.ui,
                "form": form,
                "problems": form.problems,
                "missing_nodes": [vars(node) for node in missing[0]],
                "missing_models": [vars(file) for file in missing[1]],
            }
        )
        return found_workflow.model_dump()

    return await any_json(make)


async def _find(call: Call[NoQuery, NoBody]) -> tuple[FoundWorkflow, str, str]:
    """The workflow of the request, what it was found in, and the name of that file."""
    request = call.request
    if not request.content_type.startswith("multipart/"):
        data = await read_bytes(request, MAX_JSON_BYTES)
        if not data:
            raise ApiError(400, "no file", "Send the file as the multipart form field `file`, or as the body.")
        return (*await in_thread(lambda: _read(data)), "")
    part = await _file_part(request)
    limit = call.services.settings.max_upload_mb * 2**20
    received = await receive(part, call.services.temp.folder, limit)
    try:
        return (*await in_thread(lambda: _read(received.path)), received.name)
    finally:
        await in_thread(received.discard)


async def _file_part(request: web.Request) -> BodyPartReader:
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                return part
    except (ValueError, AssertionError, UnicodeDecodeError):
        raise ApiError(400, "no file", "The multipart body is malformed.", field="file") from None
    raise ApiError(400, "no file", "The multipart form field `file` is missing.", field="file")


def _read(source: Path | bytes) -> tuple[FoundWorkflow, str]:
    """The workflow in a file or in bytes, and what these are. Raises `ApiError` 400."""
    head = source[:64] if isinstance(source, bytes) else _head(source)
    try:
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[", b'"'):
            return find_workflow(_json(source)), "json"
        return _embedded(source)
    except NoWorkflowError as error:
        raise ApiError(400, "no workflow", str(error), field="file") from None


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(64)


def _json(source: Path | bytes) -> Any:
    if isinstance(source, Path):
        if source.stat().st_size > MAX_JSON_BYTES:
            raise ApiError(413, "too large", f"A workflow is at most {MAX_JSON_BYTES // 2**20} MiB.", field="file")
        source = source.read_bytes()
    try:
        return jsons.loads(source)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "bad json", f"The file is not JSON: {error}", field="file") from None


def _embedded(source: Path | bytes) -> tuple[FoundWorkflow, str]:
    """What ComfyUI has embedded into a picture, a film or a sound."""
    found = metadata.read(io.BytesIO(source) if isinstance(source, bytes) else source)
    if found.container is None:
        raise NoWorkflowError("The file is neither JSON nor a picture, film or sound that could carry a workflow.")
    workflow = found.workflow
    if found.prompt is None and workflow is None:
        other = f" (it was made by {found.source})" if found.source not in (None, "comfyui") else ""
        raise NoWorkflowError(f"No ComfyUI workflow is embedded in the file{other}.")
    try:
        return find_workflow({"prompt": found.prompt, "workflow": workflow}), found.container
    except NoWorkflowError:
        raise NoWorkflowError("What is embedded in the file is no workflow.") from None


def _free_names(services: Services, file_name: str, title: str) -> list[str]:
    """Names to store a workflow under, from its file's name and its title."""
    taken = {name.lower() for name in services.workflows.names()}
    names: list[str] = []
    for text in (Path(file_name.replace("\\", "/")).stem if file_name else "", title, "workflow"):
        if not text or (text == "workflow" and names):
            continue
        stem = sanitise_filename(f"{text[:120]}.json").removesuffix(".json")
        name, number = f"{stem}.json", 2
        while name.lower() in taken:
            name, number = f"{stem}-{number}.json", number + 1
        if name not in names:
            names.append(name)
    return names


class StoreRequest(Model):
    """A workflow to keep."""

    workflow: dict[str, JsonValue] = Field(description="API format, or UI format, which is converted for each use")
    overwrite: bool = Field(False, strict=True, description="replace the workflow that has the name")


class Stored(Model):
    """The workflow is kept."""

    name: str


_NAME_ERRORS = {400: "The name or the workflow cannot be used", 409: "There is a workflow of that name"}


@section.route(
    "POST", "/cozygen/api/workflows/{name}", body=StoreRequest, response=Stored, status=201, errors=_NAME_ERRORS
)
async def store_workflow(call: Call[NoQuery, StoreRequest]) -> Stored:
    """Keep a workflow under a name. Another of that name is replaced only when `overwrite` says so."""
    name, body, workflows = call.path("name"), call.body, call.services.workflows
    try:
        await in_thread(lambda: workflows.store(name, body.workflow, overwrite=body.overwrite))
    except WorkflowNameError as error:
        raise _bad_name(error) from None
    except WorkflowExistsError:
        raise _exists(name) from None
    except GraphError as error:
        raise ApiError(400, "bad workflow", str(error), field="workflow") from None
    except OSError as error:
        raise _disk(error) from None
    _tell(call.services)
    return Stored(name=name)


def _bad_name(error: Exception) -> ApiError:
    return ApiError(400, "invalid name", f"The name {error}.", field="name")


def _exists(name: str) -> ApiError:
    return ApiError(409, "exists", f"There is a workflow {name} already.", field="name")


def _gone(name: str) -> ApiError:
    return ApiError(404, "not found", f"There is no workflow {name}.", field="name")


def _disk(error: OSError) -> ApiError:
    return ApiError(507, "storage failed", f"The disk refuses: {error.strerror}")


def _tell(services: Services) -> None:
    services.bus.publish("workflows", {})


class Deleted(Model):
    """The workflow is in the trash."""

    name: str
    trash: str = Field(description="where it is kept in the workflows folder")


@section.route(
    "DELETE",
    "/cozygen/api/workflows/{name}",
    response=Deleted,
    errors={404: "No such workflow", 507: "The disk refuses"},
)
async def delete_workflow(call: Call[NoQuery, NoBody]) -> Deleted:
    """Move a workflow to the folder `.trash` in the workflows folder."""
    name, workflows = call.path("name"), call.services.workflows
    try:
        kept = await in_thread(lambda: workflows.delete(name))
    except WorkflowNotFoundError:
        raise _gone(name) from None
    except OSError as error:
        raise _disk(error) from None
    _tell(call.services)
    return Deleted(name=name, trash=f".trash/{kept}")


class RenameRequest(Model):
    """The new name."""

    to: str = Field(min_length=1, max_length=_MAX_NAME)


@section.route(
    "POST",
    "/cozygen/api/workflows/{name}/rename",
    body=RenameRequest,
    response=Stored,
    errors={**_NAME_ERRORS, 404: "No such workflow", 507: "The disk refuses"},
)
async def rename_workflow(call: Call[NoQuery, RenameRequest]) -> Stored:
    """Give a workflow another name. Its mode, its presets and what is exposed of it come along."""
    name, new, services = call.path("name"), call.body.to, call.services
    try:
        await in_thread(lambda: services.workflows.rename(name, new))
    except WorkflowNotFoundError:
        raise _gone(name) from None
    except WorkflowNameError as error:
        raise _bad_name(error) from None
    except WorkflowExistsError:
        raise _exists(new) from None
    except OSError as error:
        raise _disk(error) from None
    if new != name:
        await in_thread(lambda: services.presets.rename_workflow(name, new))
        _tell(services)
    return Stored(name=new)


_Text = Annotated[str, StringConstraints(max_length=200)]


class ExposedModel(Model):
    """One parameter, and how it is shown; what is left out stays as it is."""

    node_id: str = Field(max_length=500)
    input: str = Field(max_length=500)
    label: _Text | None = None
    group: _Text | None = None
    row: _Text | None = None
    min: float | None = Field(None, allow_inf_nan=False)
    max: float | None = Field(None, allow_inf_nan=False)
    step: float | None = Field(None, allow_inf_nan=False)
    choices: list[Annotated[str, StringConstraints(max_length=1000)]] | None = Field(None, max_length=10_000)
    multiline: bool | None = Field(None, strict=True)


class ExposureBody(Model):
    """All that is exposed, in order. No fields: the form as it is without."""

    fields: list[ExposedModel] = Field(max_length=500)
    rest: Literal["folded", "hidden"] = Field("folded", description="what becomes of all other parameters")


class ExposureView(Model):
    """What is exposed of a workflow, and what could be."""

    workflow: str
    fields: list[ExposedModel]
    rest: Literal["folded", "hidden"]
    available: list[FormFieldModel]


@section.route(
    "GET",
    "/cozygen/api/workflows/{name}/exposed",
    response=ExposureView,
    errors={400: "Not JSON, or not a workflow", 404: "No such workflow"},
)
async def get_exposed(call: Call[NoQuery, NoBody]) -> ExposureView:
    """What is exposed of a workflow, and all parameters that it has."""
    name = call.path("name")
    _, loaded = await load_form(call.services, name, inferred=True)
    exposure = await in_thread(lambda: call.services.workflows.exposed.get(name))
    return _view(name, exposure, loaded)


@section.route(
    "PUT",
    "/cozygen/api/workflows/{name}/exposed",
    body=ExposureBody,
    response=ExposureView,
    errors={400: "Not a workflow, or an entry does not fit it (`fields` says which)", 404: "No such workflow"},
)
async def put_exposed(call: Call[NoQuery, ExposureBody]) -> ExposureView:
    """Expose parameters of a workflow. The workflow's file stays as it is."""
    name, store = call.path("name"), call.services.workflows.exposed
    _, loaded = await load_form(call.services, name, inferred=True)
    entries = [Exposed(**entry.model_dump()) for entry in call.body.fields]
    exposure = Exposure(entries, call.body.rest)
    try:
        check(exposure, loaded.available)
    except ExposedError as error:
        fields = {f"fields.{place}": message for place, message in error.fields.items()}
        raise ApiError(400, "invalid fields", str(error), field=next(iter(fields)), fields=fields) from None
    kept = exposure if entries else None
    await in_thread(partial(store.put, name, kept))
    _tell(call.services)
    return _view(name, kept, loaded)


def _view(name: str, exposure: Exposure | None, loaded: LoadedForm) -> ExposureView:
    return ExposureView.model_validate(
        {
            "workflow": name,
            "fields": [entry.as_json() for entry in exposure.fields] if exposure is not None else [],
            "rest": exposure.rest if exposure is not None else "folded",
            "available": [vars(field) for field in loaded.available],
        }
    )
