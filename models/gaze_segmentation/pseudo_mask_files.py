"""A folder of pseudo-masks: maps, levels, a table of how good they are, and what made them.

``maps/`` and ``heat_maps/`` hold one picture a case, 16-bit PNG (65535 is 1) or 32-bit TIFF; ``level_1_0.5/`` and so on
the masks (0 and 255); ``quality.csv`` a row a picture; ``provenance.json`` parameters, versions and digests.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.datasets.picture_case import PictureCase
from models.errors import Cancelled, ModelError
from models.gaze_segmentation.pseudo_masks import PseudoMask, PseudoMaskSettings, pseudo_mask
from models.whole_files import write_whole

MapKind = Literal["png", "float"]
PROVENANCE_FILE, QUALITY_FILE = "provenance.json", "quality.csv"
HIGHEST_16 = 65535
DIGITS = 6


@dataclass(frozen=True)
class WrittenPseudoMasks:
    """What a folder holds.

    Attributes
    ----------
    pictures, without_gaze, with_warnings
        How many.
    thresholds
        Of the levels.
    inside_fraction, heat_map_dice, map_dice
        Means over the pictures with a true mask; NaN and empty without any.
    """

    pictures: int
    without_gaze: int
    with_warnings: int
    thresholds: tuple[float, ...]
    inside_fraction: float
    heat_map_dice: tuple[float, ...]
    map_dice: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        return _plain(vars(self))


def write_pseudo_masks(
    cases: Sequence[PictureCase],
    settings: PseudoMaskSettings,
    folder: Path,
    *,
    maps: MapKind = "png",
    settings_of: Callable[[PictureCase], PseudoMaskSettings] | None = None,
    origin: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> WrittenPseudoMasks:
    """Make and write the pseudo-masks of every case.

    Parameters
    ----------
    settings
        Of all cases; the thresholds are the same for all.
    folder
        Empty, or not there.
    settings_of
        Of one case, where window or degrees differ from picture to picture.
    origin
        Goes into the provenance as it is: program version, digests of the tables.

    Raises
    ------
    ModelError
        When a case cannot be made, two have one name, or the folder holds something or refuses.
    Cancelled
        `cancelled` said so.
    """
    folder = Path(folder)
    names = [case.case for case in cases]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"picture {twice[:60]} occurs twice", remedy="rename one of them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ModelError("is not empty", place=str(folder), remedy="name a new folder")
    except OSError as error:
        raise _unwritable(folder, error) from error
    rows, records, qualities = [], [], []
    for number, case in enumerate(cases):
        if cancelled is not None and cancelled():
            raise Cancelled
        own = settings if settings_of is None else settings_of(case)
        made = pseudo_mask(case, own)
        try:
            _write_pictures(folder, made, maps)
        except OSError as error:
            raise _unwritable(folder, error) from error
        rows.append(_row(made))
        records.append(_record(case, made, own, settings))
        if made.quality is not None:
            qualities.append(made.quality)
        if progress is not None:
            progress(number + 1, len(cases))
    written = WrittenPseudoMasks(
        len(cases),
        sum(record["fixations"] == 0 for record in records),
        sum(bool(record["warnings"]) for record in records),
        settings.thresholds,
        _mean([each.inside_fraction for each in qualities]),
        tuple(map(_mean, zip(*(each.heat_map_dice for each in qualities), strict=True))),
        tuple(map(_mean, zip(*(each.map_dice for each in qualities), strict=True))),
    )
    write_whole(folder / QUALITY_FILE, _csv(rows, settings.thresholds))
    provenance = {
        "what": "pseudo-masks from gaze",
        "source": "GazeMedSeg (MICCAI 2024); dense random field: Krähenbühl & Koltun 2011",
        "settings": settings.model_dump(mode="json"),
        "maps": {"png": "16-bit PNG, 65535 is 1", "float": "32-bit TIFF"}[maps],
        "origin": dict(origin or {}),
        "result": written.to_dict(),
        "pictures": records,
    }
    write_whole(folder / PROVENANCE_FILE, json.dumps(_plain(provenance), indent=1, allow_nan=False) + "\n")
    return written


def level_folder(number: int, threshold: float) -> str:
    """Name of the folder of level `number` (from 1)."""
    return f"level_{number}_{threshold:g}"


def _write_pictures(folder: Path, made: PseudoMask, maps: MapKind) -> None:
    for name, values in (("maps", made.map_ji), ("heat_maps", made.heat_map.share_ji)):
        _write_map(folder / name, made.case, values, maps)
    for number, (threshold, level) in enumerate(zip(made.thresholds, made.levels, strict=True), start=1):
        place = folder / level_folder(number, threshold)
        place.mkdir(exist_ok=True)
        _image(np.where(level, np.uint8(255), np.uint8(0))).save(place / f"{made.case}.png")


def _write_map(folder: Path, case: str, values: NDArray[np.float32], maps: MapKind) -> None:
    folder.mkdir(exist_ok=True)
    if maps == "float":
        _image(values).save(folder / f"{case}.tif")
    else:
        _image(np.rint(values * HIGHEST_16).astype(np.uint16)).save(folder / f"{case}.png")


def _image(values: NDArray[Any]) -> Any:
    from PIL import Image

    return Image.fromarray(values)


def _row(made: PseudoMask) -> list[Any]:
    quality = made.quality
    count = len(made.thresholds)
    unknown = (math.nan,) * count
    numbers = [
        *made.foreground_shares,
        math.nan if quality is None else quality.inside_fraction,
        *(unknown if quality is None else quality.heat_map_dice),
        *(unknown if quality is None else quality.map_dice),
    ]
    cells = ["" if math.isnan(number) else f"{number:.{DIGITS}g}" for number in numbers]
    return [made.case, made.heat_map.fixations, *cells, "; ".join(made.warnings)]


def _csv(rows: Sequence[Sequence[Any]], thresholds: Sequence[float]) -> str:
    count = len(thresholds)
    measured = ("foreground_share", "heat_map_dice", "map_dice")
    names = [f"{what}_{number}" for what in measured for number in range(1, count + 1)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["picture", "fixations", *names[:count], "inside_fraction", *names[count:], "warnings"])
    writer.writerows(rows)
    return text.getvalue()


def _record(case: PictureCase, made: PseudoMask, own: PseudoMaskSettings, common: PseudoMaskSettings) -> dict[str, Any]:
    mine, all_of_them = own.model_dump(mode="json"), common.model_dump(mode="json")
    return {
        "picture": made.case,
        "fixations": made.heat_map.fixations,
        "reader": case.gaze.reader if case.gaze is not None else "",
        "picture_sha256": made.picture_sha256,
        "gaze_sha256": made.gaze_sha256,
        "cell_sigmas": made.cell_sigmas,
        "settings": {name: value for name, value in mine.items() if value != all_of_them[name]},
        "warnings": list(made.warnings),
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unwritable(folder: Path, error: OSError) -> ModelError:
    said = error.strerror or str(error)
    return ModelError(f"cannot be written: {said}", place=str(folder), remedy="check rights and space")
