"""A landscape or seascape put together: which layers there are, from far to near, and what stands on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from cozygen.engines.embedded.painter import beings, flora, sky, things, water, weather
from cozygen.engines.embedded.painter.canvas import Canvas, View
from cozygen.engines.embedded.painter.color import mix, shade
from cozygen.engines.embedded.painter.land import Growth, Kind, Ridge, crest_of, paint_ridge, soft_mist
from cozygen.engines.embedded.painter.noise import blur, fbm, generator, smoothstep
from cozygen.engines.embedded.painter.scene import Scene

Layer = Callable[[Canvas, View], None]
"""One step of painting: adds to the canvas what a camera sees of it."""

_STANDING = ("cat", "dog", "person", "deer", "tree", "mushrooms", "crystal", "flowers")
_BUILT = ("house", "castle", "lighthouse", "pagoda", "windmill")


@dataclass(frozen=True)
class _Ground:
    """The ridges of a landscape: behind the water, and before it."""

    back: list[Ridge]
    front: list[Ridge]


def layers(scene: Scene) -> list[Layer]:
    """Everything there is to paint, far things first."""
    return list(_steps(scene, _plan(scene)))


def settled(scene: Scene) -> Scene:
    """The scene with its light where the land lets it be seen."""
    return _with_light_in_a_gap(scene, _plan(scene).back)


def additions(scene: Scene) -> list[Layer]:
    """What was asked for by name and can be set into any picture: balloons, birds, a cat, weather."""
    scene = replace(scene, subjects={name: weight for name, weight in scene.wish.subjects.items() if weight > 0})
    air = list(_in_the_air(scene))
    ground = Ridge("foreground", "bank", 1.0, 0.985, 0.02, 0.8, 1.2)
    standing = [
        _stander(scene, ground, name) for name in _STANDING if scene.has(name) and name not in ("tree", "flowers")
    ]
    flowers: list[Layer] = []
    if scene.has("flowers"):
        flowers.append(lambda canvas, view: flora.flower_bank(canvas, view, scene, ground))
    return [*air, *flowers, *standing, *_atmosphere(scene)]


def _steps(scene: Scene, ground: _Ground) -> Iterator[Layer]:
    yield lambda canvas, view: sky.paint_sky(canvas, view, scene)
    yield lambda canvas, view: sky.paint_clouds(canvas, view, scene)
    if scene.weather.get("rainbow"):
        yield lambda canvas, view: sky.paint_rainbow(canvas, view, scene)
    if scene.has("fireworks"):
        yield lambda canvas, view: sky.paint_fireworks(canvas, view, scene)
    if scene.weather.get("storm"):
        yield lambda canvas, view: weather.paint_lightning(canvas, view, scene)
    built = _building_site(scene, ground)
    for ridge in ground.back:
        yield _ridge_layer(scene, ridge)
        if built is not None and built[0] is ridge:
            yield _buildings(scene, *built)
    yield from _city(scene)
    yield from _wet(scene, ground)
    for ridge in ground.front:
        yield _ridge_layer(scene, ridge)
        if built is not None and built[0] is ridge:
            yield _buildings(scene, *built)
    if scene.water == "river":
        yield lambda canvas, view: water.paint_river(canvas, view, scene)
    yield from _in_the_air(scene)
    fog = min(1.4, scene.weather.get("fog", 0.0))
    if fog:
        yield lambda canvas, view: weather.paint_fog(canvas, view, scene, fog)
    yield from _foreground(scene)
    yield from _atmosphere(scene)


def _ridge_layer(scene: Scene, ridge: Ridge) -> Layer:
    return lambda canvas, view: paint_ridge(canvas, view, scene, ridge)


# The plan of the ground


def _plan(scene: Scene) -> _Ground:
    back: list[Ridge] = []
    front: list[Ridge] = []
    shore = scene.shore
    rng = generator(scene.seed, "ground")
    open_water = scene.water in ("sea", "lake")
    floor = shore if open_water else 1.0
    back += _mountains(scene, floor, rng)
    if scene.has("cliff") or (scene.has("lighthouse") and scene.water == "sea"):
        back += _cliffs(scene)
    if scene.has("island"):
        centre = scene.span * (0.30 if scene.light_at[0] > scene.span / 2 else 0.70)
        tall = 0.13 * min(1.6, 0.7 + 0.3 * scene.has("island"))
        growth: Growth = "palms" if scene.season == "summer" and not scene.has("forest") else "conifers"
        back.append(
            Ridge(
                "island",
                "island",
                0.30,
                shore + 0.012,
                tall,
                3.0,
                shore + 0.02,
                0.25,
                growth,
                centre,
                0.30 * min(1.0, scene.span),
            )
        )
        small = scene.span - centre * 0.85
        back.insert(
            len(back) - 1,
            Ridge("islet", "island", 0.16, shore + 0.006, tall * 0.5, 3.6, shore + 0.01, 0.5, "none", small, 0.16),
        )
    if open_water:
        if scene.has("hills") or scene.water == "lake" or scene.has("forest"):
            back += _far_shore(scene)
    else:
        front += _open_ground(scene)
    return _Ground(back, front)


def _mountains(scene: Scene, floor: float, rng: np.random.Generator) -> list[Ridge]:
    weight = scene.has("mountain")
    if weight <= 0:
        return []
    grand = min(1.35, 0.72 + 0.30 * weight)
    centre = scene.span * float(rng.choice((0.36, 0.62, 0.70)))
    horizon = scene.horizon
    covered = floor if floor < 1.0 else horizon + 0.16
    return [
        Ridge(
            "range far",
            "mountain",
            0.05,
            horizon + 0.03,
            0.36 * grand,
            1.9,
            covered,
            0.9,
            centre=scene.span - centre,
            spread=0.7,
        ),
        Ridge("range", "mountain", 0.13, horizon + 0.035, 0.42 * grand, 1.25, covered, 0.75, centre=centre, spread=0.5),
        Ridge(
            "foothills",
            "mountain",
            0.24,
            horizon + 0.045,
            0.19 * grand,
            2.3,
            covered,
            0.6,
            centre=scene.span - centre,
            spread=0.6,
        ),
    ]


def _cliffs(scene: Scene) -> list[Ridge]:
    left = scene.light_at[0] > scene.span / 2
    edge, far = (0.0, scene.span) if left else (scene.span, 0.0)
    reach = 0.62 * min(1.0, scene.span)
    floor = scene.shore + 0.03 if scene.water in ("sea", "lake") else scene.horizon + 0.25
    return [
        Ridge(
            "headland",
            "cliff",
            0.22,
            scene.shore + 0.012,
            0.16,
            2.1,
            scene.shore + 0.02,
            0.5,
            centre=far,
            spread=reach * 0.9,
        ),
        Ridge("cliff", "cliff", 0.42, floor, 0.27, 1.7, floor + 0.01, 0.3, "none", centre=edge, spread=reach),
    ]


def _far_shore(scene: Scene) -> list[Ridge]:
    shore = scene.shore
    woods: Growth = "conifers" if scene.has("forest") or scene.has("mountain") or scene.season == "winter" else "leafy"
    if scene.wish.rejects("subject:tree") or scene.wish.rejects("subject:forest") or scene.has("city"):
        woods = "none"
    ridges = []
    if scene.has("hills") or not scene.has("mountain"):
        ridges += [
            Ridge("hills far", "hill", 0.14, shore + 0.0, 0.17, 1.3, shore, 0.8),
            Ridge("hills", "hill", 0.22, shore + 0.0, 0.11, 1.7, shore, 0.7),
        ]
    ridges.append(Ridge("wood far", "hill", 0.27, shore - 0.004, 0.055, 2.0, shore, 0.75, woods))
    ridges.append(Ridge("wood", "hill", 0.36, shore + 0.012, 0.034, 2.6, shore + 0.004, 0.5, woods))
    return ridges


def _open_ground(scene: Scene) -> list[Ridge]:
    horizon = scene.horizon
    trees_allowed = not (scene.wish.rejects("subject:tree") or scene.wish.rejects("subject:forest"))
    if scene.has("desert"):
        return [
            Ridge("dune 0", "dune", 0.16, horizon + 0.03, 0.07, 1.6, horizon + 0.10, 0.75),
            Ridge("dune 1", "dune", 0.30, horizon + 0.10, 0.15, 1.2, horizon + 0.20, 0.5),
            Ridge("dune 2", "dune", 0.50, horizon + 0.20, 0.17, 1.0, horizon + 0.36, 0.25),
            Ridge("dune 3", "dune", 0.78, horizon + 0.36, 0.22, 0.8, 1.0, 0.0),
        ]
    if scene.has("forest") and trees_allowed:
        deep = min(1.5, scene.has("forest"))
        return [
            Ridge("woods 0", "hill", 0.20, horizon + 0.045, 0.10, 1.6, horizon + 0.16, 0.95, "conifers"),
            Ridge("woods 1", "hill", 0.34, horizon + 0.10, 0.10, 1.4, horizon + 0.24, 0.95, "conifers"),
            Ridge("woods 2", "hill", 0.52, horizon + 0.19, 0.11, 1.2, horizon + 0.40, 0.9, "conifers"),
            Ridge("woods 3", "hill", 0.74, horizon + 0.34, 0.12, 1.0, 1.0, 0.55, "conifers" if deep > 0.7 else "none"),
        ]
    plain = scene.has("meadow") or scene.has("flowers")
    woods: Growth = "leafy" if trees_allowed and scene.season != "winter" else "conifers" if trees_allowed else "none"
    city = bool(scene.has("city"))
    return [
        Ridge(
            "field 0",
            "hill",
            0.20,
            horizon + 0.035,
            0.15 if scene.has("hills") else 0.09,
            1.3,
            horizon + 0.13,
            0.85,
            "none" if city else woods,
        ),
        Ridge(
            "field 1",
            "hill",
            0.34,
            horizon + 0.085,
            0.13 if scene.has("hills") else 0.085,
            1.2,
            horizon + 0.20,
            0.6,
            "none" if plain or city else woods,
        ),
        Ridge(
            "field 2",
            "meadow" if plain else "hill",
            0.50,
            horizon + 0.155,
            0.08,
            1.1,
            horizon + 0.32,
            0.35,
            "flowers" if plain else "none",
        ),
        Ridge("field 3", "meadow", 0.72, horizon + 0.26, 0.09, 0.9, 1.0, 0.12, "flowers" if plain else "grass"),
    ]


def _with_light_in_a_gap(scene: Scene, ridges: list[Ridge]) -> Scene:
    """A low sun stands where the land before it is lowest."""
    if scene.light == "hidden" or not ridges:
        return scene
    xs = np.linspace(scene.span * 0.22, scene.span * 0.78, 33, dtype=np.float32)
    crest = np.min([crest_of(scene, ridge, xs) for ridge in ridges], axis=0)
    if float(crest.min()) > scene.light_at[1] + 0.05:
        return scene
    cost = -crest + 0.10 * np.abs(xs - np.float32(scene.light_at[0]))
    best = int(np.argmin(cost))
    height = min(scene.light_at[1], float(crest[best]) - 0.015)
    return replace(scene, light_at=(float(xs[best]), max(0.06, height)))


# What stands, swims and flies


def _building_site(scene: Scene, ground: _Ground) -> tuple[Ridge, str] | None:
    wanted = [name for name in _BUILT if scene.has(name)]
    if not wanted:
        return None
    name = max(wanted, key=scene.has)
    by_name = {ridge.name: ridge for ridge in (*ground.back, *ground.front)}
    order = {
        "lighthouse": ("cliff", "island", "field 2", "dune 1", "woods 1", "wood"),
        "castle": ("cliff", "field 1", "woods 1", "island", "dune 1", "wood", "foothills"),
        "pagoda": ("woods 1", "field 2", "wood", "cliff", "island", "dune 2"),
    }.get(name, ("field 2", "woods 2", "dune 2", "wood", "cliff", "island"))
    for candidate in order:
        if candidate in by_name:
            return by_name[candidate], name
    ridges = [*ground.front, *ground.back]
    return (ridges[0], name) if ridges else None


def _buildings(scene: Scene, ridge: Ridge, name: str) -> Layer:
    # Away from the light, and beside a large tree rather than behind it.
    side = 0.58 if scene.has("tree") else 0.30
    side = side if scene.light_at[0] > scene.span / 2 else 1.0 - side
    x = scene.span * side
    if ridge.kind in ("cliff", "island") and ridge.centre is not None:
        inward = 1.0 if ridge.centre < scene.span / 2 else -1.0
        x = ridge.centre + inward * ridge.spread * (0.30 if ridge.kind == "cliff" else 0.05)
    spread = np.linspace(x - 0.03, x + 0.03, 5, dtype=np.float32)
    at = (x, float(crest_of(scene, ridge, spread).max()) + 0.004)
    weight = min(1.7, 0.75 + 0.35 * scene.has(name))
    size = {"house": 0.13, "castle": 0.32, "lighthouse": 0.27, "pagoda": 0.25, "windmill": 0.22}[name] * weight
    size *= 0.62 + 0.85 * ridge.depth
    depth = ridge.depth
    match name:
        case "house":
            return lambda canvas, view: things.house(canvas, view, scene, at, size, depth, flip=side > 0.5)
        case "castle":
            return lambda canvas, view: things.castle(canvas, view, scene, at, size, depth)
        case "lighthouse":
            return lambda canvas, view: things.lighthouse(canvas, view, scene, at, size, depth)
        case "pagoda":
            return lambda canvas, view: things.pagoda(canvas, view, scene, at, size, depth)
        case _:
            return lambda canvas, view: things.windmill(canvas, view, scene, at, size, depth)


def _city(scene: Scene) -> Iterator[Layer]:
    weight = scene.has("city")
    if weight <= 0:
        return
    grand = min(1.4, 0.75 + 0.3 * weight)
    foot = scene.shore if scene.water in ("sea", "lake") else scene.horizon + 0.05
    rows = ((0.12, 0.40, 0.0), (0.22, 0.33, 0.004), (0.34, 0.24, 0.010))
    for number, (depth, tall, drop) in enumerate(rows):

        def row(
            canvas: Canvas,
            view: View,
            depth: float = depth,
            tall: float = tall,
            drop: float = drop,
            number: int = number,
        ) -> None:
            things.skyline(canvas, view, scene, depth, foot + drop, tall * grand, f"row {number}")
            soft_mist(canvas, view, scene, foot - 0.01, 0.045, 0.30 - 0.1 * number, f"city {number}")

        yield row


def _wet(scene: Scene, ground: _Ground) -> Iterator[Layer]:
    if scene.has("waterfall"):
        yield lambda canvas, view: _waterfall(canvas, view, scene, ground)
    if scene.water in ("sea", "lake"):
        if scene.water == "lake" and not scene.wish.rejects("weather:fog"):
            yield lambda canvas, view: soft_mist(canvas, view, scene, scene.shore - 0.012, 0.022, 0.42, "shore")
        yield lambda canvas, view: water.paint_water(canvas, view, scene)
        if scene.has("bridge"):
            at = (scene.span * 0.5, scene.shore + 0.10)
            yield lambda canvas, view: things.bridge(canvas, view, scene, at, 0.17 * min(1.3, scene.span), 0.5)
    if scene.has("boat") and scene.water in ("sea", "lake"):
        left = scene.light_at[0] > scene.span / 2
        x = scene.span * (0.36 if left else 0.66)
        size = 0.16 * min(1.7, 0.7 + 0.35 * scene.has("boat"))
        yield lambda canvas, view: things.boat(canvas, view, scene, (x, scene.shore + 0.115), size, 0.55, flip=not left)
    if scene.has("whale") and scene.water == "sea" and not scene.has("sky"):
        yield lambda canvas, view: _breaching(canvas, view, scene)


def _breaching(canvas: Canvas, view: View, scene: Scene) -> None:
    x = scene.span * (0.34 if scene.light_at[0] > scene.span / 2 else 0.66)
    beings.whale(canvas, view, scene, (x, scene.shore + 0.07), 0.16, 0.5, flip=scene.light_at[0] < x)
    soft_mist(canvas, view, scene, scene.shore + 0.115, 0.018, 0.5, "spray")


def _waterfall(canvas: Canvas, view: View, scene: Scene, ground: _Ground) -> None:
    """A white ribbon down the nearest high ridge."""
    high = [ridge for ridge in ground.back if ridge.kind in ("mountain", "cliff")]
    if not high:
        return
    ridge = next((r for r in high if r.name in ("cliff", "range")), high[0])
    frame = view.frame(ridge.depth)
    xs = np.linspace(scene.span * 0.3, scene.span * 0.7, 41, dtype=np.float32)
    x = float(xs[int(np.argmin(crest_of(scene, ridge, xs)))]) + 0.05
    top = float(crest_of(scene, ridge, np.array([x], np.float32))[0]) + 0.07
    bottom = scene.horizon + 0.06
    first, last = frame.row(top), frame.row(bottom)
    if last - first < 3:
        return
    band = frame.band(first, last)
    t = np.linspace(0.0, 1.0, band.height, dtype=np.float32)[:, None]
    centre = np.float32(x) + 0.012 * np.sin(t * 5.0) * t
    offset = (band.xs()[None, :] - centre) * np.float32(view.squeeze)
    half = 0.010 + 0.012 * t
    strands = fbm(
        scene.seed,
        "fall",
        (band.left * 140, band.top * 5 - view.time * 2.4),
        (band.dx * 140, band.dy * 5),
        (band.width, band.height),
        octaves=3,
    )
    alpha = smoothstep(1.0, 0.55, np.abs(offset) / half) * np.clip(0.78 + 0.4 * strands, 0.0, 1.0)
    alpha *= smoothstep(0.0, 0.03, t)
    white = mix(scene.palette.snow, scene.palette.light, 0.4)
    canvas.over(white, blur(alpha.astype(np.float32), 0.6), first)
    spray = np.exp(-((offset / 0.07) ** 2) - ((t - 1.0) / 0.18) ** 2) * 0.7
    canvas.over(mix(scene.palette.haze, white, 0.6), spray.astype(np.float32), first)


def _in_the_air(scene: Scene) -> Iterator[Layer]:
    if scene.has("balloon"):
        yield lambda canvas, view: _balloons(canvas, view, scene)
    if scene.has("whale") and (scene.water != "sea" or scene.has("sky")):
        left = scene.light_at[0] > scene.span / 2
        at = (scene.span * (0.40 if left else 0.60), scene.horizon * 0.50)
        size = 0.165 * min(1.6, 0.75 + 0.3 * scene.has("whale"))
        yield lambda canvas, view: beings.whale(canvas, view, scene, at, size, 0.55, flip=not left)
    if scene.has("jellyfish"):
        yield lambda canvas, view: _drifting_jellyfish(canvas, view, scene)
    if scene.has("fish"):
        yield lambda canvas, view: beings.fish(canvas, view, scene, large=False, height=scene.horizon * 0.6)
    if scene.has("birds"):
        yield lambda canvas, view: beings.birds(canvas, view, scene)
    if scene.has("lanterns"):
        yield lambda canvas, view: things.lanterns(canvas, view, scene)


def _drifting_jellyfish(canvas: Canvas, view: View, scene: Scene) -> None:
    """Where there is no sea, they swim in the sky."""
    rng = generator(scene.seed, "drifting")
    for number in range(round(2 + 2 * min(2.0, scene.has("jellyfish")))):
        at = (scene.span * float(rng.uniform(0.1, 0.9)), scene.horizon * float(rng.uniform(0.45, 0.85)))
        size = float(rng.uniform(0.10, 0.24)) * min(1.0, scene.span)
        beings.jellyfish(canvas, view, scene, at, size, 0.3 + 1.4 * size, number)


def _balloons(canvas: Canvas, view: View, scene: Scene) -> None:
    rng = generator(scene.seed, "balloon places")
    count = round(2 + 2.2 * min(2.0, scene.has("balloon")))
    side = scene.span * (0.34 if scene.light_at[0] > scene.span / 2 else 0.66)
    spots = [(side, scene.horizon * 0.72, 0.235, 0.62)]
    for index in range(count - 1):
        x = scene.span * ((index + 0.5) / max(1, count - 1) + float(rng.uniform(-0.1, 0.1)))
        spots.append((x, scene.horizon * float(rng.uniform(0.30, 0.78)), float(rng.uniform(0.05, 0.11)), 0.30))
    for number, (x, y, size, depth) in reversed(list(enumerate(spots))):
        things.balloon(canvas, view, scene, (x, y), size, depth, number)


def _foreground(scene: Scene) -> Iterator[Layer]:
    standing = [name for name in _STANDING if scene.has(name)]
    likely = {"lake": 0.75, "none": 0.6, "sea": 0.0, "river": 0.0}[scene.water]
    natural = not scene.has("desert") and generator(scene.seed, "bank").uniform() < likely
    if not standing and not natural:
        return
    minimal = scene.wish.feel("minimal") > 0.5
    tall = 0.10 if standing else 0.06
    growth: Growth = "none" if scene.has("desert") or minimal else "grass"
    kind: Kind = "dune" if scene.has("desert") else "bank"
    ridge = Ridge("foreground", kind, 1.0, 0.975 if standing else 0.99, tall, 0.8, 1.2, 0.0, growth)
    # A tree wants its own ground on one side.
    if scene.has("tree"):
        yield lambda canvas, view: _tree(canvas, view, scene, ridge)
    yield _ridge_layer(scene, ridge)
    if scene.has("flowers"):
        yield lambda canvas, view: flora.flower_bank(canvas, view, scene, ridge)
    for name in standing:
        if name not in ("tree", "flowers"):
            yield _stander(scene, ridge, name)


def _foot(scene: Scene, ridge: Ridge, x: float) -> tuple[float, float]:
    return x, float(crest_of(scene, ridge, np.array([x], np.float32))[0]) + 0.008


def _tree(canvas: Canvas, view: View, scene: Scene, ridge: Ridge) -> None:
    left = scene.light_at[0] > scene.span / 2
    x = scene.span * (0.22 if left else 0.78)
    size = 0.62 * min(1.25, 0.8 + 0.25 * scene.has("tree"))
    at = _foot(scene, ridge, x)
    things.tree(canvas, view, scene, (at[0], at[1] + 0.01), size, 0.92, "large")


def _stander(scene: Scene, ridge: Ridge, name: str) -> Layer:
    left = scene.light_at[0] > scene.span / 2
    place = {"cat": 0.36, "dog": 0.30, "person": 0.42, "deer": 0.30, "mushrooms": 0.20, "crystal": 0.60}[name]
    if name == "dog" and scene.has("cat"):
        place = 0.60
    elif scene.has("tree"):
        # Not before the tree's trunk.
        place = 0.46 + 0.4 * (place - 0.20)
    x = scene.span * (place if left else 1.0 - place)
    at = _foot(scene, ridge, x)
    weight = min(1.6, 0.8 + 0.25 * scene.has(name))
    match name:
        case "cat":
            return lambda canvas, view: beings.cat(canvas, view, scene, at, 0.27 * weight)
        case "dog":
            return lambda canvas, view: beings.dog(canvas, view, scene, at, 0.27 * weight)
        case "deer":
            return lambda canvas, view: beings.deer(canvas, view, scene, at, 0.34 * weight, flip=not left)
        case "mushrooms":
            return lambda canvas, view: things.mushrooms(canvas, view, scene, at, 0.15 * weight, 0.97)
        case "crystal":
            return lambda canvas, view: things.crystals(canvas, view, scene, at, 0.30 * weight, 0.97)
        case _:
            return lambda canvas, view: _people(canvas, view, scene, ridge, x, 0.235 * weight)


def _people(canvas: Canvas, view: View, scene: Scene, ridge: Ridge, x: float, size: float) -> None:
    words = scene.wish.colours
    own = shade(scene.palette.second, -0.1) if len(words) > 1 else None
    pose = int(generator(scene.seed, "pose").integers(0, 2))
    beings.person(canvas, view, scene, _foot(scene, ridge, x), size, pose=pose, own=own)
    if scene.has("couple"):
        other = x + 0.105 * size / 0.3 / view.squeeze**0.5
        beings.person(canvas, view, scene, _foot(scene, ridge, other), size * 0.94, pose=1 - pose, own=None)


def _atmosphere(scene: Scene) -> Iterator[Layer]:
    sunny = scene.light == "sun" and scene.time in ("dawn", "sunset")
    if sunny and scene.wish.feel("minimal") < 0.5:
        amount = 0.26 + 0.25 * min(1.0, scene.wish.feel("glow"))
        yield lambda canvas, view: weather.paint_rays(canvas, view, scene, amount)
    rain = max(scene.weather.get("rain", 0.0), 0.5 * scene.weather.get("storm", 0.0))
    if rain and not scene.wish.rejects("weather:rain"):
        yield lambda canvas, view: weather.paint_rain(canvas, view, scene, min(1.6, rain))
    if scene.weather.get("snow"):
        yield lambda canvas, view: weather.paint_snow(canvas, view, scene, scene.weather["snow"])
    if scene.has("fireflies"):
        yield lambda canvas, view: beings.fireflies(canvas, view, scene)
    if scene.has("butterflies"):
        yield lambda canvas, view: beings.butterflies(canvas, view, scene)
