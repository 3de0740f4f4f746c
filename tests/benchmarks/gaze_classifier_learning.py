"""What a reader's gaze adds to classifiers of radiographs: networks with gaze and without it on the same patients.

Run with ``python -m tests.benchmarks.gaze_classifier_learning --out FOLDER [--seeds 1 2 3] [--variant NAME ...]``.
Every network is trained with the same made radiographs and epochs, its best epoch is chosen on validation patients, and
all are tested on the same 90 patients. Two controls: a temporal network that learned with another patient's gaze, and
the one that learned with the right gaze when it is shown another patient's. A run that is there already is not made
again. One run takes up to three minutes on one busy core; the patients are made once, in about five.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path

from models.card import CARD_FILE, Figure
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.gaze_classifier.areas import Areas, areas_of, mean_of
from models.gaze_classifier.config import ClassifierConfig
from models.gaze_classifier.family import cases_of, load, read_recipe, train
from models.gaze_classifier.gaze_map_fit import BORROWED, CENTRE, fit_scores
from models.gaze_classifier.inference import maps_of, probabilities_of
from models.gaze_classifier.prediction import GRAD_CAM, PREDICTED_GAZE
from models.gaze_classifier.prepared_pictures import prepare, truth_of, with_borrowed_gaze
from models.gaze_classifier.unet import GazeUnet
from models.metrics.bootstrap import mean_interval, paired_difference

Floats = NDArray[np.float64]
RESAMPLES = 2000
BOOTSTRAP_SEED = 1
LENDING_SEED = 1
OWN, LENT = "shown its reader's gaze", "shown another patient's gaze"
NO_GAZE = "no gaze"


@dataclass(frozen=True)
class Variant:
    """One network: which recipe, and what of its settings and training is changed."""

    name: str
    recipe: str
    settings: Mapping[str, Any]
    training: Mapping[str, Any]
    meaning: str


TEMPORAL, STATIC = "gaze_classifier_small_temporal", "gaze_classifier_small_static"
VARIANTS = (
    Variant("baseline", TEMPORAL, {"kind": "baseline"}, {}, "image CNN, no gaze"),
    Variant("temporal", TEMPORAL, {}, {}, "image CNN and a sequence of gaze"),
    Variant("temporal-lent", TEMPORAL, {}, {"borrowed_gaze": True}, "the same, learned with another patient's gaze"),
    Variant("static-no-gaze", STATIC, {}, {"classification_share": 1.0}, "U-Net that learns findings alone (g = 1)"),
    Variant("static", STATIC, {}, {}, "U-Net that learns findings and the gaze map"),
)
SHOWN = {
    "baseline": (NO_GAZE,), "temporal": (OWN, LENT), "temporal-lent": (LENT,), "static-no-gaze": (NO_GAZE,),
    "static": (NO_GAZE,),
}  # fmt: skip
PAIRS = (
    (("temporal", OWN), ("baseline", NO_GAZE)),
    (("temporal", OWN), ("temporal-lent", LENT)),
    (("temporal", OWN), ("temporal", LENT)),
    (("temporal-lent", LENT), ("baseline", NO_GAZE)),
    (("static", NO_GAZE), ("static-no-gaze", NO_GAZE)),
    (("static-no-gaze", NO_GAZE), ("baseline", NO_GAZE)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not there, print the tables and write them."""
    given = _arguments(arguments)
    folder: Path = given.out
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [variant for variant in VARIANTS if variant.name in given.variant]
    wanted = [(variant, seed) for seed in given.seeds for variant in chosen]
    missing = [(variant, seed) for variant, seed in wanted if not _file(folder, variant.name, seed).is_file()]
    if missing:
        split = _split(given.cache, given.workers)
        for variant, seed in missing:
            _run(variant, seed, split, folder)
    runs = {
        variant.name: [json.loads(_file(folder, variant.name, seed).read_text()) for seed in given.seeds]
        for variant in chosen
    }
    summary = {"seeds": given.seeds, **_findings(runs), **_maps(runs)}
    for lines in (_findings_lines(summary, runs), _maps_lines(summary)):
        print("\n".join(lines), flush=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return 0


def config_of(variant: Variant, seed: int) -> ClassifierConfig:
    """A recipe with the variant's changes."""
    recipe = read_recipe(variant.recipe)
    settings = recipe.model.settings.model_copy(update=dict(variant.settings))
    model = recipe.model.model_copy(update={"settings": settings, "name": variant.name})
    training = recipe.training.model_copy(update={**variant.training, "seed": seed, "accelerator": "cpu"})
    return ClassifierConfig.model_validate(
        recipe.model_copy(update={"model": model, "training": training}).model_dump()
    )


def _split(cache: Path, workers: int) -> Split[PictureCase]:
    print("making patients, or reading those that are there", flush=True)
    began, told = time.perf_counter(), [0]

    def progress(done: int, total: int) -> None:
        told[0] += 1
        if told[0] % 50 == 0:
            print(f"  {told[0]} patients, {time.perf_counter() - began:.0f} s", flush=True)

    return cases_of(read_recipe(TEMPORAL), cache=cache, workers=workers, progress=progress)


def _run(variant: Variant, seed: int, split: Split[PictureCase], folder: Path) -> None:
    """Train one network and write what it says of every test picture."""
    began = time.perf_counter()
    out = folder / f"{variant.name}-{seed}"
    if (out / CARD_FILE).is_file():
        # It was stopped between its training and its test, which costs less to repeat than to take up.
        shutil.rmtree(out)
    result = train(config_of(variant, seed), split, out, resume=(out / "config.toml").is_file())
    trained_s = time.perf_counter() - began
    network = load(out).network
    pictures = prepare(split.test, network.settings)
    lent = with_borrowed_gaze(pictures, LENDING_SEED)
    found: dict[str, Any] = {
        "variant": variant.name, "seed": seed, "best_epoch": result.best_epoch, "validation": result.figures,
        "seconds": round(trained_s, 1), "labels": network.settings.labels,
        "patients": [one.patient for one in pictures],
        "truth": truth_of(pictures).tolist(),
        "probabilities": {
            shown: probabilities_of(network, lent if shown == LENT else pictures).tolist()
            for shown in SHOWN[variant.name]
        },
    }  # fmt: skip
    if isinstance(network, GazeUnet):
        gaze, cam = maps_of(network, pictures)
        learned = variant.training.get("classification_share") != 1.0
        maps = {GRAD_CAM: cam, **({PREDICTED_GAZE: gaze} if gaze is not None and learned else {})}
        found["fit"] = fit_scores(
            maps, pictures, size_px=network.settings.size_px, weighting=network.settings.weighting, seed=LENDING_SEED
        )
    _file(folder, variant.name, seed).write_text(json.dumps(found), encoding="utf-8")
    print(
        f"{variant.name}, seed {seed}: epoch {result.best_epoch}, validation AUROC "
        f"{result.figures['val/auroc']:.3f}, {trained_s:.0f} s",
        flush=True,
    )


def _findings(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """AUROC by variant and what it was shown, averaged over seeds, and paired differences."""
    areas: dict[tuple[str, str], Areas] = {}
    each: dict[str, list[float]] = {}
    for name, several in runs.items():
        for shown in SHOWN[name]:
            found = [_areas(run, shown) for run in several]
            areas[name, shown] = mean_of(found)
            each[f"{name}, {shown}"] = [float(one.values[-1]) for one in found]
    labels = [label for several in runs.values() for label in several[0]["labels"]][:3]
    rows = {
        f"{name}, {shown}": {
            "mean AUROC": _plain(found.figure()),
            **{label: _plain(found.figure(column)) for column, label in enumerate(labels)},
        }
        for (name, shown), found in areas.items()
    }
    differences = {
        f"{', '.join(first)} minus {', '.join(second)}": _plain(areas[first].less(areas[second]))
        for first, second in PAIRS
        if first in areas and second in areas
    }
    return {"findings": rows, "each seed": each, "differences": differences}


def _areas(run: Mapping[str, Any], shown: str) -> Areas:
    return areas_of(
        np.array(run["truth"]), np.array(run["probabilities"][shown]), run["patients"], seed=BOOTSTRAP_SEED,
        resamples=RESAMPLES,
    )  # fmt: skip


def _maps(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """How well maps fit the readers', averaged over seeds for every picture first; floors are the same for all."""
    scores: dict[str, dict[str, Floats]] = {}
    patients: list[str] = []
    for name, several in runs.items():
        for kind in several[0].get("fit", {}):
            row = f"floor: {kind}" if kind in (CENTRE, BORROWED) else f"{name}: {kind}"
            fits = [run["fit"][kind] for run in several]
            # A Grad-CAM without a positive place has no correlation with anything, which JSON writes as null.
            scores[row] = {
                measure: _mean_of_known(np.array([fit[measure] for fit in fits], dtype=np.float64))
                for measure in fits[0]
            }
            patients = list(several[0]["patients"])
    options: dict[str, Any] = {"seed": BOOTSTRAP_SEED, "resamples": RESAMPLES}
    rows = {
        row: {measure: mean_interval(values, patients, **options).to_dict() for measure, values in found.items()}
        for row, found in scores.items()
    }
    ours = f"static: {PREDICTED_GAZE}"
    differences = {
        f"{ours} minus {row}, CC": paired_difference(scores[ours]["CC"], found["CC"], patients, **options).to_dict()
        for row, found in scores.items()
        if ours in scores and row != ours
    }
    return {"maps": rows, "map differences": differences}


def _mean_of_known(values: Floats) -> Floats:
    """(pictures,) over the seeds; NaN where no seed has a value."""
    known = np.ma.masked_invalid(values)
    return np.asarray(known.mean(axis=0).filled(np.nan))


def _findings_lines(summary: Mapping[str, Any], runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    lines = ["", f"AUROC on the test patients, mean of seeds {summary['seeds']}, 95 % over patients"]
    for row, figures in summary["findings"].items():
        parts = [f"{name} {_said(figure)}" for name, figure in figures.items()]
        seeds = " ".join(f"{value:.3f}" for value in summary["each seed"][row])
        lines.append(f"  {row:44s} {'; '.join(parts)}; seeds {seeds}")
    lines += ["", "paired differences of the mean AUROC on the same patients"]
    for row, figure in summary["differences"].items():
        lines.append(f"  {_said(figure)}  {row}  {_verdict(figure)}")
    seconds = [run["seconds"] for several in runs.values() for run in several]
    return [*lines, "", f"training: {min(seconds):.0f} to {max(seconds):.0f} s a run"]


def _maps_lines(summary: Mapping[str, Any]) -> list[str]:
    if not summary["maps"]:
        return []
    lines = ["", "maps beside the reader's gaze: CC (higher is better), KL in nats (lower is better)"]
    for row, found in summary["maps"].items():
        parts = [f"{measure} {_interval(one['mean'], one['low'], one['high'])}" for measure, one in found.items()]
        lines.append(f"  {row:44s} {'; '.join(parts)}")
    for row, one in summary["map differences"].items():
        lines.append(f"  {_interval(one['mean'], one['low'], one['high'])}  {row}")
    return lines


def _verdict(figure: Mapping[str, float | None] | None) -> str:
    if figure is None or figure["low"] is None or figure["high"] is None:
        return ""
    return "helps" if figure["low"] > 0 else "hurts" if figure["high"] < 0 else "no difference shown"


def _said(figure: Mapping[str, float | None] | None) -> str:
    return "none" if figure is None else _interval(figure["value"], figure["low"], figure["high"])


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:+.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _plain(figure: Figure | None) -> dict[str, float | None] | None:
    return None if figure is None else {"value": figure.value, "low": figure.low, "high": figure.high}


def _file(folder: Path, variant: str, seed: int) -> Path:
    return folder / f"{variant}-{seed}.json"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variant", nargs="+", choices=names, default=names)
    parser.add_argument("--cache", type=Path, default=user_cache_path("ctgaze") / "training")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    return given


if __name__ == "__main__":
    raise SystemExit(main())
