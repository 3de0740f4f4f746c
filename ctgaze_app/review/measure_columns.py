"""What every column of `ReadingMeasures.scalars` means, with its source: written beside a table of measures.

Limits are those of the default `CourseRules`.
"""

from __future__ import annotations

import re

MEANINGS = {
    "displayed_s": "s that slices of the series were on the screen",
    "on_image_s": "s with a valid eye on the image, saccades included (samples); empty without samples",
    "fixated_s": "s inside fixations on the image (dwell segments)",
    "left_out_s": "s inside fixations that no voxel measure counts: off the image, another series or plane, a slab",
    "organ_displayed_fraction": "share of the organ's voxels on slices with a fixation: no coverage can exceed it",
    "organ_voxels": "voxels of the organ's mask; 0 without one",
    "n_courses": "passages through the stack in one direction (Ba et al. 2020); turning back by 10 % of it ends one",
    "n_full_runs": "courses over at least 75 % of the range (full run: den Boer et al. 2018; limit ours)",
    "n_half_runs": "courses over 25 to 75 % of the range (half run: den Boer et al. 2018; limits ours)",
    "n_oscillations": "moves of two slices up to 25 % of the range (den Boer et al. 2018; limits ours)",
    "n_interruptions": "stays of 2 s or more on one slice (den Boer et al. 2018; limit ours)",
    "interruption_s": "s of those stays",
    "n_direction_changes": "turns of the scrolling, be they of one slice",
    "slices_travelled": "slices stepped over, to and fro",
    "slices_per_s": "slices travelled by the seconds that the range was shown",
    "slices_per_s_moving": "slices travelled per second while slices were left within 0.25 s",
    "share_seen_fraction": "share of the slices that were shown at all",
    "time_in_range_s": "s that a slice of the range was shown",
    "driller_index": "depth_mm / (depth_mm + in_plane_mm): 1 drilling, 0 scanning (after Drew 2013; formula ours)",
    "depth_mm": "mm through depth: distances between slices, added up over every step of the view",
    "in_plane_mm": "mm over the patient within slices between consecutive fixations on the image, added up",
    "depth_mm_per_s": "depth_mm by the seconds shown",
    "in_plane_mm_per_s": "in_plane_mm by the seconds shown",
    "n_quadrant_crossings": "consecutive fixations in different quadrants about the organ's (or image's) middle",
    "quadrant_crossings_per_min": "the same per minute shown",
    "quadrant_crossing_fraction": "the same as a share of all pairs of consecutive fixations",
    "longest_drill_s": "s of the longest stretch of fixations in one quadrant",
}
LESION_MEANINGS = {
    "name": "the lesion's name in the truth file",
    "group": "what several lesions share there",
    "reported": "whether the reader reported it; empty when that is not known",
    "outcome": "detected; search, recognition or decision error; or not judged",
    "reason": "why it was not judged",
    "displayed_s": "s that a slice of it was on the screen with it inside the pane",
    "first_displayed_s": "s, when that began; as onset_s",
    "last_displayed_s": "s, when that ended",
    "fixated_while_displayed_s": "s of fixation anywhere meanwhile",
    "after_displayed_s": "s from its first display to the first look at it",
    "nearest_deg": "smallest angle between a fixation and its edge",
    "probability_met": "that a fixation's useful field of view met it, given the uncertainty of gaze",
    "probability_best": "the same of the single fixation that most likely did",
    "radius_deg": "radius of the useful field of view for the following columns",
    "n_fixations": "fixations whose useful field of view met it",
    "dwell_s": "s of those fixations on its slices",
    "first_s": "s, beginning of the first look; as onset_s",
    "last_s": "s, end of the last look",
    "probability_search": "of a search error had it not been reported, given the uncertainty of gaze",
    "probability_recognition": "of a recognition error, likewise",
    "probability_decision": "of a decision error, likewise",
}
_SCROLLING = tuple(name for name in MEANINGS if name.startswith(("n_", "slices_", "interruption", "share_", "time_")))
_DISTRIBUTIONS = {
    "saccade_amplitude": "saccade amplitude, degrees (saccades.csv, else consecutive fixations at most 0.15 s apart)",
    "fixation_duration": "fixation duration, s",
    "quadrants_per_slice": "quadrants (1 to 4) with a fixation, over the slices that were fixated",
}
_FIGURES = {
    "n": "number of values",
    "mean": "mean",
    "mean_low": "lower end of the mean's 95 % interval (Student's t)",
    "mean_high": "upper end of the mean's 95 % interval (Student's t)",
    "median": "median",
    "percentile_90": "90th percentile",
}


def lesion_meaning(column: str) -> str:
    """What a column of `LesionSearchResult.to_frame` means.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    error = re.fullmatch(r"error_at_([\d.]+)_deg", column)
    if error:
        return f"class of error at a useful field of view of {error[1]} degrees, had it not been reported"
    return LESION_MEANINGS[column]


def meaning(column: str) -> str:
    """What a column of `ReadingMeasures.scalars` means.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    if column in MEANINGS:
        return MEANINGS[column]
    coverage = re.fullmatch(r"coverage(_samples)?_(\d+)(?:_(\d+))?_deg_fraction", column)
    if coverage:
        radius = coverage[2] + (f".{coverage[3]}" if coverage[3] else "")
        source = "gaze samples" if coverage[1] else "fixations"
        return f"share of the organ's voxels within {radius} degrees of {source} on the slices shown (Drew 2013)"
    for name, what in _DISTRIBUTIONS.items():
        figure = re.fullmatch(rf"{name}_({'|'.join(_FIGURES)})(?:_deg|_s)?", column)
        if figure:
            return f"{what}: {_FIGURES[figure[1]]}"
    if column.startswith("organ_") and column[len("organ_") :] in _SCROLLING:
        return f"within the organ's slices: {MEANINGS[column[len('organ_') :]]}"
    raise KeyError(column)
