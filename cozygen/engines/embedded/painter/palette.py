"""The colours of a picture: a hand-made light for each time of day, bent towards what the prompt asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from cozygen.engines.embedded.painter.color import Array, chroma_of, fit, hue_of, lch, mix, shade, turn
from cozygen.engines.embedded.painter.lexicon import COLOURS
from cozygen.engines.embedded.painter.noise import generator
from cozygen.engines.embedded.painter.wish import Wish

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """Colours by role, OKLab. `light` is the sun's or moon's; `near` the darkest land; `accent` and `second` stand out;
    `petals`, `petals_two` and `petals_three` are what blooms."""

    zenith: Array
    middle: Array
    horizon: Array
    light: Array
    haze: Array
    far: Array
    near: Array
    ground: Array
    foliage: Array
    snow: Array
    water: Array
    cloud_lit: Array
    cloud_shade: Array
    accent: Array
    second: Array
    petals: Array
    petals_two: Array
    petals_three: Array
    level: float
    """How much daylight there is, 0..1."""


# zenith, middle, horizon, light, near (OKLCH), daylight
_LIGHTS: dict[str, tuple[tuple[Triple, Triple, Triple, Triple, Triple, float], ...]] = {
    "day": (
        ((0.56, 0.13, 250), (0.74, 0.10, 238), (0.93, 0.035, 215), (0.985, 0.03, 95), (0.30, 0.06, 215), 1.0),
        ((0.60, 0.11, 236), (0.79, 0.075, 224), (0.95, 0.03, 120), (0.985, 0.045, 95), (0.32, 0.055, 195), 1.0),
        ((0.52, 0.12, 256), (0.72, 0.085, 248), (0.91, 0.04, 60), (0.985, 0.05, 85), (0.29, 0.06, 240), 0.95),
    ),
    "dawn": (
        ((0.60, 0.085, 275), (0.78, 0.09, 345), (0.93, 0.075, 75), (0.98, 0.06, 85), (0.30, 0.06, 290), 0.78),
        ((0.63, 0.08, 240), (0.82, 0.06, 20), (0.94, 0.07, 85), (0.985, 0.06, 90), (0.31, 0.055, 260), 0.8),
        ((0.66, 0.07, 215), (0.83, 0.055, 160), (0.95, 0.06, 95), (0.985, 0.055, 95), (0.31, 0.055, 205), 0.82),
    ),
    "sunset": (
        ((0.38, 0.12, 282), (0.62, 0.165, 352), (0.85, 0.135, 65), (0.97, 0.09, 88), (0.20, 0.065, 295), 0.62),
        ((0.44, 0.09, 250), (0.70, 0.12, 35), (0.88, 0.13, 75), (0.975, 0.09, 92), (0.21, 0.055, 270), 0.65),
        ((0.34, 0.13, 300), (0.57, 0.19, 10), (0.80, 0.16, 52), (0.96, 0.11, 85), (0.18, 0.07, 315), 0.58),
        ((0.50, 0.085, 220), (0.76, 0.09, 60), (0.90, 0.11, 82), (0.98, 0.08, 95), (0.23, 0.05, 235), 0.7),
    ),
    "dusk": (
        ((0.27, 0.095, 272), (0.45, 0.125, 290), (0.74, 0.12, 28), (0.93, 0.09, 70), (0.15, 0.055, 280), 0.45),
        ((0.29, 0.085, 250), (0.49, 0.09, 245), (0.77, 0.085, 60), (0.94, 0.07, 80), (0.15, 0.05, 255), 0.45),
        ((0.26, 0.11, 295), (0.44, 0.16, 325), (0.70, 0.15, 10), (0.92, 0.09, 55), (0.14, 0.06, 300), 0.42),
    ),
    "night": (
        ((0.15, 0.055, 275), (0.25, 0.075, 265), (0.41, 0.085, 245), (0.93, 0.03, 230), (0.09, 0.035, 268), 0.26),
        ((0.14, 0.05, 255), (0.23, 0.065, 240), (0.38, 0.07, 205), (0.94, 0.03, 200), (0.085, 0.03, 245), 0.25),
        ((0.17, 0.07, 290), (0.28, 0.095, 290), (0.45, 0.105, 305), (0.94, 0.035, 280), (0.095, 0.04, 290), 0.28),
    ),
    "storm": (
        ((0.30, 0.035, 250), (0.43, 0.035, 235), (0.68, 0.045, 190), (0.92, 0.035, 110), (0.17, 0.03, 235), 0.5),
        ((0.28, 0.04, 275), (0.41, 0.045, 260), (0.66, 0.055, 75), (0.93, 0.05, 90), (0.16, 0.035, 260), 0.48),
    ),
    "fog": (
        ((0.72, 0.03, 235), (0.81, 0.025, 220), (0.90, 0.025, 140), (0.97, 0.03, 100), (0.33, 0.03, 220), 0.85),
        ((0.74, 0.03, 70), (0.82, 0.03, 75), (0.91, 0.03, 90), (0.98, 0.04, 90), (0.34, 0.03, 60), 0.85),
    ),
}

_GROUNDS: dict[str, tuple[Triple, Triple]] = {
    # season -> open ground, foliage
    "spring": ((0.70, 0.14, 128), (0.60, 0.13, 135)),
    "summer": ((0.62, 0.13, 126), (0.46, 0.11, 140)),
    "autumn": ((0.66, 0.12, 78), (0.60, 0.15, 52)),
    "winter": ((0.93, 0.015, 240), (0.44, 0.04, 200)),
}

_BLOOMS: tuple[tuple[Triple, Triple, Triple], ...] = (
    ((0.62, 0.21, 27), (0.72, 0.16, 8), (0.95, 0.05, 95)),
    ((0.62, 0.14, 295), (0.76, 0.10, 305), (0.95, 0.03, 100)),
    ((0.86, 0.16, 95), (0.96, 0.02, 95), (0.76, 0.16, 62)),
    ((0.74, 0.15, 355), (0.86, 0.08, 350), (0.60, 0.17, 320)),
    ((0.66, 0.13, 255), (0.95, 0.02, 240), (0.84, 0.14, 92)),
)
DESERT: Triple = (0.76, 0.11, 68)


def make_palette(wish: Wish, seed: int, time: str, season: str, *, desert: bool = False) -> Palette:
    """The palette for a wish. The seed picks among the lights of a `time` and turns their hues a little."""
    rng = generator(seed, "palette")
    family = "storm" if time == "day" and "storm" in wish.weather else time
    family = "fog" if time == "day" and wish.weather.get("fog", 0.0) >= 0.6 else family
    lights = _LIGHTS[family]
    choice = int(rng.integers(0, 1 << 16)) + round((wish.shift[2] + 1.0) * 500)
    zenith, middle, horizon, light, near, level = lights[choice % len(lights)]
    blooms = _BLOOMS[choice // 7 % len(_BLOOMS)]
    palette = _with_roles(zenith, middle, horizon, light, near, level, DESERT if desert else None, season, blooms)
    spin = float(rng.uniform(-9.0, 9.0)) + 34.0 * wish.shift[0]
    palette = _each(palette, lambda _, lab: shade(turn(lab, spin), 0.0, 1.0 + 0.22 * wish.shift[1]))
    palette = _tinted(palette, wish)
    palette = _without_unwanted(palette, wish)
    palette = _in_mood(palette, wish)
    return _each(palette, lambda _, lab: fit(lab))


def _with_roles(
    zenith: Triple,
    middle: Triple,
    horizon: Triple,
    light: Triple,
    near: Triple,
    level: float,
    desert: Triple | None,
    season: str,
    blooms: tuple[Triple, Triple, Triple],
) -> Palette:
    top, mid, low, sun, dark = (lch(*triple) for triple in (zenith, middle, horizon, light, near))
    open_ground, leaves = _GROUNDS[season]
    if desert is not None:
        open_ground = desert
    haze = mix(low, mid, 0.35)

    def under_light(triple: Triple, share: float = 0.22) -> Array:
        lab = lch(*triple)
        lit = np.array((lab[0] * (0.22 + 0.78 * level), *(lab[1:] * (0.35 + 0.65 * level))), np.float32)
        return mix(lit, mix(haze, sun, 0.5), share * (0.4 + 0.6 * level))

    accent_hue = hue_of(low) + 180.0 if chroma_of(low) > 0.05 else hue_of(top) + 165.0
    return Palette(
        zenith=top,
        middle=mid,
        horizon=low,
        light=sun,
        haze=haze,
        far=mix(haze, dark, 0.34),
        near=dark,
        ground=under_light(open_ground),
        foliage=mix(under_light(leaves, 0.12), dark, 0.25),
        snow=under_light((0.975, 0.012, 235), 0.3),
        water=mix(mix(top, dark, 0.5), lch(0.40, 0.08, 225), 0.3 * level),
        cloud_lit=mix(shade(low, 0.06, 0.6), sun, 0.55),
        cloud_shade=shade(mix(mid, top, 0.45), 0.02, 0.75),
        accent=lch(0.68, 0.17, accent_hue),
        second=lch(0.72, 0.15, accent_hue - 70.0),
        petals=under_light(blooms[0], 0.1),
        petals_two=under_light(blooms[1], 0.1),
        petals_three=under_light(blooms[2], 0.1),
        level=level,
    )


def _each(palette: Palette, change: Callable[[str, Array], Array]) -> Palette:
    roles = {f.name: getattr(palette, f.name) for f in fields(palette) if f.name != "level"}
    return Palette(**{name: change(name, lab) for name, lab in roles.items()}, level=palette.level)


# How far each role follows the first and the second colour word.
_FOLLOWS: dict[str, tuple[float, float]] = {
    "zenith": (0.88, 0.10),
    "middle": (1.0, 0.42),
    "horizon": (0.80, 0.97),
    "light": (0.35, 0.72),
    "haze": (0.95, 0.62),
    "far": (0.80, 0.25),
    "near": (0.62, 0.45),
    "ground": (0.55, 0.95),
    "foliage": (0.50, 0.95),
    "snow": (0.45, 0.30),
    "water": (0.90, 0.30),
    "cloud_lit": (0.50, 0.72),
    "cloud_shade": (0.90, 0.20),
    "accent": (0.15, 1.0),
    "second": (0.25, 0.60),
    "petals": (0.35, 1.0),
    "petals_two": (0.80, 0.20),
    "petals_three": (0.40, 0.70),
}


_NEIGHBOURS = {
    "zenith": -24.0,
    "horizon": 16.0,
    "light": 22.0,
    "near": -46.0,
    "water": -20.0,
    "snow": 14.0,
    "far": -12.0,
}
"""Degrees from a single colour word's hue, by role."""


def colour_words(wish: Wish) -> list[tuple[Array, float]]:
    """The colours asked for, OKLab with weights, the heaviest first (equal ones as they stand in the prompt)."""
    ranked = sorted(wish.colours.items(), key=lambda item: -item[1])
    return [(lch(*COLOURS[name]), weight) for name, weight in ranked]


def _tinted(palette: Palette, wish: Wish) -> Palette:
    words = colour_words(wish)
    if not words:
        return palette

    def change(role: str, lab: Array) -> Array:
        first, second = _FOLLOWS[role]
        for place, (colour, weight) in enumerate(words[:4]):
            follow = first if place == 0 else second if place % 2 else 0.5 * second
            if len(words) == 1:
                # One colour alone: its neighbours on the wheel keep the picture from being a tint.
                colour = turn(colour, _NEIGHBOURS.get(role, 0.0))
                follow = 0.2 if role in ("accent", "second") else follow
            lab = _towards(lab, colour, min(0.97, follow * (1.0 - math.exp(-1.7 * weight))), role)
        return lab

    return _each(palette, change)


def _towards(lab: Array, colour: Array, share: float, role: str) -> Array:
    """`lab` with the colour's hue and strength; its lightness follows only so far that light stays light."""
    strength = chroma_of(colour)
    # Very light and very dark colours can carry little chroma.
    room = 1.15 - 1.1 * abs(2.0 * float(lab[0]) - 1.15)
    target = colour[1:] * max(0.25, min(1.0, room))
    lightness = (float(colour[0]) - 0.62) * (0.75 if strength < 0.03 else 0.38)
    if role == "light":
        lightness *= 0.25
    return np.array(
        (
            min(max(float(lab[0]) + lightness * share, 0.04), 0.99),
            *(lab[1:] + (target - lab[1:]) * np.float32(share)),
        ),
        np.float32,
    )


def unwanted_hues(wish: Wish) -> list[tuple[Array, float]]:
    """The negative prompt's chromatic colours: unit vectors in the a-b plane, with weights."""
    found = []
    for effect, weight in wish.unwanted.items():
        kind, _, name = effect.partition(":")
        if kind == "colour" and COLOURS[name][1] > 0.03:
            angle = math.radians(COLOURS[name][2])
            found.append((np.array((math.cos(angle), math.sin(angle)), np.float32), weight))
    return found


def _without_unwanted(palette: Palette, wish: Wish) -> Palette:
    hues = unwanted_hues(wish)

    def change(_: str, lab: Array) -> Array:
        for direction, weight in hues:
            chroma = chroma_of(lab)
            away = (hue_of(lab) - math.degrees(math.atan2(direction[1], direction[0])) + 180.0) % 360.0 - 180.0
            if abs(away) < 60.0 and chroma > 0.005:
                push = (60.0 - abs(away)) * min(weight, 1.5)
                lab = shade(turn(lab, push if away >= 0 else -push), 0.0, 0.6)
        return lab

    return _each(palette, change) if hues else palette


def _in_mood(palette: Palette, wish: Wish) -> Palette:
    chroma = max(0.0, 1.0 + wish.feel("chroma"))
    for name, weight in wish.unwanted.items():
        if name in ("mood:vivid", "mood:neon", "mood:joyful"):
            chroma *= max(0.4, 1.0 - 0.25 * weight)
    lightness, warmth, violet = wish.feel("lightness"), wish.feel("warmth"), wish.feel("violet")
    # A prompt for monochrome may still name one colour.
    if "monochrome" in wish.moods and wish.colours:
        chroma = max(chroma, 0.75)

    def change(role: str, lab: Array) -> Array:
        moved = shade(lab, lightness * (0.35 if role == "light" else 1.0), chroma)
        keep = 1.0 if chroma > 0 else 0.0
        return moved + np.array((0.0, (warmth * 0.35 + violet * 0.6) * keep, (warmth - violet) * keep), np.float32)

    return _each(palette, change)
