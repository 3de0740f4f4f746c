"""The ablation table: rows against the first, what other CTs cost, features of one network for another."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from models.ct_searcher.ablations import ablation_table, features_for
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.network_predictor import own_features
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError
from tests.models.ct_searcher.evaluated_cases import QUICK, Blind, case_of, predictor, volume_of

CASES = [case_of(number) for number in range(5)]


def test_rows_are_told_from_the_first_and_from_floors() -> None:
    found = ablation_table(
        [predictor("whole"), predictor("blinded", Blind), predictor("again")], CASES, count=2, parameters=QUICK
    )
    whole, blinded, again = found.rows
    assert whole.minus_first == {}
    assert blinded.minus_first["nss"].mean == pytest.approx(blinded.told["nss"].mean - whole.told["nss"].mean)
    assert blinded.minus_first["nss"].low <= blinded.minus_first["nss"].high < 0
    assert again.minus_first["nss"].mean == 0
    assert whole.another_ct["nss"].low > 1
    assert abs(blinded.permuted["nss"].mean) < 0.3
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
             for line in found.markdown().splitlines() if line.startswith("|")}  # fmt: skip
    assert lines["whole"][4] == f"{whole.told['nss'].mean:.3f}"
    assert lines["blinded"][4] == f"{blinded.told['nss'].mean:.3f} *"
    assert lines["again"][4] == lines["whole"][4]
    assert lines["whole"][8] == f"{-whole.permuted['nss'].mean:+.3f}"
    assert {"floor: uniform", "ceiling: between simulated readers"} <= set(lines)
    assert len({len(cells) for cells in lines.values()}) == 1
    assert len(json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"]) == 3


def network_of(grid_kji: tuple[int, int, int]) -> CtSearcher:
    torch.manual_seed(1)
    return CtSearcher(
        SearcherSettings(
            grid_kji=grid_kji, max_steps=4, width=12, heads=2, encoder_layers=1, decoder_layers=1, feed_forward=8,
            feature_channels=6, encoder="small", input_shape_kji=(16, 8, 8),
        )
    )  # fmt: skip


def test_features_of_one_network_are_averaged_to_the_grid_and_order_of_another() -> None:
    encoder, volume = network_of((16, 8, 8)), volume_of("c3")
    own = own_features(encoder)(volume).reshape(16, 8, 8, 6)
    halved = features_for(encoder, SearcherSettings(grid_kji=(8, 8, 4), feature_channels=6))(volume)
    expected = own.reshape(8, 2, 8, 4, 2, 6).mean(axis=(1, 4))
    np.testing.assert_allclose(halved.reshape(8, 8, 4, 6), expected, rtol=1e-5, atol=1e-6)
    published = features_for(encoder, SearcherSettings(faithful=True, feature_channels=6))(volume)
    k, j, i = 2, 3, 5
    np.testing.assert_allclose(
        published[j * 64 + i * 8 + k], own[2 * k : 2 * k + 2, j, i].mean(axis=0), rtol=1e-5, atol=1e-6
    )


def test_features_that_cannot_fit_are_refused() -> None:
    encoder = network_of((4, 4, 4))
    with pytest.raises(ModelError, match="6 channels, the network takes 768"):
        features_for(encoder, SearcherSettings(grid_kji=(4, 4, 4)))
    with pytest.raises(ModelError, match=r"cells of \(4, 4, 4\) cannot be averaged to \(8, 8, 8\)"):
        features_for(encoder, SearcherSettings(feature_channels=6))
