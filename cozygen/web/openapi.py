"""The OpenAPI 3.1 document, generated from the endpoints' pydantic models, and a page that shows it."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cozygen import __version__
from cozygen.web.api import Access, Endpoint, ErrorBody, NoBody, NoQuery, Section

DOCUMENT: web.AppKey[dict[str, Any]] = web.AppKey("openapi", dict)

_REF = "#/components/schemas/{model}"


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


def _template(path: str) -> str:
    return re.sub(r"\{(\w+):[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", r"{\1}", path)


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[dict[tuple[type[BaseModel], str], str], dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], Any]] = [(ErrorBody, "serialization")]
    for endpoint in endpoints:
        if endpoint.body is not NoBody:
            wanted.append((endpoint.body, "validation"))
        if endpoint.response is not None:
            wanted.append((endpoint.response, "serialization"))
    mapping, schema = models_json_schema(wanted, ref_template=_REF)
    names = {(model, mode): str(ref["$ref"]).rsplit("/", 1)[1] for (model, mode), ref in mapping.items()}
    components: dict[str, Any] = schema.get("$defs", {})
    for (model, mode), name in names.items():
        if mode == "serialization":
            # Responses leave out what was not set, so nothing with a default is promised.
            required = [field.alias or key for key, field in model.model_fields.items() if field.is_required()]
            components[name].pop("required", None)
            if required:
                components[name]["required"] = required
    return names, components


def _operation(
    endpoint: Endpoint, names: dict[tuple[type[BaseModel], str], str], components: dict[str, Any]
) -> dict[str, Any]:
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
        schema = {"$ref": _REF.format(model=names[(endpoint.body, "validation")])}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if endpoint.access is not Access.PUBLIC:
        operation["security"] = [{"cookie": []}, {"bearer": []}]
    return operation


def _responses(endpoint: Endpoint, names: dict[tuple[type[BaseModel], str], str]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success"}
    if endpoint.response is not None:
        schema: dict[str, Any] = {"$ref": _REF.format(model=names[(endpoint.response, "serialization")])}
        success["content"] = {endpoint.media_type: {"schema": schema}}
    elif endpoint.media_type != "application/json":
        success["content"] = {endpoint.media_type: {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {str(endpoint.status): success}
    errors = dict(endpoint.errors)
    if endpoint.access is not Access.PUBLIC:
        errors.setdefault(401, "Not signed in")
    if endpoint.query is not NoQuery or endpoint.body is not NoBody:
        errors.setdefault(400, "A field is missing or wrong")
    if endpoint.body is not NoBody:
        errors.setdefault(413, "The body is too large")
    body = {"application/json": {"schema": {"$ref": _REF.format(model=names[(ErrorBody, "serialization")])}}}
    for status, description in sorted(errors.items()):
        responses[str(status)] = (
            {"description": description} if status < 400 else {"description": description, "content": body}
        )
    return responses


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)(?::[^}]*)?\}", endpoint.path)
    ]


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
