"""How an eye looks wherever calibration shows it: a word, a colour and a shape, so that colour never stands alone."""

from __future__ import annotations

from dataclasses import dataclass

from ctgaze_app.ui import theme


@dataclass(frozen=True)
class EyeMark:
    """Word for tables and legends, colour, and the shape of its mean (`circle`, `square` or `diamond`)."""

    word: str
    colour: str
    shape: str


EYE_MARKS = {
    "left": EyeMark("Left eye", theme.READERS[0], "circle"),
    "right": EyeMark("Right eye", theme.READERS[2], "square"),
    "combined": EyeMark("Combined", theme.READERS[3], "diamond"),
    "average": EyeMark("Both averaged", theme.READERS[3], "diamond"),
}


def shown_eyes(eyes: object) -> tuple[str, ...]:
    """The eyes to draw, in a fixed order: those that were recorded, the average only in words."""
    present = set(eyes) if isinstance(eyes, dict | set | tuple | list) else set()
    recorded = tuple(eye for eye in ("left", "right", "combined") if eye in present)
    return recorded or tuple(eye for eye in ("average",) if eye in present)
