from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from cozygen.engines.base import EngineError
from cozygen.engines.comfyui_http.catalogue import combo_options
from tests.engines.comfyui_http_fake import OBJECT_INFO, FakeComfy, studio

ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["input", "required", "a"]), inner),
)


def asked(fake: FakeComfy, path: str) -> int:
    return fake.requests.count(f"GET {path}")


async def missing(request: web.Request) -> web.Response:
    return web.Response(status=404, text="404: Not Found")


async def test_object_info_is_asked_for_once(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        one, other = await asyncio.gather(s.engine.object_info(), s.engine.object_info())
        assert one == other == OBJECT_INFO
        assert await s.engine.object_info("KSampler") == {"KSampler": OBJECT_INFO["KSampler"]}
        assert asked(s.fake, "/object_info") == 1
        await s.fake.drop_sockets()
        await s.heard.connection(True, 2)
        await s.engine.object_info()
        assert asked(s.fake, "/object_info") == 2


async def test_one_class_is_asked_for_alone(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        assert await s.engine.object_info("KSampler") == {"KSampler": OBJECT_INFO["KSampler"]}
        assert await s.engine.object_info("Nö such") == {}
        assert asked(s.fake, "/object_info") == 0
        for odd in ("a/b", "..", ""):
            assert await s.engine.object_info(odd) == {}


async def test_a_server_without_its_nodes_takes_prompts_all_the_same(tmp_path: Path) -> None:
    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=500)

    async with studio(tmp_path) as s:
        s.fake.faults["/object_info"] = broken
        assert (await s.submit("p1")).outputs_to_execute == []
        with pytest.raises(EngineError, match="failed at /object_info"):
            await s.engine.object_info()


async def test_choices(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        assert await s.engine.choices("sampler") == ["euler", "ddim"]
        assert await s.engine.choices("scheduler", refresh=True) == ["karras"]
        assert await s.engine.choices("checkpoints") == ["a.safetensors"]
        assert await s.engine.choices("unet") == ["flux.safetensors"]
        for unknown in ("nope", "", "..", "../models", "a/b", "ä?x=1#"):
            assert await s.engine.choices(unknown) is None
            assert await s.engine.models(unknown, refresh=True) is None
        assert await s.engine.model_folders() == ["checkpoints", "diffusion_models"]
        assert await s.engine.embeddings() == ["easy"]
        assert await s.engine.features() == {"supports_preview_metadata": True}
        assert (await s.engine.system_stats())["system"]["comfyui_version"] == "0.9.1"


async def test_an_older_server(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        for path in ("/models", "/models/checkpoints", "/models/diffusion_models", "/features"):
            s.fake.faults[path] = missing
        assert await s.engine.model_folders() == ["checkpoints", "diffusion_models", "unet"]
        assert await s.engine.models("checkpoints") == ["a.safetensors", "b.ckpt"]
        assert await s.engine.choices("unet") == ["flux.safetensors"]
        assert await s.engine.models("loras") is None
        assert await s.engine.models("nope") is None
        assert await s.engine.features() == {}


async def test_a_server_that_fails_is_not_taken_for_an_older_one(tmp_path: Path) -> None:
    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=500)

    async with studio(tmp_path) as s:
        s.fake.faults["/models"] = broken
        s.fake.faults["/features"] = broken
        with pytest.raises(EngineError):
            await s.engine.models("checkpoints")
        with pytest.raises(EngineError):
            await s.engine.features()
        del s.fake.faults["/models"]
        assert await s.engine.models("checkpoints") == ["a.safetensors"]
        s.fake.faults["/models/checkpoints"] = broken
        with pytest.raises(EngineError):
            await s.engine.choices("checkpoints")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ([["a", "b"]], ["a", "b"]),
        ([["a", 2, 0.5], {"default": "a"}], ["a", "2", "0.5"]),
        ([[]], []),
        (["COMBO", {"options": ["a"], "multiselect": False}], ["a"]),
        (["COMBO", {"remote": {"route": "/x"}}], []),
        (["COMBO"], []),
        (["INT", {"default": 1}], []),
        ([], None),
        ("STRING", None),
    ],
)
def test_both_forms_of_choices(spec: Any, expected: list[str] | None) -> None:
    for group in ("required", "optional"):
        assert combo_options({"N": {"input": {group: {"x": spec}}}}, "N", "x") == expected


@given(ANY)
def test_any_object_info_can_be_read(node: Any) -> None:
    found = combo_options({"N": node}, "N", "a")
    assert found is None or all(isinstance(option, str) for option in found)
