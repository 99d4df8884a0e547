"""A procedural painter: pictures and films from words, by rules and noise. It is no diffusion model and has no weights.

`words -> wish -> scene -> layers -> finish`: `lexicon` and `wish` read the prompt, `palette` and `scene` decide what
the picture is, `sky`, `land`, `water`, `things`, `beings`, `flora`, `weather` and `realms` paint its layers onto a
`canvas.Canvas` in OKLab, `finish`, `brush` and `styles` make a picture of it. `painting` is the door. Everything is a
function of its arguments: random streams are derived from the seed and a name (`noise.generator`).
"""

from cozygen.engines.embedded.painter.painting import (
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    MOTIONS,
    STYLE_CHOICES,
    PainterError,
    example_image,
    paint,
    paint_frames,
)

__all__ = [
    "MAX_SIDE",
    "MAX_STEPS",
    "MIN_SIDE",
    "MOTIONS",
    "STYLE_CHOICES",
    "PainterError",
    "example_image",
    "paint",
    "paint_frames",
]
