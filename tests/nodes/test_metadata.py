from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from cozygen.nodes import metadata

PROMPT = {"1": {"class_type": "A", "inputs": {"text": "ein Bär 🐻", "n": 1}}}


def test_the_prompt_comes_first_and_every_value_is_json() -> None:
    found = metadata.texts(PROMPT, {"workflow": {"nodes": []}, "cozygen_prompt_raw": {"1.text": "$bear$"}})
    assert list(found) == ["prompt", "workflow", "cozygen_prompt_raw"]
    assert json.loads(found["prompt"]) == PROMPT
    assert all(text.isascii() for text in found.values())


@pytest.mark.parametrize("extra", [None, [], "text", 5, {}])
def test_nothing_comes_of_nothing(extra: Any) -> None:
    assert metadata.texts(None, extra) == {}


def test_keys_that_no_file_holds_are_left_out() -> None:
    keys = ["", "x" * 80, "日本", "a\0b", "line\n", "\ud800", "good", "ümlaut"]
    assert list(metadata.texts(None, dict.fromkeys(keys, 1))) == ["good", "ümlaut"]


def test_the_prompt_itself_wins_over_a_key_of_its_name() -> None:
    assert json.loads(metadata.texts(PROMPT, {"prompt": "other"})["prompt"]) == PROMPT


def test_exif_has_room_for_many_keys() -> None:
    found = metadata.texts(PROMPT, {f"key{number}": number for number in range(20)})
    block = metadata.exif(found)
    assert block[0x0110].startswith("prompt:{")
    assert block[0x010F] == "key0:0"
    again = Image.Exif()
    again.load(block.tobytes())
    assert {str(value).partition(":")[0] for value in again.values()} == {"prompt", *(f"key{n}" for n in range(20))}


def test_a_comment_is_one_object() -> None:
    found = metadata.texts(PROMPT, {"workflow": [1]})
    assert json.loads(metadata.comment(found)) == {"prompt": PROMPT, "workflow": [1]}
    assert metadata.comment({}) == b""
