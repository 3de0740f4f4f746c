"""Scan paths for the tests of the metrics: drawn by hypothesis, and the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from models.scanpath import Scanpath

SHAPE_KJI = (40, 96, 128)
SPACING_MM = (0.7, 0.8, 2.5)
AFFINE = np.diag([*SPACING_MM, 1.0])


def path_of(
    voxels: Any, duration_s: Any = 0.25, *, shape_kji: tuple[int, int, int] = SHAPE_KJI, **fields: Any
) -> Scanpath:
    """A path through the voxels (i, j, k), each for `duration_s`."""
    voxel = np.asarray(voxels, dtype=float).reshape(-1, 3)
    return Scanpath.from_voxels(voxel, np.broadcast_to(duration_s, len(voxel)), shape_kji=shape_kji, **fields)


@st.composite
def scanpaths(
    draw: st.DrawFn, *, fewest: int = 3, most: int = 12, shape_kji: tuple[int, int, int] = SHAPE_KJI
) -> Scanpath:
    """Paths on whole and on broken voxels, with many ties and repeated fixations among them."""
    count = draw(st.integers(fewest, most))
    grain = draw(st.sampled_from([0.25, 1.0, 16.0]))
    axes = [st.integers(0, int((n - 1) / grain)).map(lambda step: step * grain) for n in shape_kji[::-1]]
    voxels = draw(st.lists(st.tuples(*axes), min_size=count, max_size=count))
    milliseconds = draw(st.lists(st.integers(1, 900), min_size=count, max_size=count))
    return path_of(voxels, np.array(milliseconds) / 1000, shape_kji=shape_kji, affine_lps=AFFINE, mm_per_degree=12.0)


def published_cases(shared_data: Path) -> list[tuple[Scanpath, Scanpath, dict[str, Any]]]:
    """Pairs of paths (0-based here, 1-based in the file) with the numbers of the published evaluation."""
    text = (shared_data / "golden" / "published_scanpath_metrics_3d.json").read_text("utf-8")
    cases = []
    for case in json.loads(text)["cases"]:
        a, b = (np.array(case[name]) for name in ("a_xyzt", "b_xyzt"))
        first, second = (path_of(xyzt[:, :3] - 1, xyzt[:, 3], shape_kji=(512, 512, 512)) for xyzt in (a, b))
        cases.append((first, second, case))
    return cases


def picture_path(shared_data: Path, name: str) -> Scanpath:
    """One of the published paths over a film of 1280 x 720."""
    rows = np.loadtxt(shared_data / "golden" / "multimatch2d" / f"{name}.tsv", skiprows=1)
    voxels = np.column_stack([rows[:, :2], np.zeros(len(rows))])
    return path_of(voxels, rows[:, 2], shape_kji=(1, 720, 1280))
