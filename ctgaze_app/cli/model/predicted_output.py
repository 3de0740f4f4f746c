"""Predictions written to files and told in words."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.predictions import Findings, Prediction, SegmentationPrediction

SCANGAZE_OPTIONS = {"index_base": "1", "z": "slice", "axes": "column_row"}
MOST_FINDINGS = 18


class OutFormat(StrEnum):
    """What --out is written as."""

    PREDICTION = "prediction"
    CT_SCANGAZE = "ct_scangaze"
    NIFTI = "nifti"


TASKS = {OutFormat.CT_SCANGAZE: "scanpath", OutFormat.NIFTI: "segmentation"}
"""What some formats can hold alone."""


def check_place(out: Path, out_format: OutFormat) -> None:
    """Refuse now what would be refused after minutes of predicting.

    Raises
    ------
    CTGazeError
        One line.
    """
    if out_format is OutFormat.CT_SCANGAZE:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CTGazeError("is there already", place=out.name, remedy="name a new folder")
    elif out.is_dir():
        raise CTGazeError("is a folder", place=out.name, remedy="name a file")
    if out_format is OutFormat.NIFTI and not out.name.lower().endswith((".nii", ".nii.gz")):
        raise CTGazeError("a NIfTI file ends with .nii or .nii.gz", place=out.name, remedy="name it so")


def check_format(out_format: OutFormat, task: str, model: str) -> None:
    """Refuse a format that cannot hold what a model predicts."""
    wanted = TASKS.get(out_format, task)
    if wanted != task:
        raise CTGazeError(
            f"--format {out_format} holds a {wanted}, and {model} predicts a {task}", remedy="leave out --format"
        )


def write(found: Prediction, out: Path, out_format: OutFormat, *, timing: bool) -> None:
    """Write the file or folder."""
    from models.predictions import ScanpathPrediction, SegmentationPrediction

    if out_format is OutFormat.PREDICTION:
        from models.prediction_file import write_prediction

        write_prediction(out, found, timing=timing)
    elif out_format is OutFormat.NIFTI:
        from ctgaze_app.formats.mask_nifti import write_mask_nifti

        assert isinstance(found, SegmentationPrediction)
        write_mask_nifti(out, found)
    else:
        from ctgaze_app.formats.contract import checked_options
        from ctgaze_app.formats.ct_scangaze import FORMAT
        from ctgaze_app.formats.from_prediction import dataset_from_prediction

        assert FORMAT.write is not None and isinstance(found, ScanpathPrediction)
        FORMAT.write(
            dataset_from_prediction(found), out, checked_options(SCANGAZE_OPTIONS, FORMAT.write_options, FORMAT.name)
        )


def print_prediction(found: Prediction, device: str, out: Path | None) -> None:
    """The prediction in a few lines."""
    from models.predictions import RESEARCH_ONLY

    typer.echo(f"{found.model} {found.version} - {RESEARCH_ONLY}")
    for line in _lines(found):
        typer.echo(f"  {line}")
    seed = f", seed {found.parameters['seed']}" if "seed" in found.parameters else ""
    typer.echo(f"Computed in {found.seconds:.1f} s on {device}{seed}")
    typer.echo("Nothing was written; --out FILE keeps it" if out is None else f"Written to {out}")


def _lines(found: Prediction) -> Iterator[str]:
    from models.predictions import (
        ClassificationPrediction,
        SaliencyPrediction,
        ScanpathPrediction,
        SegmentationPrediction,
    )

    match found:
        case ScanpathPrediction():
            for path in found.paths:
                ends_s = float(path.onset_s[-1] + path.duration_s[-1])
                slices = f"slices {path.z_voxel.min():.0f} to {path.z_voxel.max():.0f} of {path.shape_kji[0]}, from 0"
                yield f"{path.trial}: {len(path)} fixations in {ends_s:.1f} s, {slices}"
        case ClassificationPrediction():
            yield from _findings(found.findings)
            if found.evidence:
                yield f"evidence per slice: {', '.join(one.method for one in found.evidence)}"
        case SegmentationPrediction():
            yield _mask(found)
            for level in found.levels_kji:
                yield f"{level} alone: {int(found.level_mask_kji(level).sum())} voxels"
            yield from found.warnings
        case SaliencyPrediction():
            if found.findings is not None:
                yield from _findings(found.findings)
            yield f"maps: {', '.join(found.maps_kji)}"


def _mask(found: SegmentationPrediction) -> str:
    import numpy as np

    mask = found.mask_kji
    seen = f"{int(found.seen_k.sum())} of {found.shape_kji[0]} slices looked at"
    if not mask.any():
        return f"{found.structure}: nothing found, {seen}"
    marked = np.flatnonzero(mask.any(axis=(1, 2)))
    size = f"{int(mask.sum())} voxels"
    if found.affine_lps is not None:
        size += f", {mask.sum() * abs(np.linalg.det(found.affine_lps[:3, :3])) / 1000:.1f} ml"
    return f"{found.structure}: {size}, slices {marked[0]} to {marked[-1]}, from 0; {seen}"


def _findings(found: Findings) -> Iterator[str]:
    """The most probable first."""
    order = sorted(range(len(found.labels)), key=lambda n: -found.probabilities[n])
    for n in order[:MOST_FINDINGS]:
        over = bool(found.thresholds) and found.probabilities[n] >= found.thresholds[n]
        yield f"{found.probabilities[n]:.3f} {found.labels[n]}" + (" (found)" if over else "")
    if len(order) > MOST_FINDINGS:
        yield f"and {len(order) - MOST_FINDINGS} less probable"
