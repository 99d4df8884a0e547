"""Clients for ComfyUI that others wrote, against this studio: queue a prompt, follow it to its end, fetch the picture."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper
from PIL import Image

from cozygen.app import build_app, choose_engine
from cozygen.settings import Settings

HERE = Path(__file__).parent
GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 48, "height": 32, "batch_size": 2, "color": 0xFF0000}, "_meta": {"title": "Canvas"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}, "_meta": {"title": "Invert"}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "client/py"}, "_meta": {"title": "Save Image"}},
}  # fmt: skip


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data", engine="embedded")
    engine, _ = await choose_engine(settings)
    async with TestServer(build_app(settings, engine)) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_comfy_api_simplified(url: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(GRAPH))

    def render() -> dict[str, bytes]:
        workflow = ComfyWorkflowWrapper(str(path))
        workflow.set_node_param("Canvas", "width", 64)
        pictures: dict[str, bytes] = ComfyApiWrapper(url).queue_and_wait_images(workflow, "Save Image")
        return pictures

    pictures = await asyncio.to_thread(render)
    assert len(pictures) == 2
    for data in pictures.values():
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.size == (64, 32) and picture.getpixel((0, 0)) == (0, 255, 255)


async def test_comfy_api_simplified_uploads(url: str, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (0, 0, 255)).save(tmp_path / "blue.png")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "x"}, "_meta": {"title": "Load"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "up"}, "_meta": {"title": "Save Image"}},
    }  # fmt: skip
    (tmp_path / "graph.json").write_text(json.dumps(graph))

    def render() -> dict[str, bytes]:
        api = ComfyApiWrapper(url)
        stored = api.upload_image(str(tmp_path / "blue.png"), subfolder="in")
        workflow = ComfyWorkflowWrapper(str(tmp_path / "graph.json"))
        workflow.set_node_param("Load", "image", f"{stored['subfolder']}/{stored['name']}")
        pictures: dict[str, bytes] = api.queue_and_wait_images(workflow, "Save Image")
        return pictures

    (data,) = (await asyncio.to_thread(render)).values()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (20, 10) and picture.getpixel((5, 5)) == (0, 0, 255)


@pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="needs Node and `npm ci` in tests/clients",
)
async def test_the_sdk_from_npm(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / "render.mjs"), url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    # A render this small may have begun before the library listens for that.
    assert seen["failed"] is None and seen["returned"] and seen["pending"] == 1 and seen["started"] <= 1
    assert seen["image"] == {"filename": "sdk_00001_.png", "subfolder": "client", "type": "output"}
    with Image.open(io.BytesIO(base64.b64decode(seen["picture"]))) as picture:
        assert picture.size == (96, 64) and picture.getpixel((40, 30)) in [(0, 255, 0), (0, 254, 0)]
    assert seen["queue"]["queue_pending"] == [] and seen["devices"] == 1
    assert seen["nodes"] == ["SaveImage"]
