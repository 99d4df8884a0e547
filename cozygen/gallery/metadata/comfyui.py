"""What a ComfyUI graph comes to: from the node that saved the file back to the sampler, and from there to the texts,
models and numbers that went into it.

The sampler that counts is the first of a chain (a second pass refines what the first one made), because its seed,
size and steps are what makes the picture again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from cozygen.gallery.metadata import infotext, texts
from cozygen.gallery.metadata.graph import Graph, Inputs, Node
from cozygen.gallery.metadata.model import Lora, Summary
from cozygen.gallery.metadata.shape import NEGATIVE, POSITIVE, SEEDS, SIDES, SIZES, Names, Shape, both_sides

_MAX_NAMES = 256
_MAX_PROMPT = 256 * 1024

_CFGS = ("cfg", "cfg_scale", "guidance_scale", "cfg_conds")

_LORA_STRENGTHS = ("strength_model", "lora_model_strength", "model_strength", "strength", "lora_strength", "weight")
_CLIP_STRENGTHS = ("strength_clip", "lora_clip_strength", "clip_strength", "clip_weight")
_STACK_MODEL = ("model_str_{}", "model_weight_{}", "strength_model_{}", "model_strength_{}", "lora_{}_model_strength")
_STACK_CLIP = ("clip_str_{}", "clip_weight_{}", "strength_clip_{}", "clip_strength_{}", "lora_{}_clip_strength")
_STACK_BOTH = ("lora_wt_{}", "strength_{}", "weight_{}", "lora_weight_{}", "lora_{}_strength", "lora_strength_{}")
_STACK_SWITCH = ("switch_{}", "enabled_{}", "lora_{}_on", "on_{}")
_OFF = ("off", "none", "false", "disable", "disabled", "no")


def summarise(prompt: Mapping[str, Any]) -> Summary:
    """The meaning of an API-format graph whose entries are all nodes."""
    return _Reading(Graph(prompt)).summary()


class _Reading:
    """One graph being read."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.guidance: float | None = None
        self.clips: list[Any] = []  # the links to the text encoders that the prompts went through
        self.tagged: list[Lora] = []  # LoRAs that are named in the texts of nodes that look for them

    def summary(self) -> Summary:
        last, decoder = self._sampler()
        if last is None:
            return Summary()
        passes = self._passes(last)
        first, guider = passes[0], self._guider(passes[0])
        guiders = [self._guider(sampler) for sampler in passes]
        positive = next(filter(None, (self._prompt(node, POSITIVE) for node in guiders)), "")
        negative = self._prompt(guider, NEGATIVE)
        models, loras = self._models(guiders)
        cfg = self._value(guider, _CFGS)
        return Summary(
            positive=positive,
            negative=negative,
            models=models,
            loras=loras,
            vae=self._vae([*([decoder] if decoder else []), *passes]),
            sampler=self._sampler_name(first),
            scheduler=self._scheduler(first),
            steps=texts.integer(self._along(first, ("steps", "num_steps", "num_inference_steps"), "sigmas")),
            cfg=texts.number(self._value(first, _CFGS) if cfg is None else cfg),
            guidance=self.guidance,
            seed=texts.integer(self._along(first, SEEDS, "noise")),
            size=self._size(first),
            clip_skip=self._clip_skip(),
        )

    # Finding the samplers

    def _sampler(self) -> tuple[Node | None, Node | None]:
        """The sampler nearest to what was saved, and the node that decodes its latent picture."""
        seen: set[str] = set()
        for is_wanted in (_is_sampler, _is_generator):
            seen.clear()
            for output in self._outputs():
                decoder = None
                for node in self._upstream([output], _PICTURES, seen, through_switches=False):
                    if is_wanted(node.shape):
                        return node, decoder
                    if decoder is None and "vae" in node.inputs:
                        decoder = node
        return next((node for node in self.graph.nodes.values() if node.shape.is_sampler), None), None

    def _outputs(self) -> Iterator[list[Any]]:
        """Links to the nodes that end the graph: those that save, then those that show, then any that none uses."""
        ranked: tuple[list[str], list[str], list[str]] = ([], [], [])
        for key, node in self.graph.nodes.items():
            if not node.links:
                continue
            rank = node.shape.rank
            if rank < 2 or key not in self.graph.used:
                ranked[rank].append(key)
        yield from ([key, 0] for keys in ranked for key in keys)

    def _upstream(
        self,
        values: Iterable[Any],
        follow: Callable[[Shape], Names],
        seen: set[str] | None = None,
        *,
        through_switches: bool = True,
    ) -> Iterator[Node]:
        """The nodes behind some links, depth first, each once.

        `follow` names the links to go on with; of a switch it is those that it lets through, with `through_switches`.
        """
        seen = set() if seen is None else seen
        waiting = list(values)[::-1]
        while waiting:
            link = self.graph.link(waiting.pop())
            if link is None or link.node in seen:
                continue
            seen.add(link.node)
            node = self.graph.nodes[link.node]
            yield node
            if through_switches and node.shape.is_switch:
                waiting.extend(reversed(self.graph.selected(node)))
            elif names := follow(node.shape):
                waiting.extend([node.links[name] for name in reversed(names)])

    def _passes(self, last: Node) -> list[Node]:
        """The samplers whose latent pictures led to this one, the first of them first."""
        passes, seen = [last], {last.key}
        while True:
            behind = self._upstream(_linked(passes[0], passes[0].shape.latents), _LATENTS, seen)
            earlier = next((node for node in behind if node.shape.is_sampler), None)
            if earlier is None:
                return passes
            passes.insert(0, earlier)

    def _guider(self, sampler: Node) -> Node:
        """Where the sampler's model and conditionings arrive: at the sampler or at its guider."""
        if "guider" not in sampler.inputs:
            return sampler
        found = self._upstream([sampler.inputs["guider"]], _ALL, through_switches=False)
        return next((node for node in found if node.shape.has_conditions or "model" in node.inputs), sampler)

    # Numbers and names

    def _value(self, node: Node, names: Iterable[str]) -> Any:
        """What the first of these inputs that has a value comes to."""
        for name in names:
            if name in node.inputs:
                value = self.graph.value(node.inputs[name], name)
                if value is not None and not isinstance(value, bool):
                    return value
        return None

    def _along(self, node: Node, names: tuple[str, ...], link: str) -> Any:
        """As `_value`, at the node or at what is behind its input `link`."""
        value = self._value(node, names)
        if value is not None or link not in node.inputs:
            return value
        for behind in self._upstream([node.inputs[link]], _named(link)):
            value = self._value(behind, names)
            if value is not None:
                return value
        return None

    def _sampler_name(self, sampler: Node) -> str | None:
        name = _option(self._along(sampler, ("sampler_name", "sampler"), "sampler"))
        if name is not None:
            return name
        for node in self._upstream([sampler.inputs.get("sampler")], _named("sampler")):
            if node.kind.startswith("Sampler") and len(node.kind) > len("Sampler"):
                return _snake_case(node.kind.removeprefix("Sampler"))
        return None

    def _scheduler(self, sampler: Node) -> str | None:
        name = _option(self._along(sampler, ("scheduler", "scheduler_name"), "sigmas"))
        if name is not None:
            return name
        for node in self._upstream([sampler.inputs.get("sigmas")], _named("sigmas")):
            if node.kind.endswith("Scheduler") and len(node.kind) > len("Scheduler"):
                return _snake_case(node.kind.removesuffix("Scheduler"))  # KarrasScheduler has no other name for it
        return None

    def _size(self, sampler: Node) -> tuple[int, int] | None:
        own = self._sides(sampler)
        if own is not None:
            return own
        for node in self._upstream(_linked(sampler, sampler.shape.latents), _LATENTS):
            sides = self._sides(node)
            if sides is not None:
                return sides
        return None

    def _sides(self, node: Node) -> tuple[int, int] | None:
        """The size in pixels that a node states."""
        if not node.shape.states_size:
            return None
        sides = []
        for side in range(2):
            value = self._value(node, SIDES[side])
            value = self._value(node, SIZES) if value is None else value
            pair = infotext.parse_size(value) if isinstance(value, str) else None
            sides.append(pair[side] if pair else texts.integer(value))
        width, height = sides
        return (width, height) if width and height and width > 0 and height > 0 else None

    def _clip_skip(self) -> int | None:
        for node in self._upstream(self.clips, _named("clip")):
            value = texts.integer(self._value(node, ("stop_at_clip_layer", "clip_skip")))
            if value is not None:
                return abs(value) or None
        return None

    def _vae(self, nodes: Iterable[Node]) -> str | None:
        values = [value for node in nodes for name in ("vae", "optional_vae") if (value := node.inputs.get(name))]
        for node in self._upstream(values, _named("vae")):
            names = ("vae_name", "model_name", "ckpt_name", "base_ckpt_name")
            name = next(filter(None, (_file(self._value(node, (name,))) for name in names)), None)
            if name is not None:
                return name
        return None

    # Prompts

    def _prompt(self, node: Node, side: str) -> str:
        """The texts behind one side of a sampler or guider, in their order, each once."""
        name = node.shape.side(side)
        given = [node.inputs[name]] if name is not None else _linked(node, node.shape.bundles)
        if name == "cond1":
            given.append(node.inputs.get("cond2"))
        found = self._texts(given, side)
        if side == NEGATIVE and both_sides(name) and found == self._texts(given, POSITIVE):
            return ""  # the encoder knows no negative prompt
        return found

    def _texts(self, values: list[Any], side: str) -> str:
        found: dict[str, None] = {}
        length = 0
        waiting, seen = values[::-1], set()
        while waiting and length < _MAX_PROMPT:
            value = waiting.pop()
            link = self.graph.link(value)
            if link in seen:
                continue
            if link is None:
                parts: list[str] = [value] if isinstance(value, str) else []
                following: list[Any] = []
            else:
                seen.add(link)
                parts, following = self._condition(value, self.graph.nodes[link.node], link.slot, side)
            for part in parts:
                if part.strip() and part.strip() not in found:
                    found[part.strip()] = None
                    length += len(part)
            waiting.extend(following[::-1])
        return "\n".join(found)[:_MAX_PROMPT]

    def _condition(self, value: Any, node: Node, slot: int, side: str) -> tuple[list[str], list[Any]]:
        """The texts that a node encodes, and the links from which its conditioning comes beside."""
        if "ZeroOut" in node.kind:
            return [], []  # what came in is without effect
        if side == POSITIVE and self.guidance is None:
            self.guidance = texts.number(self._value(node, ("guidance",)))
        if node.shape.is_switch:
            return [], self.graph.selected(node)
        parts = list(self._encoded(node, side))
        following = _linked(node, node.shape.conditions(side, slot))
        if parts or following:
            if parts and "clip" in node.inputs:
                self.clips.append(node.inputs["clip"])
            return parts, following
        return [self.graph.text(value, side)], []  # no conditioning at all, but a text

    def _encoded(self, node: Node, side: str) -> Iterator[str]:
        """The texts among a node's inputs."""
        if node.shape.is_concatenation:
            return
        own = node.inputs.get(side)
        if isinstance(own, str):
            yield own
            return
        for name in node.shape.texts(side):
            text = self.graph.text(node.inputs[name], side)
            if text:
                if not node.kind.startswith("CLIPTextEncode"):
                    self.tagged += infotext.lora_tags(text)
                yield text

    # Models

    def _models(self, nodes: Iterable[Node]) -> tuple[tuple[str, ...], tuple[Lora, ...]]:
        """The models of some samplers, and their LoRAs in the order in which they were applied."""
        models: dict[str, None] = {}
        groups: list[list[Lora]] = []
        starts = [[node.key, 0] for node in nodes]
        for node in self._upstream(starts, _MODELS):
            for name in self._model_names(node):
                models.setdefault(name)
            groups.append(list(_loras(self, node)))
        loras: dict[str, Lora] = {}
        for lora in [lora for group in groups[::-1] for lora in group] + self.tagged:
            loras.setdefault(lora.name, lora)
        return tuple(models)[:_MAX_NAMES], tuple(loras.values())[:_MAX_NAMES]

    def _model_names(self, node: Node) -> Iterator[str]:
        for name in node.shape.model_names:
            result = _file(self.graph.value(node.inputs[name], name))
            if result is not None:
                yield result


# What a node is, and the names of the links that are followed from it


_is_sampler: Callable[[Shape], bool] = attrgetter("is_sampler")
_is_generator: Callable[[Shape], bool] = attrgetter("is_generator")

_ALL: Callable[[Shape], Names] = attrgetter("linked")
_PICTURES: Callable[[Shape], Names] = attrgetter("pictures")
_LATENTS: Callable[[Shape], Names] = attrgetter("to_latents")
_MODELS: Callable[[Shape], Names] = attrgetter("to_models")


def _named(part: str) -> Callable[[Shape], Names]:
    """Along the inputs of one name, through bundles and nodes that hand on anything."""
    return lambda shape: shape.to(part)


def _linked(node: Node, names: Names) -> list[Any]:
    return [node.links[name] for name in names]


# LoRAs


def _loras(reading: _Reading, node: Node) -> Iterator[Lora]:
    """The LoRAs that a node applies, one or a stack of them."""
    inputs, known = node.inputs, node.shape.loras
    if not known and not node.shape.is_lora_syntax and dict not in map(type, inputs.values()):
        return
    if _is_off(inputs.get("toggle")):
        return
    count = texts.integer(next((inputs[name] for name in ("lora_count", "num_loras") if name in inputs), None))
    for key, value in inputs.items():
        if isinstance(value, dict):
            yield from _listed_loras(value)
            continue
        if key not in known or (isinstance(value, list) and not key.startswith("lora_name")):
            continue
        number = known[key]
        if number is not None and count is not None and int(number) > count:
            continue
        name = _file(reading.graph.value(value, key))
        lora = _lora(reading, inputs, name, number) if name is not None else None
        if lora is not None:
            yield lora
    if node.shape.is_lora_syntax:
        for key in ("text", "lora_syntax", "loras_string"):
            if isinstance(inputs.get(key), str) and "<lora:" in inputs[key]:
                yield from infotext.lora_tags(inputs[key])


def _lora(reading: _Reading, inputs: Inputs, name: str, number: str | None) -> Lora | None:
    model: Iterable[str] = _LORA_STRENGTHS
    clip: Iterable[str] = _CLIP_STRENGTHS
    if number is not None:
        if any(_is_off(inputs.get(switch.format(number))) for switch in _STACK_SWITCH):
            return None
        is_simple = "simple" in (inputs.get("input_mode"), inputs.get("mode"))
        order = (*_STACK_BOTH, *_STACK_MODEL) if is_simple else (*_STACK_MODEL, *_STACK_BOTH)
        model = [name.format(number) for name in order]
        clip = [] if is_simple else [name.format(number) for name in _STACK_CLIP]
    strength = _number(reading, inputs, model)
    clip_strength = _number(reading, inputs, clip)
    if clip_strength is None and (number is not None or "clip" in inputs):
        clip_strength = strength
    if strength == 0 and not clip_strength:
        return None  # as good as not there
    return Lora(name, strength, clip_strength)


def _number(reading: _Reading, inputs: Inputs, names: Iterable[str]) -> float | None:
    for name in names:
        if name in inputs:
            return texts.number(reading.graph.value(inputs[name], name))
    return None


def _listed_loras(value: Mapping[str, Any]) -> Iterator[Lora]:
    """LoRAs as objects: one (rgthree's Power Lora Loader) or a list of them (LoRA Manager)."""
    items = value.get("__value__", [value])
    for item in items[:_MAX_NAMES] if isinstance(items, list) else []:
        if not isinstance(item, dict) or False in (item.get("on", True), item.get("active", True)):
            continue
        name = _file(item.get("lora") or item.get("name"))
        strength = texts.number(item.get("strength"))
        clip = next((item[key] for key in ("strengthTwo", "clipStrength") if item.get(key) is not None), None)
        clip_strength = strength if clip is None else texts.number(clip)
        if name is not None and (strength != 0 or clip_strength):
            yield Lora(name, strength, clip_strength)


def _is_off(value: Any) -> bool:
    return value is False or (isinstance(value, str) and value.lower() in _OFF)


def _file(value: Any) -> str | None:
    """The name of a model, folders separated by ``/``; None for what stands for no model."""
    if not isinstance(value, str) or not value.strip() or value.strip().lower() in ("none", "baked vae"):
        return None
    return value.strip().replace("\\", "/")[:1024]


def _option(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 256 else None


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()[:256]
