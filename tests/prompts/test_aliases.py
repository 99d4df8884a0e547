from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.prompts.aliases import MAX_LENGTH, Aliases, with_weight

BOOK: dict[str, Any] = {
    "items": {
        "hero": "a knight, silver armour",
        "Quality": "masterpiece, (best:1.4)",
        "hair::red": "red hair",
        "hair::long": "long hair",
        "eyes::red": "red eyes",
        "light::Soft-1": "soft light",
        "dawn": "low sun, pink sky",
        "scene": "$hero$ at $dawn$",
        "loop_a": "$loop_b$ a",
        "loop_b": "$loop_a$ b",
        "ping": "$pong$",
        "pong": "$ping$",
        "sky": "$  blue",
        "number": 5,
        "empty": "  ",
    },
    "categories": {"dawn": "Time"},
    "categoryList": ["Time"],
}


def expand(text: str, document: Any = BOOK) -> str:
    return Aliases.from_document(document).expand(text)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("$hero$, night", "a knight, silver armour, night"),
        ("$HERO$", "a knight, silver armour"),
        ("$hair::red$", "red hair"),
        ("$hair:red$", "red hair"),
        ("$HAIR:Red$", "red hair"),
        ("hair::red, x", "red hair, x"),
        ("$long$", "long hair"),
        ("$red$", "$red$"),  # two aliases claim it with different texts
        ("$soft-1$ light::soft-1", "soft light soft light"),
        ("$time:dawn$", "low sun, pink sky"),
        ("time::dawn", "low sun, pink sky"),
        ("$scene$", "a knight, silver armour at low sun, pink sky"),
        ("($hero$:1.2)", "(a knight:1.2), (silver armour:1.2)"),
        ("( $hero$ : 0.7 ), x", "(a knight:0.7), (silver armour:0.7), x"),
        ("($quality$:2)", "(masterpiece:2), (best:2)"),
        ("($unknown$:1.2)", "($unknown$:1.2)"),
        ("$unknown$ and $5", "$unknown$ and $5"),
        ("costs $5 or $6", "costs $5 or $6"),
        ("mood::calm, x", "calm, x"),
        ("$mood::calm$", "$mood::calm$"),
        ("$number$ $empty$", "$number$ $empty$"),
        ("{0.5::red|2::blue}", "{0.5::red|2::blue}"),
        ("plain text", "plain text"),
        ("", ""),
        ("a::", "a::"),
        ("::b", "::b"),
    ],
)
def test_what_the_engine_sees(typed: str, seen: str) -> None:
    assert expand(typed) == seen


def test_a_plain_map_is_taken_too() -> None:
    assert expand("$a$", {"a": "b"}) == "b"


def test_short_name_answers_when_all_claims_agree() -> None:
    assert expand("$scene$", {"x::scene": "same", "y::scene": "same"}) == "same"


def test_a_name_of_its_own_wins_over_a_short_one() -> None:
    assert expand("$red$", {"hair::red": "red hair", "red": "crimson"}) == "crimson"


def test_cycles_stop() -> None:
    assert expand("$ping$") == "$pong$"
    result = expand("$loop_a$")
    assert result.count("b a") == 5, "ten passes, then it stays"


def test_ten_passes_at_most() -> None:
    chain = {f"a{n}": f"$a{n + 1}$" for n in range(20)}
    assert expand("$a0$", chain) == "$a10$"


def test_an_alias_that_explodes_stops_growing() -> None:
    result = expand("$a$", {"a": "$a$ " * 100})
    assert 0 < len(result) <= MAX_LENGTH


@pytest.mark.parametrize("document", [None, [], 5, "text", {"items": []}, {"items": {"a": {}}}, {"items": {"": "x"}}])
def test_what_is_no_document_has_no_aliases(document: Any) -> None:
    assert expand("$a$ b::c", document) == "$a$ c"


def test_weights() -> None:
    assert with_weight("a, (b:1.1), (c, d", "1.3") == "(a:1.3), (b:1.3), ((c:1.3), (d:1.3)"
    assert with_weight("  ", "1.3") == "  "


names = st.text("abz09_:-", min_size=1, max_size=8)
texts = st.lists(st.sampled_from([*"ab:$(), 1.", "$a$", "b::a", "($a$:1.1)"]), max_size=30).map("".join)


@given(st.dictionaries(names, texts, max_size=6), texts)
def test_any_aliases_and_any_text_come_to_an_end(items: dict[str, str], text: str) -> None:
    assert isinstance(expand(text, {"items": items}), str)


@given(st.dictionaries(names, st.text("xy ,", min_size=1), max_size=6), st.text("abz $:,"))
def test_expanding_twice_changes_nothing_more(items: dict[str, str], text: str) -> None:
    once = expand(text, items)
    assert expand(once, items) == once or "::" in once
