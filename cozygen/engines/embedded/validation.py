"""Is a prompt fit to run? The checks and the shapes of their errors are ComfyUI's.

Unlike ComfyUI's, the walk is iterative (a chain of any length is fine), and links to nothing and cycles are found
before the run. A prompt whose values needed converting (``"5"`` for an INT) is changed in place, as in ComfyUI.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cozygen.engines.base import Graph, PromptRejected
from cozygen.engines.embedded.registry import (
    Declaration,
    Declarations,
    InputSpec,
    NodeRegistry,
    is_link,
    is_output_node,
)
from cozygen.engines.embedded.report import received, shown, traceback_lines, type_name

_MAX_NODES = 100_000
_MAX_LISTED_CHOICES = 20
_MAX_INTEGER = 2**128
_MAX_STEPS = 2_000_000
_MAX_NODE_ID = 1000
_MAX_REPORTED = 1000

Error = dict[str, Any]


@dataclass(frozen=True)
class Valid:
    """The outputs that can run, and the errors of those that cannot (when at least one can)."""

    outputs_to_execute: list[str]
    node_errors: dict[str, Any]


@dataclass
class _Verdict:
    """`ok` is False also where only something upstream is wrong."""

    errors: list[Error] = field(default_factory=list)
    ok: bool = True


def validate_prompt(graph: Any, registry: NodeRegistry, partial_targets: Sequence[str] | None = None) -> Valid:
    """Check a prompt. Raises `PromptRejected` with ComfyUI's body when no output can run."""
    outputs = _check_structure(graph, registry, partial_targets)
    return _Validation(graph, registry, outputs).run()


def rejected(kind: str, message: str, details: str, node_errors: Any = None, **extra: Any) -> PromptRejected:
    """A refusal in the shape of ComfyUI's answer."""
    error = {"type": kind, "message": message, "details": details, "extra_info": extra}
    return PromptRejected({"error": error, "node_errors": node_errors or {}})


def _check_structure(graph: Any, registry: NodeRegistry, partial_targets: Sequence[str] | None) -> list[str]:
    """The ids of the output nodes. Raises `PromptRejected` for what is not a graph of known nodes."""
    if not isinstance(graph, dict):
        raise rejected("invalid_prompt", "The prompt must be an object of nodes.", shown(graph))
    if len(graph) > _MAX_NODES:
        raise rejected("invalid_prompt", f"The prompt has more than {_MAX_NODES} nodes.", "")
    targets = None if partial_targets is None else set(partial_targets)
    outputs = []
    for node_id, node in graph.items():
        where = f"Node ID '#{shown(node_id)}'"
        if not isinstance(node_id, str) or not isinstance(node, dict):
            raise rejected("invalid_prompt", "Cannot execute because a node is not an object.", where)
        if len(node_id) > _MAX_NODE_ID:
            raise rejected("invalid_prompt", "Cannot execute because the id of a node is too long.", where)
        if not isinstance(node.get("class_type"), str):
            raise rejected("invalid_prompt", "Cannot execute because a node is missing the class_type property.", where)
        if not isinstance(node.setdefault("inputs", {}), dict):
            raise rejected("invalid_prompt", "Cannot execute because the inputs of a node are not an object.", where)
        node_class = registry.get(node["class_type"])
        if node_class is None:
            raise _unknown_class(node_id, node)
        if is_output_node(node_class) and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        raise rejected("prompt_no_outputs", "Prompt has no outputs", "")
    return outputs


def _unknown_class(node_id: str, node: Mapping[str, Any]) -> PromptRejected:
    name = shown(node["class_type"])
    meta = node.get("_meta")
    given = meta.get("title") if isinstance(meta, dict) else None
    title = shown(given) if given else name
    return rejected(
        "missing_node_type",
        f"Node '{title}' not found. The custom node may not be installed.",
        f"Node ID '#{shown(node_id)}': there is no node class {name}",
        node_id=shown(node_id),
        class_type=name,
        node_title=title,
    )


class _Validation:
    """The check of one prompt whose nodes are all known."""

    def __init__(self, graph: Graph, registry: NodeRegistry, outputs: Sequence[str]) -> None:
        self._graph, self._registry, self._outputs = graph, registry, outputs
        self._outputs_set = set(outputs)
        self._declarations = Declarations(registry)
        self._verdicts: dict[str, _Verdict] = {}
        self._sources: dict[str, dict[str, str]] = {}  # node id -> input name -> node id
        self._consumer: dict[str, tuple[str, str]] = {}  # node id -> a node and input that need it

    def run(self) -> Valid:
        order = []
        for knot in _knots(self._outputs, lambda node_id: self._sources_of(node_id).values()):
            order.extend(knot)
            if len(knot) > 1 or knot[0] in self._sources_of(knot[0]).values():
                self._reject_cycle(knot)
            elif knot[0] not in self._verdicts:  # else its class could not even say what it takes
                self._verdicts[knot[0]] = self._check_node(knot[0])
        good = [node_id for node_id in self._outputs if self._verdicts[node_id].ok]
        failed = [node_id for node_id in self._outputs if not self._verdicts[node_id].ok]
        node_errors = self._collect_errors(order, failed)
        if not good:
            raise rejected(
                "prompt_outputs_failed_validation",
                "Prompt outputs failed validation",
                "\n".join(_summary_lines(node_errors)),
                node_errors,
            )
        return Valid(good, node_errors)

    def _sources_of(self, node_id: str) -> dict[str, str]:
        """Input name -> source, of the declared inputs that are links to nodes of this prompt."""
        known = self._sources.get(node_id)
        if known is None:
            known = self._sources[node_id] = self._find_sources(node_id)
        return known

    def _find_sources(self, node_id: str) -> dict[str, str]:
        node = self._graph[node_id]
        try:
            declared = self._declarations.of(node["class_type"])
        except Exception as error:
            self._verdicts[node_id] = _Verdict([self._exception(node_id, error)], ok=False)
            return {}
        sources = {}
        for name in declared.inputs:
            value = node["inputs"].get(name)
            if is_link(value) and value[0] in self._graph:
                sources[name] = value[0]
                self._consumer.setdefault(value[0], (node_id, name))
        return sources

    def _reject_cycle(self, knot: Sequence[str]) -> None:
        members = set(knot)
        listed = sorted(members)[:_MAX_LISTED_CHOICES]
        for node_id in knot:
            name, source = next((n, s) for n, s in self._sources_of(node_id).items() if s in members)
            node_type = self._graph[node_id]["class_type"]
            error = _error(
                "dependency_cycle",
                "Dependency cycle detected",
                f"{name}: node {shown(node_id)} ({node_type}) needs its own result, by way of node {shown(source)}",
                name,
                node_id=node_id,
                cycle_nodes=listed,
            )
            self._verdicts[node_id] = _Verdict([error], ok=False)

    def _exception(self, node_id: str, error: Exception) -> Error:
        """A class's own code failed: in the output node itself, or in a node that one needs."""
        extra = {
            "exception_message": shown(error),
            "exception_type": type_name(error),
            "traceback": traceback_lines(error),
        }
        if node_id in self._outputs_set or node_id not in self._consumer:
            kind, message = "exception_during_validation", "Exception when validating node"
        else:
            consumer, name = self._consumer[node_id]
            kind, message = "exception_during_inner_validation", "Exception when validating inner node"
            extra |= {"input_name": name, "linked_node": received(self._graph[consumer]["inputs"][name])}
        return {"type": kind, "message": message, "details": shown(error), "extra_info": extra}

    # One node

    def _check_node(self, node_id: str) -> _Verdict:
        node = self._graph[node_id]
        inputs: dict[str, Any] = node["inputs"]
        verdict = _Verdict()
        try:
            declared = self._declarations.of(node["class_type"])
            validator = _Validator(declared)
            received_types: dict[str, Any] = {}
            for name, spec in declared.inputs.items():
                error = self._check_input(inputs, name, spec, validator, received_types)
                if error is not None:
                    verdict.errors.append(error)
            faulty = {error["extra_info"]["input_name"] for error in verdict.errors}
            if not any(validator.takes(name) for name in faulty):
                verdict.errors.extend(validator.run(node_id, inputs, received_types))
        except Exception as error:
            verdict.errors.append(self._exception(node_id, error))
        sources_ok = all(self._verdicts[source].ok for source in self._sources_of(node_id).values())
        verdict.ok = sources_ok and not verdict.errors
        return verdict

    def _check_input(
        self,
        inputs: dict[str, Any],
        name: str,
        spec: InputSpec,
        validator: _Validator,
        received_types: dict[str, Any],
    ) -> Error | None:
        if name not in inputs:
            if spec.category != "required":
                return None
            return _error("required_input_missing", "Required input is missing", name, name)
        if not isinstance(inputs[name], list):
            return _check_value(inputs, name, spec, checked_elsewhere=validator.takes(name))
        error = self._check_link(name, inputs[name], spec)
        if error is not None:
            return error
        source, slot = inputs[name]
        kind = self._registry.classes[self._graph[source]["class_type"]].RETURN_TYPES[slot]
        received_types[name] = kind
        if "input_types" in validator.names or types_match(kind, spec.kind):
            return None
        return _error(
            "return_type_mismatch",
            "Return type mismatch between linked nodes",
            f"{name}, received_type({kind}) mismatch input_type({shown(spec.kind)})",
            name,
            input_config=_config(spec),
            received_type=kind,
            linked_node=[shown(source), slot],
        )

    def _check_link(self, name: str, link: list[Any], spec: InputSpec) -> Error | None:
        """Whether there is such an output at all."""
        if not is_link(link) or link[1] < 0:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            reason = name
        elif link[0] not in self._graph:
            message = "Bad linked input, the node does not exist"
            reason = f"{name}: there is no node {shown(link[0])}"
        elif link[1] >= len(self._registry.classes[self._graph[link[0]]["class_type"]].RETURN_TYPES):
            message = "Bad linked input, the node has no such output"
            reason = f"{name}: node {shown(link[0])} has no output {shown(link[1])}"
        else:
            return None
        return _error(
            "bad_linked_input",
            message,
            reason,
            name,
            input_config=_config(spec),
            received_value=received(link),
        )

    # The answer

    def _collect_errors(self, order: Sequence[str], failed: Sequence[str]) -> dict[str, Any]:
        """The errors of all nodes, each with the failed outputs that depend on it: ComfyUI's ``node_errors``.

        Of very many faulty nodes only the first are told. In a graph of many failed outputs with long ways to their
        errors, not every dependent output is listed.
        """
        faulty = [node_id for node_id in order if self._verdicts[node_id].errors]
        node_errors: dict[str, Any] = {
            node_id: {
                "errors": self._verdicts[node_id].errors,
                "dependent_outputs": [],
                "class_type": self._graph[node_id]["class_type"],
            }
            for node_id in faulty[:_MAX_REPORTED]
        }
        steps = 0
        for output in failed:
            seen = {output}
            waiting = [output]
            while waiting and steps < _MAX_STEPS:
                steps += 1
                node_id = waiting.pop()
                if node_id in node_errors:
                    node_errors[node_id]["dependent_outputs"].append(output)
                sources = self._sources_of(node_id).values()
                fresh = {source for source in sources if source not in seen and not self._verdicts[source].ok}
                seen |= fresh
                waiting.extend(fresh)
        return node_errors


def _knots(starts: Iterable[str], sources_of: Callable[[str], Iterable[str]]) -> Iterator[list[str]]:
    """All nodes that can be reached, sources first; those that lead in a circle to each other together.

    These are the strongly connected components, found by Tarjan's algorithm without recursion.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    pending: list[str] = []
    is_pending: set[str] = set()
    for start in starts:
        if start in number:
            continue
        walk: list[tuple[str, Iterator[str]]] = []
        entering: str | None = start
        while entering is not None or walk:
            if entering is not None:
                number[entering] = lowest[entering] = len(number)
                pending.append(entering)
                is_pending.add(entering)
                walk.append((entering, iter(sources_of(entering))))
                entering = None
            node_id, sources = walk[-1]
            for source in sources:
                if source not in number:
                    entering = source
                    break
                if source in is_pending:
                    lowest[node_id] = min(lowest[node_id], number[source])
            if entering is not None:
                continue
            walk.pop()
            if walk:
                above = walk[-1][0]
                lowest[above] = min(lowest[above], lowest[node_id])
            if lowest[node_id] == number[node_id]:
                place = len(pending) - 1
                while pending[place] != node_id:
                    place -= 1
                knot = pending[place:]
                del pending[place:]
                is_pending.difference_update(knot)
                yield knot


def _error(kind: str, message: str, details: str, name: str, **extra: Any) -> Error:
    return {"type": kind, "message": message, "details": details, "extra_info": {"input_name": name, **extra}}


def _config(spec: InputSpec) -> Any:
    """The declaration as the error carries it; long lists of files are left out."""
    choices = _choices(spec)
    return None if choices is not None and len(choices) > _MAX_LISTED_CHOICES else [spec.kind, dict(spec.options)]


def _choices(spec: InputSpec) -> list[Any] | None:
    choices = (
        spec.kind if isinstance(spec.kind, list) else spec.options.get("options") if spec.kind == "COMBO" else None
    )
    return choices if isinstance(choices, list) else None


def types_match(given: Any, wanted: Any) -> bool:
    """Whether an output of type `given` may feed an input of type `wanted` (``*`` is any, ``A,B`` is a union)."""
    if not given != wanted:  # noqa: SIM202 -- a type that fits any defines what it is unequal to
        return True
    if given == "*" or wanted == "*":
        return True
    if isinstance(given, list) or isinstance(wanted, list):
        return all(isinstance(kind, list) or kind == "COMBO" for kind in (given, wanted))
    if not isinstance(given, str) or not isinstance(wanted, str):
        return False
    from_types, to_types = ({part.strip() for part in kind.split(",")} for kind in (given, wanted))
    return bool(from_types & to_types)


def _check_value(inputs: dict[str, Any], name: str, spec: InputSpec, *, checked_elsewhere: bool) -> Error | None:
    """Convert a constant to its type, in place, and check its bounds."""
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:
        value = value["__value__"]
    try:
        value = _convert(spec.type_name, value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return _error(
            "invalid_input_type",
            f"Failed to convert an input value to a {shown(spec.kind)} value",
            f"{name}, {shown(value)}, {shown(error)}",
            name,
            input_config=_config(spec),
            received_value=received(value),
            exception_message=shown(error),
        )
    inputs[name] = value
    if checked_elsewhere:
        return None
    return _check_bounds(name, value, spec) or _check_choice(name, value, spec)


def _convert(type_name: str | None, value: Any) -> Any:
    match type_name:
        case "INT":
            whole = int(value)
            if abs(whole) > _MAX_INTEGER:
                raise ValueError("the number is too large")
            return whole
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


def _check_bounds(name: str, value: Any, spec: InputSpec) -> Error | None:
    if not isinstance(value, int | float):
        return None
    low, high = spec.options.get("min"), spec.options.get("max")
    if isinstance(low, int | float) and value < low:
        kind, text = "value_smaller_than_min", f"Value {value} smaller than min of {low}"
    elif isinstance(high, int | float) and value > high:
        kind, text = "value_bigger_than_max", f"Value {value} bigger than max of {high}"
    else:
        return None
    return _error(kind, text, name, name, input_config=_config(spec), received_value=received(value))


def _check_choice(name: str, value: Any, spec: InputSpec) -> Error | None:
    choices = _choices(spec)
    if choices is None or value in choices:
        return None
    listed = shown(choices, 2000) if len(choices) <= _MAX_LISTED_CHOICES else f"(list of length {len(choices)})"
    return _error(
        "value_not_in_list",
        "Value not in list",
        f"{name}: '{shown(value)}' not in {listed}",
        name,
        input_config=_config(spec),
        received_value=received(value),
    )


class _Validator:
    """A class's own ``VALIDATE_INPUTS``: what it asks for, and what it says."""

    def __init__(self, declared: Declaration) -> None:
        self._declared = declared
        self._function = getattr(declared.node_class, "VALIDATE_INPUTS", None)
        self.names: list[str] = []
        self._any = False
        if self._function is not None:
            specification = inspect.getfullargspec(self._function)
            self.names = specification.args[1:] if inspect.ismethod(self._function) else specification.args
            self._any = specification.varkw is not None

    def takes(self, name: str) -> bool:
        """Whether it checks this input itself, so that nothing else need."""
        return self._any or name in self.names

    def run(self, node_id: str, inputs: Mapping[str, Any], received_types: dict[str, Any]) -> list[Error]:
        """Its complaints. Linked values are not known before the run: it gets None, as in ComfyUI.

        Raises whatever it raises.
        """
        if self._function is None or not (self.names or self._any):
            return []
        arguments = {
            name: None if is_link(inputs[name]) else inputs[name]
            for name in self._declared.inputs
            if name in inputs and self.takes(name)
        }
        hidden: dict[str, Any] = {"PROMPT": {}, "DYNPROMPT": None, "EXTRA_PNGINFO": None, "UNIQUE_ID": node_id}
        for name, kind in self._declared.hidden.items():
            if kind in hidden and self.takes(name):
                arguments[name] = hidden[kind]
        if "input_types" in self.names:
            arguments["input_types"] = received_types
        verdict = self._function(**arguments)
        if verdict is True:
            return []
        said = "" if verdict is False else f" - {shown(verdict, 1000)}"
        return [
            _error("custom_validation_failed", "Custom validation failed for node", f"{name}{said}", name)
            for name in arguments
        ]


def _summary_lines(node_errors: Mapping[str, Any]) -> Iterator[str]:
    for entry in list(node_errors.values())[:_MAX_LISTED_CHOICES]:
        for error in entry["errors"]:
            yield f"{error['message']}: {error['details']}"
