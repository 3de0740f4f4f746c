"""What a trained network's card says: its data and run as the configuration has them, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from models.card import NOT_SAVED, Card, InputCard
from models.ct_searcher.config import (
    CtScanGazeSource,
    LiftedSource,
    SearcherConfig,
    SessionsSource,
    SimulatedSource,
    Source,
)
from models.datasets.case import TrainingCase
from models.datasets.splits import Split
from models.training.card import training_card

ORIENTATION = "i to the left, j to the back, k from head to feet; axes are permuted and flipped, never interpolated"


def card_of(
    config: SearcherConfig, cases: Split[TrainingCase], *, best_epoch: int, figures: Mapping[str, float]
) -> Card:
    """The card of a model that was just trained; `save_searcher` adds the digest of its weights.

    Parameters
    ----------
    best_epoch, figures
        From 1, and its values on the validation part.
    """
    settings, small = config.model.settings, config.model.settings.encoder == "small"
    shape = " x ".join(str(size) for size in settings.input_shape_kji)
    cells = " x ".join(str(size) for size in settings.grid_kji)
    spacing = (
        f"the whole volume averaged to {shape} (k, j, i)" if small else "features from outside the network"
    ) + f", {cells} cells over it"
    return Card(
        name=config.model.name,
        version=config.model.version,
        task="scanpath",
        architecture="ct_searcher",
        licence=config.model.licence,
        weights_sha256=NOT_SAVED,
        limits=config.model.limits,
        input=InputCard(
            orientation=ORIENTATION,
            hu_windows=settings.windows_hu if small else (),
            spacing=spacing,
            features=_features(config),
        ),
        training=training_card(
            config, cases, data=training_sentences(config, cases, best_epoch, figures), seeds=_seeds(config)
        ),
        settings=settings.model_dump(mode="json"),
    )


def training_sentences(
    config: SearcherConfig, cases: Split[TrainingCase], best_epoch: int, figures: Mapping[str, float]
) -> str:
    """The data, the split and the chosen epoch."""
    sources = "; ".join(_sentence(source) for source in config.data.source)
    train = cases.train
    origins = Counter(case.origin for case in train)
    counted = ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items()))
    paths = sum(len(case.paths) for case in train)
    validated = ", ".join(f"{name} {value:.4g}" for name, value in sorted(figures.items()))
    second = "" if config.self_critical is None else " After a second, self-critical stage on ScanMatch."
    return (
        f"{sources}. Trained on {len(train)} cases ({counted}) with {paths} scan paths, split by patient. Epoch "
        f"{best_epoch} was the best on the validation patients ({validated}).{second}"
    )


def _sentence(source: Source) -> str:
    match source:
        case SimulatedSource():
            families = ", ".join(source.families) or "all families for training"
            last = source.first_seed + source.count - 1
            return (
                f"{source.count} made patients (seeds {source.first_seed} to {last}), each read by "
                f"{source.readers_per_case} simulated readers ({families})"
            )
        case LiftedSource():
            whose = "simulated readers' gaze" if source.folder is None else "recorded gaze"
            return (
                f"{whose} on chest X-rays lifted into {source.count} made patients from seed {source.first_seed}, a "
                "spatial prior without true depth"
            )
        case SessionsSource():
            return "recorded reading sessions"
        case CtScanGazeSource():
            return "CT-ScanGaze"


def _features(config: SearcherConfig) -> Literal["", "swin_unetr", "swin_unetr_published"]:
    """The encoder outside the network, as `ctgaze_app`'s commands take it for this configuration."""
    if config.data.features is None:
        return ""
    return "swin_unetr_published" if config.data.features.faithful else "swin_unetr"


def _seeds(config: SearcherConfig) -> tuple[int, ...]:
    first = [source.first_seed for source in config.data.source if isinstance(source, SimulatedSource | LiftedSource)]
    return (*first, config.data.split_seed, config.training.seed)
