"""A prediction says what made it, follows the patient and not the file, and stops when it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.ct_scroll import family
from models.errors import Cancelled, ModelError
from models.prediction_file import read_prediction, write_prediction
from models.predictions import ClassificationPrediction
from models.volumes import PictureVolume
from tests.models.ct_scroll.made_chests import chest, saved_model, stored_otherwise, tiny_settings


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("model")
    saved_model(folder, thresholds=(0.25, 0.5))
    return family.load(folder)


@pytest.fixture(scope="module")
def prediction(model):
    return family.predict(model, chest(), options={}, device="cpu")


def test_a_prediction_says_what_made_it(model, prediction):
    assert isinstance(prediction, ClassificationPrediction)
    assert (prediction.model, prediction.version, prediction.model_sha256) == ("tiny", "1.0", model.sha256)
    assert (prediction.case, prediction.patient, prediction.shape_kji) == ("c1", "patient of c1", (30, 40, 44))
    assert prediction.volume_sha256 == chest().digest()
    assert prediction.device == "cpu"
    assert prediction.parameters == {
        "evidence": ["gradient x input", "leave one out"],
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    assert prediction.findings.labels == ("nodule", "effusion")
    assert prediction.findings.thresholds == (0.25, 0.5)
    assert all(0 < one < 1 for one in prediction.findings.probabilities)


def test_probabilities_are_the_networks_of_the_prepared_volume(model, prediction):
    from models.ct_scroll.preprocessing import scroll_input

    given = torch.from_numpy(scroll_input(chest(), model.network.settings).values)[None, None]
    with torch.inference_mode():
        wanted = model.network(given).sigmoid()[0]
    np.testing.assert_allclose(prediction.findings.probabilities, wanted, atol=1e-6)


def test_a_volume_stored_feet_first_gives_the_same_findings_and_the_evidence_turned(model, prediction):
    turned = family.predict(model, stored_otherwise(chest(), (0, 1, 2), (True, False, True)), options={}, device="cpu")
    np.testing.assert_allclose(turned.findings.probabilities, prediction.findings.probabilities, atol=1e-5)
    for ours, theirs in zip(turned.evidence, prediction.evidence, strict=True):
        np.testing.assert_allclose(ours.contribution_lk[:, ::-1], theirs.contribution_lk, atol=1e-5)


def test_predicting_again_gives_the_same_bits(model, prediction):
    again = family.predict(model, chest(), options={}, device="cpu")
    assert again.findings == prediction.findings
    for ours, theirs in zip(again.evidence, prediction.evidence, strict=True):
        assert np.array_equal(ours.contribution_lk, theirs.contribution_lk)


def test_a_prediction_survives_its_file(prediction, tmp_path: Path):
    write_prediction(tmp_path / "p.json", prediction)
    found = read_prediction(tmp_path / "p.json")
    assert found.findings == prediction.findings
    np.testing.assert_array_equal(found.evidence[1].contribution_lk, prediction.evidence[1].contribution_lk)


@pytest.mark.parametrize(
    ("wanted", "methods"), [("none", []), ("gradient", ["gradient x input"]), ("leave-one-out", ["leave one out"])]
)
def test_evidence_is_what_was_asked_for(model, wanted: str, methods: list[str]):
    found = family.predict(model, chest(), options={"evidence": wanted}, device="cpu")
    assert [one.method for one in found.evidence] == methods


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"evidence": "attention"}, r"evidence = 'attention' \(one of both, gradient, leave-one-out, none\)"),
        ({"seed": "1"}, r"CT-Scroll has no option 'seed' \(options: evidence\)"),
    ],
)
def test_options_that_there_are_not_are_one_line(model, options, said: str):
    with pytest.raises(ModelError, match=said):
        family.predict(model, chest(), options=options)


def test_pictures_and_unknown_devices_are_one_line(model):
    picture = PictureVolume(np.zeros((1, 40, 40), np.float32), case="x1")
    with pytest.raises(ModelError, match="x1: CT-Scroll takes a CT in Hounsfield units, not pictures"):
        family.predict(model, picture, options={})
    with pytest.raises(ModelError, match="no such device"):
        family.predict(model, chest(), options={}, device="tpu")


def test_progress_ascends_to_its_end_and_cancelling_stops(model):
    told: list[tuple[int, int]] = []
    family.predict(model, chest(), options={}, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (1000, 1000)
    for stop in (0, 31):
        asked = iter(range(1000))
        with pytest.raises(Cancelled):
            family.predict(model, chest(), options={}, cancelled=lambda asked=asked, stop=stop: next(asked) >= stop)


def test_a_network_that_gives_no_numbers_is_one_line(model, tmp_path: Path):
    broken = saved_model(tmp_path)
    with torch.no_grad():
        broken.network.classifier[3].bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="tiny: its probabilities are no numbers"):
        family.predict(broken, chest(), options={"evidence": "none"})


def change_card(folder: Path, before: str, after: str) -> None:
    path = folder / "card.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('architecture = "ct_scroll"', 'architecture = "ct_searcher"', "is a card of ct_searcher, not of ct_scroll"),
        ("embedding = 16\n", "", "settings.embedding: this field is missing"),
        ("embedding = 16", "embedding = 15", "settings: Value error, an embedding of 15 must divide by 2 heads"),
        ("embedding = 16", 'embedding = "16"', "settings.embedding: Input should be a valid integer"),
        ("trunk_width = 4", "trunk_width = 512\nsurprise = 1", "settings.surprise: Extra inputs"),
        ("trunk_width = 4", "trunk_width = 8", r"features.0.weight has the shape \(4, 3, 7, 7\)"),
    ],
)
def test_a_card_of_another_network_is_one_line(tmp_path: Path, before: str, after: str, said: str):
    saved_model(tmp_path)
    change_card(tmp_path, before, after)
    with pytest.raises(ModelError, match=said) as caught:
        family.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_card_that_could_only_be_broken_builds_nothing(tmp_path: Path):
    saved_model(tmp_path)
    change_card(tmp_path, "embedding = 16", "embedding = 8192")
    change_card(tmp_path, "windows = [2]", f"windows = {[2] * 24}")
    with pytest.raises(ModelError, match=r"a network of [0-9,]+ parameters"):
        family.load(tmp_path)


def test_a_loaded_model_is_the_one_that_was_saved(tmp_path: Path):
    saved = saved_model(tmp_path)
    loaded = family.load(tmp_path)
    assert loaded.network.settings == tiny_settings()
    assert all(
        torch.equal(value, loaded.network.state_dict()[name]) for name, value in saved.network.state_dict().items()
    )
