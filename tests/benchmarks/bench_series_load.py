"""Loading 400 uncompressed 512 x 512 slices: CTGaze beside SimpleITK and highdicom, each in a process of its own.

Run with ``python -m tests.benchmarks.bench_series_load [slices]``. The files are written first and lie in the page
cache; the peak is that of the whole process, less what it held after its imports.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.factories.dicom_series import write_series


def _ours(folder: Path) -> Any:
    from ctgaze_app.ct.series import load_series

    yield
    yield load_series(folder).voxels


def _simpleitk(folder: Path) -> Any:
    import SimpleITK

    yield
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()  # named, so that it outlives the view of its pixels
    yield SimpleITK.GetArrayViewFromImage(image)[::-1]


def _highdicom(folder: Path) -> Any:
    import highdicom
    import pydicom

    yield
    datasets = [pydicom.dcmread(path) for path in folder.iterdir()]
    yield highdicom.get_volume_from_series(datasets, dtype=np.float32).array


LOADERS = {"CTGaze": _ours, "SimpleITK": _simpleitk, "highdicom": _highdicom}


def _measure(name: str, folder: Path, answer: Any) -> None:
    steps = LOADERS[name](folder)
    next(steps)
    process = psutil.Process()
    before = peak = process.memory_info().rss
    finished = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not finished.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    voxels = next(steps)
    seconds = time.perf_counter() - start
    finished.set()
    watcher.join()
    answer.send((name, seconds, peak - before, str(voxels.dtype), int(np.sum(voxels[::40], dtype=np.int64))))


def main(slices: int) -> int:
    """Measure all loaders, three times each, and print one table; 1 when the loaders disagree on the voxels."""
    context = multiprocessing.get_context("spawn")
    volume_bytes = slices * 512 * 512 * 2
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = np.random.default_rng(0).integers(-1000, 1000, (512, 512))
        write_series(
            folder, slices=slices, rows=512, columns=512, pixels=lambda k, _r, _c: np.roll(image, k), shuffled=True
        )
        for loader in LOADERS:
            runs = []
            for _ in range(3):
                ours_end, their_end = context.Pipe(duplex=False)
                process = context.Process(target=_measure, args=(loader, folder, their_end))
                process.start()
                their_end.close()  # so that a child that dies ends the wait
                runs.append(ours_end.recv())
                process.join()
            rows.append(sorted(runs, key=lambda run: run[1])[1])
    ours = rows[0]
    print(f"{slices} slices of 512 x 512, uncompressed; volume {volume_bytes / 2**20:.0f} MiB as int16; median of 3")
    print(f"{'loader':<12}{'seconds':>9}{'ratio':>8}{'peak MiB':>10}{'x volume':>10}  dtype")
    for loader, seconds, peak, kind, _ in rows:
        ratio, share = seconds / ours[1], peak / volume_bytes
        print(f"{loader:<12}{seconds:>9.2f}{ratio:>8.2f}{peak / 2**20:>10.0f}{share:>10.2f}  {kind}")
    agree = len({row[4] for row in rows}) == 1
    print("same voxels" if agree else "THE LOADERS DISAGREE")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
