"""What is known of models, over HTTP."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from cozygen.engines.base import EngineUnavailable
from cozygen.settings import Settings
from tests.api.conftest import Client, MakeStudio, StillEngine
from tests.models.making import safetensors

LIST = "/cozygen/api/models/checkpoints"


class _Elsewhere(StillEngine):
    """An engine on another machine, which reads headers there."""

    async def model_metadata(self, folder: str, name: str) -> dict[str, Any]:
        return {"modelspec.title": f"{folder} {name}", "odd": 1}


class _Away(StillEngine):
    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        raise EngineUnavailable("nobody is there")


def _settings(data_dir: Path) -> Settings:
    return Settings(_env_file=None, data_dir=data_dir, engine="embedded")


def _fill(data_dir: Path) -> None:
    folder = data_dir / "models/checkpoints"
    safetensors(folder / "a.safetensors", {"modelspec.title": "Alpha", "modelspec.architecture": "sd_v1"})
    (folder / "a.civitai.info").write_text(json.dumps({"trainedWords": ["one", "two"]}), "utf-8")
    picture = io.BytesIO()
    Image.new("RGB", (600, 300), "teal").save(picture, "PNG")
    (folder / "a.preview.png").write_bytes(picture.getvalue())


async def test_the_list_has_what_is_known(client: Client, data_dir: Path) -> None:
    _fill(data_dir)
    response = await client.get(LIST)
    assert response.status == 200
    items = {item["name"]: item for item in (await response.json())["items"]}
    assert items["a.safetensors"]["title"] == "Alpha"
    assert items["a.safetensors"]["base_model"] == "SD 1.5"
    assert items["a.safetensors"]["trigger_words"] == ["one", "two"]
    assert items["a.safetensors"]["preview"]
    assert (items["b.safetensors"]["size"], items["b.safetensors"]["preview"]) == (None, None)


async def test_an_unchanged_list_is_not_sent_again(client: Client, data_dir: Path) -> None:
    etag = (await client.get(LIST)).headers["ETag"]
    assert (await client.get(LIST, headers={"If-None-Match": etag})).status == 304
    _fill(data_dir)
    assert (await client.get(LIST, headers={"If-None-Match": etag})).status == 200


async def test_unknown_kinds(client: Client) -> None:
    for kind in ("nothing", "%2e%2e", "a%5Cb", "x" * 300):
        response = await client.get(f"/cozygen/api/models/{kind}")
        assert response.status == 404, kind


async def test_the_picture_comes_small(client: Client, data_dir: Path) -> None:
    _fill(data_dir)
    response = await client.get(f"{LIST}/preview", params={"name": "a.safetensors", "w": "128", "fmt": "jpeg"})
    assert (response.status, response.content_type) == (200, "image/jpeg")
    with Image.open(io.BytesIO(await response.read())) as picture:
        assert picture.size == (128, 64)
    again = await client.get(
        f"{LIST}/preview",
        params={"name": "a.safetensors", "w": "128", "fmt": "jpeg"},
        headers={"If-None-Match": response.headers["ETag"]},
    )
    assert again.status == 304


async def test_pictures_that_are_not_there(client: Client, data_dir: Path) -> None:
    _fill(data_dir)
    for name in ("b.safetensors", "../../a.safetensors", "a.preview.png"):
        assert (await client.get(f"{LIST}/preview", params={"name": name})).status == 404
    for params in ({}, {"name": ""}, {"name": "a.safetensors", "w": "5000"}):
        response = await client.get(f"{LIST}/preview", params=params)
        assert response.status == 400
        assert (await response.json())["field"] in ("name", "w")


async def test_one_model(client: Client, data_dir: Path) -> None:
    _fill(data_dir)
    response = await client.get(f"{LIST}/info", params={"name": "a.safetensors"})
    assert (await response.json())["title"] == "Alpha"
    assert (await client.get(f"{LIST}/info", params={"name": "c.safetensors"})).status == 404


async def test_headers_on_another_machine(studio: MakeStudio, data_dir: Path) -> None:
    client = await studio(engine=_Elsewhere(_settings(data_dir)))
    response = await client.get(f"{LIST}/info", params={"name": "b.safetensors"})
    assert (await response.json())["title"] == "checkpoints b.safetensors"


async def test_an_engine_that_is_away(studio: MakeStudio, data_dir: Path) -> None:
    client = await studio(engine=_Away(_settings(data_dir)))
    assert (await client.get(LIST)).status == 503
