"""What a node's class and the names of its inputs say, whatever is in them.

Nobody can know every node that people install, so nodes are understood by the names of their inputs, which are
conventions; a class is only looked at where it says more (switches, concatenations). A library has few kinds of nodes
and many thousands of graphs: what is found out about a kind is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache

POSITIVE, NEGATIVE = "positive", "negative"

TYPED = re.compile(r"model|clip|vae|image|pixel|mask|latent|sample|control|noise|sigma|audio|video|frames|width|height")
"""In the names of inputs that are surely of a type of their own: unknown nodes are followed through the others."""

DELIMITERS = ("delimiter", "separator", "sep", "seperator", "delim")
MODEL_NAMES = (
    *("ckpt_name", "base_ckpt_name", "unet_name", "model_name", "gguf_name", "diffusion_model", "model_path"),
    *("diffusion_name", "checkpoint", "ckpt", "model", "unet", "base_model", "refiner_ckpt_name"),
)
SEEDS = ("seed", "noise_seed", "seed_num")
SIDES = (("width", "empty_latent_width"), ("height", "empty_latent_height"))
SIZES = ("resolution", "dimensions", "size")

_SWITCH = re.compile(r"switch|if.?else|conditionalbranch|^if\b|return a else b", re.I)
_CONCATENATION = re.compile(r"concat|join|combine|merge|append|^StringFunction", re.I)
_TEXT_PART = re.compile(r"(?:text|string|str|prompt|input|value)?_?(?:[a-z]|\d{1,3})?", re.I)

_SAVES = re.compile(r"save|video.?combine|^CozyGen\w*Output|write|export|upload", re.I)
_SHOWS = re.compile(r"preview|show|display|compare|view", re.I)
_PICTURES = ("images", "image", "video", "frames", "samples", "latent_image", "latent", "latents", "pixels", "audio")

_TEXT_ENCODER = (
    *("text", "prompt", "user_prompt", "t5xxl", "text_g", "clip_g", "text_l", "clip_l", "llama", "mt5xl"),
    *("bert", "tags", "lyrics", "caption", "string"),
)
_BOTH_SIDES = ("text_embeds", "prompt_embeds", "hyvid_embeds")  # one link for the positive and the negative prompt
_PROMPTS = ("text_positive", "positive_prompt", "prompt", "prompt_text", "text", "text_prompt")
_NEGATIVES = ("negative", "text_negative", "negative_prompt", "negative_text", "prompt_negative")
_SIDES = {
    POSITIVE: ("positive", "conditioning", "cond", "cond1", *_BOTH_SIDES, *_PROMPTS),
    NEGATIVE: (*_NEGATIVES[:1], "negative_embeds", *_BOTH_SIDES, *_NEGATIVES[1:]),
}
_CONDITIONS = ("positive", "negative", "guider", "conditioning", "cond", "cond1", *_BOTH_SIDES)
_BUNDLE = re.compile(r"pipe|ctx|context|\bbus|tuple", re.I)
_PACE = ("steps", "sigmas", "sampler_name", "sampler")
_BESIDE_A_PROMPT = ("seed", "noise_seed", "steps", "width", "height", "aspect_ratio", "resolution", "size", "duration")

# Nodes that hand on both sides, the positive one first. Elsewhere the outputs' order is not known.
_TWO_SIDED = (
    *("ControlNetApplyAdvanced", "ControlNetApplySD3", "ControlNetInpaintingAliMamaApply"),
    "InpaintModelConditioning",
)

_CONDITION_LINK = re.compile(r"cond|embeds", re.I)
_MODEL_LINK = re.compile(r"model|unet|lora|transformer|patcher", re.I)
_NO_MODEL = re.compile(r"clip|vision|upscale|style|sam_|control|adapter|detector|embed|_name$|_path$", re.I)
_LATENT_LINK = re.compile(r"latent|samples|pixels|^image_embeds$|^images?\d*$|^input|^any|^value$|^$", re.I)
_LINKED_NAMES = re.compile(r"_name$|_path$")
_LORA_NAME = re.compile(r"lora(?:_name)?_?(\d{1,3})?(?:_name)?")

_REMEMBERED = 4096
_MOST_NAMES, _MOST_LETTERS = 64, 2048

Names = tuple[str, ...]


class Shape:
    """A class, the names of a node's inputs, and which of them are links, in the order in which they are written."""

    def __init__(self, kind: str, names: Names, linked: Names) -> None:
        self.kind = kind
        self.names = names
        self.linked = linked
        self._towards: dict[str, Names] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.names

    # What it is

    @cached_property
    def is_switch(self) -> bool:
        """Whether the node lets one of its inputs through."""
        return _SWITCH.search(self.kind) is not None

    @cached_property
    def is_concatenation(self) -> bool:
        """Whether the node puts texts together."""
        named_so = _CONCATENATION.search(self.kind) is not None and "cond" not in self.kind.lower()
        return named_so and bool(self.text_parts)

    @cached_property
    def rank(self) -> int:
        """0 for a class that saves, 1 for one that shows, 2 for any other."""
        return 0 if _SAVES.search(self.kind) else 1 if _SHOWS.search(self.kind) else 2

    @cached_property
    def has_conditions(self) -> bool:
        """Whether conditionings arrive here."""
        return bool(self._present(_CONDITIONS))

    @cached_property
    def is_sampler(self) -> bool:
        """Whether the node makes a picture under the guidance of conditionings."""
        if "guider" in self:
            return bool(self._present(("sigmas", "latent_image", "noise")))
        if "context" in self.kind.lower():
            return False  # a bundle that holds a sampler's settings
        conditioned = self.has_conditions or any(_BUNDLE.search(name) for name in self.names)
        return conditioned and bool(self._present(_PACE))

    @cached_property
    def is_generator(self) -> bool:
        """Whether the node makes a picture of a text by itself."""
        if "clip" in self:
            return False  # it encodes the text for somebody else
        if "text" in self and not self._present(("positive", *_PROMPTS[:4])):
            return bool(self._present(SEEDS))  # lest a caption that is drawn on a picture be taken for its prompt
        return bool(self._present(("positive", *_PROMPTS)) and self._present(_BESIDE_A_PROMPT))

    @cached_property
    def is_lora_syntax(self) -> bool:
        """Whether the node applies LoRAs that a text names."""
        return "lora" in self.kind.lower() and "lora_name" not in self

    # Its inputs

    @cached_property
    def states_size(self) -> bool:
        """Whether there is an input that may hold the size of a picture."""
        return bool(self._present((*SIDES[0], *SIDES[1], *SIZES)))

    @cached_property
    def text_parts(self) -> Names:
        """The inputs that a concatenation puts together."""
        return tuple(name for name in self.names if name and name not in DELIMITERS and _TEXT_PART.fullmatch(name))

    @cached_property
    def model_names(self) -> Names:
        """The inputs that hold the name of a model, and not the model itself."""
        return tuple(
            name for name in self._present(MODEL_NAMES) if name not in self.linked or _LINKED_NAMES.search(name)
        )

    @cached_property
    def loras(self) -> dict[str, str | None]:
        """The inputs that hold the name of a LoRA, with their number where there are several."""
        return {name: match[1] for name in self.names if (match := _LORA_NAME.fullmatch(name))}

    def side(self, side: str) -> str | None:
        """The input of a sampler or guider from which that side of the prompt comes."""
        return (self._positive if side == POSITIVE else self._negative)[0]

    def texts(self, side: str) -> Names:
        """The inputs of a text encoder that are encoded for a side."""
        return (self._positive if side == POSITIVE else self._negative)[1]

    def conditions(self, side: str, slot: int) -> Names:
        """The links from which the conditioning comes that leaves the node at its output `slot`."""
        if slot in (0, 1) and self.kind in _TWO_SIDED:
            side = (POSITIVE, NEGATIVE)[slot]
        return (self._positive if side == POSITIVE else self._negative)[2]

    @cached_property
    def _positive(self) -> tuple[str | None, Names, Names]:
        return self._about_side(POSITIVE)

    @cached_property
    def _negative(self) -> tuple[str | None, Names, Names]:
        return self._about_side(NEGATIVE)

    def _about_side(self, side: str) -> tuple[str | None, Names, Names]:
        name = next(iter(self._present(_SIDES[side])), None)
        return name, self._encoded(side), self._conditions(side)

    def _encoded(self, side: str) -> Names:
        names = self._present((f"{side}_prompt", f"text_{side}", f"prompt_{side}", f"{side}_text"))
        names = names or self._present(("populated_text", "wildcard_text"))[:1]
        if not names and (side == POSITIVE or not self._present(_NEGATIVES)):
            names = self._present(_TEXT_ENCODER)
        return names

    def _conditions(self, side: str) -> Names:
        if side in self.linked:
            return (side,)
        if POSITIVE in self or NEGATIVE in self:
            return self.bundles
        wanted = tuple(name for name in self.linked if _CONDITION_LINK.search(name) or _BUNDLE.search(name))
        if wanted or self.is_concatenation or self._present(_TEXT_ENCODER):
            return wanted
        return self.untyped

    # Ways upstream: links to follow

    @cached_property
    def bundles(self) -> Names:
        """The links to nodes that hand on several things at once."""
        return tuple(name for name in self.linked if _BUNDLE.search(name))

    @cached_property
    def untyped(self) -> Names:
        """The links whose names do not say of which type they are."""
        return tuple(name for name in self.linked if not TYPED.search(name.lower()))

    @cached_property
    def pictures(self) -> Names:
        """All links, pictures first."""
        first = tuple(name for name in _PICTURES if name in self.linked)
        return first + tuple(name for name in self.linked if name not in first)

    @cached_property
    def latents(self) -> Names:
        """The links to latent pictures."""
        return tuple(name for name in self.linked if _LATENT_LINK.search(name))

    @cached_property
    def to_latents(self) -> Names:
        """The links that lead on to where a latent picture began."""
        if "width" in self and "height" in self and "samples" not in self:
            return ()  # it makes the latent picture; an image that it takes is a model for it, not an earlier pass
        return tuple(name for name in self.linked if _LATENT_LINK.search(name) or _BUNDLE.search(name))

    @cached_property
    def to_models(self) -> Names:
        """The links that lead on to the models."""
        wanted = tuple(name for name in self.linked if _MODEL_LINK.search(name) and not _NO_MODEL.search(name))
        wanted += self.bundles
        if wanted or self.is_sampler or self._present(MODEL_NAMES):
            return wanted
        return tuple(name for name in self.untyped if name not in _CONDITIONS)

    def to(self, part: str) -> Names:
        """The links of which `part` is in the name, and bundles; of another node, its only link."""
        found = self._towards.get(part)
        if found is None:
            found = tuple(name for name in self.linked if part in name.lower() or _BUNDLE.search(name))
            if not found and len(self.linked) == 1:
                found = self.linked
            self._towards[part] = found
        return found

    def _present(self, names: Iterable[str]) -> Names:
        return tuple(name for name in names if name in self.names)


def shape_of(kind: str, names: Names, linked: Names) -> Shape:
    """The shape of nodes of a class that have inputs of these names; `linked` are those that are links."""
    if len(names) > _MOST_NAMES or len(kind) + sum(map(len, names)) > _MOST_LETTERS:
        return Shape(kind, names, linked)  # hostile files are not worth the memory
    return _remembered(kind, names, linked)


_remembered = lru_cache(_REMEMBERED)(Shape)


def both_sides(name: str | None) -> bool:
    """Whether an input brings the positive and the negative prompt at once."""
    return name in _BOTH_SIDES
