"""What is known of a model file: from its own header, and from the files that model managers leave beside it. Pure.

Each reader takes what one program wrote and gives the `Facts` in it; `merged` makes one of several.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from cozygen.storage import jsons

MAX_WORDS = 60
"""Most trigger words, and most training tags, of one model."""

_MAX_WORD = 500
_MAX_NAME = 200
_MAX_TEXT = 4000
_MAX_STRENGTH = 100.0
_MAX_COUNT = 10**12


@dataclass(frozen=True)
class Facts:
    """What is known of a model; empty and None: nothing.

    `trigger_words` are words or phrases for the prompt as their author wrote them, `negative_words` those for the
    negative prompt. `training_tags` are the most frequent words of the captions it was trained on, the most frequent
    first. `strength` is what its author or owner recommends for it.
    """

    title: str = ""
    base_model: str = ""
    author: str = ""
    description: str = ""
    notes: str = ""
    trigger_words: tuple[str, ...] = ()
    negative_words: tuple[str, ...] = ()
    training_tags: tuple[str, ...] = ()
    strength: float | None = None


NOTHING = Facts()


def merged(known: Iterable[Facts]) -> Facts:
    """One of several, the most trusted first: the first that says something counts; trigger words are gathered."""
    listed = list(known)
    values: dict[str, Any] = {}
    for field in fields(Facts):
        said = [value for facts in listed if (value := getattr(facts, field.name)) not in ("", (), None)]
        if field.name == "trigger_words":
            values[field.name] = _words([word for words in said for word in words])
        elif said:
            values[field.name] = said[0]
    return Facts(**values)


def from_header(metadata: Mapping[str, str]) -> Facts:
    """Of a safetensors header: ``modelspec.*`` (Stability's sai_model_spec) and ``ss_*`` (kohya's sd-scripts)."""
    spec = from_swarm(metadata)
    trained = Facts(
        title=_name(metadata.get("ss_output_name")),
        base_model=base_model(metadata.get("ss_base_model_version")),
        notes=_text(metadata.get("ss_training_comment")),
        training_tags=_training_tags(metadata.get("ss_tag_frequency", "")),
    )
    return merged([spec, trained])


def from_swarm(document: Mapping[str, Any]) -> Facts:
    """Of SwarmUI's ``<name>.swarm.json``: the keys of ``modelspec.*``."""
    return Facts(
        title=_name(document.get("modelspec.title")),
        base_model=base_model(document.get("modelspec.architecture")),
        author=_name(document.get("modelspec.author")),
        description=_text(document.get("modelspec.description")),
        notes=_text(document.get("modelspec.usage_hint")),
        trigger_words=_phrases(document.get("modelspec.trigger_phrase")),
        strength=_strength(document.get("modelspec.lora_default_weight")),
    )


def from_webui(document: Mapping[str, Any]) -> Facts:
    """Of ``<name>.json`` as Stable Diffusion WebUI's users edit it. SwarmUI has used this name too."""
    own = Facts(
        base_model=base_model(document.get("sd version")),
        description=_text(document.get("description")),
        notes=_text(document.get("notes")),
        trigger_words=_phrases(document.get("activation text")),
        negative_words=_phrases(document.get("negative text")),
        strength=_strength(document.get("preferred weight")),
    )
    return merged([own, from_swarm(document)])


def from_civitai(document: Mapping[str, Any]) -> Facts:
    """Of ``<name>.civitai.info``: a model version as Civitai's API describes it."""
    model = _mapping(document.get("model"))
    creator = _mapping(document.get("creator")) or _mapping(model.get("creator"))
    return Facts(
        title=_name(model.get("name")) or _name(document.get("name")),
        base_model=base_model(document.get("baseModel")),
        author=_name(creator.get("username")),
        description=_text(model.get("description")) or _text(document.get("description")),
        trigger_words=_words(document.get("trainedWords")),
    )


def from_lora_manager(document: Mapping[str, Any]) -> Facts:
    """Of LoRA Manager's ``<name>.metadata.json``; its ``usage_tips`` are JSON in a text."""
    tips = document.get("usage_tips")
    try:
        usage = _mapping(jsons.loads(tips.encode()) if isinstance(tips, str) else tips)
    except (ValueError, RecursionError):
        usage = {}
    own = Facts(
        title=_name(document.get("model_name")),
        base_model=base_model(document.get("base_model")),
        description=_text(document.get("modelDescription")),
        notes=_text(document.get("notes")),
        trigger_words=_words(document.get("trigger_words")),
        strength=_strength(usage.get("strength")),
    )
    return merged([own, from_civitai(_mapping(document.get("civitai")))])


def from_stability_matrix(document: Mapping[str, Any]) -> Facts:
    """Of ``<name>.cm-info.json``, Stability Matrix's connected model info."""
    return Facts(
        title=_name(document.get("UserTitle")) or _name(document.get("ModelName")),
        base_model=base_model(document.get("BaseModel")),
        description=_text(document.get("ModelDescription")) or _text(document.get("VersionDescription")),
        trigger_words=_words(document.get("TrainedWords")),
    )


Reader = Callable[[Mapping[str, Any]], Facts]

SIDECARS: tuple[tuple[str, Reader], ...] = (
    (".json", from_webui),
    (".metadata.json", from_lora_manager),
    (".civitai.info", from_civitai),
    (".cm-info.json", from_stability_matrix),
    (".swarm.json", from_swarm),
)
"""What may stand beside a model: the ending that takes the place of its own, and how it is read; those first that
people edit themselves."""


def read_sidecar(data: bytes, reader: Reader) -> Facts:
    """The facts in a file beside a model; none where it is not a JSON object."""
    try:
        document = jsons.loads(data)
    except (ValueError, RecursionError):
        return NOTHING
    return reader(document) if isinstance(document, dict) else NOTHING


_BASES = (
    (re.compile(r"pony", re.I), "Pony"),
    (re.compile(r"illustrious", re.I), "Illustrious"),
    (re.compile(r"noob", re.I), "NoobAI"),
    (re.compile(r"^stable-diffusion-xl-v1-(base|refiner)|^sdxl_base|^sdxl$", re.I), "SDXL 1.0"),
    (re.compile(r"^stable-diffusion-v1|^sd_v1|^sd ?1$|^sd1", re.I), "SD 1.5"),
    (re.compile(r"^stable-diffusion-v2|^sd_v2|^sd ?2$|^sd2", re.I), "SD 2"),
    (re.compile(r"^stable-diffusion-v?3\.5|^sd3\.5", re.I), "SD 3.5"),
    (re.compile(r"^stable-diffusion-v?3|^sd3", re.I), "SD 3"),
    (re.compile(r"^flux-?\.?1[-_/]?dev|^flux1$", re.I), "Flux.1 D"),
    (re.compile(r"^flux-?\.?1[-_/]?schnell", re.I), "Flux.1 S"),
)
_UNKNOWN_BASES = ("", "other", "unknown", "none")


def base_model(value: Any) -> str:
    """The model family as people call it, from what a program calls it; its own words where they are not known."""
    text = _name(value)
    if text.lower() in _UNKNOWN_BASES:
        return ""
    if " " in text:  # a name for people already, such as `SDXL 1.0`
        return text
    return next((name for pattern, name in _BASES if pattern.search(text)), text.partition("/")[0])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: Any) -> str:
    """One line of text."""
    return " ".join(_clean(value)[: 4 * _MAX_NAME].split())[:_MAX_NAME] if isinstance(value, str) else ""


_BLOCKS = re.compile(r"<(br|/p|/li|/h[1-6]|/div)\b[^<>]{0,200}>", re.I)
_TAGS = re.compile(r"<[/!a-z][^<>]{0,2000}>", re.I)


def _text(value: Any) -> str:
    """Plain text; descriptions are HTML as a rule."""
    if not isinstance(value, str):
        return ""
    plain = html.unescape(_TAGS.sub("", _BLOCKS.sub("\n", _clean(value)[: 4 * _MAX_TEXT])))
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", plain).strip()[:_MAX_TEXT]


def _clean(text: str) -> str:
    """Without what neither JSON nor a page can carry: lone surrogates and control characters."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "", text)


def _words(value: Any) -> tuple[str, ...]:
    """A list of words or phrases, each once."""
    if isinstance(value, str):
        return _phrases(value)
    if not isinstance(value, list):
        return ()
    cleaned = (_clean(word)[:_MAX_WORD].strip().strip(",").strip() for word in value if isinstance(word, str))
    return tuple(dict.fromkeys(word for word in cleaned if word))[:MAX_WORDS]


def _phrases(value: Any) -> tuple[str, ...]:
    """One text that holds words, all of which belong together."""
    return _words([value]) if isinstance(value, str) else ()


def _strength(value: Any) -> float | None:
    """A recommended strength; 0 is how some programs say that there is none."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 < abs(number) <= _MAX_STRENGTH else None


def _training_tags(text: str) -> tuple[str, ...]:
    """The most frequent ones of ``ss_tag_frequency``: ``{data set: {tag: how often}}`` as JSON."""
    try:
        sets = _mapping(jsons.loads(text.encode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return ()
    counts: dict[str, float] = {}
    for tags in sets.values():
        for tag, count in _mapping(tags).items():
            if isinstance(count, int | float) and 0 < count < _MAX_COUNT:
                counts[tag] = counts.get(tag, 0) + count
    ranked = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return _words(ranked[: 2 * MAX_WORDS])
