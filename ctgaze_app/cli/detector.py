"""The option that names a detector of eye events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ctgaze_app.gaze.detectors import DetectorParameters

_PRESETS = (
    "tobii-ivt, salvucci-idt, engbert-kliegl, adaptive-500hz (clean data of 500 Hz and more), adaptive-noisy (60 to "
    "250 Hz or noisy)."
)

Detector = Annotated[
    str | None, typer.Option("--detector", metavar="PRESET", help=f"{_PRESETS} Without it: tobii-ivt.")
]
KeptDetector = Annotated[
    str | None,
    typer.Option(
        "--detector", metavar="PRESET", help=f"{_PRESETS} Without it: the one each session has, tobii-ivt at first."
    ),
]


def preset_named(name: str | None) -> DetectorParameters:
    """The parameters of a preset; the default without a name.

    Raises
    ------
    typer.BadParameter
        When there is no such preset.
    """
    from ctgaze_app.gaze.detectors import PRESETS, TOBII_IVT

    if name is None:
        return TOBII_IVT
    if name not in PRESETS:
        raise typer.BadParameter(f"there is no preset {name}; presets: {', '.join(PRESETS)}", param_hint="--detector")
    return PRESETS[name]
