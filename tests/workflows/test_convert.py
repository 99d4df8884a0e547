from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.convert import ConversionError, Converted, is_ui, to_api
from cozygen.workflows.graph import as_graph
from tests.workflows.core_info import INFO, node, text_to_image, workflow


def inputs(converted: Converted, node_id: str) -> dict[str, Any]:
    found: dict[str, Any] = converted.graph[node_id]["inputs"]
    return found


@pytest.mark.parametrize("info", [INFO, {}], ids=["engine", "no engine"])
def test_the_first_workflow(info: dict[str, Any]) -> None:
    converted = to_api(text_to_image(), info)
    assert converted.problems == []
    assert list(converted.graph) == ["4", "5", "6", "7", "3", "8", "9"], "the note is gone"
    assert inputs(converted, "3") == {
        "seed": 156680208700286,
        "steps": 20,
        "cfg": 7.5,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    assert converted.graph["6"] == {
        "inputs": {"text": "a cat", "clip": ["4", 1]},
        "class_type": "CLIPTextEncode",
        "_meta": {"title": "What to see"},
    }
    assert inputs(converted, "8") == {"samples": ["3", 0], "vae": ["4", 2]}


def test_titles_are_the_author_s_or_the_class_s() -> None:
    titles = {key: made["_meta"]["title"] for key, made in to_api(text_to_image(), INFO).graph.items()}
    assert titles["6"] == "What to see" and titles["4"] == "Load Checkpoint" and titles["3"] == "KSampler"


def test_links_as_objects_mean_the_same() -> None:
    drawn = text_to_image()
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    drawn["links"] = [dict(zip(names, link, strict=True)) for link in drawn["links"]]
    assert to_api(drawn, INFO) == to_api(text_to_image(), INFO)


def test_the_workflow_given_is_left_as_it_is() -> None:
    drawn = text_to_image()
    before = copy.deepcopy(drawn)
    to_api(drawn, INFO)
    assert drawn == before


def chain(*between: dict[str, Any], links: list[list[Any]], last: int, **more: Any) -> dict[str, Any]:
    """A loaded image on its way to a saved one; link 1 leaves the loader."""
    return workflow(
        [
            node("in", "LoadImage", (), ["IMAGE", "MASK"], ["example.png", "image"]),
            *between,
            node("out", "SaveImage", [("images", "IMAGE", last)], (), ["x"]),
        ],
        links,
        **more,
    )


def saved(drawn: dict[str, Any], info: dict[str, Any] | None = None) -> Any:
    return inputs(to_api(drawn, INFO if info is None else info), "out").get("images")


@pytest.mark.parametrize("kind", ["Reroute", "Reroute (rgthree)", "SomebodysReroute"])
def test_reroutes_are_followed(kind: str) -> None:
    drawn = chain(
        node(1, kind, [("", "*", 1)], ["IMAGE"]),
        node(2, kind, [("", "*", 2)], ["IMAGE"]),
        links=[[1, "in", 0, 1, 0, "*"], [2, 1, 0, 2, 0, "*"], [3, 2, 0, "out", 0, "IMAGE"]],
        last=3,
    )
    assert saved(drawn) == ["in", 0]
    assert set(to_api(drawn, INFO).graph) == {"in", "out"}


def test_a_reroute_that_the_engine_knows_is_a_node() -> None:
    drawn = chain(
        node(1, "ReroutePrimitive", [("value", "*", 1)], ["*"]),
        links=[[1, "in", 0, 1, 0, "*"], [2, 1, 0, "out", 0, "*"]],
        last=2,
    )
    known = {**INFO, "ReroutePrimitive": {"input": {"required": {"value": ["*"]}}, "output": ["*"]}}
    assert saved(drawn, known) == ["1", 0] and saved(drawn) == ["in", 0]


@pytest.mark.parametrize(("setter", "getter"), [("SetNode", "GetNode"), ("easy setNode", "easy getNode")])
def test_variables_are_followed(setter: str, getter: str) -> None:
    drawn = chain(
        node(1, setter, [("IMAGE", "IMAGE", 1)], ["*"], ["picture"]),
        node(2, getter, (), ["IMAGE"], ["picture"]),
        node(3, getter, (), ["IMAGE"], ["nothing"]),
        links=[[1, "in", 0, 1, 0, "IMAGE"], [2, 2, 0, "out", 0, "IMAGE"], [3, 3, 0, "out", 0, "IMAGE"]],
        last=2,
    )
    assert saved(drawn) == ["in", 0]
    drawn["nodes"][-1]["inputs"][0]["link"] = 3
    assert saved(drawn) is None, "nobody sets it"


def test_the_output_of_a_setter_passes_on_too() -> None:
    drawn = chain(
        node(1, "SetNode", [("IMAGE", "IMAGE", 1)], ["*"], ["p"]),
        links=[[1, "in", 0, 1, 0, "IMAGE"], [2, 1, 0, "out", 0, "*"]],
        last=2,
    )
    assert saved(drawn) == ["in", 0]


def test_a_muted_node_takes_its_links_along() -> None:
    drawn = text_to_image()
    drawn["nodes"][3]["mode"] = 2
    converted = to_api(drawn, INFO)
    assert "7" not in converted.graph and "negative" not in inputs(converted, "3")


def test_a_muted_source_takes_a_widget_s_value_along() -> None:
    drawn = text_to_image()
    drawn["nodes"].append(node(20, "PrimitiveInt", (), ["INT"], [77, "fixed"], mode=2))
    drawn["nodes"][4]["inputs"].append({"name": "seed", "type": "INT", "link": 30, "widget": {"name": "seed"}})
    drawn["links"].append([30, 20, 0, 3, 4, "INT"])
    assert "seed" not in inputs(to_api(drawn, INFO), "3")


def bypassed(*outputs: str) -> dict[str, Any]:
    """A LoRA that is bypassed between the checkpoint and the sampler."""
    drawn = text_to_image()
    lora = node(
        20,
        "LoraLoader",
        [("model", "MODEL", 20), ("clip", "CLIP", 21)],
        ["MODEL", "CLIP"],
        ["style.safetensors", 0.5, 0.5],
        mode=4,
    )
    drawn["nodes"].append(lora)
    drawn["links"] += [
        [20, 4, 0, 20, 0, "MODEL"],
        [21, 4, 1, 20, 1, "CLIP"],
        [22, 20, 0, 3, 0, "MODEL"],
        [23, 20, 1, 6, 0, "CLIP"],
    ]
    drawn["nodes"][4]["inputs"][0]["link"] = 22
    drawn["nodes"][2]["inputs"][0]["link"] = 23
    return drawn


def test_a_bypassed_node_hands_on_what_it_takes() -> None:
    converted = to_api(bypassed(), INFO)
    assert "20" not in converted.graph
    assert inputs(converted, "3")["model"] == ["4", 0] and inputs(converted, "6")["clip"] == ["4", 1]


def test_a_bypassed_node_without_an_input_of_the_type_hands_on_nothing() -> None:
    drawn = text_to_image()
    drawn["nodes"][2]["mode"] = 4  # an encoder: text becomes a conditioning
    assert "positive" not in inputs(to_api(drawn, INFO), "3")


def test_a_bypassed_node_prefers_the_input_at_the_same_place() -> None:
    drawn = chain(
        node("other", "LoadImage", (), ["IMAGE", "MASK"], ["b.png", "image"]),
        node(1, "Swap", [("a", "IMAGE", 1), ("b", "IMAGE", 2)], ["IMAGE", "IMAGE"], mode=4),
        links=[[1, "in", 0, 1, 0, "IMAGE"], [2, "other", 0, 1, 1, "IMAGE"], [3, 1, 1, "out", 0, "IMAGE"]],
        last=3,
    )
    assert saved(drawn) == ["other", 0]


def test_a_primitive_gives_its_value() -> None:
    drawn = text_to_image()
    drawn["nodes"] += [
        node(20, "PrimitiveNode", (), ["INT"], [1234, "increment"]),
        node(21, "Reroute", [("", "*", 31)], ["INT"]),
        node(22, "PrimitiveNode", (), ["COMBO"], ["ddim", "fixed", ""]),
    ]
    drawn["links"] += [[30, 21, 0, 3, 4, "INT"], [31, 20, 0, 21, 0, "INT"], [32, 22, 0, 3, 5, "COMBO"]]
    for name, kind, link in (("seed", "INT", 30), ("sampler_name", "COMBO", 32)):
        drawn["nodes"][4]["inputs"].append({"name": name, "type": kind, "link": link, "widget": {"name": name}})
    converted = to_api(drawn, INFO)
    assert inputs(converted, "3")["seed"] == 1234 and inputs(converted, "3")["sampler_name"] == "ddim"
    assert not {"20", "21", "22"} & set(converted.graph)


def test_a_widget_can_be_replaced_by_a_link() -> None:
    drawn = text_to_image()
    drawn["nodes"].append(node(20, "PrimitiveInt", (), ["INT"], [640, "fixed"]))
    drawn["nodes"][1]["inputs"] = [{"name": "width", "type": "INT", "link": 30, "widget": {"name": "width"}}]
    drawn["links"].append([30, 20, 0, 5, 0, "INT"])
    assert inputs(to_api(drawn, INFO), "5") == {"width": ["20", 0], "height": 768, "batch_size": 1}


def test_connections_that_use_everywhere_makes() -> None:
    drawn = chain(
        node(1, "Anything Everywhere", [("IMAGE", "IMAGE", 1)]),
        links=[[1, "in", 0, 1, 0, "IMAGE"]],
        last=0,
        extra={
            "ue_links": [
                {"downstream": "out", "downstream_slot": 0, "upstream": "in", "upstream_slot": 0},
                {"downstream": None},
            ]
        },
    )
    drawn["nodes"][-1]["inputs"][0]["link"] = None
    assert saved(drawn) == ["in", 0] and set(to_api(drawn, INFO).graph) == {"in", "out"}


def test_links_in_a_circle_end() -> None:
    drawn = chain(
        node(1, "Reroute", [("", "*", 2)], ["IMAGE"]),
        node(2, "Reroute", [("", "*", 1)], ["IMAGE"]),
        links=[[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"], [3, 2, 0, "out", 0, "*"]],
        last=3,
    )
    converted = to_api(drawn, INFO)
    assert "images" not in inputs(converted, "out") and any("circle" in problem for problem in converted.problems)


def test_ten_thousand_nodes() -> None:
    """Half of them a chain of reroutes, at the end of which the other half hang."""
    count = 10_000
    nodes = [node(0, "CheckpointLoaderSimple", (), ["MODEL", "CLIP", "VAE"], ["a.safetensors"])]
    links: list[list[Any]] = []
    for number in range(1, count // 2):
        nodes.append(node(number, "Reroute", [("", "*", number)], ["MODEL"]))
        links.append([number, number - 1, 0, number, 0, "MODEL"])
    for number in range(count // 2, count):
        nodes.append(
            node(
                number,
                "KSampler",
                [("model", "MODEL", number)],
                ["LATENT"],
                [number, "fixed", 20, 8, "euler", "normal", 1],
            )
        )
        links.append([number, count // 2 - 1, 0, number, 0, "MODEL"])
    graph = to_api(workflow(nodes, links), INFO).graph
    assert len(graph) == count // 2 + 1
    assert all(made["inputs"]["model"] == ["0", 0] for key, made in graph.items() if key != "0")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "no list of nodes"),
        ({"nodes": "x"}, "no list of nodes"),
        ([], "no list of nodes"),
        (None, "no list of nodes"),
        ({"nodes": []}, "no nodes"),
        ({"nodes": [5]}, "number 1 of the workflow is not an object"),
        ({"nodes": [{"id": 1, "type": "A"}, {"type": "B"}]}, "number 2 of the workflow has no id"),
        ({"nodes": [{"id": True, "type": "A"}]}, "no id or no type"),
        ({"nodes": [{"id": 1, "type": 5}]}, "no id or no type"),
        ({"nodes": [{"id": 1, "type": "Note"}]}, "No node of the workflow runs"),
        ({"nodes": [{"id": 1, "type": "A", "mode": 2}]}, "No node of the workflow runs"),
        ({"nodes": [{"id": 1, "type": "A"}], "definitions": {"subgraphs": [{"id": "s", "nodes": 5}]}}, "not a list"),
        ({"nodes": [{"id": 1, "type": "workflow/Gone"}]}, "“Gone” is not defined"),
    ],
)  # fmt: skip
def test_what_is_no_workflow(value: Any, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        to_api(value, INFO)


def test_which_is_which() -> None:
    assert is_ui(text_to_image()) and not is_ui(to_api(text_to_image(), INFO).graph) and not is_ui(None)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "-1", "s"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "id", "key", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ids = st.integers(-20, 6) | st.sampled_from(["1", "s"])
odd_slots = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["a", "seed"]),
            "type": st.sampled_from(["*", "A", "A,B"]) | json_values,
            "link": ids | json_values,
            "widget": json_values,
        },
    ),
    max_size=3,
)
odd_nodes = st.fixed_dictionaries(
    {
        "id": ids,
        "type": st.sampled_from(
            ["KSampler", "Reroute", "SetNode", "GetNode", "PrimitiveNode", "s", "t", "Resize", "Odd", "workflow>g"]
        ),
    },
    optional={
        "mode": st.sampled_from([0, 2, 4]),
        "inputs": odd_slots | json_values,
        "outputs": odd_slots | json_values,
        "widgets_values": json_values,
        "widgets_values_named": json_values,
        "properties": json_values | st.builds(lambda value: {"proxyWidgets": value}, json_values),
    },
)
odd_links = st.lists(st.lists(ids, min_size=5, max_size=6) | json_values, max_size=8)
odd_ports = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["a", "b"])}, optional={"linkIds": json_values}), max_size=2
)
odd_sheets = st.fixed_dictionaries(
    {"nodes": st.lists(odd_nodes, max_size=4), "links": odd_links, "inputs": odd_ports, "outputs": odd_ports}
)


@given(
    odd_sheets,
    st.lists(st.builds(lambda name, sheet: {"id": name, **sheet}, st.sampled_from(["s", "t"]), odd_sheets), max_size=2),
    st.dictionaries(
        st.sampled_from(["groupNodes", "ue_links"]), json_values | st.builds(lambda sheet: {"g": sheet}, odd_sheets)
    ),
)
def test_garbage_is_converted_or_refused(top: Any, subgraphs: Any, extra: Any) -> None:
    value = {**top, "definitions": {"subgraphs": subgraphs}, "extra": extra}
    try:
        converted = to_api(value, INFO)
    except ConversionError as error:
        assert str(error)
    else:
        graph = as_graph(converted.graph)
        for made in graph.values():
            for value in made["inputs"].values():
                assert not isinstance(value, list) or value[0] in graph, "a list is a link to a node that is there"
