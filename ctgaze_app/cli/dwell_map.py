"""`ctgaze session dwell-map`: where one reader looked, as a volume on the CT's grid."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SourceChoice(StrEnum):
    """What the map is made from."""

    FIXATIONS = "fixations"
    SAMPLES = "samples"


def dwell_map(
    folder: Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.nii.gz", help="The NIfTI file to write.")],
    trial: Annotated[int, typer.Option("--trial", min=1, help="Number of the trial.")] = 1,
    sigma_deg: Annotated[
        float, typer.Option("--sigma", min=0.05, max=10.0, help="Width of the Gaussian, degrees of visual angle.")
    ] = 1.0,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="A published map instead: gazemedseg-kvasir, gazemedseg-nci, egd-cxr."),
    ] = None,
    source: Annotated[SourceChoice, typer.Option("--from", help="Fixations, or samples without any detector.")] = (
        SourceChoice.FIXATIONS
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write seconds of looking per voxel, on the CT's own grid, and beside it what made it.

    Example: ctgaze session dwell-map my-session --out dwell.nii.gz
    """
    from ctgaze_app.study.dwell_map import write_dwell_map

    made = write_dwell_map(folder, out, trial=trial, sigma_deg=sigma_deg, preset=preset, source=source.value)
    if as_json:
        typer.echo(json.dumps(made.to_dict()))
        return
    left_out = sum(made.left_out_s.values())
    typer.echo(
        f"{made.file}: {made.total:.1f} {made.unit} of trial {made.trial}, case {made.case}; most on slice "
        f"{made.busiest_slice}; {left_out:.1f} s lie beside the image and are left out"
    )
