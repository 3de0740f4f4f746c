"""The demo case: made once, whole or not at all, found again, never over somebody's files."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from ctgaze_app.errors import SeriesError
from ctgaze_app.study import demo_case
from ctgaze_app.study.demo_case import DemoRecipe, NoduleRecipe, load_recipe, make_demo_case, read_demo_truth

SMALL = DemoRecipe(
    description="Small chest",
    seed=4,
    shape_kji=(8, 48, 48),
    spacing_kji_mm=(30.0, 7.5, 7.5),
    windows=((-600.0, 1500.0),),
    nodules=(NoduleRecipe(kind="solid", diameter_mm=20.0),),
)


def test_the_recipe_of_the_program_is_a_whole_chest_with_every_kind_of_nodule() -> None:
    recipe = load_recipe()
    size_mm = [n * step for n, step in zip(recipe.shape_kji, recipe.spacing_kji_mm, strict=True)]
    assert size_mm == pytest.approx([300, 358.4, 358.4])
    assert {nodule.kind for nodule in recipe.nodules} == {"solid", "ground_glass", "juxta_pleural"}
    assert all(4 <= nodule.diameter_mm <= 12 for nodule in recipe.nodules)


def test_a_made_case_is_found_again_without_being_written(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    series = make_demo_case(tmp_path / "demo", lambda done, total: steps.append((done, total)), recipe=SMALL)
    assert steps == [(n, 16) for n in range(1, 17)]
    stamps = {path: path.stat().st_mtime_ns for path in series.iterdir()}
    assert len(stamps) == 8
    assert pydicom.dcmread(min(stamps)).SeriesDescription == "Small chest"
    again = make_demo_case(tmp_path / "demo", lambda *_: pytest.fail("made again"), recipe=SMALL)
    assert again == series
    assert {path: path.stat().st_mtime_ns for path in again.iterdir()} == stamps
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_the_truth_of_the_nodules_lies_beside_the_series(tmp_path: Path) -> None:
    make_demo_case(tmp_path / "demo", recipe=SMALL)
    (nodule,) = read_demo_truth(tmp_path / "demo").nodules
    assert (nodule.kind, nodule.diameter_mm) == ("solid", 20.0)
    assert all(0 < place < size - 1 for place, size in zip(nodule.voxel_ijk, (48, 48, 8), strict=True))


def test_a_case_with_another_recipe_or_a_missing_slice_is_made_again(tmp_path: Path) -> None:
    series = make_demo_case(tmp_path / "demo", recipe=SMALL)
    before = pydicom.dcmread(series / "slice_0001.dcm").SeriesInstanceUID
    other = SMALL.model_copy(update={"seed": 5})
    make_demo_case(tmp_path / "demo", recipe=other)
    assert pydicom.dcmread(series / "slice_0001.dcm").SeriesInstanceUID != before
    (series / "slice_0003.dcm").unlink()
    make_demo_case(tmp_path / "demo", recipe=other)
    assert len(list(series.iterdir())) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("keep", encoding="utf-8")
    with pytest.raises(SeriesError, match="other files"):
        make_demo_case(tmp_path / "demo", recipe=SMALL)
    assert [path.name for path in mine.parent.iterdir()] == ["notes.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo_case(tmp_path / "demo", stop, recipe=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(SeriesError, match="cannot be"):
        make_demo_case(blocked / "demo", recipe=SMALL)


def test_a_change_of_the_maker_changes_every_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SMALL.digest
    monkeypatch.setattr(demo_case, "MAKER_VERSION", demo_case.MAKER_VERSION + 1)
    assert SMALL.digest != before
