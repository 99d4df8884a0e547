"""The files that a graph starts from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata.sources import MAX_SOURCES, Source, distinct_places, place_of, sources
from tests.gallery.metadata.makers import node


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a.png", ("input", "a.png")),
        ("sub/a b.PNG", ("input", "sub/a b.PNG")),
        ("sub\\a.png", ("input", "sub/a.png")),
        ("./sub//a.png", ("input", "sub/a.png")),
        ("a.png [input]", ("input", "a.png")),
        ("a.png [output]", ("output", "a.png")),
        ("clipspace/m.png [temp]", ("temp", "clipspace/m.png")),
        ("x/a [output].png", ("input", "x/a [output].png")),
        ("output::a/b::c.png", ("output", "a/b/c.png")),
        ("output::::c.png", ("output", "c.png")),
        ("film.mp4", ("input", "film.mp4")),
        ("sound.flac [output]", ("output", "sound.flac")),
        ("at 10:30.png", ("input", "at 10:30.png")),
        ("", None),
        ("a", None),
        ("model.safetensors", None),
        ("[output]", None),
        (".png [output]", None),
        ("../a.png", None),
        ("x/../../a.png", None),
        ("/etc/a.png", None),
        ("\\\\host\\a.png", None),
        ("C:\\a.png", None),
        ("a\0.png", None),
        ("\ud800.png", None),
        ("x" * 5000 + ".png", None),
        ("output::..::a.png", None),
    ],
)
def test_what_a_name_stands_for(name: str, place: tuple[str, str] | None) -> None:
    assert place_of(name) == place


def test_every_loader() -> None:
    graph = {
        "1": node("LoadImage", image="a.png", upload="image"),
        "2": node("LoadImageMask", image="m.png [input]", channel="alpha"),
        "3": node("LoadImageOutput", image="o.png [output]"),
        "4": node("CozyGenImageInput", param_name="Picture", image_filename="output::x::p.png"),
        "5": node("VHS_LoadVideo", video="v.mp4", frame_load_cap=0),
        "6": node("LoadVideo", file="w.webm"),
        "7": node("LoadAudio", audio="s.mp3"),
        "8": node("VAEEncode", pixels=["1", 0], vae=["9", 0]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="a.png"),
    }
    assert sources(graph) == [
        Source("1", "image", "a.png", "input", "a.png"),
        Source("2", "image", "m.png [input]", "input", "m.png"),
        Source("3", "image", "o.png [output]", "output", "o.png"),
        Source("4", "image_filename", "output::x::p.png", "output", "x/p.png"),
        Source("5", "video", "v.mp4", "input", "v.mp4"),
        Source("6", "file", "w.webm", "input", "w.webm"),
        Source("7", "audio", "s.mp3", "input", "s.mp3"),
    ]


def test_a_name_that_comes_from_another_node() -> None:
    graph = {
        "1": node("PrimitiveString", value="a.png"),
        "2": node("LoadImage", image=["1", 0]),
        "3": node("ImageBlur", image=["2", 0]),
        "4": node("LoadImage", image=["5", 0]),
        "5": node("PrimitiveString", value=["4", 0]),
    }
    assert sources(graph) == [Source("2", "image", "a.png", "input", "a.png")]


def test_each_place_once_and_not_without_end() -> None:
    graph = {str(number): node("LoadImage", image=f"{number % 2}.png") for number in range(10)}
    assert distinct_places(graph) == [("input", "0.png"), ("input", "1.png")]
    many = {str(number): node("LoadImage", image=f"{number}.png") for number in range(MAX_SOURCES + 100)}
    assert len(sources(many)) == MAX_SOURCES


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["a.png", "../a.png", "a.png [output]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["image", "inputs", "x"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), _VALUES | st.builds(lambda v: node("LoadImage", image=v), _VALUES)))
def test_whatever_the_graph_is_there_is_an_answer(graph: dict[str, Any]) -> None:
    for source in sources(graph):
        assert ".." not in source.path.split("/") and source.path == source.path.strip("/")
        assert place_of(source.name) == (source.folder, source.path)
