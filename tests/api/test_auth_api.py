from __future__ import annotations

import os
import stat
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from cozygen.app import SECTIONS
from cozygen.settings import Settings
from cozygen.web.api import Access
from tests.api.conftest import Client, MakeStudio

LOGIN, STATUS, LOGOUT = "/cozygen/api/login", "/cozygen/api/auth_status", "/cozygen/api/logout"
GOOD = {"username": "ann", "password": "pässword"}


@pytest.fixture
async def guarded(studio: MakeStudio) -> Client:
    return await studio(auth_user="ann", auth_pass="pässword", auth_ttl=3600)


async def answer(response: aiohttp.ClientResponse) -> tuple[int, Any]:
    return response.status, await response.json()


async def test_off_unless_configured(client: Client) -> None:
    status, body = await answer(await client.get(STATUS))
    assert (status, body) == (200, {"authenticated": False, "user": None, "auth_enabled": False})
    status, body = await answer(await client.post(LOGIN, json=GOOD))
    assert status == 400 and body["error"] == "auth_disabled"
    status, body = await answer(await client.post(LOGIN, data=b"{"))
    assert status == 400 and body["error"] == "auth_disabled"
    assert await answer(await client.post(LOGOUT)) == (200, {"status": "ok"})


async def test_signing_in_and_out(guarded: Client) -> None:
    status, body = await answer(await guarded.get(STATUS))
    assert status == 401
    assert {key: body[key] for key in ("authenticated", "user", "auth_enabled", "default_credentials")} == {
        "authenticated": False,
        "user": None,
        "auth_enabled": True,
        "default_credentials": False,
    }
    response = await guarded.post(LOGIN, json=GOOD)
    status, body = await answer(response)
    assert status == 200
    assert body == {"token": body["token"], "user": "ann", "expires_in": 3600, "default_credentials": False}
    cookie = SimpleCookie(response.headers["Set-Cookie"])["cozygen_token"]
    assert (
        cookie.value == body["token"] and cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    )
    assert not cookie["secure"], "plain HTTP"
    status, body = await answer(await guarded.get(STATUS))
    assert status == 200 and body["authenticated"] and body["user"] == "ann" and body["auth_enabled"]
    assert isinstance(body["exp"], int) and body["default_credentials"] is False
    assert (await guarded.get("/cozygen/workflows")).status == 200
    assert await answer(await guarded.post(LOGOUT)) == (200, {"status": "ok"})
    assert (await guarded.get("/cozygen/workflows")).status == 401


async def test_a_bearer_token_works_too(guarded: Client) -> None:
    token = (await (await guarded.post(LOGIN, json=GOOD)).json())["token"]
    guarded.session.cookie_jar.clear()
    assert (await guarded.get("/cozygen/workflows")).status == 401
    assert (await guarded.get("/cozygen/workflows", headers={"Authorization": f"Bearer {token}"})).status == 200
    assert (await guarded.get(STATUS, headers={"Authorization": f"bearer {token}"})).status == 200
    for wrong in (f"Basic {token}", f"Bearer {token}x", "Bearer", "Bearer a.b.c", "Bearer \udcff"):
        headers = {"Authorization": wrong.encode("utf-8", "replace").decode()}
        assert (await guarded.get("/cozygen/workflows", headers=headers)).status == 401, wrong


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "invalid_body"),
        (b"{", 400, "invalid_body"),
        (b"[]", 400, "invalid_body"),
        (b"{}", 400, "invalid_body"),
        (b'{"username": "ann"}', 400, "invalid_body"),
        (b'{"username": 5, "password": "x"}', 400, "invalid_body"),
        (b'{"username": "ann", "password": null}', 400, "invalid_body"),
        (b'{"username": "ann", "password": "wrong"}', 401, "invalid_credentials"),
        (b'{"username": "bob", "password": "p\\u00e4ssword"}', 401, "invalid_credentials"),
        (b'{"username": "\\ud800", "password": "\\ud800"}', 400, "invalid_body"),
        (b'{"username": "", "password": ""}', 401, "invalid_credentials"),
    ],
)
async def test_wrong_credentials(guarded: Client, body: bytes, status: int, error: str) -> None:
    response = await guarded.post(LOGIN, data=body)
    assert response.status == status and (await response.json())["error"] == error
    assert "Set-Cookie" not in response.headers


PUBLIC = {
    ("GET", "/"),
    ("GET", "/cozygen"),
    ("GET", "/cozygen/"),
    ("GET", "/cozygen/hello"),
    ("GET", "/cozygen/assets/{path:.+}"),
    ("POST", LOGIN),
    ("GET", STATUS),
    ("POST", LOGOUT),
}
ENDPOINTS = [(e.method, path, e.access) for section in SECTIONS for e in section.endpoints for path in e.paths]


async def test_everything_but_the_door_is_shut(guarded: Client) -> None:
    for method, path, access in ENDPOINTS:
        url = path.replace("{path:.+}", "x").replace("{", "").replace("}", "")
        response = await guarded.request(method, url, allow_redirects=False)
        if (method, path) in PUBLIC:
            assert access is Access.PUBLIC
            assert response.status != 401 or path == STATUS, path
        elif access is Access.USER:
            assert response.status == 401 and (await response.json())["error"] == "unauthorized", path
    for path in ("/cozygen/api/nothing", "/cozygen/api/gallery/delete"):
        assert (await guarded.get(path)).status == 401


def test_nothing_else_is_public() -> None:
    app_files = {path for _, path, access in ENDPOINTS if access is Access.PUBLIC} - {path for _, path in PUBLIC}
    assert all(not path.startswith(("/cozygen/api", "/api", "/ws", "/view", "/prompt")) for path in app_files), (
        app_files
    )


async def test_the_websocket_takes_the_cookie_and_no_token_in_its_address(guarded: Client) -> None:
    token = (await (await guarded.post(LOGIN, json=GOOD)).json())["token"]
    socket = await guarded.ws_connect(f"/ws?token={token}")
    assert (await socket.receive_json())["type"] == "status"
    await socket.close()
    guarded.session.cookie_jar.clear()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await guarded.ws_connect(f"/ws?token={token}")
    assert refused.value.status == 401


async def test_example_credentials_are_called_out(studio: MakeStudio) -> None:
    client = await studio(auth_user="change-me", auth_pass="x")
    body = await (await client.post(LOGIN, json={"username": "change-me", "password": "x"})).json()
    assert body["default_credentials"] is True
    assert (await (await client.get(STATUS)).json())["default_credentials"] is True


async def test_the_key_is_made_once_and_for_the_owner_only(studio: MakeStudio, tmp_path: Path) -> None:
    first = await studio(auth_user="ann", auth_pass="x", data_dir=tmp_path / "a")
    token = (await (await first.post(LOGIN, json={"username": "ann", "password": "x"})).json())["token"]
    path = tmp_path / "a" / "auth_secret"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await first.close()
    again = await studio(auth_user="ann", auth_pass="x", data_dir=tmp_path / "a")
    assert (await again.get(STATUS, headers={"Authorization": f"Bearer {token}"})).status == 200
    await again.close()
    changed = await studio(auth_user="ann", auth_pass="y", data_dir=tmp_path / "a")
    assert (await changed.get(STATUS, headers={"Authorization": f"Bearer {token}"})).status == 401


@pytest.mark.parametrize("options", [{"auth_user": "ann"}, {"auth_pass": "x"}, {"auth_user": "ann", "auth_pass": ""}])
def test_half_a_configuration_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set both"):
        Settings(_env_file=None, data_dir=tmp_path, **options)
