from __future__ import annotations

import copy
from typing import Any

import pytest

from cozygen.workflows.convert import ConversionError, to_api
from tests.workflows.core_info import INFO, node, workflow


def inner_link(number: int, origin: int, origin_slot: int, target: int, target_slot: int, kind: str) -> dict[str, Any]:
    return {
        "id": number,
        "origin_id": origin,
        "origin_slot": origin_slot,
        "target_id": target,
        "target_slot": target_slot,
        "type": kind,
    }


def encoder() -> dict[str, Any]:
    """A subgraph: a text and a CLIP go in, a conditioning comes out."""
    return {
        "id": "enc",
        "name": "Encoder",
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
        "inputs": [{"name": "clip", "type": "CLIP", "linkIds": [1]}, {"name": "text", "type": "STRING", "linkIds": [2]}],
        "outputs": [{"name": "out", "type": "CONDITIONING", "linkIds": [3]}],
        "nodes": [node(1, "CLIPTextEncode", [("clip", "CLIP", 1), ("text", "STRING", 2)], ["CONDITIONING"], ["inside"], widgets=["text"])],
        "links": [inner_link(1, -10, 0, 1, 0, "CLIP"), inner_link(2, -10, 1, 1, 1, "STRING"), inner_link(3, 1, 0, -20, 0, "CONDITIONING")],
    }  # fmt: skip


def drawn(values: Any = None, *, subgraphs: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A sampler whose positive comes from the subgraph."""
    return workflow(
        [
            node(4, "CheckpointLoaderSimple", (), ["MODEL", "CLIP", "VAE"], ["a.safetensors"]),
            node(5, "enc", more.pop("inputs", [("clip", "CLIP", 1)]), ["CONDITIONING"], values, **more),
            node(3, "KSampler", [("positive", "CONDITIONING", 2)], ["LATENT"], [1, "fixed", 20, 8, "euler", "normal", 1]),
        ],
        [[1, 4, 1, 5, 0, "CLIP"], [2, 5, 0, 3, 0, "CONDITIONING"]],
        definitions={"subgraphs": [encoder()] if subgraphs is None else subgraphs},
    )  # fmt: skip


def graph(value: dict[str, Any]) -> dict[str, Any]:
    return dict(to_api(value, INFO).graph)


def test_nodes_are_called_by_the_way_to_them() -> None:
    made = graph(drawn())
    assert set(made) == {"4", "5:1", "3"}
    assert made["5:1"]["inputs"] == {"text": "inside", "clip": ["4", 1]}
    assert made["3"]["inputs"]["positive"] == ["5:1", 0]


def test_every_use_has_values_of_its_own() -> None:
    value = drawn(["first"])
    value["nodes"].append(node(6, "enc", [("clip", "CLIP", None)], ["CONDITIONING"], ["second"]))
    made = graph(value)
    assert made["5:1"]["inputs"]["text"] == "first" and made["6:1"]["inputs"] == {"text": "second"}


@pytest.mark.parametrize(
    ("listed", "values", "text"),
    [
        ([["-1", "text"]], ["given"], "given"),
        ('[["-1", "text"]]', ["given"], "given"),
        ([["1", "text"]], ["given"], "given"),
        ([["-1", "text"]], [None], "inside"),
        ([["-1", "text"]], [], "inside"),
        ([["9", "gone"], ["-1", "text"]], [5, "given"], "given"),
        ("{", ["given"], "given"),
        (None, ["given"], "given"),
        (None, [], "inside"),
    ],
)
def test_promoted_widgets(listed: Any, values: list[Any], text: str) -> None:
    properties = {} if listed is None else {"proxyWidgets": listed}
    assert graph(drawn(values, properties=properties))["5:1"]["inputs"]["text"] == text


def test_a_link_into_the_subgraph_takes_the_place_of_a_value() -> None:
    value = drawn(["given"], inputs=[("clip", "CLIP", 1), ("text", "STRING", 9)])
    value["nodes"] += [node(7, "PrimitiveNode", (), ["STRING"], ["typed"]), node(8, "TextBox", (), ["STRING"])]
    value["links"].append([9, 7, 0, 5, 1, "STRING"])
    assert graph(value)["5:1"]["inputs"]["text"] == "typed"
    value["links"][-1] = [9, 8, 0, 5, 1, "STRING"]
    assert graph(value)["5:1"]["inputs"]["text"] == ["8", 0]


def test_a_muted_subgraph_is_gone_and_a_bypassed_one_hands_on() -> None:
    assert "positive" not in graph(drawn(mode=2))["3"]["inputs"]
    assert set(graph(drawn(mode=2))) == {"4", "3"}
    passing = encoder()
    passing["inputs"][0]["type"] = "CONDITIONING"
    value = drawn(subgraphs=[passing], mode=4, inputs=[("clip", "CONDITIONING", 1)])
    assert graph(value)["3"]["inputs"]["positive"] == ["4", 1] and set(graph(value)) == {"4", "3"}


def test_subgraphs_in_subgraphs() -> None:
    outer = {
        "id": "outer",
        "name": "Outer",
        "inputs": [{"name": "clip", "type": "CLIP", "linkIds": [1]}, {"name": "words", "type": "STRING", "linkIds": [2]}],
        "outputs": [{"name": "out", "type": "CONDITIONING", "linkIds": [3]}],
        "nodes": [node(7, "enc", [("clip", "CLIP", 1), ("text", "STRING", 2)], ["CONDITIONING"], ["between"], widgets=["text"])],
        "links": [inner_link(1, -10, 0, 7, 0, "CLIP"), inner_link(2, -10, 1, 7, 1, "STRING"), inner_link(3, 7, 0, -20, 0, "CONDITIONING")],
    }  # fmt: skip
    value = drawn(["outermost"], subgraphs=[encoder(), outer])
    value["nodes"][1]["type"] = "outer"
    made = graph(value)
    assert made["5:7:1"]["inputs"] == {"text": "outermost", "clip": ["4", 1]}
    assert made["3"]["inputs"]["positive"] == ["5:7:1", 0]
    value["nodes"][1]["widgets_values"] = []
    assert graph(value)["5:7:1"]["inputs"]["text"] == "between", "the value of the first widget that it leads to"


def test_one_input_for_several_widgets() -> None:
    both = encoder()
    both["nodes"].append(
        node(2, "CLIPTextEncode", [("text", "STRING", 4)], ["CONDITIONING"], ["other"], widgets=["text"])
    )
    both["links"].append(inner_link(4, -10, 1, 2, 0, "STRING"))
    both["inputs"][1]["linkIds"] = [2, 4]
    made = graph(drawn([], subgraphs=[both]))
    assert made["5:1"]["inputs"]["text"] == "inside" == made["5:2"]["inputs"]["text"]
    made = graph(drawn(["given"], subgraphs=[both]))
    assert made["5:1"]["inputs"]["text"] == "given" == made["5:2"]["inputs"]["text"]


def test_ports_that_do_not_list_their_links() -> None:
    short = encoder()
    for port in (*short["inputs"], *short["outputs"]):
        del port["linkIds"]
    assert graph(drawn(["given"], subgraphs=[short])) == graph(drawn(["given"]))


def test_a_variable_from_outside_can_be_read_inside() -> None:
    inside = encoder()
    inside["nodes"][0]["inputs"][0]["link"] = 5
    inside["nodes"].append(node(2, "GetNode", (), ["CLIP"], ["clip"]))
    inside["links"].append(inner_link(5, 2, 0, 1, 0, "CLIP"))
    value = drawn(subgraphs=[inside], inputs=())
    value["nodes"].append(node(6, "SetNode", [("CLIP", "CLIP", 1)], ["*"], ["clip"]))
    value["links"][0] = [1, 4, 1, 6, 0, "CLIP"]
    assert graph(value)["5:1"]["inputs"]["clip"] == ["4", 1]


def test_a_subgraph_that_contains_itself() -> None:
    endless = encoder()
    endless["nodes"].append(node(9, "enc"))
    with pytest.raises(ConversionError, match="contains itself"):
        to_api(drawn(subgraphs=[endless]), INFO)


def test_few_bytes_that_describe_too_many_nodes() -> None:
    sheets: list[dict[str, Any]] = [
        {"id": f"s{level}", "name": "x", "nodes": [node(n, f"s{level + 1}") for n in range(20)], "links": []}
        for level in range(8)
    ]
    with pytest.raises(ConversionError, match="more than"):
        to_api(drawn(subgraphs=[encoder(), *sheets]) | {"nodes": [node(1, "s0")]}, INFO)


def test_many_ways_through_nested_subgraphs_take_no_time() -> None:
    """Each level leads to the next by two ways: there are 2**40 ways in all."""
    levels = 40
    sheets = []
    for level in range(levels):
        sheets.append(
            {
                "id": f"s{level}",
                "name": "x",
                "inputs": [{"name": "a", "linkIds": [1, 2]}, {"name": "b", "linkIds": [3, 4]}],
                "outputs": [],
                "nodes": [node(1, f"s{level + 1}", [("a", "*", 1), ("b", "*", 2)]), node(2, "VAEDecode", [("samples", "*", 3)])],
                "links": [inner_link(1, -10, 0, 1, 0, "*"), inner_link(2, -10, 0, 1, 1, "*"), inner_link(3, -10, 1, 2, 0, "*"), inner_link(4, -10, 1, 1, 1, "*")],
            }
        )  # fmt: skip
    made = graph({"nodes": [node(1, "s0")], "links": [], "definitions": {"subgraphs": sheets}})
    assert len([key for key in made if made[key]["class_type"] == "VAEDecode"]) == levels


GROUP = {
    "nodes": [
        node(-1, "CheckpointLoaderSimple", (), ["MODEL", "CLIP", "VAE"], ["a.safetensors"]),
        node(-1, "CLIPTextEncode", [("clip", "CLIP", 55)], ["CONDITIONING"], ["p"]),
        node(-1, "CLIPTextEncode", [("clip", "CLIP", None)], ["CONDITIONING"], ["n"]),
        node(-1, "KSampler", [("model", "MODEL", None), ("positive", "CONDITIONING", None), ("negative", "CONDITIONING", None), ("latent_image", "LATENT", None)], ["LATENT"], [5, "fixed", 20, 7.5, "euler", "normal", 1]),
    ],
    "links": [[0, 1, 1, 0, 3, "CLIP"], [0, 1, 2, 0, 3, "CLIP"], [0, 0, 3, 0, 3, "MODEL"], [1, 0, 3, 1, 1, "CONDITIONING"], [2, 0, 3, 2, 1, "CONDITIONING"]],
    "external": [[3, 0, "LATENT"]],
}  # fmt: skip


def grouped(prefix: str = "workflow>") -> dict[str, Any]:
    return workflow(
        [
            node(1, f"{prefix}Enc", [("latent_image", "LATENT", 8)], ["VAE", "LATENT"], ["sub/b.safetensors", "PP", "NN", 123, "fixed", 33, 4.5, "ddim", "karras", 0.5]),
            node(5, "EmptyLatentImage", (), ["LATENT"], [512, 768, 1]),
            node(7, "VAEDecode", [("samples", "LATENT", 10), ("vae", "VAE", 9)], ["IMAGE"]),
        ],
        [[8, 5, 0, 1, 0, "LATENT"], [9, 1, 0, 7, 1, "VAE"], [10, 1, 1, 7, 0, "LATENT"]],
        extra={"groupNodes": {"Enc": copy.deepcopy(GROUP)}},
    )  # fmt: skip


@pytest.mark.parametrize("prefix", ["workflow/", "workflow>"])
def test_group_nodes_are_unfolded(prefix: str) -> None:
    made = graph(grouped(prefix))
    assert set(made) == {"1:0", "1:1", "1:2", "1:3", "5", "7"}
    assert made["1:0"]["inputs"] == {"ckpt_name": "sub/b.safetensors"}
    assert made["1:1"]["inputs"] == {"text": "PP", "clip": ["1:0", 1]}
    assert made["1:2"]["inputs"] == {"text": "NN", "clip": ["1:0", 1]}
    assert made["1:3"]["inputs"] == {
        "seed": 123, "steps": 33, "cfg": 4.5, "sampler_name": "ddim", "scheduler": "karras", "denoise": 0.5,
        "model": ["1:0", 0], "positive": ["1:1", 0], "negative": ["1:2", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    assert made["7"]["inputs"] == {"samples": ["1:3", 0], "vae": ["1:0", 2]}


def test_outputs_of_a_group_that_its_author_hid() -> None:
    value = grouped()
    value["extra"]["groupNodes"]["Enc"]["config"] = {"0": {"output": {"2": {"visible": False}}}}
    value["links"][2] = [10, 1, 0, 7, 0, "LATENT"]
    value["nodes"][2]["inputs"].pop()
    assert graph(value)["7"]["inputs"] == {"samples": ["1:3", 0]}
