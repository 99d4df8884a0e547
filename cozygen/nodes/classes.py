"""CozyGen's own node classes: what a workflow's form is made of, and where its results come out.

They follow ComfyUI's conventions and reach the program that runs them through `cozygen.nodes.host`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cozygen.nodes import clips, locate, metadata, pictures, saving
from cozygen.nodes.clips import Film
from cozygen.nodes.host import host
from cozygen.nodes.limits import check_size
from cozygen.nodes.values import (
    LARGEST,
    Value,
    WrongValue,
    boolean,
    choice,
    integer,
    listed,
    real,
    within,
)

_CATEGORY = "CozyGen"
_PARAM_TYPES = ["STRING", "INT", "FLOAT", "BOOLEAN", "DROPDOWN"]
_NOTHING_CHOSEN = ("", "none", "None")
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**64 - 1
# Frames are encoded one by one: what is bounded here is the time that a typing error can cost.
_MOST_ENCODED_BYTES = 64 * 2**30
_PNG_COMPRESSION = 4  # zlib's level; ComfyUI's default


class AnyType(str):
    """A type that is equal to every other, so that an output of it fits any input."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class NumberType(str):
    """FLOAT for an input that takes whole numbers from other nodes as well.

    Types are told apart by ``!=`` alone; to be equal to INT as well would have fractions cut off.
    """

    def __ne__(self, other: object) -> bool:
        return other not in ("INT", "FLOAT")


ANY = AnyType("*")
NUMBER = NumberType("FLOAT")


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
            return choice(value, listed(choices))
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


def _view_url(saved: dict[str, str]) -> str:
    return "/view?" + urlencode({key: saved[key] for key in ("filename", "subfolder", "type")})


class CozyGenOutput:
    """Saves pictures, and tells the studio."""

    DESCRIPTION = "Saves pictures in the output folder and shows them in CozyGen."
    RETURN_TYPES = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {"images": ("IMAGE",)},
            "optional": {"filename_prefix": ("STRING", {"default": "CozyGen/output"})},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self, images: Any, filename_prefix: str = "CozyGen/output", prompt: Any = None, extra_pnginfo: Any = None
    ) -> dict[str, Any]:
        """Write a PNG for each picture, with the prompt and the workflow in it. Raises `FileRefused`."""
        found = metadata.texts(prompt, extra_pnginfo)
        saved = save_pngs("output", host().array(images), filename_prefix, found, _PNG_COMPRESSION)
        shown = [{"url": _view_url(file), **file} for file in saved]
        host().send("cozygen_batch_ready", {"status": "images_generated", "images": shown})
        return {"ui": {"images": saved}}


def save_pngs(
    kind: Any, images: pictures.FloatArray, prefix: str, found: dict[str, str], compress_level: int
) -> list[dict[str, str]]:
    """Write each of ``[batch, h, w, c]`` to a PNG with the texts `found` in it: ComfyUI's descriptions of the files.

    `kind` is the host's folder. Raises `FileRefused`, and `ValueError` when there are no pictures.
    """
    if not len(images):
        raise ValueError("There are no pictures to save.")
    series = saving.series(kind, prefix, images.shape[2], images.shape[1])
    info = metadata.png_info(found)
    saved = []
    for number, image in enumerate(images):

        def write(path: Path, image: pictures.FloatArray = image) -> None:
            pictures.save_png(path, image, info, compress_level)

        saved.append(series.save("png", write, number))
        host().progress(number + 1, len(images))
    return saved


_EXTENSIONS = {"video/webm": "webm", "video/mp4": "mp4", "image/gif": "gif"}


class CozyGenVideoOutput:
    """Saves pictures as a clip, and tells the studio."""

    DESCRIPTION = "Saves pictures as a clip in the output folder and shows it in CozyGen."
    RETURN_TYPES = ()
    FUNCTION = "save_video"
    OUTPUT_NODE = True
    CATEGORY = _CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "images": ("IMAGE",),
                "frame_rate": (NUMBER, {"default": 8.0, "min": 0.1, "max": 240.0, "step": 0.01}),
                "loop_count": ("INT", {"default": 0, "min": 0, "max": 100}),
                "filename_prefix": ("STRING", {"default": "CozyGen/video"}),
                "format": (list(_EXTENSIONS), {"default": "video/webm"}),
                "pingpong": ("BOOLEAN", {"default": False}),
            },
            "optional": {"audio": ("AUDIO",)},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_video(
        self,
        images: Any,
        frame_rate: float,
        loop_count: int,
        filename_prefix: str = "CozyGen/video",
        format: str = "video/webm",
        pingpong: bool = False,
        audio: Any = None,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Encode the pictures, with the prompt and the workflow in the container. Raises `FileRefused`.

        `loop_count` is how often a clip plays again. A GIF says so itself (and plays for ever with 0); in the other
        formats, which cannot, the frames are repeated.
        """
        pixels = host().array(images)
        if not len(pixels):
            raise ValueError("There are no pictures to make a clip of.")
        gif = format == "image/gif"
        order = clips.playing_order(len(pixels), pingpong=pingpong, repeats=0 if gif else loop_count)
        check_size("A clip", len(order), *pixels.shape[1:], limit=_MOST_ENCODED_BYTES)
        found = metadata.texts(prompt, extra_pnginfo)
        film = Film(pixels, float(frame_rate), order, found, _heard(audio))

        def write(path: Path) -> None:
            if gif:
                clips.save_gif(path, film, host().progress, repeats=loop_count)
            elif format == "video/mp4":
                clips.save_mp4(path, film, host().progress)
            else:
                clips.save_webm(path, film, host().progress)

        series = saving.series("output", filename_prefix, pixels.shape[2], pixels.shape[1])
        saved = series.save(_EXTENSIONS[format], write)
        event = {"status": "video_generated", "video_url": _view_url(saved), **saved}
        host().send("cozygen_video_ready", event)
        shown = {**saved, "format": format, "frame_rate": float(frame_rate)}
        return {"ui": {"images": [shown], "animated": (True,)}}


def _heard(audio: Any) -> dict[str, Any] | None:
    if audio is None:
        return None
    return {"waveform": host().array(audio["waveform"]), "sample_rate": audio["sample_rate"]}


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    "CozyGenDynamicInput": CozyGenDynamicInput,
    "CozyGenFloatInput": CozyGenFloatInput,
    "CozyGenIntInput": CozyGenIntInput,
    "CozyGenStringInput": CozyGenStringInput,
    "CozyGenChoiceInput": CozyGenChoiceInput,
    "CozyGenImageInput": CozyGenImageInput,
    "CozyGenOutput": CozyGenOutput,
    "CozyGenVideoOutput": CozyGenVideoOutput,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "CozyGenDynamicInput": "CozyGen Dynamic Input",
    "CozyGenFloatInput": "CozyGen Float Input",
    "CozyGenIntInput": "CozyGen Int Input",
    "CozyGenStringInput": "CozyGen String Input",
    "CozyGenChoiceInput": "CozyGen Choice Input",
    "CozyGenImageInput": "CozyGen Image Input",
    "CozyGenOutput": "CozyGen Output",
    "CozyGenVideoOutput": "CozyGen Video Output",
}
