"""The architectures that the program can build, and the functions that each of them offers; loads none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from models.errors import ModelError

if TYPE_CHECKING:
    from models.evaluations import TableEvaluation
    from models.model_folder import LoadedModel
    from models.predictions import Prediction
    from models.volumes import CtVolume, PictureVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class Family(Protocol):
    """What the module `models.<package>.family` of each architecture offers; every function raises `ModelError`.

    Options are texts by name, checked by the family; the two tables say what each means.
    """

    PREDICT_OPTIONS: Mapping[str, str]
    IMPORT_OPTIONS: Mapping[str, str]

    def load(self, folder: Path) -> LoadedModel[Any]:
        """The model of a folder."""

    def predict(
        self,
        model: LoadedModel[Any],
        volume: CtVolume | PictureVolume,
        *,
        options: Mapping[str, str],
        device: str = "auto",
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Prediction:
        """What the model says of a volume."""

    def import_published(
        self, path: Path, folder: Path, *, name: str, version: str, options: Mapping[str, str]
    ) -> LoadedModel[Any]:
        """Make a model's folder of a published checkpoint."""

    def read_recipe(self, name: str) -> Any:
        """The training configuration of a file or of a shipped recipe."""

    def cases_of(self, config: Any, *, cache: Path, workers: int = 1, progress: Progress | None = None) -> Any:
        """The cases that a configuration names, as a `Split`.

        A family whose configuration knows kinds of sources that only the application can read takes, besides,
        `sources`: what reads them, by kind.
        """

    def train(
        self,
        config: Any,
        cases: Any,
        out: Path,
        *,
        resume: bool = False,
        initial: Path | None = None,
        device: str = "auto",
        preparing: Progress | None = None,
        progress: Callable[[Any], None] | None = None,
        cancelled: Stop | None = None,
    ) -> Any:
        """Train; gives a `models.training.result.TrainingResult`."""

    def evaluate(
        self,
        models: Sequence[LoadedModel[Any]],
        cases: Sequence[Any],
        *,
        seed: int = 1,
        resamples: int = 2000,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> TableEvaluation:
        """Models beside floors on the same cases."""


@dataclass(frozen=True)
class Architecture:
    """One architecture: its name on cards, on the command line and for people, its tasks, and the module to import."""

    name: str
    command: str
    title: str
    tasks: tuple[Literal["scanpath", "classification", "segmentation", "saliency"], ...]
    module: str


FAMILIES: Mapping[str, Architecture] = {
    one.name: one
    for one in (
        Architecture("ct_searcher", "ct-searcher", "CT-Searcher", ("scanpath",), ""),
        Architecture("ct_scroll", "ct-scroll", "CT-Scroll", ("classification",), "models.ct_scroll.family"),
        Architecture(
            "gaze_segmentation", "gaze-segmentation", "Gaze-supervised segmentation", ("segmentation",),
            "models.gaze_segmentation.family",
        ),
        Architecture(
            "gaze_classifier", "gaze-classifier", "Gaze classifier", ("classification", "saliency"),
            "models.gaze_classifier.family",
        ),
    )
}  # fmt: skip
"""By name on cards. CT-Searcher has more options than the others and keeps its own functions."""


def family_of(architecture: str, *, place: str = "") -> Family:
    """The functions of an architecture; importing them loads torch.

    Raises
    ------
    ModelError
        When there is no such architecture, or it is CT-Searcher.
    """
    found = FAMILIES.get(architecture)
    if found is None or not found.module:
        known = ", ".join(name for name, one in FAMILIES.items() if one.module)
        raise ModelError(f"no architecture of this kind: {architecture[:60]!r}", place=place, remedy=f"known: {known}")
    return cast("Family", import_module(found.module))
