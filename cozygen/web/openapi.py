"""The OpenAPI 3.1 document, generated from the endpoints' pydantic models, and a page that shows it."""

from __future__ import annotations

import functools
import html
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel, RootModel
from pydantic.json_schema import models_json_schema

from cozygen import __version__
from cozygen.web.api import Access, Endpoint, ErrorBody, NoBody, NoQuery, Section

DOCUMENT: web.AppKey[Callable[[], dict[str, Any]]] = web.AppKey("openapi")
"""Gives the application's document."""

Names = Mapping[tuple[Any, str], str]
"""(model, "validation" or "serialization") -> its name among the document's schemas."""

_REF = "#/components/schemas/{model}"


def built_once(sections: Sequence[Section]) -> Callable[[], dict[str, Any]]:
    """Gives the document of `build_document`, which is made when it is first asked for: a start is quicker without."""
    return functools.cache(lambda: build_document(sections))


def build_document(sections: Sequence[Section]) -> dict[str, Any]:
    """The document for all endpoints of `sections`."""
    endpoints = [endpoint for section in sections for endpoint in section.endpoints]
    names, components = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        for path in endpoint.paths:
            operation = _operation(endpoint, names, components)
            if path != endpoint.path:
                operation["operationId"] += "_api"
            paths.setdefault(_template(path), {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CozyGen",
            "version": __version__,
            "description": "The studio's HTTP API, and ComfyUI's own on the same origin.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "tags": [{"name": section.name, "description": section.description} for section in sections],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "cozygen_token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_PARAMETER = r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}"
"""A parameter in aiohttp's notation, ``{name}`` or ``{name:regular expression}``."""


def _template(path: str) -> str:
    return re.sub(_PARAMETER, r"{\1}", path)


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[Names, dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], Any]] = [(ErrorBody, "serialization")]
    for endpoint in endpoints:
        wanted.append((endpoint.error_model, "serialization"))
        if endpoint.form is not None:
            wanted.append((endpoint.form, "validation"))
        if endpoint.body is not NoBody:
            wanted.append((endpoint.body, "validation"))
        if endpoint.response is not None:
            wanted.append((endpoint.response, "serialization"))
    mapping, schema = models_json_schema(wanted, ref_template=_REF)
    names: dict[tuple[Any, str], str] = {
        (model, mode): str(ref["$ref"]).rsplit("/", 1)[1] for (model, mode), ref in mapping.items()
    }
    components: dict[str, Any] = schema.get("$defs", {})
    for (model, mode), name in names.items():
        if mode == "serialization" and issubclass(model, BaseModel) and not issubclass(model, RootModel):
            # Responses leave out what was not set, so nothing with a default is promised.
            required = [field.alias or key for key, field in model.model_fields.items() if field.is_required()]
            components[name].pop("required", None)
            if required:
                components[name]["required"] = required
    return names, components


def _operation(endpoint: Endpoint, names: Names, components: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = (inspect.getdoc(endpoint.handler) or endpoint.operation_id).partition("\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "tags": [endpoint.section],
        "summary": summary.rstrip("."),
        "responses": _responses(endpoint, names),
    }
    if rest.strip():
        operation["description"] = rest.strip()
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint, components)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not NoBody:
        operation["requestBody"] = _request_body(
            "application/json", names[(endpoint.body, "validation")], required=not endpoint.body_optional
        )
    elif endpoint.form is not None:
        operation["requestBody"] = _request_body("multipart/form-data", names[(endpoint.form, "validation")])
    if endpoint.access is not Access.PUBLIC:
        operation["security"] = [{"cookie": []}, {"bearer": []}]
    return operation


def _request_body(media_type: str, model: str, *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {media_type: {"schema": {"$ref": _REF.format(model=model)}}}}


def _responses(endpoint: Endpoint, names: Names) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success"}
    if endpoint.response is not None:
        schema: dict[str, Any] = {"$ref": _REF.format(model=names[(endpoint.response, "serialization")])}
        success["content"] = {endpoint.media_type: {"schema": schema}}
    elif endpoint.media_type != "application/json":
        success["content"] = {endpoint.media_type: {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(endpoint.status): success}
    if endpoint.is_file:
        responses["206"] = {"description": "The range asked for", "content": success["content"]}
        for status, description in _FILE_STATUSES.items():
            responses[str(status)] = {"description": description}
    own = _REF.format(model=names[(endpoint.error_model, "serialization")])
    for status, description in sorted(_errors(endpoint).items()):
        if status < 400:
            responses[str(status)] = {"description": description}
            continue
        # Who may not come in is answered before the endpoint is asked, and that nothing can be stored after it was.
        ref = _REF.format(model=names[(ErrorBody, "serialization")]) if status in (401, 403, 507) else own
        responses[str(status)] = {
            "description": description,
            "content": {"application/json": {"schema": {"$ref": ref}}},
        }
    return responses


_FILE_STATUSES = {304: "Not modified", 412: "Changed since", 416: "No such range"}


def _errors(endpoint: Endpoint) -> dict[int, str]:
    """The errors that an endpoint declares, and those that follow from its form."""
    errors = dict(endpoint.errors)
    has_body = endpoint.body is not NoBody
    if endpoint.access is not Access.PUBLIC:
        errors.setdefault(401, "Not signed in")
    if endpoint.method != "GET":
        errors.setdefault(403, "Sent by the page of another site")
        errors.setdefault(507, "The disk is full")
    if endpoint.query is not NoQuery or has_body:
        errors.setdefault(400, "A field is missing or wrong")
    if "{" in endpoint.path:
        errors.setdefault(404, "No such address")
    if has_body:
        errors.setdefault(413, "The body is too large")
    return errors


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters = []
    for name, pattern in re.findall(_PARAMETER, endpoint.path):
        schema = {"type": "string", "pattern": f"^(?:{pattern})$"} if pattern else {"type": "string", "minLength": 1}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    return parameters


def _query_parameters(endpoint: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if endpoint.query is NoQuery:
        return []
    schema = endpoint.query.model_json_schema(ref_template=_REF)
    components.update(schema.get("$defs", {}))
    parameters = []
    for name, prop in schema["properties"].items():
        prop = dict(prop)
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in schema.get("required", [])}
        if "description" in prop:
            parameter["description"] = prop.pop("description")
        prop.pop("title", None)
        parameter["schema"] = prop
        parameters.append(parameter)
    return parameters


def render_page(document: dict[str, Any]) -> str:
    """The document as a plain, readable HTML page: no script, no request to anywhere."""
    by_tag: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag[operation["tags"][0]].append(_render_operation(path, method, operation))
    sections = "".join(
        f"<h2 id='{_slug(tag['name'])}'>{_text(tag['name'])}</h2><p>{_text(tag['description'])}</p>{''.join(by_tag[tag['name']])}"
        for tag in document["tags"]
    )
    schemas = "".join(
        f"<details id='schema-{_slug(name)}'><summary><code>{_text(name)}</code></summary>{_render_schema(schema)}</details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    links = " · ".join(f"<a href='#{_slug(tag['name'])}'>{_text(tag['name'])}</a>" for tag in document["tags"])
    return _PAGE.format(version=_text(document["info"]["version"]), links=links, sections=sections, schemas=schemas)


def _render_operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(p['name'])}</code></td><td>{p['in']}</td><td>{_type(p['schema'])}</td>"
        f"<td>{'required' if p['required'] else _default(p['schema'])}</td><td>{_text(p.get('description', ''))}</td></tr>"
        for p in operation.get("parameters", [])
    )
    parameters = f"<div class=scroll><table>{rows}</table></div>" if rows else ""
    body = ""
    if "requestBody" in operation:
        body = f"<p>Body: {_content(operation['requestBody'])}</p>"
    responses = "".join(
        f"<li><code>{status}</code> {_text(response['description'])} {_content(response)}</li>"
        for status, response in operation["responses"].items()
    )
    return (
        f"<details><summary><b class='{method}'>{method.upper()}</b> <code>{_text(path)}</code> "
        f"<span>{_text(operation['summary'])}</span></summary>"
        f"<p>{_text(operation.get('description', ''))}</p>{parameters}{body}<ul>{responses}</ul></details>"
    )


def _render_schema(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td><code>{_text(name)}</code></td><td>{_type(prop)}</td>"
        f"<td>{'required' if name in required else _default(prop)}</td><td>{_text(prop.get('description', ''))}</td></tr>"
        for name, prop in schema.get("properties", {}).items()
    )
    table = f"<div class=scroll><table>{rows}</table></div>" if rows else f"<p>{_type(schema)}</p>"
    return f"<p>{_text(schema.get('description', ''))}</p>{table}"


def _content(holder: dict[str, Any]) -> str:
    parts = [f"{_text(mime)} {_type(content['schema'])}" for mime, content in holder.get("content", {}).items()]
    return ", ".join(parts)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"<a href='#schema-{_slug(name)}'>{_text(name)}</a>"
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{_text(value)}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return _text(schema.get("type", "anything"))


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, "") else f"default <code>{_text(default)}</code>"


def _text(value: object) -> str:
    return html.escape(str(value))


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-").lower()


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>CozyGen API</title>
<style>
:root {{ color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }}
body {{ font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem 6rem }}
code {{ font: .92em ui-monospace, monospace }}
details {{ border: 1px solid var(--line); border-radius: .6rem; margin: .4rem 0; padding: 0 .8rem }}
summary {{ padding: .7rem 0; cursor: pointer; overflow-wrap: anywhere }}
summary span {{ opacity: .7; margin-left: .4rem }}
summary b {{ display: inline-block; min-width: 4rem; font-size: .8em; letter-spacing: .04em }}
b.get {{ color: #2d7d6a }} b.post {{ color: #b0632b }} b.delete {{ color: #b23a48 }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse }} td {{ border-top: 1px solid var(--line); padding: .35rem .9rem .35rem 0; vertical-align: top }}
</style></head><body>
<h1>CozyGen API <small>{version}</small></h1>
<p>Machine-readable: <a href="openapi.json">openapi.json</a>. {links}</p>
{sections}
<h2 id="models">Models</h2>
{schemas}
</body></html>
"""
