"""Following links through an API-format graph: what a text or a number that arrives at an input was upstream.

What a node is, its class and the names of its inputs say (`cozygen.gallery.metadata.shape`). Everything is iterative
and visits a link once, so cycles end and ten thousand nodes in a row do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any, NamedTuple

from cozygen.gallery.metadata import texts
from cozygen.gallery.metadata.shape import DELIMITERS, NEGATIVE, POSITIVE, Shape, shape_of

MAX_TEXT = 64 * 1024
"""Characters of one resolved text; a concatenation of concatenations can double with every node."""

_MAX_WORK = 4 * 1024 * 1024  # characters that all concatenations of a graph may produce together
_MAX_PARTS = 256

Inputs = dict[str, Any]
Asked = tuple[Any, str]  # the value of an input, and what it is wanted as
Steps = Generator[Asked, Any, Any]

_SIDES = (POSITIVE, NEGATIVE)
_KEEPS_BLANKS = re.compile(r"(?:String|Join)")

_SELECTORS = (
    "select",
    "selected",
    "selected_index",
    "switch",
    "index",
    "boolean",
    "bool",
    "condition",
    "cond",
    "Input",
)
_MORE_SELECTORS = ("input", "ANY", "any")
_TRUE, _FALSE = re.compile(r"true|^tt|^if_t|^then", re.I), re.compile(r"false|^ff|^else", re.I)
_DIGITS = re.compile(r"(\d{1,4})$")

# What an input may be called that hands on whatever it gets.
_ANYTHING = ("value", "default_value", "input", "any", "anything", "source", "", "*")
_TEXTS = (
    "populated_text",
    "text",
    "string",
    "prompt",
    *_ANYTHING,
    "wildcard_text",
    "multiline_text",
    "text_0",
    "text2",
)
_NUMBERS = ("int", "float", "number", "string", *_ANYTHING)
_ALIASES = {
    "seed": ("noise_seed", "seed_num"),
    "steps": ("steps_total",),
    "cfg": ("cfg_scale", "guidance_scale"),
    "sampler_name": ("sampler",),
    "width": ("empty_latent_width", "resolution", "dimensions", "size", "aspect_ratio"),
    "height": ("empty_latent_height", "resolution", "dimensions", "size", "aspect_ratio"),
}


class Node(NamedTuple):
    """A node of the graph."""

    key: str
    kind: str  # its class
    inputs: Inputs
    links: Inputs  # those of the inputs that are links, as they are in the graph
    shape: Shape


class Link(NamedTuple):
    """Where an input gets its value from."""

    node: str
    slot: int


class Graph:
    """Answers questions about an API-format graph. Made for one graph, by one thread."""

    def __init__(self, prompt: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Node] = {}
        self.used: set[str] = set()
        """The nodes that something takes from."""
        for key, node in prompt.items():
            inputs = node.get("inputs", {})
            links = {}
            for name, value in inputs.items():
                if type(value) is list and len(value) == 2 and type(value[1]) is int:
                    source = value[0] if type(value[0]) is str else str(value[0])
                    if source in prompt:
                        links[name] = value
                        self.used.add(source)
            kind = node["class_type"]
            self.nodes[key] = Node(key, kind, inputs, links, shape_of(kind, tuple(inputs), tuple(links)))
        self._known: dict[tuple[str, int, str], Any] = {}
        self._work_left = _MAX_WORK

    def link(self, value: Any) -> Link | None:
        """The link that an input's value is, None for a literal and for a link to nowhere."""
        if type(value) is not list or len(value) != 2 or type(value[1]) is not int:
            return None
        key = value[0] if type(value[0]) is str else str(value[0])
        return Link(key, value[1]) if key in self.nodes else None

    def value(self, value: Any, wanted: str) -> Any:
        """What the value of an input comes to: a text for the sides ``positive`` and ``negative``, a text or a number
        for the name of an input (``seed``). None where it cannot be known without running the graph."""
        return literal(value) if self.link(value) is None else self._run(self._ask(value, wanted))

    def text(self, value: Any, side: str) -> str:
        """The text that the value of an input comes to, empty where it is none."""
        result = self.value(value, side)
        return result if isinstance(result, str) else ""

    def selected(self, node: Node) -> list[Any]:
        """The inputs that a switch lets through: one where its selector is known, else all."""
        found: list[Any] = self._run(self._selected(node))
        return found

    def _run(self, root: Steps) -> Any:
        """Run resolvers, which yield what they ask of others, on a stack of our own. A cycle answers None."""
        known = self._known
        stack: list[tuple[tuple[str, int, str] | None, Steps]] = [(None, root)]
        answer: Any = None
        while stack:
            key, steps = stack[-1]
            try:
                value, wanted = steps.send(answer)
            except StopIteration as stop:
                stack.pop()
                answer = stop.value
                if key is not None:
                    known[key] = answer
                continue
            link = self.link(value)
            if link is None:
                answer = literal(value)
                continue
            asked = (link.node, link.slot, wanted)
            answer = known.get(asked)
            if asked not in known:
                known[asked] = None
                stack.append((asked, self._resolve(self.nodes[link.node], wanted)))
        return answer

    def _ask(self, value: Any, wanted: str) -> Steps:
        return (yield value, wanted)

    def _resolve(self, node: Node, wanted: str) -> Steps:
        """What comes out of a node."""
        is_text = wanted in _SIDES
        if is_text and node.shape.is_concatenation:
            return (yield from self._concatenated(node, wanted))
        if node.shape.is_switch:
            answers = []
            for value in (yield from self._selected(node)):
                answers.append((yield value, wanted))
            return _one_of(answers, is_text)
        for name in _preferred(node, wanted):
            answer = _as(is_text, (yield node.inputs[name], wanted))
            if answer is not None:
                return answer
        return (yield from self._only_input(node, wanted))

    def _only_input(self, node: Node, wanted: str) -> Steps:
        """What a node with names of its own hands on, if there is but one thing it can be."""
        is_text = wanted in _SIDES
        linked = [node.links[name] for name in node.shape.untyped]
        if len(linked) == 1 and (is_text or len(node.inputs) == 1):
            return _as(is_text, (yield linked[0], wanted))
        if not is_text or linked:
            return None
        written = [name for name, value in node.inputs.items() if isinstance(value, str) and value.strip()]
        is_name = len(written) == 1 and written[0].endswith("_name")  # of a file or an option
        return node.inputs[written[0]] if len(written) == 1 and not is_name else None

    def _concatenated(self, node: Node, wanted: str) -> Steps:
        parts = []
        for name in sorted(node.shape.text_parts, key=_natural)[:_MAX_PARTS]:
            part = _as(True, (yield node.inputs[name], wanted))
            if part is not None:
                parts.append(part)
        delimiter = ""
        for name in DELIMITERS:
            if name in node.inputs:
                value = yield node.inputs[name], wanted
                delimiter = value if isinstance(value, str) else ""
                break
        if not _KEEPS_BLANKS.match(node.kind):
            parts = [part for part in parts if part.strip()]
        if not parts or self._work_left <= 0:
            return None
        result = delimiter.replace("\\n", "\n").join(parts)[:MAX_TEXT]
        self._work_left -= len(result)
        return result

    def _selected(self, node: Node) -> Steps:
        """The values of the inputs that a switch lets through."""
        selector, chosen = "", None
        for name in (*_SELECTORS, *_MORE_SELECTORS):
            if name not in node.inputs:
                continue
            answer = yield node.inputs[name], "select"
            if isinstance(answer, bool | int | float) or (isinstance(answer, str) and name in _SELECTORS):
                selector, chosen = name, bool(answer) if name.lower() == "any" else answer
                break
        branches = {
            name: value
            for name, value in node.inputs.items()
            if name != selector and name not in _SELECTORS and (self.link(value) is not None or isinstance(value, str))
        }
        if chosen is None:
            values = list(branches.values())
            return values[:1] if node.kind.lower().startswith("any switch") else values
        return _chosen(branches, chosen)


def literal(value: Any) -> Any:
    """A value that is written in the graph; None for what is no text, number or truth value."""
    if isinstance(value, dict):  # a list that is no link, or a choice with a picture (Easy Use)
        value = value.get("content")
    return value if isinstance(value, str | int | float) else None


def _as(is_text: bool, answer: Any) -> Any:
    """The answer if it is of use: a text, where one is wanted, is no truth value and no list."""
    if not is_text or answer is None or isinstance(answer, str):
        return answer
    return None if isinstance(answer, bool) else str(answer)


def _one_of(answers: list[Any], is_text: bool) -> Any:
    given = [answer for answer in answers if answer is not None]
    if is_text and len(given) > 1:
        return texts.joined(str(answer) for answer in given)[:MAX_TEXT]
    return given[0] if given else None


def _preferred(node: Node, wanted: str) -> Iterator[str]:
    """The names of the inputs that may hold what is wanted, most likely first."""
    names: tuple[str, ...]
    if node.kind.startswith("CozyGen"):
        order = ("value", "default_value") if "Choice" in node.kind else ("default_value", "value")
        names = (wanted, *order, "default_choice", *_TEXTS)
    elif wanted in _SIDES:
        names = (wanted, f"text_{wanted}", f"{wanted}_prompt", f"prompt_{wanted}", f"{wanted}_text", *_TEXTS)
    else:
        names = (wanted, *_ALIASES.get(wanted, ()), *_NUMBERS)
    return (name for name in dict.fromkeys(names) if name in node.inputs)


def _natural(name: str) -> tuple[str, int]:
    """So that ``text_10`` comes behind ``text_9``."""
    match = _DIGITS.search(name)
    return (name[: match.start()], int(match[1])) if match else (name, 0)


def _chosen(branches: Mapping[str, Any], chosen: Any) -> list[Any]:
    """The branch that a selector names: by true and false, or by its number or name."""
    if len(branches) == 1 and not any(_TRUE.search(name) or _FALSE.search(name) for name in branches):
        return list(branches.values())  # one way in, several ways out
    if isinstance(chosen, str) and chosen.lower() in ("true", "false"):
        chosen = chosen.lower() == "true"
    if chosen in (0, 1) and any(_TRUE.search(name) for name in branches):
        chosen = bool(chosen)
    if isinstance(chosen, bool):
        for name, value in branches.items():
            if (_TRUE if chosen else _FALSE).search(name):
                return [value]
        if any((_FALSE if chosen else _TRUE).search(name) for name in branches):
            return []
        ordered = [branches[name] for name in sorted(branches, key=_natural)]
        return ordered[:1] if chosen else ordered[1:2]
    index = texts.integer(chosen)
    if index is None:
        return [branches[chosen]] if chosen in branches else list(branches.values())
    numbered = {int(match[1]): value for name, value in branches.items() if (match := _DIGITS.search(name))}
    if numbered:
        return [numbered[index]] if index in numbered else []
    ordered = [branches[name] for name in sorted(branches, key=_natural)]
    return ordered[index - 1 : index] if index > 0 else ordered[:1]
