"""`ctgaze session measure`: reading measures of a session, and how its known lesions were searched."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.progress import progress_bar

if TYPE_CHECKING:
    from ctgaze_app.study.measuring import SessionMeasures, TrialReading, Truth


LABEL = 30


class OrganChoice(StrEnum):
    """Whose coverage is taken."""

    LUNGS = "lungs"
    NONE = "none"


def measure(
    folder: Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder.")],
    organ: Annotated[
        OrganChoice, typer.Option("--organ", help="Whose coverage is taken; none does not open the CT.")
    ] = OrganChoice.LUNGS,
    truth: Annotated[
        list[str] | None,
        typer.Option("--truth", metavar="[CASE=]FILE", help="Lesions: DICOM SR or SEG, LIDC XML, boxes CSV, NIfTI."),
    ] = None,
    truth_format: Annotated[str | None, typer.Option("--truth-format", help="When the file does not tell.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="What a truth file does not say itself.")
    ] = None,
    reported: Annotated[
        list[str] | None,
        typer.Option("--reported", metavar="[CASE=]LESION", help="A lesion that the reader reported."),
    ] = None,
    nothing_reported: Annotated[
        bool,
        typer.Option(
            "--nothing-reported", help="The reader reported no lesion of any case that --reported leaves out."
        ),
    ] = False,
    radius_deg: Annotated[
        float, typer.Option("--ufov", min=0.1, max=20.0, help="Radius of the useful field of view, degrees.")
    ] = 2.5,
    attention_s: Annotated[
        float, typer.Option("--attention", min=0.0, help="Dwell from which a lesion was noticed, seconds.")
    ] = 0.3,
    decision_s: Annotated[
        float, typer.Option("--decision", min=0.0, help="Dwell from which it was decided upon, seconds.")
    ] = 1.0,
    phrase: Annotated[
        list[str] | None,
        typer.Option("--phrase", metavar="REGION=WORDS", help="How left lung, right lung or a lesion is spoken."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the readings of a session: scrolling, coverage, search style, lesions.

    Written to derived/measures.json, measures.csv and, with lesions, lesions.csv. Without --reported or
    --nothing-reported no lesion is judged as an error. Where a transcript is there, words are related to the looks
    before them.

    Example: ctgaze session measure my-session --truth lesions.dcm --nothing-reported
    """
    from ctgaze_app.review.lesion_search import LesionSearchRules
    from ctgaze_app.study.measuring import measure_session

    if attention_s > decision_s:
        raise typer.BadParameter("attention takes no longer than a decision", param_hint="--attention")
    if not truth and (reported or nothing_reported or truth_format or option):
        raise typer.BadParameter("this needs a file of lesions", param_hint="--truth")
    if reported and nothing_reported and len(truth or []) < 2:
        raise typer.BadParameter("say what was reported, or that nothing was", param_hint="--reported")
    truths = _truths(folder, truth or [], truth_format, option or [], reported or [], nothing_reported)
    rules = LesionSearchRules(radius_deg=radius_deg, attention_s=attention_s, decision_s=decision_s)
    phrases: dict[str, list[str]] = {}
    for text in phrase or []:
        region, found, words = text.partition("=")
        if not found or not words.strip():
            raise typer.BadParameter(f"{text!r} is not REGION=WORDS", param_hint="--phrase")
        phrases.setdefault(region, []).append(words)
    with progress_bar("Measuring", shown=not as_json) as report:
        result = measure_session(folder, organ=organ.value, truth=truths, rules=rules, phrases=phrases, progress=report)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), allow_nan=False))
        return
    _print(result)


def _truths(
    folder: Path,
    given: Sequence[str],
    truth_format: str | None,
    options: Sequence[str],
    reported: Sequence[str],
    nothing_else: bool,
) -> dict[str, Truth]:
    """Truth by case. What was reported is known of the cases that are named, and of all others with `nothing_else`."""
    from ctgaze_app.errors import SessionError
    from ctgaze_app.study.measuring import Truth
    from ctgaze_app.study.session import read_manifest

    declared = {}
    for text in options:
        name, found, value = text.partition("=")
        if not found or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
        declared[name] = value
    cases = list(dict.fromkeys(trial.case for trial in read_manifest(folder).trials))

    def split(flag: str, text: str, among: Sequence[str], what: str) -> tuple[str, str]:
        case, found, rest = text.partition("=")
        if found and case in among:
            return case, rest
        if len(among) != 1:
            raise SessionError(
                f"{flag} {text}: which case is it of?", remedy=f"write CASE={what}; cases: {', '.join(among) or 'none'}"
            )
        return among[0], text

    files: dict[str, Path] = {}
    for text in given:
        case, file = split("--truth", text, cases, "FILE")
        if case in files:
            raise SessionError(f"case {case} has two files of lesions", remedy="give one --truth for each case")
        files[case] = Path(file)
    names: dict[str, list[str]] = {}
    for text in reported:
        case, lesion = split("--reported", text, list(files), "LESION")
        names.setdefault(case, []).append(lesion)
    unnamed: list[str] | None = [] if nothing_else else None
    return {case: Truth(path, truth_format, declared, names.get(case, unnamed)) for case, path in files.items()}


def _print(result: SessionMeasures) -> None:
    for trial in result.trials:
        typer.echo(f"trial {trial.trial}, case {trial.case}, reader {result.reader}")
        for label, text in _lines(trial):
            typer.echo(f"  {label:{LABEL}} {text}")
        others = [row for row in result.sensitivity.get(trial.trial, []) if row["value"] is None]
        if others:
            typer.echo("  fixations by detector (with their parameters varied: measures.json)")
            for row in others:
                typer.echo(f"    {row['fixations']:>5} {row['detector']}")
        if trial.speech is not None:
            lag = trial.speech.lag
            said = (
                f"{lag.lag_s:.2f} s before naming [{lag.low_s:.2f}, {lag.high_s:.2f}]"
                if lag.available
                else f"not available: {lag.reason}"
            )
            typer.echo(f"  {'words, mentions of regions':{LABEL}} {trial.speech.n_words}, {trial.speech.n_mentions}")
            typer.echo(f"  {'gaze on the named region':{LABEL}} {said}")
        for note in trial.notes:
            typer.echo(f"  note  {note}")
        if trial.lesions is not None:
            _print_lesions(trial)
    for note in result.notes:
        typer.echo(f"note  {note}")


def _lines(trial: TrialReading) -> list[tuple[str, str]]:
    row: dict[str, Any] = trial.measures.scalars()
    lines = [
        ("displayed, looked at", f"{_of(row['displayed_s'], 's')}, {_of(row['on_image_s'], 's')} on the image"),
        ("fixated on the image", f"{_of(row['fixated_s'], 's')}; {row['fixation_duration_n']} fixations in all"),
        ("courses through the stack", f"{row['n_courses']}"),
        (
            "full, half runs, oscillations",
            f"{row['n_full_runs']}, {row['n_half_runs']}, {row['n_oscillations']}",
        ),
        ("share of the slices shown", _percent(row["share_seen_fraction"])),
        ("drilling (1) or scanning (0)", _of(row["driller_index"], "", 2)),
        ("saccade amplitude, median", _of(row["saccade_amplitude_median_deg"], "deg")),
    ]
    curve, sampled = trial.measures.coverage, trial.measures.coverage_samples
    if curve is not None:
        for number, radius in enumerate(curve.radii_deg):
            text = f"{_percent(float(curve.covered_fraction[number]))} by fixations"
            if sampled is not None:
                text += f", {_percent(float(sampled.covered_fraction[number]))} by samples"
            lines.append((f"lungs within {radius:g} deg of gaze", text))
    return lines


def _print_lesions(trial: TrialReading) -> None:
    from ctgaze_app.review.lesion_search import ERROR_CLASSES

    assert trial.lesions is not None
    rules = trial.lesions.rules
    radii = rules.sensitivity_deg
    typer.echo(
        f"  lesions, useful field of view {rules.radius_deg:g} deg (classes at {min(radii):g} to {max(radii):g} deg in "
        "lesions.csv):"
    )
    for lesion in trial.lesions.lesions:
        looks = lesion.looks
        outcome = f"{lesion.outcome} error" if lesion.outcome in ERROR_CLASSES else lesion.outcome
        typer.echo(f"    {lesion.name}: {outcome}{f' ({lesion.reason})' if lesion.reason else ''}")
        fixated = _of(lesion.fixated_while_displayed_s, "s")
        typer.echo(f"      shown {_of(lesion.displayed_s, 's')}, {fixated} of it with a fixation somewhere")
        typer.echo(f"      dwell {_of(looks.dwell_s, 's')} in {looks.n_fixations} fixations")
        if looks.n_fixations:
            typer.echo(f"      first looked at {_of(lesion.after_displayed_s, 's')} after it was shown")
        typer.echo(f"      gaze met it with probability {_of(lesion.probability_met, '', 2)}")
    if any(lesion.reported is None for lesion in trial.lesions.lesions):
        typer.echo("    To have errors judged: --reported LESION for each that was, or --nothing-reported")


def _of(value: float, unit: str, decimals: int = 1) -> str:
    return "not available" if not math.isfinite(value) else f"{value:.{decimals}f} {unit}".strip()


def _percent(value: float) -> str:
    return "not available" if not math.isfinite(value) else f"{100 * value:.1f} %"
