"""`ctgaze session measure`: what is printed is what was measured, and lesions are judged only where it is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from tests.factories.sessions import SyntheticSession, make_session

TRUTH_OPTIONS = (
    "x_first=x0", "x_last=x1", "y_first=y0", "y_last=y1", "slice=z", "slice_is=index", "index_base=0",
    "ends=inclusive", "lesion=name",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    return make_session(tmp_path_factory.mktemp("measure") / "s", seconds=4.0, rate_hz=120.0, audio=False, trials=2)


@pytest.fixture
def asked(made: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line with the same two lesions as the truth of both cases."""
    monkeypatch.setattr("ctgaze_app.study.measuring.load_volumes", lambda *_: {0: made.volume})
    (tmp_path / "boxes.csv").write_text("name,x0,x1,y0,y1,z\nnodule,10,12,10,12,3\nother,0,1,0,1,19\n")
    files = [each for case in ("case-1", "case-2") for each in ("--truth", f"{case}={tmp_path / 'boxes.csv'}")]
    options = [each for text in TRUTH_OPTIONS for each in ("--option", text)]
    return ["session", "measure", str(made.folder), "--organ", "none", *files, *options]


def outcomes(arguments: list[str]) -> list[list[str]]:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    trials = json.loads(done.output)["trials"]
    return [
        ["error" if lesion["outcome"] in ("search", "recognition", "decision") else lesion["outcome"]
         for lesion in trial["lesion_search"]["lesions"]]
        for trial in trials
    ]  # fmt: skip


def test_what_was_reported_of_one_case_judges_no_other(asked: list[str]) -> None:
    assert outcomes([*asked, "--reported", "case-1=nodule"]) == [["detected", "error"], ["not judged"] * 2]
    reported = [*asked, "--reported", "case-1=nodule", "--nothing-reported"]
    assert outcomes(reported) == [["detected", "error"], ["error", "error"]]
    assert outcomes([*asked, "--nothing-reported"]) == [["error"] * 2] * 2


def test_a_lesion_of_which_case_is_one_line(asked: list[str]) -> None:
    done = CliRunner().invoke(app, [*asked, "--reported", "nodule"])
    assert done.exit_code == 1
    assert str(done.exception) == "--reported nodule: which case is it of? (write CASE=LESION; cases: case-1, case-2)"


def test_two_files_of_one_case_are_refused(asked: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*asked, "--truth", f"case-1={tmp_path / 'boxes.csv'}"])
    assert str(done.exception).startswith("case case-1 has two files of lesions")


@pytest.mark.parametrize(
    "words", [["--reported", "nodule"], ["--nothing-reported"], ["--option", "a=b"], ["--truth-format", "dicom_sr"]]
)
def test_words_about_lesions_without_a_file_of_them_are_a_usage_error(made: SyntheticSession, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["session", "measure", str(made.folder), "--organ", "none", *words])
    assert done.exit_code == 2
    assert "this needs a file of lesions" in done.output


def test_the_lines_stand_in_two_columns_and_name_the_errors(asked: list[str]) -> None:
    done = CliRunner().invoke(app, [*asked, "--nothing-reported"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "trial 1, case case-1, reader r01"
    figures = lines[1 : next(n for n, line in enumerate(lines) if "fixations by detector" in line)]
    assert len(figures) == 7
    assert [(line[:2], line[32], line[33] == " ") for line in figures] == [("  ", " ", False)] * 7
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "--reported" in line]
    missed = [line.strip() for line in lines if line.startswith("    other: ")]
    assert missed == ["other: search error (it was never displayed)"] * 2


def test_without_what_was_reported_the_way_to_have_errors_judged_is_told(asked: list[str]) -> None:
    told = CliRunner().invoke(app, asked).output
    assert "    To have errors judged: --reported LESION for each that was, or --nothing-reported" in told.splitlines()
