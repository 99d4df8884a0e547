"""A client that holds every answer against the OpenAPI document: status, content type, and the shape of JSON."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import jsonschema_rs
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from cozygen.app import SECTIONS
from cozygen.web.openapi import build_document

DOCUMENT = build_document(SECTIONS)


class DeclaredClient(TestClient[Any, Any]):
    """Fails a test whose studio answers what its document does not know."""

    async def _request(self, method: str, path: Any, **kwargs: Any) -> ClientResponse:
        response = await super()._request(method, path, **kwargs)
        if not response.history:  # an answer of ours, not of where it led to
            text = await response.read() if "json" in response.content_type else b""
            check(response.method, response.url.raw_path, response.status, json.loads(text) if text else None)
        return response


def check(method: str, path: str, status: int, body: Any = None) -> None:
    """Raises `AssertionError` for an undeclared status or a body of another shape. Unknown addresses are left alone."""
    template = _template(path)
    operation = DOCUMENT["paths"].get(template, {}).get("get" if method == "HEAD" else method.lower())
    if operation is None or status in (500, 405):
        return
    assert str(status) in operation["responses"], f"{method} {template} does not declare {status}: {body}"
    validator = _validator(template or "", "get" if method == "HEAD" else method.lower(), status)
    if body is not None and validator is not None:
        faults = [
            f"{'.'.join(map(str, fault.instance_path))}: {fault.message}" for fault in validator.iter_errors(body)
        ]
        assert not faults, f"{method} {template} {status}: {faults}"


@functools.cache
def _validator(template: str, method: str, status: int) -> jsonschema_rs.Draft202012Validator | None:
    content = DOCUMENT["paths"][template][method]["responses"][str(status)].get("content", {})
    if "application/json" not in content:
        return None
    return jsonschema_rs.Draft202012Validator(
        content["application/json"]["schema"] | {"components": DOCUMENT["components"]}
    )


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The paths' patterns, those without parameters first."""
    found = []
    for template, item in DOCUMENT["paths"].items():
        parameters = {
            parameter["name"]: parameter["schema"].get("pattern", "[^/]+").strip("^$")
            for operation in item.values()
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "path"
        }
        pattern = "".join(
            parameters[part[1:-1]] if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", template)
        )
        found.append((re.compile(pattern), template))
    return sorted(found, key=lambda entry: entry[1].count("{"))


@functools.cache
def _template(path: str) -> str | None:
    return next((template for pattern, template in _patterns() if pattern.fullmatch(path)), None)
