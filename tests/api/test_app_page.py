"""The web app's files, and that they hide nothing of the API."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cozygen.web import static
from tests.api.conftest import Client, MakeStudio

PAGE = "<!doctype html><title>CozyGen</title>"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built app in place of the real one."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE, "utf-8")
    (folder / "icon.svg").write_text("<svg/>", "utf-8")
    (folder / "sw.js").write_text("let worker;", "utf-8")
    (folder / "other.js").write_text("let other;", "utf-8")
    (folder / ".sources").write_text("secret", "utf-8")
    (folder / "assets" / "main-1a2b.js").write_text("let main;", "utf-8")
    (folder / "assets" / "main-1a2b.js.gz").write_bytes(b"packed")
    monkeypatch.setattr(static, "STATIC", folder)
    return folder


@pytest.fixture
async def client(studio: MakeStudio, built: Path) -> Client:
    return await studio()


@pytest.mark.parametrize(
    "path", ["/cozygen", "/cozygen/", "/cozygen/create", "/cozygen/create/", "/cozygen/create/a%20b.json"]
)
async def test_every_address_of_the_app_is_the_page(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status == 200
    assert response.content_type == "text/html"
    assert await response.text() == PAGE
    assert response.headers["Cache-Control"] == "no-cache"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script" not in policy  # scripts fall under default-src: none inline, none from elsewhere


async def test_the_root_leads_to_the_app(client: Client) -> None:
    response = await client.get("/", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/cozygen/")


@pytest.mark.parametrize(
    "path",
    ["/cozygen/hello", "/cozygen/workflows", "/cozygen/api/status", "/cozygen/input", "/cozygen/api/workflows"],
)
async def test_the_api_is_not_hidden(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status == 200
    assert response.content_type == "application/json"


@pytest.mark.parametrize(
    "path", ["/cozygen/nowhere", "/cozygen/creation", "/cozygen/create.html", "/cozygen/api/create"]
)
async def test_what_is_no_page_is_not_found(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status == 404
    assert response.content_type == "application/json"


async def test_assets_are_cached_for_good_and_sent_packed(client: Client) -> None:
    plain = await client.get("/cozygen/assets/main-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert await plain.text() == "let main;"
    assert plain.headers["Content-Type"] == "text/javascript"
    assert "immutable" in plain.headers["Cache-Control"]
    packed = await client.get(
        "/cozygen/assets/main-1a2b.js", headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"] == "text/javascript"
    assert await packed.read() == b"packed"


async def test_icons_are_asked_for_anew(client: Client) -> None:
    response = await client.get("/cozygen/icon.svg")
    assert response.headers["Content-Type"] == "image/svg+xml"
    assert response.headers["Cache-Control"] == "no-cache"


async def test_the_service_worker_is_asked_for_anew_and_has_the_whole_app(client: Client) -> None:
    response = await client.get("/cozygen/sw.js")  # beside the page, so that its scope is /cozygen/
    assert await response.text() == "let worker;"
    assert response.headers["Content-Type"] == "text/javascript"
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/cozygen/assets/..%2Findex.html",
        "/cozygen/assets/%2e%2e%2f%2e%2e%2fstatic.py",
        "/cozygen/assets/%2Fetc%2Fpasswd",
        "/cozygen/assets/none.js",
        "/cozygen/assets/a%00.js",
        "/cozygen/assets/",
        "/cozygen/.sources",
        "/cozygen/other.js",
        "/cozygen/sw.js.gz",
        "/cozygen/none.svg",
        "/cozygen/index.html",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status == 404
    assert "error" in await response.json()


async def test_an_app_that_is_not_built_says_so(client: Client, built: Path) -> None:
    (built / "index.html").unlink()
    response = await client.get("/cozygen/create")
    assert response.status == 503
    assert "npm run build" in (await response.json())["message"]


async def test_files_that_come_by_the_hundred_are_logged_quietly(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "cozygen.web.errors"):
        for path in ("/cozygen/assets/main-1a2b.js", "/cozygen/assets/none.js", "/cozygen/hello"):
            await client.get(path)
    levels = {
        record.getMessage().rpartition(" ms")[0].rpartition(" ")[0]: record.levelname for record in caplog.records
    }
    assert levels == {
        "GET /cozygen/assets/main-1a2b.js 200": "DEBUG",
        "GET /cozygen/assets/none.js 404": "INFO",
        "GET /cozygen/hello 200": "INFO",
    }
