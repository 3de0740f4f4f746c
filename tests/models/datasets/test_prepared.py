"""Prepared cases: what training gets is what the parts compute, checked, bounded in memory and safe to send."""

from __future__ import annotations

import gc
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import dwell_share, path_targets
from models.datasets.prepared import PreparedCases
from models.errors import Cancelled, ModelError
from models.features.inputs import network_input
from models.scanpath import Scanpath
from models.volumes import CanonicalFrame
from tests.models.datasets.training_cases import AXIAL_LPS, SHAPE_KJI, a_case, a_path, a_volume

SMALL = SearcherSettings(
    grid_kji=(4, 4, 4), max_steps=20, width=12, heads=2, encoder="small", input_shape_kji=(8, 8, 8), offsets=True
)
GIVEN = SearcherSettings(grid_kji=(2, 2, 2), max_steps=20, width=12, heads=2, feature_channels=3)
CASES = [a_case(f"c{n}", seed=n) for n in range(3)]
ONE_INPUT_BYTES = 2 * 8**3 * 2


def test_each_sample_is_the_volumes_input_targets_and_dwell():
    seen = []
    prepared = PreparedCases(CASES, SMALL, progress=lambda done, total: seen.append((done, total)))
    assert len(prepared) == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    for number, (case, sample) in enumerate(zip(CASES, prepared, strict=True)):
        assert (sample.inputs == network_input(case.load(), SMALL).astype(np.float16)).all()
        assert sample.inputs.dtype == np.float16
        wanted = path_targets(case.paths, frame, SMALL)
        assert (sample.targets.cells == wanted.cells).all()
        assert (sample.targets.offset_kji == wanted.offset_kji).all()
        assert (sample.dwell == dwell_share(case.paths, frame, SMALL.grid_kji)).all()
        assert prepared.volume_sha256[case.case] == case.load().digest()
        assert prepared.frames[number] == frame


def test_inputs_beyond_the_bound_go_to_a_file_and_stay_the_same(tmp_path: Path):
    memory = PreparedCases(CASES, SMALL, memory_bytes=3 * ONE_INPUT_BYTES)
    assert memory.in_memory
    filed = PreparedCases(CASES, SMALL, folder=tmp_path / "room", memory_bytes=3 * ONE_INPUT_BYTES - 1)
    assert not filed.in_memory
    assert all((one.inputs == other.inputs).all() for one, other in zip(memory, filed, strict=True))
    sent = pickle.loads(pickle.dumps(filed))
    assert len(pickle.dumps(filed)) < len(pickle.dumps(memory)) - 2 * ONE_INPUT_BYTES
    assert isinstance(sent._room.inputs, np.memmap)
    assert (sent[2].inputs == memory[2].inputs).all()
    assert (pickle.loads(pickle.dumps(memory))[1].inputs == memory[1].inputs).all()
    (file,) = (tmp_path / "room").iterdir()
    del sent, filed
    gc.collect()
    assert not file.exists()


def test_more_than_memory_without_a_folder_is_refused_before_any_volume_is_loaded():
    def never():
        raise AssertionError

    cases = [replace(case, load=never) for case in CASES]
    with pytest.raises(ModelError, match=r"3 cases take 0\.0 GiB, more than .*name a folder"):
        PreparedCases(cases, SMALL, memory_bytes=100)


def test_given_features_take_the_place_of_the_image():
    prepared = PreparedCases(CASES, GIVEN, features=lambda volume: np.full((8, 3), volume.hu_kji[0, 0, 0] / 1000))
    assert prepared[1].inputs.shape == (8, 3)
    assert prepared[1].inputs[0, 0] == np.float16(a_volume(1).hu_kji[0, 0, 0] / 1000)
    with pytest.raises(ModelError, match=r"c0.json, record 1: .* shape \(8, 4\), not \(8, 3\)"):
        PreparedCases(CASES, GIVEN, features=lambda volume: np.zeros((8, 4)))
    for too_large in (1e6, np.nan):
        with pytest.raises(ModelError, match="float16 cannot hold"):
            PreparedCases(CASES, GIVEN, features=lambda volume, value=too_large: np.full((8, 3), value))
    with pytest.raises(ModelError, match='"given" needs features'):
        PreparedCases(CASES, GIVEN)
    with pytest.raises(ModelError, match='"small" takes no features'):
        PreparedCases(CASES, SMALL, features=lambda volume: np.zeros((8, 3)))


def test_what_the_checks_refuse_is_not_prepared():
    outside = Scanpath.from_voxels([(620.0, 3, 3)], [0.2], shape_kji=SHAPE_KJI, who="r1", case="c9", patient="c9")
    with pytest.raises(ModelError, match=r"fixation 1: x 620\.0 lies outside of 0\.\.39"):
        PreparedCases([a_case("c9", paths=[outside])], SMALL)
    shifted = replace(a_path(case="c9"), affine_lps=AXIAL_LPS + np.eye(4, k=3))
    with pytest.raises(ModelError, match=r"c9.json, record 1: .*another grid.*differ by 1"):
        PreparedCases([a_case("c9", paths=[shifted])], SMALL)


def test_one_code_for_two_volumes_is_refused():
    lifted = a_case("c0", origin="lifted", paths=[a_path(7, case="c0")])
    PreparedCases([CASES[0], lifted], SMALL)
    other = replace(lifted, load=lambda: a_volume(55, case="c0"))
    with pytest.raises(ModelError, match="case c0 is another volume in another source"):
        PreparedCases([CASES[0], other], SMALL)


def test_preparation_stops_when_asked():
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        PreparedCases(CASES, SMALL, cancelled=lambda: next(asked))
