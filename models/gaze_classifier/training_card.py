"""What a trained gaze classifier's card says: its data and run as the configuration has them, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from models.card import NOT_SAVED, Card, InputCard
from models.datasets.picture_case import PictureCase
from models.datasets.splits import Split
from models.gaze_classifier.config import ClassifierConfig, SimulatedSource, Source
from models.gaze_classifier.files import ARCHITECTURE
from models.gaze_classifier.settings import GazeClassifierSettings
from models.training.card import ALL_PARTS, training_card

NEEDS_GAZE = "Needs a reader's gaze on the very picture: it cannot say anything of one that nobody has looked at."
BOTH_WAYS = "Shown a reader's gaze or none; without it, it goes by the picture alone and is as good as an image CNN."
ONE_VIEW = "Frontal chest radiographs only; a lateral view or another body part is outside what it has seen."
MAPS = "Its maps show where readers looked or what spoke for a finding; neither outlines disease."


def card_of(
    config: ClassifierConfig, cases: Split[PictureCase], *, best_epoch: int, figures: Mapping[str, float]
) -> Card:
    """The card of a model that was just trained; saving it adds settings and the digest of its weights.

    Parameters
    ----------
    best_epoch, figures
        From 1, and its values on the validation part.
    """
    settings = config.model.settings
    return Card(
        name=config.model.name,
        version=config.model.version,
        task=settings.task,
        architecture=ARCHITECTURE,
        licence=config.model.licence,
        weights_sha256=NOT_SAVED,
        limits=(*config.model.limits, *own_limits(settings)),
        input=InputCard(
            orientation="as shown to a reader: the patient's right at the picture's left, the head at the top",
            hu_windows=(),
            spacing=f"{_intensity(settings)}; stretched to {settings.size_px} x {settings.size_px} pixels whatever "
            "its spacing",
            values="grey",
        ),
        training=training_card(
            config, cases, data=training_sentences(config, cases, best_epoch, figures), seeds=_seeds(config)
        ),
        settings=settings.model_dump(mode="json"),
    )


def own_limits(settings: GazeClassifierSettings) -> tuple[str, ...]:
    """What follows from the kind of network."""
    said = [ONE_VIEW]
    if settings.kind == "temporal":
        said.append(NEEDS_GAZE if settings.without_gaze == "refuse" else BOTH_WAYS)
    if settings.is_unet:
        said.append(MAPS)
    return tuple(said)


def training_sentences(
    config: ClassifierConfig, cases: Split[PictureCase], best_epoch: int, figures: Mapping[str, float]
) -> str:
    """The data, the split, what was learned, and the chosen epoch."""
    sources = "; ".join(_sentence(source) for source in config.data.source)
    origins = Counter(case.origin for case in cases.train)
    counted = ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items()))
    looked_at = sum(case.gaze is not None for case in cases.train)
    validated = ", ".join(f"{name} {value:.4g}" for name, value in sorted(figures.items()))
    share = config.training.classification_share
    learned = "" if share == 1 else f" Of the loss {share:g} are findings and {1 - share:g} the gaze map."
    control = " A control: every picture had the gaze on another patient's picture." * config.training.borrowed_gaze
    return (
        f"{ALL_PARTS}{sources}. "
        f"Trained on {len(cases.train)} pictures ({counted}), {looked_at} of them with gaze, split by patient."
        f"{learned}{control} Epoch {best_epoch} was the best on the validation patients ({validated}), on whom the "
        "thresholds were chosen too."
    )


def _intensity(settings: GazeClassifierSettings) -> str:
    if settings.intensity == "percentile":
        low, high = settings.percentiles
        return f"grey values from a picture's own percentile {low:g} to {high:g}"
    if settings.intensity == "window":
        return f"grey values from {settings.window[0]:g} to {settings.window[1]:g}"
    return "grey values from 0 to a picture's largest"


def _sentence(source: Source) -> str:
    if isinstance(source, SimulatedSource):
        last = source.first_seed + source.count - 1
        return (
            f"Radiographs of {source.count} made patients (seeds {source.first_seed} to {last}), each with a "
            "simulated reader's gaze"
        )
    return "The chest X-ray study's radiographs with one radiologist's gaze"


def _seeds(config: ClassifierConfig) -> tuple[int, ...]:
    first = [source.first_seed for source in config.data.source if isinstance(source, SimulatedSource)]
    return (*first, config.data.split_seed, config.training.seed)
