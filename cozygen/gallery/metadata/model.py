"""What is known of a file, and what a generation comes down to: the results of the readers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cozygen.gallery.metadata import texts


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """The metadata embedded in one file. Everything is None, or empty, where the file does not say.

    ``container``: the file format by its bytes (``png``, ``jpeg``, ``webp``, ``gif``, ``bmp``, ``tiff``, ``avif``,
    ``heif``, ``mp4``, ``matroska``, ``flac``, ``ogg``, ``mp3``, ``wav``).
    ``width``, ``height``: pixels as shown, a film's or a picture's rotation applied where the container declares it.
    ``duration``: seconds. ``fps``: frames a second.
    ``source``: the program that made the file (``comfyui``, ``a1111``, ``forge``, ``sdnext``, ``civitai``,
    ``invokeai``, ``novelai``, ``fooocus``, ``swarmui``, ``drawthings``, ``easydiffusion``).
    ``prompt``: ComfyUI's API-format graph, entries that are no nodes left out.
    ``workflow_text``: ComfyUI's UI-format workflow as JSON, see `workflow`.
    ``prompt_raw``: the prompts as typed, ``"<node id>.<input name>"`` to text.
    ``parameters``: the generation parameters as text, in the form of Stable Diffusion WebUI.
    ``document``: the generation parameters of a program that writes JSON of its own.
    ``extra``: every other text of the file by its key, lower case.
    ``problem``: why the file could not be read to its end; what was found until there is kept.

    No string holds NUL or a lone surrogate, and no number is NaN or infinite (they read as None), so that all of it can
    be stored as UTF-8 and sent as JSON. Seeds may exceed 2**63 - 1.
    """

    container: str | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    source: str | None = None
    prompt: dict[str, Any] | None = None
    workflow_text: str | None = None
    prompt_raw: dict[str, str] | None = None
    parameters: str | None = None
    document: dict[str, Any] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def workflow(self) -> dict[str, Any] | None:
        """The UI-format workflow. It is often large and seldom needed, so it is parsed anew by every call."""
        return None if self.workflow_text is None else texts.json_object(self.workflow_text)

    @property
    def has_prompt(self) -> bool:
        """Whether the file says how it was generated, in any program's format."""
        return any(value is not None for value in (self.prompt, self.workflow_text, self.parameters, self.document))


class Lora(NamedTuple):
    """A LoRA and how strongly it was applied. ``strength_clip`` is None where it leaves the text encoder alone, both
    are None where only the name is known."""

    name: str
    strength_model: float | None = None
    strength_clip: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How a file was generated, the same for every program. None, or empty, where the metadata does not say.

    Names of models are as the program knew them, with ``/`` between folders. ``models`` has the one that began the
    picture first, ``loras`` are in the order in which they were applied. ``vae`` is the file that the VAE was loaded
    from, which may be a checkpoint. ``cfg`` is the classifier-free guidance scale, ``guidance`` the distilled one
    (Flux). ``size`` is (width, height) in pixels of the first sampling, before any upscaling, else of the file.
    ``clip_skip`` counts as Stable Diffusion WebUI does: 1 is the last layer.
    """

    positive: str = ""
    negative: str = ""
    models: tuple[str, ...] = ()
    loras: tuple[Lora, ...] = ()
    vae: str | None = None
    sampler: str | None = None
    scheduler: str | None = None
    steps: int | None = None
    cfg: float | None = None
    guidance: float | None = None
    seed: int | None = None
    size: tuple[int, int] | None = None
    clip_skip: int | None = None

    def to_json(self) -> str:
        """As compact JSON, without what is unknown; a LoRA is ``[name, strength_model, strength_clip]``."""
        values = {name: getattr(self, name) for name in self.__slots__}
        known = {name: value for name, value in values.items() if value not in (None, "", ())}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":"))
