"""Presets: form values that a user keeps under a name, for each workflow.

Stored as ``{"version": 2, "users": {user: {"workflows": {workflow: [preset, ...]}}}}``, a preset being
``{"id", "name", "values", "created", "updated"}`` with times in whole seconds since the epoch.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from cozygen.storage.documents import DocumentStore

Preset = dict[str, Any]

DOCUMENT = "workflow_presets"


class PresetService:
    """Reads and changes presets. All methods block; the web layer calls them in a thread."""

    def __init__(self, documents: DocumentStore, *, clock: Callable[[], float] = time.time) -> None:
        self._documents = documents
        self._clock = clock

    def all(self, user: str) -> dict[str, list[Preset]]:
        """A user's presets by workflow, newest first."""
        return {name: presets for name, presets in _of_user(self._read(), user).items() if presets}

    def of_workflow(self, user: str, workflow: str) -> list[Preset]:
        """A user's presets for one workflow, newest first."""
        return _of_user(self._read(), user).get(workflow, [])

    def save(
        self, user: str, workflow: str, *, name: str, values: Mapping[str, Any], preset_id: str | None = None
    ) -> tuple[list[Preset], Preset]:
        """Create a preset, or replace the one with this id, else the one with this name in any case.

        Returns the workflow's presets, newest first, and the one saved. Raises as `DocumentStore.update`.
        """
        now = int(self._clock())
        saved: Preset = {}

        def change(presets: list[Preset]) -> list[Preset]:
            known = _find(presets, name, preset_id)
            saved.update(
                id=known["id"] if known else preset_id or str(uuid.uuid4()),
                name=name,
                values=dict(values),
                updated=now,
                created=known["created"] if known else now,
            )
            # The newest comes first even among those of the same second.
            return [saved, *(preset for preset in presets if preset is not known)]

        return self._update(user, workflow, change), saved

    def delete(self, user: str, workflow: str, preset_id: str) -> list[Preset]:
        """Remove a preset (nothing happens when there is none); returns those that stay, newest first."""
        return self._update(user, workflow, lambda presets: [p for p in presets if p["id"] != preset_id])

    def rename_workflow(self, old: str, new: str) -> None:
        """Take over every user's presets of a workflow that gets another name. Raises as `DocumentStore.update`."""

        def change(stored: Any) -> Any:
            document = normalise(stored)
            for entry in document["users"].values():
                moved = entry["workflows"].pop(old, None)
                if moved:
                    entry["workflows"][new] = _newest_first([*moved, *entry["workflows"].get(new, [])])
            return document

        self._documents.update(DOCUMENT, change)

    def merge(self, imported: Any) -> int:
        """Take over presets of a document of version 1 or 2; those whose id or name is known stay. How many came."""
        added = 0

        def change(stored: Any) -> Any:
            nonlocal added
            document = normalise(stored)
            for user, entry in normalise(imported)["users"].items():
                workflows = document["users"].setdefault(user, {"workflows": {}})["workflows"]
                for workflow, presets in entry["workflows"].items():
                    known = workflows.setdefault(workflow, [])
                    fresh = [preset for preset in presets if not _known(known, preset)]
                    added += len(fresh)
                    workflows[workflow] = _newest_first([*known, *fresh])
            return document

        self._documents.update(DOCUMENT, change)
        return added

    def _read(self) -> dict[str, Any]:
        return normalise(self._documents.read(DOCUMENT))

    def _update(self, user: str, workflow: str, change: Callable[[list[Preset]], list[Preset]]) -> list[Preset]:
        def apply(stored: Any) -> Any:
            document = normalise(stored)
            workflows = document["users"].setdefault(user, {"workflows": {}})["workflows"]
            workflows[workflow] = change(workflows.get(workflow, []))
            if not workflows[workflow]:
                del workflows[workflow]
            return document

        return _of_user(normalise(self._documents.update(DOCUMENT, apply)), user).get(workflow, [])


def normalise(stored: Any) -> dict[str, Any]:
    """A document of any version as version 2, without what is no preset. Version 1 had no users."""
    stored = stored if isinstance(stored, dict) else {}
    users = stored.get("users")
    if not isinstance(users, dict):
        workflows = stored.get("workflows")
        users = {"default": {"workflows": workflows}} if workflows else {}
    return {
        "version": 2,
        "users": {
            user: {"workflows": _workflows(entry.get("workflows"))}
            for user, entry in users.items()
            if isinstance(entry, dict)
        },
    }


def _workflows(stored: Any) -> dict[str, list[Preset]]:
    if not isinstance(stored, dict):
        return {}
    return {name: _newest_first(_presets(presets)) for name, presets in stored.items() if isinstance(presets, list)}


def _presets(stored: list[Any]) -> list[Preset]:
    found = []
    for entry in stored:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        values = entry.get("values")
        found.append(
            {
                "id": str(entry.get("id") or uuid.uuid5(uuid.NAMESPACE_OID, entry["name"])),
                "name": entry["name"],
                "values": values if isinstance(values, dict) else {},
                "updated": _seconds(entry.get("updated")),
                "created": _seconds(entry.get("created")),
            }
        )
    return found


def _seconds(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _newest_first(presets: list[Preset]) -> list[Preset]:
    return sorted(presets, key=lambda preset: -int(preset["updated"]))


def _of_user(document: dict[str, Any], user: str) -> dict[str, list[Preset]]:
    workflows: dict[str, list[Preset]] = document["users"].get(user, {"workflows": {}})["workflows"]
    return workflows


def _find(presets: list[Preset], name: str, preset_id: str | None) -> Preset | None:
    by_id = (preset for preset in presets if preset_id is not None and preset["id"] == preset_id)
    by_name = (preset for preset in presets if preset["name"].strip().lower() == name.strip().lower())
    return next(by_id, None) or next(by_name, None)


def _known(presets: list[Preset], preset: Preset) -> bool:
    return _find(presets, preset["name"], preset["id"]) is not None
