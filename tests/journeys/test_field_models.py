"""Recorded readings, and the field's models beside them in Review: real widgets, the real worker process, tiny weights.

The weights are random: what is shown is where a prediction is drawn and what is said of it, not how good it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from ctgaze_app.study.loading import open_session
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from models.predictions import ClassificationPrediction, Prediction, SaliencyPrediction, SegmentationPrediction
from models.registry import MODELS_VARIABLE
from tests.journeys.second_reader import add_second_reader
from tests.journeys.test_picture import write_radiograph
from tests.models.ct_scroll.made_chests import saved_model
from tests.models.gaze_classifier.saved_classifiers import saved_classifier
from tests.models.gaze_segmentation.tiny_segmenters import saved_segmenter
from tests.ui.review.open_reviews import open_reviews, wait_for_layers

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CT_S, PICTURE_S = 12, 5
Opened = Callable[[Path], "Review"]


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's chest and a radiograph, each read once, at the same time: the folders `ct` and `picture`."""
    folder = tmp_path_factory.mktemp("readings")
    write_radiograph(folder / "chest.png")
    ct = ("ctgaze_app", "demo", "--headless", "--seconds", CT_S, "--out", folder / "ct" / "r1")
    picture = (
        "tests.journeys.logged_demo", folder / "chest.png", folder / "picture" / "r1", folder / "log", PICTURE_S
    )  # fmt: skip
    with _started(ct) as reading, _started(picture) as other:
        said = reading.communicate(timeout=240)[1], other.communicate(timeout=240)[1]
    assert (reading.returncode, other.returncode) == (0, 0), "\n".join(each[-2000:] for each in said)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny models with random weights."""
    folder = tmp_path_factory.mktemp("models")
    saved_model(folder / "tiny")
    saved_segmenter(folder / "outline", name="outline")
    for kind in ("static", "baseline", "temporal"):
        saved_classifier(folder / kind, kind, name=kind)
    return folder


@dataclass
class Review:
    """A workspace, used as a person does."""

    workspace: ReviewWorkspace
    qtbot: QtBot

    def predict(self, model: str) -> Prediction:
        """Choose a model in the panel, press Predict, wait for its layer; gives what the layer shows."""
        panel, control = self.workspace.side.models, self.workspace.models.control
        row = next(row for row, one in enumerate(control.models) if one.name == model)
        panel.model.setCurrentIndex(row)
        QTest.mouseClick(panel.predict, LEFT, NONE)
        self.qtbot.waitUntil(lambda: control.busy is None and control.settled, timeout=120_000)
        assert control.problem == ""
        made = control.contents[self.key(model)].prediction
        assert made is not None
        return made

    def key(self, model: str) -> str:
        """Of the layer of a model."""
        (key,) = (
            key
            for key, one in self.workspace.models.control.contents.items()
            if one.prediction is not None and one.prediction.model == model
        )
        return key

    def select(self, key: str) -> None:
        """Click a row."""
        QTest.mouseClick(self.workspace.side.rows.rows[key].title, LEFT, NONE)
        QApplication.processEvents()

    def switch(self, key: str) -> None:
        """Click its eye."""
        QTest.mouseClick(self.workspace.side.rows.rows[key].eye, LEFT, NONE)
        QApplication.processEvents()

    def changed_px(self, widget: QWidget, by: Callable[[], None]) -> int:
        """How many pixels of a widget are others after a step."""
        before = _pixels(widget)
        by()
        return int((_pixels(widget) != before).any(axis=2).sum())

    @property
    def named(self) -> list[str]:
        """What stands on the picture."""
        return [line.words for line in self.workspace.models.items.legend.lines]


@pytest.fixture
def opened(qapp: QApplication, qtbot: QtBot, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setenv(MODELS_VARIABLE, str(models))
    with open_reviews() as show:

        def open_now(folder: Path, *, blinded: bool = False) -> Review:
            session = open_session(folder)
            if blinded:
                session = replace(session, manifest=session.manifest.model_copy(update={"state": "open"}))
            workspace = show(session)
            wait_for_layers(workspace, qtbot)
            return Review(workspace, qtbot)

        yield open_now


def test_findings_and_a_mask_beside_two_readers_of_a_ct(readings: Path, opened: Opened, tmp_path: Path) -> None:
    shutil.copytree(readings / "ct", tmp_path / "ct")
    session = tmp_path / "ct" / "r1"
    second = add_second_reader(session)
    review = opened(session)
    workspace = review.workspace
    volume = workspace.models.control.volume
    assert volume is not None

    findings = review.predict("tiny")
    assert isinstance(findings, ClassificationPrediction) and findings.shape_kji == volume.shape_kji
    bars = workspace.figures.findings.bars
    assert bars.isVisible() and bars.count() == len(findings.findings.labels)
    assert workspace.strip.isVisible()
    curves = workspace.strip.curves
    assert curves is not None and curves.dwells[0].seconds_k.sum() > 0.5 * CT_S
    label = bars.chosen
    row = findings.findings.labels.index(label)
    np.testing.assert_allclose(curves.contribution_k, findings.evidence[0].contribution_lk[row])
    assert review.changed_px(workspace.strip, lambda: _next_row(bars)) > 100
    said = workspace.figures.findings.evidence.text()
    assert all(word in said for word in ("Spearman", "Shifted around the stack", "p = ", "No other patient's reading"))

    mask = review.predict("outline")
    assert isinstance(mask, SegmentationPrediction) and mask.seen_k.all()
    k = int(mask.mask_kji.sum(axis=(1, 2)).argmax())
    assert 0 < mask.mask_kji[k].mean() < 1
    workspace.go_to_slice(k)
    assert not workspace.models.items.items[review.key("outline")].outline.isEmpty()
    drawn_px = review.changed_px(workspace.slice_view, lambda: review.switch(review.key("outline")))
    assert drawn_px > 1000
    assert review.changed_px(workspace.slice_view, lambda: review.switch(review.key("outline"))) == drawn_px
    panel = workspace.figures.masks
    review.select(review.key("outline"))
    reader = workspace.session.manifest.reader
    assert " s inside, " in dict(panel.dwell.rows)[reader]
    true = mask.mask_kji.copy()
    true[k:] = False
    file = _nifti(tmp_path / "reference.nii.gz", true, volume.affine_lps)
    panel.reference_chosen.emit(file)
    review.qtbot.waitUntil(lambda: bool(panel.overlap.rows), timeout=30_000)
    dice = 2 * true.sum() / (true.sum() + mask.mask_kji.sum())
    assert dict(panel.overlap.rows)["Dice"] == f"{dice:.3f}"

    other = next(key for key in workspace.side.rows.rows if key.startswith("reading:"))
    place = pd.read_csv(second / "derived" / "fixations.csv")
    workspace.go_to_slice(int(place["slice_index"].mode()[0]))
    assert review.changed_px(workspace.slice_view, lambda: review.switch(other)) > 50
    assert review.named[:2] == [f"{reader}, this reading", "second"]
    assert "second" in dict(panel.dwell.rows)
    assert {layer.entry.kind for layer, _ in workspace.models.shown} == {"classification", "segmentation", "reading"}

    hidden = opened(session, blinded=True)
    assert hidden.workspace.side.rows.rows == {} and hidden.workspace.models.items.items == {}
    assert hidden.named == [] and not hidden.workspace.strip.isVisible()
    assert "until the session is closed" in hidden.workspace.side.models.hint.text()


def test_maps_and_findings_of_a_radiograph_the_last_from_the_readers_own_gaze(
    readings: Path, opened: Opened, tmp_path: Path
) -> None:
    shutil.copytree(readings / "picture", tmp_path / "picture")
    session = tmp_path / "picture" / "r1"
    review = opened(session)
    workspace = review.workspace
    fixations = pd.read_csv(session / "derived" / "fixations.csv")

    maps = review.predict("static")
    assert isinstance(maps, SaliencyPrediction) and list(maps.maps_kji) == ["predicted gaze", "Grad-CAM"]
    assert any("static 1.0" in line and "predicted gaze" in line for line in review.named)
    assert review.changed_px(workspace.slice_view, lambda: review.switch(review.key("static"))) > 1000
    review.switch(review.key("static"))
    review.select(review.key("static"))
    part = workspace.figures.details.part
    part.setFocus()
    assert review.changed_px(workspace.slice_view, lambda: QTest.keyClick(part, Qt.Key.Key_Down)) > 1000
    assert any("Grad-CAM" in line for line in review.named)

    plain = review.predict("baseline")
    with_gaze = review.predict("temporal")
    assert isinstance(plain, ClassificationPrediction) and isinstance(with_gaze, ClassificationPrediction)
    assert with_gaze.parameters["reader"] == workspace.session.manifest.reader
    assert with_gaze.parameters["frames"] == min(int(fixations["x_voxel"].notna().sum()), 8)
    assert workspace.figures.findings.bars.isVisible() and workspace.figures.findings.bars.count() == 3
    assert not workspace.strip.isVisible()
    assert workspace.models.panel.problem.text() == ""


def _started(words: tuple[object, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *(str(word) for word in words)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def _nifti(path: Path, mask_kji: np.ndarray, affine_lps: np.ndarray) -> Path:
    affine_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps
    nib.save(nib.Nifti1Image(mask_kji.astype(np.uint8).transpose(2, 1, 0), affine_ras), path)
    return path


def _next_row(bars: QWidget) -> None:
    bars.setFocus()
    QTest.keyClick(bars, Qt.Key.Key_Down)
    QApplication.processEvents()


def _pixels(widget: QWidget) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4).copy()
