"""Body and lungs of sessions' cases: for all of them or for none, and the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.session_masks import PackedMasks, masks_of_sessions
from ctgaze_app.study.session import write_manifest
from tests.factories.sessions import make_session


@dataclass
class FoundLungs:
    """The parts of `review.lungs.Lungs` that count here."""

    body: np.ndarray
    mask: np.ndarray
    plausible: bool = True
    remarks: tuple[str, ...] = ("0.1 litres",)


BODY = np.random.default_rng(1).random((20, 64, 64)) > 0.5


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[FoundLungs]:
    """What the search for lungs finds, to be altered by a test."""
    lungs = [FoundLungs(BODY, ~BODY)]
    monkeypatch.setattr("ctgaze_app.study.loading.load_volumes", lambda folder, manifest, given: {0: object()})
    monkeypatch.setattr("ctgaze_app.review.lungs.find_lungs", lambda volume: lungs[0])
    return lungs


def test_masks_survive_their_packing() -> None:
    masks = PackedMasks()
    odd = np.random.default_rng(1).random((3, 5, 7)) > 0.5
    masks.add("c1", odd)
    np.testing.assert_array_equal(masks["c1"], odd)
    assert masks["c1"].dtype == bool
    assert list(masks) == ["c1"]
    with pytest.raises(KeyError):
        masks["c2"]


def test_every_case_has_body_and_lungs(tmp_path: Path, found: list[FoundLungs]) -> None:
    folder = make_session(tmp_path / "s", trials=2, seconds=2.0, audio=False).folder
    masks = masks_of_sessions([tmp_path / "no-session", folder], ["case-1", "case-2"])
    assert sorted(masks.bodies_kji) == ["case-1", "case-2"]
    np.testing.assert_array_equal(masks.bodies_kji["case-2"], BODY)
    np.testing.assert_array_equal(masks.lungs_kji["case-1"], ~BODY)
    assert masks.notes == ()


def test_one_case_without_leaves_all_without(tmp_path: Path, found: list[FoundLungs]) -> None:
    folder = make_session(tmp_path / "s", trials=1, seconds=2.0, audio=False).folder
    masks = masks_of_sessions([folder], ["case-1", "case-7"])
    assert not masks.bodies_kji
    assert masks.notes == (
        "whole volumes stand for bodies and lungs, because of case case-7: no session with its CT is among the sources",
    )
    found[0] = FoundLungs(BODY, ~BODY, plausible=False)
    assert "case case-1: the lungs are not plausible: 0.1 litres" in masks_of_sessions([folder], ["case-1"]).notes[0]


def test_a_ct_that_is_gone_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SessionError("nothing says where the CT of series 1 is")

    monkeypatch.setattr("ctgaze_app.study.loading.load_volumes", refuse)
    folder = make_session(tmp_path / "s", trials=1, seconds=2.0, audio=False).folder
    assert masks_of_sessions([folder], ["case-1"]).notes == (
        "whole volumes stand for bodies and lungs, because of case case-1: nothing says where the CT of series 1 is",
    )


def test_the_ct_is_that_of_the_reading_and_not_of_practice(
    tmp_path: Path, found: list[FoundLungs], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_session(tmp_path / "s", trials=2, seconds=2.0, audio=False)
    first, second = made.manifest.trials
    practice = first.model_copy(update={"kind": "practice", "case": second.case, "series": [0]})
    series = [made.manifest.series[0], made.manifest.series[0]]
    read = second.model_copy(update={"series": [1]})
    write_manifest(made.folder, made.manifest.model_copy(update={"trials": [practice, read], "series": series}))
    opened: list[object] = []
    monkeypatch.setattr("ctgaze_app.study.loading.load_volumes", lambda *_: {0: "practice", 1: "read"})
    monkeypatch.setattr("ctgaze_app.review.lungs.find_lungs", lambda volume: opened.append(volume) or found[0])
    masks_of_sessions([made.folder], [second.case])
    assert opened == ["read"]
