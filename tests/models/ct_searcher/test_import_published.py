"""Published checkpoints become models that compute as published; what is none is one line, and no code is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.ct_searcher.files import load_searcher
from models.ct_searcher.import_published import import_searcher
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.errors import ModelError


def published_weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    settings = SearcherSettings(
        max_steps=5, width=24, heads=4, encoder_layers=1, decoder_layers=2, feed_forward=30, feature_channels=7,
        faithful=True,
    )  # fmt: skip
    return CtSearcher(settings).state_dict()


def write_npz(path: Path, weights: dict[str, Tensor]) -> None:
    np.savez(path, **{f"weights/{name}": tensor.numpy() for name, tensor in weights.items()})


def test_an_imported_checkpoint_gives_the_published_outputs(tmp_path: Path, shared_data: Path):
    published = shared_data / "golden" / "published_ct_searcher_small.npz"
    import_searcher(published, tmp_path / "m", name="published")
    network = load_searcher(tmp_path / "m").network
    with np.load(published) as golden:
        with torch.inference_mode():
            found = network(torch.from_numpy(golden["features"].astype(np.float32)))
        assert found.logits.numpy() == pytest.approx(golden["out/spatial_logits"], abs=1e-4)
        assert found.duration_mu.numpy() == pytest.approx(golden["out/duration_mu"], abs=1e-4)
        sigma2 = found.duration_log_variance.exp().numpy()
        assert sigma2 == pytest.approx(golden["out/duration_sigma2"], abs=1e-4)


@pytest.mark.parametrize("prefix", ["", "model.", "module.", "module.model."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_sizes_are_found_whatever_wraps_the_weights(tmp_path: Path, prefix: str, wrapper: str | None):
    named: Any = {prefix + name: tensor for name, tensor in published_weights().items()}
    torch.save(named if wrapper is None else {wrapper: named, "epoch": 3}, tmp_path / "last.ckpt")
    loaded = import_searcher(tmp_path / "last.ckpt", tmp_path / "m", name="published", heads=4)
    settings = loaded.network.settings
    assert (settings.max_steps, settings.width, settings.heads, settings.feed_forward) == (5, 24, 4, 30)
    assert (settings.encoder_layers, settings.decoder_layers, settings.feature_channels) == (1, 2, 7)
    assert settings.faithful
    weights = load_searcher(tmp_path / "m").network.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in published_weights().items())


def test_the_card_says_how_little_is_known(tmp_path: Path):
    write_npz(tmp_path / "w.npz", published_weights())
    card = import_searcher(tmp_path / "w.npz", tmp_path / "m", name="published", heads=4).card
    assert card.training.data == "Unknown; the checkpoint w.npz does not say."
    assert card.metrics == {}
    assert any("Swin UNETR, 7 a cell" in limit for limit in card.limits)


class Opens:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["pickle", "torch", "npz"])
def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, kind: str):
    trap = Opens(tmp_path / "it ran")
    path = tmp_path / f"w.{'npz' if kind == 'npz' else 'pt'}"
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"state_dict": trap}))
    elif kind == "torch":
        torch.save({"state_dict": {**published_weights(), "x": trap}}, path)
    else:
        np.savez(path, **{"weights/stop_token": np.array([trap], dtype=object)})
    with pytest.raises(ModelError, match="code") as caught:
        import_searcher(path, tmp_path / "m", name="published")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "it ran").exists()
    assert not (tmp_path / "m").exists()


def without(name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in published_weights().items() if key != name}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (without("query_embed.weight"), "holds no query_embed.weight: no CT-Searcher"),
        (without("spatial_fc.bias"), "lacks the tensor spatial_fc.bias"),
        ({**published_weights(), "extra": torch.ones(1)}, "holds extra, which CT-Searcher has not"),
        (
            {**published_weights(), "spatial_fc.bias": torch.ones(3)},
            r"spatial_fc.bias has the shape \(3,\), not \(24,\)",
        ),
        ({**published_weights(), "spatial_fc.bias": torch.full((24,), torch.nan)}, "spatial_fc.bias holds values"),
        (
            {**published_weights(), "spatial_fc.bias": torch.ones(24, dtype=torch.int64)},
            "spatial_fc.bias is int64, not numbers with a point",
        ),
        ({**published_weights(), "query_embed.weight": torch.ones(5)}, "query_embed.weight has 1 axes, not 2"),
        ({**published_weights(), "query_embed.weight": torch.ones(5000, 24)}, "its sizes are no CT-Searcher's"),
    ],
)
def test_weights_of_something_else_are_one_line(tmp_path: Path, weights: dict[str, Tensor], said: str):
    write_npz(tmp_path / "w.npz", weights)
    with pytest.raises(ModelError, match=said):
        import_searcher(tmp_path / "w.npz", tmp_path / "m", name="published", heads=4)
    assert not (tmp_path / "m").exists()


def test_heads_that_do_not_divide_the_width_are_named(tmp_path: Path):
    write_npz(tmp_path / "w.npz", published_weights())
    with pytest.raises(ModelError, match=r"by 7 heads .give the number of heads it was trained with: --heads"):
        import_searcher(tmp_path / "w.npz", tmp_path / "m", name="published", heads=7)


@pytest.mark.parametrize("name", ["w.npz", "w.pt", "w.ckpt"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04rest", b"\x80\x02."])
def test_damaged_and_missing_files_are_one_line(tmp_path: Path, name: str, content: bytes | None):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        import_searcher(tmp_path / name, tmp_path / "m", name="published")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_name_that_is_none_is_refused(tmp_path: Path):
    write_npz(tmp_path / "w.npz", published_weights())
    with pytest.raises(ModelError, match="name: String should match"):
        import_searcher(tmp_path / "w.npz", tmp_path / "m", name="../up", heads=4)


def test_sizes_that_no_memory_holds_are_one_line(tmp_path: Path):
    layer = "transformer_decoder.layers.0.linear1.weight"
    torch.save({**published_weights(), layer: torch.zeros(1).expand(10**12, 24)}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"a network of 147,000,0[\d,]+ parameters") as caught:
        import_searcher(tmp_path / "w.pt", tmp_path / "m", name="published", heads=4)
    assert str(caught.value).startswith(str(tmp_path / "w.pt"))
