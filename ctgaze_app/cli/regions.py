"""`ctgaze regions`: gaze in regions of interest, and tests between groups of cases."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ctgaze_app.ct.labelled_region import LabelledRegion
    from ctgaze_app.formats.dataset import DataSet
    from ctgaze_app.formats.region_report import RegionReport
    from ctgaze_app.study.session_looks import SessionLooks


WIDTH = 100
"""Columns where the output is no terminal and nothing else is said."""


class OverlapChoice(StrEnum):
    """What happens to a fixation that lies in several regions."""

    AS_GIVEN = "as_given"
    SMALLEST_FIRST = "smallest_first"
    GIVEN_ORDER = "given_order"


class MeasureChoice(StrEnum):
    """What the groups are compared by."""

    N_FIXATIONS = "n_fixations"
    DWELL_S = "dwell_s"
    FIXATIONS_PER_READING_S = "fixations_per_reading_s"
    DWELL_PER_READING_S = "dwell_per_reading_s"
    N_VISITS = "n_visits"
    FIRST_ENTRY_S = "first_entry_s"


def regions(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Sessions, studies, or data sets made by ctgaze import.")
    ],
    region_file: Annotated[
        list[str] | None,
        typer.Option(
            "--regions",
            metavar="[CASE=]FILE",
            help="Masks of a session's CT (NIfTI, DICOM SEG), the folder of a chest X-ray data set with its organ "
            "masks, or a CSV of boxes with the columns case, region, i_first, i_last, j_first, j_last, k_first, "
            "k_last (column, row and slice, from 0).",
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="NAME", help="A yes/no attribute of the cases; give it once per group."),
    ] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", metavar="FILE", help="CSV with the columns case and group.")
    ] = None,
    measure: Annotated[MeasureChoice, typer.Option("--measure", help="What groups are compared by.")] = (
        MeasureChoice.N_FIXATIONS
    ),
    overlap: Annotated[
        OverlapChoice,
        typer.Option("--overlap", help="as_given counts a fixation in every region that holds it, the others in one."),
    ] = OverlapChoice.AS_GIVEN,
    bootstrap: Annotated[int, typer.Option("--bootstrap", min=100, help="Resamples of readers and cases.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of the resampling.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="New folder for readings.csv and tests.csv.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fixations, dwell and rates in regions, and whether groups of cases differ in them.

    With groups: the published t-test, a crossed reader x case model, a two-way bootstrap, effect sizes, and p values
    corrected for the number of tests.

    Example: ctgaze regions my-import --group Normal --group CHF --group pneumonia

    Example: ctgaze regions my-session --regions boxes.csv --out gaze-in-regions
    """
    from ctgaze_app.errors import SessionError
    from ctgaze_app.formats.region_report import groups_of_cases, read_groups, region_report

    if group and groups:
        raise typer.BadParameter("give --group or --groups, not both", param_hint="--group")
    if group and len(set(group)) < 2:
        raise typer.BadParameter("a test needs two groups", param_hint="--group")
    if out is not None and out.exists():
        raise SessionError("this is already there", place=str(out), remedy="name a new folder")
    found = [each for source in sources for each in _datasets(source)]
    datasets, looks = [dataset for dataset, _ in found], [looks for _, looks in found if looks is not None]
    boxes, masks = _regions(region_file or [], sources, datasets)
    of_case = read_groups(groups) if groups else groups_of_cases(datasets, group) if group else None
    report = region_report(
        datasets, looks=looks, boxes=boxes, masks=masks, groups=of_case, measure=measure.value, overlap=overlap.value,
        resamples=bootstrap, seed=seed,
    )  # fmt: skip
    if out is not None:
        _write(report, out)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), allow_nan=False, default=_plain))
    else:
        _print(report)


def _datasets(source: Path) -> list[tuple[DataSet, SessionLooks | None]]:
    from ctgaze_app.formats.contract import FormatError
    from ctgaze_app.formats.from_session import dataset_from_session
    from ctgaze_app.formats.registry import format_named
    from ctgaze_app.study.many_sessions import find_sessions
    from ctgaze_app.study.session import MANIFEST_NAME
    from ctgaze_app.study.session_looks import session_looks

    if (source / "dataset.json").is_file():
        own = format_named("ctgaze")
        assert own.read is not None
        return [(own.read(source, {}), None)]
    if not source.is_dir():
        raise FormatError(
            "no session and no data set", place=source.name, remedy="bring a foreign file in with ctgaze import"
        )
    folders = [source] if (source / MANIFEST_NAME).is_file() else find_sessions(source)
    return [(dataset_from_session(folder, samples=False), session_looks(folder)) for folder in folders]


def _regions(given: Sequence[str], sources: Sequence[Path], datasets: Sequence[DataSet]) -> tuple[Any, Any]:
    """Boxes of all cases as one table, or regions by case from masks; both None when nothing was given."""
    import pandas as pd

    from ctgaze_app.formats.contract import FormatError

    cases = [record.case for dataset in datasets for record in dataset.cases]
    boxes: list[Any] = []
    masks: dict[str, Sequence[LabelledRegion]] = {}
    for text in given:
        case, found, file = text.partition("=")
        if not found or case not in cases:
            case, file = "", text
        path = Path(file)
        if path.is_dir():
            masks |= _masks_of_data_set(path, datasets)
            continue
        if path.suffix.lower() == ".csv":
            table = _read_boxes(path)
            boxes.append(table.assign(case=case) if case else table)
            continue
        if not case and len(set(cases)) != 1:
            raise FormatError("which case is this mask of?", place=path.name, remedy="write CASE=FILE")
        case = case or cases[0]
        masks[case] = _masks(path, case, sources)
    if boxes and masks:
        raise FormatError("boxes and masks cannot be mixed", remedy="give one kind")
    return (pd.concat(boxes, ignore_index=True) if boxes else None), (masks or None)


def _masks_of_data_set(folder: Path, datasets: Sequence[DataSet]) -> dict[str, Sequence[LabelledRegion]]:
    """The organ masks of chest X-ray pictures, of the cases that have some."""
    from ctgaze_app.formats.contract import FormatError
    from ctgaze_app.formats.egd_masks import read_masks

    records = {record.case: record for dataset in datasets for record in dataset.cases}
    masks = {case: read_masks(folder, case, record.shape_kji[1:]) for case, record in records.items()}
    found: dict[str, Sequence[LabelledRegion]] = {case: regions for case, regions in masks.items() if regions}
    if not found:
        raise FormatError(
            "holds no masks of these cases",
            place=folder.name,
            remedy="name the folder of the chest X-ray data set, the one with audio_segmentation_transcripts",
        )
    return found


def _read_boxes(path: Path) -> Any:
    import pandas as pd

    from ctgaze_app.formats.checked_csv import Column, read_csv_table

    ends = [f"{axis}_{end}" for axis in "ijk" for end in ("first", "last")]
    columns = [
        Column("region", "text"), Column("case", "text", required=False), Column("group", "text", required=False),
        *(Column(name, "integer", minimum=0) for name in ends),
    ]  # fmt: skip
    return pd.DataFrame(read_csv_table(path, columns, extra="keep"))


def _masks(path: Path, case: str, sources: Sequence[Path]) -> Sequence[LabelledRegion]:
    from ctgaze_app.formats.contract import FormatError
    from ctgaze_app.review.regions import read_regions
    from ctgaze_app.study.loading import load_volumes
    from ctgaze_app.study.many_sessions import find_sessions
    from ctgaze_app.study.session import MANIFEST_NAME, read_manifest

    for source in sources:
        if (source / "dataset.json").is_file():
            continue
        for folder in [source] if (source / MANIFEST_NAME).is_file() else find_sessions(source):
            manifest = read_manifest(folder)
            for trial in manifest.trials:
                if trial.case == case and trial.series:
                    volume = load_volumes(folder, manifest, {})[trial.series[0]]
                    return read_regions(path, volume, case=case)
    raise FormatError(
        f"masks need the CT of case {case}, and no session here has it", place=path.name, remedy="name its session"
    )


def _write(report: RegionReport, out: Path) -> None:
    import shutil

    from ctgaze_app.errors import SessionError

    tables = {"readings.csv": report.table}
    if report.statistics is not None:
        tables["tests.csv"] = report.statistics.table
    staging, made = out.with_name(f"writing-{out.name}"), False
    try:
        staging.mkdir(parents=True)
        made = True
        for name, table in tables.items():
            table.to_csv(staging / name, index=False, lineterminator="\n")
        staging.rename(out)
    except OSError as error:
        raise SessionError(
            f"the tables cannot be written: {error.strerror or type(error).__name__}",
            place=str(out),
            remedy="check rights and space",
        ) from error
    finally:
        if made:
            shutil.rmtree(staging, ignore_errors=True)


def _print(report: RegionReport) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=WIDTH)
    shown = report.table.groupby(["region"], sort=False)
    means = shown[["n_fixations", "dwell_s", "visible_s", "fixations_per_reading_s", "first_entry_s"]].mean()
    readings = report.table.groupby(["session", "reader", "trial", "case"], dropna=False).ngroups
    headings = ("region", "fixations", "dwell, s", "visible, s", "fixations/s\nof reading", "first\nentry, s")
    table = _table(headings, ("region",))
    for region, row in means.iterrows():
        table.add_row(str(region), *(_cell(value) for value in row))
    console.print(f"Gaze in regions: mean of {readings} reading{'s' * (readings != 1)}", style="bold")
    console.print(table)
    if report.statistics is not None:
        numbers = ("means", "t-test\np", "Hedges g\n[95 %]", "model\np", "boot-\nstrap p", "Holm", "FDR")
        tests = _table(("region\ngroups", *numbers), ("region\ngroups",))
        for row in report.statistics.table.to_dict("records"):
            tests.add_row(
                f"{row['region']}\n{row['first']}, {row['second']}",
                f"{_cell(row['mean_first'])}\n{_cell(row['mean_second'])}", _p(row["published_p_value"]),
                f"{_cell(row['hedges_g'])}\n[{_cell(row['hedges_g_low'])} {_cell(row['hedges_g_high'])}]",
                _p(row.get("model_p_value")), _p(row.get("bootstrap_p_value")), _p(row.get("model_p_holm")),
                _p(row.get("model_p_fdr")),
            )  # fmt: skip
        console.print(f"\nDifferences between groups in {report.statistics.measure}, second less first", style="bold")
        console.print(tests)
        console.print(
            f"t-test as published: images without a hit drop out, equal variances, no correction. Model: crossed "
            f"readers and cases. Holm and FDR correct the model's p values. Bootstrap: {report.statistics.resamples} "
            f"resamples, seed {report.statistics.seed}."
        )
    for note in report.notes:
        console.print(f"note  {note}", markup=False)


def _table(headings: Sequence[str], names: Sequence[str]) -> Table:
    """An empty table; the columns of `names` are folded where it is too wide, numbers never."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        is_name = heading in names
        table.add_column(heading, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold")
    return table


def _cell(value: Any) -> str:
    return "-" if value is None or value != value else f"{float(value):.2f}"


def _p(value: Any) -> str:
    if value is None or value != value:
        return "-"
    return "< .001" if float(value) < 0.001 else f"{float(value):.3f}".lstrip("0")


def _plain(value: Any) -> Any:
    return value.item()
