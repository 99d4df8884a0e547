"""The nodes that a workflow's form is made of: each is one of its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cozygen.nodes import locate, pictures
from cozygen.nodes.host import host
from cozygen.nodes.kinds import ANY
from cozygen.nodes.values import LARGEST, Value, WrongValue, boolean, choice, integer, listed, real, within

_CATEGORY = "CozyGen"
_PARAM_TYPES = ["STRING", "INT", "FLOAT", "BOOLEAN", "DROPDOWN"]
_NOTHING_CHOSEN = ("", "none", "None")
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**64 - 1


def _named(title: str) -> dict[str, Any]:
    return {
        "param_name": ("STRING", {"default": title}),
        "priority": ("INT", {"default": 10, "min": -1000, "max": 1000}),
    }


def _real_options(default: float) -> tuple[str, dict[str, Any]]:
    return ("FLOAT", {"default": default, "min": -LARGEST, "max": LARGEST, "step": 0.01})


def _whole_options(default: int) -> tuple[str, dict[str, Any]]:
    return ("INT", {"default": default, "min": _SMALLEST_INT, "max": _LARGEST_INT})


def _verdict(check: Callable[[], object]) -> bool | str:
    """What ``VALIDATE_INPUTS`` answers: True, or what is wrong."""
    try:
        check()
    except ValueError as error:
        return str(error)
    return True


def _for(param_name: str, convert: Callable[[], Value]) -> Value:
    """What `convert` returns; its complaint is about the parameter of this name."""
    try:
        return convert()
    except WrongValue as error:
        raise WrongValue(f"{param_name}: {error}") from None


class CozyGenDynamicInput:
    """One field of the form, of the type that ``param_type`` says."""

    DESCRIPTION = "A field of the form, of any type."
    RETURN_TYPES = (ANY,)
    RETURN_NAMES = ("value",)
    FUNCTION = "value"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_named("Dynamic Parameter"),
                "param_type": (_PARAM_TYPES, {"default": "STRING"}),
                "default_value": ("STRING", {"default": ""}),
            },
            "optional": {
                "add_randomize_toggle": ("BOOLEAN", {"default": False}),
                "choice_type": ("STRING", {"default": ""}),
                "display_bypass": ("BOOLEAN", {"default": False}),
                "choices": ("STRING", {"default": ""}),
                "multiline": ("BOOLEAN", {"default": False}),
                "min_value": _real_options(0.0),
                "max_value": _real_options(0.0),
                "step": _real_options(0.0),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(
        cls, default_value: Any, param_type: Any, min_value: Any = 0.0, max_value: Any = 0.0, choices: Any = ""
    ) -> bool | str:
        """Whether the value is of the type and in the range. A linked one (None) is looked at when it is known."""
        if param_type is None or default_value is None:
            return True
        return _verdict(lambda: _dynamic(default_value, param_type, min_value or 0.0, max_value or 0.0, choices))

    def value(
        self,
        param_name: str,
        priority: int,
        param_type: str,
        default_value: Any,
        min_value: float = 0.0,
        max_value: float = 0.0,
        choices: str = "",
        **_form: Any,
    ) -> tuple[Value]:
        """The value, converted. Raises `WrongValue`."""
        return (_for(param_name, lambda: _dynamic(default_value, param_type, min_value, max_value, choices)),)


def _dynamic(value: Any, param_type: str, low: float, high: float, choices: str) -> Value:
    match str(param_type).upper():
        case "STRING":
            return str(value)
        case "INT":
            whole = integer(value)
            within(whole, low, high)
            return whole
        case "FLOAT":
            number = real(value)
            within(number, low, high)
            return number
        case "BOOLEAN":
            return boolean(value)
        case "DROPDOWN":
            offered = listed(choices)
            return choice(str(value) or (offered[0] if offered else ""), offered)
    raise WrongValue(f"param_type must be one of {', '.join(_PARAM_TYPES)}")


class CozyGenFloatInput:
    """A field for a number."""

    DESCRIPTION = "A field of the form for a number."
    RETURN_TYPES = ("FLOAT",)
    FUNCTION = "value"
    CATEGORY = f"{_CATEGORY}/Static"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_named("Float Parameter"),
                "default_value": _real_options(1.0),
                "min_value": _real_options(0.0),
                "max_value": _real_options(1024.0),
                "step": _real_options(0.1),
                "add_randomize_toggle": ("BOOLEAN", {"default": False}),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, default_value: Any, min_value: Any, max_value: Any) -> bool | str:
        """Whether the number is within its bounds; linked values (None) are looked at when they are known."""
        if None in (default_value, min_value, max_value):
            return True
        return _verdict(lambda: within(real(default_value), min_value, max_value))

    def value(
        self, param_name: str, priority: int, default_value: float, min_value: float, max_value: float, **_form: Any
    ) -> tuple[Value]:
        """The number. Raises `WrongValue`."""
        return (_for(param_name, lambda: _dynamic(default_value, "FLOAT", min_value, max_value, "")),)


class CozyGenIntInput:
    """A field for a whole number."""

    DESCRIPTION = "A field of the form for a whole number."
    RETURN_TYPES = ("INT",)
    FUNCTION = "value"
    CATEGORY = f"{_CATEGORY}/Static"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_named("Int Parameter"),
                "default_value": _whole_options(1),
                "min_value": _whole_options(0),
                "max_value": _whole_options(9999999999),
                "step": _whole_options(1),
                "add_randomize_toggle": ("BOOLEAN", {"default": False}),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, default_value: Any, min_value: Any, max_value: Any) -> bool | str:
        """Whether the number is within its bounds; linked values (None) are looked at when they are known."""
        if None in (default_value, min_value, max_value):
            return True
        return _verdict(lambda: within(integer(default_value), min_value, max_value))

    def value(
        self, param_name: str, priority: int, default_value: int, min_value: int, max_value: int, **_form: Any
    ) -> tuple[Value]:
        """The number. Raises `WrongValue`."""
        return (_for(param_name, lambda: _dynamic(default_value, "INT", min_value, max_value, "")),)


class CozyGenStringInput:
    """A field for text."""

    DESCRIPTION = "A field of the form for text."
    RETURN_TYPES = ("STRING",)
    FUNCTION = "value"
    CATEGORY = f"{_CATEGORY}/Static"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_named("String Parameter"),
                "default_value": ("STRING", {"default": "", "multiline": True}),
                "display_multiline": ("BOOLEAN", {"default": False}),
            }
        }

    def value(self, param_name: str, priority: int, default_value: str, display_multiline: bool) -> tuple[str]:
        """The text."""
        return (str(default_value),)


class CozyGenChoiceInput:
    """A field for one of the engine's names: a model of some folder, a sampler, a scheduler."""

    DESCRIPTION = "A field of the form for a model, a sampler or a scheduler."
    RETURN_TYPES = (ANY,)
    RETURN_NAMES = ("value",)
    FUNCTION = "value"
    CATEGORY = f"{_CATEGORY}/Static"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                **_named("Choice Parameter"),
                "choice_type": ("STRING", {"default": ""}),
                "default_choice": ("STRING", {"default": ""}),
                "display_bypass": ("BOOLEAN", {"default": False}),
            },
            "optional": {"value": ("STRING", {"default": ""})},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, default_choice: Any, value: Any = "") -> bool | str:
        """Whether anything is chosen. A linked value (None) is looked at when it is known."""
        if default_choice is None or value is None:
            return True
        return _verdict(lambda: _chosen(value, default_choice))

    def value(
        self,
        param_name: str,
        priority: int,
        choice_type: str,
        default_choice: str,
        display_bypass: bool,
        value: str = "",
    ) -> tuple[Value]:
        """What was chosen in the form, else the default. Raises `WrongValue` when there is neither."""
        return (_for(param_name, lambda: _chosen(value, default_choice)),)


def _chosen(value: str, default: str) -> str:
    chosen = default if value in _NOTHING_CHOSEN else value
    if not (chosen or value):
        raise WrongValue("nothing is chosen")
    return chosen or value


class CozyGenImageInput:
    """A field for a picture."""

    DESCRIPTION = "A field of the form for a picture of the input folder, or of the results."
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        named = _named("Image Input")
        return {
            "required": {"param_name": named["param_name"], "image_filename": ("STRING", {"default": ""})},
            "optional": {"priority": named["priority"]},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, image_filename: Any) -> bool | str:
        """Whether the file is there and a picture. A linked name (None) is looked at when it is known."""
        return True if image_filename is None else _verdict(lambda: pictures.check_picture(image_filename))

    @classmethod
    def IS_CHANGED(cls, image_filename: str | None = None, **_form: Any) -> str | float:
        """A hash of the file."""
        return locate.fingerprint(image_filename)

    def load_image(self, param_name: str, image_filename: str, priority: int = 10) -> tuple[Any, Any]:
        """The picture, upright, and what of it is transparent. Raises `FileRefused`."""
        picture = pictures.load_picture(image_filename, host().progress)
        return host().tensor(picture.rgb), host().tensor(picture.mask())
