"""Several readers and models at once in Review, with real clicks and keys: what is drawn, named, hidden and figured."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.review.heat_layer import HeatItem
from ctgaze_app.ui.review.mask_layer import MaskItem
from ctgaze_app.ui.review.model_choices import ModelChoice
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from tests.ui.review.layer_scene import (
    COLLAPSED,
    FINDINGS_FILE,
    HEAT_FILE,
    MASK_FILE,
    SIZE,
    add_reader,
    classification,
    saliency,
    segmentation,
)
from tests.ui.review.model_scene import LABEL, SLICES, ModelScene, prediction
from tests.ui.review.open_reviews import Opened

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PATH_FILE = "1_ct-searcher-test-1.2_00000000.json"
READING = "reading:r02_x:1"


@pytest.fixture
def models(tmp_path: Path) -> ModelScene:
    made = ModelScene(tmp_path)
    made.store(PATH_FILE, prediction())
    made.store(MASK_FILE, segmentation())
    made.store(FINDINGS_FILE, classification())
    made.store(HEAT_FILE, saliency())
    return made


def _named(workspace: ReviewWorkspace) -> list[str]:
    return [line.words for line in workspace.models.items.legend.lines]


def _select(workspace: ReviewWorkspace, file: str) -> None:
    QTest.mouseClick(workspace.side.rows.rows[f"prediction:{file}"].title, LEFT, NONE)
    QApplication.processEvents()


def test_every_kind_is_drawn_at_once_and_named_as_research_only(opened: Opened, models: ModelScene) -> None:
    add_reader(models)
    workspace = opened()
    QTest.mouseClick(workspace.side.rows.rows[READING].eye, LEFT, NONE)
    lines = _named(workspace)
    assert lines[:3] == ["r01, this reading", "r02", "models, research only:"]
    assert sorted(lines[3:]) == [
        "ct-searcher-test 1.2",
        "gazer 3.0: predicted gaze, 0 to 1 of its largest",
        "segmenter 1.0: nodule",
    ]
    assert [one.label for one in workspace.timeline.layers] == ["r01, this reading", "r02", LABEL]
    colours = {layer.colour for layer, _ in workspace.models.shown if layer.by_model}
    assert len(colours) == 4


def test_another_reader_is_hidden_at_first_and_has_the_same_colour_whoever_is_reviewed(
    opened: Opened, models: ModelScene
) -> None:
    add_reader(models)
    workspace = opened()
    layer = workspace.models.layers[READING]
    assert not layer.shown and (workspace.models.reader.colour, layer.colour) == (0, 1)
    row = workspace.side.rows.rows[READING]
    row.setFocus()
    QTest.keyClick(row, Qt.Key.Key_Space)
    workspace.go_to_slice(4)
    (path,) = workspace.models.items.paths(READING).drawn
    assert [one.fixation.number for one in path] == [3, 4, 5, 6, 7]
    assert path[0].fixation.onset_lsl == workspace.trial.replay.start_lsl + 3  # type: ignore[union-attr]


def test_a_reading_without_fixations_says_what_to_do(opened: Opened, models: ModelScene) -> None:
    add_reader(models, processed=False)
    row = opened().side.rows.rows[READING]
    assert not row.eye.isEnabled() and "ctgaze session process" in row.note.text()


def test_the_mask_is_on_its_slices_and_a_collapsed_level_is_seen_to_be_empty(opened: Opened) -> None:
    workspace = opened()
    item = workspace.models.items.items[f"prediction:{MASK_FILE}"]
    assert isinstance(item, MaskItem)
    workspace.go_to_slice(12)
    box = item.outline.boundingRect()
    assert (box.left(), box.top(), box.width(), box.height()) == (4.5, 19.5, 10, 10)
    assert item.outline.contains(QPointF(10, 25)) and not item.outline.contains(QPointF(4, 25))
    workspace.go_to_slice(14)
    assert item.outline.isEmpty()
    _select(workspace, MASK_FILE)
    details = workspace.figures.details
    assert [details.part.itemText(row) for row in range(3)] == ["Ensemble", "Level 1", "Level 2"]
    assert COLLAPSED in details.made.text().splitlines()
    workspace.go_to_slice(12)
    details.part.setFocus()
    QTest.keyClick(details.part, Qt.Key.Key_End)
    assert item.outline.isEmpty() and "segmenter 1.0: nodule, level 2" in _named(workspace)


def test_dice_against_a_reference_and_dwell_inside(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    add_reader(models)
    workspace = opened()
    QTest.mouseClick(workspace.side.rows.rows[READING].eye, LEFT, NONE)
    workspace.go_to_slice(12)
    _select(workspace, MASK_FILE)
    panel = workspace.figures.masks
    assert panel.isVisible() and dict(panel.extent.rows)["Slices"] == f"4 of {SLICES}"
    assert dict(panel.dwell.rows)["r02"] == "0.0 s inside, 9.0 s outside"
    true = np.zeros((SLICES, SIZE, SIZE), dtype=np.uint8)
    true[12:16, 20:30, 5:15] = 1
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ models.session.volumes[0].affine_lps
    file = models.folder.parent / "reference.nii.gz"
    nib.save(nib.Nifti1Image(true.transpose(2, 1, 0), affine), file)
    panel.reference_chosen.emit(file)
    qtbot.waitUntil(lambda: bool(panel.overlap.rows), timeout=30_000)
    assert panel.overlap.rows == (("Dice", "0.500"), ("IoU", "0.333"), ("Dice, this slice", "1.000"))
    assert "reference mask" in _named(workspace)
    QTest.mouseClick(panel.outline, LEFT, NONE, QPoint(8, panel.outline.height() // 2))
    assert "reference mask" not in _named(workspace)


def test_a_reference_of_another_scan_is_one_line(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    workspace = opened()
    _select(workspace, MASK_FILE)
    file = models.folder.parent / "other.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), dtype=np.uint8), np.eye(4)), file)
    panel = workspace.figures.masks
    panel.reference_chosen.emit(file)
    qtbot.waitUntil(lambda: panel.problem.isVisible(), timeout=30_000)
    assert "other.nii.gz" in panel.problem.text() and "\n" not in panel.problem.text()
    assert panel.load.isEnabled()


def test_a_reference_that_lies_with_the_session_is_read(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    folder = models.folder / "private" / "truth"
    folder.mkdir(parents=True)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ models.session.volumes[0].affine_lps
    true = np.ones((SIZE, SIZE, SLICES), dtype=np.uint8)
    nib.save(nib.Nifti1Image(true, affine), folder / "case01.nii.gz")
    workspace = opened()
    qtbot.waitUntil(lambda: workspace.models.masks.reference.mask is not None, timeout=30_000)
    assert "reference mask" in _named(workspace)


def test_findings_are_sorted_and_choosing_one_shows_its_evidence_beside_dwell(opened: Opened) -> None:
    workspace = opened()
    _select(workspace, FINDINGS_FILE)
    bars = workspace.figures.findings.bars
    texts = [bars.item(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(bars.count())]
    assert texts == [
        "Effusion, probability 0.90, not found: threshold 0.95",
        "Nodule, probability 0.40, found: threshold 0.30",
        "Emphysema, probability 0.10, not found: threshold 0.50",
    ]
    bars.setFocus()
    QTest.keyClick(bars, Qt.Key.Key_Down)
    curves = workspace.strip.curves
    assert workspace.strip.isVisible() and curves is not None and curves.finding == "Nodule"
    assert np.flatnonzero(curves.contribution_k).tolist() == [12]
    replay = workspace.trial.replay  # type: ignore[union-attr]
    assert curves.dwells[0].seconds_k.sum() == pytest.approx(sum(one.duration_s for one in replay.segments))
    method = workspace.figures.findings.method
    method.setFocus()
    QTest.keyClick(method, Qt.Key.Key_Down)
    assert np.flatnonzero(workspace.strip.curves.contribution_k).tolist() == [20]  # type: ignore[union-attr]
    said = workspace.figures.findings.evidence.text()
    assert f"r01, {SLICES - 1} slices that the network saw" in said and "Spearman" in said and "p = " in said
    assert "No other patient's reading here." in said


def test_another_patients_reading_is_a_floor(opened: Opened, models: ModelScene) -> None:
    add_reader(models, "r03", case="case09")
    workspace = opened()
    assert "reading:r03_x:1" not in workspace.side.rows.rows
    _select(workspace, FINDINGS_FILE)
    workspace.models.layers.set_part(f"prediction:{FINDINGS_FILE}", "Nodule")
    assert "Another patient's reading (r03, case09): Spearman" in workspace.figures.findings.evidence.text()


def test_without_paths_the_curves_keep_room_for_their_titles(opened: Opened, models: ModelScene) -> None:
    workspace = opened()
    for file in (PATH_FILE, MASK_FILE):
        workspace.models.layers.set_visible(f"prediction:{file}", False)
    _select(workspace, FINDINGS_FILE)
    assert workspace.timeline.layers == () and workspace.timeline.scale.top_px >= 18
    top = workspace.timeline.scale.top_px
    _select(workspace, HEAT_FILE)
    assert workspace.timeline.scale.top_px < top


def test_a_click_and_the_arrows_on_the_curves_go_to_that_slice(opened: Opened) -> None:
    workspace = opened()
    _select(workspace, FINDINGS_FILE)
    strip = workspace.strip
    assert strip.y_of(20) == workspace.timeline.scale.y_of(20)
    QTest.mouseClick(strip, LEFT, NONE, QPoint(20, round(strip.y_of(20))))
    assert workspace.free and workspace.slice_view.slice_index == 20
    QTest.keyClick(strip, Qt.Key.Key_Down)
    assert workspace.slice_view.slice_index == 21
    QTest.keyClick(strip, Qt.Key.Key_End)
    assert workspace.slice_view.slice_index == SLICES - 1


def test_the_map_is_drawn_with_alpha_from_zero_and_another_one_can_be_chosen(opened: Opened) -> None:
    workspace = opened()
    item = workspace.models.items.items[f"prediction:{HEAT_FILE}"]
    assert isinstance(item, HeatItem)
    workspace.go_to_slice(4)
    assert item.image is None
    workspace.go_to_slice(5)
    assert item.image is not None
    assert item.image.pixelColor(10, 10).alpha() == 255 and item.image.pixelColor(40, 40).alpha() == 0
    _select(workspace, HEAT_FILE)
    workspace.figures.details.part.setFocus()
    QTest.keyClick(workspace.figures.details.part, Qt.Key.Key_Down)
    assert item.image.pixelColor(40, 40).alpha() == 255
    assert any(line.startswith("gazer 3.0: Grad-CAM") for line in _named(workspace))
    assert workspace.figures.findings.bars.count() == 2 and not workspace.strip.isVisible()


def test_m_hides_every_layer_and_blinded_readings_list_none(opened: Opened, models: ModelScene) -> None:
    add_reader(models)
    workspace = opened()
    QTest.keyClick(workspace, Qt.Key.Key_M)
    assert workspace.models.items.items == {} and _named(workspace) == [] and not workspace.strip.isVisible()
    manifest = models.session.manifest.model_copy(update={"state": "open"})
    object.__setattr__(models.session, "manifest", manifest)
    hidden = opened()
    assert hidden.side.rows.rows == {} and hidden.models.items.items == {}
    assert "until the session is closed" in hidden.side.models.hint.text()


def test_models_of_other_pictures_are_disabled_with_the_reason(opened: Opened, models: ModelScene) -> None:
    models.models = (
        ModelChoice("photos", "1.0", Path("x"), task="segmentation", values="rgb"),
        ModelChoice("scroll", "1.0", Path("y"), task="classification"),
    )
    panel = opened().side.models
    assert panel.model.itemText(0).startswith("photos 1.0") and panel.model.currentIndex() == 1
    assert panel.model.itemData(0, Qt.ItemDataRole.ToolTipRole) == (
        "reads colour pictures; this series is CT in Hounsfield units"
    )
    assert panel.model.model().index(0, 0).flags() & Qt.ItemFlag.ItemIsEnabled == Qt.ItemFlag.NoItemFlags
    assert not panel.count.isVisible() and panel.predict.isEnabled()


def test_a_model_of_another_task_is_asked_without_a_count(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    models.models = (ModelChoice("scroll", "1.0", Path("y"), task="classification"),)
    workspace = opened()
    QTest.mouseClick(workspace.side.models.predict, LEFT, NONE)
    qtbot.waitUntil(lambda: workspace.models.control.busy is None, timeout=60_000)
    (asked,) = models.asked
    assert "--count" not in asked and asked[:3] == ["model", "predict", "y"]
