"""The demo case: a procedural chest CT made from its recipe once, then found again."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
import uuid
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ctgaze_app.errors import SeriesError

RECIPE_NAME = "demo_case.toml"
SERIES_FOLDER = "ct"
TRUTH_NAME = "case.json"
MAKER_VERSION = 1
"""Raised when the procedural thorax draws differently, so that cases made before are made again."""


class NoduleRecipe(BaseModel):
    """One nodule to place: kind and diameter in mm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["solid", "ground_glass", "juxta_pleural"]
    diameter_mm: float = Field(gt=0, le=60)


class DemoRecipe(BaseModel):
    """What `resources/demo_case.toml` says: everything that the case's pixels depend on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    seed: int = Field(ge=0)
    shape_kji: tuple[int, int, int]
    spacing_kji_mm: tuple[float, float, float]
    windows: tuple[tuple[float, float], ...] = ()
    nodules: tuple[NoduleRecipe, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe and of the maker's version."""
        return hashlib.sha256(f"{MAKER_VERSION} {self.model_dump_json()}".encode()).hexdigest()


class NoduleTruth(BaseModel):
    """A nodule of the made case: centre as column, row, slice (voxel centres at integers), diameter and kind."""

    voxel_ijk: tuple[float, float, float]
    diameter_mm: float
    kind: str


class DemoTruth(BaseModel):
    """`case.json` of a finished case."""

    schema_version: Literal[1] = 1
    recipe_sha256: str
    slices: int
    nodules: tuple[NoduleTruth, ...]


def load_recipe() -> DemoRecipe:
    """The recipe that comes with the program."""
    text = resources.files("resources").joinpath(RECIPE_NAME).read_text(encoding="utf-8")
    return DemoRecipe.model_validate(tomllib.loads(text))


def read_demo_truth(case: Path) -> DemoTruth:
    """Where the nodules of a finished case are.

    Parameters
    ----------
    case
        The folder given to `make_demo_case`.

    Raises
    ------
    SeriesError
        When there is no finished case.
    """
    path = case / TRUTH_NAME
    try:
        return DemoTruth.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise SeriesError("this is no finished demo case", place=str(path), remedy="let the demo make it") from error


def make_demo_case(
    folder: Path, progress: Callable[[int, int], None] | None = None, *, recipe: DemoRecipe | None = None
) -> Path:
    """Make the demo case in `folder`, or find it there finished.

    Parameters
    ----------
    folder
        The case's own folder. It appears whole or not at all: the files are written beside it and renamed.
    progress
        Called with steps done and steps in all (two steps a slice: made, written).
    recipe
        Another recipe than the program's.

    Returns
    -------
    The folder of the DICOM series, ready for `ctgaze_app.ct.load_series`.

    Raises
    ------
    SeriesError
        When the folder cannot be written, or holds something else.
    """
    recipe = recipe or load_recipe()
    if _is_finished(folder, recipe):
        return folder / SERIES_FOLDER
    if folder.exists() and not _is_replaceable(folder):
        raise SeriesError(
            "the demo case cannot be made here: the folder holds other files",
            place=str(folder),
            remedy="choose another folder",
        )
    staging = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        staging.mkdir(parents=True)
        _write_case(staging, recipe, progress)
        _put_in_place(staging, folder, recipe)
    except OSError as error:
        raise SeriesError(
            f"the demo case cannot be written: {error.strerror or error}",
            place=str(folder),
            remedy="choose another folder",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder / SERIES_FOLDER


def _is_finished(folder: Path, recipe: DemoRecipe) -> bool:
    if not (folder / TRUTH_NAME).is_file():
        return False
    try:
        truth = read_demo_truth(folder)
    except SeriesError:
        return False
    files = sum(1 for _ in (folder / SERIES_FOLDER).glob("slice_*.dcm"))
    return truth.recipe_sha256 == recipe.digest and truth.slices == files


def _is_replaceable(folder: Path) -> bool:
    """Whether a folder is empty or holds nothing but an earlier demo case."""
    return folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {TRUTH_NAME, SERIES_FOLDER}


def _write_case(staging: Path, recipe: DemoRecipe, progress: Callable[[int, int], None] | None) -> None:
    from ctgaze_app.ct.writing import write_ct_series
    from models.simulation.thorax import NoduleSpec, make_thorax

    total = 2 * recipe.shape_kji[0]

    def made(done: int, _: int) -> None:
        if progress is not None:
            progress(done, total)

    def written(done: int, _: int) -> None:
        if progress is not None:
            progress(recipe.shape_kji[0] + done, total)

    thorax = make_thorax(
        recipe.seed,
        recipe.shape_kji,
        recipe.spacing_kji_mm,
        [NoduleSpec(nodule.diameter_mm, nodule.kind) for nodule in recipe.nodules],
        progress=made,
    )
    files = write_ct_series(
        staging / SERIES_FOLDER,
        thorax.hu,
        spacing_kji_mm=recipe.spacing_kji_mm,
        description=recipe.description,
        seed=recipe.seed,
        windows=recipe.windows,
        progress=written,
    )
    truth = DemoTruth(
        recipe_sha256=recipe.digest,
        slices=len(files),
        nodules=tuple(
            NoduleTruth(voxel_ijk=nodule.voxel_ijk, diameter_mm=nodule.diameter_mm, kind=nodule.kind)
            for nodule in thorax.nodules
        ),
    )
    text = json.dumps(truth.model_dump(mode="json"), indent=1) + "\n"
    (staging / TRUTH_NAME).write_text(text, encoding="utf-8", newline="\n")


def _put_in_place(staging: Path, folder: Path, recipe: DemoRecipe) -> None:
    old = None
    if folder.exists():
        old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.old")
        folder.rename(old)
    try:
        staging.rename(folder)
    except OSError:
        # Another process may have finished the same case in the meantime; its pixels are the same.
        if not _is_finished(folder, recipe):
            raise
    finally:
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
