"""Predicted paths lie in the body, on slices there are, and repeat with their seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ct_searcher.inside_body import Body
from models.ct_searcher.prediction import predict_scanpaths, sample_inside
from models.ct_searcher.targets import cells_of_classes
from models.errors import Cancelled, ModelError
from models.prediction_file import prediction_json
from models.volumes import CanonicalFrame, CtVolume
from tests.models.ct_searcher.saved_searchers import in_ellipse, saved_searcher, small_patient


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    return saved_searcher(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prediction(model):
    return predict_scanpaths(model, small_patient(), count=20, seed=3, length=12, device="cpu")


def test_places_are_in_the_body_and_slices_are_whole(prediction):
    voxel = np.concatenate([path.voxel_ijk for path in prediction.paths])
    assert len(voxel) == 240
    assert in_ellipse(voxel).all()
    assert (voxel[:, 2] == voxel[:, 2].round()).all()
    assert voxel[:, 2].min() >= 0
    assert voxel[:, 2].max() <= 15
    assert len(np.unique(voxel[:, 2])) > 8


def test_each_fixation_begins_when_the_one_before_ends(prediction):
    path = prediction.paths[0]
    assert path.onset_s[0] == 0
    assert path.onset_s[1:] == pytest.approx(np.cumsum(path.duration_s)[:-1], abs=1e-9)
    assert (path.duration_s > 0).all()


def test_a_prediction_says_what_made_it(model, prediction):
    assert (prediction.model, prediction.version, prediction.model_sha256) == ("tiny", "1.0", model.sha256)
    assert prediction.volume_sha256 == small_patient().digest()
    assert prediction.device == "cpu"
    assert prediction.parameters == {
        "count": 20, "seed": 3, "length": 12, "temperature": 1.0, "consensus": 1, "reader": None, "task": None,
        "threads": torch.get_num_threads(), "torch": str(torch.__version__),
    }  # fmt: skip
    assert [path.trial for path in prediction.paths[:2]] == ["sample 1", "sample 2"]
    assert {(path.who, path.case, path.patient, path.source) for path in prediction.paths} == {
        ("tiny", "c1", "p1", "model")
    }


def test_one_seed_one_result_and_another_seed_another(model, prediction):
    again = predict_scanpaths(model, small_patient(), count=20, seed=3, length=12, device="cpu")
    assert prediction_json(again) == prediction_json(prediction)
    other = predict_scanpaths(model, small_patient(), count=20, seed=4, length=12)
    assert other.paths[0].voxel_ijk.tolist() != prediction.paths[0].voxel_ijk.tolist()


def test_fewer_paths_are_the_first_of_more(model, prediction):
    few = predict_scanpaths(model, small_patient(), count=2, seed=3, length=12)
    assert [path.voxel_ijk.tolist() for path in few.paths] == [path.voxel_ijk.tolist() for path in prediction.paths[:2]]


def test_a_volume_stored_feet_first_gives_the_same_places_in_the_patient(model, prediction):
    patient = small_patient()
    turned = replace(
        patient,
        hu_kji=np.ascontiguousarray(patient.hu_kji[::-1]),
        affine_lps=patient.affine_lps @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 15], [0, 0, 0, 1.0]]),
    )
    other = predict_scanpaths(model, turned, count=1, seed=3, length=12).paths[0]
    straight = prediction.paths[0]
    assert np.column_stack([other.x_voxel, other.y_voxel]) == pytest.approx(straight.voxel_ijk[:, :2])
    # The nearest slice of a place halfway between two is the later one of the file.
    assert np.abs(15 - other.z_voxel - straight.z_voxel).max() <= 1


def test_readers_that_the_network_knows_are_told(model):
    told = predict_scanpaths(model, small_patient(), seed=1, reader="b", length=3)
    assert told.parameters["reader"] == "b"
    with pytest.raises(ModelError, match=r"tiny: knows no reader 'zoe' \(one of a, b\)"):
        predict_scanpaths(model, small_patient(), reader="zoe")
    with pytest.raises(ModelError, match="tiny: knows no task"):
        predict_scanpaths(model, small_patient(), task="nodules")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "0 paths"),
        ({"count": 10**9}, "1000000000 paths"),
        ({"seed": -1}, "a seed of -1"),
        ({"length": 0}, "a path of 0 fixations"),
        ({"length": 13}, "a path of 13 fixations"),
        ({"temperature": 0.0}, "a temperature of 0.0"),
        ({"device": "tpu"}, "no such device"),
        ({"features": np.zeros((24, 8), np.float32)}, "makes its own features"),
    ],
)
def test_what_cannot_be_asked_is_one_line(model, options, said: str):
    with pytest.raises(ModelError, match=said):
        predict_scanpaths(model, small_patient(), **options)


def test_volumes_that_are_no_ct_of_a_body_are_refused(model):
    air = CtVolume(np.full((12, 20, 20), -1000, np.int16), np.eye(4), "empty")
    with pytest.raises(ModelError, match="empty: no body is seen in it"):
        predict_scanpaths(model, air)
    with pytest.raises(ModelError, match="1 x 40 x 48; a volume has at least 8 slices"):
        predict_scanpaths(model, small_patient(slices=1))


def test_a_network_without_an_encoder_needs_features_that_fit(tmp_path: Path):
    given = saved_searcher(tmp_path, encoder="given")
    with pytest.raises(ModelError, match="needs features"):
        predict_scanpaths(given, small_patient())
    with pytest.raises(ModelError, match=r"features of shape \(24, 9\); expected \(24, 8\)"):
        predict_scanpaths(given, small_patient(), features=np.zeros((24, 9), np.float32))
    found = predict_scanpaths(given, small_patient(), features=np.zeros((24, 8), np.float32), length=2)
    assert len(found.paths[0]) == 2


def test_progress_ascends_to_its_end_and_cancelling_stops(model):
    told: list[tuple[int, int]] = []
    predict_scanpaths(model, small_patient(), progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (1000, 1000)
    with pytest.raises(Cancelled):
        predict_scanpaths(model, small_patient(), cancelled=lambda: True)


def test_only_cells_with_body_may_be_drawn(model):
    patient = small_patient(air_slices=8)
    allowed = Body.of(patient).classes(model.network.settings)
    assert allowed[-1]
    cells = cells_of_classes(np.flatnonzero(allowed[:-1]), model.network.settings)
    assert sorted({int(k) for k in cells[:, 0]}) == [0, 1]


def test_cells_of_air_are_never_drawn(model):
    body = Body.of(small_patient(air_slices=8))
    encoded = model.network.encode(torch.zeros(1, 24, 8))
    sampled = sample_inside(model.network, encoded, body, count=20, seed=1, length=12)
    cells = cells_of_classes(torch.cat([path.cells for path in sampled]).numpy(), model.network.settings)
    assert len(cells) == 240
    assert sorted({int(k) for k in cells[:, 0]}) == [0, 1]


def test_the_faithful_stop_stays_allowed_and_cells_follow_its_order(tmp_path: Path):
    options = {"encoder": "given", "autoregressive": False, "offsets": False, "readers": (), "faithful": True}
    model = saved_searcher(tmp_path, grid_kji=(8, 8, 8), **options)
    allowed = Body.of(small_patient(air_slices=8)).classes(model.network.settings)
    assert allowed[0]
    # z runs fastest in published classes; the lower half shows air.
    assert not allowed[1:].reshape(8, 8, 8)[:, :, 4:].any()
    assert allowed[1:].reshape(8, 8, 8)[4, 4, :4].all()


def test_a_place_beside_the_body_goes_to_its_nearest_pixel_and_one_inside_stays():
    body = Body.of(small_patient())
    inside, left, beyond = body.place([[20.3, 19.7, 4.4], [0.0, 20.0, 5.0], [24.0, 20.0, 99.0]])
    assert inside.tolist() == [20.3, 19.7, 4.0]
    assert left[1:].tolist() == [20.0, 5.0]
    assert 5 <= left[0] <= 8
    assert beyond.tolist() == [24.0, 20.0, 15.0]


def test_a_place_in_a_slice_of_air_goes_to_the_nearest_slice_with_body():
    body = Body.of(small_patient(air_slices=6))
    assert body.place([[24.0, 20.0, 14.0]]).tolist() == [[24.0, 20.0, 9.0]]


def test_large_slices_are_looked_at_in_part_and_places_keep_their_scale():
    patient = small_patient(rows=600, columns=720)
    body = Body.of(patient)
    assert body.stride == 3
    assert body.frame == CanonicalFrame.of(patient.shape_kji, patient.affine_lps)
    placed = body.place(np.random.default_rng(1).uniform(0, 720, (200, 3)) * [1, 600 / 720, 16 / 720])
    assert in_ellipse(placed, 600, 720).all()
