"""What CT-Scroll learns of made patients, with and without what it is named for, on patients that it never saw.

Run with ``python -m tests.benchmarks.ct_scroll_learning --out FOLDER [--seeds 1 2 3] [--variant scroll ...]``. Three
networks, each trained with several seeds on the same patients and by one recipe (`ct_scroll_small`): the whole one, one
without local attention, and the same trunk with the mean over slices in place of all attention. Volumes are prepared
once, and the trunk's first stage runs once a seed: all three begin with the same trunk. Each run is a process of its
own on one thread, and one that is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.ct_scroll.cases import cases_of, read_recipe
from models.ct_scroll.config import ScrollConfig
from models.ct_scroll.files import load_scroll
from models.ct_scroll.prepared import PreparedVolumes
from models.ct_scroll.slice_stage import finding_cells, trained_trunk
from models.ct_scroll.training import probabilities, train_scroll
from models.ct_scroll.trunk import make_trunk
from models.datasets.labelled_case import LabelledCase
from models.datasets.splits import Split
from models.metrics.classification import auroc, patient_weights, percentile_interval
from models.training.result import TrainingState
from models.weights import load_weights, save_weights

VARIANTS: dict[str, dict[str, Any]] = {
    "scroll": {},
    "no-local": {"local_attention": False},
    "slice-mean": {"windows": ()},
}
PARTS = ("train", "validation", "test")
RESAMPLES = 2000
CELLS, CASES = "train.cells.npy", "cases.pickle"


def main() -> int:
    """Prepares, runs what is missing, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variant", choices=VARIANTS, nargs="+", default=list(VARIANTS))
    parser.add_argument("--recipe", default="ct_scroll_small")
    parser.add_argument("--cache", type=Path, help="folder of made patients; by default the user's")
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--this-process", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    config = read_recipe(chosen.recipe)
    if chosen.this_process:
        run(config, chosen.variant[0], chosen.seeds[0], chosen.out)
        return 0
    prepare(config, chosen.out, chosen.cache)
    if chosen.prepare_only:
        return 0
    for seed in chosen.seeds:
        for variant in chosen.variant:
            if result_file(chosen.out, variant, seed).exists():
                continue
            command = [sys.executable, "-m", "tests.benchmarks.ct_scroll_learning", "--this-process"]
            command += ["--out", str(chosen.out), "--seeds", str(seed), "--variant", variant]
            command += ["--recipe", chosen.recipe]
            subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    table = summary(chosen.out, config.model.settings.labels)
    (chosen.out / "learning.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
    show(table)
    return 0


def prepare(config: ScrollConfig, out: Path, cache: Path | None) -> None:
    """Volumes of every part as files; made once."""
    out.mkdir(parents=True, exist_ok=True)
    if all((out / f"{part}.npy").exists() for part in PARTS):
        return
    cases = dealt(config, cache, told("patients"))
    (out / CASES).write_bytes(pickle.dumps(cases))
    for part in PARTS:
        cells_of = finding_cells if part == "train" else None
        ready = PreparedVolumes.of(
            cases.part(part), config.model.settings, folder=out, cells_of=cells_of, progress=told(part)
        )
        np.save(out / f"{part}.truth.npy", ready.truth)
        if ready.cells is not None:
            np.save(out / CELLS, ready.cells)
        np.save(out / f"{part}.unfinished.npy", np.stack([inputs for inputs, _ in ready]))
        (out / f"{part}.unfinished.npy").replace(out / f"{part}.npy")


def run(config: ScrollConfig, variant: str, seed: int, out: Path) -> None:
    """Train one network and write what it says of the test part."""
    began, cpu = time.perf_counter(), time.process_time()
    parts = {
        part: PreparedVolumes(np.load(out / f"{part}.npy", mmap_mode="r"), np.load(out / f"{part}.truth.npy"))
        for part in PARTS
    }
    settings = config.model.settings.model_copy(update=VARIANTS[variant])
    config = config.model_copy(
        update={
            "model": config.model.model_copy(update={"settings": settings}),
            "training": config.training.model_copy(update={"seed": seed}),
        }
    )
    cases, folder = pickle.loads((out / CASES).read_bytes()), out / f"{variant}-{seed}"

    def watch(state: TrainingState) -> None:
        if state.validated:
            values = " ".join(f"{name} {value:.3f}" for name, value in sorted(state.values.items()))
            print(f"{variant} {seed}, epoch {state.epoch} of {state.epochs}: {values}", flush=True)

    result = train_scroll(
        config, cases, folder, prepared=(parts["train"], parts["validation"]), device="cpu", progress=watch,
        trunk=trunk_of(config, parts["train"], out), resume=(folder / "config.toml").exists(),
    )  # fmt: skip
    model = load_scroll(folder)
    found = {
        "variant": variant,
        "seed": seed,
        "best_epoch": result.best_epoch,
        "validation": result.figures,
        "parameters": sum(one.numel() for one in model.network.parameters()),
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "patients": [case.patient for case in cases.test],
        "truth": parts["test"].truth.tolist(),
        "probability": probabilities(model.network, parts["test"]).tolist(),
    }
    result_file(out, variant, seed).write_text(json.dumps(found), encoding="utf-8")


def trunk_of(config: ScrollConfig, train: PreparedVolumes, out: Path) -> dict[str, torch.Tensor]:
    """The trunk after the first stage, trained where it is not there yet; nothing of it depends on the variant."""
    path, seed = out / f"trunk-{config.training.seed}.safetensors", config.training.seed
    width = config.model.settings.trunk_width
    if path.exists():
        return load_weights(path, make_trunk(width).state_dict())
    assert config.slices is not None
    trunk, loss = trained_trunk(
        width, train.inputs, np.load(out / CELLS), config.slices, seed=seed, progress=told(f"trunk {seed}")
    )
    print(f"trunk {seed}: loss {loss:.4f}", flush=True)
    save_weights(path, trunk)
    return trunk


def summary(out: Path, labels: tuple[str, ...]) -> dict[str, Any]:
    """Mean AUROC of each variant over its seeds, by label and over labels, with intervals over patients."""
    rows = {}
    for variant in VARIANTS:
        runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob(f"{variant}-*.result.json"))]
        if not runs:
            continue
        weights = patient_weights(runs[0]["patients"], seed=1, resamples=RESAMPLES)
        truth = np.array(runs[0]["truth"])
        by_seed = np.array([[float(auroc(t, p)) for t, p in columns(truth, one)] for one in runs])
        drawn = np.array([[auroc(t, p, weights) for t, p in columns(truth, one)] for one in runs])
        rows[variant] = {
            "seeds": {one["seed"]: float(np.nanmean(by_seed[number])) for number, one in enumerate(runs)},
            "mean": with_interval(np.nanmean(by_seed), np.nanmean(drawn, axis=(0, 1))),
            "labels": {
                label: with_interval(by_seed[:, number].mean(), drawn[:, number].mean(axis=0))
                for number, label in enumerate(labels)
            },
            "cpu_s": [one["cpu_s"] for one in runs],
            "parameters": runs[0]["parameters"],
            "_drawn": np.nanmean(drawn, axis=(0, 1)),
        }
    whole = rows.get("scroll")
    for variant, row in rows.items():
        if whole is not None and variant != "scroll":
            row["scroll_minus_this"] = with_interval(
                whole["mean"]["value"] - row["mean"]["value"], whole["_drawn"] - row["_drawn"]
            )
    return {variant: {key: value for key, value in row.items() if key != "_drawn"} for variant, row in rows.items()}


def columns(truth: np.ndarray, one: dict[str, Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and probability of each label."""
    return list(zip(truth.T, np.array(one["probability"]).T, strict=True))


def with_interval(value: Any, drawn: np.ndarray) -> dict[str, float]:
    """A figure and its 95 % interval over patients."""
    low, high = percentile_interval(drawn)
    return {"value": float(value), "low": low, "high": high}


def show(table: dict[str, Any]) -> None:
    """One line a variant, then its labels."""
    for variant, row in table.items():
        seeds = ", ".join(f"{value:.3f}" for value in row["seeds"].values())
        print(f"{variant:11s} mean AUROC {text(row['mean'])}   seeds {seeds}   {row['parameters']:,} parameters")
        for label, figure in row["labels"].items():
            print(f"   {label:14s} {text(figure)}")
        if "scroll_minus_this" in row:
            print(f"   scroll is better by {text(row['scroll_minus_this'])}")


def text(figure: dict[str, float]) -> str:
    """Value and interval."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def dealt(config: ScrollConfig, cache: Path | None, progress: Any) -> Split[LabelledCase]:
    """The recipe's patients."""
    from platformdirs import user_cache_path

    return cases_of(config, cache=cache or user_cache_path("ctgaze") / "training", progress=progress)


def told(what: str) -> Any:
    """Prints every fiftieth."""

    def tell(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            print(f"{what}: {done} of {total}", flush=True)

    return tell


def result_file(out: Path, variant: str, seed: int) -> Path:
    """Where a run's answers are."""
    return out / f"{variant}-{seed}.result.json"


if __name__ == "__main__":
    sys.exit(main())
