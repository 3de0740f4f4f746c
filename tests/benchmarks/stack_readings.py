"""Simulated stack readings against their truth: kinds, slices, dwell and doubt, over rates and noise.

Run: python -m tests.benchmarks.stack_readings [--seconds 120] [--seeds 2]

What is compared:

- Kinds: each true fixation, drill and pursuit by the kind of the found fixation that covers most of it ("missed" when
  found fixations cover less than half). Rests that follow each other without a saccade are one true event.
- Samples: what each sample was called, by what the eye truly did.
- Slices: of the samples in fixations at 0.3 degrees, the share whose slice is the one that was truly on the screen; and
  of the found fixations, the share whose slice (the one dwelt on longest) is the one that the truth was longest on.
- Dwell: sum over slices of |found - true| over the sum of the true, whole reading. "gaze": every sample with an eye
  against the true time with open eyes (sample measures). "fixated": fixations' runs, half a sample interval added at
  both ends of each fixation, against the true time of fixations, drills and pursuits (event measures).
- Doubt: with a display latency 33 ms longer than stated, the share of samples with a wrong slice that are marked
  `slice_uncertain`, and the share of all samples that are marked.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.gaze.detectors import TOBII_IVT
from ctgaze_app.gaze.fixations import KINDS
from ctgaze_app.gaze.measures import TimeOnImage, event_measures, sample_measures
from ctgaze_app.gaze.sensitivity import FOR_NOISY_GAZE
from models.simulation.stack_reading import EVENT_KINDS, StackReadingSettings
from tests.gaze.simulated_stack import STATED, Analysed, analyse, kind_confusion, sample_confusion

RATES_HZ = (60.0, 120.0, 250.0, 500.0, 1200.0)
NOISES_DEG = (0.2, 0.3, 0.5, 1.0)
HIDDEN_LATENCY_S = 0.033
DETECTORS = {"default": TOBII_IVT, "for noisy gaze": FOR_NOISY_GAZE}


def slices_right(analysed: Analysed) -> tuple[float, float]:
    """Shares of fixation samples and of fixations with the right slice."""
    reading, events = analysed.reading, analysed.events
    inside = events.fixation >= 0
    samples = float((analysed.mapped.slice_index[inside] == reading.slice_index[inside]).mean())
    right = 0
    for number, (first, last) in enumerate(zip(events.first, events.last, strict=True)):
        seconds = np.bincount(reading.slice_index[first : last + 1], minlength=reading.settings.slices)
        # Of slices shown equally long to within a sample either is right.
        right += bool(seconds[analysed.fixations["slice_index"][number]] >= seconds.max() - 1)
    return samples, right / max(len(events.first), 1)


def dwell_errors(analysed: Analysed) -> tuple[float, float]:
    """Summed differences of dwell per slice relative to the truth: gaze, fixated."""
    reading = analysed.reading
    gaze = sample_measures(analysed.mapped)
    fixated = event_measures(analysed.mapped, analysed.fixations, analysed.segments)
    return _difference(gaze, reading.gaze_on_slice_s), _difference(fixated, reading.fixated_on_slice_s)


def _difference(found: TimeOnImage, true: NDArray[np.float64]) -> float:
    seconds = np.array([found.by_slice_s.get((0, k), 0.0) for k in range(len(true))])
    return float(np.abs(seconds - true).sum() / true.sum())


def doubt(analysed: Analysed) -> tuple[float, float, float]:
    """Of samples with a wrong slice the share marked uncertain; of all the share wrong; of all the share marked."""
    wrong = analysed.mapped.slice_index != analysed.reading.slice_index
    marked = analysed.mapped.slice_uncertain
    return float(marked[wrong].mean()) if wrong.any() else 1.0, float(wrong.mean()), float(marked.mean())


def measured(settings: StackReadingSettings, seeds: Sequence[int], parameters: Any = None) -> dict[str, Any]:
    """Every figure of one rate and noise over several readings."""
    runs = [analyse(settings, seed=seed, parameters=parameters) for seed in seeds]
    return {
        "kinds": sum(kind_confusion(run) for run in runs),
        "slices": np.mean([slices_right(run) for run in runs], axis=0),
        "dwell": np.mean([dwell_errors(run) for run in runs], axis=0),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seeds = range(1, chosen.seeds + 1)
    columns = [f"{true}: {found}" for true in KINDS for found in (*KINDS, "missed")]
    for name, parameters in DETECTORS.items():
        print(f"\n{name}: {parameters}\n")
        print(
            "| rate Hz | noise deg | " + " | ".join(columns) + " | slice of samples | of fixations | gaze | fixated |"
        )
        print("|" + "---|" * (len(columns) + 6))
        for rate_hz in RATES_HZ:
            for noise_deg in NOISES_DEG:
                found = measured(StackReadingSettings(chosen.seconds, rate_hz, noise_deg), seeds, parameters)
                kinds = " | ".join(str(count) for count in found["kinds"].ravel())
                shares = " | ".join(f"{share:.2%}" for share in (*found["slices"], *found["dwell"]))
                print(f"| {rate_hz:g} | {noise_deg:g} | {kinds} | {shares} |")
    print("\nSamples of each true kind by found kind, default, 0.3 degrees:\n")
    print("| rate Hz | true | " + " | ".join((*EVENT_KINDS, "none")) + " |")
    print("|" + "---|" * (len(EVENT_KINDS) + 3))
    for rate_hz in RATES_HZ:
        runs = [analyse(StackReadingSettings(chosen.seconds, rate_hz), seed=seed) for seed in seeds]
        table = np.sum([sample_confusion(run) for run in runs], axis=0)
        for kind, row in zip(EVENT_KINDS, table / table.sum(axis=1, keepdims=True), strict=True):
            print(f"| {rate_hz:g} | {kind} | " + " | ".join(f"{share:.1%}" for share in row) + " |")
    print("\n| slices/s | rate Hz | slice of samples | of fixations | dwell: gaze | dwell: fixated |")
    print("|" + "---|" * 6)
    for speed in (5.0, 17.0, 40.0):
        for rate_hz in RATES_HZ:
            settings = StackReadingSettings(
                chosen.seconds, rate_hz, slices_per_s=(speed,), phases=("explore", "drill", "scan")
            )
            found = measured(settings, seeds)
            shares = " | ".join(f"{share:.2%}" for share in (*found["slices"], *found["dwell"]))
            print(f"| {speed:g} | {rate_hz:g} | {shares} |")
    print("\n| hidden latency ms | rate Hz | wrong slice | of them marked | marked of all |")
    print("|" + "---|" * 5)
    for hidden_s in (0.0, 1 / 60, HIDDEN_LATENCY_S, 0.05):
        for rate_hz in (60.0, 250.0, 1200.0):
            late = StackReadingSettings(chosen.seconds, rate_hz, latency_s=STATED.display_latency_s + hidden_s)
            shares3 = np.mean([doubt(analyse(late, seed=seed)) for seed in seeds], axis=0)
            print(f"| {hidden_s * 1000:.0f} | {rate_hz:g} | {shares3[1]:.2%} | {shares3[0]:.2%} | {shares3[2]:.2%} |")


if __name__ == "__main__":
    main()
