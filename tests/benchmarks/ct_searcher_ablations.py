"""What each part of CT-Searcher is worth: one network trained for each part left out, all on the same test cases.

Run with ``python -m tests.benchmarks.ct_searcher_ablations --out FOLDER [--quick] [--minutes M]``. All networks get the
same patients and the same number of epochs: as many as the whole network trains in the minutes given. Networks that are
given features get those of the whole network's own encoder, frozen, so that only the network differs. Pre-training on
lifted gaze is by simulated radiograph readers and has no true depth. A run that is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from models.ct_searcher.ablations import ablation_table, features_for
from models.ct_searcher.candidates import Predictor
from models.ct_searcher.config import FeatureTable, SearcherConfig, read_recipe
from models.ct_searcher.evaluation_report import EvaluatedModel
from models.ct_searcher.files import load_searcher
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.network_predictor import Features, network_predictor
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.training import train
from models.datasets.case import TrainingCase
from models.datasets.lifted import lifted_simulated_cases
from models.datasets.simulated import FIRST_SEED, simulated_cases
from models.datasets.splits import Split, split_by_patient
from models.simulation.search_reader import HELD_OUT_FAMILIES, TRAINING_FAMILIES

WHOLE = "as shipped"
LIFTED = "lifted gaze alone"
PUBLISHED = {
    "encoder": "given", "grid_kji": (8, 8, 8), "autoregressive": False, "offsets": False, "dwell_head": False,
    "readers": (), "temperature": 1.0, "consensus": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One network: what of the whole one's settings is changed, on what it is trained, and from what it starts."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    data: str = "simulated"
    initial: str = ""


RUNS = (
    Run(WHOLE),
    Run("steps independent", {"autoregressive": False}),
    Run("not told the reader", {"readers": ()}),
    Run("no dwell head", {"dwell_head": False}),
    Run("no offsets in cells", {"offsets": False}),
    Run("cells 8 x 8 x 8", {"grid_kji": (8, 8, 8)}),
    Run("published design, corrected", PUBLISHED),
    Run("published design, its defects", {**PUBLISHED, "faithful": True}),
    Run(LIFTED, data="lifted"),
    Run("lifted, then simulated", initial=LIFTED),
    Run("not trained", data="none"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is not there, evaluate all, print the table and write it."""
    given = _arguments(arguments)
    folder: Path = given.out
    folder.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(given.recipe)
    cases = _cases(given, folder)
    epochs = given.epochs or _affordable(recipe, cases["simulated"], given, folder)
    print(f"{epochs} epochs of {len(cases['simulated'].train)} patients each", flush=True)
    networks: dict[str, CtSearcher] = {}
    predictors: list[Predictor] = []
    for run in RUNS:
        began = time.perf_counter()
        settings = SearcherSettings(**{**recipe.model.settings.model_dump(), **run.changes})
        features = features_for(networks[WHOLE], settings) if settings.encoder == "given" else None
        networks[run.name] = _network(run, recipe, settings, features, cases, epochs, given, folder)
        model = EvaluatedModel(run.name)
        predictors.append(network_predictor(model, networks[run.name], features=features, device=given.device))
        print(f"{run.name}: {time.perf_counter() - began:.0f} s", flush=True)
    learned = cases["simulated"].train[: given.donors]
    for name, families in (("families of training", TRAINING_FAMILIES), ("families held out", HELD_OUT_FAMILIES)):
        test = _simulated(given.tests, FIRST_SEED["test"], families, 3, given, folder)
        table = ablation_table(predictors, test, training=learned, count=given.count)
        text = f"## {given.tests} test patients, {name}\n\n{table.markdown()}"
        print(text, flush=True)
        place = folder / name.replace(" ", "_")
        place.with_suffix(".md").write_text(text, "utf-8")
        place.with_suffix(".json").write_text(json.dumps(table.to_dict(), allow_nan=False), "utf-8")
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--out", type=Path, required=True, help="folder for models and tables")
    parser.add_argument("--recipe", default="ct_searcher_small", help="of the whole network")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training for the whole network")
    parser.add_argument("--epochs", type=int, help="instead of as many as the minutes allow")
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--tests", type=int, default=24)
    parser.add_argument("--donors", type=int, default=20, help="training patients that floors learn from")
    parser.add_argument("--count", type=int, default=2, help="sampled paths of a kind and case")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=2, help="processes that make patients")
    parser.add_argument("--quick", action="store_true", help="16 patients, one epoch, four tests: does it run?")
    given = parser.parse_args(arguments)
    if given.quick:
        given.patients, given.epochs, given.tests, given.donors, given.count = 16, 1, 4, 4, 1
    return given


def _simulated(
    count: int, first_seed: int, families: Sequence[str], readers: int, given: argparse.Namespace, folder: Path
) -> list[TrainingCase]:
    return simulated_cases(
        count, first_seed=first_seed, families=families, readers_per_case=readers, folder=folder / "patients",
        workers=given.workers,
    )  # fmt: skip


def _cases(given: argparse.Namespace, folder: Path) -> dict[str, Split]:
    simulated = _simulated(given.patients, FIRST_SEED["train"], TRAINING_FAMILIES, 6, given, folder)
    lifted = lifted_simulated_cases(
        given.patients, first_seed=FIRST_SEED["train"], folder=folder / "patients", workers=given.workers
    )
    made = {"simulated": simulated, "lifted": lifted}
    return {name: split_by_patient(cases, (0.9, 0.1, 0.0), 1) for name, cases in made.items()}


def _affordable(recipe: SearcherConfig, cases: Split, given: argparse.Namespace, folder: Path) -> int:
    """Epochs of the whole network in the minutes given, by one epoch of it on some of the patients."""
    few = Split(train=cases.train[:32], validation=cases.validation[:4], test=(), seed=cases.seed)
    place = folder / "timing"
    result = train(_config(recipe, recipe.model.settings, 1, place), few, place, device=given.device)
    steps = ceil(len(cases.train) / recipe.training.cases_per_batch)
    return max(1, min(recipe.training.epochs, int(given.minutes * 60 / (1.2 * steps * result.step_s))))


def _config(recipe: SearcherConfig, settings: SearcherSettings, epochs: int, whole: Path) -> SearcherConfig:
    """The recipe with other settings; the weights behind given features are the whole network's."""
    table = recipe.model_dump()
    table["model"]["settings"] = settings.model_dump()
    table["training"].update(epochs=epochs, patience=None)
    if settings.encoder == "given":
        table["data"]["features"] = FeatureTable(
            weights=whole / "model.safetensors", faithful=settings.faithful
        ).model_dump()
        table["training"]["augmentation"] = {}
    if not settings.readers and not settings.tasks:
        table["training"]["reader_dropout"] = 0.0
    if not settings.dwell_head and table["training"]["monitor"] == "val/dwell":
        table["training"]["monitor"] = "val/place"
    return SearcherConfig.model_validate(table)


def _network(
    run: Run,
    recipe: SearcherConfig,
    settings: SearcherSettings,
    features: Features | None,
    cases: dict[str, Split],
    epochs: int,
    given: argparse.Namespace,
    folder: Path,
) -> CtSearcher:
    """Trained, or read where it was trained before."""
    if run.data == "none":
        return CtSearcher(settings).eval()
    place = folder / _code(run.name)
    if not (place / "model.safetensors").exists():
        initial = folder / _code(run.initial) if run.initial else None
        config = _config(recipe, settings, epochs, folder / _code(WHOLE))
        train(config, cases[run.data], place, features=features, initial=initial, device=given.device)
    return load_searcher(place).network


def _code(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


if __name__ == "__main__":
    sys.exit(main())
