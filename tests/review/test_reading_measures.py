from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.gaze.views import VIEW_CHANNELS
from ctgaze_app.review.dwell_points import dwell_points_of_segments
from ctgaze_app.review.dwell_volume import dwell_volume
from ctgaze_app.review.reading_measures import ReadingMeasures, reading_measures
from ctgaze_app.study.processing import process_session
from tests.factories.sessions import DISPLAY_LATENCY_S, SCREEN, SyntheticSession, make_session

START_LSL, SECONDS = 1001.0, 10.0


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    folder = tmp_path_factory.mktemp("reading") / "session"
    made = make_session(folder, seconds=SECONDS, audio=False)
    process_session(folder)
    return made


@pytest.fixture(scope="module")
def tables(session: SyntheticSession) -> dict[str, pd.DataFrame]:
    derived = session.folder / "derived"
    return {
        "fixations": pd.read_csv(derived / "fixations.csv"),
        "segments": pd.read_csv(derived / "dwell_segments.csv"),
        "gaze": pd.read_parquet(derived / "gaze.parquet"),
    }


def views_of(session: SyntheticSession) -> ViewTrack:
    return ViewTrack.from_samples([time for time, _ in session.views], [view.to_sample() for _, view in session.views])


def measure(session: SyntheticSession, tables: dict[str, pd.DataFrame], **options: object) -> ReadingMeasures:
    return reading_measures(
        tables["fixations"],
        tables["segments"],
        views_of(session),
        SCREEN.geometry(),
        SeriesGeometry.of(session.volume),
        end_lsl=START_LSL + SECONDS,
        display_latency_s=DISPLAY_LATENCY_S,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def organ(session: SyntheticSession) -> np.ndarray:
    mask = np.zeros(session.volume.shape_kji, dtype=bool)
    mask[3:14, 8:56, 8:56] = True
    return mask


@pytest.fixture(scope="module")
def measures(session: SyntheticSession, tables: dict[str, pd.DataFrame], organ: np.ndarray) -> ReadingMeasures:
    return measure(session, tables, organ_mask=organ, gaze=tables["gaze"])


def test_times_add_up_to_what_the_session_planned(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], measures: ReadingMeasures
) -> None:
    row = measures.scalars()
    # Shown from its first image, 0.1 s after the trial's begin plus the display's latency, to the end.
    assert row["displayed_s"] == pytest.approx(SECONDS - 0.1 - DISPLAY_LATENCY_S, abs=1e-6)
    assert row["fixated_s"] + row["left_out_s"] == pytest.approx(tables["segments"]["duration_s"].sum(), abs=1e-6)
    planned = sum(each.offset_lsl - each.onset_lsl for each in session.fixations)
    assert row["fixated_s"] == pytest.approx(planned, rel=0.05)
    assert row["fixated_s"] <= row["on_image_s"] <= row["displayed_s"] + 0.01
    assert measures.slice_dwell.fixated_s.sum() == pytest.approx(row["fixated_s"])


def test_courses_are_the_scrolls_that_the_session_planned(session: SyntheticSession, measures: ReadingMeasures) -> None:
    slices = [view.slice_index for _, view in session.views if view.image_visible]
    turns = np.flatnonzero(np.diff(np.sign(np.diff(slices))) != 0)
    assert measures.stack.slices_travelled == np.abs(np.diff(slices)).sum()
    assert measures.stack.n_direction_changes == len(turns)
    assert measures.stack.n_courses == len(turns) + 1
    assert measures.stack.share_seen_fraction == len(set(slices)) / 20
    # The planned scrolling is 25 slices a second.
    assert measures.stack.slices_per_s_moving == pytest.approx(25.0, rel=0.02)


def test_amplitudes_and_durations_are_those_of_the_planned_fixations(
    session: SyntheticSession, measures: ReadingMeasures
) -> None:
    row = measures.scalars()
    planned = np.array([fixation.voxel[:2] for fixation in session.fixations])
    px = 12.0 * (planned + 0.5) + (500.0, 100.0)
    steps = SCREEN.geometry().angle_between_deg(px[:-1], px[1:])
    assert row["saccade_amplitude_mean_deg"] == pytest.approx(steps.mean(), rel=0.06)
    assert row["fixation_duration_median_s"] == pytest.approx(0.3, abs=0.03)
    assert row["in_plane_mm"] == pytest.approx(np.linalg.norm(np.diff(planned, axis=0), axis=1).sum(), rel=0.06)
    assert row["depth_mm"] == pytest.approx(2.0 * measures.stack.slices_travelled)
    assert row["driller_index"] == pytest.approx(row["depth_mm"] / (row["depth_mm"] + row["in_plane_mm"]))


def test_coverage_is_a_rising_curve_and_samples_cover_no_less(measures: ReadingMeasures) -> None:
    assert measures.coverage is not None
    assert measures.coverage_samples is not None
    curve, samples = measures.coverage.covered_fraction, measures.coverage_samples.covered_fraction
    assert (np.diff(curve) > 0).all()
    assert (samples >= curve - 0.01).all()
    assert 0 < curve[0] < curve[-1] <= measures.coverage.displayed_fraction


def test_the_row_has_a_unit_in_every_name_that_needs_one(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], measures: ReadingMeasures
) -> None:
    row = measures.scalars()
    for name in ("coverage_1_deg_fraction", "coverage_2_5_deg_fraction", "coverage_samples_5_deg_fraction",
                 "n_courses", "organ_n_full_runs", "driller_index", "slices_per_s", "organ_voxels"):  # fmt: skip
        assert np.isfinite(row[name]), name
    without = measure(session, tables).scalars()
    assert list(without) == list(row)
    assert np.isnan(without["coverage_2_5_deg_fraction"])
    assert np.isnan(without["organ_n_courses"])
    assert np.isnan(without["on_image_s"])
    assert without["n_courses"] == row["n_courses"]


def test_the_dictionary_is_plain_json_with_the_curves(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], measures: ReadingMeasures
) -> None:
    content = json.loads(json.dumps(measures.to_dict(), allow_nan=False))
    assert content["curves"]["coverage"]["radius_deg"] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    assert content["curves"]["coverage"]["covered_fraction"][3] == content["coverage_2_5_deg_fraction"]
    assert len(content["curves"]["slice_dwell"]["displayed_s"]) == 20
    assert len(content["curves"]["stack"]["courses"]) == content["n_courses"]
    without = json.loads(json.dumps(measure(session, tables).to_dict(), allow_nan=False))
    assert without["curves"]["coverage"] is None
    assert without["coverage_2_5_deg_fraction"] is None


def test_a_detector_s_saccade_table_is_taken_where_there_is_one(
    session: SyntheticSession, tables: dict[str, pd.DataFrame]
) -> None:
    row = measure(session, tables, saccades={"amplitude_deg": np.array([2.0, 4.0])}).scalars()
    assert (row["saccade_amplitude_n"], row["saccade_amplitude_mean_deg"]) == (2, 3.0)


def test_a_trial_without_a_fixation_still_has_its_row(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], organ: np.ndarray
) -> None:
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    row = measure(session, empty, organ_mask=organ, gaze=empty["gaze"]).scalars()
    # What gaze alone can tell is not known; what the views tell is.
    unknown = (
        "coverage_5_deg_fraction",
        "coverage_samples_1_deg_fraction",
        "organ_displayed_fraction",
        "driller_index",
    )
    assert all(np.isnan(row[name]) for name in (*unknown, "in_plane_mm"))
    assert row["organ_voxels"] == organ.sum()
    assert row["fixated_s"] == 0
    assert row["fixation_duration_n"] == 0
    assert row["n_courses"] > 0
    assert row["depth_mm"] > 0


def test_fixations_across_the_slices_do_not_add_to_the_way_within_them(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], measures: ReadingMeasures
) -> None:
    across = views_of(session)
    values = across.values.copy()
    late = across.time_lsl > START_LSL + 4.0
    maps = across.maps[late]
    maps[:, [1, 2]] = maps[:, [2, 1]]  # rows and slices change places: a coronal picture
    first = [channel.label for channel in VIEW_CHANNELS].index("voxel_from_screen_00")
    values[late, first : first + 9] = maps.reshape(-1, 9)
    found = reading_measures(
        tables["fixations"], tables["segments"], ViewTrack(across.time_lsl, values), SCREEN.geometry(),
        SeriesGeometry.of(session.volume), end_lsl=START_LSL + SECONDS, display_latency_s=DISPLAY_LATENCY_S,
    )  # fmt: skip
    early = tables["fixations"].query("onset_lsl < @START_LSL + 4.02 and x_voxel == x_voxel")
    spacing_i, spacing_j = session.volume.pixel_spacing_ij_mm
    steps = np.hypot(np.diff(early["x_voxel"]) * spacing_i, np.diff(early["y_voxel"]) * spacing_j)
    assert found.left_out_s["other_plane"] > 1
    assert found.style.in_plane_mm == pytest.approx(steps.sum())
    assert found.style.in_plane_mm < measures.style.in_plane_mm


def test_the_dwell_volume_of_a_session_peaks_where_the_eye_was_planned(
    session: SyntheticSession, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    points = dwell_points_of_segments(
        tables["fixations"], tables["segments"], views_of(session), SCREEN.geometry(), session.volume.shape_kji,
        display_latency_s=DISPLAY_LATENCY_S,
    )  # fmt: skip
    volume = dwell_volume(points, sigma_deg=0.3)
    assert volume.sum(dtype=float) == pytest.approx(points.total_s, rel=1e-5)
    still = [each for each in session.fixations if each.still]
    assert len(still) > 10
    for fixation in still:
        i, j, k = (round(each) for each in fixation.voxel)
        # 0.3 s in a Gaussian of 0.3 degrees, that is of 1.0 voxel at this zoom: at least half of its peak.
        assert volume[k, j, i] > 0.5 * 0.3 / (2 * np.pi * 1.03**2) * 0.9
