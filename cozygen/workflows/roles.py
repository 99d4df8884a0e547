"""What the values of a graph are for: prompts, seeds, sampling, size, models, pictures. Pure.

Prompts are found from the samplers: their ``positive`` and ``negative`` inputs are followed back, past whatever
combines or changes conditionings, to the texts. Numbers that come from a node of their own (a primitive) have the role
of the input that they feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from cozygen.workflows.graph import Graph, is_link, links
from cozygen.workflows.parameters import CHOICE_TYPES, MODEL_FILE, Parameter


class Role(IntEnum):
    """In the order of the form."""

    PROMPT = 0
    NEGATIVE = 1
    SEED = 2
    STEPS = 3
    CFG = 4
    SAMPLER = 5
    SCHEDULER = 6
    DENOISE = 7
    SIZE = 8
    LENGTH = 9
    MODEL = 10
    LORA = 11
    IMAGE = 12
    OTHER = 99


_TEXTS = re.compile(
    r"^(model\.)?(text|prompt|text_[gl]|clip_[gl]|t5xxl|llama|bert|mt5xl|qwen\w*|(user_|positive_|text_)?prompt|positive"
    r"|tags|lyrics|caption|instruction|style_prompt|wildcard_text|string(_[a-z])?|value|conditioning_text|negative"
    r"|(model\.)?negative_?\w*|neg_prompt)$"
)
_UNREACHED_TEXTS = re.compile(
    r"^(model\.)?(prompt|text|(user_|positive_|negative_|text_|neg_)prompt|instruction|lyrics|tags|caption)$"
)
_NOT_FOLLOWED = re.compile(
    r"^(model\w*|clip|clip_vision\w*|vae|\w*image\w*|pixels|\w*mask\w*|latent\w*|samples|control_net|noise|sampler|sigmas"
    r"|audio\w*|video\w*|\w*system\w*|width|height|style_model|switch)$"
)
_SEEDS = re.compile(r"(^|[._])seed$|^seed")
_NUMBERS = {
    "steps": Role.STEPS,
    "cfg": Role.CFG,
    "guidance": Role.CFG,
    "guidance_scale": Role.CFG,
    "denoise": Role.DENOISE,
    "length": Role.LENGTH,
    "duration": Role.LENGTH,
    "seconds": Role.LENGTH,
}
_CHOICES = {"sampler_name": Role.SAMPLER, "scheduler": Role.SCHEDULER}
_SIZE_CHOICES = frozenset({"aspect_ratio", "resolution", "size", "megapixels", "size_preset", "ratio"})
_PRIMITIVE_ROLES = (Role.SEED, Role.STEPS, Role.CFG, Role.DENOISE, Role.SIZE, Role.LENGTH)
_SIDES = ("width", "height")


def roles(graph: Graph, parameters: Iterable[Parameter], object_info: Mapping[str, Any]) -> dict[str, Role]:
    """The role of each parameter by its key."""
    listed = list(parameters)
    by_node: dict[str, list[Parameter]] = {}
    for parameter in listed:
        by_node.setdefault(parameter.node_id, []).append(parameter)
    found = _Prompts(graph, by_node, object_info).find()
    passed_on = _primitives(graph, by_node)
    makers = {node_id for node_id in by_node if _makes_latents(graph[node_id], object_info)}
    result: dict[str, Role] = {}
    for parameter in listed:
        role = found.get(parameter.key)
        if role is None:
            role = passed_on.get(parameter.key, _by_name(parameter))
        result[parameter.key] = role
    _settle_sizes(listed, result, makers)
    return result


def _by_name(parameter: Parameter) -> Role:
    name = parameter.input.rpartition(".")[2].lower()
    if parameter.type == "image" or "audio_upload" in parameter.options:
        return Role.IMAGE
    if parameter.type in ("int", "float"):
        return _number_role(name)
    if parameter.type == "choice":
        return _choice_role(parameter, name)
    if parameter.type == "string":
        if name in _SIZE_CHOICES:
            return Role.SIZE
        if _UNREACHED_TEXTS.match(parameter.input.lower()):
            return Role.NEGATIVE if "neg" in name else Role.PROMPT
    return Role.OTHER


def _number_role(name: str) -> Role:
    if _SEEDS.search(name):
        return Role.SEED
    if name in _SIDES or name == "megapixels":
        return Role.SIZE
    if name.startswith("strength_model") or name.startswith("strength_clip"):
        return Role.LORA
    return _NUMBERS.get(name, Role.OTHER)


def _choice_role(parameter: Parameter, name: str) -> Role:
    if name in _CHOICES:
        return _CHOICES[name]
    if name in _SIZE_CHOICES:
        return Role.SIZE
    offered = [str(choice) for choice in (parameter.choices or ())[:50]]
    is_model = any(MODEL_FILE.search(text) for text in [str(parameter.value), *offered])
    if is_model or name in CHOICE_TYPES:
        return Role.LORA if "lora" in name or "lora" in parameter.class_type.lower() else Role.MODEL
    return Role.OTHER


def _primitives(graph: Graph, by_node: Mapping[str, list[Parameter]]) -> dict[str, Role]:
    """Values of nodes that do nothing but hold one number, by the input that they feed."""
    result: dict[str, Role] = {}
    for node in graph.values():
        for name, source, _ in links(node):
            held = by_node.get(source, [])
            if len(held) != 1 or held[0].type not in ("int", "float") or any(links(graph[source])):
                continue
            role = _number_role(name.rpartition(".")[2].lower())
            if role in _PRIMITIVE_ROLES:
                result.setdefault(held[0].key, role)
    return result


def _makes_latents(node: Mapping[str, Any], object_info: Mapping[str, Any]) -> bool:
    """Whether a node decides the size of what is generated."""
    info = object_info.get(node["class_type"])
    outputs = info.get("output") if isinstance(info, Mapping) else None
    if isinstance(outputs, list):
        return "LATENT" in outputs and not str(node["class_type"]).startswith("LatentUpscale")
    return bool(re.match(r"Empty\w*Latent|Empty\w*Image|\w+ToVideo|SVD_img2vid|LTXVImgToVideo", node["class_type"]))


def _settle_sizes(listed: list[Parameter], result: dict[str, Role], makers: set[str]) -> None:
    """Of several sizes, that of the generation is meant; others (of scaling, of cropping) belong to the rest."""
    sized = [parameter for parameter in listed if result[parameter.key] is Role.SIZE]
    primitives = [parameter for parameter in sized if parameter.input not in _SIDES]
    if not any(parameter.node_id in makers for parameter in sized) and not primitives:
        return
    for parameter in sized:
        if parameter.input in _SIDES and parameter.node_id not in makers:
            result[parameter.key] = Role.OTHER


class _Prompts:
    """Follows conditionings from where they are used to the texts that they were made of."""

    def __init__(self, graph: Graph, by_node: Mapping[str, list[Parameter]], object_info: Mapping[str, Any]) -> None:
        self._graph = graph
        self._by_node = by_node
        self._info = object_info
        self._found: dict[str, Role] = {}
        self._seen: set[tuple[str, int, Role]] = set()

    def find(self) -> dict[str, Role]:
        roots = [(source, slot, role) for role, source, slot in self._roots()]
        for role in (Role.PROMPT, Role.NEGATIVE):  # a text that is both is a prompt
            self._walk([(source, slot, role) for source, slot, kind in roots if kind is role])
        return self._found

    def _roots(self) -> Iterable[tuple[Role, str, int]]:
        for node in self._graph.values():
            if self._kinds(node["class_type"]) & {"CONDITIONING"}:
                continue
            for name, source, slot in links(node):
                lower = name.lower()
                if "negative" in lower:
                    yield Role.NEGATIVE, source, slot
                elif "positive" in lower or lower in ("conditioning", "cond", "cond1", "cond2", "cond_conds"):
                    yield Role.PROMPT, source, slot

    def _kinds(self, class_type: str) -> set[str]:
        info = self._info.get(class_type)
        outputs = info.get("output") if isinstance(info, Mapping) else None
        return {str(kind) for kind in outputs} if isinstance(outputs, list) else set()

    def _walk(self, waiting: list[tuple[str, int, Role]]) -> None:
        while waiting:
            at = waiting.pop()
            source, slot, role = at
            node = self._graph.get(source)
            if node is None or at in self._seen or "ZeroOut" in node["class_type"]:
                continue
            self._seen.add(at)
            inputs = node.get("inputs", {})
            pair = [inputs.get("positive"), inputs.get("negative")]
            if all(is_link(value) for value in pair) and slot in (0, 1):
                waiting.append((pair[slot][0], pair[slot][1], role))
                continue
            self._take_texts(source, role)
            for name, origin, origin_slot in links(node):
                if self._leads_to_text(name, origin, origin_slot):
                    waiting.append((origin, origin_slot, Role.NEGATIVE if "negative" in name.lower() else role))

    def _take_texts(self, node_id: str, role: Role) -> None:
        for parameter in self._by_node.get(node_id, ()):
            if parameter.type != "string":
                continue
            name = parameter.input.lower()
            is_text = _TEXTS.match(name) or (parameter.options.get("multiline") and "system" not in name)
            if is_text:
                meant = Role.NEGATIVE if "neg" in name else role
                self._found.setdefault(parameter.key, meant)

    def _leads_to_text(self, name: str, origin: str, slot: int) -> bool:
        if _NOT_FOLLOWED.match(name.lower()) or origin not in self._graph:
            return False
        info = self._info.get(self._graph[origin]["class_type"])
        outputs = info.get("output") if isinstance(info, Mapping) else None
        kind = outputs[slot] if isinstance(outputs, list) and 0 <= slot < len(outputs) else "*"
        return isinstance(kind, str) and (
            "CONDITIONING" in kind or "STRING" in kind or "*" in kind or "MATCHTYPE" in kind
        )
