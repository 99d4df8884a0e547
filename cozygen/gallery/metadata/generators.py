"""The programs that write JSON, or texts, of their own: which one made a file, and what its parameters say.

Formats: InvokeAI's ``invokeai_metadata`` (CoreMetadata), ``invokeai_graph`` and, of versions 1 and 2, ``sd-metadata``
and ``Dream``; NovelAI's ``Comment``; Fooocus' JSON scheme and its older log; SwarmUI's ``sui_image_params``; Draw
Things' UserComment; Easy Diffusion's texts or JSON. What has none of their marks but a prompt and parameters under
the usual names is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from cozygen.gallery.metadata import infotext, texts
from cozygen.gallery.metadata.model import Lora, Summary

Document = dict[str, Any]

_MAX_ITEMS = 256
_CARRIERS = ("parameters", "usercomment", "comment", "description", "imagedescription", "xpcomment")

# Where each value is, in any program's document; the first that is given counts.
_POSITIVE = ("positive_prompt", "full_prompt", "prompt", "Prompt", "c", "raw_prompt")
_NEGATIVE = (
    "full_negative_prompt",
    "negative_prompt",
    "negativeprompt",
    "Negative Prompt",
    "Negative",
    "uc",
    "negativePrompt",
    "raw_negative_prompt",
)
_MODELS = (
    ("model", "base_model", "base_model_name", "Base Model", "use_stable_diffusion_model", "Stable Diffusion model"),
    ("refiner_model", "refinermodel", "refiner_model_name", "Refiner Model"),
)
_MODEL_FALLBACK = ("model_weights", "sd_model", "checkpoint", "ckpt", "model_name")
_VAE = ("vae", "vae_model", "use_vae_model", "VAE")
_SAMPLER = ("sampler", "sampler_name", "Sampler", "sampler_index")
_SCHEDULER = ("scheduler", "noise_schedule", "Scheduler", "scheduler_name")
_STEPS = ("steps", "num_inference_steps", "Steps", "Inference Steps")
_CFG = ("cfg_scale", "cfgscale", "guidance_scale", "Guidance Scale", "CFG", "cfg", "scale", "cfgScale")
_GUIDANCE = ("guidance", "fluxguidancescale", "distilled_cfg_scale")
_SEED = ("seed", "Seed", "noise_seed")
_CLIP_SKIP = ("clip_skip", "clipskip", "Clip Skip", "clipSkip")
_SIZES = ("resolution", "Resolution", "size")
_NOTHING = ("none", "automatic", "default", "")

_DREAM_TEXT = re.compile(r'\s*"((?:[^"\\]|\\.)*)"')
_DREAM_OPTION = re.compile(r"-([sSCWHA])\s*([\w.\-]+)")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NUMBERED_LORA = re.compile(r"(?:lora_combined_|LoRA |lora_)(\d{1,3})")
_STRENGTH = re.compile(r"(.+?)\s*:\s*(-?[\d.]+)")


def infotext_source(text: str) -> str:
    """The program that wrote parameters in the form of Stable Diffusion WebUI, by what only it adds."""
    _, _, settings = infotext.parse(text)
    version = settings.get("Version", "").lower()
    if "fooocus" in version:
        return "fooocus"
    if "comfy" in version:
        return "comfyui"
    if settings.get("App", "").lower() == "sd.next" or "Backend" in settings:
        return "sdnext"
    if "forge" in version or re.match(r"f\d", version) or "neo" in version:
        return "forge"
    return "civitai" if "Civitai resources" in settings else "a1111"


def recognise(entries: dict[str, str]) -> tuple[str | None, Document] | None:
    """The program and its document, by the texts of a file; None where they are no program's that is known here."""
    for find in (_invoke, _novelai, _packed, _separate):
        result = find(entries)
        if result is not None:
            return result
    return None


def _invoke(entries: dict[str, str]) -> tuple[str, Document] | None:
    for key in ("invokeai_metadata", "sd-metadata"):
        document = texts.json_object(entries.get(key, ""))
        if document:
            return "invokeai", document
    graph = texts.json_object(entries.get("invokeai_graph", "")) or {}
    nodes = graph.get("nodes")
    for node in nodes.values() if isinstance(nodes, dict) else ():
        if isinstance(node, dict) and node.get("type") == "core_metadata":
            return "invokeai", node
    dream = entries.get("dream", "")
    return ("invokeai", _dream(dream)) if dream else None


def _dream(text: str) -> Document:
    """The command line of InvokeAI's first versions: ``"a prompt" -s 50 -S 1234 -W 512 -H 512 -C 7.5 -A k_lms``."""
    text = text[: infotext.MAX_LENGTH]
    prompt = _DREAM_TEXT.match(text)
    options = dict(_DREAM_OPTION.findall(text[prompt.end() :] if prompt else ""))
    names = {"s": "steps", "S": "seed", "C": "cfg_scale", "W": "width", "H": "height", "A": "sampler"}
    document: Document = {names[option]: value for option, value in options.items()}
    positive, negative = _split_brackets(prompt[1].replace('\\"', '"') if prompt else text)
    return {"prompt": positive, "negative_prompt": negative, **document}


def _novelai(entries: dict[str, str]) -> tuple[str, Document] | None:
    comment = texts.json_object(entries.get("comment", "")) or {}
    if "novelai" not in (entries.get("software", "") + entries.get("source", "")).lower() and not (
        "uc" in comment and "request_type" in comment
    ):
        return None
    model = entries.get("source")
    return "novelai", {
        **comment,
        "prompt": comment.get("prompt") or entries.get("description") or "",
        **({"model": model} if model else {}),
    }


def _packed(entries: dict[str, str]) -> tuple[str | None, Document] | None:
    """JSON in one text."""
    scheme = entries.get("fooocus_scheme") or entries.get("makernote")
    maker = entries.get("software", "").lower()
    for key in _CARRIERS:
        text = entries.get(key, "")
        document = texts.json_object(text) if texts.looks_like_object(text) else None
        if not document:
            continue
        swarm = document.get("sui_image_params")
        if isinstance(swarm, dict):
            return "swarmui", swarm
        if scheme == "fooocus" or "full_prompt" in document or "Base Model" in document or "Performance" in document:
            return "fooocus", document
        if "fooocus" in str(document.get("software", "")).lower() or "fooocus" in maker:
            return "fooocus", document
        if "draw things" in maker or ("c" in document and "uc" in document):
            return "drawthings", document
        if "use_stable_diffusion_model" in document or "Stable Diffusion model" in document:
            return "easydiffusion", document
        if _is_generation(document):
            return None, document
    return None


def _separate(entries: dict[str, str]) -> tuple[str | None, Document] | None:
    """A text for each parameter. Keys have lost their case."""
    document: Document = dict(entries)
    if "use_stable_diffusion_model" in entries:
        return "easydiffusion", document
    if "stable diffusion model" in entries:
        renamed = {"use_stable_diffusion_model": entries["stable diffusion model"]}
        names = {key: key.replace(" ", "_") for key in entries}
        return "easydiffusion", {**{names[key]: text for key, text in entries.items()}, **renamed}
    return (None, document) if _is_generation(document) else None


def _is_generation(document: Document) -> bool:
    """Whether it has a prompt, and something that only generators have beside one."""
    keys = document.keys()
    return isinstance(_first(document, _POSITIVE), str) and any(
        keys & set(names) for names in (_SEED, _STEPS, _CFG, _NEGATIVE)
    )


def summarise(document: Document) -> Summary:
    """A document's meaning."""
    image = document.get("image")
    if isinstance(image, dict):  # InvokeAI 2
        document = {**document, **image}
    positive, negative = _prompts(document)
    models = [_name(_first(document, names)) for names in _MODELS]
    if not any(models):
        models = [_name(_first(document, _MODEL_FALLBACK))]
    return Summary(
        positive=positive,
        negative=negative,
        models=tuple(dict.fromkeys(name for name in models if name)),
        loras=_loras(document, positive),
        vae=_name(_first(document, _VAE)),
        sampler=_text(_first(document, _SAMPLER)),
        scheduler=_text(_first(document, _SCHEDULER)),
        steps=texts.integer(_first(document, _STEPS)),
        cfg=texts.number(_first(document, _CFG)),
        guidance=texts.number(_first(document, _GUIDANCE)),
        seed=texts.integer(_first(document, _SEED)),
        size=_size(document),
        clip_skip=texts.integer(_first(document, _CLIP_SKIP)),
    )


def _first(document: Document, names: Iterable[str]) -> Any:
    for name in names:
        value = document.get(name)
        if value is not None and value != "":
            return value
    return None


def _text(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip().lower() not in _NOTHING else None


def _name(value: Any) -> str | None:
    """The name of a model: a text, or an object that has one. No folder of the machine that it was made on."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("model_name") or value.get("model") or value.get("file")
        return _name(value) if isinstance(value, dict | str) and value else None
    name = _text(value)
    if name is None:
        return None
    name = name.replace("\\", "/")
    return name.rpartition("/")[2] if name.startswith("/") or name[1:3] == ":/" else name


def _prompts(document: Document) -> tuple[str, str]:
    positive, negative = _first(document, _POSITIVE), _first(document, _NEGATIVE)
    if isinstance(document.get("v4_prompt"), dict):  # NovelAI 4: characters have captions of their own
        positive = _captions(document["v4_prompt"]) or positive
    if isinstance(document.get("v4_negative_prompt"), dict):
        negative = _captions(document["v4_negative_prompt"]) or negative
    if "model_weights" in document and negative is None:  # InvokeAI 2 has the negative prompt in brackets
        return _split_brackets(_phrases(positive))
    style = document.get("positive_style_prompt"), document.get("negative_style_prompt")
    return (
        texts.joined([_phrases(positive), _phrases(style[0])]),
        texts.joined([_phrases(negative), _phrases(style[1])]),
    )


def _phrases(value: Any) -> str:
    """A prompt that is a text, a list of texts (Fooocus), or of objects with a prompt each (InvokeAI 2)."""
    if isinstance(value, str):
        return value.strip()
    items = value[:_MAX_ITEMS] if isinstance(value, list) else []
    phrases = [item.get("prompt") if isinstance(item, dict) else item for item in items]
    return ", ".join(phrase.strip() for phrase in phrases if isinstance(phrase, str) and phrase.strip())


def _captions(prompt: Document) -> str:
    caption = prompt.get("caption")
    if not isinstance(caption, dict):
        return ""
    characters = caption.get("char_captions")
    parts = [caption.get("base_caption")]
    if isinstance(characters, list):
        parts += [item.get("char_caption") for item in characters[:_MAX_ITEMS] if isinstance(item, dict)]
    return texts.joined(part for part in parts if isinstance(part, str))


def _split_brackets(text: str) -> tuple[str, str]:
    negative = ", ".join(part.strip() for part in _BRACKETS.findall(text) if part.strip())
    return _BRACKETS.sub("", text).strip(), negative


def _size(document: Document) -> tuple[int, int] | None:
    width, height = texts.integer(document.get("width")), texts.integer(document.get("height"))
    if width and height and width > 0 and height > 0:
        return width, height
    for name in _SIZES:
        value = document.get(name)
        if isinstance(value, str):
            size = infotext.parse_size(value.strip("([ ").replace(", ", "x"))  # Fooocus writes "(1152, 896)"
            if size:
                return size
    return None


def _loras(document: Document, positive: str) -> tuple[Lora, ...]:
    loras: list[Lora] = []
    names = _first(document, ("loras", "lora", "use_lora_model"))
    weights = _first(document, ("loraweights", "lora_alpha"))
    items = names if isinstance(names, list) else [names] if isinstance(names, str) else []
    strengths = weights if isinstance(weights, list) else [weights]
    if isinstance(names, str) and isinstance(weights, str):  # older SwarmUIs: both separated by commas
        items, strengths = names.split(","), weights.split(",")
    for index, item in enumerate(items[:_MAX_ITEMS]):
        lora = _lora(item, strengths[index] if index < len(strengths) else None)
        if lora is not None:
            loras.append(lora)
    for key, value in document.items():
        match = _STRENGTH.fullmatch(value[:512]) if isinstance(value, str) and _NUMBERED_LORA.match(key) else None
        if match is not None:
            strength = texts.number(match[2])
            loras.append(Lora(match[1].strip().replace("\\", "/"), strength, strength))
    loras += infotext.lora_tags(positive)
    unique: dict[str, Lora] = {}
    for lora in loras[:_MAX_ITEMS]:
        unique.setdefault(lora.name, lora)
    return tuple(unique.values())


def _lora(item: Any, strength: Any) -> Lora | None:
    """A LoRA that is a name, an object, or (Fooocus) a list of name, strength and hash."""
    if isinstance(item, list):
        item, strength = item[0] if item else None, item[1] if len(item) > 1 else None
    elif isinstance(item, dict):
        strength = _first(item, ("weight", "strength"))
        item = _first(item, ("lora", "model", "name", "file"))
    name = _name(item)
    if name is None:
        return None
    value = texts.number(strength)
    return Lora(name, value, value)
