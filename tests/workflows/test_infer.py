from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.assemble import ValuesError, assemble
from cozygen.workflows.convert import to_api
from cozygen.workflows.form import MORE, FormField
from cozygen.workflows.graph import Graph
from cozygen.workflows.hints import Hint, read_hint
from cozygen.workflows.infer import MAX_FIELDS, human, infer
from tests.workflows.core_info import INFO, text_to_image


@pytest.fixture
def graph() -> Graph:
    return to_api(text_to_image(), INFO).graph


def by_key(graph: Graph, info: dict[str, Any] | None = None) -> dict[str, FormField]:
    return {field.key: field for field in infer(graph, INFO if info is None else info)}


def main(graph: Graph, info: dict[str, Any] | None = None) -> list[str]:
    return [field.key for field in infer(graph, INFO if info is None else info) if field.group != MORE]


@pytest.mark.parametrize("info", [INFO, {}], ids=["engine", "no engine"])
def test_what_matters_comes_first(graph: Graph, info: dict[str, Any]) -> None:
    assert main(graph, info) == [
        "6.text", "7.text", "3.seed", "3.steps", "3.cfg", "3.sampler_name", "3.scheduler", "5.width", "5.height", "4.ckpt_name",
    ]  # fmt: skip
    assert {key for key, field in by_key(graph, info).items() if field.group == MORE} == {
        "3.denoise", "5.batch_size", "9.filename_prefix",
    }  # fmt: skip


def test_what_the_engine_says_of_a_value(graph: Graph) -> None:
    fields = by_key(graph)
    seed = fields["3.seed"]
    assert (seed.type, seed.default, seed.min, seed.max, seed.can_randomize) == (
        "int",
        156680208700286,
        0,
        2**64 - 1,
        True,
    )
    width = fields["5.width"]
    assert (width.type, width.default, width.min, width.max, width.step) == ("int", 512, 16, 16384, 8)
    assert width.row == fields["5.height"].row is not None and not width.can_randomize
    assert fields["3.sampler_name"].choices == ["euler", "ddim"] and fields["3.scheduler"].choices == [
        "normal",
        "karras",
    ]
    assert fields["3.cfg"].type == "float" and fields["3.cfg"].default == 7.5
    assert fields["6.text"].multiline and fields["6.text"].default == "a cat" and fields["6.text"].type == "string"
    assert all(field.is_native for field in fields.values())
    assert [field.priority for field in fields.values()] == list(range(len(fields)))


def test_what_is_known_without_an_engine(graph: Graph) -> None:
    fields = by_key(graph, {})
    assert fields["6.text"].multiline and fields["3.seed"].can_randomize and fields["3.cfg"].type == "float"
    assert fields["4.ckpt_name"].type == "choice" and fields["4.ckpt_name"].choice_type == "checkpoints"
    graph["3"]["inputs"].update(cfg=8, steps=8)
    assert by_key(graph, {})["3.cfg"].type == "float" and by_key(graph, {})["3.steps"].type == "int"
    assert fields["3.sampler_name"].choice_type == "sampler" and fields["3.sampler_name"].choices is None


def test_labels(graph: Graph) -> None:
    labels = {key: field.label for key, field in by_key(graph).items()}
    assert labels["6.text"] == "What to see" and labels["7.text"] == "Negative prompt"
    assert labels["3.cfg"] == "CFG" and labels["4.ckpt_name"] == "Checkpoint" and labels["5.width"] == "Width"
    graph["3"]["_meta"] = {"title": "First pass"}
    assert by_key(graph)["3.steps"].label == "First pass · Steps"
    assert human("sampling_mode.top_k") == "Sampling mode top k" and human("_") == "_"


def test_labels_tell_fields_apart(graph: Graph) -> None:
    graph["30"] = {**graph["3"], "inputs": dict(graph["3"]["inputs"])}
    labels = [field.label for field in infer(graph, INFO)]
    assert len(set(labels)) == len(labels) and "Seed · #30" in labels


def test_prompts_are_found_behind_what_changes_conditionings(graph: Graph) -> None:
    graph["20"] = {
        "class_type": "ControlNetApplyAdvanced",
        "inputs": {"positive": ["6", 0], "negative": ["7", 0], "strength": 1.0},
    }
    graph["3"]["inputs"].update(positive=["20", 0], negative=["20", 1])
    fields = by_key(graph)
    assert list(fields)[:2] == ["6.text", "7.text"] and fields["7.text"].label == "Negative prompt"


def test_a_negative_that_is_the_positive_emptied_is_no_prompt_of_its_own(graph: Graph) -> None:
    graph["20"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    graph["3"]["inputs"]["negative"] = ["20", 0]
    del graph["7"]
    del graph["6"]["_meta"]
    assert by_key(graph)["6.text"].label == "Prompt"


def test_a_prompt_in_a_node_of_its_own(graph: Graph) -> None:
    graph["20"] = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a dog"}}
    graph["6"]["inputs"]["text"] = ["20", 0]
    assert main(graph)[0] == "20.value"
    assert by_key(graph)["20.value"].is_prompt


def test_numbers_in_nodes_of_their_own_have_the_role_of_what_they_feed(graph: Graph) -> None:
    graph["20"] = {"class_type": "PrimitiveInt", "inputs": {"value": 640}, "_meta": {"title": "Breadth"}}
    graph["21"] = {"class_type": "PrimitiveInt", "inputs": {"value": 5}}
    graph["5"]["inputs"]["width"] = ["20", 0]
    graph["3"]["inputs"]["seed"] = ["21", 0]
    fields = by_key(graph)
    assert fields["20.value"].group is None and fields["20.value"].label == "Breadth"
    assert fields["21.value"].can_randomize


def test_the_size_of_a_scaling_is_not_the_size_of_the_picture(graph: Graph) -> None:
    graph["20"] = {"class_type": "ImageScale", "inputs": {"image": ["8", 0], "width": 2048, "height": 2048}}
    assert by_key(graph)["20.width"].group == MORE and by_key(graph)["5.width"].group is None
    del graph["5"]
    assert by_key(graph)["20.width"].group is None, "where there is no other"


def test_loras_and_pictures(graph: Graph) -> None:
    graph["20"] = {
        "class_type": "LoraLoader",
        "inputs": {
            "model": ["4", 0],
            "clip": ["4", 1],
            "lora_name": "style.safetensors",
            "strength_model": 1.0,
            "strength_clip": 1.0,
        },
    }
    graph["21"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}, "_meta": {"title": "Pose"}}
    fields = by_key(graph)
    lora = fields["20.lora_name"]
    assert lora.can_bypass and lora.group is None and lora.row == fields["20.strength_model"].row
    assert (
        fields["21.image"].type == "image" and fields["21.image"].label == "Pose" and fields["21.image"].group is None
    )
    assert not by_key(graph, {})["20.lora_name"].can_bypass, "what it hands on is not known"
    assert not fields["4.ckpt_name"].can_bypass


def test_denoising_matters_where_there_is_something_to_start_from(graph: Graph) -> None:
    graph["3"]["inputs"]["denoise"] = 0.6
    assert by_key(graph)["3.denoise"].group is None


def test_nodes_that_declare_a_field_are_left_out(graph: Graph) -> None:
    graph["20"] = {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": "x"}}
    assert not any(key.startswith("20.") for key in by_key(graph))


def test_values_that_are_none_of_a_form(graph: Graph) -> None:
    graph["20"] = {
        "class_type": "Odd",
        "inputs": {"a": {"__value__": [1]}, "b": None, "c": [1, 2, 3], "d": float("inf"), "upload": "image"},
    }
    graph["21"] = {"class_type": "Bare"}
    assert not any(key.startswith(("20.", "21.")) for key in by_key(graph))


def test_what_does_not_fit_the_engine_s_type_has_its_default() -> None:
    graph: Graph = {
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": "wide", "height": "640", "batch_size": True}}
    }
    fields = by_key(graph)
    assert (
        fields["1.width"].default == 512 and fields["1.height"].default == 640 and fields["1.batch_size"].default == 1
    )


def test_the_longest_form() -> None:
    nodes = {str(n): {"class_type": "Odd", "inputs": {f"v{i}": i for i in range(30)}} for n in range(100)}
    graph: Graph = {**nodes, "last": {"class_type": "KSampler", "inputs": {"seed": 1}}}
    fields = infer(graph, {})
    assert len(fields) == MAX_FIELDS and fields[0].key == "last.seed"


# Titles that declare a form


@pytest.mark.parametrize(
    ("title", "hint"),
    [
        ("<Prompt:main/1:2>", Hint("Prompt", "main", "1", (2.0,))),
        ("<Prompt:main:1>", Hint("Prompt", "main", None, (1.0,))),
        ("KSampler <Seed : advanced : 1/2> rest", Hint("Seed", "advanced", None, (1.0, 2.0))),
        ("<Image 1:prompt/Image 1:1.5>", Hint("Image 1", "prompt", "Image 1", (1.5,))),
        ("<Steps:advanced>", Hint("Steps", "advanced", None, (float("inf"),))),
        ("<Steps::3>", Hint("Steps", None, None, (3.0,))),
        ("<Steps>", None),
        ("KSampler", None),
        ("a < b : c", None),
        ("<a:b:later>", None),
        ("", None),
    ],
)
def test_hints(title: str, hint: Hint | None) -> None:
    assert read_hint(title) == hint


@given(st.text() | st.text(alphabet="<>:/ a1"))
def test_any_title_is_read(title: str) -> None:
    hint = read_hint(title)
    assert hint is None or (hint.label and hint.label in title)


def test_a_declared_form(graph: Graph) -> None:
    graph["3"]["_meta"] = {"title": "<Dice:extra/top:2>"}
    graph["6"]["_meta"] = {"title": "<Wish:basics:3>"}
    graph["5"]["_meta"] = {"title": "<Broad:extra/top:1>"}
    fields = infer(graph, INFO)
    shown = [(field.key, field.label, field.group, field.row) for field in fields if field.group != MORE]
    assert shown == [
        ("5.width", "Broad · Width", "extra", "top"),
        ("5.height", "Broad · Height", "extra", "top"),
        ("3.seed", "Dice", "extra", "top"),
        ("6.text", "Wish", "basics", None),
    ]
    assert {field.key for field in fields} == set(by_key(graph))
    assert next(field.label for field in fields if field.key == "3.cfg") == "Dice · CFG"
    assert next(field for field in fields if field.key == "7.text").is_prompt, "folded away, but still a prompt"


# Values into the graph


def put(graph: Graph, values: dict[str, Any], **more: Any) -> Graph:
    return assemble(graph, infer(graph, INFO), values, object_info=INFO, rng=random.Random(1), **more).graph


def test_values_go_into_the_graph(graph: Graph) -> None:
    made = put(graph, {"6.text": "a dog", "5.width": 640}, randomize=["3.seed"])
    assert made["6"]["inputs"]["text"] == "a dog" and made["5"]["inputs"]["width"] == 640
    assert made["3"]["inputs"]["seed"] != graph["3"]["inputs"]["seed"]
    assert graph["6"]["inputs"]["text"] == "a cat"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [("5.width", 8, "at least 16"), ("5.width", "wide", "a number"), ("3.sampler_name", "gone", "not one of the choices"), ("3.cfg", 101, "at most 100")],
)  # fmt: skip
def test_values_are_checked(graph: Graph, key: str, value: Any, says: str) -> None:
    with pytest.raises(ValuesError) as raised:
        put(graph, {key: value})
    assert says in raised.value.fields[key]


def test_choices_go_in_as_the_node_wants_them() -> None:
    info = {"A": {"input": {"required": {"n": [[512, 1024, True, 0.5]]}}, "output": []}}
    graph: Graph = {"1": {"class_type": "A", "inputs": {"n": 512}}}
    fields = infer(graph, info)
    assert fields[0].choices == ["512", "1024", "True", "0.5"] and fields[0].default == "512"
    for given_, wanted in (("1024", 1024), ("True", True), ("0.5", 0.5)):
        made = assemble(graph, fields, {"1.n": given_}, rng=random.Random(1)).graph
        assert made["1"]["inputs"]["n"] == wanted and type(made["1"]["inputs"]["n"]) is type(wanted)


def test_a_picture_of_the_gallery_is_named_as_comfyui_does() -> None:
    graph: Graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}}
    for given_, wanted in (
        ("output::a/b::c.png", "a/b/c.png [output]"),
        ("output::::c.png", "c.png [output]"),
        ("x.png", "x.png"),
    ):
        assert put(graph, {"1.image": given_})["1"]["inputs"]["image"] == wanted


def test_only_prompts_are_in_the_prompt_language(graph: Graph) -> None:
    made = assemble(graph, infer(graph, INFO), {"9.filename_prefix": "a"}, expand=str.upper, rng=random.Random(1))
    assert made.graph["6"]["inputs"]["text"] == "A CAT" and made.graph["9"]["inputs"]["filename_prefix"] == "a"
    assert set(made.prompt_raw) == {"6.text", "7.text"} and made.prompt_raw["6.text"] == "a cat"


def test_of_what_is_folded_away_only_what_was_given_is_kept(graph: Graph) -> None:
    made = assemble(graph, infer(graph, INFO), {"5.batch_size": 2}, rng=random.Random(1))
    assert made.values["5.batch_size"] == 2 and "9.filename_prefix" not in made.values and made.values["3.steps"] == 20


def test_a_lora_can_be_left_out(graph: Graph) -> None:
    graph["20"] = {
        "class_type": "LoraLoader",
        "inputs": {
            "model": ["4", 0],
            "clip": ["4", 1],
            "lora_name": "style.safetensors",
            "strength_model": 1.0,
            "strength_clip": 1.0,
        },
    }
    graph["3"]["inputs"]["model"] = ["20", 0]
    graph["6"]["inputs"]["clip"] = ["20", 1]
    made = put(graph, {}, bypassed=["20.lora_name"])
    assert "20" not in made and made["3"]["inputs"]["model"] == ["4", 0] and made["6"]["inputs"]["clip"] == ["4", 1]
    with pytest.raises(ValuesError, match="cannot be left out"):
        put(graph, {}, bypassed=["3.seed"])
