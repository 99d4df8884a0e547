"""The parameters as Stable Diffusion WebUI writes them, and Forge, SD.Next, Civitai, Fooocus and image savers after it.

The positive prompt, a line ``Negative prompt: ...`` (both may have several lines), then ``Steps: 20, Sampler: Euler a,
...``: names and values, a value that holds a comma, a colon or a line break as a JSON string, some as JSON.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cozygen.gallery.metadata import texts
from cozygen.gallery.metadata.model import Lora, Summary

MAX_LENGTH = 256 * 1024
"""Characters of a text that are looked at."""

_MAX_SETTINGS = 1024
_MAX_LORAS = 256
_NEGATIVE = "Negative prompt:"
_NAME = re.compile(r"\w[\w /()+.\-]{0,63}")
_SIZE = re.compile(r"\s*(\d{1,6})\s*[x×]\s*(\d{1,6})")
_LORA = re.compile(
    r"<(?:lora|lyco|locon|loha):([^:<>]{1,256})(?::([^:<>]{0,32}))?(?::([^:<>]{0,32}))?[^<>]{0,256}>", re.I
)
_SCHEDULES = (" Karras", " Exponential", " Polyexponential", " SGM Uniform", " Simple", " Beta", " Turbo")


def parse(text: str) -> tuple[str, str, dict[str, str]]:
    """The positive prompt, the negative one, and the settings by their names."""
    text = text[:MAX_LENGTH].replace("\r\n", "\n").strip()
    prompts, settings = _split(text)
    positive, negative = _prompts(prompts)
    return positive, negative, _settings(settings)


def summarise(text: str) -> Summary:
    """The text's meaning."""
    positive, negative, settings = parse(text)
    hashes = _object(settings.get("Hashes"))
    sampler, scheduler = _sampler(settings)
    models = [settings.get("Model"), settings.get("Refiner"), *_civitai(settings, "checkpoint")]
    if not any(models):
        models.append(settings.get("Model hash"))
    size = parse_size(settings.get("Size", ""))
    return Summary(
        positive=positive,
        negative=negative,
        models=tuple(dict.fromkeys(_model(name) for name in models if name)),
        loras=_loras(positive, settings, hashes),
        vae=_given(settings.get("VAE") or settings.get("Module 1")),
        sampler=sampler,
        scheduler=scheduler,
        steps=texts.integer(settings.get("Steps")),
        cfg=texts.number(settings.get("CFG scale") or settings.get("CFG Scale")),
        guidance=texts.number(settings.get("Distilled CFG Scale")),
        seed=texts.integer(settings.get("Seed")),
        size=size,
        clip_skip=texts.integer(settings.get("Clip skip") or settings.get("CLIP skip")),
    )


def parse_size(text: str) -> tuple[int, int] | None:
    """``832x1216`` and texts that begin with it, as (width, height)."""
    match = _SIZE.match(text)
    if match is None:
        return None
    width, height = int(match[1]), int(match[2])
    return (width, height) if width and height else None


def lora_tags(text: str) -> list[Lora]:
    """The ``<lora:name:strength:strength of the text encoder>`` tags of a prompt."""
    loras = []
    for match in _LORA.finditer(text[:MAX_LENGTH]):
        strength = texts.number(match[2])
        strength = 1.0 if strength is None else strength
        clip = texts.number(match[3])
        loras.append(Lora(match[1].strip().replace("\\", "/"), strength, strength if clip is None else clip))
        if len(loras) == _MAX_LORAS:
            break
    return loras


def _split(text: str) -> tuple[str, str]:
    """The prompts and the settings, which begin with the last line that begins with ``Steps:``."""
    at = text.rfind("\nSteps: ")
    if at >= 0 or text.startswith("Steps: "):
        return text[: max(at, 0)], text[at + 1 :]
    # Versions and savers that put something else first: the last line, if it is settings by its form.
    before, _, last = text.rpartition("\n")
    return (before, last) if len(_settings(last)) >= 3 else (text, "")


def _prompts(text: str) -> tuple[str, str]:
    if text.startswith(_NEGATIVE):
        return "", text[len(_NEGATIVE) :].strip()
    positive, _, negative = text.partition("\n" + _NEGATIVE)
    return positive.strip(), negative.strip()


def _settings(text: str) -> dict[str, str]:
    """``Name: value, ...``. What has no name is passed over. Of a name given twice, the first value holds."""
    settings: dict[str, str] = {}
    at = 0
    for _ in range(_MAX_SETTINGS):
        if at >= len(text):
            break
        colon = text.find(":", at, at + 256)
        name = text[at:colon].strip(" ,\n\t") if colon >= 0 else ""
        if not _NAME.fullmatch(name):
            comma = text.find(",", at)
            if comma < 0:
                break
            at = comma + 1
            continue
        value, at = _value(text, colon + 1)
        settings.setdefault(name, value)
    return settings


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at `at`, and where the next setting begins."""
    while at < len(text) and text[at] in " \t":
        at += 1
    if text[at : at + 1] in ('"', "{", "["):
        parsed = texts.json_prefix(text, at)
        if parsed is not None:
            value, end = parsed
            comma = text.find(",", end)
            following = len(text) if comma < 0 else comma + 1
            if not text[end : following - 1 if comma >= 0 else following].strip():
                return value if isinstance(value, str) else json.dumps(value), following
    ends = [end for end in (text.find(",", at), text.find("\n", at)) if end >= 0]
    end = min(ends, default=len(text))
    return text[at:end].strip(), end + 1


def _sampler(settings: dict[str, str]) -> tuple[str | None, str | None]:
    """Sampler and scheduler; older versions write the one behind the other."""
    sampler, scheduler = _given(settings.get("Sampler")), _given(settings.get("Schedule type"))
    scheduler = scheduler or _given(settings.get("Scheduler"))
    for schedule in _SCHEDULES:
        if sampler and sampler.endswith(schedule):
            return sampler.removesuffix(schedule), scheduler or schedule.strip()
    return sampler, scheduler


def _loras(positive: str, settings: dict[str, str], hashes: dict[str, Any]) -> tuple[Lora, ...]:
    """From the tags in the prompt, else from where the program lists them."""
    loras = {lora.name: lora for lora in lora_tags(positive)}
    for name, weight in _pairs(settings.get("Lora weights", "")):
        strength = texts.number(weight)
        loras.setdefault(name, Lora(name, strength, strength))
    for name, _ in _pairs(settings.get("Lora hashes", "")):
        loras.setdefault(name, Lora(name))
    for key in hashes:
        if key.lower().startswith(("lora:", "lyco:")):
            name = key.partition(":")[2]
            loras.setdefault(name, Lora(name))
    for resource in _resources(settings):
        if str(resource.get("type", "")).lower() in ("lora", "lycoris", "dora"):
            name, strength = str(resource.get("modelName") or ""), texts.number(resource.get("weight"))
            if name:
                loras.setdefault(name, Lora(name, strength, strength))
    return tuple(loras.values())[:_MAX_LORAS]


def _pairs(text: str) -> list[tuple[str, str]]:
    """``name: value, name: value``."""
    pairs = []
    for part in text.strip('"').split(",")[:_MAX_LORAS]:
        name, separator, value = part.rpartition(":")
        if separator and name.strip():
            pairs.append((name.strip(), value.strip()))
    return pairs


def _resources(settings: dict[str, str]) -> list[dict[str, Any]]:
    value = texts.json_value(settings.get("Civitai resources", ""))
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _civitai(settings: dict[str, str], kind: str) -> list[str]:
    return [
        str(item["modelName"]) for item in _resources(settings) if item.get("type") == kind and item.get("modelName")
    ]


def _object(text: str | None) -> dict[str, Any]:
    return (texts.json_object(text) if text else None) or {}


def _model(name: str) -> str:
    return name.strip().replace("\\", "/")


def _given(text: str | None) -> str | None:
    """The text, unless it stands for nothing."""
    return text if text and text.lower() not in ("none", "automatic") else None
