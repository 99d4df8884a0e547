from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cozygen.storage.documents import DocumentStore
from cozygen.workflows.convert import to_api
from cozygen.workflows.exposed import DOCUMENT, Exposed, ExposedError, ExposedStore, Exposure, apply, check
from cozygen.workflows.form import MORE, FormField, fields
from cozygen.workflows.infer import infer
from tests.workflows.core_info import INFO, text_to_image


@pytest.fixture
def available() -> list[FormField]:
    return infer(to_api(text_to_image(), INFO).graph, INFO)


def test_picked_renamed_ordered_grouped_and_bounded(available: list[FormField]) -> None:
    exposure = Exposure(
        [
            Exposed("3", "steps", label="Patience", min=10, max=30, step=5),
            Exposed("6", "text", group="Words", row="one", multiline=False),
            Exposed("3", "sampler_name", choices=["ddim"]),
            Exposed("5", "width", max=256),
        ]
    )
    check(exposure, available)
    shown, problems = apply(exposure, available)
    assert problems == [] and len(shown) == len(available)
    steps, text, sampler, width = shown[:4]
    assert (steps.key, steps.label, steps.min, steps.max, steps.step, steps.default) == (
        "3.steps",
        "Patience",
        10,
        30,
        5,
        20,
    )
    assert (text.group, text.row, text.multiline, text.label) == ("Words", "one", False, "What to see")
    assert sampler.choices == ["ddim"] and sampler.default == "ddim"
    assert width.default == 256 and isinstance(width.default, int)
    assert all(field.group == MORE for field in shown[4:])
    assert [field.priority for field in shown] == list(range(len(shown)))


def test_the_rest_can_be_hidden(available: list[FormField]) -> None:
    shown, _ = apply(Exposure([Exposed("3", "steps")], "hidden"), available)
    assert [field.key for field in shown] == ["3.steps"]


def test_what_the_workflow_has_no_longer_is_said(available: list[FormField]) -> None:
    shown, problems = apply(Exposure([Exposed("99", "gone", label="Old"), Exposed("3", "steps")]), available)
    assert shown[0].key == "3.steps" and problems == ["The workflow no longer has the exposed parameter Old."]


def test_fields_of_cozygen_nodes_keep_their_key() -> None:
    declared = fields({"1": {"class_type": "CozyGenFloatInput", "inputs": {"param_name": "Zoom", "default_value": 1}}})
    shown, _ = apply(Exposure([Exposed("1", "default_value", label="Closer")]), declared)
    assert shown[0].key == "Zoom" and shown[0].label == "Closer"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (Exposed("3", "gone"), "not a parameter"),
        (Exposed("3", "steps", min=0), "below 1"),
        (Exposed("3", "steps", max=99999), "above 10000"),
        (Exposed("3", "steps", min=9, max=3), "above its maximum"),
        (Exposed("5", "width", max=4), "above its maximum"),
        (Exposed("3", "steps", step=0), "step above 0"),
        (Exposed("6", "text", min=1), "not a number"),
        (Exposed("6", "text", choices=["a"]), "not a choice"),
        (Exposed("3", "sampler_name", choices=["gone"]), "does not offer gone"),
        (Exposed("3", "sampler_name", choices=[]), "at least one"),
        (Exposed("3", "steps", multiline=True), "not a text"),
    ],
)
def test_what_does_not_fit(available: list[FormField], entry: Exposed, says: str) -> None:
    with pytest.raises(ExposedError) as raised:
        check(Exposure([Exposed("3", "cfg"), entry]), available)
    assert list(raised.value.fields) == [1] and says in raised.value.fields[1]


def test_nothing_is_exposed_twice(available: list[FormField]) -> None:
    with pytest.raises(ExposedError, match="twice"):
        check(Exposure([Exposed("3", "cfg"), Exposed("3", "cfg")]), available)


@pytest.fixture
def documents(tmp_path: Path) -> DocumentStore:
    return DocumentStore(tmp_path)


def test_it_is_kept(documents: DocumentStore) -> None:
    store = ExposedStore(documents)
    exposure = Exposure([Exposed("3", "steps", "a", "b", "c", 1, 2.5, 0.5, ["x"], True), Exposed("4", "y")], "hidden")
    assert store.get("a.json") is None
    store.put("a.json", exposure)
    store.put("b.json", Exposure([]))
    assert ExposedStore(documents).get("a.json") == exposure
    store.rename("a.json", "c.json")
    assert store.get("a.json") is None and store.get("c.json") == exposure
    store.put("c.json", None)
    assert store.get("c.json") is None and store.get("b.json") == Exposure([])


@pytest.mark.parametrize(
    "stored", [None, 5, [], {"workflows": 5}, {"workflows": {"a": 5}}, {"workflows": {"a": {"fields": 5}}}]
)
def test_a_document_that_somebody_broke(documents: DocumentStore, stored: Any) -> None:
    documents.replace(DOCUMENT, stored)
    store = ExposedStore(documents)
    assert store.get("a") is None
    store.put("a", Exposure([Exposed("1", "x")]))
    assert store.get("a") == Exposure([Exposed("1", "x")])


def test_entries_that_somebody_broke(documents: DocumentStore) -> None:
    entries = [
        5,
        {"node_id": 1, "input": "x"},
        {"node_id": "1", "input": "x", "min": True, "label": 5, "choices": [1, "a"], "multiline": 1},
    ]
    documents.replace(DOCUMENT, {"version": 1, "workflows": {"a": {"fields": entries, "rest": 5}}})
    assert ExposedStore(documents).get("a") == Exposure([Exposed("1", "x", choices=["a"])], "folded")
