"""Scan-path metrics on 400 x 400 fixations: CTGaze beside plain Python and, where installed, multimatch_gaze 0.1.3.

Run with ``python -m tests.benchmarks.bench_scanpath_metrics [--json]``. Each measurement has a process of its own;
loops are compiled before it. Seconds are the best of several runs, the peak is what the process grows by during one.
The plain form is a fair textbook one, without the published code's search of the whole index matrix at every step.
multimatch_gaze measures pictures only, so it gets the columns and rows of the same paths, and so does CTGaze there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import threading
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import psutil

from models.metrics.alignment import alignment_score
from models.metrics.edit_distance import edit_distance
from models.metrics.multimatch import multimatch
from models.metrics.scanmatch import PUBLISHED_TEMPORAL_BIN_S, scanmatch
from models.scanpath import Scanpath

SHAPE_KJI = (512, 512, 512)
BUDGET_S = {"MultiMatch 3-D": 0.040, "ScanMatch 25 ms": 0.040}
BUDGET_MIB = 200
TARGET_RATIO = {"MultiMatch 3-D": 50, "MultiMatch 2-D": 50, "ScanMatch 25 ms": 10}


def paths(count: int = 400) -> tuple[Scanpath, Scanpath]:
    """Two saw-tooth readings of one volume, gaze wandering about its middle, 250 ms a fixation on average."""
    random = np.random.default_rng(7)
    made = []
    for sweeps in (5, 7):
        z = 255.5 + 250 * np.sin(np.linspace(0, sweeps * 2 * np.pi, count))
        xy = np.clip(random.normal(256, 90, (count, 2)), 0, 511)
        seconds = random.gamma(4, 0.0625, count)
        made.append(Scanpath.from_voxels(np.column_stack([xy, z]), seconds, shape_kji=SHAPE_KJI))
    return made[0], made[1]


def flat(path: Scanpath) -> Scanpath:
    """The path's columns and rows as a path over a picture."""
    voxels = path.voxel_ijk * [1, 1, 0]
    return Scanpath.from_voxels(voxels, path.duration_s, shape_kji=(1, 512, 512))


def plain_scanmatch(a: Scanpath, b: Scanpath, temporal_bin_s: float | None) -> float:
    """Published form: the whole table, cell by cell."""
    strings = []
    for path in (a, b):
        cells = np.clip(path.voxel_ijk + 1, 0, 511).astype(int) * [6, 4, 8] // 512
        if temporal_bin_s is not None:
            milliseconds = (path.duration_s * 1000).astype(int)
            cells = np.repeat(cells, np.round(milliseconds / (temporal_bin_s * 1000)).astype(int), axis=0)
        strings.append([(k * 4 + j) * 6 + i for i, j, k in cells.tolist()])
    k, j, i = np.unravel_index(np.arange(192), (8, 4, 6))
    centres = np.column_stack([i, j, k])
    scores = (3.5 - np.linalg.norm(centres[:, None] - centres[None], axis=2)).tolist()
    first, second = strings
    table = np.zeros((len(first) + 1, len(second) + 1))
    for row, symbol in enumerate(first):
        from_symbol = scores[symbol]
        for column, other in enumerate(second):
            table[row + 1, column + 1] = max(
                table[row, column] + from_symbol[other], table[row, column + 1], table[row + 1, column]
            )
    return float(table.max() / (3.5 * max(len(first), len(second))))


def plain_edit_distance(a: Scanpath, b: Scanpath) -> int:
    """Published form: one table, cell by cell."""
    first, second = (
        [x + 5 * y // 2 + 5 * z // 2 for x, y, z in ((path.voxel_ijk + 1) // 102).astype(int).tolist()]
        for path in (a, b)
    )
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    table[:, 0], table[0, :] = np.arange(len(first) + 1), np.arange(len(second) + 1)
    for i, symbol in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1, j + 1] = min(table[i, j] + (symbol != other), table[i, j + 1] + 1, table[i + 1, j] + 1)
    return int(table[-1, -1])


def plain_multimatch(a: Scanpath, b: Scanpath) -> tuple[float, ...]:
    """Corrected form: the way found cell by cell, the measures pair by pair."""
    points = [path.voxel_ijk for path in (a, b)]
    first, second = (np.diff(p, axis=0) for p in points)
    n, m = len(first), len(second)
    cost = np.linalg.norm(first[:, None] - second[None], axis=2)
    total = np.full((n, m), np.inf)
    total[0, 0] = cost[0, 0]
    came = {}
    for i in range(n):
        for j in range(m):
            before = [(p, q) for p, q in ((i - 1, j - 1), (i, j - 1), (i - 1, j)) if p >= 0 and q >= 0]
            if before:
                came[i, j] = min(before, key=lambda cell: total[cell])
                total[i, j] = total[came[i, j]] + cost[i, j]
    way = [(n - 1, m - 1)]
    while way[-1] in came:
        way.append(came[way[-1]])
    diagonal = float(np.linalg.norm(SHAPE_KJI))
    pairs = []
    for i, j in way:
        u, v = first[i], second[j]
        lengths = float(np.linalg.norm(u)), float(np.linalg.norm(v))
        cosine = float(np.clip(u @ v / (lengths[0] * lengths[1]), -1, 1))
        seconds = float(a.duration_s[i]), float(b.duration_s[j])
        pairs.append(
            (
                float(np.linalg.norm(u - v)) / (2 * diagonal),
                np.arccos(cosine) / np.pi,
                abs(lengths[0] - lengths[1]) / diagonal,
                float(np.linalg.norm(points[0][i] - points[1][j])) / diagonal,
                abs(seconds[0] - seconds[1]) / max(seconds),
            )
        )
    return tuple(float(v) for v in 1 - np.median(pairs, axis=0))


def package_multimatch(a: Scanpath, b: Scanpath) -> tuple[float, ...]:
    """The public package on a picture."""
    from multimatch_gaze import docomparison

    names = "start_x,start_y,duration"
    records = [
        np.rec.fromarrays([path.x_voxel, path.y_voxel, path.duration_s], names=names) for path in (flat(a), flat(b))
    ]
    return tuple(float(v) for v in docomparison(*records, screensize=[512, 512]))


def long_alignment(a: Scanpath, b: Scanpath) -> float:
    """Every one of 13,000 symbols different."""
    points = np.random.default_rng(8).uniform(0, 2, (2, 13_000, 3))
    ones = np.ones(13_000, dtype=np.int64)
    count = 13_000 if len(a) > 9 else 9
    return alignment_score(points[0, :count], ones[:count], points[1, :count], ones[:count])


Metric = Callable[[Scanpath, Scanpath], Any]
METRICS: dict[str, dict[str, Metric]] = {
    "MultiMatch 3-D": {"CTGaze": lambda a, b: multimatch(a, b).values, "plain Python": plain_multimatch},
    "MultiMatch 2-D": {
        "CTGaze": lambda a, b: multimatch(flat(a), flat(b)).values,
        "multimatch_gaze": package_multimatch,
    },
    "ScanMatch 25 ms": {
        "CTGaze": lambda a, b: scanmatch(a, b, temporal_bin_s=PUBLISHED_TEMPORAL_BIN_S, faithful=True).score,
        "plain Python": lambda a, b: plain_scanmatch(a, b, PUBLISHED_TEMPORAL_BIN_S),
    },
    "ScanMatch": {
        "CTGaze": lambda a, b: scanmatch(a, b, faithful=True).score,
        "plain Python": lambda a, b: plain_scanmatch(a, b, None),
    },
    "edit distance": {
        "CTGaze": lambda a, b: edit_distance(a, b, faithful=True).distance,
        "plain Python": plain_edit_distance,
    },
    "13,000 x 13,000 symbols": {"CTGaze": long_alignment},
}


def _measure(metric: str, who: str, answer: Any) -> None:
    warnings.simplefilter("ignore")  # the package's own, on a NumPy that it was not made for
    run = METRICS[metric][who]
    run(*paths(9))
    pair = paths()
    process = psutil.Process()
    before = peak = process.memory_info().rss
    finished = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not finished.wait(0.001):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    value = run(*pair)
    seconds = time.perf_counter() - start
    finished.set()
    watcher.join()
    for _ in range(20 if seconds < 0.1 else 2 if seconds < 2 else 0):
        start = time.perf_counter()
        run(*pair)
        seconds = min(seconds, time.perf_counter() - start)
    answer.send({"metric": metric, "who": who, "seconds": seconds, "peak_mib": (peak - before) / 2**20, "value": value})


def measured() -> list[dict[str, Any]]:
    """One row per metric and implementation, each from a process of its own."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for metric, implementations in METRICS.items():
        for who in implementations:
            if who == "multimatch_gaze" and find_spec(who) is None:
                continue
            ours_end, their_end = context.Pipe(duplex=False)
            process = context.Process(target=_measure, args=(metric, who, their_end))
            process.start()
            their_end.close()  # so that a child that dies ends the wait
            rows.append(ours_end.recv())
            process.join()
    return rows


def main() -> int:
    """Print one table, or JSON; 1 when implementations disagree or a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    rows = measured()
    ours = {row["metric"]: row for row in rows if row["who"] == "CTGaze"}
    missed = []
    for row in rows:
        metric = row["metric"]
        row["ratio"] = row["seconds"] / ours[metric]["seconds"]
        row["agrees"] = bool(np.allclose(row["value"], ours[metric]["value"], rtol=0, atol=1e-6))
        if not row["agrees"]:
            missed.append(f"{metric}: {row['who']} disagrees")
        if row["who"] != "CTGaze" and row["ratio"] < TARGET_RATIO.get(metric, 0):
            missed.append(f"{metric}: {row['ratio']:.0f} times {row['who']}, not {TARGET_RATIO[metric]}")
        if row["who"] == "CTGaze" and row["seconds"] > BUDGET_S.get(metric, np.inf):
            missed.append(f"{metric}: {row['seconds'] * 1000:.1f} ms, not {BUDGET_S[metric] * 1000:.0f}")
        if row["who"] == "CTGaze" and row["peak_mib"] > BUDGET_MIB:
            missed.append(f"{metric}: {row['peak_mib']:.0f} MiB, not {BUDGET_MIB}")
    if as_json:
        print(json.dumps({"rows": rows, "missed": missed}))
    else:
        print("400 x 400 fixations, about 250 ms each; best run; peak growth of the process")
        print(f"{'metric':<25}{'implementation':<17}{'ms':>11}{'ratio':>9}{'peak MiB':>10}  same result")
        for row in rows:
            print(
                f"{row['metric']:<25}{row['who']:<17}{row['seconds'] * 1000:>11.2f}{row['ratio']:>9.1f}"
                f"{row['peak_mib']:>10.1f}  {'yes' if row['agrees'] else 'NO'}"
            )
        for line in missed:
            print(f"MISSED {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
