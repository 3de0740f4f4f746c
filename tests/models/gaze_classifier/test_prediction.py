"""Predictions on pictures of any size and range of values, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import Cancelled, ModelError
from models.gaze_classifier import family
from models.gaze_classifier.picture_gaze import gaze_digest, write_fixations
from models.gaze_classifier.picture_input import picture_input
from models.gaze_classifier.prediction import as_stored, predict_picture
from models.predictions import ClassificationPrediction, SaliencyPrediction
from models.volumes import CtVolume, PictureVolume
from tests.models.gaze_classifier.saved_classifiers import (
    LABELS,
    gaze_at,
    radiograph,
    saved_classifier,
    tiny_settings,
)


def test_the_u_net_gives_findings_and_both_maps_on_the_pictures_own_pixels(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "static")

    found = predict_picture(model, radiograph(50, 40))

    assert isinstance(found, SaliencyPrediction)
    assert list(found.maps_kji) == ["predicted gaze", "Grad-CAM"]
    assert found.maps_kji["predicted gaze"].shape == (1, 50, 40)
    assert found.maps_kji["predicted gaze"].max() == 255
    assert found.findings is not None
    assert found.findings.labels == LABELS
    assert found.parameters["finding"] == LABELS[int(np.argmax(found.findings.probabilities))]


def test_its_baseline_gives_grad_cam_alone_of_the_finding_that_was_asked_for(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "static_baseline")

    found = family.predict(model, radiograph(), options={"finding": "CHF"})

    assert isinstance(found, SaliencyPrediction)
    assert (list(found.maps_kji), found.parameters["finding"]) == (["Grad-CAM"], "CHF")


@pytest.mark.parametrize("kind", ["baseline", "static"])
def test_brightness_and_contrast_of_the_file_change_nothing(tmp_path: Path, kind: str) -> None:
    model = saved_classifier(tmp_path / "m", kind)
    dim = radiograph(scale=0.001)
    shifted = PictureVolume((radiograph().values * 20 - 3000).astype(np.int16), case="x1")

    first = predict_picture(model, dim).findings
    second = predict_picture(model, shifted).findings

    assert first is not None
    assert second is not None
    assert second.probabilities == pytest.approx(first.probabilities, abs=1e-4)


def test_a_colour_picture_of_grey_values_is_seen_as_the_grey_one() -> None:
    grey = np.asarray(radiograph(scale=0.25).values, dtype=np.uint8)
    colour = PictureVolume(np.repeat(grey[..., None], 3, axis=3))
    settings = tiny_settings("baseline")

    expected = picture_input(PictureVolume(grey.astype(np.float32)), settings)

    np.testing.assert_allclose(picture_input(colour, settings), expected, atol=1e-4)


def test_a_fixed_window_is_zero_below_and_one_above() -> None:
    settings = tiny_settings("baseline", intensity="window", window=(300.0, 700.0))

    found = picture_input(radiograph(320, 320), settings)

    assert (found.min(), found.max()) == (0.0, 1.0)
    assert found[0, 0] == pytest.approx(1.0)


def test_the_published_scaling_divides_by_the_largest_value() -> None:
    found = picture_input(radiograph(320, 320), tiny_settings("baseline", intensity="maximum"))

    assert found[0, 0] == pytest.approx(0.8)


def test_the_temporal_network_reads_a_table_of_fixations(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "temporal")
    gaze = gaze_at((0.3, 0.3), (0.7, 0.6), (0.5, 0.5))
    file = write_fixations(tmp_path / "r1.csv", gaze, case="x1", shape_ji=(50, 40))

    found = family.predict(model, radiograph(), options={"fixations": str(file)})

    assert isinstance(found, ClassificationPrediction)
    expected = predict_picture(model, radiograph(), gaze=gaze)
    assert isinstance(expected, ClassificationPrediction)
    assert found.findings.probabilities == pytest.approx(expected.findings.probabilities, abs=1e-6)
    assert (found.parameters["reader"], found.parameters["frames"]) == ("r1", 3)
    assert sum(found.parameters["attention"]) == pytest.approx(1, abs=1e-3)


def test_a_prediction_notes_the_gaze_that_it_took_and_none_where_it_took_none(tmp_path: Path) -> None:
    gaze = gaze_at((0.3, 0.3))
    taking = saved_classifier(tmp_path / "t", "temporal", without_gaze="image_only")
    looking = saved_classifier(tmp_path / "u", "static")

    assert predict_picture(taking, radiograph(), gaze=gaze).parameters["gaze_sha256"] == gaze_digest(gaze)
    for alone in (taking, looking):
        assert "gaze_sha256" not in predict_picture(alone, radiograph()).parameters


def test_another_readers_gaze_changes_what_the_temporal_network_says(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "temporal")

    first, second = (predict_picture(model, radiograph(), gaze=gaze_at(point)) for point in ((0.1, 0.1), (0.9, 0.9)))

    assert first.findings != second.findings


def test_the_temporal_network_refuses_in_one_line_without_gaze(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "temporal")

    with pytest.raises(ModelError, match=r"^tiny: needs a reader's fixations on this picture") as caught:
        predict_picture(model, radiograph())
    assert "(its option fixations takes them" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"^x1: no fixation lies on the picture"):
        predict_picture(model, radiograph(), gaze=gaze_at((1.2, 0.5)))


def test_one_that_may_goes_by_the_picture_alone_and_says_so(tmp_path: Path) -> None:
    found = predict_picture(saved_classifier(tmp_path / "m", "temporal", without_gaze="image_only"), radiograph())

    assert (found.parameters["frames"], found.parameters["reader"]) == (0, "")
    assert "attention" not in found.parameters


def test_thresholds_of_the_settings_come_with_the_findings(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "m", "baseline", thresholds=(0.1, 0.5, 0.9))

    findings = predict_picture(model, radiograph()).findings

    assert findings is not None
    assert findings.thresholds == (0.1, 0.5, 0.9)


def ct(slices: int) -> CtVolume:
    return CtVolume(np.zeros((slices, 20, 20), dtype=np.int16), np.eye(4), "c1")


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        (ct(100), "c1: a CT of 100 slices is no radiograph"),
        (ct(1), "c1: a CT of 1 slice is no radiograph"),
        (PictureVolume(np.zeros((3, 20, 20), dtype=np.int16), case="m"), "m: 3 slices are no single picture"),
        (PictureVolume(np.zeros((1, 4, 20), dtype=np.int16), case="m"), "m: a picture of 20 x 4 pixels"),
        (
            PictureVolume(np.full((1, 20, 20), np.nan, dtype=np.float32), case="m"),
            "m: holds values that are no numbers",
        ),
        (PictureVolume(np.ones((1, 20, 20), dtype=np.int16), case="m"), "m: every pixel has the same value"),
    ],
)
def test_what_is_no_radiograph_is_one_line(tmp_path: Path, volume: CtVolume | PictureVolume, said: str) -> None:
    model = saved_classifier(tmp_path / "m", "baseline")

    with pytest.raises(ModelError, match=said) as caught:
        predict_picture(model, volume)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("baseline", {"fixations": "GAZE"}, "takes no gaze"),
        ("static", {"fixations": "GAZE"}, "takes no gaze"),
        ("baseline", {"finding": "CHF"}, "makes no Grad-CAM"),
        ("static", {"finding": "gout"}, "knows no finding 'gout'.*one of Normal, CHF, pneumonia"),
        ("static", {"colour": "red"}, "no option 'colour'.*known: fixations, picture, finding"),
        ("temporal", {"picture": "x1"}, "says whose rows of fixations count.*give fixations, too"),
        ("temporal", {"fixations": "nowhere.csv"}, "nowhere.csv: cannot be read"),
    ],
)
def test_an_option_of_no_use_is_one_line(tmp_path: Path, kind: str, options: dict[str, str], said: str) -> None:
    model = saved_classifier(tmp_path / "m", kind)
    file = write_fixations(tmp_path / "r1.csv", gaze_at((0.5, 0.5)), case="x1", shape_ji=(50, 40))
    given = {name: str(file) if value == "GAZE" else value for name, value in options.items()}

    with pytest.raises(ModelError, match=said) as caught:
        family.predict(model, radiograph(), options=given)
    assert "\n" not in str(caught.value)


def test_it_can_be_stopped_and_tells_how_far_it_is(tmp_path: Path) -> None:
    model, told = saved_classifier(tmp_path / "m", "static"), []
    predict_picture(model, radiograph(), progress=lambda done, total: told.append((done, total)))

    assert told == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(Cancelled):
        predict_picture(model, radiograph(), cancelled=lambda: True)


def test_a_map_without_a_positive_value_is_stored_as_zero() -> None:
    assert as_stored(torch.zeros(4, 4), (1, 20, 10)).sum() == 0


def test_a_map_lies_where_its_place_in_the_picture_is() -> None:
    values = torch.zeros(8, 8)
    values[2, 6] = 1.0

    stored = as_stored(values, (1, 160, 80))

    _, row, column = (int(one) for one in np.unravel_index(stored.argmax(), stored.shape))
    assert (row, column) in {(j, i) for j in (49, 50) for i in (64, 65)}
    assert stored.max() == 255
