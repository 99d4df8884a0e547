"""Is a prompt fit to run? The checks, their order and the shapes of their errors are ComfyUI's.

Unlike ComfyUI's, the walk is iterative (a chain of any length is fine) and a cycle is found before the run. A prompt
whose values needed converting (``"5"`` for an INT) is changed in place, as in ComfyUI.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cozygen.engines.base import Graph, PromptRejected
from cozygen.engines.embedded.registry import NodeClass, NodeRegistry, input_specs, is_output_node

_MAX_NODES = 100_000
_MAX_LISTED_CHOICES = 20
_MAX_SHOWN = 200

Error = dict[str, Any]


@dataclass(frozen=True)
class Valid:
    """The outputs that can run, and the errors of those that cannot (when at least one can)."""

    outputs_to_execute: list[str]
    node_errors: dict[str, Any]


@dataclass
class _Verdict:
    errors: list[Error] = field(default_factory=list)
    ok: bool = True


def validate_prompt(graph: Any, registry: NodeRegistry, partial_targets: Sequence[str] | None = None) -> Valid:
    """Check a prompt. Raises `PromptRejected` with ComfyUI's body when no output can run."""
    outputs = _check_structure(graph, registry, partial_targets)
    verdicts: dict[str, _Verdict] = {}
    order, cyclic = _dependencies_first(graph, outputs)
    for node_id in cyclic:
        verdicts[node_id] = _Verdict([_cycle_error(graph, node_id, cyclic)], ok=False)
    for node_id in order:
        if node_id not in verdicts:
            verdicts[node_id] = _check_node(graph, node_id, registry, verdicts)
    good = [node_id for node_id in outputs if verdicts[node_id].ok]
    node_errors = _collect_errors(graph, [node_id for node_id in outputs if not verdicts[node_id].ok], verdicts)
    if not good:
        raise _rejected(
            "prompt_outputs_failed_validation",
            "Prompt outputs failed validation",
            "\n".join(_summary_lines(node_errors)),
            node_errors,
        )
    return Valid(good, node_errors)


def _rejected(kind: str, message: str, details: str, node_errors: Any = None, **extra: Any) -> PromptRejected:
    error = {"type": kind, "message": message, "details": details, "extra_info": extra}
    return PromptRejected({"error": error, "node_errors": node_errors or {}})


def _check_structure(graph: Any, registry: NodeRegistry, partial_targets: Sequence[str] | None) -> list[str]:
    """The ids of the output nodes. Raises `PromptRejected` for what is not a graph of known nodes."""
    if not isinstance(graph, dict):
        raise _rejected("invalid_prompt", "The prompt must be an object of nodes.", _shown(graph))
    if len(graph) > _MAX_NODES:
        raise _rejected("invalid_prompt", f"The prompt has more than {_MAX_NODES} nodes.", "")
    outputs = []
    for node_id, node in graph.items():
        where = f"Node ID '#{_shown(node_id)}'"
        if not isinstance(node_id, str) or not isinstance(node, dict):
            raise _rejected("invalid_prompt", "Cannot execute because a node is not an object.", where)
        if not isinstance(node.get("class_type"), str):
            raise _rejected(
                "invalid_prompt", "Cannot execute because a node is missing the class_type property.", where
            )
        if not isinstance(node.setdefault("inputs", {}), dict):
            raise _rejected("invalid_prompt", "Cannot execute because the inputs of a node are not an object.", where)
        node_class = registry.get(node["class_type"])
        if node_class is None:
            name = _shown(node["class_type"])
            meta = node.get("_meta")
            title = meta.get("title") if isinstance(meta, dict) else None
            raise _rejected(
                "missing_node_type",
                f"Node '{title or name}' not found. The custom node may not be installed.",
                f"{where}: there is no node class {name}",
                node_id=node_id,
                class_type=name,
                node_title=title or name,
            )
        if is_output_node(node_class) and (partial_targets is None or node_id in partial_targets):
            outputs.append(node_id)
    if not outputs:
        raise _rejected("prompt_no_outputs", "Prompt has no outputs", "")
    return outputs


def _sources(graph: Graph, node_id: str) -> Iterator[str]:
    for value in graph[node_id]["inputs"].values():
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in graph:
            yield value[0]


def _dependencies_first(graph: Graph, outputs: Sequence[str]) -> tuple[list[str], set[str]]:
    """The nodes that `outputs` need, each after what it needs; and those that stand in a cycle."""
    order: list[str] = []
    finished: set[str] = set()
    path: dict[str, None] = {}  # the current walk, in order
    cyclic: set[str] = set()
    for output in outputs:
        if output in finished:
            continue
        path[output] = None
        stack = [(output, _sources(graph, output))]
        while stack:
            node_id, sources = stack[-1]
            source = next(sources, None)
            if source is None:
                stack.pop()
                del path[node_id]
                finished.add(node_id)
                order.append(node_id)
            elif source in path:
                walk = list(path)
                cyclic.update(walk[walk.index(source) :])
            elif source not in finished:
                path[source] = None
                stack.append((source, _sources(graph, source)))
    return order, cyclic


def _cycle_error(graph: Graph, node_id: str, cyclic: set[str]) -> Error:
    name, source = next(
        (name, value[0])
        for name, value in graph[node_id]["inputs"].items()
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in cyclic
    )
    return {
        "type": "dependency_cycle",
        "message": "Dependency cycle: this node needs its own output",
        "details": f"{name}: node {node_id} ({graph[node_id]['class_type']}) takes from node {source}",
        "extra_info": {"input_name": name, "cycle_nodes": sorted(cyclic)[:_MAX_LISTED_CHOICES]},
    }


def _check_node(graph: Graph, node_id: str, registry: NodeRegistry, verdicts: Mapping[str, _Verdict]) -> _Verdict:
    node = graph[node_id]
    node_class = registry.classes[node["class_type"]]
    inputs: dict[str, Any] = node["inputs"]
    validator = _Validator(node_class)
    verdict = _Verdict()
    received_types: dict[str, str] = {}
    for name, (category, kind, options) in input_specs(node_class).items():
        info = (kind, options)
        if name not in inputs:
            if category == "required":
                verdict.errors.append(_error("required_input_missing", "Required input is missing", name, name))
            continue
        value = inputs[name]
        if isinstance(value, list):
            error = _check_link(graph, name, value, info, registry, validator, received_types)
            if error is not None:
                verdict.errors.append(error)
            elif not verdicts[value[0]].ok:
                verdict.ok = False
        else:
            error = _check_value(inputs, name, info, checked_elsewhere=validator.takes(name))
            if error is not None:
                verdict.errors.append(error)
    if not verdict.errors:
        verdict.errors.extend(validator.run(inputs, received_types))
    verdict.ok = verdict.ok and not verdict.errors
    return verdict


def _error(kind: str, message: str, details: str, name: str, **extra: Any) -> Error:
    return {"type": kind, "message": message, "details": details, "extra_info": {"input_name": name, **extra}}


def _config(info: tuple[Any, dict[str, Any]]) -> Any:
    """The declaration as the error carries it; long lists of files are left out."""
    return None if isinstance(info[0], list) and len(info[0]) > _MAX_LISTED_CHOICES else list(info)


def _check_link(
    graph: Graph,
    name: str,
    link: list[Any],
    info: tuple[Any, dict[str, Any]],
    registry: NodeRegistry,
    validator: _Validator,
    received_types: dict[str, str],
) -> Error | None:
    well_formed = (
        len(link) == 2
        and isinstance(link[0], str)
        and isinstance(link[1], int)
        and not isinstance(link[1], bool)
        and link[1] >= 0
    )
    if not well_formed:
        return _error(
            "bad_linked_input",
            "Bad linked input, must be a length-2 list of [node_id, slot_index]",
            name,
            name,
            input_config=_config(info),
            received_value=_shown(link),
        )
    source, slot = link
    returns = registry.classes[graph[source]["class_type"]].RETURN_TYPES if source in graph else ()
    if slot >= len(returns):
        reason = f"node {source} has no output {slot}" if source in graph else f"there is no node {_shown(source)}"
        return _error(
            "bad_linked_input",
            "Bad linked input, the node or its output does not exist",
            f"{name}: {reason}",
            name,
            input_config=_config(info),
            received_value=[_shown(source), slot],
        )
    received = returns[slot]
    received_types[name] = received
    if "input_types" not in validator.names and not types_match(received, info[0]):
        return _error(
            "return_type_mismatch",
            "Return type mismatch between linked nodes",
            f"{name}, received_type({received}) mismatch input_type({_shown(info[0])})",
            name,
            input_config=_config(info),
            received_type=received,
            linked_node=link,
        )
    return None


def types_match(received: Any, wanted: Any) -> bool:
    """Whether an output of type `received` may feed an input of type `wanted` (``*`` is any, ``A,B`` is a union)."""
    if not received != wanted:  # a type may define what it is unequal to
        return True
    if received == "*" or wanted == "*":
        return True
    if isinstance(wanted, list):  # a list of choices takes what a COMBO or text output gives
        return received in ("COMBO", "STRING") or isinstance(received, list)
    if not isinstance(received, str) or not isinstance(wanted, str):
        return False
    given, taken = ({part.strip() for part in kind.split(",")} for kind in (received, wanted))
    return bool(given & taken)


def _check_value(
    inputs: dict[str, Any], name: str, info: tuple[Any, dict[str, Any]], *, checked_elsewhere: bool
) -> Error | None:
    kind, options = info
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:
        value = value["__value__"]
    try:
        value = _convert(kind, value)
    except (ValueError, TypeError, OverflowError) as error:
        return _error(
            "invalid_input_type",
            f"Failed to convert an input value to a {kind} value",
            f"{name}, {_shown(value)}, {_shown(error)}",
            name,
            input_config=_config(info),
            received_value=_shown(value),
            exception_message=_shown(error),
        )
    inputs[name] = value
    if checked_elsewhere:
        return None
    for bound, wrong, kind_of_error, word in (
        ("min", lambda low: value < low, "value_smaller_than_min", "smaller than min of"),
        ("max", lambda high: value > high, "value_bigger_than_max", "bigger than max of"),
    ):
        if bound in options and isinstance(value, int | float) and wrong(options[bound]):
            return _error(
                kind_of_error,
                f"Value {_shown(value)} {word} {options[bound]}",
                name,
                name,
                input_config=_config(info),
                received_value=value if abs(value) < 2**63 else _shown(value),
            )
    choices = kind if isinstance(kind, list) else options.get("options") if kind == "COMBO" else None
    if isinstance(choices, list) and value not in choices:
        listed = str(choices) if len(choices) <= _MAX_LISTED_CHOICES else f"(list of length {len(choices)})"
        return _error(
            "value_not_in_list",
            "Value not in list",
            f"{name}: '{_shown(value)}' not in {listed}",
            name,
            input_config=_config(info),
            received_value=_shown(value),
        )
    return None


def _convert(kind: Any, value: Any) -> Any:
    match kind:
        case "INT":
            return int(value)
        case "FLOAT":
            number = float(value)
            if not math.isfinite(number):
                raise ValueError("not a finite number")
            return number
        case "STRING":
            return str(value)
        case "BOOLEAN":
            return bool(value)
        case _:
            return value


class _Validator:
    """A class's own ``VALIDATE_INPUTS``: what it asks for, and what it says."""

    def __init__(self, node_class: NodeClass) -> None:
        self._function = getattr(node_class, "VALIDATE_INPUTS", None)
        self.names: list[str] = []
        self._any = False
        if self._function is not None:
            specification = inspect.getfullargspec(self._function)
            self.names = [name for name in specification.args if name != "cls"]
            self._any = specification.varkw is not None

    def takes(self, name: str) -> bool:
        """Whether it checks this input itself, so that nothing else need."""
        return self._any or name in self.names

    def run(self, inputs: Mapping[str, Any], received_types: dict[str, str]) -> list[Error]:
        """Its complaints. Linked values are unknown before the run and are left out, as in ComfyUI."""
        if self._function is None or not (self.names or self._any):
            return []
        arguments: dict[str, Any] = {
            name: None if isinstance(value, list) else value for name, value in inputs.items() if self.takes(name)
        }
        if "input_types" in self.names:
            arguments["input_types"] = received_types
        names = [name for name in arguments if name != "input_types"] or ["input_types"]
        missing = [name for name in self.names if name not in arguments]
        for name in missing:
            arguments[name] = None
        try:
            verdict = self._function(**arguments)
        except Exception as error:
            return [
                _error(
                    "exception_during_validation",
                    "Exception when validating node",
                    _shown(error),
                    names[0],
                    exception_message=_shown(error),
                    exception_type=type(error).__name__,
                )
            ]
        if verdict is True:
            return []
        said = "" if verdict is False or verdict is None else f" - {_shown(verdict)}"
        return [
            _error("custom_validation_failed", "Custom validation failed for node", f"{name}{said}", name)
            for name in names
        ]


def _collect_errors(graph: Graph, failed: Sequence[str], verdicts: Mapping[str, _Verdict]) -> dict[str, Any]:
    """The errors of all nodes that failed outputs depend on, in ComfyUI's ``node_errors``."""
    node_errors: dict[str, Any] = {}
    for output in failed:
        seen = {output}
        waiting = [output]
        while waiting:
            node_id = waiting.pop()
            verdict = verdicts[node_id]
            if verdict.errors:
                entry = node_errors.setdefault(
                    node_id,
                    {"errors": verdict.errors, "dependent_outputs": [], "class_type": graph[node_id]["class_type"]},
                )
                entry["dependent_outputs"].append(output)
            fresh = [source for source in _sources(graph, node_id) if source not in seen and not verdicts[source].ok]
            seen.update(fresh)
            waiting.extend(fresh)
    return node_errors


def _summary_lines(node_errors: Mapping[str, Any]) -> Iterator[str]:
    for node_id, entry in list(node_errors.items())[:_MAX_LISTED_CHOICES]:
        for error in entry["errors"]:
            yield f"{entry['class_type']} {node_id}: {error['message']}: {error['details']}"


def _shown(value: Any) -> str:
    """A value as short text that any encoder takes."""
    try:
        text = str(value)
    except (ValueError, RecursionError):  # an integer too long to print, a structure too deep
        text = f"a {type(value).__name__}"
    text = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return text.encode("utf-8", "replace").decode()
