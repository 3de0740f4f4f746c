"""How long from starting the program to a usable window, and to its help, beside a bare Qt window.

Usage: python -m tests.benchmarks.bench_startup [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

WINDOW = """
import sys
from PySide6.QtCore import QTimer
from ctgaze_app.ui.application import run_application
def prepare(window):
    window.home.grab()
    QTimer.singleShot(0, window.close)
sys.exit(run_application(prepare))
"""
BARE = """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
a = QApplication([]); w = QLabel('x'); w.show(); w.grab(); QTimer.singleShot(0, a.quit); a.exec()
"""
CASES = {
    "ctgaze, window shown and painted": [sys.executable, "-c", WINDOW],
    "a bare Qt window (peer)": [sys.executable, "-c", BARE],
    "ctgaze --help": [sys.executable, "-m", "ctgaze_app", "--help"],
    "python -c pass (floor)": [sys.executable, "-c", "pass"],
}


def main() -> None:
    """Run each case and print the median of its wall times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    sys.stdout.write(f"{'case':36s} {'median s':>9s} {'worst s':>9s}   budget: window under 2 s\n")
    for name, command in CASES.items():
        times = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            times.append(time.perf_counter() - start)
        warm = times[1:]
        sys.stdout.write(f"{name:36s} {statistics.median(warm):9.2f} {max(warm):9.2f}\n")


if __name__ == "__main__":
    main()
