"""ComfyUI's core nodes for video, with its names and inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cozygen.engines.embedded.library.declare import PREFIX_TOOLTIP
from cozygen.nodes import clips, locate, metadata, saving
from cozygen.nodes.checked import checked
from cozygen.nodes.clips import Film, audio_samples
from cozygen.nodes.host import Clip, host
from cozygen.nodes.pictures import FloatArray

_MODULE = "comfy_extras.nodes_video"
_HIDDEN = {"prompt": ("PROMPT",), "extra_pnginfo": ("EXTRA_PNGINFO",)}


def _combo(options: list[str], **more: Any) -> tuple[str, dict[str, Any]]:
    return ("COMBO", {**more, "multiselect": False, "options": options})


def _text(**options: Any) -> tuple[str, dict[str, Any]]:
    return ("STRING", {**options, "multiline": False})


class CreateVideo:
    """Pictures, and sound, as a video."""

    DESCRIPTION = "Makes a video of pictures."
    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "images": ("IMAGE", {}),
                "fps": ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0}),
            },
            "optional": {"audio": ("AUDIO", {})},
        }

    def create(self, images: FloatArray, fps: float, audio: dict[str, Any] | None = None) -> tuple[Clip]:
        """The video. Raises `ValueError` when the audio is none."""
        if audio is not None:
            audio_samples(audio)
        return (Clip(images, fps, audio),)


class GetVideoComponents:
    """A video's pictures, sound and rate."""

    DESCRIPTION = "Takes a video apart: its pictures, its sound and its frame rate."
    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("IMAGE", "AUDIO", "FLOAT")
    RETURN_NAMES = ("images", "audio", "fps")
    FUNCTION = "components"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"video": ("VIDEO", {})}}

    def components(self, video: Clip) -> tuple[FloatArray, dict[str, Any] | None, float]:
        """The pictures, the sound (None without any) and frames a second."""
        return video.images, video.audio, video.frame_rate


class LoadVideo:
    """A video of the input folder."""

    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "load"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {"required": {"file": _combo(locate.listing("input", "video"), video_upload=True)}}

    @classmethod
    def VALIDATE_INPUTS(cls, file: Any) -> bool | str:
        """Whether the file is there and a video."""
        if file is None:
            return True
        try:
            clips.check_clip(file)
        except ValueError as error:
            return f"Invalid video file: {file}. {error}"
        return True

    @classmethod
    def IS_CHANGED(cls, file: str | None = None) -> str | float:
        """The file's time and size."""
        return locate.stamp(file)

    def load(self, file: str) -> tuple[Clip]:
        """The video, decoded. Raises `FileRefused`."""
        return (clips.load_clip(file, host().progress),)


class SaveVideo:
    """An MP4."""

    DESCRIPTION = "Saves a video in the output folder."
    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        return {
            "required": {
                "video": ("VIDEO", {}),
                "filename_prefix": _text(default="video/ComfyUI", tooltip=PREFIX_TOOLTIP),
                "format": _combo(["auto", "mp4"], default="auto"),
                "codec": _combo(["auto", "h264"], default="auto"),
            },
            "hidden": _HIDDEN,
        }

    def save(
        self,
        video: Clip,
        filename_prefix: str,
        format: str,
        codec: str,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write the file: H.264 in MP4, which is what ``auto`` stands for. Raises `FileRefused`."""
        film = _film(video.images, video.frame_rate, metadata.texts(prompt, extra_pnginfo), video.audio)
        return _saved("mp4", film, filename_prefix, lambda path: clips.save_mp4(path, film, host().progress))


class SaveWEBM:
    """A WebM."""

    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = _MODULE
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, in ComfyUI's form."""
        crf_tooltip = "The quality: 0 is the best, 63 makes the smallest file."
        return {
            "required": {
                "images": ("IMAGE", {}),
                "filename_prefix": _text(default="ComfyUI"),
                "codec": _combo(["vp9", "av1"]),
                "fps": ("FLOAT", {"default": 24.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "crf": ("FLOAT", {"default": 32.0, "min": 0, "max": 63.0, "step": 1, "tooltip": crf_tooltip}),
            },
            "hidden": _HIDDEN,
        }

    def save(
        self,
        images: FloatArray,
        filename_prefix: str,
        codec: str,
        fps: float,
        crf: float,
        prompt: Any = None,
        extra_pnginfo: Any = None,
    ) -> dict[str, Any]:
        """Write the file. Raises `FileRefused`."""
        film = _film(images, fps, metadata.texts(prompt, extra_pnginfo), None)

        def write(path: Path) -> None:
            clips.save_webm(path, film, host().progress, codec=codec, crf=crf)

        return _saved("webm", film, filename_prefix, write)


def _film(images: FloatArray, rate: float, found: dict[str, str], audio: dict[str, Any] | None) -> Film:
    return Film(images, rate, range(len(images)), found, audio)


def _saved(extension: str, film: Film, prefix: str, write: Callable[[Path], None]) -> dict[str, Any]:
    series = saving.series("output", prefix, film.images.shape[2], film.images.shape[1])
    return {"ui": {"images": [series.save(extension, write)], "animated": (True,)}}


NODE_CLASS_MAPPINGS: dict[str, type[Any]] = {
    node.__name__: checked(node) for node in (CreateVideo, GetVideoComponents, LoadVideo, SaveVideo, SaveWEBM)
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "CreateVideo": "Create Video",
    "GetVideoComponents": "Get Video Components",
    "LoadVideo": "Load Video",
    "SaveVideo": "Save Video",
}
