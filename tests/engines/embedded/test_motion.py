"""Still pictures in motion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozygen.engines.embedded.library.motion import (
    CozyGenMorph,
    CozyGenPanZoom,
    CozyGenParallax,
    motion_between,
)
from cozygen.engines.embedded.painter.noise import blur
from cozygen.nodes.host import Interrupted
from cozygen.nodes.limits import TooLarge
from cozygen.nodes.pictures import FloatArray

NODES = (CozyGenPanZoom, CozyGenMorph, CozyGenParallax)


def ramp(height: int = 40, width: int = 60) -> FloatArray:
    """A picture whose red is its x and whose green is its y, 0..1."""
    picture = np.zeros((1, height, width, 3), np.float32)
    picture[..., 0] = (np.arange(width) + 0.5) / width
    picture[..., 1] = ((np.arange(height) + 0.5) / height)[:, None]
    return picture


def blob(x: float, y: float, height: int = 64, width: int = 96) -> FloatArray:
    """A soft bright spot."""
    gx, gy = np.arange(width)[None, :] - x, np.arange(height)[:, None] - y
    spot = np.exp(-(gx**2 + gy**2) / 120.0)
    return np.repeat(spot[None, :, :, None], 3, axis=3).astype(np.float32)


def pan(image: FloatArray, **inputs: Any) -> FloatArray:
    given_inputs = {
        "frames": 5,
        "start_zoom": 1.0,
        "end_zoom": 2.0,
        "start_x": 0.5,
        "start_y": 0.5,
        "end_x": 0.5,
        "end_y": 0.5,
        "easing": "linear",
    }
    (film,) = CozyGenPanZoom().move(image, **{**given_inputs, **inputs})
    result: FloatArray = film
    return result


def test_standing_still_is_the_picture(host: Any) -> None:
    film = pan(ramp(), end_zoom=1.0)
    assert film.shape == (5, 40, 60, 3)
    for frame in film:
        np.testing.assert_allclose(frame, ramp()[0], atol=1e-5)
    assert host.steps == [(n, 5) for n in range(1, 6)]


def test_zoom_shows_the_middle(host: Any) -> None:
    last = pan(ramp())[-1]
    assert last[20, :, 0].min() == pytest.approx(0.25, abs=0.02)
    assert last[20, :, 0].max() == pytest.approx(0.75, abs=0.02)


def test_panning_is_accurate_to_fractions_of_a_pixel(host: Any) -> None:
    film = pan(ramp(40, 200), start_zoom=2.0, frames=41, start_x=0.40, end_x=0.42)
    centres = film[:, 20, 90:110, 0].mean(axis=1)
    steps = np.diff(centres)
    assert steps.min() > 0.0003
    assert steps.max() < 0.0007


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_the_camera_stays_inside(host: Any, corner: tuple[float, float]) -> None:
    last = pan(ramp(), end_x=corner[0], end_y=corner[1])[-1]
    assert last[..., :2].min() > 0.0
    expected = (0.25 if corner[0] == 0 else 0.75, 0.25 if corner[1] == 0 else 0.75)
    assert last[..., 0].mean() == pytest.approx(expected[0], abs=0.02)
    assert last[..., 1].mean() == pytest.approx(expected[1], abs=0.02)


@pytest.mark.parametrize(
    ("size", "shape"), [((0, 0), (40, 60)), ((30, 0), (20, 30)), ((0, 80), (80, 120)), ((64, 64), (64, 64))]
)
def test_the_output_has_the_size_asked_for(host: Any, size: tuple[int, int], shape: tuple[int, int]) -> None:
    film = pan(ramp(), frames=2, width=size[0], height=size[1])
    assert film.shape == (2, *shape, 3)


def test_another_shape_does_not_stretch(host: Any) -> None:
    film = pan(ramp(60, 60), frames=1, width=60, height=30)
    slope_x = np.diff(film[0, 15, :, 0]).mean()
    slope_y = np.diff(film[0, :, 30, 1]).mean()
    assert slope_x == pytest.approx(slope_y, rel=0.05)


@pytest.mark.parametrize("easing", ["linear", "ease in", "ease out", "ease in-out"])
def test_easings_start_and_end_alike(host: Any, easing: str) -> None:
    film = pan(ramp(), easing=easing)
    plain = pan(ramp())
    np.testing.assert_array_equal(film[0], plain[0])
    np.testing.assert_array_equal(film[-1], plain[-1])
    spread = film[:, 20, :, 0].max(axis=1)
    assert (np.diff(spread) < 0).all()


def test_a_film_plays_on_under_the_camera(host: Any) -> None:
    pictures = np.stack([np.full((8, 8, 3), value, np.float32) for value in (0.1, 0.5, 0.9)])
    film = pan(pictures, frames=6)
    np.testing.assert_allclose(film[:, 4, 4, 0], [0.1, 0.1, 0.5, 0.5, 0.9, 0.9], atol=1e-5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.floats(1.0, 16.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.integers(0, 70),
    st.integers(0, 70),
)
def test_any_view_can_be_taken(
    host: Any, rows: int, columns: int, zoom: float, x: float, y: float, width: int, height: int
) -> None:
    picture = np.random.default_rng(0).random((1, rows, columns, 3), dtype=np.float32)
    film = pan(picture, frames=2, end_zoom=zoom, end_x=x, end_y=y, width=width, height=height)
    assert np.isfinite(film).all()


def test_a_morph_begins_and_ends_with_the_pictures(host: Any) -> None:
    a, b = blob(30, 30), blob(60, 34)
    (film,) = CozyGenMorph().morph(a, b, 5, "ease in-out")
    np.testing.assert_allclose(film[0], a[0], atol=1e-5)
    np.testing.assert_allclose(film[-1], b[0], atol=1e-5)


def test_forms_travel_rather_than_fade(host: Any) -> None:
    a, b = blob(38, 32), blob(56, 32)
    (morph,) = CozyGenMorph().morph(a, b, 3, "linear")
    (fade,) = CozyGenMorph().morph(a, b, 3, "linear", warp=0.0)
    assert morph[1].max() > fade[1].max() + 0.1
    column = int(morph[1, 32, :, 0].argmax())
    assert 42 <= column <= 52


def test_the_motion_between_two_pictures_is_found() -> None:
    rng = np.random.default_rng(3)
    texture = blur(rng.random((96, 128), dtype=np.float32), 4.0)
    texture = (texture - texture.min()) / (texture.max() - texture.min())
    a, b = texture[10:90, 10:110], texture[8:88, 6:106]
    flow_x, flow_y = motion_between(np.repeat(a[None], 3, 0), np.repeat(b[None], 3, 0))
    assert float(np.median(flow_x)) == pytest.approx(4.0, abs=1.2)
    assert float(np.median(flow_y)) == pytest.approx(2.0, abs=1.2)


def test_pictures_of_other_sizes_are_fitted(host: Any) -> None:
    (film,) = CozyGenMorph().morph(ramp(30, 50), np.ones((1, 90, 20, 4), np.float32), 2, "linear")
    assert film.shape == (2, 30, 50, 3)
    np.testing.assert_allclose(film[1], 1.0, atol=1e-5)


@pytest.mark.parametrize("path", ["sway", "orbit", "push in"])
@pytest.mark.parametrize("depth", ["bottom is near", "bright is near", "dark is near", "centre is near"])
def test_parallax_moves(host: Any, path: str, depth: str) -> None:
    (film,) = CozyGenParallax().move(ramp(), 4, depth, path, 0.05)
    assert film.shape == (4, 40, 60, 3)
    assert np.abs(film[1] - film[0]).mean() > 1e-4


def test_near_parts_move_more(host: Any) -> None:
    picture = np.tile(ramp(64, 64), (1, 1, 1, 1))
    mask = np.zeros((1, 64, 64), np.float32)
    mask[:, :, :24] = 1.0
    (film,) = CozyGenParallax().move(picture, 4, "bottom is near", "push in", 0.05, mask=mask)
    change = np.abs(film[-1] - film[0]).max(axis=2)
    assert change[20:44, 4:12].mean() > 2 * change[20:44, 40:48].mean()


def run(node: Any, image: FloatArray, frames: int) -> None:
    if node is CozyGenPanZoom:
        pan(image, frames=frames)
    elif node is CozyGenMorph:
        CozyGenMorph().morph(image, image, frames, "linear")
    else:
        CozyGenParallax().move(image, frames, "bottom is near", "sway", 0.03)


@pytest.mark.parametrize("node", NODES)
def test_motion_can_be_cancelled(host: Any, node: Any) -> None:
    host.stop_at = 2
    with pytest.raises(Interrupted):
        run(node, ramp(), 9)
    assert host.steps == [(1, 9), (2, 9)]


@pytest.mark.parametrize("node", NODES)
def test_films_beyond_memory_are_refused(host: Any, node: Any) -> None:
    image = np.broadcast_to(np.zeros(3, np.float32), (1, 3000, 3000, 3))
    with pytest.raises(TooLarge, match="smaller"):
        run(node, image, 1000)
    assert host.steps == []


@pytest.mark.parametrize("node", NODES)
def test_one_frame_is_a_picture(host: Any, node: Any) -> None:
    run(node, ramp(), 1)
    assert host.steps == [(1, 1)]


@pytest.mark.parametrize("node", NODES)
def test_the_nodes_say_what_they_are(node: Any) -> None:
    assert "not a diffusion model" in node.DESCRIPTION
