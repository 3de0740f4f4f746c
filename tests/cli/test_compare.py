"""`ctgaze compare`: two readers and two synthetic ones, the table and the JSON, and one line for bad input."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from ctgaze_app.cli.compare import compare
from ctgaze_app.cli.comparison_table import differences_table, number_text
from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.ctgaze_dataset import write_ctgaze
from ctgaze_app.formats.from_session import dataset_from_session
from ctgaze_app.formats.session_masks import CaseMasks
from ctgaze_app.study.session import write_manifest
from models.metrics.bootstrap import Estimate
from models.metrics.comparison import NothingToCompareError
from models.metrics.comparison_report import ComparisonParameters, Difference
from models.metrics.floors import FLOORS
from models.metrics.heat_map import MapParameters
from models.metrics.measures import MEASURES, Bins, MeasureParameters
from tests.factories.sessions import make_session

app = typer.Typer()
app.command()(compare)


def run(*words: object, columns: int = 140) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": str(columns)})


def make_reader(folder: Path, who: str, seed: int, cases: int) -> Path:
    """A synthetic session as if a person had read it."""
    made = make_session(folder, trials=cases, seconds=4.0, audio=False, seed=seed)
    assert made.manifest.tracker is not None
    tracker = made.manifest.tracker.model_copy(update={"simulated": False})
    session = made.manifest.session.replace("r01", who)
    write_manifest(folder, made.manifest.model_copy(update={"reader": who, "session": session, "tracker": tracker}))
    return folder


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two readers' sessions of three cases, and two simulated readers in a data set each."""
    folder = tmp_path_factory.mktemp("compare")
    readers = [make_reader(folder / who, who, seed, 3) for who, seed in (("r01", 1), ("r02", 2))]
    dataset = dataset_from_session(readers[0], samples=False)
    random = np.random.default_rng(5)
    simulated = []
    for who in ("walker", "drifter"):
        table = dataset.fixations.copy()
        table["reader"], table["session"] = who, ""
        table["x_voxel"] = random.uniform(0, 63, len(table))
        table["y_voxel"] = random.uniform(0, 63, len(table))
        write_ctgaze(replace(dataset, fixations=table, source="simulated", events=None, words=None), folder / who, {})
        simulated.append(folder / who)
    return [*readers, *simulated]


@pytest.fixture(scope="module")
def content(sources: list[Path]) -> dict:  # type: ignore[type-arg]
    result = run(*sources, "--json", "--bootstrap", 500, "--seed", 3)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def printed(sources: list[Path]) -> str:
    result = run(*sources, "--bootstrap", 500, "--seed", 3)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_readers_and_two_synthetic_ones(content: dict) -> None:  # type: ignore[type-arg]
    rows = {(row["role"], row["name"]): row for row in content["rows"]}
    assert [name for role, name in rows if role == "candidate"] == [
        "r01", "r02", "walker (simulated)", "drifter (simulated)",
    ]  # fmt: skip
    assert rows["candidate", "walker (simulated)"]["n_pairs"] == 6
    assert [name for role, name in rows if role == "floor"] == list(FLOORS)
    assert [name for role, name in rows if role == "ceiling"] == ["between readers"]
    ceiling, walker = rows["ceiling", "between readers"], rows["candidate", "walker (simulated)"]
    assert ceiling["scores"]["scanmatch"]["mean"] is not None
    assert walker["scores"]["nss"]["low"] <= walker["scores"]["nss"]["mean"] <= walker["scores"]["nss"]["high"]
    assert content["references"] == ["r01", "r02"]
    assert content["parameters"]["seed"] == 3
    assert set(content["versions"]) == {"ctgaze", "python", "numpy", "numba"}
    assert [source["name"] for source in content["sources"]] == ["r01", "r02", "walker", "drifter"]


def test_the_table_has_the_numbers_of_the_json(content: dict, printed: str) -> None:  # type: ignore[type-arg]
    shown = re.findall(r"[+-]?\d*\.\d+", printed.split("n: pairs/patients")[0])
    expected = []
    for group in ("strings", "multimatch", "multimatch_matched", "maps"):
        for row in (
            row for role in ("candidate", "floor", "ceiling") for row in content["rows"] if row["role"] == role
        ):
            measures = [measure for measure in MEASURES if measure.group == group]
            for what in ("mean", "interval"):
                for measure in measures:
                    score = row["scores"][measure.key]
                    names = ("mean",) if what == "mean" else ("low", "high")
                    expected += [number_text(score[name], measure) for name in names]
    assert shown[: len(expected)] == expected
    differences = []
    for group in ("strings", "multimatch", "multimatch_matched", "maps"):
        for difference in content["differences"]:
            measures = [measure for measure in MEASURES if measure.group == group]
            for names in (("mean",), ("low", "high")):
                for measure in measures:
                    score = difference["scores"][measure.key]
                    texts = [number_text(score[name], measure) for name in names]
                    differences += [f"+{t}" if names == ("mean",) and not t.startswith("-") else t for t in texts]
    assert shown[len(expected) :] == differences


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_table_fits_and_loses_nothing_at_every_width(sources: list[Path], printed: str, columns: int) -> None:
    words = [*sources, "--bootstrap", 500, "--seed", 3, "--no-differences"]
    narrow = run(*words, columns=columns).stdout.split("n: pairs/patients")[0]
    assert max(len(line.rstrip()) for line in narrow.splitlines()) <= columns
    number = r"[+-]?\d*\.\d+"
    whole = printed.split("Order of places: ScanMatch and string edit distance: differences")[0]
    assert sorted(re.findall(number, narrow)) == sorted(re.findall(number, whole))
    names = re.findall(r"^(?:uniform|centre) ", narrow, re.MULTILINE)
    assert len(names) == 2 * len(re.findall(r"^Floors ", narrow, re.MULTILINE))
    assert ("Heat maps (2 of 2)" in narrow) == (columns == 80)


def test_one_reader_alone_has_no_candidates_and_a_line_says_so(sources: list[Path], tmp_path: Path) -> None:
    again = replace(dataset_from_session(sources[1], samples=False), source="reader")
    table = again.fixations.assign(reader="r01")
    write_ctgaze(replace(again, fixations=table, events=None, words=None), tmp_path / "again", {})
    text = " ".join(run(f"{sources[0]}", tmp_path / "again", "--bootstrap", 100).stdout.split())
    assert "Candidates none Floors" in text
    assert "Candidates: none, because every pair is of one reader with the same reader." in text
    assert "Ceiling: within a reader, same cases." in text


def test_the_same_session_twice_is_no_comparison(sources: list[Path], tmp_path: Path) -> None:
    result = run(sources[0], f"{sources[0]}/")
    assert isinstance(result.exception, CTGazeError)
    assert "the same reading of case-1 by r01 is named twice and counts once" in str(result.exception)


def test_the_table_tells_what_a_paper_must(printed: str) -> None:
    text = " ".join(printed.split())
    assert "Ceiling: between readers, same cases." in text
    assert "bootstrap over patients (500 resamples, seed 3)" in text
    assert "few patients (3): intervals are too short, p is at least 0.25" in text
    assert "sigma 1 degree in the slice, 0 slices across" in text
    assert "cells of 30 mm" in text
    assert "KL divergence (lower is better)" in text
    assert "sigma 0.25 of the sides" in text
    assert "The sources name no patients: every case counts as another patient." in text


def test_without_differences_the_rest_is_the_same(sources: list[Path], printed: str) -> None:
    short = run(*sources, "--bootstrap", 500, "--seed", 3, "--no-differences").stdout
    assert ": differences" not in short
    assert "Stars:" not in short
    assert "Stars: two-sided bootstrap p < .05" in " ".join(printed.split())
    assert printed.startswith(short.split("n: pairs")[0].rstrip())


def test_one_patient_prints_no_interval_and_says_so(sources: list[Path]) -> None:
    result = run(f"{sources[0]}:1", f"{sources[1]}:1", "--bins", "4x4x5", "--bootstrap", 100)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "[" not in text
    assert "Intervals and p: not available: 1 patient, at least 3 needed." in text
    assert "Floor Markov reader: not available: there is no path of another patient to learn from." in text
    assert "4 x 4 x 5 cells" in text
    helped = run(f"{sources[0]}:1", f"{sources[1]}:1", "--training", f"{sources[0]}:2", "--bootstrap", 100)
    assert "not available: there is no path of another patient" not in " ".join(helped.stdout.split())


def test_codes_become_models_when_the_user_says_so(sources: list[Path]) -> None:
    result = run(f"{sources[0]}:1", f"{sources[1]}:1", "--model", "r02", "--json", "--bootstrap", 100)
    rows = json.loads(result.stdout)["rows"]
    assert [row["name"] for row in rows if row["role"] == "candidate"] == ["r02 (model)"]
    ceiling = next(row for row in rows if row["role"] == "ceiling")
    assert (ceiling["name"], ceiling["note"]) == (
        "not available", "not available: only r01 read these cases, each once",
    )  # fmt: skip


def test_every_option_reaches_the_comparison(sources: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    masks = CaseMasks()
    masks.bodies_kji.add("case-1", np.ones((20, 64, 64), dtype=bool))
    masks.lungs_kji.add("case-1", np.ones((20, 64, 64), dtype=bool))

    def watch(paths: object, **options: object) -> None:
        given.update(options)
        raise NothingToCompareError("seen")

    monkeypatch.setattr("ctgaze_app.cli.compare._masks", lambda *_: masks)
    monkeypatch.setattr("models.metrics.comparison.compare", watch)
    words = ["--match", "resample", "--temporal-bin", 80, "--sigma", "12mm+1.5slices", "--bins", "20mm"]
    result = run(
        f"{sources[0]}:1", f"{sources[1]}:1", "--training", sources[2], "--seed", 4, "--bootstrap", 300, *words
    )
    assert "cannot be compared: seen" in str(result.exception)
    chosen = MeasureParameters(
        Bins("mm", (20.0, 20.0, 20.0)), 0.08, matching="resample", map=MapParameters(12.0, "mm", 1.5)
    )
    assert given["parameters"] == ComparisonParameters(chosen, seed=4, resamples=300)
    assert (given["bodies_kji"], given["lungs_kji"]) == (masks.bodies_kji, masks.lungs_kji)
    assert {path.who for path in given["training"]} == {"walker"}  # type: ignore[attr-defined]


def test_smoothing_across_slices_is_stated(sources: list[Path]) -> None:
    asked = run(f"{sources[0]}:1", f"{sources[1]}:1", "--sigma", "1deg+2slices", "--bootstrap", 100).stdout
    assert "sigma 1 degree in the slice, 2 slices across" in " ".join(asked.split())


def test_bad_input_is_one_line(sources: list[Path], tmp_path: Path) -> None:
    def failure(*words: object) -> str:
        result = run(*words)
        assert result.exit_code == 1
        assert isinstance(result.exception, CTGazeError), result.exception
        assert "\n" not in str(result.exception)
        return str(result.exception)

    assert "there is no such file or folder" in failure(tmp_path / "none", sources[0])
    assert failure(f"{sources[0]}:1", f"{sources[1]}:2") == (
        "cannot be compared: no two of these scan paths are of the same case "
        "(cases found: case-1, case-2; name readings of the same case)"
    )
    assert "is named twice" in failure(sources[0], sources[0])
    assert "--model nobody: nobody has this code (codes: r01, r02)" in failure(*sources[:2], "--model", "nobody")
    longer = make_session(tmp_path / "longer", slices=24, seconds=3.0, audio=False).folder
    assert "case case-1 is a volume of 64 x 64 x 24 voxels here and of 64 x 64 x 20" in failure(sources[0], longer)
    needs_degrees = replace(dataset_from_session(sources[0], samples=False), screen={})
    write_ctgaze(needs_degrees, tmp_path / "set", {})
    assert "needs millimetres per degree" in failure(tmp_path / "set", sources[1], "--sigma", "1deg", "--model", "r02")


def test_usage_errors_and_help() -> None:
    assert run().exit_code == 2
    assert run("a", "--bins", "big").exit_code == 2
    assert run("a", "--sigma", "wide").exit_code == 2
    assert run("a", "--option", "origin").exit_code == 2
    assert "Example: ctgaze compare" in " ".join(run("--help").stdout.split())


def test_stars_stand_for_p_below_their_limits() -> None:
    def cell(p: float) -> str:
        found = Estimate(0.25, 0.2, 0.3, p, 12, 12, 0.95, 100, 1)
        difference = Difference("net", "uniform", "floor", {measure.key: found for measure in MEASURES})
        table = differences_table(SimpleNamespace(differences=[difference]), MEASURES[:1])  # type: ignore[arg-type]
        return str(list(table.columns[1].cells)[-1]).split("\n")[0]

    stars = [cell(p) for p in (0.0009, 0.001, 0.0099, 0.01, 0.049, 0.05, float("nan"))]
    assert stars == ["+.250***", "+.250**", "+.250**", "+.250*", "+.250*", "+.250", "+.250"]


def test_numbers_are_printed_as_journals_do() -> None:
    share, unit = MEASURES[0], next(measure for measure in MEASURES if measure.unit)
    texts = [number_text(value, share) for value in (0.1234, -0.1236, 1.0, -0.0001, 0.9996, 0.0)]
    assert texts == [".123", "-.124", "1.000", ".000", "1.000", ".000"]
    assert [number_text(value, unit) for value in (0.126, -2.0, -0.001)] == ["0.13", "-2.00", "0.00"]
