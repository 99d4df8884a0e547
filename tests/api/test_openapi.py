from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from typer.testing import CliRunner

from cozygen import __version__, cli
from cozygen.app import SECTIONS
from cozygen.web.openapi import build_document, render_page
from tests.api import declared
from tests.api.conftest import Client, MakeStudio

DOCUMENT = build_document(SECTIONS)
FRONTEND = Path(__file__).parents[2] / "frontend"
OPERATIONS = [
    (path, method, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


async def test_it_is_served(client: Client) -> None:
    response = await client.get("/cozygen/api/openapi.json")
    assert response.content_type == "application/json" and await response.json() == DOCUMENT


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.") and DOCUMENT["info"]["version"] == __version__
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator(schema | {"components": DOCUMENT["components"]})
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_the_validator_would_notice() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["paths"]["/cozygen/hello"]["get"]["responses"] = 5
    with pytest.raises(Exception, match="5 is not"):
        schemathesis.openapi.from_dict(broken).validate()


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    used = set(references(DOCUMENT))
    assert used <= known
    assert known - used == set(), "a schema that nothing uses"


def test_operation_ids_are_unique() -> None:
    counted = Counter(operation["operationId"] for _, _, operation in OPERATIONS)
    assert [name for name, count in counted.items() if count > 1] == []


async def test_every_handler_is_in_it(client: Client) -> None:
    app = client.app
    assert app is not None
    routes = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":  # comes with every GET
            routes.add((re.sub(r":\[\^/\]\+", "", route.resource.canonical), route.method.lower()))
    assert routes == {(path, method) for path, method, _ in OPERATIONS}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_an_operation_says_what_it_takes_and_gives(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"] and len(operation["tags"]) == 1
    placed = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
    assert placed == set(re.findall(r"\{(\w+)\}", path))
    statuses = {int(status) for status in operation["responses"]}
    assert min(statuses) < 400
    assert (
        ("security" in operation) == (401 in statuses) or path == "/cozygen/api/auth_status" or path.endswith("/login")
    )
    if "requestBody" in operation:
        assert {400, 413} <= statuses
    for status, response in operation["responses"].items():
        errors = int(status) >= 400 and int(status) not in (412, 416)
        assert response["description"] and (not errors or "application/json" in response["content"])


def test_comfyuis_paths_are_there_twice() -> None:
    for path, operations in DOCUMENT["paths"].items():
        if path.startswith("/api/"):
            plain = json.loads(json.dumps(DOCUMENT["paths"][path.removeprefix("/api")]))
            for operation in plain.values():
                operation["operationId"] += "_api"
            assert operations == plain


def test_errors_of_prompts_have_comfyuis_shape() -> None:
    responses = DOCUMENT["paths"]["/prompt"]["post"]["responses"]
    shapes = {
        status: response["content"]["application/json"]["schema"]["$ref"] for status, response in responses.items()
    }
    assert shapes["400"] == shapes["503"] == "#/components/schemas/PromptRefused"
    assert shapes["401"] == "#/components/schemas/ErrorBody"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/cozygen/hello", 418, None),
        ("GET", "/cozygen/hello", 200, {"status": "no"}),
        ("GET", "/cozygen/hello", 200, {}),
        ("GET", "/cozygen/api/jobs/some-id", 404, {"message": "no code"}),
        ("HEAD", "/cozygen/hello", 404, None),
        ("POST", "/api/prompt", 400, {"error": {"type": "x"}, "node_errors": {}}),
    ],
)
def test_the_tests_notice_what_is_not_declared(method: str, path: str, status: int, body: Any) -> None:
    with pytest.raises(AssertionError, match=method):
        declared.check(method, path, status, body)


def test_the_tests_know_the_paths() -> None:
    declared.check("GET", "/cozygen/hello", 200, {"status": "ok"})
    declared.check("GET", "/cozygen/api/jobs/some-id", 404, {"error": "not found"})
    declared.check("GET", "/nowhere", 404, None)


async def test_the_page_shows_everything(client: Client) -> None:
    response = await client.get("/cozygen/api/docs")
    page = await response.text()
    assert response.content_type == "text/html" and page == render_page(DOCUMENT)
    for path, method, operation in OPERATIONS:
        assert f"<b class='{method}'>{method.upper()}</b> <code>{html.escape(path)}</code>" in page
        assert html.escape(operation["summary"]) in page
    anchors = set(re.findall(r"id=['\"]([\w-]+)['\"]", page))
    assert set(re.findall(r"href='#([\w-]+)'", page)) <= anchors
    assert "<script" not in page and not re.search(r"(?:src|href)=['\"]https?:", page)


async def test_the_page_needs_a_sign_in(studio: MakeStudio) -> None:
    closed = await studio(auth_user="ada", auth_pass="lovelace")
    for path in ("/cozygen/api/docs", "/cozygen/api/openapi.json"):
        assert (await closed.get(path)).status == 401


def test_the_page_escapes_what_it_shows() -> None:
    hostile = {"version": "<i>", "title": "x"}
    page = render_page(
        {
            "info": hostile,
            "tags": [{"name": "<b>", "description": "<script>"}],
            "paths": {},
            "components": {"schemas": {}},
        }
    )
    assert "<script" not in page and "<i>" not in page and "&lt;script&gt;" in page


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(cli.app, ["openapi"])
    assert result.exit_code == 0 and json.loads(result.stdout) == DOCUMENT


@pytest.mark.skipif(
    shutil.which("node") is None or not (FRONTEND / "node_modules" / "openapi-typescript").is_dir(),
    reason="needs Node and `npm ci` in frontend",
)
def test_the_typed_client_is_up_to_date(tmp_path: Path) -> None:
    target = tmp_path / "schema.d.ts"
    command = ["node", "scripts/api.mjs", str(target)]
    subprocess.run(command, cwd=FRONTEND, check=True, timeout=120, env={**os.environ, "PYTHON": sys.executable})
    kept = (FRONTEND / "src" / "lib" / "api" / "schema.d.ts").read_text("utf-8")
    assert kept == target.read_text("utf-8"), "run `npm run api` in frontend/"
