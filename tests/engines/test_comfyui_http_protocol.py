from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cozygen.engines.base import PromptRejected
from cozygen.engines.comfyui_http import frames, history
from cozygen.engines.comfyui_http.client import ComfyClient, parse_json, version_of
from cozygen.engines.comfyui_http.refusals import check_graph, find_cycle, rejection
from tests.engines.comfyui_http_fake import JPEG, PNG, preview, preview_with_metadata

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


# Frames


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_none(frame: bytes) -> None:
    picture = frames.parse_picture(frame)
    assert picture is None or picture.mime in ("image/jpeg", "image/png")


@given(st.sampled_from([JPEG, PNG]), st.binary(max_size=20), st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_both_formats_carry_the_picture(head: bytes, tail: bytes, metadata: dict[str, Any]) -> None:
    mime = "image/png" if head == PNG else "image/jpeg"
    assert frames.parse_picture(preview(head + tail)) == frames.Picture(mime, head + tail)
    header = json.dumps(metadata).encode()
    frame = struct.pack(">II", 4, len(header)) + header + head + tail
    assert frames.parse_picture(frame) == frames.Picture(mime, head + tail, metadata)


@pytest.mark.parametrize(
    "frame",
    [
        preview(b"GIF89a"),
        preview(b""),
        preview_with_metadata(b"<svg>", node_id="1"),
        struct.pack(">II", 4, 2) + b"[]" + PNG,
        struct.pack(">II", 4, 3) + b"{x}" + PNG,
        struct.pack(">II", 4, 2**32 - 1) + b"{}" + PNG,
        struct.pack(">II", 3, 1) + b"1text",
        struct.pack(">II", 2, 1) + PNG,
        struct.pack(">II", 4, 60_000) + b"[" * 60_000 + PNG,
    ],
)
def test_frames_that_are_no_preview(frame: bytes) -> None:
    assert frames.parse_picture(frame) is None


@given(JSON)
def test_any_json_is_an_event_or_none(message: Any) -> None:
    event = frames.parse_event(message)
    assert event is None or (event[0] and isinstance(event[1], dict))


def test_events() -> None:
    assert frames.parse_event({"type": "a", "data": {"b": 1}}) == ("a", {"b": 1})
    assert frames.parse_event({"type": "a"}) == ("a", {})
    assert frames.parse_event({"type": "a", "data": [1]}) == ("a", {"data": [1]})
    assert frames.parse_event({"type": "", "data": {}}) is None


# JSON


def test_numbers_that_no_browser_reads() -> None:
    assert parse_json('{"a": NaN, "b": [Infinity, -Infinity]}') == {"a": None, "b": [None, None]}


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, b"\xff"])
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@given(JSON)
def test_any_json_has_a_version_or_none(stats: Any) -> None:
    version = version_of(stats if isinstance(stats, dict) else {"system": stats, "devices": []})
    assert version is None or version


@given(st.text(min_size=1, max_size=10))
def test_a_segment_is_one_segment(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    address = ComfyClient("http://h:1/base/").url("history", text)
    assert str(address).count("/") == 5
    assert address.query_string == ""
    assert address.fragment == ""


# The queue and the history


@given(JSON | st.fixed_dictionaries({"queue_running": JSON, "queue_pending": JSON}))
@example({"queue_running": [[1, "a"]], "queue_pending": [[None, "b", {}, {history.MARKER: 5}, "x"]]})
def test_any_queue_can_be_read(body: Any) -> None:
    for item in history.parse_queue(body if isinstance(body, dict) else {}):
        assert isinstance(item.remote_id, str)
        assert all(isinstance(node, str) for node in item.outputs)


def test_a_queue() -> None:
    extra = {history.MARKER: "ours"}
    body = {"queue_running": [[1, "a", {}, extra, ["2", 3]]], "queue_pending": [[-2.5, "b", {}, {}]]}
    assert history.parse_queue(body) == [
        history.QueueItem("a", "ours", 1.0, ["2", "3"], True),
        history.QueueItem("b", None, -2.5, [], False),
    ]


@given(
    JSON
    | st.fixed_dictionaries(
        {"outputs": JSON, "meta": JSON, "status": JSON | st.fixed_dictionaries({"status_str": JSON, "messages": JSON})}
    )
)
def test_any_entry_has_one_end(entry: Any) -> None:
    entry = entry if isinstance(entry, dict) else {}
    outcome = history.outcome_of(entry, "p")
    events = list(history.events_of(entry, "p"))
    assert outcome.state in ("done", "failed", "cancelled")
    assert (outcome.error is not None) == (outcome.state == "failed")
    assert [kind in history.ENDS for kind, _ in events] == [False] * (len(events) - 1) + [True]
    assert all(data["prompt_id"] == "p" for _, data in events)


def entry(status: str, *messages: Any, **other: Any) -> dict[str, Any]:
    return {"status": {"status_str": status, "completed": True, "messages": list(messages)}, **other}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (entry("success", ["execution_success", {}]), "done"),
        (entry("error", ["execution_start", {}], ["execution_success", {}]), "done"),
        (entry("success", ["execution_error", {"node_id": "1"}]), "failed"),
        (entry("error", ["execution_interrupted", {}]), "cancelled"),
        (entry("error"), "failed"),
        (entry("success"), "done"),
        ({"status": None, "outputs": {}}, "done"),
        ({}, "done"),
    ],
)
def test_the_messages_say_how_it_ended(found: dict[str, Any], state: str) -> None:
    assert history.outcome_of(found, "p").state == state


def test_the_events_of_an_entry() -> None:
    found = entry(
        "success",
        ["execution_start", {"prompt_id": "theirs", "timestamp": 1}],
        ["execution_cached", {"nodes": ["1"], "prompt_id": "theirs"}],
        ["execution_success", {"prompt_id": "theirs", "timestamp": 3}],
        outputs={"4:2": {"images": []}},
        meta={"4:2": {"display_node": "4"}},
    )
    assert list(history.events_of(found, "p")) == [
        ("execution_start", {"prompt_id": "p", "timestamp": 1}),
        ("execution_cached", {"nodes": ["1"], "prompt_id": "p"}),
        ("executed", {"node": "4:2", "display_node": "4", "output": {"images": []}, "prompt_id": "p"}),
        ("execution_success", {"prompt_id": "p", "timestamp": 3}),
    ]


# Refusals


@st.composite
def chains(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Graphs whose nodes take from earlier ones only."""
    count = draw(st.integers(1, 12))
    graph: dict[str, dict[str, Any]] = {}
    for number in range(count):
        sources = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        links = {f"in{i}": [str(source), 0] for i, source in enumerate(sources)}
        graph[str(number)] = {"class_type": "A", "inputs": {**links, "gone": ["none", 0], "value": [1, 2, 3]}}
    shuffled = draw(st.permutations(list(graph)))
    return {node_id: graph[node_id] for node_id in shuffled}


@given(chains(), st.data())
def test_cycles_are_found_where_there_are_some(graph: dict[str, dict[str, Any]], data: st.DataObject) -> None:
    assert find_cycle(graph) == []
    ring = data.draw(st.lists(st.sampled_from(sorted(graph)), min_size=1, unique=True))
    for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        graph[one]["inputs"]["ring"] = [other, 0]
    cycle = find_cycle(graph)
    assert cycle
    for one, other in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        assert [other, 0] in graph[one]["inputs"].values()


def test_a_long_chain_is_no_cycle() -> None:
    graph = {str(n): {"class_type": "A", "inputs": {"a": [str(n + 1), 0]}} for n in range(20_000)}
    assert find_cycle(graph) == []


def test_a_refusal_without_a_word_of_why_gets_one() -> None:
    graph = {
        "1": {"class_type": "A", "inputs": {"x": ["2", 0]}},
        "2": {"class_type": "B", "inputs": {"y": ["1", 0]}},
        "3": {"class_type": "C", "inputs": {"z": ["2", 0]}},
    }
    error = {"type": "prompt_outputs_failed_validation", "message": "failed", "details": "", "extra_info": {}}
    body = rejection({"error": error, "node_errors": {}}, graph)
    assert set(body["node_errors"]) == {"1", "2"}
    assert body["node_errors"]["1"]["errors"][0]["extra_info"]["input_name"] == "x"
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    assert "1, 2" in body["error"]["details"] or "2, 1" in body["error"]["details"]


def test_a_refusal_with_a_reason_stays_as_it_is() -> None:
    body = {"error": {"type": "t", "message": "m", "details": "d"}, "node_errors": {}, "more": 1}
    assert rejection(body, {"1": {"inputs": {"x": ["1", 0]}}}) == body


@given(JSON)
def test_only_objects_with_inputs_are_sent(graph: Any) -> None:
    sound = isinstance(graph, dict) and all(
        isinstance(node, dict) and isinstance(node.get("inputs"), dict) for node in graph.values()
    )
    if sound:
        check_graph(graph)
    else:
        with pytest.raises(PromptRejected):
            check_graph(graph)
