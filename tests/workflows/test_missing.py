from __future__ import annotations

from typing import Any

import pytest

from cozygen.workflows.missing import missing_files, missing_nodes
from tests.workflows.core_info import INFO


def test_nodes_are_named_with_what_is_like_them() -> None:
    graph = {
        "1": {"class_type": "KSamplr", "inputs": {}, "_meta": {"title": "My sampler"}},
        "2": {"class_type": "KSamplr", "inputs": {}},
        "3": {"class_type": "Zzyzx", "inputs": {}},
        "4": {"class_type": "VAEDecode", "inputs": {}},
    }
    first, second = missing_nodes(graph, INFO)
    assert (first.class_type, first.title, first.node_ids, first.close[0]) == (
        "KSamplr",
        "My sampler",
        ["1", "2"],
        "KSampler",
    )
    assert (
        first.sentence()
        == f"This engine has no node KSamplr (used by “My sampler”). Like it: {', '.join(first.close)}."
    )
    assert second.close == [] and second.sentence() == "This engine has no node Zzyzx (used by “Zzyzx”)."


@pytest.mark.parametrize(
    ("kind", "name", "value", "found", "close"),
    [
        ("CheckpointLoaderSimple", "ckpt_name", "a.safetensors", None, []),
        ("CheckpointLoaderSimple", "ckpt_name", "b.safetensors", "model", ["sub/b.safetensors"]),
        ("CheckpointLoaderSimple", "ckpt_name", "sub\\b.safetensors", "model", ["sub/b.safetensors"]),
        ("LoraLoader", "lora_name", "detail_v2.safetensors", "model", ["detail.safetensors"]),
        ("LoraLoader", "lora_name", "qqqq.safetensors", "model", []),
        ("KSampler", "sampler_name", "eulr", "option", ["euler"]),
        ("KSampler", "scheduler", "normal", None, []),
        ("LoadImage", "image", "exmple.png", "input", ["example.png"]),
        ("LoadImage", "image", "clip/x.png [output]", None, []),
        ("LoadImage", "image", "sub/x.png", None, []),
        ("Resize", "mode", "scal", "option", ["scale"]),
        ("Unknown", "ckpt_name", "x.safetensors", None, []),
    ],
)
def test_files_are_named_with_what_is_like_them(
    kind: str, name: str, value: str, found: str | None, close: list[str]
) -> None:
    graph: dict[str, Any] = {"1": {"class_type": kind, "inputs": {name: value, "linked": ["2", 0]}}}
    missing = missing_files(graph, INFO)
    assert [(file.kind, file.value, file.close) for file in missing] == ([(found, value, close)] if found else [])
    assert all(value in file.sentence() and name in file.sentence() for file in missing)
