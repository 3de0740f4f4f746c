"""What segmentation learns from simulated gaze: pseudo-masks against true masks, one level and two, with consistency.

Run with ``python -m tests.benchmarks.gaze_segmentation_learning --out FOLDER [--seeds 1 2 3] [--variant NAME ...]``.
All networks are those of the recipe ``gaze_segmentation_small`` on the same slices of made patients; the test patients
are seen by none. Networks that learn from gaze choose their epoch by the pseudo-masks of the validation patients and
open no mask at all; the one that learns from true masks chooses by Dice. One process and one thread; a network that is
there already is not trained again, one that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.card import CARD_FILE
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.gaze_segmentation import family
from models.gaze_segmentation.config import SegmentationConfig
from models.gaze_segmentation.evaluation_rows import floors_of, pseudo_mask_rows
from models.gaze_segmentation.prediction import THRESHOLD, average_of, probabilities_of_slices
from models.gaze_segmentation.slices import slices_of
from models.gaze_segmentation.training_pictures import true_mask
from models.metrics.bootstrap import Estimate, mean_interval, paired_difference
from models.metrics.overlap import overlap
from models.training.result import TrainingState
from models.training.run_folder import CONFIG

Floats = NDArray[np.float64]
SCORES = "scores.json"
WHOLE = "all levels"


@dataclass(frozen=True)
class Variant:
    """One way of learning: what is changed of the recipe's settings and training table."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


VARIANTS = (
    Variant("full", {"mode": "full", "thresholds": (0.5,), "consistency": "none"}, {"monitor": "val/dice"}),
    Variant("one-level", {"thresholds": (0.5,), "consistency": "none"}),
    Variant("two-levels", {"consistency": "none"}),
    Variant("two-levels-pure", {"consistency": "pure"}),
    Variant("two-levels-propagated", {"consistency": "propagated"}),
)
COMPARED = (
    ("one-level", "full"),
    ("two-levels", "one-level"),
    ("two-levels-pure", "two-levels"),
    ("two-levels-propagated", "two-levels"),
    ("two-levels-propagated", "two-levels-pure"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not there, score all on the test patients, print the tables and write them."""
    given = _arguments(arguments)
    torch.set_num_threads(1)
    recipe = family.read_recipe(given.recipe)
    cases = _cases(recipe, given)
    scores: dict[str, dict[int, dict[str, Floats]]] = {}
    for seed in given.seeds:
        for variant in VARIANTS:
            if variant.name in given.variant:
                out = given.out / f"{variant.name}_{seed}"
                _train(_config(recipe, variant, seed, given), cases, out)
                scores.setdefault(variant.name, {})[seed] = _scores(out, cases.test)
    lines = [
        *_variant_lines(scores, cases.test),
        "",
        *_beside_lines(recipe, cases.test),
        "",
        *_compared(scores, cases.test),
    ]
    print("\n".join(lines), flush=True)
    (given.out / "results.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _config(recipe: SegmentationConfig, variant: Variant, seed: int, given: argparse.Namespace) -> SegmentationConfig:
    plain = recipe.model_dump()
    plain["model"]["settings"].update(variant.settings)
    plain["training"].update({**variant.training, "seed": seed})
    if given.epochs:
        plain["training"]["epochs"] = given.epochs
    plain["data"]["cache"] = given.cache
    return SegmentationConfig.model_validate(plain)


def _cases(recipe: SegmentationConfig, given: argparse.Namespace) -> Split[PictureCase]:
    """Pictures are cut out of their patients once; the file is this script's own."""
    given.out.mkdir(parents=True, exist_ok=True)
    place = given.out / "cases.pickle"
    if place.is_file():
        with place.open("rb") as file:
            found: Split[PictureCase] = pickle.load(file)
        return found
    found = family.cases_of(recipe, cache=given.cache, workers=1, progress=_tell_making)
    with place.open("wb") as file:
        pickle.dump(found, file)
    return found


def _tell_making(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"{done} of {total} patients", flush=True)


def _train(config: SegmentationConfig, cases: Split[PictureCase], out: Path) -> None:
    if (out / CARD_FILE).is_file():
        return
    began_s = time.perf_counter()

    def tell(state: TrainingState) -> None:
        if state.validated:
            values = ", ".join(f"{name} {value:.4f}" for name, value in sorted(state.values.items()))
            print(f"{out.name}: epoch {state.epoch} of {state.epochs}: {values}", flush=True)

    found = family.train(config, cases, out, resume=(out / CONFIG).is_file(), device="cpu", progress=tell)
    print(f"{out.name}: epoch {found.best_epoch} is the best, {time.perf_counter() - began_s:.0f} s", flush=True)


def _scores(out: Path, cases: Sequence[PictureCase]) -> dict[str, Floats]:
    """Dice of each test picture, of all levels together and of each; NaN where both masks are empty."""
    place = out / SCORES
    if place.is_file():
        kept = json.loads(place.read_text(encoding="utf-8"))
        return {name: np.array(values, dtype=np.float64) for name, values in kept.items()}
    network = family.load(out).network
    settings = network.settings
    names = (WHOLE, *settings.level_names)
    found: dict[str, list[float]] = {name: [] for name in names}
    for case in cases:
        stack = slices_of(case.load(), settings, hu_of_pictures=True)
        (said,) = probabilities_of_slices(network, stack, [0], average_of(settings, None))
        truth = true_mask(case, stack.planes.shape[1:3])
        for name, values in zip(names, (said.mean, *said.levels), strict=True):
            found[name].append(overlap(values >= THRESHOLD, truth).dice)
    place.write_text(json.dumps(found), encoding="utf-8")
    return {name: np.array(values) for name, values in found.items()}


def _variant_lines(scores: Mapping[str, Mapping[int, Mapping[str, Floats]]], cases: Sequence[PictureCase]) -> list[str]:
    patients = [case.patient for case in cases]
    lines = [f"Dice on {len(cases)} slices of {len(set(patients))} test patients, mean (95% over patients)"]
    for name, seeds in scores.items():
        for row in next(iter(seeds.values())):
            each = {seed: mean_interval(found[row], patients, seed=1) for seed, found in seeds.items()}
            pooled = mean_interval(_over_seeds(seeds, row), patients, seed=1)
            means = [one.mean for one in each.values()]
            lines.append(f"{name}, {row}: {_text(pooled)}; seeds {min(means):.3f} to {max(means):.3f}")
            if row == WHOLE:
                lines.extend(f"    seed {seed}: {_text(one)}" for seed, one in each.items())
    return lines


def _beside_lines(recipe: SegmentationConfig, cases: Sequence[PictureCase]) -> list[str]:
    patients = [case.patient for case in cases]
    truths = [true_mask(case, case.load().shape_kji[1:]) for case in cases]
    pseudo = recipe.data.pseudo_masks.settings(recipe.model.settings.thresholds)
    rows = {**floors_of(truths), **pseudo_mask_rows(cases, pseudo)}
    lines = []
    for name, masks in rows.items():
        dice = [
            np.nan if found is None else overlap(found, truth).dice for found, truth in zip(masks, truths, strict=True)
        ]
        lines.append(f"{name}: {_text(mean_interval(dice, patients, seed=1))}")
    return lines


def _compared(scores: Mapping[str, Mapping[int, Mapping[str, Floats]]], cases: Sequence[PictureCase]) -> list[str]:
    """Differences of Dice, each picture's mean over the seeds, with what did not help."""
    patients = [case.patient for case in cases]
    lines = []
    for name, other in COMPARED:
        if name in scores and other in scores:
            first, second = (_over_seeds(scores[one], WHOLE) for one in (name, other))
            found = paired_difference(first, second, patients, seed=1)
            verdict = "helps" if found.low > 0 else "hurts" if found.high < 0 else "makes no difference that shows"
            lines.append(f"{name} minus {other}: {_text(found)}: {verdict}")
    return lines


def _over_seeds(seeds: Mapping[int, Mapping[str, Floats]], row: str) -> Floats:
    return np.asarray(np.mean([found[row] for found in seeds.values()], axis=0))


def _text(found: Estimate) -> str:
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--variant", nargs="+", choices=names, default=names)
    parser.add_argument("--recipe", default="gaze_segmentation_small")
    parser.add_argument("--epochs", type=int, default=0, help="0: as the recipe says")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "ctgaze" / "training")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
