"""Downloads: a ZIP that any program unpacks, files without metadata."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cozygen.gallery import metadata
from cozygen.gallery.download import ERRORS_NAME, Downloads, names_in_archive
from tests.api.conftest import Client, MakeStudio
from tests.api.test_gallery_api import GRAPH, png, post, put

DOWNLOAD = "/cozygen/api/gallery/download"
EXPORT = "/cozygen/api/gallery/export"


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def zipped(client: Client, **body: Any) -> dict[str, bytes]:
    status, offer = await post(client, DOWNLOAD, body)
    assert status == 200, offer
    response = await client.get(offer["url"])
    assert (response.status, response.content_type) == (200, "application/zip")
    data = await response.read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} <= {zipfile.ZIP_STORED}
        return {info.filename: archive.read(info) for info in archive.infolist()}


async def test_files_of_several_folders(client: Client, out: Path) -> None:
    put(out, "a/x/1.png", 1_600_000_000, b"one")
    put(out, "a/y/ü 2.png", data=b"x" * 700_000)
    put(out, "b/3.png", data=b"")
    items = [{"filename": "1.png", "subfolder": "a/x"}, {"filename": "ü 2.png", "subfolder": "a/y"}]
    status, offer = await post(client, DOWNLOAD, {"items": [*items, {"filename": "none.png"}]})
    assert (status, offer["count"], offer["size"]) == (200, 2, 700_003)
    assert offer["missing"] == [{"filename": "none.png", "subfolder": ""}]
    assert await zipped(client, items=items) == {"x/1.png": b"one", "y/ü 2.png": b"x" * 700_000}
    assert set(await zipped(client, select={})) == {"a/x/1.png", "a/y/ü 2.png", "b/3.png"}
    assert await zipped(client, items=items[:1]) == {"1.png": b"one"}


async def test_without_metadata(client: Client, out: Path) -> None:
    put(out, "1.png", data=png(prompt=GRAPH, workflow={"nodes": []}))
    put(out, "2.tif", data=b"II*\0 no picture")
    found = await zipped(client, select={}, metadata="strip")
    assert set(found) == {"1.png", ERRORS_NAME}
    assert not metadata.read(io.BytesIO(found["1.png"])).has_prompt
    assert b"2.tif: " in found[ERRORS_NAME]
    response = await client.get(EXPORT, params={"filename": "1.png", "metadata": "strip"})
    assert await response.read() == found["1.png"]
    with Image.open(io.BytesIO(found["1.png"])) as picture:
        assert picture.size == (4, 4)


async def test_one_file(client: Client, out: Path) -> None:
    data = png(prompt=GRAPH)
    put(out, 'a/ü "1".png', data=data)
    response = await client.get(EXPORT, params={"filename": 'ü "1".png', "subfolder": "a"})
    assert await response.read() == data
    assert (response.content_type, response.content_length) == ("image/png", len(data))
    disposition = response.headers["Content-Disposition"]
    assert disposition == "attachment; filename=\"_ _1_.png\"; filename*=UTF-8''%C3%BC%20%221%22.png"


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({}, 400, "missing filename"),
        ({"filename": "none.png"}, 404, "not found"),
        ({"filename": "1.png", "subfolder": ".."}, 403, "forbidden"),
        ({"filename": "../1.png"}, 400, "invalid filename"),
        ({"filename": "1.png", "metadata": "some"}, 400, "invalid metadata"),
        ({"filename": "1.png", "metadata": "strip"}, 415, "cannot strip"),
        ({"filename": "out.png"}, 404, "not found"),
    ],
)
async def test_wrong_exports_are_refused(
    client: Client, out: Path, tmp_path: Path, query: dict[str, str], status: int, error: str
) -> None:
    put(out, "1.png", data=b"no picture at all")
    (tmp_path / "secret").write_bytes(b"secret")
    (out / "out.png").symlink_to(tmp_path / "secret")
    response = await client.get(EXPORT, params=query)
    assert (response.status, (await response.json())["error"]) in [(status, error), (403, "forbidden")]


async def test_what_vanishes_meanwhile_is_named(client: Client, out: Path) -> None:
    put(out, "1.png", data=b"one")
    put(out, "2.png", data=b"two")
    _, offer = await post(client, DOWNLOAD, {"select": {}})
    (out / "1.png").unlink()
    data = await (await client.get(offer["url"])).read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert set(archive.namelist()) == {"2.png", ERRORS_NAME}
        assert archive.read(ERRORS_NAME) == b"1.png: No such file or directory\r\n"


async def test_wrong_downloads_are_refused(client: Client, out: Path) -> None:
    assert (await client.get(f"{DOWNLOAD}/nothing")).status == 404
    assert (await post(client, DOWNLOAD, {}))[0] == 400
    assert (await post(client, DOWNLOAD, {"select": {}}))[0] == 404
    put(out, "1.png")
    assert (await post(client, DOWNLOAD, {"select": {}, "metadata": "some"}))[0] == 400


async def test_a_download_is_its_owners(studio: MakeStudio, out: Path) -> None:
    put(out, "1.png")
    client = await studio(auth_user="ada", auth_pass="lovelace")
    await post(client, "/cozygen/api/login", {"username": "ada", "password": "lovelace"})
    status, offer = await post(client, DOWNLOAD, {"select": {}})
    assert status == 200
    assert (await client.get(offer["url"])).status == 200
    client.session.cookie_jar.clear()
    assert (await client.get(offer["url"])).status == 401


def test_tickets_end() -> None:
    now = [0.0]
    downloads = Downloads(clock=lambda: now[0])
    ticket = downloads.offer("ada", [], strip=False)
    assert downloads.get("ada", ticket.token) is ticket
    assert downloads.get("eve", ticket.token) is None
    for _ in range(300):
        downloads.offer("ada", [], strip=False)
    assert downloads.get("ada", ticket.token) is None
    ticket = downloads.offer("ada", [], strip=False)
    now[0] = 601
    assert downloads.get("ada", ticket.token) is None


names = st.lists(
    st.sampled_from(["a", "A", "b.png", "B.png", "c?.png", "c_.png", "x.", "x", ERRORS_NAME]), min_size=1, max_size=3
)


@given(st.lists(names.map("/".join), max_size=12, unique=True))
def test_names_in_an_archive_are_safe_and_differ(paths: list[str]) -> None:
    found = names_in_archive(paths)
    assert len({name.casefold() for name in found}) == len(paths) == len(found)
    for name in found:
        assert not name.startswith("/") and not any(
            part in ("", ".", "..") or part[-1] in ". " for part in name.split("/")
        )
        assert not set(name) & set('<>:"|?*\\')
