"""`ctgaze model make-set`: a made set with findings, masks and simulated gaze, in the field's layouts."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ctgaze_app import __version__
from ctgaze_app.cli.progress import progress_bar


class Kind(StrEnum):
    """What the set holds."""

    VOLUMES = "volumes"
    SLICES = "slices"
    RADIOGRAPHS = "radiographs"


class Finding(StrEnum):
    """What slices show."""

    NODULE = "nodule"
    OPACITY = "opacity"
    EFFUSION = "effusion"
    EMPHYSEMA = "emphysema"
    CALCIFICATION = "calcification"
    CARDIOMEGALY = "cardiomegaly"


def make_set(
    kind: Annotated[Kind, typer.Option("--kind", help="CT volumes, slices of one finding, or chest radiographs.")],
    count: Annotated[int, typer.Option("--count", min=1, max=999_999, help="Patients.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new or empty folder.")],
    first_seed: Annotated[
        int,
        typer.Option(
            "--first-seed",
            min=0,
            max=2**31 - 1,
            help="Of the first patient; each part has its own band: train 0, validation 1000000, test 2000000.",
        ),
    ] = 0,
    test_count: Annotated[
        int, typer.Option("--test-count", min=0, max=999_999, help="Further patients, of the test part's band.")
    ] = 0,
    finding: Annotated[Finding, typer.Option("--finding", help="With slices: what they show.")] = Finding.OPACITY,
    slices_per_patient: Annotated[
        int, typer.Option("--slices-per-patient", min=1, max=100, help="With slices: at most so many of a patient.")
    ] = 3,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that make patients; default: one a core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a data set with labelled findings, true masks and simulated gaze; nobody's data, nobody's gaze.

    volumes: CT-RATE's layout (labels.csv, volumes, masks). slices: GazeMedSeg's (images, masks, gaze, train.txt,
    test.txt). radiographs: the chest X-ray eye-gaze tables (fixations.csv, master_sheet.csv, images).

    Example: ctgaze model make-set --kind slices --finding opacity --count 200 --test-count 50 --out opacity-set
    """  # fmt: skip
    from ctgaze_app.cli.model.configured import usual_cache
    from ctgaze_app.formats.exchange import new_folder
    from ctgaze_app.formats.finding_sets import write_provenance
    from models.datasets.case import PARTS
    from models.datasets.simulated import FIRST_SEED, SEEDS_PER_PART, check_seeds

    check_seeds(count, first_seed)
    runs = [(count, first_seed)]
    if test_count:
        start = FIRST_SEED[PARTS[-1]] + first_seed % SEEDS_PER_PART
        if first_seed >= FIRST_SEED[PARTS[-1]]:
            raise typer.BadParameter("all of these patients are test patients", param_hint="--test-count")
        runs.append((test_count, start))
    options: dict[str, Any] = {"patients": usual_cache() / "patients", "workers": workers or os.cpu_count() or 1}
    with new_folder(out) as folder, progress_bar("Making patients", shown=not as_json) as report:
        counts = _written(kind, runs, finding.value, slices_per_patient, folder, options, report)
        asked = {"kind": kind.value, "count": count, "first_seed": first_seed, "test_count": test_count}
        if kind is Kind.SLICES:
            asked |= {"finding": finding.value, "slices_per_patient": slices_per_patient}
        write_provenance(
            folder,
            {
                "made_by": "ctgaze model make-set", "version": __version__, "options": asked, "result": counts,
                "note": "Procedural chests, drawn findings and simulated gaze: no patient, no reader.",
            },
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"folder": str(out), **asked, **counts}))
    else:
        typer.echo(f"{out}: {_in_words(counts)}")


def _written(
    kind: Kind,
    runs: list[tuple[int, int]],
    finding: str,
    slices_per_patient: int,
    folder: Path,
    options: dict[str, Any],
    report: Any,
) -> dict[str, Any]:
    from ctgaze_app.formats.finding_sets import write_radiographs, write_slices, write_volumes
    from models.datasets.finding_cases import radiograph_cases, slice_cases

    if kind is Kind.VOLUMES:
        seeds = [seed for number, first in runs for seed in range(first, first + number)]
        return write_volumes(seeds, folder, progress=report, **options)
    cases = []
    making: dict[str, Any] = {"folder": options["patients"], "workers": options["workers"], "progress": report}
    for number, first in runs:
        if kind is Kind.SLICES:
            each: dict[str, Any] = {"finding": finding, "slices_per_patient": slices_per_patient}
            cases += slice_cases(number, first_seed=first, **each, **making)
        else:
            cases += radiograph_cases(number, first_seed=first, **making)
    return write_slices(cases, finding, folder) if kind is Kind.SLICES else write_radiographs(cases, folder)


def _in_words(counts: dict[str, Any]) -> str:
    parts = [f"{value} {name}" for name, value in counts.items() if name != "with"]
    found = ", ".join(f"{name} {value}" for name, value in counts.get("with", {}).items())
    return ", ".join(parts) + (f" ({found})" if found else "")
