"""The random field of pseudo-masks: seconds a picture, and beside all pairs one by one where those fit into memory.

Run with ``python -m tests.benchmarks.bench_crf [--json]``. CPU seconds of one thread, the best of several runs, with
the published parameters (sxy 80, srgb 13, 10 iterations); the error is the largest of any pixel's probability against
exact mean field.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from models.gaze_segmentation.crf import CrfSettings, mean_field, pixel_features, refined
from tests.models.gaze_segmentation.exact_pairs import ExactPairs, picture, spot

SMALL, LARGE = (32, 48, 64), (384, 512)
SETTINGS = CrfSettings()


def measured(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """CPU seconds of the fastest run, and what it gave."""
    best, found = float("inf"), None
    for _ in range(runs):
        begin = time.process_time()
        found = work()
        best = min(best, time.process_time() - begin)
    return best, found


def row(side: int, colour: bool, *, exact: bool) -> dict[str, Any]:
    """One picture of `side` squared pixels."""
    levels, given = picture(side, side, colour=colour), spot(side, side, 0.09 * side)
    grid_s, ours = measured(lambda: refined(given, levels, SETTINGS), 3)
    found = {"pixels": f"{side} x {side}", "colour": colour, "cell_sigmas": ours.cell_sigmas, "grid_s": grid_s}
    if not exact:
        return found
    features = pixel_features(levels, SETTINGS)
    exact_s, truth = measured(lambda: mean_field(given.ravel().astype(float), ExactPairs(features), SETTINGS), 1)
    error = float(np.abs(ours.marginal_ji.ravel() - truth).max())
    return {**found, "all_pairs_s": exact_s, "ratio": exact_s / grid_s, "error": error}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    for colour in (False, True):
        row(16, colour, exact=False)  # compiles the loops
    rows = [row(side, colour, exact=True) for side in SMALL for colour in (False, True)]
    rows += [row(side, colour, exact=False) for side in LARGE for colour in (False, True)]
    if asked.json:
        print(json.dumps(rows))
        return
    print(f"{'picture':>18} {'cell':>6} {'grid':>9} {'all pairs':>10} {'ratio':>7} {'largest error':>14}")
    for each in rows:
        name = f"{each['pixels']} {'RGB' if each['colour'] else 'grey'}"
        beside = (
            f"{each['all_pairs_s']:>8.3f} s {each['ratio']:>7.1f} {each['error']:>14.5f}" if "ratio" in each else ""
        )
        print(f"{name:>18} {each['cell_sigmas']:>6} {each['grid_s']:>7.3f} s {beside}")


if __name__ == "__main__":
    main()
