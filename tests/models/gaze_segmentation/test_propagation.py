"""Local propagation equals the published unfold, forward and backward."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import unfold

from models.gaze_segmentation import propagation
from models.gaze_segmentation.propagation import propagated


def unfolded(feature: Tensor, size: int = 5, dilation: int = 2) -> Tensor:
    """The same by the arrangement of the publication: 25 copies of the feature."""
    batch, channels, height, width = feature.shape
    pad = dilation * (size // 2)
    copies = unfold(feature, size, dilation=dilation, padding=pad)
    copies = copies.view(batch, channels, size * size, height, width)
    weights = (feature[:, :, None] * copies).sum(1).relu().softmax(1)
    return (weights[:, None] * copies).sum(2)


def test_the_golden_feature_is_met(shared_data: Path) -> None:
    golden = json.loads((shared_data / "golden" / "published_gaze_segmentation.json").read_text())
    feature = np.random.default_rng(golden["seed"]).standard_normal((1, 8, 11, 13)).astype(np.float32)
    found = propagated(torch.from_numpy(feature)).numpy()
    np.testing.assert_allclose(found, golden["propagated_feature"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "size", "dilation"),
    [((2, 8, 11, 13), 5, 2), ((1, 3, 4, 9), 5, 2), ((2, 5, 7, 6), 3, 1), ((1, 4, 3, 3), 5, 1)],
)
def test_it_equals_the_unfold_with_its_gradient(shape: tuple[int, ...], size: int, dilation: int) -> None:
    torch.manual_seed(1)
    feature, slope = torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
    ours, theirs = feature.clone().requires_grad_(), feature.clone().requires_grad_()
    found, wanted = propagated(ours, size=size, dilation=dilation), unfolded(theirs, size, dilation)
    torch.testing.assert_close(found, wanted)
    found.backward(slope)
    wanted.backward(slope)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_gradient_is_the_slope_of_the_function() -> None:
    torch.manual_seed(2)
    feature = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(propagated, (feature,))


def test_pictures_computed_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    feature = torch.randn(5, 3, 8, 8)
    whole = propagated(feature)
    monkeypatch.setattr(propagation, "CHUNK_VALUES", 2 * feature[0].numel())
    torch.testing.assert_close(propagated(feature), whole, rtol=0, atol=0)


def test_a_pixel_alone_is_its_own_mean_with_what_lies_outside() -> None:
    feature = torch.tensor([2.0]).view(1, 1, 1, 1)
    own = np.exp(4.0)
    assert propagated(feature).item() == pytest.approx(2.0 * own / (own + 24))


def test_half_precision_is_computed_in_single() -> None:
    feature = torch.randn(1, 4, 6, 6).to(torch.bfloat16)
    assert propagated(feature).dtype == torch.float32
    torch.testing.assert_close(propagated(feature), propagated(feature.float()))


@pytest.mark.parametrize("options", [{"size": 4}, {"size": 0}, {"dilation": 0}])
def test_a_neighbourhood_without_a_centre_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="neighbours"):
        propagated(torch.zeros(1, 1, 4, 4), **options)
