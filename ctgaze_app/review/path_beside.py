"""A scan path, of a model or of another reader, on the clock and the slices of the trial that it stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.review.replay import (
    DrawnFixation,
    ReplayFixation,
    age_opacity,
    circle_radius_px,
    slice_opacity,
)
from models.scanpath import Scanpath

_NAN3 = (float("nan"),) * 3


@dataclass(frozen=True, eq=False)
class PathBeside:
    """One path; `number` counts from 1, fixation times are LSL seconds as if it began with the trial."""

    number: int
    fixations: tuple[ReplayFixation, ...] = field(repr=False)
    duration_s: float

    @classmethod
    def of(cls, path: Scanpath, number: int, start_lsl: float) -> PathBeside:
        """From a scan path; one without onsets has its fixations one after the other.

        Slices are the nearest of the volume, so that a path that leaves it stays visible at its border.
        """
        onset_s = path.onset_s
        if not np.isfinite(onset_s).all():
            onset_s = np.concatenate(([0.0], np.cumsum(path.duration_s)[:-1]))[: len(path)]
        slices = np.clip(np.round(path.z_voxel), 0, path.shape_kji[0] - 1).astype(int)
        fixations = tuple(
            ReplayFixation(
                number=place + 1,
                onset_lsl=start_lsl + float(onset_s[place]),
                duration_s=float(path.duration_s[place]),
                slice_index=int(slices[place]),
                slice_first=int(slices[place]),
                slice_last=int(slices[place]),
                voxel=(float(path.x_voxel[place]), float(path.y_voxel[place]), float(path.z_voxel[place])),
                patient_mm=(_NAN3[0], _NAN3[1], _NAN3[2]),
                uncertainty_mm=float("nan"),
                screen_px=(_NAN3[0], _NAN3[1]),
            )
            for place in range(len(path))
        )
        return cls(number, fixations, float(onset_s[-1] + path.duration_s[-1]) if len(path) else 0.0)

    @classmethod
    def of_reading(cls, fixations: Sequence[ReplayFixation], began_lsl: float, start_lsl: float) -> PathBeside:
        """From the fixations of another trial that began at `began_lsl`; those that met no slice are left out."""
        placed = [one for one in fixations if one.slice_index >= 0 and one.on_image]
        moved = tuple(replace(one, onset_lsl=one.onset_lsl - began_lsl + start_lsl) for one in placed)
        return cls(1, moved, moved[-1].offset_lsl - start_lsl if moved else 0.0)

    def near(
        self, slice_index: int, *, time_lsl: float | None = None, window_s: float = float("inf"), slices: int = 2
    ) -> tuple[DrawnFixation, ...]:
        """Fixations to draw on a slice, in their order: fainter on slices further away, at most `slices` of them.

        With `time_lsl` only those that began by then and ended no more than `window_s` ago, fading with their age.
        """
        drawn = []
        for fixation in self.fixations:
            opacity = slice_opacity(fixation, slice_index, slices)
            lasted_s = fixation.duration_s
            if time_lsl is not None:
                if fixation.onset_lsl > time_lsl:
                    break
                opacity *= age_opacity(time_lsl - fixation.offset_lsl, window_s)
                lasted_s = min(lasted_s, time_lsl - fixation.onset_lsl)
            if opacity > 0:
                drawn.append(DrawnFixation(fixation, opacity, circle_radius_px(lasted_s)))
        return tuple(drawn)

    def slice_trace(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The slice over time as a step line: LSL times and slice indices, each fixation from its begin to its end."""
        times = [moment for one in self.fixations for moment in (one.onset_lsl, one.offset_lsl)]
        return np.array(times), np.repeat([float(one.slice_index) for one in self.fixations], 2)
