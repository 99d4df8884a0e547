"""What is in a picture and where: the decisions, made once from prompt and seed, before anything is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cozygen.engines.embedded.painter.noise import generator
from cozygen.engines.embedded.painter.palette import Palette, make_palette
from cozygen.engines.embedded.painter.wish import Wish

Realm = Literal["land", "space", "underwater", "abstract", "portrait"]
Water = Literal["none", "lake", "sea", "river"]

# Subjects that need ground or sea to stand on or float in.
_EARTHLY_NAMES = (
    "mountain hills forest tree blossom sea lake river waterfall island city desert cliff meadow flowers cat dog "
    "deer boat house lighthouse castle pagoda bridge windmill balloon lanterns fireflies mushrooms landscape person"
)
_EARTHLY = tuple(_EARTHLY_NAMES.split())
_GROUND = (
    "mountain",
    "hills",
    "forest",
    "sea",
    "lake",
    "river",
    "island",
    "city",
    "desert",
    "cliff",
    "meadow",
    "waterfall",
)
_DEFAULT_SCENES: tuple[dict[str, float], ...] = (
    {"mountain": 1.0, "lake": 1.0, "forest": 0.6},
    {"mountain": 1.0, "forest": 0.8},
    {"hills": 1.0, "tree": 1.0, "meadow": 0.6},
    {"sea": 1.0, "island": 0.7, "boat": 0.6},
    {"mountain": 0.9, "meadow": 1.0, "flowers": 1.0},
    {"lake": 1.0, "hills": 1.0, "forest": 0.8},
    {"mountain": 1.0, "hills": 0.7, "balloon": 0.6},
    {"sea": 1.0, "cliff": 1.0},
)


@dataclass(frozen=True)
class Scene:
    """A composition. Positions are in scene units of a picture at rest (see `canvas.Frame`); `subjects` has
    everything that is to be seen, asked for or chosen, with its weight.
    """

    seed: int
    wish: Wish
    palette: Palette
    realm: Realm
    time: str
    season: str
    subjects: dict[str, float]
    weather: dict[str, float]
    water: Water
    horizon: float
    light_at: tuple[float, float]
    light: Literal["sun", "moon", "hidden"]
    span: float

    def has(self, subject: str) -> float:
        """The weight of a subject, 0 when it is not in the picture."""
        return self.subjects.get(subject, 0.0)

    @property
    def shore(self) -> float:
        """Where water begins, below the horizon when there is land behind it."""
        return self.horizon + (0.0 if self.water == "sea" else 0.035)


def compose(wish: Wish, seed: int, span: float) -> Scene:
    """Decide on a picture that is `span` scene units wide."""
    rng = generator(seed, "scene")
    draw = [float(value) for value in rng.uniform(0.0, 1.0, 12)]
    realm = _realm(wish)
    subjects = _subjects(wish, realm, seed)
    time = _time(wish, draw[0], realm)
    season = _season(wish, draw[1])
    weather = {name: weight for name, weight in wish.weather.items() if not wish.rejects(f"weather:{name}")}
    water = _water(subjects)
    palette = make_palette(wish, seed, time, season, desert="desert" in subjects)
    light = _light(wish, subjects, weather, time)
    light_x = span * (0.24 + 0.52 * draw[2] + 0.06 * wish.shift[4])
    horizon = _horizon(wish, subjects, water, draw[3])
    high = {"day": 0.28, "dawn": 0.80, "sunset": 0.84, "dusk": 0.93, "night": 0.34}[time]
    light_y = horizon * min(0.96, max(0.14, high + (draw[4] - 0.5) * 0.14))
    return Scene(
        seed, wish, palette, realm, time, season, subjects, weather, water, horizon, (light_x, light_y), light, span
    )


def _realm(wish: Wish) -> Realm:
    wants = wish.wants
    earthly = max((wants(name) for name in _EARTHLY), default=0.0)
    abstract = max(wants("abstract"), wants("geometric"))
    if abstract > 0 and abstract >= earthly:
        return "abstract"
    below = max(wants("underwater"), wants("jellyfish"), wants("fish"))
    whale = wants("whale") if not (wants("sky") or wants("galaxy") or wants("stars") or wants("sea")) else 0.0
    dry = any(wants(name) > 0 for name in _EARTHLY if name not in ("sea", "lake", "river"))
    if max(below, whale) > 0 and (wants("underwater") or not dry) and not wants("galaxy"):
        return "underwater"
    if wants("portrait") > 0:
        return "portrait"
    if max(wants("galaxy"), wants("planet")) > 0 and earthly == 0:
        return "space"
    return "land"


def _subjects(wish: Wish, realm: Realm, seed: int) -> dict[str, float]:
    subjects = {name: weight for name, weight in wish.subjects.items() if weight > 0}
    if realm == "land" and not _anything_to_stand_on(subjects):
        pick = int(generator(seed, "default scene").integers(0, 1 << 20)) + round(1000 * (wish.shift[3] + 1.0))
        scenes = _stages(subjects)
        for step in range(len(scenes)):
            chosen = scenes[(pick + step) % len(scenes)]
            allowed = {name: w for name, w in chosen.items() if not wish.rejects(f"subject:{name}")}
            if len(allowed) == len(chosen) or step == len(scenes) - 1:
                subjects = {**allowed, **subjects}
                break
    return subjects


def _stages(subjects: dict[str, float]) -> tuple[dict[str, float], ...]:
    """The landscapes that may surround what was asked for: actors of its own only for an empty stage."""
    if not subjects:
        return _DEFAULT_SCENES
    if "boat" in subjects or "lighthouse" in subjects:
        return ({"sea": 1.0}, {"sea": 1.0, "island": 0.8}, {"lake": 1.0, "mountain": 0.9})
    if any(name in subjects for name in ("house", "castle", "pagoda", "windmill", "deer", "mushrooms", "fireflies")):
        return ({"hills": 1.0, "mountain": 0.8}, {"forest": 0.9, "mountain": 0.8}, {"hills": 1.0, "meadow": 0.8})
    return (
        {"mountain": 1.0, "lake": 1.0},
        {"hills": 1.0, "meadow": 0.6},
        {"mountain": 0.9, "hills": 0.8},
        {"lake": 1.0, "hills": 1.0, "forest": 0.8},
        {"sea": 1.0, "cliff": 0.8},
    )


def _anything_to_stand_on(subjects: dict[str, float]) -> bool:
    return any(name in subjects for name in _GROUND)


def _time(wish: Wish, draw: float, realm: Realm) -> str:
    if wish.times:
        return max(wish.times.items(), key=lambda item: item[1])[0]
    if realm == "space" or "galaxy" in wish.subjects or "dark" in wish.moods or "neon" in wish.moods:
        return "night"
    if realm in ("underwater", "abstract") and "dark" not in wish.moods:
        return "day"
    if "moon" in wish.subjects and not wish.rejects("time:night"):
        return "night"
    choices = ["day", "dawn", "sunset", "day", "sunset", "dusk"]
    if "storm" in wish.weather:
        return "day" if not wish.rejects("time:day") else "dusk"
    if "fog" in wish.weather or "rainbow" in wish.weather or "sun" in wish.subjects:
        choices = ["day", "day", "dawn"]
    allowed = [time for time in choices if not wish.rejects(f"time:{time}")] or ["day"]
    return allowed[int(draw * len(allowed)) % len(allowed)]


def _season(wish: Wish, draw: float) -> str:
    if wish.seasons:
        return max(wish.seasons.items(), key=lambda item: item[1])[0]
    allowed = [s for s in ("summer", "spring", "summer", "autumn") if not wish.rejects(f"season:{s}")]
    return allowed[int(draw * len(allowed)) % len(allowed)] if allowed else "winter"


def _water(subjects: dict[str, float]) -> Water:
    kinds: dict[Water, float] = {
        "sea": max(subjects.get("sea", 0.0), subjects.get("island", 0.0)),
        "lake": max(subjects.get("lake", 0.0), subjects.get("bridge", 0.0)),
        "river": max(subjects.get("river", 0.0), subjects.get("waterfall", 0.0) * 0.9),
    }
    dry = any(name in subjects for name in ("hills", "meadow", "forest", "desert", "mountain"))
    if not any(kinds.values()) and (subjects.get("boat") or (subjects.get("city") and not dry)):
        return "lake"
    best = max(kinds, key=lambda kind: kinds[kind])
    return best if kinds[best] > 0 else "none"


def _light(
    wish: Wish, subjects: dict[str, float], weather: dict[str, float], time: str
) -> Literal["sun", "moon", "hidden"]:
    if time == "night" or (subjects.get("moon") and time == "dusk"):
        quiet = ("galaxy", "stars", "fireworks", "planet")
        shown = subjects.get("moon") or not (any(map(subjects.get, quiet)) or "aurora" in weather)
        return "moon" if shown and not wish.rejects("subject:moon") else "hidden"
    covered = any(weather.get(name, 0.0) > 0.5 for name in ("storm", "rain", "snow", "fog"))
    covered = covered or weather.get("clouds", 0.0) > 1.3
    if wish.rejects("subject:sun") or (covered and not subjects.get("sun")):
        return "hidden"
    return "sun"


def _horizon(wish: Wish, subjects: dict[str, float], water: Water, draw: float) -> float:
    horizon = 0.60 + 0.06 * (draw - 0.5)
    lifted = any(name in subjects for name in ("stars", "galaxy", "aurora", "planet", "sky", "balloon", "fireworks"))
    if lifted or "aurora" in wish.weather:
        horizon += 0.10
    if any(name in subjects for name in ("flowers", "meadow")):
        horizon -= 0.07
    if water != "none":
        horizon -= 0.02
    return horizon + 0.025 * wish.shift[5]


def at_night(scene: Scene) -> bool:
    """Whether lamps are lit and stars are out."""
    return scene.palette.level < 0.5
