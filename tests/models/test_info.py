"""What programs say of models, each in its own way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.models.info import MAX_WORDS, NOTHING, SIDECARS, Facts, base_model, from_header, merged, read_sidecar

READERS = dict(SIDECARS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_NAMES = (
    "activation text,preferred weight,sd version,notes,modelspec.title,modelspec.architecture,modelspec.trigger_phrase,"
    "model,name,baseModel,trainedWords,creator,description,civitai,usage_tips,model_name,BaseModel,TrainedWords"
)
KEYS = st.sampled_from(sorted(_NAMES.split(",")))


def _read(ending: str, document: Any) -> Facts:
    return read_sidecar(json.dumps(document).encode(), READERS[ending])


def test_a_header() -> None:
    tags = {"10_cat": {"cat": 10, "red scarf": 4}, "5_dog": {"cat": 1, "dog": 6, "bad": -1, "worse": "x"}}
    facts = from_header(
        {
            "ss_output_name": "cats_v2",
            "ss_base_model_version": "sdxl_base_v1-0",
            "ss_tag_frequency": json.dumps(tags),
            "modelspec.title": "Cats",
            "modelspec.trigger_phrase": "c4t",
        }
    )
    assert facts.title == "Cats"
    assert facts.base_model == "SDXL 1.0"
    assert facts.trigger_words == ("c4t",)
    assert facts.training_tags == ("cat", "dog", "red scarf")


def test_each_sidecar() -> None:
    civitai = {
        "baseModel": "Pony",
        "trainedWords": ["a, b", "c,"],
        "model": {"name": "Fog", "description": "<p>x&amp;y</p>z"},
    }
    assert _read(".civitai.info", civitai) == Facts("Fog", "Pony", "", "x&y\nz", "", ("a, b", "c"))
    webui = {"activation text": "fog", "preferred weight": 0.7, "sd version": "SDXL", "negative text": "rain"}
    facts = _read(".json", webui)
    assert (facts.trigger_words, facts.negative_words, facts.strength) == (("fog",), ("rain",), 0.7)
    manager = {"model_name": "Mist", "usage_tips": '{"strength": 0.8}', "civitai": civitai}
    facts = _read(".metadata.json", manager)
    assert (facts.title, facts.strength, facts.trigger_words) == ("Mist", 0.8, ("a, b", "c"))
    matrix = {"ModelName": "Haze", "BaseModel": "SD 1.5", "TrainedWords": ["haze"]}
    assert _read(".cm-info.json", matrix) == Facts("Haze", "SD 1.5", trigger_words=("haze",))
    assert _read(".swarm.json", {"modelspec.title": "Dew", "modelspec.author": "me"}) == Facts("Dew", author="me")


@pytest.mark.parametrize("ending", READERS)
@given(document=st.dictionaries(KEYS, JSON, max_size=6) | JSON)
def test_no_document_does_harm(ending: str, document: Any) -> None:
    facts = _read(ending, document)
    assert len(facts.trigger_words) <= MAX_WORDS
    assert all(word == word.strip() and word for word in facts.trigger_words)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    assert isinstance(read_sidecar(data, READERS[".json"]), Facts)


def test_deep_nesting_is_nothing() -> None:
    assert read_sidecar(b"[" * 200_000, READERS[".json"]) == NOTHING
    assert from_header({"ss_tag_frequency": "[" * 200_000}) == NOTHING


def test_the_first_that_says_something_counts() -> None:
    facts = merged([Facts(trigger_words=("a",)), Facts("T", trigger_words=("b", "a")), Facts("U", strength=0.5)])
    assert facts == Facts("T", trigger_words=("a", "b"), strength=0.5)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("stable-diffusion-xl-v1-base/lora", "SDXL 1.0"),
        ("sd_v1", "SD 1.5"),
        ("flux-1-dev/lora", "Flux.1 D"),
        ("SDXL 1.0", "SDXL 1.0"),
        ("something-new/lora", "something-new"),
        ("Other", ""),
        (None, ""),
    ],
)
def test_families_are_called_as_people_do(said: Any, name: str) -> None:
    assert base_model(said) == name
