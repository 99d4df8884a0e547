"""The language: every text means something, or is wrong at a place that is named."""

from __future__ import annotations

from datetime import date, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.complete import Completion, complete
from cozygen.gallery.query import (
    KEYS,
    And,
    Between,
    Dates,
    Dimensions,
    Everything,
    Flag,
    Folder,
    Kind,
    Label,
    Node,
    Not,
    Or,
    QueryError,
    Ratio,
    Seed,
    Words,
    parse,
)
from cozygen.gallery.words import fold, has_words, spaced

TODAY = date(2026, 3, 1)
FOX, OWL, CAT = Words("fox"), Words("owl"), Words("cat")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", Everything()),
        ("  \t\n ", Everything()),
        ("fox", FOX),
        ("fox owl", And((FOX, OWL))),
        ("fox AND owl", And((FOX, OWL))),
        ("fox OR owl", Or((FOX, OWL))),
        ("fox or owl", And((FOX, Words("or"), OWL))),
        ("fox owl OR cat", Or((And((FOX, OWL)), CAT))),
        ("fox (owl OR cat)", And((FOX, Or((OWL, CAT))))),
        ("-fox", Not(FOX)),
        ("NOT fox", Not(FOX)),
        ("NOT -fox", Not(Not(FOX))),
        ("-(fox owl)", Not(And((FOX, OWL)))),
        ("--fox", Words("--fox")),
        ("fox - owl", And((FOX, OWL))),
        ("- fox", FOX),
        ("()", Everything()),
        ("fox ()", FOX),
        ("fox OR !!", FOX),
        ("-!!", Everything()),
        ('"red fox"', Words("red fox")),
        ('"fox*"', Words("fox*")),
        ("fox*", Words("fox", prefix=True)),
        ("*", Everything()),
        ("saber_(fate)", Words("saber_(fate)")),
        ("(saber_(fate))", Words("saber_(fate)")),
        ("tag:saber_(fate)", Label("tag", "saber_(fate)", True)),
        ("(tag:saber_(fate) OR fox)", Or((Label("tag", "saber_(fate)", True), FOX))),
        ("re:zero", Words("re:zero")),
        ("http://x", Words("http://x")),
        ("a:b", Words("a:b")),
        ("MODEL:Dream", Label("model", "Dream", False)),
        ('model:"my model"', Label("model", "my model", False)),
        ("checkpoint=x", Label("model", "x", True)),
        ("sampler:euler", Label("sampler", "euler", True)),
        ("prompt:fox", Words("fox", "positive")),
        ("positive:fox*", Words("fox", "positive", True)),
        ('negative:"bad hands"', Words("bad hands", "negative")),
        ("filename:fox", Words("fox", "name")),
        ("seed:0012", Seed("12")),
        ("seed:18446744073709551615", Seed("18446744073709551615")),
        ("steps:20", Between("steps", 20, 20)),
        ("steps=20", Between("steps", 20, 20)),
        ("steps>20", Between("steps", 20, inf, open_low=True)),
        ("steps>=20", Between("steps", 20)),
        ("steps<20", Between("steps", high=20, open_high=True)),
        ("cfg<=.5", Between("cfg", high=0.5)),
        ("cfg:5..7", Between("cfg", 5, 7)),
        ("cfg:5..", Between("cfg", 5)),
        ("cfg:..7.5", Between("cfg", high=7.5)),
        ("stars:4", Between("rating", 4, 4)),
        ("duration>1:30", Between("duration", 90, inf, open_low=True)),
        ("duration:1:00:00", Between("duration", 3600, 3600)),
        ("duration<2m", Between("duration", high=120, open_high=True)),
        ("filesize>1.5MB", Between("filesize", 1_500_000, inf, open_low=True)),
        ("filesize:1kib..", Between("filesize", 1024)),
        ("size:1024x1536", Dimensions(1024, 1536, "=")),
        ("size>=1024×1536", Dimensions(1024, 1536, ">=")),
        ("ratio:portrait", Ratio(0, 1, open=True)),
        ("is:landscape", Ratio(1, inf, open=True)),
        ("is:Favourite", Flag("is:favorite")),
        ("is:video", Kind("video")),
        ("type:audio", Kind("audio")),
        ("has:tags", Flag("has:tag")),
        ("folder:a/b/", Folder("a/b")),
        ("folder:a\\b", Folder("a/b")),
        ("date:2026", Dates(datetime(2026, 1, 1), datetime(2027, 1, 1))),
        ("date:2026-12", Dates(datetime(2026, 12, 1), datetime(2027, 1, 1))),
        ("date:2024-02-29", Dates(datetime(2024, 2, 29), datetime(2024, 3, 1))),
        ("date>2026-1", Dates(datetime(2026, 2, 1), None)),
        ("date>=2026", Dates(datetime(2026, 1, 1), None)),
        ("date<2026", Dates(None, datetime(2026, 1, 1))),
        ("date<=2026", Dates(None, datetime(2027, 1, 1))),
        ("date:2025-12..2026-01", Dates(datetime(2025, 12, 1), datetime(2026, 2, 1))),
        ("date:..2026", Dates(None, datetime(2027, 1, 1))),
        ("date:yesterday", Dates(datetime(2026, 2, 28), datetime(2026, 3, 1))),
        ("-is:hidden -tag:x", And((Not(Flag("is:hidden")), Not(Label("tag", "x", True))))),
    ],
)
def test_what_a_query_means(text: str, node: Node) -> None:
    assert parse(text, today=TODAY) == node


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("fox )", 4), ("(fox", 0), ("fox ((owl)", 4), ("OR", 0), ("fox OR", 4), ("fox OR OR owl", 4), ("(OR fox)", 1), ("NOT", 0), ("fox NOT OR owl", 4),
        ('fox "owl', 4), ('tag:"owl', 4), ("tag:", 0), ("tag: fox", 0), ('tag:""', 0), ("tag>x", 3), ("steps:x", 6), ("steps:1..x", 9), ("steps>1..2", 5),
        ("steps:..", 6), ("steps:1e5", 6), ("steps:1.2.3", 6), ("cfg:nan", 4), ("rating:١", 7), ("seed:1.5", 5), ("size:1024", 5), ("size>1x1", 4), ("ratio:tall", 6),
        ("ratio:1:0", 6), ("is:x", 3), ("has:x", 4), ("kind:x", 5), ("folder:/", 7), ("date:x", 5), ("date:2026-13", 5), ("date:2025-02-29", 5), ("date:9999", 5),
        ("date:0000", 5), ("date>2025..2026", 4), ("date:..", 5), ("date:2025..x", 11), ("prompt:!!", 7), ("(" * 17 + ")" * 17, 16), ("NOT " * 20 + "x", 64),
    ],
)  # fmt: skip
def test_what_is_wrong_is_wrong_at_a_place(text: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, today=TODAY)
    assert (caught.value.position, str(caught.value) != "") == (position, True)


PIECES = st.sampled_from(
    ["(", ")", '"', "-", " ", "OR", "NOT", "AND", ":", ">", "<=", "..", "*", "fox", "猫", "2026", "1x2", "today", "\x00", "\ud800", "é"]
    + [f"{key}:" for key in KEYS]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=8).map(" ".join)
)


@given(TEXTS)
def test_any_text_has_a_meaning_or_a_place_where_it_is_wrong(text: str) -> None:
    try:
        node = parse(text, today=TODAY)
    except QueryError as error:
        assert 0 <= error.position <= len(text)
        assert str(error)
    else:
        assert node == parse(text, today=TODAY)
        assert hash(node) == hash(parse(f" {text} ", today=TODAY))


words: st.SearchStrategy[Node] = st.sampled_from(
    [FOX, OWL, Label("tag", "a", True), Between("steps", 2, 3), Flag("is:favorite")]
)
nodes: st.SearchStrategy[Node] = st.recursive(
    words,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
    ),
    max_leaves=8,
)


def written(node: Node) -> str:
    """A node as somebody would write it who trusts nothing."""
    if isinstance(node, Not):
        return f"-({written(node.node)})"
    if isinstance(node, And | Or):
        return f" {type(node).__name__.upper()} ".join(f"({written(one)})" for one in node.nodes)
    return {FOX: "fox", OWL: "owl"}.get(node) or (  # type: ignore[arg-type]
        "tag:a" if isinstance(node, Label) else "steps:2..3" if isinstance(node, Between) else "is:favorite"
    )


@given(nodes)
def test_what_is_written_is_read_back(node: Node) -> None:
    assert parse(written(node), today=TODAY) == node


# Words


def test_text_is_taken_apart_where_scripts_have_no_spaces() -> None:
    assert spaced("a red fox, night_sky") == "a red fox, night_sky"
    assert spaced("猫耳girl").split() == ["猫", "耳", "girl"]
    assert spaced("fox🦊").split() == ["fox", "🦊"]
    assert not has_words("!?_ -") and has_words("a") and has_words("猫") and has_words("🦊")


@given(st.text(max_size=40))
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


# Completion


def counts(key: str) -> list[tuple[str, int]]:
    known = {"tag": [("fox", 5), ("red fox", 3), ("owl", 1), ('say "x"', 1)], "model": [("sd/fox.safetensors", 2)]}
    return known.get(key, [])


def test_values_come_by_frequency_those_that_begin_so_first() -> None:
    assert complete("tag:fo", 6, counts).items == [
        Completion("tag:fox", "value", 5),
        Completion('tag:"red fox"', "value", 3),
    ]
    assert complete('tag:"red', 8, counts).items == [Completion('tag:"red fox"', "value", 3)]
    assert [item.text for item in complete("fo", 2, counts).items] == [
        "folder:",
        "tag:fox",
        'tag:"red fox"',
        "model:sd/fox.safetensors",
    ]
    assert complete("foo:x", 5, counts).items == []


@given(TEXTS, st.integers(-2, 80))
def test_completing_never_fails_and_replaces_what_is_there(text: str, at: int) -> None:
    found = complete(text, at, counts)
    assert 0 <= found.start <= max(0, min(at, len(text))) <= found.end <= len(text)
    assert len(found.items) <= 20


@given(
    st.sampled_from(["fox (", "-(", "", 'name:"a b" ', "x OR "]),
    st.sampled_from(["tag:fo", "-tag:ow", "mod", "tag:red"]),
)
def test_a_completion_is_a_query(before: str, typed: str) -> None:
    text = before + typed
    found = complete(text, len(text), counts)
    assert found.items
    for item in found.items:
        if item.kind == "value":
            parse(text[: found.start] + item.text + ")" * text.count("("))
