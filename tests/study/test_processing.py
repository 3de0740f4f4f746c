"""From raw streams to tables, against sessions whose eye and views were planned."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.acquisition.xdf import XdfWriter, read_xdf
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.detectors import DetectorParameters, EngbertKlieglParameters, IdtParameters, IvtParameters
from ctgaze_app.gaze.fixations import FIXATION_COLUMNS, SEGMENT_COLUMNS
from ctgaze_app.gaze.mapping import MappingSettings, map_gaze
from ctgaze_app.gaze.movements import BLINK_COLUMNS, SACCADE_COLUMNS
from ctgaze_app.study.derived import DERIVED_FILES
from ctgaze_app.study.loading import derived_is_current
from ctgaze_app.study.processing import process_session, pupil_of_eye_used
from ctgaze_app.study.sensitivity import session_sensitivity
from ctgaze_app.study.session import read_manifest, write_manifest
from tests.factories.sessions import GAZE_STREAM, LEFT_PX, TOP_PX, ZOOM, TrueFixation, make_session
from tests.gaze.scenes import SCREEN, gaze_at, track


def _rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "derived" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _matched(truth: list[TrueFixation], rows: list[dict[str, str]]) -> list[tuple[TrueFixation, dict[str, str]]]:
    """Each true fixation with the row that overlaps it by at least half of their union."""
    found = []
    for true in truth:
        for row in rows:
            onset = float(row["onset_lsl"])
            offset = onset + float(row["duration_s"])
            both = min(offset, true.offset_lsl) - max(onset, true.onset_lsl)
            if int(row["trial"]) == true.trial and both >= 0.5 * (
                max(offset, true.offset_lsl) - min(onset, true.onset_lsl)
            ):
                found.append((true, row))
                break
    return found


@pytest.mark.parametrize(("rate_hz", "noise_deg"), [(60, 0.05), (250, 0.3), (1200, 0.3)])
def test_planned_fixations_come_out_with_their_slice_and_voxel(
    tmp_path: Path, rate_hz: float, noise_deg: float
) -> None:
    session = make_session(
        tmp_path / "s", trials=2, seconds=14.0, rate_hz=rate_hz, noise_rms_s2s_deg=noise_deg, audio=False
    )
    result = process_session(session.folder)
    assert result.problems == ()
    truth = [true for true in session.fixations if true.onset_lsl > session.fixations[0].onset_lsl]
    pairs = _matched(truth, _rows(session.folder, "fixations.csv"))
    assert len(pairs) >= 0.98 * len(truth) > 60
    still = [(true, row) for true, row in pairs if true.still]
    assert all(int(row["slice_index"]) == true.voxel[2] for true, row in still)
    errors = [np.hypot(float(row["x_voxel"]) - t.voxel[0], float(row["y_voxel"]) - t.voxel[1]) for t, row in still]
    assert np.median(errors) < 0.2
    screen = [
        np.hypot(
            float(row["x_screen_px"]) - (LEFT_PX + (t.voxel[0] + 0.5) * ZOOM),
            float(row["y_screen_px"]) - (TOP_PX + (t.voxel[1] + 0.5) * ZOOM),
        )
        for t, row in still
    ]
    assert np.median(screen) < 2.5
    assert {row["kind"] for _, row in still} == {"fixation"}


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", trials=2, audio=False)
    process_session(session.folder)
    first = {name: (session.folder / "derived" / name).read_bytes() for name in DERIVED_FILES}
    for name in DERIVED_FILES:
        (session.folder / "derived" / name).unlink()
    process_session(session.folder)
    assert {name: (session.folder / "derived" / name).read_bytes() for name in DERIVED_FILES} == first
    assert not list((session.folder / "derived").glob("*.new"))


def test_tables_have_the_columns_of_the_design_and_add_up(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", trials=2, audio=False)
    result = process_session(session.folder)
    fixations, segments = _rows(session.folder, "fixations.csv"), _rows(session.folder, "dwell_segments.csv")
    assert tuple(fixations[0]) == FIXATION_COLUMNS
    assert tuple(segments[0]) == SEGMENT_COLUMNS
    assert (len(fixations), len(segments)) == (result.fixations, result.segments)
    for row in fixations:
        mine = [each for each in segments if (each["trial"], each["fixation"]) == (row["trial"], row["fixation"])]
        assert round(sum(float(each["duration_s"]) for each in mine), 6) == float(row["duration_s"])
        assert sum(int(each["n_samples"]) for each in mine) == int(row["n_samples"])
    assert next(row["fixation"] for row in fixations if row["trial"] == "2") == "1"
    assert {row["words"] for row in fixations} == {""}


def test_gaze_rows_keep_what_was_sent_beside_what_it_means(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, noise_rms_s2s_deg=0.0)
    process_session(session.folder)
    gaze = pd.read_parquet(session.folder / "derived" / "gaze.parquet")
    expected = (
        "session reader trial case part time_lsl time_raw onset_s left_x left_y left_valid left_pupil right_x right_y "
        "right_valid right_pupil combined_x combined_y combined_valid combined_pupil pupil_unit eye_used "
        "x_screen_px_raw y_screen_px_raw x_screen_px y_screen_px paint pane series slice_index x_voxel y_voxel z_voxel "
        "x_mm y_mm z_mm uncertainty_mm slice_uncertain depth_ambiguous on_image view_state eye_state fixation"
    )
    assert list(gaze.columns) == expected.split()
    assert len(gaze) == 1500
    # The planned shift of 40 px is in the raw column only.
    np.testing.assert_allclose(gaze["x_screen_px_raw"] - gaze["x_screen_px"], 40.0, atol=1e-3)
    np.testing.assert_allclose(gaze["left_x"] * 1920, gaze["x_screen_px_raw"], atol=1e-3)
    assert set(gaze["eye_used"]) == {"average"}
    assert gaze["combined_x"].isna().all()
    # Onset 0 is when the first visible view was on the screen: painted 0.1 s into the trial, 25 ms before the light.
    first = float(gaze["time_lsl"].iloc[0] - 0.005 - gaze["onset_s"].iloc[0])
    assert first == pytest.approx(1001.1 + 0.025, abs=2e-6)
    on_image = gaze[gaze["on_image"]]
    np.testing.assert_allclose(on_image["x_mm"], on_image["x_voxel"] - 10.0, atol=1e-3)
    np.testing.assert_allclose(on_image["z_mm"], 100.0 - 2.0 * on_image["slice_index"], atol=1e-3)
    assert (on_image["uncertainty_mm"] > 0).all()
    fixations = pd.read_csv(session.folder / "derived" / "fixations.csv")
    inside = gaze[gaze["fixation"] > 0].groupby("fixation").size()
    assert inside.tolist() == fixations["n_samples"].tolist()
    assert set(gaze[gaze["fixation"] > 0]["eye_state"]) == {"fixation"}


def test_quality_names_parameters_versions_and_inputs(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False)
    process_session(session.folder)
    quality = json.loads((session.folder / "derived" / "quality.json").read_text(encoding="utf-8"))
    assert quality["provenance"]["detector"]["velocity_threshold_deg_s"] == 30.0
    assert set(quality["provenance"]["inputs"]["recordings"]) == {"recording.xdf"}
    trial = quality["trials"]["1"]
    assert trial["samples"] == 1500
    assert trial["loss_expected"] == 0.0
    assert trial["calibration"]["refits"] == {"left": "offset", "right": "offset"}
    assert trial["calibration"]["accuracy_deg"] == 0.3


def test_saccades_and_blinks_have_tables_whose_rows_lie_between_the_fixations(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", trials=2, audio=False, lost=(2.0, 2.2))
    result = process_session(session.folder)
    fixations, saccades, blinks = (_rows(session.folder, f"{name}.csv") for name in ("fixations", "saccades", "blinks"))
    assert (len(saccades), len(blinks)) == (result.saccades, result.blinks)
    assert tuple(saccades[0]) == SACCADE_COLUMNS
    assert tuple(blinks[0]) == BLINK_COLUMNS
    for trial in ("1", "2"):
        spans = [(float(row["onset_s"]), float(row["offset_s"])) for row in fixations if row["trial"] == trial]
        mine = [row for row in saccades if row["trial"] == trial]
        assert [int(row["saccade"]) for row in mine] == list(range(1, len(mine) + 1))
        assert 0.8 * len(spans) <= len(mine) <= 1.2 * len(spans)
        for row in mine:
            onset, offset = float(row["onset_s"]), float(row["offset_s"])
            assert not any(onset < end and offset > begin for begin, end in spans)
        (blink,) = [row for row in blinks if row["trial"] == trial]
        # A blink takes the unclassified samples beside the loss with it, up to 0.1 s to either side.
        assert 0.19 <= float(blink["duration_s"]) <= 0.4
        assert float(blink["onset_lsl"]) - float(blink["onset_s"]) == pytest.approx(
            float(fixations[0]["onset_lsl"]) - float(fixations[0]["onset_s"]) + (0.0 if trial == "1" else 6.5), abs=2e-6
        )
    gaze = pd.read_parquet(session.folder / "derived" / "gaze.parquet")
    assert set(gaze["eye_state"]) >= {"fixation", "saccade", "blink"}
    assert set(gaze[gaze["eye_used"] == "none"]["eye_state"]) == {"blink"}


def test_quality_has_samples_beside_events_and_says_what_they_cannot_tell(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False)
    process_session(session.folder)
    quality = json.loads((session.folder / "derived" / "quality.json").read_text(encoding="utf-8"))
    assert quality["schema"] == 3
    assert any("smooth pursuit" in sentence for sentence in quality["limits"])
    trial = quality["trials"]["1"]
    events, samples = trial["event_measures"], trial["sample_measures"]
    assert samples["total_s"] == pytest.approx(6.0, abs=0.01)
    assert 0.8 * samples["on_image_s"] < events["on_image_s"] < samples["on_image_s"]
    for measures in (events, samples):
        assert sum(measures["by_slice_s"]["0"].values()) == pytest.approx(measures["on_image_s"], abs=1e-4)
        assert sum(measures["by_view_state_s"].values()) == pytest.approx(measures["on_image_s"], abs=1e-4)
    assert sum(events["by_kind_s"].values()) == pytest.approx(events["total_s"], abs=1e-4)
    assert events["by_kind_s"]["pursuit"] == 0.0
    assert 0.0 < trial["moving_content_s"] < events["total_s"]
    assert any("moving content" in sentence for sentence in trial["limits"])
    assert 0.0 < trial["slice_uncertain_share"] < 0.5
    assert trial["sensitivity"][0]["fixations"] == trial["fixations"]
    thresholds = [row for row in trial["sensitivity"] if row["parameter"] == "velocity_threshold_deg_s"]
    assert [row["value"] for row in thresholds] == [20.0, 30.0, 40.0, 50.0]
    assert thresholds[1]["fixation_time_ratio"] == 1.0


@pytest.mark.parametrize("parameters", [IdtParameters(), EngbertKlieglParameters(), IvtParameters(min_duration_s=0.1)])
def test_any_detector_may_be_chosen_and_is_kept_with_the_tables(tmp_path: Path, parameters: DetectorParameters) -> None:
    session = make_session(tmp_path / "s", seconds=4.0, audio=False)
    result = process_session(session.folder, parameters=parameters)
    assert result.fixations > 5
    record = json.loads((session.folder / "derived" / "quality.json").read_text(encoding="utf-8"))
    assert record["provenance"]["detector"] == {"name": parameters.name, **asdict(parameters)}
    assert derived_is_current(session.folder, session.manifest)
    # The same from the written gaze, every detector tried.
    rows = session_sensitivity(session.folder)[1]
    assert rows[0]["fixations"] == result.fixations
    assert {row["detector"] for row in rows} == {
        IvtParameters.name, IdtParameters.name, EngbertKlieglParameters.name,
    }  # fmt: skip


def test_sensitivity_of_a_session_that_was_not_processed_is_one_line(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", seconds=2.0, audio=False)
    with pytest.raises(SessionError, match="does not say which detector made the tables"):
        session_sensitivity(session.folder)


@pytest.mark.parametrize(
    ("valid_pupils", "expected"),
    [((3.0, 5.0), 4.0), ((3.0, np.nan), 3.0), ((np.nan, 5.0), 5.0)],
)
def test_the_pupil_is_the_mean_of_the_eyes_that_count(valid_pupils: tuple[float, float], expected: float) -> None:
    samples = gaze_at([1.0], (960.0, 540.0))
    for eye, pupil in zip(("left", "right"), valid_pupils, strict=True):
        samples.eyes[eye].pupil[:] = pupil
    settings = MappingSettings(0.0, 0.0, 0.0, 0.0)
    average = map_gaze(samples, track(), {}, SCREEN, settings, [])
    assert pupil_of_eye_used(samples, average).tolist() == [expected]
    left = map_gaze(samples, track(), {}, SCREEN, replace(settings, eye="left"), [])
    np.testing.assert_equal(pupil_of_eye_used(samples, left), [valid_pupils[0]])


def test_lost_gaze_leaves_rows_without_eye_and_says_how_much(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, lost=(2.0, 3.0))
    result = process_session(session.folder)
    gaze = pd.read_parquet(session.folder / "derived" / "gaze.parquet")
    assert (gaze["eye_used"] == "none").sum() == 250
    assert result.quality[1].loss_invalid == pytest.approx(250 / 1500, abs=1e-3)


def test_a_stream_that_stopped_is_named_and_the_rest_is_processed(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, gaze_until_s=4.0)
    result = process_session(session.folder)
    assert result.problems == ("trial 1: gaze stopped 3.0 s before its end",)
    assert result.fixations > 5


def test_a_session_whose_eye_was_never_seen_says_so(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, lost=(-5.0, 50.0))
    result = process_session(session.folder)
    assert result.problems == ("trial 1: no sample has a valid eye of those that count",)
    assert result.fixations == 0


def test_a_session_without_any_gaze_gives_empty_tables_and_says_so(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, gaze_until_s=0.0)
    result = process_session(session.folder)
    assert result.problems == ("part 1: the gaze stream was not recorded", "trial 1: no gaze was recorded")
    assert result.fixations == 0
    assert len(pd.read_parquet(session.folder / "derived" / "gaze.parquet")) == 0


def test_a_running_trial_ends_with_its_recording(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, closed=False)
    result = process_session(session.folder)
    assert result.problems == ("trial 1: its end marker is missing; it ends with the recording",)
    assert result.fixations > 10


def test_without_calibration_gaze_is_taken_as_sent(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, refit=False)
    result = process_session(session.folder)
    assert result.problems == (
        "trial 1: no calibration of ours; gaze is taken as the tracker sent it",
        "trial 1: no validation, so the uncertainty in millimetres is unknown",
    )
    row = _rows(session.folder, "fixations.csv")[3]
    assert row["x_voxel"] != ""
    assert row["uncertainty_mm"] == ""


def test_a_session_without_trials_gives_empty_tables(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, trials=0)
    result = process_session(session.folder)
    assert (result.trials, result.fixations, result.gaze_samples) == (0, 0, 0)
    assert len(pd.read_parquet(session.folder / "derived" / "gaze.parquet")) == 0


def test_a_trial_over_two_parts_of_one_boot_keeps_one_origin_and_one_numbering(tmp_path: Path) -> None:
    whole = make_session(tmp_path / "whole", audio=False, seconds=10.0)
    cut = make_session(tmp_path / "cut", audio=False, seconds=10.0)
    _split_recording(cut.folder, 1006.0)
    process_session(whole.folder)
    result = process_session(cut.folder)
    one, two = _rows(whole.folder, "fixations.csv"), _rows(cut.folder, "fixations.csv")
    assert [row["fixation"] for row in two] == [str(number) for number in range(1, len(two) + 1)]
    assert {row["part"] for row in two} == {"1", "2"}
    late_one, late_two = one[-3:], two[-3:]
    assert [row["onset_s"] for row in late_one] == [row["onset_s"] for row in late_two]
    assert [row["x_voxel"] for row in late_one] == [row["x_voxel"] for row in late_two]
    assert any("several recording parts" in problem for problem in result.problems)


def test_a_trial_over_two_boots_is_joined_through_utc(tmp_path: Path) -> None:
    whole = make_session(tmp_path / "whole", audio=False, seconds=10.0)
    cut = make_session(tmp_path / "cut", audio=False, seconds=10.0)
    _split_recording(cut.folder, 1006.0, second_clock_s=-900.0)
    process_session(whole.folder)
    process_session(cut.folder)
    one, two = _rows(whole.folder, "fixations.csv")[-3:], _rows(cut.folder, "fixations.csv")[-3:]
    assert [row["onset_s"] for row in two] == [row["onset_s"] for row in one]
    assert [round(float(row["onset_lsl"]) + 900, 6) for row in two] == [float(row["onset_lsl"]) for row in one]


def test_a_part_after_the_trials_end_adds_nothing_to_it(tmp_path: Path) -> None:
    # The recorder restarts after the end marker, and the outlet still repeats the last view of the trial.
    session = make_session(tmp_path / "s", audio=False, trials=2)
    _split_recording(session.folder, 1007.01, gap_s=0.01)
    second = read_xdf(session.folder / "recording_2.xdf").find(name="CTGaze View")[0]
    assert second.numbers[0, 1] == 1
    result = process_session(session.folder)
    assert result.problems == ()
    parts = {(row["trial"], row["part"]) for row in _rows(session.folder, "fixations.csv")}
    assert parts == {("1", "1"), ("2", "2")}


def test_the_senders_clock_is_corrected_once(tmp_path: Path) -> None:
    ours = make_session(tmp_path / "ours", audio=False)
    theirs = make_session(tmp_path / "theirs", audio=False)
    _set_clock(theirs.folder, GAZE_STREAM, behind_s=7.25)
    process_session(ours.folder)
    process_session(theirs.folder)
    columns = ["fixation", "onset_s", "duration_s", "slice_index", "x_voxel"]
    one, two = (pd.read_csv(folder / "derived" / "fixations.csv") for folder in (ours.folder, theirs.folder))
    assert len(one) > 10
    np.testing.assert_allclose(one[columns], two[columns], atol=2e-6)
    gaze = pd.read_parquet(theirs.folder / "derived" / "gaze.parquet")
    np.testing.assert_allclose(gaze["time_lsl"] - gaze["time_raw"], 7.25, atol=1e-9)


def test_a_second_stream_of_the_tracker_is_named_not_merged(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False)
    _set_clock(session.folder, GAZE_STREAM, behind_s=0.0, again_samples=40)
    result = process_session(session.folder)
    assert result.problems == ("part 1: several gaze streams have this name; 40 samples of the shorter are not used",)
    assert result.gaze_samples == 1500


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", audio=False, trials=2)
    seen: list[tuple[int, int]] = []
    process_session(session.folder, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        ("no_recording", "the recording of part 1 is missing"),
        ("no_manifest", "no session here"),
        ("broken_calibration", "cannot be read"),
        ("calibration_gone", "this calibration is missing"),
        ("no_xdf", "no XDF file"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, breakage: str, message: str) -> None:
    folder = make_session(tmp_path / "s", audio=False).folder
    if breakage == "no_recording":
        (folder / "recording.xdf").unlink()
    elif breakage == "no_manifest":
        (folder / "session.json").unlink()
    elif breakage == "broken_calibration":
        (folder / "calibration" / "001.json").write_text("{", encoding="utf-8")
    elif breakage == "calibration_gone":
        (folder / "calibration" / "002.json").unlink()
    else:
        (folder / "recording.xdf").write_bytes(b"hello, this is text")
    with pytest.raises(SessionError, match=message) as caught:
        process_session(folder)
    assert "\n" not in str(caught.value)


def _split_recording(folder: Path, at_lsl: float, second_clock_s: float = 0.0, gap_s: float = 0.5) -> None:
    """Rewrite a session's recording as two parts, as after a restart of the recorder or, with a clock of its own in the
    second part, of the machine."""
    recording = read_xdf(folder / "recording.xdf")
    (folder / "recording.xdf").unlink()
    for name, low, high, shift_s in (
        ("recording.xdf", -np.inf, at_lsl, 0.0),
        ("recording_2.xdf", at_lsl + gap_s, np.inf, second_clock_s),
    ):
        with XdfWriter(folder / name) as writer:
            for stream in recording.streams:
                number = writer.add_stream(stream.info_xml)
                rows = np.flatnonzero((stream.time_raw >= low) & (stream.time_raw < high))
                values: Any = stream.values
                picked = values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
                writer.write_samples(number, stream.time_raw[rows] + shift_s, picked)
    manifest = read_manifest(folder)
    first = manifest.parts[0]
    changes: dict[str, Any] = {"number": 2, "file": "recording_2.xdf", "lsl_start": at_lsl + gap_s + second_clock_s}
    if second_clock_s:
        started = datetime.fromisoformat(first.utc_start) + timedelta(seconds=at_lsl + gap_s - first.lsl_start)
        changes |= {"boot_id": "boot-2", "utc_start": started.isoformat()}
    write_manifest(folder, manifest.model_copy(update={"parts": [first, first.model_copy(update=changes)]}))


def _set_clock(folder: Path, name: str, *, behind_s: float, again_samples: int = 0) -> None:
    """Rewrite the recording with one sender's clock behind ours, and its first samples once more as another stream."""
    recording = read_xdf(folder / "recording.xdf")
    (folder / "recording.xdf").unlink()
    with XdfWriter(folder / "recording.xdf") as writer:
        for stream in recording.streams:
            number = writer.add_stream(stream.info_xml)
            shift_s = behind_s if stream.name == name else 0.0
            for time_lsl in (stream.time_raw[0], stream.time_raw[-1]):
                writer.write_clock_offset(number, float(time_lsl), shift_s)
            writer.write_samples(number, stream.time_raw - shift_s, stream.values)
            if stream.name == name and again_samples:
                number = writer.add_stream(stream.info_xml)
                writer.write_samples(number, stream.time_raw[:again_samples], stream.numbers[:again_samples])
