"""A recorded session opens with what was recorded, or says in one line what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.acquisition.xdf import XdfWriter, read_xdf
from ctgaze_app.ct import load_series
from ctgaze_app.errors import SessionError
from ctgaze_app.study import processing
from ctgaze_app.study.loading import open_session
from ctgaze_app.study.session import write_manifest
from tests.factories.dicom_series import write_series
from tests.factories.sessions import (
    AUDIO_RATE_HZ,
    DISPLAY_LATENCY_S,
    GAZE_STREAM,
    TRACKER_LATENCY_S,
    SyntheticSession,
    make_session,
    series_record,
)
from tests.factories.volumes import make_volume


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    """Two trials with sound; in each the eye is lost for 0.4 s."""
    return make_session(tmp_path_factory.mktemp("recorded") / "s", trials=2, seconds=8.0, lost=(2.0, 2.4))


def test_every_view_is_found_at_its_time_on_screen(made: SyntheticSession) -> None:
    session = open_session(made.folder, {0: made.volume})
    assert [trial.record.number for trial in session.trials] == [1, 2]
    for trial in session.trials:
        mine = [(time, view) for time, view in made.views if view.trial == trial.record.number]
        assert trial.replay.n_views == len(mine)
        for time, view in mine:
            assert trial.replay.view_at(time + DISPLAY_LATENCY_S + 1e-6) == view
        visible = [time for time, view in mine if view.image_visible]
        assert trial.replay.start_lsl == pytest.approx(visible[0] + DISPLAY_LATENCY_S)


def test_saccades_and_blinks_of_a_trial_come_with_it(made: SyntheticSession) -> None:
    session = open_session(made.folder, {0: made.volume})
    for trial in session.trials:
        assert trial.saccades is not None and trial.blinks is not None
        assert len(trial.saccades) > 5
        assert set(trial.saccades["trial"]) == {trial.record.number}
        assert {"onset_lsl", "duration_s", "view_state"} <= set(trial.blinks.columns)


def test_gaze_and_fixations_lie_where_the_eye_was(made: SyntheticSession) -> None:
    session = open_session(made.folder, {0: made.volume})
    checked = 0
    for truth in made.fixations:
        replay = session.trials[truth.trial - 1].replay
        middle = (truth.onset_lsl + truth.offset_lsl) / 2
        found = replay.fixation_at(middle)
        point = replay.gaze_at(middle)
        # Before its first fixation the eye drifts in from the trial before, slowly enough to count as fixating.
        drifts_in = truth.onset_lsl < replay.start_lsl + 0.5
        partly_lost = any(
            bar.kind == "gap" and bar.start_lsl < truth.offset_lsl and truth.onset_lsl < bar.end_lsl
            for bar in replay.events
        )
        if drifts_in or partly_lost or not truth.still or found is None or point is None:
            continue
        checked += 1
        assert point.voxel is not None
        assert np.hypot(*(np.array(point.voxel[:2]) - truth.voxel[:2])) < 0.5
        assert found.slice_index == truth.voxel[2]
        assert found.number == replay.fixations.index(found) + 1
        assert found.onset_lsl == pytest.approx(truth.onset_lsl, abs=0.02)
    assert checked >= 20


def test_gaze_in_replay_is_on_the_eyes_own_time(made: SyntheticSession) -> None:
    replay = open_session(made.folder, {0: made.volume}).trials[0].replay
    sent = read_xdf(made.folder / "recording.xdf").find(name=GAZE_STREAM)[0].time_lsl - TRACKER_LATENCY_S
    np.testing.assert_allclose(replay.gaze.time_lsl, sent[np.searchsorted(sent, 1001.0) :][: len(replay.gaze.time_lsl)])


def test_lost_gaze_is_a_gap_in_replay(made: SyntheticSession) -> None:
    session = open_session(made.folder, {0: made.volume})
    replay = session.trials[0].replay
    lost = next(time for time, view in made.views if view.trial == 1) - 0.02 + 2.0
    gaps = [bar for bar in replay.events if bar.kind == "gap" and bar.start_lsl < lost + 0.2 < bar.end_lsl]
    assert len(gaps) == 1 and gaps[0].end_lsl - gaps[0].start_lsl == pytest.approx(0.4, abs=0.02)
    assert replay.gaze_at(lost + 0.2) is None


def test_dwell_segments_add_up_to_their_fixations(made: SyntheticSession) -> None:
    for trial in open_session(made.folder, {0: made.volume}).trials:
        for fixation in trial.replay.fixations:
            if fixation.onset_lsl < trial.replay.start_lsl:
                continue
            parts = [one for one in trial.replay.segments if one.fixation == fixation.number]
            assert sum(one.duration_s for one in parts) == pytest.approx(fixation.duration_s, abs=1e-5)
            assert parts[0].onset_lsl == pytest.approx(fixation.onset_lsl, abs=1e-5)


def test_sound_of_a_restarted_recorder_does_not_move_the_first_file(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=6.0)
    audio = read_xdf(made.folder / "recording.xdf").find(name="CTGaze Audio")[0]
    with XdfWriter(made.folder / "recording_2.xdf") as writer:
        anchors = np.array([[1, block * AUDIO_RATE_HZ / 10 + 37, 1005.0 + block / 10] for block in range(30)])
        writer.write_samples(writer.add_stream(audio.info_xml), anchors[:, 2], anchors)
    first = made.manifest.parts[0]
    second = first.model_copy(update={"number": 2, "file": "recording_2.xdf", "lsl_start": 1004.8})
    write_manifest(made.folder, made.manifest.model_copy(update={"parts": [first, second]}))
    (trial,) = open_session(made.folder, {0: made.volume}).trials
    assert trial.audio is not None
    for at_s in (0.0, 2.0, 5.0):
        assert trial.audio.time_at(at_s * AUDIO_RATE_HZ) == pytest.approx(1001.013 + at_s, abs=1e-6)


def test_sound_is_placed_by_its_anchors(made: SyntheticSession) -> None:
    for trial in open_session(made.folder, {0: made.volume}).trials:
        assert trial.audio is not None and trial.audio.path.suffix == ".flac"
        assert trial.audio.sample_rate_hz == AUDIO_RATE_HZ
        start = next(time for time, view in made.views if view.trial == trial.record.number) - 0.02
        assert trial.audio.time_at(0.0) == pytest.approx(start + 0.013, abs=1e-6)


def test_current_tables_are_read_and_stale_ones_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_session(tmp_path / "s", seconds=3.0, audio=False)
    calls: list[Path] = []
    real = processing.process_session

    def counted(folder: Path) -> object:
        calls.append(folder)
        return real(folder)

    monkeypatch.setattr(processing, "process_session", counted)
    open_session(made.folder, {0: made.volume})
    open_session(made.folder, {0: made.volume})
    assert len(calls) == 1
    record = made.folder / "calibration" / "002.json"
    content = json.loads(record.read_text())
    content["figures"]["corrected"]["average"]["mean"]["accuracy_deg"] = 0.9
    record.write_text(json.dumps(content))
    session = open_session(made.folder, {0: made.volume})
    assert len(calls) == 2
    assert session.trials[0].quality["calibration"]["accuracy_deg"] == 0.9
    (made.folder / "derived" / "fixations.csv").unlink()
    open_session(made.folder, {0: made.volume})
    assert len(calls) == 3
    # Tables of an older schema have no saccades and say so in their provenance.
    quality = made.folder / "derived" / "quality.json"
    older = json.loads(quality.read_text())
    older["provenance"]["tables_schema"] = 2
    quality.write_text(json.dumps(older))
    open_session(made.folder, {0: made.volume})
    assert len(calls) == 4
    for name in ("saccades.csv", "blinks.csv"):
        (made.folder / "derived" / name).unlink()
    open_session(made.folder, {0: made.volume})
    assert len(calls) == 5


def test_another_ct_is_refused(made: SyntheticSession) -> None:
    other = replace(made.volume, pixel_spacing_ij_mm=(1.0, 1.001))
    with pytest.raises(SessionError, match="not the one that was read") as caught:
        open_session(made.folder, {0: other})
    assert "\n" not in str(caught.value)


def test_a_ct_that_nothing_names_or_that_is_gone_is_one_line(made: SyntheticSession, tmp_path: Path) -> None:
    private = made.folder / "private" / "series.json"
    for content in (None, "{", '{"schema": 1, "series": [{"index": 0}]}', '{"schema": 1, "series": []}'):
        if content is not None:
            private.write_text(content)
        with pytest.raises(SessionError) as caught:
            open_session(made.folder)
        assert "\n" not in str(caught.value) and caught.value.remedy
    entry = {"index": 0, "path": str(tmp_path / "gone"), "series_uid": "1.2.3", "sop_instance_uids": []}
    private.write_text(json.dumps({"schema": 1, "series": [entry]}))
    with pytest.raises(SessionError, match="series 1 cannot be loaded") as caught:
        open_session(made.folder)
    assert "\n" not in str(caught.value)
    private.unlink()


def test_the_ct_is_loaded_from_where_private_says(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=2.0, audio=False)
    write_series(tmp_path / "ct", slices=20, rows=64, columns=64)
    volume = load_series(tmp_path / "ct")
    write_manifest(made.folder, made.manifest.model_copy(update={"series": [series_record(volume)]}))
    entry = {"index": 0, "path": volume.source.path, "series_uid": volume.source.series_uid}
    entry["sop_instance_uids"] = list(volume.source.sop_instance_uids)
    private = made.folder / "private" / "series.json"
    private.write_text(json.dumps({"schema": 1, "series": [entry]}))
    seen: list[tuple[int, int]] = []
    session = open_session(made.folder, progress=lambda done, total: seen.append((done, total)))
    assert session.volumes[0].digest == volume.digest and seen[-1][0] == seen[-1][1]


def test_a_folder_without_a_session_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no session here"):
        open_session(tmp_path, {0: make_volume()})


def test_a_missing_recording_is_one_line(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=2.0, audio=False)
    (made.folder / "recording.xdf").unlink()
    with pytest.raises(SessionError, match="missing"):
        open_session(made.folder, {0: made.volume})


def test_a_killed_session_opens_too(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", seconds=3.0, closed=False)
    (trial,) = open_session(made.folder, {0: made.volume}).trials
    assert trial.record.state == "running"
    assert trial.replay.n_views > 0 and len(trial.replay.fixations) > 0
    assert trial.audio is not None and trial.audio.path.suffix == ".wav"
