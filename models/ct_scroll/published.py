"""A model's folder from a published checkpoint of CT-Scroll and its table of thresholds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from models.card import Card, TrainingCard, imported_card
from models.checkpoints import read_checkpoint
from models.ct_scroll.files import ARCHITECTURE, input_card
from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import CT_RATE_LABELS, ScrollSettings
from models.errors import ModelError
from models.model_folder import LoadedModel, built, fitting_tensors, save_model

IMPORT_OPTIONS = {
    "thresholds": 'JSON file {"thresholds": {label: probability}}; its order is that of the network\'s outputs',
    "heads": "attention heads that it was trained with (8 as published)",
    "window": "tokens along each local direction that it was trained with (16 as published)",
}
LARGEST_TABLE = 1 << 20
_REMEDY = "name a published checkpoint of CT-Scroll: .pth, .pt or .ckpt"
_TABLE = 'a file such as {"thresholds": {"Emphysema": 0.31}}'
_BLOCK = re.compile(r"blocks\.(\d{1,3})\.")


def import_scroll(
    path: Path, folder: Path, *, name: str, version: str = "imported", options: Mapping[str, str] | None = None
) -> LoadedModel[CtScroll]:
    """Make a model folder of a published checkpoint.

    Parameters
    ----------
    path
        A bare state dict, as published.
    folder
        Of the new model.
    options
        As `IMPORT_OPTIONS`.

    Raises
    ------
    ModelError
        As `models.checkpoints.read_checkpoint` and `models.model_folder.fitting_tensors`; options and thresholds that
        cannot be.
    """
    given = dict(options or {})
    unknown = sorted(set(given) - set(IMPORT_OPTIONS))
    if unknown:
        raise ModelError(
            f"importing CT-Scroll has no option {unknown[0][:60]!r}", remedy=f"options: {', '.join(IMPORT_OPTIONS)}"
        )
    table = Path(given["thresholds"]) if "thresholds" in given else None
    thresholds = None if table is None else read_thresholds(table)
    place = str(path)
    weights = read_checkpoint(Path(path))
    settings = scroll_settings_of(
        weights, thresholds, heads=_whole(given, "heads", 8), window=_whole(given, "window", 16), place=place
    )
    card = _card(name, version, Path(path).name, settings, assumed=table is None)
    network = built(lambda: CtScroll(settings), place)
    network.load_state_dict(fitting_tensors(weights, network, place=place, kind="CT-Scroll"))
    return save_model(folder, network, card, settings)


def read_thresholds(path: Path) -> dict[str, float]:
    """Thresholds by label, in the order of the file.

    Raises
    ------
    ModelError
        Missing, no such JSON, a label twice, a threshold that is no probability.
    """
    place = str(path)
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise ModelError("is too large for a table of thresholds", place=place, remedy=_TABLE)
        read = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", place=place, remedy=_TABLE) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"is no JSON of thresholds: {str(error)[:100]}", place=place, remedy=_TABLE) from error
    table = read.get("thresholds") if isinstance(read, dict) else None
    if not isinstance(table, dict) or not table:
        raise ModelError('holds no table "thresholds"', place=place, remedy=_TABLE)
    for label, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ModelError(f"{label[:60]!r}: {str(value)[:40]} is no probability", place=place, remedy=_TABLE)
    return {label: float(value) for label, value in table.items()}


def scroll_settings_of(
    weights: Mapping[str, Tensor], thresholds: Mapping[str, float] | None, *, heads: int, window: int, place: str
) -> ScrollSettings:
    """Settings from the shapes of the tensors; heads and windows leave no trace there.

    Raises
    ------
    ModelError
        When a tensor is missing, or sizes and labels are no CT-Scroll's.
    """

    def size(name: str, axes: int) -> int:
        if name not in weights:
            raise ModelError(f"holds no {name}: no CT-Scroll", place=place, remedy=_REMEDY)
        if weights[name].ndim != axes:
            raise ModelError(f"{name} has {weights[name].ndim} axes, not {axes}", place=place, remedy=_REMEDY)
        return int(weights[name].shape[0])

    outputs = size("classifier.3.weight", 2)
    labels = CT_RATE_LABELS if thresholds is None else tuple(thresholds)
    if len(labels) != outputs:
        whose = "CT-RATE has" if thresholds is None else "the thresholds name"
        raise ModelError(
            f"{outputs} outputs, and {whose} {len(labels)} labels",
            place=place,
            remedy="give the thresholds that belong to it: --option thresholds=FILE",
        )
    depth = len({match[1] for match in map(_BLOCK.match, weights) if match is not None})
    try:
        return ScrollSettings(
            labels=labels,
            thresholds=() if thresholds is None else tuple(thresholds.values()),
            trunk_width=size("features.0.weight", 4),
            embedding=size("projection_gap.0.weight", 2),
            windows=(window,) * depth,
            heads=heads,
            classifier_width=size("classifier.0.weight", 2),
            local_attention=any(".caudal_cranial_block." in name for name in weights),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        remedy = "give the number of heads it was trained with: --option heads=NUMBER" if "heads" in said else _REMEDY
        raise ModelError(f"its sizes are no CT-Scroll's: {said}"[:300], place=place, remedy=remedy) from error


def _card(name: str, version: str, source: str, settings: ScrollSettings, *, assumed: bool) -> Card:
    order = (
        ("The order of its labels is assumed to be that of CT-RATE's tables: the checkpoint does not say it.",)
        if assumed
        else ()
    )
    return imported_card(
        name=name,
        version=version,
        task="classification",
        architecture=ARCHITECTURE,
        licence="as the checkpoint's own; ask its authors",
        limits=(
            "Imported from a checkpoint: nobody measured it here, so no figure is given.",
            *order,
            "Learned from one hospital's reports; a probability is no diagnosis. For research only.",
        ),
        input=input_card(settings),
        training=TrainingCard(data=f"Unknown; the checkpoint {source} does not say."),
        settings={},
        metrics_on="nothing",
    )


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _whole(options: Mapping[str, str], name: str, usual: int) -> int:
    text = options.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 4096):
        raise ModelError(
            f"{name} = {text[:40]!r} is no number of {name}", remedy=f"--option {name}={usual} as published"
        )
    return int(text)
