"""Looks at lesions with known angles, times and probabilities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.gaze.frames import SeriesGeometry, screen_disc_mm
from ctgaze_app.review.dwell_points import dwell_points_of_segments
from ctgaze_app.review.lesion_angles import angle_uncertainty_deg, angles_to_region_deg, gaussian_nodes
from ctgaze_app.review.lesion_search import LesionSearchResult, LesionSearchRules, lesion_search
from ctgaze_app.review.reported_lesions import ReportedMark, match_marks
from tests.factories.sessions import DISPLAY_LATENCY_S, make_session
from tests.factories.sessions import SCREEN as SESSION_SCREEN
from tests.factories.volumes import make_volume
from tests.review.stays import SCREEN, START_LSL, stays, views_of

LESION = LabelledRegion("lesion 1", (4, 48, 48), (6, 51, 51))
TWO_SLICES = views_of([(0.0, 2), (1.0, 4), (3.0, 5), (6.0, 9), (8.0, 5)])
END = {"end_lsl": START_LSL + 10.0, "display_latency_s": 0.0}


def px_angle_deg(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The angle between two points of the screen by the law of cosines, apart from the code under test."""
    vectors = [np.array([(x - 960) * 0.25, (y - 540) * 0.25, 650.0]) for x, y in (first, second)]
    cosine = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def test_the_angle_reaches_from_gaze_to_the_nearest_edge() -> None:
    points = stays(TWO_SLICES, [(1, 70.0, 50.0, 1.2, 0.3), (1, 50.0, 50.0, 1.6, 0.3), (0, 50.0, 50.0, 0.2, 0.3)])
    angles = angles_to_region_deg(LESION, points)[:, 0]
    # Column i is drawn from 760 + 4 i to 764 + 4 i: gaze at 1042, the lesion's right edge at 968, row 50 at 542.
    assert angles[0] == pytest.approx(px_angle_deg((1042.0, 542.0), (968.0, 542.0)), abs=1e-6)
    assert angles[1] == 0.0
    assert np.isinf(angles[2])  # slice 2 does not show it


def test_the_angle_to_a_corner_is_the_diagonal() -> None:
    points = stays(TWO_SLICES, [(1, 61.0, 60.0, 1.2, 0.3)])
    angle = angles_to_region_deg(LESION, points)[0, 0]
    assert angle == pytest.approx(px_angle_deg((1006.0, 582.0), (968.0, 548.0)), abs=1e-6)


def test_the_nearest_edge_of_a_ragged_mask_agrees_with_every_pixel_tried() -> None:
    random = np.random.default_rng(4)
    mask = random.random((1, 30, 30)) < 0.15
    mask[0, 0, 0] = mask[0, -1, -1] = True
    lesion = LabelledRegion("x", (4, 30, 35), (4, 59, 64), mask)
    rows = [(1, float(i), float(j), 1.0, 0.1) for i, j in random.uniform(0, 99, (200, 2))]
    points = stays(TWO_SLICES, rows)
    found = angles_to_region_deg(lesion, points)[:, 0]
    for row, (x, y) in enumerate(points.screen_px):
        j, i = np.nonzero(mask[0])
        left, top = 760.0 + 4 * (i + 35), 340.0 + 4 * (j + 30)
        nearest_x, nearest_y = np.clip(x, left, left + 4), np.clip(y, top, top + 4)
        best = np.argmin(np.hypot(nearest_x - x, nearest_y - y))
        assert found[row] == pytest.approx(px_angle_deg((x, y), (nearest_x[best], nearest_y[best])), abs=1e-5)


def test_times_counts_and_dwell_of_a_lesion() -> None:
    # 2.5 degrees at the centre are 28.4 mm, 113.5 px, 28.4 columns: the edge of the lesion reaches to column 79.9.
    rows = [
        (0, 50.0, 50.0, 0.2, 0.4),  # on a slice without the lesion
        (1, 90.0, 50.0, 1.2, 0.5),  # too far
        (1, 75.0, 50.0, 1.8, 0.25),
        (2, 50.0, 50.0, 3.1, 0.30),
        (2, 20.0, 50.0, 4.0, 0.20),
        (3, 50.0, 50.0, 6.5, 0.60),  # a slice without the lesion
        (4, 49.0, 49.0, 8.2, 0.35),
    ]
    result = lesion_search([LESION], stays(TWO_SLICES, rows), TWO_SLICES, **END)
    (found,) = result.lesions
    assert found.displayed_s == pytest.approx(2.0 + 3.0 + 2.0)
    assert (found.first_displayed_s, found.last_displayed_s) == pytest.approx((1.0, 10.0))
    assert found.fixated_while_displayed_s == pytest.approx(0.5 + 0.25 + 0.3 + 0.2 + 0.35)
    assert found.looks.n_fixations == 4
    assert found.looks.dwell_s == pytest.approx(0.25 + 0.3 + 0.2 + 0.35)
    assert (found.looks.first_s, found.looks.last_s) == pytest.approx((1.8, 8.55))
    assert found.after_displayed_s == pytest.approx(0.8)
    assert found.nearest_deg == 0.0
    assert (found.outcome, found.reported) == ("not judged", None)
    assert np.isnan(found.probability_met) and found.outcome_probability == {}


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        (0.0, "search"),
        (0.29, "search"),
        (0.3, "recognition"),
        (0.99, "recognition"),
        (1.0, "decision"),
        (9.0, "decision"),
    ],
)
def test_the_error_class_follows_the_dwell(seconds: float, outcome: str) -> None:
    rows = [(1, 99.0, 50.0, 1.0, 0.2)] + ([(2, 50.0, 50.0, 3.1, seconds)] if seconds else [])
    points = stays(TWO_SLICES, rows)
    (missed,) = lesion_search([LESION], points, TWO_SLICES, reported=set(), **END).lesions
    assert missed.outcome == outcome
    (seen,) = lesion_search([LESION], points, TWO_SLICES, reported={"lesion 1"}, **END).lesions
    assert (seen.outcome, seen.looks.error) == ("detected", outcome)


def test_the_rules_are_adjustable() -> None:
    points = stays(TWO_SLICES, [(1, 75.0, 50.0, 1.0, 0.5)])

    def outcome(**rules: float) -> str:
        settings = LesionSearchRules(**rules)  # type: ignore[arg-type]
        return lesion_search([LESION], points, TWO_SLICES, reported=(), rules=settings, **END).lesions[0].outcome

    assert outcome() == "recognition"
    assert outcome(radius_deg=1.0) == "search"
    assert outcome(decision_s=0.5) == "decision"
    assert outcome(attention_s=0.6) == "search"
    for wrong in ({"radius_deg": 0.0}, {"attention_s": 2.0}, {"nodes": 2}):
        with pytest.raises(ValueError, match=r"positive|longer|nodes"):
            LesionSearchRules(**wrong)  # type: ignore[arg-type]


def test_the_sensitivity_tells_at_which_radius_the_class_changes() -> None:
    points = stays(TWO_SLICES, [(1, 75.0, 50.0, 1.0, 0.5), (2, 100.0, 50.0, 3.5, 0.6)])
    (found,) = lesion_search([LESION], points, TWO_SLICES, reported=(), **END).lesions
    # Edges at 0.968..: gaze at 1062 px is 2.07 degrees away, at 1162 px 4.27 degrees.
    assert [each.radius_deg for each in found.sensitivity] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    assert [each.error for each in found.sensitivity] == ["search"] * 3 + ["recognition"] * 4 + ["decision"] * 2
    assert [each.n_fixations for each in found.sensitivity] == [0] * 3 + [1] * 4 + [2] * 2


def test_a_lesion_never_displayed_and_a_reading_without_gaze_say_so() -> None:
    away = replace(LESION, name="away", first_kji=(15, 48, 48), last_kji=(16, 51, 51))
    points = stays(TWO_SLICES, [(1, 50.0, 50.0, 1.0, 0.5)])
    (found,) = lesion_search([away], points, TWO_SLICES, reported=(), **END).lesions
    assert (found.outcome, found.reason, found.displayed_s) == ("search", "it was never displayed", 0.0)
    assert np.isinf(found.nearest_deg) and np.isnan(found.looks.first_s)
    no_gaze = stays(TWO_SLICES, [])
    (blind,) = lesion_search([LESION], no_gaze, TWO_SLICES, reported=(), uncertainty_deg=0.5, **END).lesions
    assert (blind.outcome, blind.reason) == ("not judged", "no fixation was recorded on this series")
    # Nobody knows whether gaze met it: that is not a probability of zero.
    assert np.isnan(blind.probability_met) and np.isnan(blind.probability_best)
    assert blind.outcome_probability == {}


def test_a_lesion_panned_out_of_the_pane_is_not_displayed() -> None:
    moved = replace(LESION, first_kji=(4, 0, 0), last_kji=(6, 3, 3))
    inside = views_of([(0.0, 4), (2.0, 4)])
    values = inside.values.copy()
    values[1, 18] += 10.0  # voxel_from_screen_02: the picture begins at column 10 in the second view
    assert values[1, 18] == pytest.approx(inside.maps[1, 0, 2] + 10.0)
    panned = replace(inside, values=values)
    (found,) = lesion_search([moved], stays(panned, []), panned, **END).lesions
    assert found.displayed_s == pytest.approx(2.0)
    # Beyond the other three edges of the pane, too.
    for column, shift in ((18, -1000.0), (21, 1000.0), (21, -1000.0)):
        values = inside.values.copy()
        values[1, column] += shift
        panned = replace(inside, values=values)
        (found,) = lesion_search([moved], stays(panned, []), panned, **END).lesions
        assert found.displayed_s == pytest.approx(2.0)


def test_time_without_an_image_is_not_displayed_and_latency_moves_nothing() -> None:
    views = views_of([(0.0, -1), (1.0, 5), (2.0, -1), (3.0, 5)])
    for latency in (0.0, 0.05):
        (found,) = lesion_search(
            [LESION], stays(views, []), views, end_lsl=START_LSL + 4.0 + latency, display_latency_s=latency
        ).lesions
        assert found.displayed_s == pytest.approx(2.0)
        assert (found.first_displayed_s, found.last_displayed_s) == pytest.approx((0.0, 3.0))


@pytest.mark.parametrize("distance_deg", [0.0, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("uncertainty_deg", [0.5, 1.5])
def test_the_probability_of_meeting_a_point_is_the_rice_distribution(
    distance_deg: float, uncertainty_deg: float
) -> None:
    # At zoom 0.02 a voxel is 0.0004 degrees: a point. 1 px is 12.5 columns; 11.3456 mm are 45.38 px.
    views = views_of([(0.0, 4)], zoom=0.02, rect_px=(0.0, 0.0, 1920.0, 1080.0))
    px = 960.0 + np.tan(np.radians(distance_deg)) * 650.0 / 0.25
    point = LabelledRegion("p", (4, 27000, 48000), (4, 27000, 48000))
    points = stays(views, [(0, px / 0.02 - 0.5, 540.0 / 0.02 - 0.5, 0.1, 0.5)], (20, 60000, 100000))
    rules = LesionSearchRules(nodes=1024)
    (found,) = lesion_search(
        [point], points, views, uncertainty_deg=uncertainty_deg, reported=(), rules=rules, **END
    ).lesions
    sigma = uncertainty_deg / np.sqrt(2)
    expected = (
        stats.ncx2.cdf((2.5 / sigma) ** 2, 2, (distance_deg / sigma) ** 2)
        if distance_deg
        else (1 - np.exp(-((2.5 / sigma) ** 2) / 2))
    )
    assert found.probability_met == pytest.approx(expected, abs=0.012)
    assert found.probability_best == found.probability_met
    assert found.outcome_probability["recognition"] == pytest.approx(expected, abs=0.012)
    assert sum(found.outcome_probability.values()) == pytest.approx(1.0)


def test_the_nodes_have_the_moments_of_a_gaussian() -> None:
    nodes = gaussian_nodes(2048)
    assert np.abs(nodes.mean(axis=0)).max() < 0.01
    assert np.cov(nodes.T) == pytest.approx(np.eye(2), abs=0.02)


def test_one_shared_error_makes_two_looks_no_surer_than_one_at_the_same_place() -> None:
    once = stays(TWO_SLICES, [(1, 79.0, 50.0, 1.0, 0.4)])
    twice = stays(TWO_SLICES, [(1, 79.0, 50.0, 1.0, 0.4), (2, 79.0, 50.0, 3.1, 0.7)])
    (one,) = lesion_search([LESION], once, TWO_SLICES, uncertainty_deg=1.0, **END).lesions
    (two,) = lesion_search([LESION], twice, TWO_SLICES, uncertainty_deg=1.0, **END).lesions
    assert two.probability_met == one.probability_met
    assert one.outcome_probability["recognition"] == pytest.approx(one.probability_met)
    assert two.outcome_probability["decision"] == pytest.approx(two.probability_met)
    sides = stays(TWO_SLICES, [(1, 79.0, 50.0, 1.0, 0.4), (2, 20.0, 50.0, 3.1, 0.7)])
    (both,) = lesion_search([LESION], sides, TWO_SLICES, uncertainty_deg=1.0, **END).lesions
    assert both.probability_met > both.probability_best


def test_the_uncertainty_in_degrees_comes_back_from_millimetres() -> None:
    px = np.array([[960.0, 540.0], [300.0, 900.0], [1500.0, 100.0]])
    zoom = np.array([1.0, 2.0, 4.0])
    mm = screen_disc_mm(0.7, px, np.sqrt(0.6 * 0.5) / zoom, SCREEN)
    assert angle_uncertainty_deg(mm, zoom, px, SCREEN, (0.6, 0.5)) == pytest.approx(0.7)
    assert np.isnan(angle_uncertainty_deg([np.nan], [1.0], [[0.0, 0.0]], SCREEN, (1.0, 1.0)))


def test_marks_name_the_nearest_lesion_within_their_tolerance() -> None:
    series = SeriesGeometry.of(make_volume(slices=20, rows=100, columns=100))
    far = replace(LESION, name="lesion 2", first_kji=(4, 48, 58), last_kji=(6, 51, 61))
    marks = [
        ReportedMark((50.0, 50.0, 5.0)),
        ReportedMark((53.0, 50.0, 5.0)),  # 2 mm from the first, 5 mm from the second
        ReportedMark((66.5, 50.0, 5.0)),  # 5.5 mm beside the second
        ReportedMark((66.5, 50.0, 5.0), tolerance_mm=6.0),
        ReportedMark((50.0, 50.0, 10.0)),  # 8 mm below
        ReportedMark((50.0, 50.0, float("nan"))),
    ]
    assert match_marks([LESION, far], marks[:2], series).reported == {"lesion 1"}
    matched = match_marks([LESION, far], marks, series)
    assert matched.reported == {"lesion 1", "lesion 2"}
    assert matched.unmatched == (2, 4, 5)
    assert match_marks([], marks[:1], series).unmatched == (0,)


def test_wrong_names_are_refused() -> None:
    points = stays(TWO_SLICES, [])
    with pytest.raises(ValueError, match="reported, but no lesion: nobody"):
        lesion_search([LESION], points, TWO_SLICES, reported={"nobody"}, **END)
    with pytest.raises(ValueError, match="the same name"):
        lesion_search([LESION, LESION], points, TWO_SLICES, **END)


def test_the_result_goes_to_json_and_to_a_table() -> None:
    points = stays(TWO_SLICES, [(1, 75.0, 50.0, 1.0, 0.5)])
    result: LesionSearchResult = lesion_search(
        [LESION, replace(LESION, name="b", first_kji=(15, 1, 1), last_kji=(15, 2, 2))], points, TWO_SLICES,
        reported=(), uncertainty_deg=0.8, **END,
    )  # fmt: skip
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["lesions"][0]["looks"]["dwell_s"] == 0.5
    assert plain["lesions"][1]["nearest_deg"] is None
    assert plain["rules"]["radius_deg"] == 2.5
    table = result.to_frame()
    assert table["outcome"].tolist() == ["recognition", "search"]
    assert table["error_at_1_deg"].tolist() == ["search", "search"]
    assert table["probability_search"][1] == 1.0


def test_a_processed_session_gives_its_planned_looks(tmp_path: Path) -> None:
    import pandas as pd

    from ctgaze_app.gaze.view_track import ViewTrack
    from ctgaze_app.study.processing import process_session

    session = make_session(tmp_path / "s", seconds=6.0, noise_rms_s2s_deg=0.01)
    process_session(session.folder)
    fixations = pd.read_csv(session.folder / "derived" / "fixations.csv")
    segments = pd.read_csv(session.folder / "derived" / "dwell_segments.csv")
    painted = [(time, view) for time, view in session.views if view.trial == 1]
    views = ViewTrack.from_samples([time for time, _ in painted], np.array([v.to_sample() for _, v in painted]))
    geometry = SESSION_SCREEN.geometry()
    points = dwell_points_of_segments(
        fixations, segments, views, geometry, session.volume.shape_kji, display_latency_s=DISPLAY_LATENCY_S
    )
    truth = [fixation for fixation in session.fixations if fixation.still][3]
    i, j, k = (round(axis) for axis in truth.voxel)
    lesion = LabelledRegion("planned", (k, j, i), (k, j, i))
    rules = LesionSearchRules(radius_deg=1.0, sensitivity_deg=(1.0,))
    (found,) = lesion_search(
        [lesion], points, views, end_lsl=painted[0][0] + 6.0, display_latency_s=DISPLAY_LATENCY_S, rules=rules,
        reported=(), uncertainty_deg=angle_uncertainty_deg(
            fixations["uncertainty_mm"], fixations["zoom"], fixations[["x_screen_px", "y_screen_px"]], geometry,
            session.volume.pixel_spacing_ij_mm,
        ),
    ).lesions  # fmt: skip
    first_visible = next(time for time, view in painted if view.image_visible) + DISPLAY_LATENCY_S
    assert found.looks.n_fixations >= 1
    assert found.looks.first_s == pytest.approx(truth.onset_lsl - first_visible, abs=0.02)
    assert found.probability_met > 0.9
