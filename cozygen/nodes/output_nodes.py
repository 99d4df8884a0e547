"""The nodes where a workflow's results come out: they save, and tell the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cozygen.nodes import clips, metadata, pictures, saving
from cozygen.nodes.checked import checked
from cozygen.nodes.clips import Film
from cozygen.nodes.host import Directory, host
from cozygen.nodes.kinds import NUMBER
from cozygen.nodes.limits import check_size

# Frames are encoded one by one: what is bounded here is the time that a typing error can cost.
_MOST_ENCODED_BYTES = 64 * 2**30
_PNG_COMPRESSION = 4  # zlib's level; ComfyUI's default
_CATEGORY = "CozyGen"


def _view_url(saved: dict[str, str]) -> str:
    return "/view?" + urlencode({key: saved[key] for key in ("filename", "subfolder", "type")})


@checked
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
    kind: Directory, images: pictures.FloatArray, prefix: str, found: dict[str, str], compress_level: int
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


@checked
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
