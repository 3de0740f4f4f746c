"""Where a session's predictions are kept, which of them are out of date, and when nobody may see any."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from ctgaze_app.study.predictions import (
    MAKING,
    PredictionRequest,
    StoredPrediction,
    place_to_write,
    predicted_series,
    prediction_path,
    remove_prediction,
    stored_predictions,
    why_hidden,
)
from ctgaze_app.study.session import PartRecord, SessionManifest, TrialRecord
from models.prediction_file import write_prediction
from models.predictions import Prediction, ScanpathPrediction
from models.scanpath import Scanpath
from tests.factories.volumes import make_volume
from tests.models.made_predictions import classification, saliency, segmentation
from tests.ui.review.scene import manifest

WEIGHTS, VOLUME = "a" * 64, "b" * 64
REQUEST = PredictionRequest("ct-searcher", "1.0", WEIGHTS, 5, 0)


class BlindedTrial(TrialRecord):
    """A trial as a later study protocol may record it."""

    blinded: bool = False


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
    path = folder / "derived" / "predictions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_prediction(path, prediction)
    return path


def _part(state: str) -> PartRecord:
    return PartRecord(number=1, file="part1.xdf", boot_id="b", utc_start="t", lsl_start=0.0, state=state)  # type: ignore[arg-type]


def test_a_closed_sessions_trial_may_show_predictions(closed: SessionManifest) -> None:
    for state in ("complete", "interrupted", "salvaged"):
        assert why_hidden(closed.model_copy(update={"state": state, "parts": [_part(state)]}), closed.trials[0]) == ""


@pytest.mark.parametrize("change", [{"state": "open"}, {"parts": [_part("recording")]}])
def test_nothing_is_shown_while_a_session_is_recorded_or_was_never_closed(
    closed: SessionManifest, change: dict[str, object]
) -> None:
    assert "until the session is closed" in why_hidden(closed.model_copy(update=change), closed.trials[0])


def test_nothing_is_shown_of_a_trial_that_runs(closed: SessionManifest) -> None:
    assert "until this trial is over" in why_hidden(closed, closed.trials[0].model_copy(update={"state": "running"}))


@pytest.mark.parametrize("blinded", [True, False])
def test_nothing_is_shown_of_a_reading_that_is_called_blinded(closed: SessionManifest, blinded: bool) -> None:
    trial = BlindedTrial(number=1, case="case01", series=[0], state="complete", blinded=blinded)
    assert bool(why_hidden(closed, trial)) is blinded


def test_the_reading_room_knows_of_no_predictions() -> None:
    rooms = [*Path(str(files("ctgaze_app.ui.reading"))).glob("*.py"), Path(str(files("ctgaze_app.ui"))) / "journey.py"]
    assert len(rooms) > 2
    for room in rooms:
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not [name for name in names if "predict" in name or "review" in name], room.name


def test_the_files_name_says_trial_model_version_and_a_digest_of_everything_that_matters(
    closed: SessionManifest,
) -> None:
    path = prediction_path(Path("s"), closed, closed.trials[1], REQUEST)
    assert path.parent == Path("s") / "derived" / "predictions"
    assert path.name == f"2_ct-searcher-1.0_{REQUEST.digest(closed.series[0].digest)}.json"
    assert len(REQUEST.digest("")) == 8
    others = [replace(REQUEST, **change) for change in ({"count": 4}, {"seed": 1}, {"model_sha256": "c"})]
    assert len({one.digest("v") for one in (REQUEST, *others)} | {REQUEST.digest("w")}) == 5


def test_a_models_name_cannot_lead_out_of_the_folder(closed: SessionManifest) -> None:
    path = prediction_path(Path("s"), closed, closed.trials[0], replace(REQUEST, model="../../x y", version=".."))
    assert path.parent == Path("s") / "derived" / "predictions" and path.name.startswith("1_x-y-model_")


def test_predictions_are_about_the_current_series(closed: SessionManifest) -> None:
    prior = closed.series[0].model_copy(update={"role": "prior"})
    two = closed.model_copy(update={"series": [prior, closed.series[0]]})
    trial = closed.trials[0]
    assert predicted_series(two, trial.model_copy(update={"series": [0, 1]})) == 1
    assert predicted_series(two, trial.model_copy(update={"series": [0]})) == 0
    assert predicted_series(two, trial.model_copy(update={"series": []})) == -1


def test_a_trials_predictions_are_listed_and_no_others(tmp_path: Path, closed: SessionManifest) -> None:
    mine = _store(tmp_path, "1_a-1_00000000.json", _prediction())
    _store(tmp_path, "2_a-1_00000000.json", _prediction("case02"))
    _store(tmp_path, "11_a-1_00000000.json", _prediction())
    _store(tmp_path, f"{MAKING}1_a-1_00000000.json", _prediction())
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert (found.path, found.problem, found.stale) == (mine, "", "")
    assert found.prediction is not None
    assert found.prediction.paths[0].voxel_ijk.tolist() == [[1, 2, 0], [3, 4, 2]]


def test_without_a_folder_there_are_none(tmp_path: Path, closed: SessionManifest) -> None:
    assert stored_predictions(tmp_path, closed.trials[0]) == ()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', "\x00\x01"])
def test_a_broken_file_says_so_and_spoils_nothing(tmp_path: Path, closed: SessionManifest, content: str) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _prediction())
    (tmp_path / "derived" / "predictions" / "1_b-1_00000000.json").write_text(content, encoding="utf-8")
    found = {one.path.name: one for one in stored_predictions(tmp_path, closed.trials[0])}
    assert found["1_a-1_00000000.json"].prediction is not None
    broken = found["1_b-1_00000000.json"]
    assert broken.prediction is None and broken.problem.startswith("1_b-1_00000000.json: ")
    assert "\n" not in broken.problem


def test_a_prediction_of_another_case_is_refused(tmp_path: Path, closed: SessionManifest) -> None:
    _store(tmp_path, "1_a-1_00000000.json", _prediction("case07"))
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert found.prediction is None and "of case case07, not of case01" in found.problem


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
    (found,) = stored_predictions(tmp_path, closed.trials[0], volume_sha256=volume, weights=weights)
    assert found.stale.startswith(stale) and bool(found.stale) is bool(stale)


def test_a_removed_prediction_is_gone_and_removing_it_again_is_no_fault(tmp_path: Path) -> None:
    stored = StoredPrediction(_store(tmp_path, "1_a-1_00000000.json", _prediction()), None)
    remove_prediction(stored)
    assert not stored.path.exists()
    remove_prediction(stored)


def test_a_worker_writes_beside_the_place_and_never_into_it(tmp_path: Path) -> None:
    place = place_to_write(tmp_path / "derived" / "predictions" / "1_a-1_00000000.json")
    assert place.parent.is_dir() and place.name == f"{MAKING}1_a-1_00000000.json"


def test_the_digest_of_a_scan_path_request_is_as_it_always_was() -> None:
    assert REQUEST.digest("v") == "52cd191a"


def test_tasks_and_options_give_other_digests_and_other_arguments() -> None:
    mask = PredictionRequest("m", "1", WEIGHTS, task="segmentation", options=(("slices", "1-3"), ("average", "logits")))
    others = [replace(mask, **change) for change in ({"options": ()}, {"task": "saliency"}, {"model_sha256": "c"})]
    assert len({one.digest("v") for one in (mask, *others)} | {mask.digest("w")}) == 5
    assert mask.digest("v") == replace(mask, seed=7).digest("v")
    assert mask.arguments() == ("--option", "slices=1-3", "--option", "average=logits")
    assert REQUEST.arguments() == ("--count", "5", "--seed", "0")


@pytest.mark.parametrize("make", [classification, segmentation, saliency])
def test_predictions_of_every_task_are_listed_and_grow_stale(
    tmp_path: Path, closed: SessionManifest, make: Callable[..., Prediction]
) -> None:
    prediction = make(case="case01")
    _store(tmp_path, "1_a-1_00000000.json", prediction)
    (found,) = stored_predictions(tmp_path, closed.trials[0], volume_sha256=prediction.volume_sha256)
    assert type(found.prediction) is type(prediction) and (found.problem, found.stale) == ("", "")
    (found,) = stored_predictions(tmp_path, closed.trials[0], volume_sha256="c" * 64)
    assert found.stale == "made on another CT or picture than the one that is shown"
    weights = {(prediction.model, prediction.version): {"d" * 64}}
    (found,) = stored_predictions(tmp_path, closed.trials[0], weights=weights)
    assert found.stale.startswith("made by other weights")
    _store(tmp_path, "1_a-1_00000000.json", make(case="case07"))
    (found,) = stored_predictions(tmp_path, closed.trials[0])
    assert found.prediction is None and "is of case case07, not of case01" in found.problem
