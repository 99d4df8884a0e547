from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.again import again, exact, fill, kept, seeds
from cozygen.workflows.assemble import ValuesError, assemble
from cozygen.workflows.form import fields
from cozygen.workflows.infer import infer

INFO: dict[str, Any] = {
    "Lora": {"input": {"required": {"model": ["MODEL"], "name": [["x", "y"]]}}, "output": ["MODEL"]},
}


def workflow() -> dict[str, Any]:
    return {
        "1": {
            "class_type": "CozyGenDynamicInput",
            "inputs": {"param_name": "Prompt", "param_type": "STRING", "default_value": "a cat", "multiline": True},
        },
        "2": {
            "class_type": "CozyGenDynamicInput",
            "inputs": {
                "param_name": "Seed", "param_type": "INT", "default_value": 7, "add_randomize_toggle": True,
                "min_value": 0, "max_value": 2**63,
            },
        },
        "3": {"class_type": "CozyGenFloatInput", "inputs": {"param_name": "CFG", "default_value": 7.0}},
        "4": {
            "class_type": "CozyGenChoiceInput",
            "inputs": {"param_name": "LoRA", "value": "x", "display_bypass": True},
        },
        "5": {"class_type": "Lora", "inputs": {"model": ["6", 0], "name": ["4", 0]}},
        "6": {"class_type": "Load", "inputs": {"name": "m"}},
        "7": {"class_type": "Paint", "inputs": {"model": ["5", 0], "text": ["1", 0], "seed": ["2", 0], "cfg": ["3", 0]}},
    }  # fmt: skip


def shout(text: str) -> str:
    return text.replace("$cat$", "a huge cat")


@given(
    prompt=st.sampled_from(["", "$cat$", "a dog, $cat$"]),
    seed=st.integers(0, 2**63),
    cfg=st.floats(-1e6, 1e6),
    bypass=st.booleans(),
)
def test_what_a_form_made_fills_it_in_again(prompt: str, seed: int, cfg: float, bypass: bool) -> None:
    form = fields(workflow())
    values = {"Prompt": prompt, "Seed": seed, "CFG": cfg}
    bypassed = ["LoRA"] if bypass else []
    made = assemble(
        workflow(), form, values, bypassed=bypassed, object_info=INFO, expand=shout, rng=random.Random(0)
    )  # fmt: skip
    filled = fill(workflow(), form, made.graph, made.values, INFO)
    assert filled is not None
    assert filled.values == {"Prompt": prompt, "Seed": str(seed), "CFG": filled.values["CFG"], "LoRA": "x"}
    assert float(filled.values["CFG"]) == cfg
    assert filled.random == {"Seed": False} and filled.bypass == dict.fromkeys(bypassed, True)
    remade = assemble(
        workflow(), form, filled.values, bypassed=filled.bypass, object_info=INFO, expand=shout, rng=random.Random(0)
    )
    assert remade.graph == made.graph


def test_numbers_that_a_workflow_has_as_text_are_the_same() -> None:
    typed = workflow()
    typed["3"]["inputs"]["default_value"] = "7"
    form = fields(typed)
    made = assemble(typed, form, {"Prompt": "x"}, rng=random.Random(0))
    assert made.graph["3"]["inputs"]["default_value"] == "7"
    filled = fill(typed, form, made.graph, made.values, INFO)
    assert filled is not None and filled.values["CFG"] == "7"


@pytest.mark.parametrize("change", ["value", "node", "class", "field"])
def test_a_workflow_that_has_changed_is_not_filled_in(change: str) -> None:
    form = fields(workflow())
    made = assemble(workflow(), form, {"Prompt": "x"}, rng=random.Random(0))
    now, values = workflow(), dict(made.values)
    if change == "value":
        now["6"]["inputs"]["name"] = "other"
    elif change == "node":
        now["8"] = {"class_type": "Paint", "inputs": {}}
    elif change == "class":
        now["6"]["class_type"] = "LoadOther"
    else:
        values["6.name"] = "swept"
    assert fill(now, fields(now), made.graph, values, INFO) is None


def test_only_what_is_changed_is_expanded() -> None:
    form = fields(workflow())
    made = assemble(workflow(), form, {"Prompt": "$cat$"}, expand=shout, rng=random.Random(0))

    def once_more(text: str) -> str:
        return f"<{text}>"

    options: dict[str, Any] = {"texts": made.values, "raw": made.prompt_raw, "rng": random.Random(1)}
    same = again(made.graph, form, {"CFG": 3}, fresh=["Seed"], expand=once_more, **options)
    assert same.graph["1"]["inputs"]["default_value"] == "a huge cat"
    assert same.graph["3"]["inputs"]["default_value"] == 3.0
    drawn = same.graph["2"]["inputs"]["default_value"]
    assert drawn != 7 and same.values == {"Prompt": "$cat$", "Seed": drawn, "CFG": 3.0, "LoRA": "x"}
    assert same.prompt_raw == {"1.default_value": "$cat$"}
    other = again(made.graph, form, {"Prompt": "a dog"}, fresh=[], expand=once_more, **options)
    assert other.graph["1"]["inputs"]["default_value"] == "<a dog>"
    assert other.values["Prompt"] == "a dog" and other.prompt_raw == {"1.default_value": "a dog"}
    assert other.graph["2"] == made.graph["2"]
    with pytest.raises(ValuesError) as caught:
        again(made.graph, form, {"CFG": "much"}, fresh=[], expand=str, **options)
    assert caught.value.fields == {"CFG": "must be a number"}


def test_seeds_of_nodes_count_where_the_form_declares_none() -> None:
    bare = {"1": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 3, "cfg": 2.0}}}
    inferred = infer(bare, {})
    assert seeds(inferred) == ["1.seed"] and kept(inferred).random == {"1.seed": False}
    assert seeds([*fields(workflow()), *inferred]) == ["Seed"]


def test_numbers_stay_exact() -> None:
    assert exact(2**64 - 1) == "18446744073709551615"
    assert [exact(value) for value in (2**53 - 1, -(2**53), True, 1.5, "x")] == [
        2**53 - 1, "-9007199254740992", True, 1.5, "x",
    ]  # fmt: skip
