"""From a UI-format workflow, as ComfyUI's editor saves it, to the API format, as far as a summary needs it.

The editor keeps the values of a node's widgets in a list without names. Their names are known where the node lists
its widgets among its inputs (newer editors), where it keeps them as an object, and for the core nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Node = dict[str, Any]

_MAX_NODES = 20_000
_MAX_LEVELS = 8
_MAX_HOPS = 1000
_MUTED, _BYPASSED = 2, 4
_AFTER_A_SEED = ("fixed", "increment", "decrement", "randomize")
_GETTER, _SETTER = "GetNode", "SetNode"
_SUBGRAPH_INPUT, _SUBGRAPH_OUTPUT = "-10", "-20"  # nodes that stand for the outside
_NOTES = ("Note", "MarkdownNote")

# The widgets of the core nodes (ComfyUI's INPUT_TYPES), in their order; what the editor adds after a seed left out.
_SAMPLER = ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
_WIDGETS: dict[str, tuple[str, ...]] = {
    "KSampler": _SAMPLER,
    "KSampler (Efficient)": _SAMPLER,
    "KSamplerAdvanced": ("add_noise", "noise_seed", *_SAMPLER[1:5], "start_at_step", "end_at_step"),
    "SamplerCustom": ("add_noise", "noise_seed", "cfg"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "KarrasScheduler": ("steps",),
    "RandomNoise": ("noise_seed",),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSDXL": ("width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": ("ascore", "width", "height", "text"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl", "empty_padding"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": ("config_name", "ckpt_name"),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "UnetLoaderGGUF": ("unet_name",),
    "VAELoader": ("vae_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "EmptyHunyuanLatentVideo": ("width", "height", "length", "batch_size"),
    "ImageScale": ("upscale_method", "width", "height", "crop"),
    "LatentUpscale": ("upscale_method", "width", "height", "crop"),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
    "PrimitiveNode": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveFloat": ("value",),
    "PrimitiveBoolean": ("value",),
    "CozyGenOutput": ("filename_prefix",),
    "SaveImage": ("filename_prefix",),
}


def to_prompt(workflow: dict[str, Any]) -> dict[str, Any]:
    """The nodes of a workflow that run, in API format: muted ones are gone, bypassed ones are passed by, subgraphs are
    unfolded (their nodes are called ``instance:node``).

    Values whose widgets have no known name are left out, but for a single text, which is called ``value``.
    """
    return _Editor(workflow).prompt()


class _Scope:
    """The workflow itself, or one instance of a subgraph: nodes and links with numbers of their own."""

    def __init__(self, graph: dict[str, Any], prefix: str, outer: tuple[_Scope, Node] | None) -> None:
        self.prefix = prefix
        self.outer = outer
        self.nodes = {str(node["id"]): node for node in _objects(graph.get("nodes")) if _is_node(node)}
        self.sources: dict[int, tuple[str, int]] = {}
        self.outputs: dict[int, int] = {}  # of a subgraph: its output slots, and the links that lead there
        self.setters: dict[str, Any] = {}
        for link, origin, slot, target, target_slot in _links(graph.get("links")):
            self.sources[link] = (origin, slot)
            if target == _SUBGRAPH_OUTPUT:
                self.outputs[target_slot] = link
        for node in self.nodes.values():
            if node["type"] == _SETTER:
                self.setters[_first_text(node)] = next(
                    (slot.get("link") for slot in _objects(node.get("inputs"))), None
                )


class _Editor:
    """A workflow being read."""

    def __init__(self, workflow: dict[str, Any]) -> None:
        definitions = workflow.get("definitions")
        subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        self._subgraphs = {str(item.get("id")): item for item in _objects(subgraphs)}
        self._instances: dict[str, _Scope] = {}
        self._scopes = [_Scope(workflow, "", None)]
        self._unfold()

    def _unfold(self) -> None:
        """Make a scope of every instance of a subgraph. One within itself ends at the limits."""
        count = 0
        for scope in self._scopes:  # grows meanwhile
            for key, node in scope.nodes.items():
                graph = self._subgraphs.get(node["type"])
                count += 1
                if graph is None or count > _MAX_NODES or scope.prefix.count(":") >= _MAX_LEVELS:
                    continue
                inner = _Scope(graph, f"{scope.prefix}{key}:", (scope, node))
                count += len(inner.nodes)
                self._instances[scope.prefix + key] = inner
                self._scopes.append(inner)

    def prompt(self) -> dict[str, Any]:
        prompt = {}
        for scope in self._scopes:
            if self._is_off(scope):
                continue
            for key, node in scope.nodes.items():
                name = scope.prefix + key
                if node.get("mode") in (_MUTED, _BYPASSED) or node["type"] in _NOTES or name in self._instances:
                    continue
                inputs = _widgets(node)
                for slot in _objects(node.get("inputs")):
                    source = self._origin(scope, slot.get("link"))
                    if source is not None and isinstance(slot.get("name"), str):
                        inputs[slot["name"]] = source
                prompt[name] = {"class_type": node["type"], "inputs": inputs}
        return prompt

    def _is_off(self, scope: _Scope | None) -> bool:
        while scope is not None and scope.outer is not None:
            scope, instance = scope.outer
            if instance.get("mode") in (_MUTED, _BYPASSED):
                return True
        return False

    def _origin(self, scope: _Scope, link: Any) -> list[Any] | None:
        """Where a link really comes from, as in the API format; None where from nothing that runs."""
        for _ in range(_MAX_HOPS):
            source = scope.sources.get(link) if isinstance(link, int) else None
            if source is None:
                return None
            key, output = source
            if key == _SUBGRAPH_INPUT and scope.outer is not None:
                scope, instance = scope.outer
                link = _slot(instance.get("inputs"), output).get("link")
                continue
            node, inner = scope.nodes.get(key), self._instances.get(scope.prefix + key)
            if node is None or node.get("mode") == _MUTED:
                return None
            if node.get("mode") == _BYPASSED:
                link = _same_type(node, output)
            elif node["type"] == _GETTER and _first_text(node) in scope.setters:
                link = scope.setters[_first_text(node)]
            elif inner is not None:
                scope, link = inner, inner.outputs.get(output)
            else:
                return [scope.prefix + key, output]
        return None


def _is_node(node: Node) -> bool:
    return isinstance(node.get("type"), str) and isinstance(node.get("id"), int | str)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value[:_MAX_NODES] if isinstance(item, dict)] if isinstance(value, list) else []


def _links(value: Any) -> Iterator[tuple[int, str, int, str, int]]:
    """Number, origin, its slot, target, its slot: from lists, or in newer files and subgraphs from objects."""
    for link in value if isinstance(value, list) else []:
        if isinstance(link, dict):
            link = [link.get(key) for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
        if isinstance(link, list) and len(link) >= 5 and all(isinstance(link[at], int) for at in (0, 2, 4)):
            yield link[0], str(link[1]), link[2], str(link[3]), link[4]


def _slot(slots: Any, index: int) -> dict[str, Any]:
    found = _objects(slots)
    return found[index] if 0 <= index < len(found) else {}


def _same_type(node: Node, output: int) -> Any:
    """The link that a bypassed node hands on: its first of the output's type."""
    kind = _slot(node.get("outputs"), output).get("type")
    slots = _objects(node.get("inputs"))
    return next((slot.get("link") for slot in slots if slot.get("type") == kind and slot.get("link") is not None), None)


def _first_text(node: Node) -> str:
    values = node.get("widgets_values")
    return next((value for value in values if isinstance(value, str)), "") if isinstance(values, list) else ""


def _widgets(node: Node) -> dict[str, Any]:
    values = node.get("widgets_values")
    if isinstance(values, dict):
        return {str(key): value for key, value in values.items()}
    if not isinstance(values, list):
        return {}
    listed = {
        f"lora_{index}": value for index, value in enumerate(values) if isinstance(value, dict) and "lora" in value
    }
    names = _WIDGETS.get(node["type"]) or _widget_names(node)
    if names:
        return {**listed, **dict(_named(names, values))}
    written = [value for value in values if isinstance(value, str) and value.strip()]
    return {**listed, **({"value": written[0]} if len(written) == 1 else {})}


def _widget_names(node: Node) -> tuple[str, ...]:
    slots = _objects(node.get("inputs"))
    return tuple(str(slot.get("name")) for slot in slots if isinstance(slot.get("widget"), dict))


def _named(names: Iterable[str], values: list[Any]) -> Iterable[tuple[str, Any]]:
    """Names and values in pairs. After a seed, the editor adds what is to become of it."""
    at = 0
    for name in names:
        if at >= len(values):
            return
        yield name, values[at]
        at += 1
        if "seed" in name and at < len(values) and values[at] in _AFTER_A_SEED:
            at += 1
