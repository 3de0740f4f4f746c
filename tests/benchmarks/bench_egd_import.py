"""How long the chest X-ray tables take to import at their real size, beside a plain pandas.read_csv of them.

``python -m tests.benchmarks.bench_egd_import`` makes synthetic tables of 1,083 pictures in 38 sessions (1.5 million
samples, 37 columns), reads them with every check and the mapping onto the pictures, and reads the same files with
``pandas.read_csv`` (its C parser, and with pyarrow), which checks nothing and maps nothing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ctgaze_app.formats.contract import checked_options
from ctgaze_app.formats.egd import FORMAT
from ctgaze_app.formats.egd_display import PicturePlacement, published_coordinates
from ctgaze_app.formats.egd_tables import (
    FIXATION_FILE,
    GAZE_NAMES,
    PADS,
    SAMPLE_FILE,
    SHEET_FILE,
    SHEET_NAMES,
    TICK,
    TIME,
    write_table,
)
from ctgaze_app.formats.exchange import import_file

PICTURES, SESSIONS, SAMPLES_EACH, FIXATION_SAMPLES, GAP_SAMPLES = 1083, 38, 1385, 26, 5
PLACEMENT = PicturePlacement(2544, 3056, 0, 0, 534, 534)
LIMIT_S = 10.0


def make_tables(folder: Path, pictures: int = PICTURES) -> int:
    """Write the synthetic folder; returns the number of samples."""
    random = np.random.default_rng(1)
    count = pictures * SAMPLES_EACH
    step = FIXATION_SAMPLES + GAP_SAMPLES
    number = np.arange(count) % SAMPLES_EACH
    picture = np.arange(count) // SAMPLES_EACH
    fixation = number // step
    within = number % step
    codes = np.array([f"{each:08x}-00000000-00000000-00000000-00000000" for each in range(pictures)])
    seconds = np.round((number + 1) / 60, 5)
    start = np.round((fixation * step + 1) / 60, 5)
    centre = np.round(random.uniform(0.3, 0.7, (pictures * (SAMPLES_EACH // step + 1), 2)), 5)
    point = centre[picture * (SAMPLES_EACH // step + 1) + fixation]
    valid = within < FIXATION_SAMPLES
    table = {name: np.zeros(count) for name in GAZE_NAMES}
    table |= {
        "SESSION_ID": picture * SESSIONS // pictures + 1, "MEDIA_ID": picture % 30, "DICOM_ID": codes[picture],
        "CNT": number, TIME: seconds, TICK: 7e11 + np.round(seconds * 1e7), "FPOGX": point[:, 0], "FPOGY": point[:, 1],
        "FPOGS": start, "FPOGD": np.round(np.where(valid, seconds - start, 0.0), 5), "FPOGID": fixation + 1,
        "FPOGV": valid.astype(int), "BPOGV": np.ones(count, int),
    }  # fmt: skip
    for name in ("BPOGX", "BPOGY", "LPCX", "LPCY", "RPCX", "RPCY"):
        table[name] = np.round(random.uniform(0.3, 0.7, count), 5)
    for name in ("LPD", "RPD", "LPMM", "RPMM", "LPS", "RPS"):
        table[name] = np.round(random.uniform(2.0, 5.0, count), 5)
    for name in ("LPV", "RPV", "LPMMV", "RPMMV", "BKID", "BKPMIN"):
        table[name] = np.ones(count, int)
    table["X_ORIGINAL"], table["Y_ORIGINAL"] = published_coordinates(point[:, 0], point[:, 1], PLACEMENT)
    samples = pd.DataFrame({name: table[name] for name in GAZE_NAMES})
    write_table(folder / SAMPLE_FILE, samples)
    write_table(folder / FIXATION_FILE, samples[within == FIXATION_SAMPLES - 1])
    sheet = {name: [""] * pictures for name in SHEET_NAMES}
    sheet |= {"dicom_id": list(codes), "patient_id": [str(each) for each in range(pictures)]}
    pads = (PLACEMENT.top, PLACEMENT.bottom, PLACEMENT.left, PLACEMENT.right)
    sheet |= {name: [str(int(pad))] * pictures for name, pad in zip(PADS, pads, strict=True)}
    write_table(folder / SHEET_FILE, pd.DataFrame(sheet))
    return count


def best_s(actions: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Seconds of the fastest of some runs of each; they take turns, so that a busy moment does not fall on one."""
    best = [float("inf")] * len(actions)
    for _ in range(times):
        for place, action in enumerate(actions):
            begin = time.perf_counter()
            action()
            best[place] = min(best[place], time.perf_counter() - begin)
    return best


def main() -> int:
    """Print the table; exit code 1 when the import takes longer than ten seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    options = checked_options({"display": "published"}, FORMAT.read_options, FORMAT.name)
    assert FORMAT.read is not None
    read = FORMAT.read
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as out:
        folder = Path(place)
        count = make_tables(folder, asked.pictures)
        size = (folder / SAMPLE_FILE).stat().st_size / 1e6
        files = (folder / SAMPLE_FILE, folder / FIXATION_FILE, folder / SHEET_FILE)
        rounds = itertools.count()
        whole, ours, plain, arrow = best_s(
            (
                lambda: import_file(folder, "egd", {"display": "published"}, Path(out) / f"{next(rounds)}"),
                lambda: read(folder, options),
                lambda: [pd.read_csv(file) for file in files],
                lambda: [pd.read_csv(file, engine="pyarrow") for file in files],
            ),
            asked.times,
        )
    print(f"{count:,} samples of 37 columns, {size:.0f} MB, best of {asked.times}")
    print(f"{'ctgaze import: read, checked, written':42} {whole:6.2f} s")
    print(f"{'of it reading, checked and mapped':42} {ours:6.2f} s")
    print(f"{'pandas.read_csv, nothing checked':42} {plain:6.2f} s   ({ours / plain:.2f} of it)")
    print(f"{'pandas.read_csv with pyarrow':42} {arrow:6.2f} s   ({ours / arrow:.2f} of it)")
    return int(whole > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
