"""Made patients in files: the same as made, made once, damage told in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.datasets import finding_files
from models.datasets.finding_files import finding_patient
from models.errors import ModelError
from tests.models.simulation.finding_phantom import SEED, SMALL, make_bodies_once

WANTED = {"nodule": True, "effusion": True, "cardiomegaly": False}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_bodies_once(monkeypatch)


def kept(folder: Path | None):
    return finding_patient(SEED, folder=folder, wanted=WANTED, settings=SMALL)


def test_what_is_read_is_what_was_made(tmp_path):
    made, written, read = kept(None), kept(tmp_path), kept(tmp_path)
    for other in (written, read):
        assert other.volume.digest() == made.volume.digest()
        assert (other.case, other.patient, other.labels) == (made.case, made.patient, made.labels)
        assert other.lesions == made.lesions
        assert (other.lungs_kji == made.lungs_kji).all()
        assert list(other.masks_kji) == list(made.masks_kji)
        assert all((other.masks_kji[name] == mask).all() for name, mask in made.masks_kji.items())


def test_a_patient_is_made_once_and_other_findings_have_a_file_of_their_own(tmp_path, monkeypatch):
    kept(tmp_path)
    files = set(tmp_path.glob("findings_*.npz"))
    assert len(files) == 1
    finding_patient(SEED, folder=tmp_path, wanted={}, settings=SMALL)
    assert len(set(tmp_path.glob("findings_*.npz"))) == 2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(finding_files, "make_finding_patient", refuse)
    assert kept(tmp_path).labels["nodule"] == 1


@pytest.mark.parametrize("damage", ["cut", "other", "mask"])
def test_a_damaged_file_is_told_in_one_line_and_left_alone(tmp_path, damage):
    kept(tmp_path)
    (place,) = tmp_path.glob("findings_*.npz")
    whole = place.read_bytes()
    if damage == "cut":
        place.write_bytes(whole[: len(whole) // 2])
    elif damage == "other":
        np.savez(place, case=np.array("x"))
    else:
        with np.load(place) as found:
            arrays = dict(found)
        np.savez(place, **{**arrays, "masks": arrays["masks"][:, :-9]})
    damaged = place.read_bytes()
    with pytest.raises(ModelError, match=r"not a made patient .* \(delete the file: it is made anew\)$") as told:
        kept(tmp_path)
    assert "\n" not in str(told.value)
    assert place.read_bytes() == damaged


def test_a_folder_that_refuses_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(ModelError, match="a made patient cannot be kept"):
        kept(tmp_path / "file")
