from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cozygen.nodes.checked import checked
from cozygen.nodes.values import WrongValue


@checked
class Node:
    FUNCTION = "run"
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "image": ("IMAGE",),
                "width": ("INT", {"default": 1, "min": 1, "max": 10}),
                "factor": ("FLOAT", {"min": 0.5}),
                "method": (["area", "cubic"],),
                "codec": ("COMBO", {"options": ["auto", 5]}),
                "flag": ("BOOLEAN", {}),
                "text": ("STRING", {}),
                "file": (["a.png"],),
            },
            "optional": {"mask": ("MASK",), "open": ("COMBO", {})},
            "hidden": {"prompt": "PROMPT"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, file: Any) -> bool:
        return True

    def run(self, image: Any, width: Any, factor: Any, method: Any, codec: Any, flag: Any, text: Any, file: Any, mask: Any = None, open: Any = "", prompt: Any = None) -> tuple[Any, ...]:  # fmt: skip
        """What it was given."""
        return (image, width, factor, method, codec, flag, text, file, mask, open, prompt)


GOOD: dict[str, Any] = {
    "image": np.zeros((1, 1, 1, 3)),
    "width": 3,
    "factor": 1.5,
    "method": "area",
    "codec": "auto",
    "flag": True,
    "text": "t",
    "file": "other.png",
}


def test_good_values_pass_as_they_are() -> None:
    assert Node().run(**GOOD, prompt={"1": 2}) == (*GOOD.values(), None, "", {"1": 2})
    by_place: list[Any] = [*GOOD.values(), None, "any"]
    assert Node().run(*by_place) == (*GOOD.values(), None, "any", None)
    assert Node.run.__doc__ == "What it was given."


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [("width", "7", 7), ("width", 7.0, 7), ("factor", 2, 2.0), ("factor", "0.5", 0.5), ("flag", "false", False), ("text", 5, "5"), ("codec", 5, 5)],
)  # fmt: skip
def test_values_are_converted(name: str, given: Any, expected: Any) -> None:
    result = Node().run(**{**GOOD, name: given})[list(GOOD).index(name)]
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("width", 0, "width: 0 is less than 1"),
        ("width", 11, "width: 11 is more than 10"),
        ("width", 2.5, 'width: "2.5" is not a whole number'),
        ("width", None, 'width: "None" is not a number'),
        ("factor", 0.4, "factor: 0.4 is less than 0.5"),
        ("factor", float("nan"), 'factor: "nan" is not a number'),
        ("method", "blur", 'method: "blur" is not one of the choices (area, cubic)'),
        ("codec", "x", 'codec: "x" is not one of the choices (auto, 5)'),
        ("flag", "maybe", 'flag: "maybe" is neither true nor false'),
        ("text", [1], "text: text is needed"),
        ("image", "a.png", "image: pictures must come from another node, and a plain value did"),
        ("image", None, "image: pictures must come from another node, and a plain value did"),
        ("mask", 1.0, "mask: a mask must come from another node, and a plain value did"),
    ],
)
def test_wrong_values_are_said(name: str, given: Any, message: str) -> None:
    with pytest.raises(WrongValue) as caught:
        Node().run(**{**GOOD, name: given})
    assert str(caught.value) == message
