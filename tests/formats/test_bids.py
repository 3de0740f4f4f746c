from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.formats.bids import FORMAT
from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutation_subjects import SUBJECTS
from tests.formats.mutations import assert_no_silent_damage

WRITE = checked_options({}, FORMAT.write_options, "bids")
READ = checked_options({}, FORMAT.read_options, "bids")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bids") / "set"
    assert FORMAT.write is not None
    FORMAT.write(make_dataset(), folder, WRITE)
    return folder


def read(folder: Path, **options: str) -> DataSet:
    assert FORMAT.read is not None
    return FORMAT.read(folder, {**READ, **options})


def validate(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    program = shutil.which("bids-validator-deno", path=Path(sys.executable).parent)
    assert program, "bids-validator-deno is part of the test extra"
    done = subprocess.run([program, str(folder), "--json"], capture_output=True, text=True, timeout=120, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return done.returncode, [issue for issue in issues if issue["severity"] == "error"]


def test_the_validator_finds_no_error(exported: Path) -> None:
    assert validate(exported) == (0, [])


def test_the_validator_refuses_a_nonsense_eye(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    sidecar = next(folder.rglob("*_physio.json"))
    content = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**content, "RecordedEye": "third"}))
    code, errors = validate(folder)
    assert code != 0
    assert any("RecordedEye" in json.dumps(error) for error in errors)


def test_a_round_trip_keeps_every_table(exported: Path) -> None:
    there, back = make_dataset(), read(exported)
    for name in ("fixations", "samples", "events"):
        before = getattr(there, name).sort_values(["session", "trial", "onset_s"], kind="stable", ignore_index=True)
        after = getattr(back, name).sort_values(["session", "trial", "onset_s"], kind="stable", ignore_index=True)
        # The unit of the pupil belongs to the recording, not to a fixation.
        drop = ["pupil_unit"] if name == "fixations" else []
        pd.testing.assert_frame_equal(
            before.drop(columns=drop), after.drop(columns=drop), check_dtype=False, rtol=0, atol=1e-6
        )
    assert back.screen == there.screen
    assert [(c.case, c.patient, c.shape_kji, c.kind) for c in back.cases] == [
        (c.case, c.patient, c.shape_kji, c.kind) for c in there.cases
    ]
    np.testing.assert_array_equal(back.case("case-1").affine_lps, there.case("case-1").affine_lps)


def test_the_same_data_give_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    assert FORMAT.write is not None
    written = FORMAT.write(make_dataset(), tmp_path / "again", WRITE)
    assert written
    for file in written:
        assert file.read_bytes() == (exported / file.relative_to(tmp_path / "again")).read_bytes()


def test_each_eye_is_a_recording_of_its_own(tmp_path: Path) -> None:
    samples = make_dataset().samples
    assert samples is not None
    both = samples.assign(source_left_x=0.25, source_left_y=0.5, source_right_x=0.5, source_right_y=0.5)
    assert FORMAT.write is not None
    FORMAT.write(make_dataset(samples=both), tmp_path / "set", WRITE)
    assert len(list((tmp_path / "set").rglob("*_physio.json"))) == 12
    assert validate(tmp_path / "set") == (0, [])
    left = read(tmp_path / "set", eye="left").samples
    assert left is not None
    assert set(left["x_screen_norm"]) == {0.25}
    combined = read(tmp_path / "set").samples
    assert combined is not None
    np.testing.assert_allclose(combined["x_screen_norm"], samples["x_screen_norm"], atol=1e-6)


def test_events_of_a_trial_are_written_once_not_beside_each_eye(tmp_path: Path) -> None:
    samples = make_dataset().samples
    assert samples is not None
    both = samples.assign(source_left_x=0.25, source_left_y=0.5, source_right_x=0.5, source_right_y=0.5)
    assert FORMAT.write is not None
    FORMAT.write(make_dataset(samples=both), tmp_path / "set", WRITE)
    assert len(list((tmp_path / "set").rglob("*_physioevents.tsv.gz"))) == 4
    assert len(read(tmp_path / "set").fixations) == 48


def test_where_one_eye_counts_its_recording_says_so_and_comes_back(tmp_path: Path) -> None:
    samples = make_dataset().samples
    assert samples is not None
    left = samples.assign(
        source_left_x=0.25, source_left_y=0.5, source_right_x=0.5, source_right_y=0.5, source_eye_used="left"
    )
    assert FORMAT.write is not None
    FORMAT.write(make_dataset(samples=left), tmp_path / "set", WRITE)
    eyes = [json.loads(path.read_text())["RecordedEye"] for path in sorted((tmp_path / "set").rglob("*_physio.json"))]
    assert eyes == ["left", "right", "left"] * 4
    for eye in ("combined", "left"):
        back = read(tmp_path / "set", eye=eye).samples
        assert back is not None
        np.testing.assert_allclose(back["x_screen_norm"], samples["x_screen_norm"], atol=1e-6)


def test_types_of_events_are_read_in_any_case_and_unknown_ones_keep_their_name(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    for table in folder.rglob("*_physioevents.tsv.gz"):
        text = gzip.decompress(table.read_bytes()).decode()
        table.write_bytes(gzip.compress(text.replace("fixation\t0", "Fixation\t0").replace("saccade", "psO").encode()))
    before, after = read(exported), read(folder)
    pd.testing.assert_frame_equal(before.fixations, after.fixations)
    assert after.events is not None
    assert after.events["event"].tolist() == ["pso", "blink", "message"] * 4


def test_events_in_another_unit_than_pixels_are_refused(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    sidecar = sorted(folder.rglob("*_physioevents.json"))[0]
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "y_coordinate": {"Units": "deg"}}))
    with pytest.raises(FormatError, match=r"physioevents\.json, column y_coordinate: .* is 'deg'"):
        read(folder)


def test_two_foreign_recordings_of_one_eye_are_not_chosen_between(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    sidecar = sorted(folder.rglob("*_physio.json"))[0]
    content = {name: value for name, value in json.loads(sidecar.read_text()).items() if not name.startswith("CTGaze")}
    for name in (sidecar, sidecar.with_name(sidecar.name.replace("_recording", "_acq-b_recording"))):
        if name != sidecar:
            shutil.copyfile(sidecar.with_suffix(".tsv.gz"), name.with_suffix(".tsv.gz"))
        name.write_text(json.dumps(content))
    with pytest.raises(FormatError, match="records the same eye"):
        read(folder)


def test_marks_in_messages_come_back_as_they_were(tmp_path: Path) -> None:
    events = make_dataset().events
    assert events is not None
    said = events.assign(value=['"quoted" ', "", 'a "b"\nc\rd\te'] * 4, event="message")
    assert FORMAT.write is not None
    FORMAT.write(make_dataset(events=said), tmp_path / "set", WRITE)
    back = read(tmp_path / "set").events
    assert back is not None
    assert back["value"].tolist() == ['"quoted"', "", 'a "b" c d e'] * 4


def test_two_eyes_without_a_combined_one_must_be_declared(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    for sidecar in list(folder.rglob("*_recording-eye3_physio.json")):
        content = json.loads(sidecar.read_text())
        table = sidecar.with_suffix(".tsv.gz").read_bytes()
        sidecar.with_suffix(".tsv.gz").unlink()
        sidecar.unlink()
        for eye, label in (("left", "eye1"), ("right", "eye2")):
            new = sidecar.with_name(sidecar.name.replace("eye3", label))
            new.write_text(json.dumps({**content, "RecordedEye": eye}))
            new.with_suffix(".tsv.gz").write_bytes(table)
    with pytest.raises(FormatError, match=r"are of left and right.*--option eye="):
        read(folder)
    assert read(folder, eye="right").samples is not None


def in_ms(table: Path) -> None:
    rows = [line.split("\t") for line in gzip.decompress(table.read_bytes()).decode().splitlines()]
    lines = ["\t".join([str(float(row[0]) * 1000 + 71_000), *row[1:]]) for row in rows]
    table.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def test_milliseconds_of_a_foreign_clock_become_seconds_of_the_trial(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    for sidecar in folder.rglob("*_physio.json"):
        content = json.loads(sidecar.read_text())
        content["timestamp"]["Units"] = "ms"
        events = sidecar.with_name(sidecar.name.replace("_physio", "_physioevents"))
        of_events = json.loads(events.read_text())
        of_events["onset"]["Units"] = "ms"
        events.write_text(json.dumps(of_events))
        in_ms(events.with_suffix(".tsv.gz"))
        content["StartTime"] = 2.5
        sidecar.write_text(json.dumps(content))
        in_ms(sidecar.with_suffix(".tsv.gz"))
    found = read(folder)
    back, there = found.samples, make_dataset().samples
    np.testing.assert_allclose(found.fixations["onset_s"], make_dataset().fixations["onset_s"] + 2.5, atol=1e-6)
    np.testing.assert_allclose(found.fixations["duration_s"], make_dataset().fixations["duration_s"], atol=1e-6)
    assert back is not None
    assert there is not None
    np.testing.assert_allclose(back["onset_s"], there["onset_s"] + 2.5, atol=1e-6)


Change = Callable[[Path], None]


def in_sidecar(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        sidecar = sorted(folder.rglob("*_physio.json"))[0]
        content = json.loads(sidecar.read_text())
        for name, value in changes.items():
            if value is None:
                del content[name]
            else:
                content[name] = value
        sidecar.write_text(json.dumps(content))

    return change


def in_row(row: int, column: int, cell: str | None) -> Change:
    def change(folder: Path) -> None:
        table = sorted(folder.rglob("*_physio.tsv.gz"))[0]
        rows = [line.split("\t") for line in gzip.decompress(table.read_bytes()).decode().splitlines()]
        rows[row - 1][column : column + 1] = [] if cell is None else [cell]
        table.write_bytes(gzip.compress(("\n".join("\t".join(each) for each in rows) + "\n").encode()))

    return change


def truncated(folder: Path) -> None:
    table = sorted(folder.rglob("*_physio.tsv.gz"))[0]
    table.write_bytes(table.read_bytes()[:200])


def cut_line_end(folder: Path) -> None:
    table = sorted(folder.rglob("*_physio.tsv.gz"))[0]
    table.write_bytes(gzip.compress(gzip.decompress(table.read_bytes())[:-1]))


def emptied(pattern: str) -> Change:
    def change(folder: Path) -> None:
        sorted(folder.rglob(pattern))[0].write_bytes(b"")

    return change


def without(pattern: str) -> Change:
    def change(folder: Path) -> None:
        sorted(folder.rglob(pattern))[0].unlink()

    return change


def in_screen(**changes: Any) -> Change:
    def change(folder: Path) -> None:
        file = sorted(folder.rglob("*_events.json"))[0]
        content = json.loads(file.read_text())
        content["StimulusPresentation"] |= changes
        file.write_text(json.dumps(content))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (in_sidecar(RecordedEye="third"), "RecordedEye is 'third'"),
        (in_sidecar(RecordedEye=None), "RecordedEye is None"),
        (in_sidecar(SampleCoordinateSystem="eye-in-head"), "gaze cannot be put on a screen"),
        (in_sidecar(SamplingFrequency="fast"), "SamplingFrequency is 'fast'"),
        (in_sidecar(SamplingFrequency=0), "above 0"),
        (in_sidecar(StartTime=None), "StartTime is None"),
        (in_sidecar(Columns=["timestamp", "y_coordinate", "x_coordinate"]), "Columns must begin with"),
        (in_sidecar(Columns="timestamp"), "Columns is no list"),
        (in_sidecar(x_coordinate={"Units": "deg"}), "column x_coordinate: the unit of x_coordinate is 'deg'"),
        (in_sidecar(timestamp={"Units": "ms"}), r"samples come every 1.66\d+e-05 s, which is not 60 Hz"),
        (in_sidecar(timestamp={}), "column timestamp: the unit of timestamp is None"),
        (in_sidecar(CTGazeShapeKJI=[0, 1]), "is no geometry"),
        (in_sidecar(CTGazeShapeKJI=[40, 512, float("inf")]), "Infinity is not a number that can be measured"),
        (in_sidecar(CTGazeShapeKJI=[40, 512, 512.5]), "is no geometry"),
        (in_sidecar(StartTime=float("nan")), "NaN is not a number that can be measured"),
        (in_row(7, 1, "1\0"), "row 7: a NUL byte stands within a row"),
        (in_row(7, 1, "left"), r"row 7, column x_coordinate: 'left' is not a finite number"),
        (in_row(7, 1, "1\r2"), "row 7: a carriage return stands within a row"),
        (in_row(8, 2, "inf"), r"row 8, column y_coordinate: 'inf' is not a finite number"),
        (in_row(9, 3, None), r"row 9: \d+ cells instead of \d+"),
        (in_row(5, 0, "-3"), r"row 5, column timestamp: the sample lies before the row above"),
        (in_row(5, 0, "n/a"), r"row 5, column timestamp: the sample has no timestamp"),
        (in_row(6, 4, "2"), r"row 6, column valid: 2.0 is neither 0 nor 1"),
        (truncated, r"_physio.tsv.gz: cannot be read"),
        (in_sidecar(PhysioType=None), "PhysioType is None, but this looks like gaze"),
        (in_sidecar(StartTime=-1e30), "no reading lasts that long"),
        (without("*_physio.json"), "this table has no sidecar beside it"),
        (without("*_physioevents.json"), "this table has no sidecar beside it"),
        (emptied("*_physio.tsv.gz"), "_physio.tsv.gz: the table is empty"),
        (emptied("*_physioevents.tsv.gz"), "_physioevents.tsv.gz: the table is empty"),
        (cut_line_end, r"row 90: the last row has no line end"),
        (without("*_physio.tsv.gz"), "the table of this sidecar is missing"),
        (without("*_events.json"), "_events.json is missing"),
        (without("dataset_description.json"), "no BIDS data set here"),
        (in_screen(ScreenSize=[0.5, -1]), "ScreenSize"),
        (in_screen(ScreenOrigin=["center", "center"]), "ScreenOrigin"),
        (in_screen(ScreenResolution=[1280, 720]), "trials of different screens"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(exported: Path, tmp_path: Path, change: Change, said: str) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    change(folder)
    with pytest.raises(FormatError, match=said) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_what_bids_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    assert FORMAT.write is not None
    whole = make_dataset()
    for dataset, said in (
        (replace(whole, samples=None), "needs gaze samples"),
        (replace(whole, screen={}), "does not know width_px"),
    ):
        with pytest.raises(FormatError, match=said):
            FORMAT.write(dataset, tmp_path / "set", WRITE)
        assert not (tmp_path / "set").exists()
    with pytest.raises(FormatError, match="no BIDS label"):
        FORMAT.write(whole, tmp_path / "set", {**WRITE, "task": "chest ct"})


def test_codes_that_become_one_label_are_refused(tmp_path: Path) -> None:
    samples = make_dataset().samples
    assert samples is not None
    assert FORMAT.write is not None
    same = samples.assign(reader=samples["reader"].replace({"r01": "r-2", "r02": "r2"}))
    with pytest.raises(FormatError, match="do not stay different"):
        FORMAT.write(make_dataset(samples=same), tmp_path / "set", WRITE)


def test_events_out_of_order_are_refused(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(exported, folder)
    table = sorted(folder.rglob("*_physioevents.tsv.gz"))[0]
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()
    table.write_bytes(gzip.compress(("\n".join([*lines[1:], lines[0]]) + "\n").encode()))
    with pytest.raises(FormatError, match=rf"row {len(lines)}, column onset: the event begins before the row above"):
        read(folder)


@pytest.mark.parametrize("number", [0, 1])
def test_no_damage_gives_other_numbers_in_silence(number: int, tmp_path: Path) -> None:
    assert_no_silent_damage(SUBJECTS["bids"][number], tmp_path)
