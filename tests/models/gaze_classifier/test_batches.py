"""Batches: pictures and gaze move together, and gaze is borrowed from another patient only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.gaze_classifier.batches import augmented, batch_of, loader, with_dropped_gaze
from models.gaze_classifier.config import AugmentationTable
from models.gaze_classifier.prepared_pictures import PreparedPicture, prepare, with_borrowed_gaze, without_gaze
from tests.models.gaze_classifier.saved_classifiers import tiny_settings
from tests.models.gaze_classifier.trained_cases import SIDES, spotted_case


def pictures(count: int, kind: str = "temporal") -> list[PreparedPicture]:
    return prepare([spotted_case(seed) for seed in range(count)], tiny_settings(kind, labels=SIDES, sigma=0.1))


def peak(picture: torch.Tensor) -> np.ndarray:
    return np.array(np.unravel_index(int(picture.argmax()), picture.shape))


def test_a_batch_holds_frames_for_the_temporal_network_and_a_map_for_the_static_one() -> None:
    temporal = batch_of(pictures(3), tiny_settings("temporal", labels=SIDES))
    static = batch_of(pictures(3), tiny_settings("static", labels=SIDES))
    baseline = batch_of(pictures(3), tiny_settings("baseline", labels=SIDES))

    assert temporal.frames is not None
    assert (temporal.frames.maps.shape, temporal.frames.counts.tolist()) == ((9, 1, 32, 32), [3, 3, 3])
    assert static.maps is not None
    assert static.maps.amax(dim=(1, 2, 3)).tolist() == [1, 1, 1]
    assert (baseline.frames, baseline.maps) == (None, None)
    assert temporal.labels.tolist() == [[1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize("kind", ["temporal", "static"])
def test_picture_and_gaze_are_shifted_and_scaled_together(kind: str) -> None:
    torch.manual_seed(3)
    settings = tiny_settings(kind, labels=SIDES, sigma=0.1)
    batch = batch_of(pictures(8, kind), settings)

    moved = augmented(batch, AugmentationTable(shift=0.15, scale=0.2))

    gaze = moved.maps if moved.maps is not None else moved.frames.maps[::3]  # type: ignore[union-attr]
    places = np.array([peak(one[0]) for one in batch.pictures])
    moved_places = np.array([peak(one[0]) for one in moved.pictures])
    assert np.abs(places - moved_places).max() > 2
    for seen, looked in zip(moved_places, gaze, strict=True):
        assert np.abs(seen - peak(looked[0])).max() <= 3


def test_without_changes_a_batch_stays_as_it_is() -> None:
    batch = batch_of(pictures(2), tiny_settings("temporal", labels=SIDES))

    same = augmented(batch, AugmentationTable())

    assert torch.equal(same.pictures, batch.pictures)
    assert same.frames is batch.frames


def test_contrast_and_noise_leave_pictures_between_zero_and_one() -> None:
    batch = batch_of(pictures(4), tiny_settings("baseline", labels=SIDES))

    changed = augmented(batch, AugmentationTable(contrast=0.5, noise=0.5)).pictures

    assert (float(changed.min()), float(changed.max())) == (0, 1)
    assert not torch.equal(changed, batch.pictures)


def test_dropped_gaze_takes_whole_readings() -> None:
    torch.manual_seed(0)
    batch = batch_of(pictures(16), tiny_settings("temporal", labels=SIDES))

    frames = with_dropped_gaze(batch, 0.5).frames

    assert frames is not None
    assert set(frames.counts.tolist()) == {0, 3}
    assert len(frames.maps) == int(frames.counts.sum())


def test_borrowed_gaze_is_always_another_patients_and_every_reading_is_lent_once() -> None:
    own = pictures(7)

    lent = with_borrowed_gaze(own, seed=5)

    before = [id(one.fixations) for one in own]
    after = [id(one.fixations) for one in lent]
    assert sorted(before) == sorted(after)
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert [id(one.fixations) for one in with_borrowed_gaze(own[::-1], seed=5)] == after[::-1]
    assert all(one.fixations is None for one in without_gaze(own))
    with pytest.raises(ModelError, match="at least two patients"):
        with_borrowed_gaze(own[:1], seed=5)


def test_a_last_batch_of_one_picture_is_left_out_of_training_alone() -> None:
    settings = tiny_settings("baseline", labels=SIDES)

    training = loader(pictures(5), settings, cases_per_batch=4, shuffle_seed=1)
    validation = loader(pictures(5), settings, cases_per_batch=4)

    assert [len(batch.labels) for batch in training] == [4]
    assert [len(batch.labels) for batch in validation] == [4, 1]
