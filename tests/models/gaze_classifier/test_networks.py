"""The published sizes, and what was wrong with the published temporal network."""

from __future__ import annotations

import pytest
import torch

from models.errors import ModelError
from models.gaze_classifier.files import make_network
from models.gaze_classifier.image_cnn import Frames, TemporalClassifier
from models.gaze_classifier.settings import GazeClassifierSettings
from models.gaze_classifier.unet import GazeUnet, grad_cam
from tests.models.gaze_classifier.saved_classifiers import LABELS, tiny_network


def pictures(count: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(seed))


def frames(*counts: int, seed: int = 2) -> Frames:
    maps = torch.rand(sum(counts), 1, 32, 32, generator=torch.Generator().manual_seed(seed))
    return Frames(maps, torch.tensor(counts))


def _linear(network: GazeUnet) -> torch.nn.Linear:
    found = network.head[1]
    assert isinstance(found, torch.nn.Linear)
    return found


@pytest.mark.parametrize(("kind", "count"), [("baseline", 25_708_483), ("temporal", 51_491_779)])
def test_the_published_settings_give_the_published_number_of_parameters(kind: str, count: int) -> None:
    with torch.device("meta"):
        network = make_network(GazeClassifierSettings(kind=kind, labels=LABELS))  # type: ignore[arg-type]

    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_static_network_is_efficientnet_b0_up_to_its_last_block() -> None:
    network = make_network(GazeClassifierSettings(kind="static", labels=LABELS, size_px=64)).eval()
    assert isinstance(network, GazeUnet)

    found = network.features(torch.zeros(1, 1, 64, 64))

    assert [tuple(one.shape[1:]) for one in found] == [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
    # EfficientNet-b0 without its classifier has 4,007,548; the convolution and norm behind its last block are not used.
    assert sum(parameter.numel() for parameter in network.encoder.parameters()) == 4_007_548 - 1280 * 320 - 2 * 1280


def test_what_a_reading_says_does_not_depend_on_the_length_of_another() -> None:
    network = tiny_network("temporal")
    alone = network(pictures(1), frames(3))
    short, long = frames(3), frames(7, seed=5)
    both = Frames(torch.cat([short.maps, long.maps]), torch.tensor([3, 7]))

    together = network(torch.cat([pictures(1), pictures(1, seed=6)]), both)

    torch.testing.assert_close(together.logits[:1], alone.logits)
    torch.testing.assert_close(together.attention[0, :3], alone.attention[0])
    assert together.attention[0, 3:].tolist() == [0, 0, 0, 0]


def test_the_faithful_network_depends_on_it() -> None:
    network = tiny_network("temporal", faithful=True)
    alone = network(pictures(1), frames(3))
    both = Frames(torch.cat([frames(3).maps, frames(7, seed=5).maps]), torch.tensor([3, 7]))

    together = network(torch.cat([pictures(1), pictures(1, seed=6)]), both)

    assert (together.logits[:1] - alone.logits).abs().max() > 1e-4
    assert together.attention[0, 3:].min() > 0


def test_faithful_and_corrected_differ_by_the_order_of_the_querys_halves_where_nothing_is_padded() -> None:
    right, published = tiny_network("temporal"), tiny_network("temporal", faithful=True)
    assert isinstance(right, TemporalClassifier)
    published.load_state_dict(right.state_dict())
    given = frames(4)
    steps = right.frame(right.normalise(given.maps))[None]
    outputs, (last, _) = right.recurrent(steps)
    scores = {order: (outputs @ torch.cat([last[a], last[b]], 1)[0])[0] / 6**0.5 for order, (a, b) in ORDERS.items()}

    for network, order in ((right, "forward first"), (published, "backward first")):
        found = network(pictures(1), given).attention[0]
        torch.testing.assert_close(found, scores[order].softmax(0))


ORDERS = {"forward first": (0, 1), "backward first": (1, 0)}


def test_the_temporal_network_refuses_a_picture_without_gaze() -> None:
    with pytest.raises(ModelError, match="needs a reader's gaze"):
        tiny_network("temporal")(pictures(1), None)
    with pytest.raises(ModelError, match="needs a reader's gaze"):
        tiny_network("temporal")(pictures(2), frames(2, 0))


def test_or_goes_by_the_picture_alone_where_its_settings_say_so() -> None:
    network = tiny_network("temporal", without_gaze="image_only")
    two = pictures(2)

    mixed = network(two, frames(0, 3))

    torch.testing.assert_close(mixed.logits[:1], network(two[:1], None).logits)
    torch.testing.assert_close(mixed.logits[1:], network(two[1:], frames(3)).logits)
    assert mixed.attention[0].tolist() == [0, 0, 0]


def test_grad_cam_is_the_class_activation_map_of_a_linear_head() -> None:
    network = tiny_network("static")
    assert isinstance(network, GazeUnet)
    given = pictures(2)
    last = network.features(given)[-1]
    weights = _linear(network).weight[1][None, :, None, None]
    expected = (weights * last).sum(1).relu()
    expected = expected / expected.amax((1, 2), keepdim=True)

    found = grad_cam(network, given, torch.tensor([1, 1]))

    torch.testing.assert_close(found, expected.detach())


def test_a_grad_cam_without_a_positive_place_is_zero_and_not_no_number() -> None:
    network = tiny_network("static_baseline")
    assert isinstance(network, GazeUnet)
    with torch.no_grad():
        _linear(network).weight.fill_(-1)  # features behind a ReLU are never negative

    assert grad_cam(network, pictures(1), torch.tensor([0])).abs().sum() == 0


def test_the_static_network_predicts_a_map_of_the_pictures_size_and_its_baseline_none() -> None:
    assert tiny_network("static")(pictures(2)).map_logits.shape == (2, 1, 32, 32)
    assert tiny_network("static_baseline")(pictures(2)).map_logits is None
