"""UI-format workflows."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata import Lora, Summary, comfyui, read, summarise, workflow
from tests.gallery.metadata.makers import png

Node = dict[str, Any]


def slot(name: str, kind: str, link: int | None) -> Node:
    return {"name": name, "type": kind, "link": link}


def default_workflow() -> dict[str, Any]:
    """ComfyUI's default workflow as its editor saves it."""
    nodes = [
        {"id": 7, "type": "CLIPTextEncode", "mode": 0, "inputs": [slot("clip", "CLIP", 5)], "widgets_values": ["text, watermark"]},
        {"id": 6, "type": "CLIPTextEncode", "mode": 0, "inputs": [slot("clip", "CLIP", 3)], "widgets_values": ["a glass bottle"]},
        {"id": 5, "type": "EmptyLatentImage", "mode": 0, "widgets_values": [512, 768, 1]},
        {
            "id": 3, "type": "KSampler", "mode": 0,
            "inputs": [slot("model", "MODEL", 1), slot("positive", "CONDITIONING", 4), slot("negative", "CONDITIONING", 6), slot("latent_image", "LATENT", 2)],
            "widgets_values": [156680208700286, "randomize", 20, 8, "euler", "normal", 1],
        },
        {"id": 8, "type": "VAEDecode", "mode": 0, "inputs": [slot("samples", "LATENT", 7), slot("vae", "VAE", 8)]},
        {"id": 9, "type": "SaveImage", "mode": 0, "inputs": [slot("images", "IMAGE", 9)], "widgets_values": ["ComfyUI"]},
        {"id": 4, "type": "CheckpointLoaderSimple", "mode": 0, "widgets_values": ["v1-5.safetensors"], "outputs": [{"type": "MODEL"}, {"type": "CLIP"}, {"type": "VAE"}]},
        {"id": 99, "type": "MarkdownNote", "mode": 0, "widgets_values": ["read me"]},
    ]  # fmt: skip
    links = [
        [1, 4, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 4, 1, 6, 0, "CLIP"], [4, 6, 0, 3, 1, "CONDITIONING"],
        [5, 4, 1, 7, 0, "CLIP"], [6, 7, 0, 3, 2, "CONDITIONING"], [7, 3, 0, 8, 0, "LATENT"], [8, 4, 2, 8, 1, "VAE"], [9, 8, 0, 9, 0, "IMAGE"],
    ]  # fmt: skip
    return {"last_node_id": 99, "last_link_id": 9, "nodes": nodes, "links": links, "version": 0.4}


EXPECTED = Summary(
    positive="a glass bottle",
    negative="text, watermark",
    models=("v1-5.safetensors",),
    vae="v1-5.safetensors",
    sampler="euler",
    scheduler="normal",
    steps=20,
    cfg=8.0,
    seed=156680208700286,
    size=(512, 768),
)


def summary_of(value: dict[str, Any]) -> Summary:
    return comfyui.summarise(workflow.to_prompt(value))


def by_id(value: dict[str, Any], key: int) -> Node:
    return next(node for node in value["nodes"] if node["id"] == key)


def test_the_default_workflow() -> None:
    assert summary_of(default_workflow()) == EXPECTED
    found = read(io.BytesIO(png({"workflow": json.dumps(default_workflow())})))
    assert (found.prompt, found.source, summarise(found)) == (None, "comfyui", EXPECTED)


def test_links_as_objects() -> None:
    value = default_workflow()
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    value["links"] = [dict(zip(names, link, strict=True)) for link in value["links"]]
    assert summary_of(value) == EXPECTED


def test_widgets_that_are_listed_among_the_inputs_or_kept_as_an_object() -> None:
    value = default_workflow()
    latent = by_id(value, 5)
    latent["type"] = "Unknown Latent"
    latent["inputs"] = [
        {"name": name, "type": "INT", "link": None, "widget": {"name": name}}
        for name in ("width", "height", "seed", "batch_size")
    ]
    latent["widgets_values"] = [640, 480, 5, "fixed", 1]
    assert summary_of(value).size == (640, 480)
    latent.update(inputs=[], widgets_values={"width": 320, "height": 240})
    assert summary_of(value).size == (320, 240)


def test_muted_and_bypassed_nodes() -> None:
    value = default_workflow()
    lora = {
        "id": 20, "type": "LoraLoader", "mode": 0, "inputs": [slot("model", "MODEL", 1), slot("clip", "CLIP", 3)],
        "outputs": [{"type": "MODEL"}, {"type": "CLIP"}], "widgets_values": ["ink.safetensors", 0.8, 0.6],
    }  # fmt: skip
    value["nodes"].append(lora)
    value["links"] += [[10, 20, 0, 3, 0, "MODEL"], [11, 20, 1, 6, 0, "CLIP"]]
    by_id(value, 3)["inputs"][0]["link"] = 10
    by_id(value, 6)["inputs"][0]["link"] = 11
    assert summary_of(value).loras == (Lora("ink.safetensors", 0.8, 0.6),)
    lora["mode"] = 4
    assert summary_of(value) == EXPECTED
    lora["mode"] = 2
    assert summary_of(value).models == ()


def test_getters_reroutes_and_primitives() -> None:
    value = default_workflow()
    value["nodes"] += [
        {
            "id": 30,
            "type": "SetNode",
            "mode": 0,
            "inputs": [slot("CONDITIONING", "CONDITIONING", 4)],
            "widgets_values": ["pos"],
        },
        {"id": 31, "type": "GetNode", "mode": 0, "widgets_values": ["pos"]},
        {"id": 32, "type": "Reroute", "mode": 0, "inputs": [slot("", "*", 31)]},
        {"id": 33, "type": "PrimitiveNode", "mode": 0, "widgets_values": ["typed elsewhere", "fixed"]},
    ]
    value["links"] += [
        [31, 31, 0, 32, 0, "CONDITIONING"],
        [32, 32, 0, 3, 1, "CONDITIONING"],
        [33, 33, 0, 6, 1, "STRING"],
    ]
    by_id(value, 3)["inputs"][1]["link"] = 32
    by_id(value, 6)["inputs"].append({"name": "text", "type": "STRING", "link": 33, "widget": {"name": "text"}})
    assert summary_of(value).positive == "typed elsewhere"


def test_a_list_of_loras() -> None:
    value = default_workflow()
    value["nodes"].append({
        "id": 40, "type": "Power Lora Loader (rgthree)", "mode": 0, "inputs": [slot("model", "MODEL", 1)],
        "widgets_values": [{}, {"type": "PowerLoraLoaderHeaderWidget"}, {"on": True, "lora": "a", "strength": 0.5, "strengthTwo": None}, {"on": False, "lora": "b", "strength": 1}, {}, ""],
    })  # fmt: skip
    value["links"].append([40, 40, 0, 3, 0, "MODEL"])
    by_id(value, 3)["inputs"][0]["link"] = 40
    assert summary_of(value).loras == (Lora("a", 0.5, 0.5),)


def test_subgraphs_are_unfolded() -> None:
    value = default_workflow()
    inner = {
        "id": "5b1e-sub",
        "inputs": [{"name": "clip"}],
        "outputs": [{"name": "CONDITIONING"}],
        "nodes": [
            {
                "id": 1,
                "type": "CLIPTextEncode",
                "mode": 0,
                "inputs": [slot("clip", "CLIP", 1), slot("text", "STRING", 3)],
                "widgets_values": [""],
            },
            {"id": 2, "type": "PrimitiveStringMultiline", "mode": 0, "widgets_values": ["typed within"]},
        ],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0, "type": "CLIP"},
            {"id": 2, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "CONDITIONING"},
            {"id": 3, "origin_id": 2, "origin_slot": 0, "target_id": 1, "target_slot": 1, "type": "STRING"},
        ],
    }
    value["definitions"] = {"subgraphs": [inner]}
    by_id(value, 6).update(type="5b1e-sub", widgets_values=[])
    prompt = workflow.to_prompt(value)
    assert prompt["6:1"]["inputs"] == {"text": ["6:2", 0], "clip": ["4", 1]}
    assert prompt["3"]["inputs"]["positive"] == ["6:1", 0]
    assert comfyui.summarise(prompt).positive == "typed within"
    by_id(value, 6)["mode"] = 2
    assert "6:1" not in workflow.to_prompt(value)


def test_a_subgraph_within_itself_ends() -> None:
    node = {"id": 1, "type": "loop", "mode": 0, "inputs": [slot("a", "X", 1)]}
    twice = [node, {**node, "id": 2}]
    loop = {"id": "loop", "nodes": twice, "links": [[1, 1, 0, 2, 0, "X"], [2, -10, 0, -20, 0, "X"]]}
    prompt = workflow.to_prompt({"nodes": twice, "links": [[1, 1, 0, 1, 0, "X"]], "definitions": {"subgraphs": [loop]}})
    assert len(prompt) < 20_000


_json = st.recursive(
    st.none() | st.integers(-30, 30) | st.sampled_from(["KSampler", "Reroute", "GetNode", "SetNode", "sub", "MODEL"]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "type",
                    "nodes",
                    "links",
                    "inputs",
                    "outputs",
                    "link",
                    "mode",
                    "widgets_values",
                    "name",
                    "widget",
                    "definitions",
                    "subgraphs",
                ]
            ),
            inner,
        )
    ),
    max_leaves=30,
)


@given(
    st.fixed_dictionaries(
        {
            "nodes": st.lists(
                st.fixed_dictionaries(
                    {
                        "id": st.integers(0, 5),
                        "type": st.sampled_from(["KSampler", "Reroute", "GetNode", "SetNode", "sub"]),
                    },
                    optional={"inputs": _json, "outputs": _json, "widgets_values": _json, "mode": _json},
                )
            ),
            "links": st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6)) | _json,
            "definitions": _json,
        }
    )
)
def test_any_workflow_has_a_summary(value: dict[str, Any]) -> None:
    summary_of(value)
