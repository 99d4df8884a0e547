"""Reading tag lists: Markdown, CSV and Danbooru's JSON.

Markdown: ``## category (declared count)``, then lines ``- `tag` — post count``. CSV: ``name,category number,post
count,"alias,alias"`` without a header (the format of tag-completion lists). JSON: what ``/tags.json`` of a Danbooru
answers: a list of ``{"name", "category", "post_count"}``; one object a line is read as well.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cozygen.tags.model import Tag, TagFileError, TagList, unique

MAX_BYTES = 256 * 1024 * 1024
MAX_NAME = 255
_MAX_COUNT = 2**53

_HEADING = re.compile(r"##\s+(.+?)(?:\s+\(([\d,]+)\))?\s*")
_ITEM = re.compile(r"[-*]\s+`([^`]+)`(?:\s*[—–-]+\s*([\d,]+))?.*")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(am|pm)?|\d+:", re.IGNORECASE)

_SHOWN = {
    "anatomy_body": "body",
    "camera_composition": "camera",
    "clothing_accessories": "clothing",
    "expression_emotion": "expression",
    "location_scene": "scene",
    "meta_quality": "quality",
    "name_title_misc": "names",
    "other": "general",
    "pose_action": "pose",
    "style_medium": "style",
    "text_symbols": "text",
    "subject_count": "meta",
    "weapons_tools": "props",
    "violence_gore": "violence",
    "nsfw_suggestive": "nsfw",
    "nsfw_nudity": "nsfw",
    "nsfw_explicit": "nsfw",
}
_NUMBERED = {0: "general", 1: "artist", 3: "copyright", 4: "character", 5: "meta"}


def load(path: Path) -> TagList:
    """The list in a file, whatever its format. Raises `TagFileError` and `OSError`."""
    if path.stat().st_size > MAX_BYTES:
        raise TagFileError(f"the file is larger than {MAX_BYTES // 2**20} MiB")
    text = path.read_bytes().decode("utf-8-sig", "replace")
    return parse(text)


def parse(text: str) -> TagList:
    """The list in a text. The format is recognised by how it begins. Raises `TagFileError` when there is no tag."""
    start = text.lstrip()[:1]
    if start in ("[", "{"):
        found = TagList(list(unique(_from_json(text))))
    elif re.search(r"^(##\s|[-*]\s+`)", text, re.MULTILINE):
        found = _from_markdown(text)
    else:
        found = TagList(list(unique(_from_csv(text))))
    if not found.tags:
        raise TagFileError("no tags found: neither Markdown, nor CSV, nor JSON of a tag list")
    return found


def shown_category(raw: str, tag: str) -> str:
    """The category that a tag of the file's category `raw` is shown in."""
    key = raw.strip().lower()
    if not key:
        return "general"
    if key.startswith("namespace"):
        if tag.startswith(("<", ">", ":")):
            return "expression"
        return "general" if _CLOCK.fullmatch(tag) else "fandom"
    return _SHOWN.get(key, key)


def _from_markdown(text: str) -> TagList:
    tags: list[Tag] = []
    declared: dict[str, int] = {}
    section, size, members = "", 0, set[str]()

    def close() -> None:
        # A section whose tags are spread over several categories says nothing of any one of them.
        if size and len(members) == 1:
            (category,) = members
            declared[category] = declared.get(category, 0) + size
        else:
            spread.update(members)

    spread: set[str] = set()
    for line in text.splitlines():
        stripped = line.strip()
        if (heading := _HEADING.fullmatch(stripped)) is not None:
            close()
            section, size, members = heading[1], _number(heading[2]), set()
        elif (item := _ITEM.fullmatch(stripped)) is not None and (name := _name(item[1])):
            category = shown_category(section, name)
            members.add(category)
            tags.append(Tag(name, _number(item[2]), category))
    close()
    return TagList(list(unique(tags)), {key: size for key, size in declared.items() if key not in spread})


def _from_csv(text: str) -> Iterator[Tag]:
    try:
        for row in csv.reader(text.splitlines()):
            if len(row) < 2 or not (name := _name(row[0])) or not row[1].strip().lstrip("-").isdecimal():
                continue
            count = _number(row[2]) if len(row) > 2 else 0
            aliases = row[3].split(",") if len(row) > 3 else []
            yield Tag(name, count, _numbered(int(row[1])), tuple(filter(None, map(_name, aliases))))
    except csv.Error as error:
        raise TagFileError(f"the CSV is damaged: {error}") from None


def _from_json(text: str) -> Iterator[Tag]:
    try:
        entries: Any = json.loads(text)
    except (ValueError, RecursionError):
        entries = _json_lines(text)
    for entry in entries if isinstance(entries, list) else [entries]:
        tag = tag_from_json(entry)
        if tag is not None:
            yield tag


def tag_from_json(entry: Any) -> Tag | None:
    """A tag as a Danbooru answers it; None for what is none, or is deprecated."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or entry.get("is_deprecated") is True:
        return None
    name, category, aliases = _name(entry["name"]), entry.get("category"), entry.get("aliases")
    if not name:
        return None
    shown = _numbered(category) if isinstance(category, int) else shown_category(str(category or ""), name)
    others = tuple(_name(alias) for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else ()
    return Tag(name, _number(entry.get("post_count", entry.get("count"))), shown, tuple(filter(None, others)))


def _json_lines(text: str) -> list[Any]:
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            raise TagFileError(f"line {number} is not JSON") from None
    return entries


def _numbered(category: int) -> str:
    return _NUMBERED.get(category, f"category {category}")


def _number(value: Any) -> int:
    if isinstance(value, str):
        digits = value.replace(",", "").strip()
        value = int(digits) if digits.isdecimal() and len(digits) < 20 else 0
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _MAX_COUNT)


def _name(text: str) -> str:
    """A tag's name on one line; empty for what cannot be one."""
    name = text.strip()
    return "" if len(name) > MAX_NAME or not name.isprintable() else name
