"""The procedural painter: what words do, what stays the same, and what it refuses."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cozygen.engines.embedded import painter
from cozygen.engines.embedded.library.painter import CozyGenPainter, CozyGenPainterVideo, TooManyPixels
from cozygen.engines.embedded.painter import PainterError, noise, paint, paint_frames
from cozygen.engines.embedded.painter.color import Array, fit, hue_of, lch, linear_from_oklab, oklab_from_linear
from cozygen.engines.embedded.painter.lexicon import COLOURS, EFFECTS, MOODS
from cozygen.engines.embedded.painter.styles import FINISHES, lab_of, picture_of
from cozygen.engines.embedded.painter.wish import read_wish
from cozygen.nodes.host import Interrupted

SMALL = (96, 72)


def small(prompt: str, negative: str = "", seed: int = 3, **options: Any) -> Array:
    return paint(prompt, negative, seed, *SMALL, **{"steps": 3, **options})


def mean_lab(picture: Array) -> Array:
    mean: Array = lab_of(picture.astype(np.float32)).mean(axis=(1, 2))
    return mean


def hue_distance(first: float, second: float) -> float:
    return abs((first - second + 180.0) % 360.0 - 180.0)


# Words


@pytest.mark.parametrize(
    ("prompt", "effects"),
    [
        ("Mountains", {"mountain": 1.0}),
        ("wolves, foxes", {"dog": 2.0}),
        ("night_sky", {"sky": 1.0}),
        ("hot air balloons", {"balloon": 1.0}),
        ("(castle:1.4), ((boat)), [cat]", {"castle": 1.4, "boat": 1.21, "cat": 1 / 1.1}),
        ("((castle:1.5))", {"castle": 1.65}),
        (r"castle \(ruin\)", {"castle": 1.0}),
        ("<lora:castle_v2:0.8> tree", {"tree": 1.0}),
        ("山と猫", {"mountain": 1.0, "cat": 1.0}),
        ("ＣＡＳＴＬＥ", {"castle": 1.0}),
        ("tree, no castle", {"tree": 1.0}),
        ("((((((castle))))))", {"castle": 1.1**6}),
        ("(castle:99)", {"castle": 3.0}),
        ("(castle:-1) tree", {"tree": 1.0}),
    ],
)
def test_subjects_and_their_weights(prompt: str, effects: dict[str, float]) -> None:
    assert read_wish(prompt).subjects == pytest.approx(effects)


def test_the_negative_prompt_takes_words_back() -> None:
    wish = read_wish("castle, (tree:1.5), red", "castle, tree, red")
    assert wish.subjects == {"tree": 1.5}
    assert not wish.colours
    assert wish.rejects("subject:castle")


def test_every_effect_of_a_word_is_known() -> None:
    for word, effects in EFFECTS.items():
        for effect in effects:
            kind, _, value = effect.partition(":")
            assert kind in ("subject", "colour", "time", "season", "weather", "mood", "style"), (word, effect)
            if kind == "colour":
                assert value in COLOURS, word
            if kind == "mood":
                assert value in MOODS, word
            if kind == "style":
                assert value in painter.STYLE_CHOICES, word


@given(st.text(max_size=400), st.text(max_size=100))
def test_any_text_can_be_read(prompt: str, negative: str) -> None:
    wish = read_wish(prompt, negative)
    assert wish == read_wish(prompt, negative)
    assert all(-1.0 <= value <= 1.0 for value in wish.shift)
    assert all(0.0 < weight <= 3.0 for weight in wish.subjects.values())


def test_unknown_words_of_any_script_matter() -> None:
    shifts = {read_wish(word).shift for word in ("", "blorptangle", "щщщ", "ﷺ", "ខ្មែរ", "🦄")}
    assert len(shifts) == 6


# Colour


@given(st.floats(0.05, 0.95), st.floats(0.0, 0.3), st.floats(0.0, 359.0))
def test_fitted_colours_can_be_shown_and_keep_their_hue(lightness: float, chroma: float, hue: float) -> None:
    fitted = fit(lch(lightness, chroma, hue))
    rgb = linear_from_oklab(fitted)
    assert rgb.min() > -0.004
    assert rgb.max() < 1.004
    if np.hypot(*fitted[1:]) > 0.02:
        assert hue_distance(hue_of(fitted), hue) < 1.0


def test_oklab_there_and_back() -> None:
    rgb = np.random.default_rng(1).random((3, 8, 9), dtype=np.float32)
    np.testing.assert_allclose(linear_from_oklab(oklab_from_linear(rgb)), rgb, atol=2e-4)


def test_a_picture_there_and_back() -> None:
    picture = np.random.default_rng(2).random((6, 5, 3), dtype=np.float32)
    np.testing.assert_allclose(picture_of(lab_of(picture)), picture, atol=3e-3)


# Noise


def test_noise_moves_without_changing() -> None:
    whole = noise.fbm(5, "n", (2.0, 3.0), (0.05, 0.05), (80, 60))
    part = noise.fbm(5, "n", (2.0 + 10 * 0.05, 3.0 + 20 * 0.05), (0.05, 0.05), (30, 20))
    np.testing.assert_allclose(whole[20:40, 10:40], part, atol=2e-3)


def test_the_texture_has_no_seam() -> None:
    tile = noise.texture(1, "t", 256)
    inside = np.abs(np.diff(tile, axis=1)).mean()
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam < 2.0 * inside


def test_blur_keeps_the_mean_and_flattens() -> None:
    plane = np.random.default_rng(0).random((64, 80), dtype=np.float32)
    for sigma in (0.8, 3.0, 12.0):
        soft = noise.blur(plane, sigma)
        assert soft.shape == plane.shape
        assert soft.mean() == pytest.approx(plane.mean(), abs=0.02)
        assert soft.std() < plane.std() * 0.6


def test_streams_depend_on_every_name() -> None:
    draws = {
        noise.generator(seed, *names).random() for seed in (0, 1) for names in (("a",), ("b",), ("a", "b"), ("ab",))
    }
    assert len(draws) == 8


# Pictures


@pytest.mark.parametrize("style", painter.STYLE_CHOICES)
def test_the_same_arguments_give_the_same_bytes(style: str) -> None:
    first = small("a red boat on a lake, birds, snow", "clouds", 2**64 - 1, style=style)
    again = small("a red boat on a lake, birds, snow", "clouds", 2**64 - 1, style=style)
    assert first.dtype == np.float32
    assert first.tobytes() == again.tobytes()


def test_watching_does_not_change_the_picture() -> None:
    seen: list[Array | None] = []
    watched = small("tree", progress=lambda step, of, preview: seen.append(preview))
    assert watched.tobytes() == small("tree").tobytes()
    assert len(seen) == 3


@pytest.mark.parametrize("other", ["a castle", "red", "night", "watercolour", "qzxv", "山", "foggy", "melancholic"])
def test_every_word_changes_the_picture(other: str) -> None:
    assert np.abs(small(f"mountain lake, {other}") - small("mountain lake")).mean() > 0.002


def test_seeds_differ() -> None:
    assert np.abs(small("hills", seed=1) - small("hills", seed=2)).mean() > 0.02


@pytest.mark.parametrize("colour", ["crimson", "teal", "gold", "violet", "green", "blue"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_colour_word_sets_the_hue(colour: str, seed: int) -> None:
    plain, tinted = mean_lab(small("sea", seed=seed)), mean_lab(small(f"{colour} sea", seed=seed))
    target = COLOURS[colour][2]
    assert hue_distance(hue_of(tinted), target) < 45.0
    assert hue_distance(hue_of(tinted), target) <= hue_distance(hue_of(plain), target) + 8.0


def test_weights_are_respected() -> None:
    def redness(prompt: str) -> float:
        return float(mean_lab(small(prompt))[1])

    assert redness("sea, (red:0.3)") < redness("sea, red") < redness("sea, (red:1.8)")


def test_the_negative_prompt_takes_a_colour_away() -> None:
    def blue_share(negative: str) -> float:
        lab = lab_of(small("sea, day, sun", negative))
        return float((-lab[2]).clip(0).mean())

    assert blue_share("blue, azure, teal") < 0.6 * blue_share("")


def test_the_negative_prompt_takes_a_subject_away() -> None:
    with_boat, without = small("sea, boat"), small("sea, boat", "boat")
    assert np.abs(with_boat - without).max() > 0.2
    assert without.tobytes() == small("sea", "boat").tobytes()


@pytest.mark.parametrize("place", ["mountain lake", "city", "desert", "forest", "sea", "meadow flowers"])
def test_night_is_darker_than_noon(place: str) -> None:
    assert mean_lab(small(f"{place} at night"))[0] < mean_lab(small(f"{place} at noon"))[0] - 0.15


def test_monochrome_has_no_colour_and_pastel_is_pale() -> None:
    grey = lab_of(small("mountain lake sunset, monochrome"))
    assert np.hypot(grey[1], grey[2]).mean() < 0.01
    assert mean_lab(small("hills sunset, pastel"))[0] > mean_lab(small("hills sunset"))[0]


SUBJECTS = sorted({effect[8:] for effects in EFFECTS.values() for effect in effects if effect.startswith("subject:")})


@pytest.mark.parametrize(
    "subject", [name for name in SUBJECTS if name not in ("landscape", "sky", "couple", "bigmoon", "crescent")]
)
def test_every_subject_can_be_seen(subject: str) -> None:
    word = next(word for word, effects in EFFECTS.items() if f"subject:{subject}" in effects)
    ground = {"hills": "sea", "lake": "hills", "river": "hills"}.get(subject, "lake, hills")
    with_it, without = small(f"{ground}, day, {word.replace('-', ' ')}"), small(f"{ground}, day")
    assert (np.abs(with_it - without).max(axis=2) > 0.04).mean() > 0.0008


@pytest.mark.parametrize("style", sorted(FINISHES))
def test_a_style_is_taken_from_the_prompt(style: str) -> None:
    named = small(f"mountain lake, {style} style" if style != "film" else "mountain lake, film grain")
    assert (
        named.tobytes() == small("mountain lake", style=style).tobytes()
        or np.abs(named - small("mountain lake")).mean() > 0.01
    )
    assert np.abs(small("mountain lake", style=style) - small("mountain lake")).mean() > 0.01


def test_pixel_art_has_few_colours() -> None:
    picture = paint("castle", seed=1, width=320, height=240, steps=1, style="pixel art")
    cells = (picture[::2, ::2] * 20).round().astype(int).reshape(-1, 3)
    assert len(np.unique(cells, axis=0)) < 200


@pytest.mark.parametrize(
    ("prompt", "size"),
    [
        ("city, tree, river, person", (64, 1000)),
        ("mountain lake, boat, snow", (1000, 64)),
        ("forest, house, flowers", (131, 77)),
        ("jellyfish, whale, fish", (1000, 64)),
        ("jellyfish", (65, 257)),
        ("galaxy planet", (64, 1000)),
        ("portrait", (64, 64)),
        ("portrait", (1000, 64)),
        ("geometric", (64, 1000)),
        ("abstract", (131, 77)),
    ],
)
def test_any_size_and_realm(prompt: str, size: tuple[int, int]) -> None:
    picture = paint(prompt, seed=9, width=size[0], height=size[1], steps=2)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0
    assert picture.std() > 0.02


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=120), st.integers(0, 2**64 - 1))
def test_any_prompt_can_be_painted(prompt: str, seed: int) -> None:
    picture = paint(prompt, seed=seed, width=64, height=64, steps=1)
    assert np.isfinite(picture).all()


def test_huge_and_empty_prompts() -> None:
    small("")
    small("castle, " * 30_000 + "(" * 5000)


def test_gradients_do_not_band() -> None:
    """A smooth sky has many levels, none of them in a broad flat step."""
    picture = paint("clear day, sea", "clouds, sun", 5, 256, 256, steps=4, style="painting")
    column = (picture[:110, 128, 2] * 255).round().astype(int)
    runs = np.diff(np.flatnonzero(np.diff(column, prepend=-1, append=-1)))
    assert runs.max() < 12


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"width": 32}, "64 to 4096"),
        ({"height": 5000}, "64 to 4096"),
        ({"steps": 0}, "steps"),
        ({"steps": 61}, "steps"),
        ({"style": "cubist"}, "style"),
    ],
)
def test_what_cannot_be_painted_is_refused(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(PainterError, match=word):
        paint("tree", **arguments)


def test_large_pictures_are_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.engines.embedded.painter.painting._PAINTED_PIXELS", 64 * 48)
    picture = paint("castle", seed=1, width=160, height=120, steps=1)
    assert picture.shape == (120, 160, 3)
    assert picture.std() > 0.05


def test_the_example_is_a_png() -> None:
    data = painter.example_image()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"
        assert picture.size == (768, 512)


# Painting over a picture


def gradient_picture() -> Array:
    """A bright sky over a dark hill with a white spot on it."""
    picture = np.full((72, 96, 3), 0.8, np.float32)
    picture[40:] = (0.15, 0.25, 0.15)
    picture[50:56, 40:50] = 1.0
    return picture


def test_strength_zero_keeps_the_picture() -> None:
    source = gradient_picture()
    np.testing.assert_array_equal(small("crimson night", image=source, strength=0.0), source)


def test_structure_stays_and_colours_change() -> None:
    source = gradient_picture()
    light = lab_of(source)[0]
    lights, distances = [], []
    for strength in (0.2, 0.5, 0.9):
        result = small("crimson sunset", image=source, strength=strength)
        lights.append(float(np.corrcoef(lab_of(result)[0].ravel(), light.ravel())[0, 1]))
        distances.append(float(np.abs(result - source).mean()))
    assert lights[0] > 0.9
    assert lights[1] > 0.7
    assert distances == sorted(distances)
    assert mean_lab(small("crimson sunset", image=source, strength=0.6))[1] > mean_lab(source)[1] + 0.03


def test_the_mask_says_where() -> None:
    source = gradient_picture()
    mask = np.zeros((72, 96), np.float32)
    mask[:, 48:] = 1.0
    result = small("crimson sunset", image=source, strength=0.9, mask=mask)
    np.testing.assert_allclose(result[:, :44], source[:, :44], atol=1e-6)
    assert np.abs(result[:, 52:] - source[:, 52:]).mean() > 0.05


@pytest.mark.parametrize("shape", [(1, 1, 3), (300, 20, 3), (40, 40, 4)])
def test_any_picture_can_be_painted_over(shape: tuple[int, ...]) -> None:
    result = small("forest", image=np.random.default_rng(0).random(shape, dtype=np.float32), strength=0.8)
    assert result.shape == (72, 96, 3)
    assert np.isfinite(result).all()


# Films


def test_a_film_is_coherent_and_moves() -> None:
    film = paint_frames("sea sunset, island, boat", seed=2, width=96, height=64, frames=6)
    assert film.shape == (6, 64, 96, 3)
    steps = np.abs(np.diff(film, axis=0)).mean(axis=(1, 2, 3))
    across = np.abs(film[0] - film[-1]).mean()
    assert (steps > 1e-4).all()
    assert steps.max() < 0.06
    assert across > steps.mean()


@pytest.mark.parametrize(
    ("motion", "prompt"),
    [
        *((motion, "island sea at night, snow") for motion in painter.MOTIONS),
        ("zoom in", "city"),
        ("orbit", "jellyfish"),
    ],
)
def test_every_motion_moves_without_jumps(motion: str, prompt: str) -> None:
    film = paint_frames(prompt, seed=2, width=96, height=64, frames=4, motion=motion)
    steps = np.abs(np.diff(film, axis=0)).mean(axis=(1, 2, 3))
    assert (steps > 1e-5).all()
    assert steps.max() < (0.25 if motion == "sun path" else 0.12)


def test_a_film_is_the_same_every_time() -> None:
    def film() -> bytes:
        return paint_frames("forest, fireflies", seed=8, width=64, height=64, frames=2, style="watercolour").tobytes()

    assert film() == film()


def test_the_sun_sets_on_its_path() -> None:
    film = paint_frames("sea at sunset", seed=2, width=96, height=64, frames=5, motion="sun path")
    lightness = [float(mean_lab(frame)[0]) for frame in film]
    assert lightness[-1] < lightness[0] - 0.03


@pytest.mark.parametrize(("arguments", "word"), [({"motion": "fly"}, "motion"), ({"frames": 0}, "frames")])
def test_films_that_cannot_be_made(arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(PainterError, match=word):
        paint_frames("sea", width=64, height=64, **arguments)


# The nodes


def run_painter(**inputs: Any) -> Any:
    given = {
        "prompt": "lake",
        "negative": "",
        "seed": 1,
        "width": 64,
        "height": 64,
        "steps": 2,
        "style": "auto",
        "batch_size": 1,
    }
    return CozyGenPainter().paint(**{**given, **inputs})[0]


def test_a_batch_has_consecutive_seeds(host: Any) -> None:
    batch = run_painter(batch_size=2, seed=2**64 - 1)
    assert batch.shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(batch[1], run_painter(seed=0)[0])
    assert host.steps == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 2), (2, 2)]


def test_every_picture_of_a_batch_is_painted_over(host: Any) -> None:
    images = np.random.default_rng(0).random((3, 32, 32, 3), dtype=np.float32)
    assert run_painter(image=images, strength=0.5, mask=np.ones((1, 32, 32), np.float32)).shape == (3, 64, 64, 3)


def test_painting_can_be_cancelled(host: Any) -> None:
    host.stop_at = 3
    with pytest.raises(Interrupted):
        run_painter(steps=10)
    assert host.steps[-1] == (3, 10)


def test_filming_can_be_cancelled(host: Any) -> None:
    host.stop_at = 2
    with pytest.raises(Interrupted):
        CozyGenPainterVideo().film("sea", "", 1, 64, 64, 9, "drift", "auto")
    assert host.steps[-1] == (2, 9)


def test_too_many_pixels_are_refused_before_work(host: Any) -> None:
    with pytest.raises(TooManyPixels, match="smaller size"):
        run_painter(width=4096, height=4096, batch_size=64)
    with pytest.raises(TooManyPixels, match="fewer pictures"):
        CozyGenPainterVideo().film("sea", "", 1, 4096, 4096, 240, "drift", "auto")
    assert host.steps == []


def test_previews_grow_clearer() -> None:
    previews: list[Array] = []

    def keep(step: int, of: int, preview: Array | None) -> None:
        assert preview is not None
        previews.append(preview)

    final = paint("mountain lake sunset", seed=4, width=192, height=128, steps=8, progress=keep)

    def distance(preview: Array) -> float:
        resized = np.stack(
            [noise.resize(np.ascontiguousarray(preview[:, :, c]), (48, 32), Image.Resampling.BOX) for c in range(3)],
            axis=2,
        )
        goal = np.stack(
            [noise.resize(np.ascontiguousarray(final[:, :, c]), (48, 32), Image.Resampling.BOX) for c in range(3)],
            axis=2,
        )
        return float(np.abs(resized - goal).mean())

    assert len(previews) == 8
    assert all(max(preview.shape) <= 768 and preview.shape[2] == 3 for preview in previews)
    assert distance(previews[0]) > 3 * distance(previews[-1])


@pytest.mark.parametrize("node", [CozyGenPainter, CozyGenPainterVideo])
def test_the_nodes_say_what_they_are(node: Any) -> None:
    assert "not a diffusion model" in node.DESCRIPTION
