"""A network as the evaluation asks it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.ct_searcher.evaluation import evaluate_predictors
from models.ct_searcher.evaluation_report import EvaluatedModel
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.network_predictor import network_predictor, own_features
from models.ct_searcher.settings import SearcherSettings
from models.scanpath import Scanpath
from tests.models.ct_searcher.evaluated_cases import QUICK, SHAPE_KJI, case_of, volume_of

SMALL = SearcherSettings(
    grid_kji=(4, 2, 2), max_steps=12, width=12, heads=2, encoder_layers=1, decoder_layers=1, feed_forward=8,
    feature_channels=6, encoder="small", input_shape_kji=(8, 8, 8), autoregressive=True, offsets=True, dropout=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def network() -> CtSearcher:
    torch.manual_seed(3)
    return CtSearcher(SMALL)


def same(a: list[Scanpath], b: list[Scanpath]) -> bool:
    return all(np.array_equal(x.voxel_ijk, y.voxel_ijk) for x, y in zip(a, b, strict=True))


def test_paths_have_the_length_asked_for_and_repeat_by_their_seed(network: CtSearcher) -> None:
    looked = network_predictor(EvaluatedModel("net"), network, device="cpu").look(volume_of("c1", "p"))
    paths = looked.paths(count=3, seed=5, length=9)
    assert [len(path) for path in paths] == [9, 9, 9]
    assert {(path.case, path.patient, path.source, path.shape_kji) for path in paths} == {
        ("c1", "p", "model", SHAPE_KJI)
    }
    assert same(paths, looked.paths(count=3, seed=5, length=9))
    assert not same(paths, looked.paths(count=3, seed=6, length=9))
    shorter = looked.paths(count=3, seed=5, length=4)
    assert same([path.part(slice(0, 4)) for path in paths], shorter)
    assert [len(path) for path in looked.paths(count=1, seed=5, length=99)] == [SMALL.max_steps]
    for path in paths:
        assert (path.voxel_ijk >= 0).all()
        assert (path.voxel_ijk <= np.array(SHAPE_KJI[::-1]) - 1).all()


def test_permuted_tokens_are_another_volume_to_the_network_and_equal_ones_are_not(network: CtSearcher) -> None:
    random = np.random.default_rng(1)
    seen = {"varied": random.normal(0, 3, (16, 6)), "equal": np.ones((16, 6))}
    for name, features in seen.items():
        given = network_predictor(EvaluatedModel("net"), network, features=lambda volume, f=features: f, device="cpu")
        looked = given.look(volume_of("c1"))
        as_it_is, permuted = (looked.paths(count=4, seed=2, length=12, permuted=flag) for flag in (False, True))
        assert same(as_it_is, permuted) == (name == "equal")


def test_features_of_one_network_feed_another_and_the_published_one_runs(network: CtSearcher) -> None:
    features = own_features(network)
    assert features(volume_of("c1")).shape == (16, 6)
    faithful = CtSearcher(
        SearcherSettings(faithful=True, max_steps=110, width=12, heads=2, encoder_layers=1, decoder_layers=1,
                         feed_forward=8, feature_channels=6)
    )  # fmt: skip
    fed = network_predictor(EvaluatedModel("old"), faithful, features=lambda volume: np.ones((512, 6)), device="cpu")
    assert 100 <= len(fed.look(volume_of("c1")).paths(count=1, seed=1)[0]) <= 110


def test_a_network_goes_through_the_whole_evaluation(network: CtSearcher) -> None:
    found = evaluate_predictors(
        [network_predictor(EvaluatedModel("net"), network, device="cpu")], [case_of(n) for n in range(3)], count=1,
        parameters=QUICK,
    )  # fmt: skip
    assert {row.name for row in found.comparison.with_role("candidate")} >= {
        "net (model)",
        "net, tokens permuted (model)",
    }
    assert "6 paths of net, told the length end before the length that they were told" in found.notes


def test_it_says_how_it_samples() -> None:
    settings = SMALL.model_copy(update={"temperature": 0.7, "consensus": 4})
    said = [network_predictor(EvaluatedModel("m"), CtSearcher(each)).sampling for each in (SMALL, settings)]
    assert said == [
        "samples at temperature 1",
        "samples at temperature 0.7 and takes of 4 samples the one that agrees most with the others",
    ]
