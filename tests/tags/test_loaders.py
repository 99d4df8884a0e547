from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.tags import loaders
from cozygen.tags.model import Tag, TagFileError
from cozygen.tags.service import STARTER

MARKDOWN = """# Tags

## anatomy_body (1,200)
- `long_hair` — 4350743
- `Short_Hair` — 12

## nsfw_nudity (3)
- `a_tag` — 3
## nsfw_explicit (4)
- `b_tag` — 4
## namespace_x (9)
- `fate:stay` — 7
- `:d` — 6
- `<3` — 5
- `12:30pm` — 4
- `10:` — 3
## My Own
- `thing` — 1
* `plain`
not a tag
- no backticks — 5
"""


def test_markdown() -> None:
    found = loaders.parse(MARKDOWN)
    assert {tag.name: (tag.count, tag.category) for tag in found.tags} == {
        "long_hair": (4350743, "body"),
        "Short_Hair": (12, "body"),
        "a_tag": (3, "nsfw"),
        "b_tag": (4, "nsfw"),
        "fate:stay": (7, "fandom"),
        ":d": (6, "expression"),
        "<3": (5, "expression"),
        "12:30pm": (4, "general"),
        "10:": (3, "general"),
        "thing": (1, "my own"),
        "plain": (0, "my own"),
    }
    assert found.declared == {"body": 1200, "nsfw": 7}, "what is spread over several categories is declared of none"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("anatomy_body", "body"),
        ("camera_composition", "camera"),
        ("clothing_accessories", "clothing"),
        ("color", "color"),
        ("expression_emotion", "expression"),
        ("lighting", "lighting"),
        ("location_scene", "scene"),
        ("meta_quality", "quality"),
        ("name_title_misc", "names"),
        ("other", "general"),
        ("pose_action", "pose"),
        ("style_medium", "style"),
        ("text_symbols", "text"),
        ("subject_count", "meta"),
        ("weapons_tools", "props"),
        ("violence_gore", "violence"),
        ("nsfw_suggestive", "nsfw"),
        ("nsfw_nudity", "nsfw"),
        ("nsfw_explicit", "nsfw"),
        ("", "general"),
        ("Brand New", "brand new"),
        ("Anatomy_Body", "body"),
        ("namespace: pokemon", "fandom"),
    ],
)
def test_categories_are_folded(raw: str, shown: str) -> None:
    assert loaders.shown_category(raw, "x") == shown


def test_tags_before_any_heading_are_general() -> None:
    assert loaders.parse("- `x` — 3").tags == [Tag("x", 3, "general")]


def test_csv() -> None:
    found = loaders.parse('1girl,0,6008644,"1girls,sole_female"\nhighres,5,52\r\nx,4,,""\nbroken\ny,nine,1\nz,7,2,\n')
    assert found.tags == [
        Tag("1girl", 6008644, "general", ("1girls", "sole_female")),
        Tag("highres", 52, "meta"),
        Tag("x", 0, "character"),
        Tag("z", 2, "category 7"),
    ]


def test_json_of_a_danbooru() -> None:
    entries = [
        {"id": 1, "name": "solo", "category": 0, "post_count": 5, "is_deprecated": False},
        {"id": 2, "name": "gone", "category": 0, "post_count": 9, "is_deprecated": True},
        {"id": 3, "name": "someone", "category": 1, "post_count": -5},
        {"id": 4, "name": 7},
        "text",
    ]
    expected = [Tag("solo", 5, "general"), Tag("someone", 0, "artist")]
    assert loaders.parse(json.dumps(entries)).tags == expected
    assert loaders.parse("\n".join(json.dumps(entry) for entry in entries)).tags == expected


def test_of_equal_names_the_most_used_stays() -> None:
    assert loaders.parse("- `a` — 1\n- `A` — 5\n- `a` — 2").tags == [Tag("A", 5, "general")]


@pytest.mark.parametrize("text", ["", "hello\nworld", "[]", "{", "[1, 2]", '{"name": 1}\n{', "\0\0", "a,b\nc,d"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(TagFileError):
        loaders.parse(text)


def test_a_byte_order_mark_and_bad_bytes_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "tags.md"
    path.write_bytes(b"\xef\xbb\xbf- `a\xff` \xe2\x80\x94 3\n")
    assert [tag.count for tag in loaders.load(path).tags] == [3]


def test_the_starter_list_is_whole() -> None:
    found = loaders.load(STARTER)
    assert len(found.tags) > 500 and all(tag.count == 0 for tag in found.tags) and not found.declared
    known = {"body", "camera", "clothing", "color", "expression", "lighting", "scene", "quality", "general", "pose"}
    assert known | {"style", "text", "meta", "props"} == {tag.category for tag in found.tags}
    assert STARTER.read_text("utf-8").count("\n- `") == len(found.tags), "none stands there twice"


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        found = loaders.parse(text)
    except TagFileError:
        return
    assert found.tags and all(tag.name.isprintable() and tag.count >= 0 for tag in found.tags)
