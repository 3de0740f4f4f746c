"""All measures of one reading of one case as one row: what a command prints and a table of many sessions collects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.geometry import ScreenGeometry
from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.review.courses import CourseRules, Scrolling, organ_slice_range, scrolling
from ctgaze_app.review.coverage import UFOV_RADII_DEG, CoverageCurve, coverage_curve
from ctgaze_app.review.dwell_points import (
    DwellPoints,
    dwell_points_of_samples,
    dwell_points_of_segments,
    merged_in_cells,
)
from ctgaze_app.review.plain_json import plain_json
from ctgaze_app.review.saccade_measures import (
    Distribution,
    distribution,
    fixation_steps_deg,
    quadrants,
    quadrants_per_slice,
    saccade_amplitudes_deg,
)
from ctgaze_app.review.search_style import SearchStyle, search_style
from ctgaze_app.review.slice_dwell import SliceDwell, shown_slices, slice_dwell

SAMPLE_CELL_DEG = 0.1
"""Samples are joined in squares of this size before their coverage is taken; see `dwell_points.merged_in_cells`."""

STYLE_COLUMNS = ("series", "onset_s", "offset_s", "x_voxel", "y_voxel")

Scalar = float | int


@dataclass(frozen=True, eq=False)
class ReadingMeasures:
    """The measures of one trial on one series.

    Attributes
    ----------
    coverage, coverage_samples
        Of the organ, from fixations and from samples; None without an organ (or without samples), NaN when no gaze was
        recorded on the series.
    slice_dwell
        Seconds per slice.
    stack, organ
        Scrolling through the whole stack, and through the organ's slices (None without an organ).
    style
        Driller or scanner.
    saccade_amplitudes_deg, fixation_durations_s, quadrants_per_slice
        Distributions: number, mean with interval, quartiles.
    left_out_s
        Seconds of dwell that no voxel measure counts, by reason (`dwell_points.DwellPoints`).
    """

    coverage: CoverageCurve | None
    coverage_samples: CoverageCurve | None
    slice_dwell: SliceDwell
    stack: Scrolling
    organ: Scrolling | None
    style: SearchStyle
    saccade_amplitudes_deg: Distribution
    fixation_durations_s: Distribution
    quadrants_per_slice: Distribution
    left_out_s: Mapping[str, float] = field(repr=False)

    def scalars(self) -> dict[str, Scalar]:
        """One flat row, the same columns for every trial with the same radii; NaN where a measure does not exist."""
        sums = self.slice_dwell.sums_s()
        row: dict[str, Scalar] = {name: sums[name] for name in ("displayed_s", "on_image_s", "fixated_s")}
        row["left_out_s"] = float(sum(self.left_out_s.values()))
        for prefix, curve in (("coverage", self.coverage), ("coverage_samples", self.coverage_samples)):
            for number, radius in enumerate(UFOV_RADII_DEG if curve is None else curve.radii_deg):
                name = f"{prefix}_{radius:g}".replace(".", "_") + "_deg_fraction"
                row[name] = float("nan") if curve is None else float(curve.covered_fraction[number])
        row["organ_displayed_fraction"] = float("nan") if self.coverage is None else self.coverage.displayed_fraction
        row["organ_voxels"] = 0 if self.coverage is None else self.coverage.n_voxels
        row |= _scrolling_row(self.stack, "")
        row |= _scrolling_row(self.organ, "organ_")
        row |= self.style.to_dict()
        for name, unit, figures in (
            ("saccade_amplitude", "_deg", self.saccade_amplitudes_deg),
            ("fixation_duration", "_s", self.fixation_durations_s),
            ("quadrants_per_slice", "", self.quadrants_per_slice),
        ):
            row |= _distribution_row(name, unit, figures)
        return row

    def to_dict(self) -> dict[str, Any]:
        """`scalars` with the curves and tables behind them, ready for JSON: what does not exist is None."""
        nested = {
            "coverage": None if self.coverage is None else self.coverage.to_dict(),
            "coverage_samples": None if self.coverage_samples is None else self.coverage_samples.to_dict(),
            "slice_dwell": self.slice_dwell.to_dict(),
            "stack": self.stack.to_dict(),
            "organ": None if self.organ is None else self.organ.to_dict(),
            "left_out_s_by_reason": dict(self.left_out_s),
        }
        plain = plain_json({**self.scalars(), "curves": nested})
        assert isinstance(plain, dict)
        return plain


def reading_measures(
    fixations: Mapping[str, Any],
    segments: Mapping[str, Any],
    views: ViewTrack,
    screen: ScreenGeometry,
    series_geometry: SeriesGeometry,
    *,
    end_lsl: float,
    display_latency_s: float,
    series: int = 0,
    organ_mask: NDArray[np.bool_] | None = None,
    gaze: Mapping[str, Any] | None = None,
    saccades: Mapping[str, Any] | None = None,
    radii_deg: Sequence[float] = UFOV_RADII_DEG,
    minimum_dwell_s: float = 0.0,
    rules: CourseRules | None = None,
    pane: int = 0,
) -> ReadingMeasures:
    """Measure one trial.

    Parameters
    ----------
    fixations, segments
        Rows of `fixations.csv` and `dwell_segments.csv` of the trial (data frames or mappings of columns).
    views
        The trial's painted views: `ViewTrack.from_samples(...)`, then the rows of this trial.
    screen
        `manifest.screen.geometry()`.
    series_geometry
        `SeriesGeometry.of(volume)` of the series asked for.
    end_lsl
        When the reading ended: the trial's end marker, LSL seconds.
    display_latency_s
        `manifest.display.latency_s`.
    series
        Index in the manifest's series list.
    organ_mask
        bool [k, j, i], for example `lungs.find_lungs(volume).mask`. None: no coverage, and no organ columns.
    gaze, saccades
        Rows of `gaze.parquet` and `saccades.csv`; None leaves out what needs them (saccade amplitudes then come from
        consecutive fixations).
    radii_deg, minimum_dwell_s
        See `coverage.coverage_curve`.

    Notes
    -----
    A command calls it so::

        mine = {name: table[table["trial"] == trial] for name, table in tables.items()}
        found = reading_measures(
            mine["fixations"], mine["segments"], views, manifest.screen.geometry(), SeriesGeometry.of(volume),
            end_lsl=end_lsl, display_latency_s=manifest.display.latency_s, organ_mask=find_lungs(volume).mask,
            gaze=mine["gaze"], saccades=mine["saccades"],
        )
        row = found.scalars()  # of a table of many sessions
        text = json.dumps(found.to_dict(), allow_nan=False)
    """
    shape_kji = series_geometry.shape_kji
    points = dwell_points_of_segments(
        fixations, segments, views, screen, shape_kji, display_latency_s=display_latency_s, series=series
    )
    samples = None if gaze is None else dwell_points_of_samples(gaze, views, screen, shape_kji, series=series)
    shown = shown_slices(views, end_lsl, display_latency_s=display_latency_s, series=series, pane=pane)
    _, rows, columns = shape_kji
    centre_ij = ((columns - 1) / 2, (rows - 1) / 2)
    organ = None
    if organ_mask is not None:
        slices = organ_slice_range(organ_mask)
        organ = scrolling(shown, shape_kji[0], organ_slices=slices, rules=rules)
        centre_ij = _centre_ij(organ_mask)

    def covered(found: DwellPoints | None) -> CoverageCurve | None:
        if organ_mask is None or found is None:
            return None
        curve = coverage_curve(found, organ_mask, radii_deg=radii_deg, minimum_dwell_s=minimum_dwell_s)
        if len(found):
            return curve
        # Without any gaze nobody knows what was covered: that is not a coverage of zero.
        unknown = np.full(len(curve.radii_deg), np.nan)
        return replace(curve, covered_fraction=unknown, displayed_fraction=float("nan"))

    # Through a slab or across the slices the columns are no places in a slice.
    located = np.isin(np.asarray(fixations["fixation"]), points.owner)
    in_slices = {name: np.asarray(fixations[name])[located] for name in STYLE_COLUMNS}
    quadrant = quadrants(points.voxel_ij[:, 0], points.voxel_ij[:, 1], centre_ij)
    return ReadingMeasures(
        coverage=covered(points),
        coverage_samples=covered(None if samples is None else merged_in_cells(samples, SAMPLE_CELL_DEG)),
        slice_dwell=slice_dwell(shown, points, samples),
        stack=scrolling(shown, shape_kji[0], rules=rules),
        organ=organ,
        style=search_style(in_slices, shown, series_geometry, series=series, centre_ij=centre_ij),
        saccade_amplitudes_deg=distribution(saccade_amplitudes_deg(saccades, fixation_steps_deg(fixations, screen))),
        fixation_durations_s=distribution(np.asarray(fixations["duration_s"], dtype=np.float64)),
        quadrants_per_slice=distribution(quadrants_per_slice(points.slice_index, quadrant)),
        left_out_s=points.left_out_s,
    )


def _scrolling_row(found: Scrolling | None, prefix: str) -> dict[str, Scalar]:
    names = (
        "n_courses", "n_full_runs", "n_half_runs", "n_oscillations", "n_interruptions", "interruption_s",
        "n_direction_changes", "slices_travelled", "slices_per_s", "slices_per_s_moving", "share_seen_fraction",
        "time_in_range_s",
    )  # fmt: skip
    return {prefix + name: float("nan") if found is None else getattr(found, name) for name in names}


def _distribution_row(name: str, unit: str, figures: Distribution) -> dict[str, Scalar]:
    return {
        f"{name}_n": figures.n,
        f"{name}_mean{unit}": figures.mean,
        f"{name}_mean_low{unit}": figures.mean_low,
        f"{name}_mean_high{unit}": figures.mean_high,
        f"{name}_median{unit}": figures.median,
        f"{name}_percentile_90{unit}": figures.percentile_90,
    }


def _centre_ij(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Middle of a mask's bounding box in the slice."""
    i, j = np.flatnonzero(mask.any(axis=(0, 1))), np.flatnonzero(mask.any(axis=(0, 2)))
    return (float(i[0]) + float(i[-1])) / 2, (float(j[0]) + float(j[-1])) / 2
