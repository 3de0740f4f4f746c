"""Which predictions a trial has, which of them are out of date, and what is read of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.predictions import FOLDER
from ctgaze_app.study.session import SessionManifest
from ctgaze_app.study.stored_predictions import (
    GAZE_NOT_NOTED,
    OTHER_GAZE,
    StoredPrediction,
    TrialNow,
    load_prediction,
    remove_prediction,
    stored_predictions,
)
from models.errors import Cancelled
from models.prediction_file import write_prediction
from models.predictions import Prediction, ScanpathPrediction
from models.scanpath import Scanpath
from tests.factories.volumes import make_volume
from tests.models.made_predictions import classification, saliency, segmentation
from tests.ui.review.scene import manifest

WEIGHTS, VOLUME = "a" * 64, "b" * 64
GAZE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def closed() -> SessionManifest:
    return manifest(make_volume(slices=4), 2).model_copy(update={"state": "complete"})


def _prediction(case: str = "case01", **changes: object) -> ScanpathPrediction:
    path = Scanpath.from_voxels(
        [(1, 2, 0), (3, 4, 2)], [0.2, 0.3], shape_kji=(4, 8, 8), who="ct-searcher", case=case, source="model",
        onset_s=[0.0, 0.3], trial="sample 1",
    )  # fmt: skip
    made = ScanpathPrediction((path,), "ct-searcher", "1.0", WEIGHTS, VOLUME, "cpu", 1.0, {"seed": 0})
    return replace(made, **changes)  # type: ignore[arg-type]


def _store(folder: Path, name: str, prediction: Prediction) -> Path:
    return write_prediction(folder / "derived" / FOLDER / name, prediction)


def test_a_trials_predictions_are_listed_and_no_others(tmp_path: Path, closed: SessionManifest) -> None:
    mine = _store(tmp_path, "1_a-1_00000000.json", _prediction())
    _store(tmp_path, "2_a-1_00000000.json", _prediction("case02"))
    _store(tmp_path, "11_a-1_00000000.json", _prediction())
    _store(tmp_path, "making-0-1-1.0-x/1_a-1_00000000.json", _prediction())
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert (found.path, found.problem, found.stale) == (mine, "", "")
    assert found.head is not None and found.head.names == ("sample 1",)
    loaded = load_prediction(found, progress=lambda done, total: None, cancelled=lambda: False)
    assert isinstance(loaded, ScanpathPrediction)
    assert loaded.paths[0].voxel_ijk.tolist() == [[1, 2, 0], [3, 4, 2]]


def test_without_a_folder_there_are_none(tmp_path: Path, closed: SessionManifest) -> None:
    assert stored_predictions(tmp_path, closed.trials[0]) == ()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', "\x00\x01"])
def test_a_broken_file_says_so_and_spoils_nothing(tmp_path: Path, closed: SessionManifest, content: str) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _prediction())
    (tmp_path / "derived" / "predictions" / "1_b-1_00000000.json").write_text(content, encoding="utf-8")
    found = {one.path.name: one for one in stored_predictions(tmp_path, closed.trials[0])}
    assert found["1_a-1_00000000.json"].head is not None
    broken = found["1_b-1_00000000.json"]
    assert broken.head is None and broken.problem.startswith("1_b-1_00000000.json: ")
    assert "\n" not in broken.problem


def test_a_prediction_of_another_case_is_refused(tmp_path: Path, closed: SessionManifest) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _prediction("case07"))
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert found.head is None and "of case case07, not of case01" in found.problem


@pytest.mark.parametrize(
    ("volume", "weights", "stale"),
    [
        (VOLUME, {("ct-searcher", "1.0"): {WEIGHTS}}, ""),
        (VOLUME, {("ct-searcher", "1.0"): {WEIGHTS, "d" * 64}}, ""),
        ("", {}, ""),
        (VOLUME, {("ct-searcher", "2.0"): {"d" * 64}}, ""),
        ("c" * 64, {}, "made on another CT"),
        (VOLUME, {("ct-searcher", "1.0"): {"d" * 64}}, "made by other weights"),
    ],
)
def test_a_changed_volume_or_changed_weights_make_a_prediction_stale(
    tmp_path: Path, closed: SessionManifest, volume: str, weights: dict[tuple[str, str], set[str]], stale: str
) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _prediction())
    (found,) = stored_predictions(tmp_path, closed.trials[0], TrialNow(volume, weights))
    assert found.stale.startswith(stale) and bool(found.stale) is bool(stale)


def test_a_removed_prediction_is_gone_and_removing_it_again_is_no_fault(tmp_path: Path) -> None:
    stored = StoredPrediction(_store(tmp_path, "1_a-1_00000000.json", _prediction()), None)
    remove_prediction(stored)
    assert not stored.path.exists()
    remove_prediction(stored)


@pytest.mark.parametrize("make", [classification, segmentation, saliency])
def test_predictions_of_every_task_are_listed_and_grow_stale(
    tmp_path: Path, closed: SessionManifest, make: Callable[..., Prediction]
) -> None:
    prediction = make(case="case01")
    _store(tmp_path, "1_a-1_00000000.json", prediction)
    (found,) = stored_predictions(tmp_path, closed.trials[0], TrialNow(prediction.volume_sha256))
    loaded = load_prediction(found, progress=lambda done, total: None, cancelled=lambda: False)
    assert type(loaded) is type(prediction) and (found.problem, found.stale, found.doubt) == ("", "", "")
    (found,) = stored_predictions(tmp_path, closed.trials[0], TrialNow("c" * 64))
    assert found.stale == "made on another CT or picture than the one that is shown"
    weights = {(prediction.model, prediction.version): {"d" * 64}}
    (found,) = stored_predictions(tmp_path, closed.trials[0], TrialNow(weights=weights))
    assert found.stale.startswith("made by other weights")
    _store(tmp_path, "1_a-1_00000000.json", make(case="case07"))
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert found.head is None and "is of case case07, not of case01" in found.problem


def _by_gaze(**parameters: object) -> Prediction:
    return classification(case="case01", parameters={"kind": "temporal", "reader": "r01", "frames": 3, **parameters})


def _no_gaze() -> str:
    raise SessionError("its fixations were not computed yet", place="s")


@pytest.mark.parametrize(
    ("noted", "now", "stale", "doubt"),
    [
        ({"gaze_sha256": GAZE}, lambda: GAZE, "", ""),
        ({"gaze_sha256": GAZE}, lambda: OTHER, OTHER_GAZE, ""),
        ({}, lambda: GAZE, "", GAZE_NOT_NOTED),
        ({"gaze_sha256": GAZE}, _no_gaze, "", "the trial's fixations cannot be read: s: its fixations were not"),
        ({"gaze_sha256": GAZE, "reader": "r02"}, lambda: OTHER, "", ""),
        ({"reader": "", "frames": 0}, lambda: OTHER, "", ""),
    ],
)
def test_other_fixations_than_a_model_took_make_its_prediction_stale(
    tmp_path: Path, closed: SessionManifest, noted: dict[str, object], now: Callable[[], str], stale: str, doubt: str
) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _by_gaze(**noted))
    (found,) = stored_predictions(tmp_path, closed.trials[0], TrialNow(reader="r01", gaze_sha256=now))
    assert found.problem == "" and found.stale == stale
    assert doubt in found.doubt and bool(found.doubt) is bool(doubt)


def test_gaze_is_asked_for_once_and_only_when_a_prediction_took_it(tmp_path: Path, closed: SessionManifest) -> None:
    asked: list[int] = []

    def now() -> str:
        asked.append(1)
        return GAZE

    held = TrialNow(reader="r01", gaze_sha256=now)
    for number, made in enumerate((segmentation(case="case01"), saliency(case="case01"), _prediction())):
        _store(tmp_path, f"1_a-{number}_00000000.json", made)
    assert [one.doubt for one in stored_predictions(tmp_path, closed.trials[0], held)] == [""] * 3 and not asked
    _store(tmp_path, "1_b-1_00000000.json", _by_gaze(gaze_sha256=GAZE))
    _store(tmp_path, "1_b-2_00000000.json", _by_gaze())
    stored_predictions(tmp_path, closed.trials[0], held)
    assert len(asked) == 1


def test_a_file_that_is_another_one_by_now_is_not_loaded(tmp_path: Path, closed: SessionManifest) -> None:
    path = _store(tmp_path, "1_a-1_00000000.json", _prediction())
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    write_prediction(path, _prediction("case02"), timing=True)
    with pytest.raises(SessionError, match=r"1_a-1_00000000\.json: is not the file that was listed"):
        load_prediction(found, progress=lambda done, total: None, cancelled=lambda: False)


def test_listing_stops_when_nobody_waits_for_it(tmp_path: Path, closed: SessionManifest) -> None:
    _store(tmp_path, "1_a-1_00000000.json", segmentation(case="case01"))
    with pytest.raises(Cancelled):
        stored_predictions(tmp_path, closed.trials[0], cancelled=lambda: True)
