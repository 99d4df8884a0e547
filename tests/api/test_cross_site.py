"""With sign-in off, the pages of other sites cannot use the studio through the browser that shows them."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from tests.api.conftest import Client, MakeStudio

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://sub.studio.example", "Sec-Fetch-Site": "same-site", "Host": "studio.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://[::1"},
    {"Origin": "https://evil.example", "X-Forwarded-Host": ""},
]
OWN = [
    {},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://[::1]:3000"},
    {"Origin": "http://192.168.1.5:8787", "Host": "192.168.1.5:8787"},
    {"Origin": "https://studio.example", "Host": "127.0.0.1:8787", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://studio.example", "Host": "127.0.0.1:8787", "X-Forwarded-Host": "studio.example"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_site_changes_nothing(client: Client, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/cozygen/api/aliases"), ("POST", "/prompt"), ("PUT", "/cozygen/api/state/x")):
        # What a form or a script may send without asking first.
        response = await client.request(
            method, path, data=b'{"a": "b"}', headers={"Content-Type": "text/plain", **headers}
        )
        assert response.status == 403 and (await response.json())["error"] == "forbidden"
    assert await (await client.get("/cozygen/api/aliases")).json() == {}


@pytest.mark.parametrize("headers", OWN)
async def test_our_own_pages_and_programs_do(client: Client, headers: dict[str, str]) -> None:
    response = await client.post("/cozygen/api/aliases", json={"a": "b"}, headers=headers)
    assert response.status == 200
    async with client.ws_connect("/ws", headers=headers) as socket:
        assert (await socket.receive_json())["type"] == "status"


@pytest.mark.parametrize("path", ["/ws", "/cozygen/api/events/ws"])
@pytest.mark.parametrize("headers", [entry for entry in FOREIGN if "Origin" in entry])
async def test_another_site_hears_nothing(client: Client, path: str, headers: dict[str, str]) -> None:
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError) as refused:
            await session.ws_connect(client.make_url(path), headers=headers)
    assert refused.value.status == 403


async def test_links_from_other_sites_work(client: Client) -> None:
    for path in ("/cozygen/hello", "/cozygen/api/gallery"):
        response = await client.get(path, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
        assert response.status == 200 and "Access-Control-Allow-Origin" not in response.headers


async def test_with_sign_in_the_cookie_decides(studio: MakeStudio) -> None:
    closed = await studio(auth_user="ada", auth_pass="lovelace")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await closed.post("/cozygen/api/aliases", json={}, headers=headers)).status == 401
    answer = await closed.post("/cozygen/api/login", json={"username": "ada", "password": "lovelace"})
    assert answer.cookies["cozygen_token"]["samesite"] == "Lax"
