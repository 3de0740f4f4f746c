"""Predictions in Review with real clicks and keys: made in a process, drawn over slices and timeline, always named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.review.layers import Layer, LayerEntry
from ctgaze_app.ui.background import wait_for_left_jobs
from ctgaze_app.ui.review.layer_content import model_label
from ctgaze_app.ui.review.layer_legend import LegendLine, draw_legend
from ctgaze_app.ui.review.model_choices import MISSING
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from ctgaze_app.ui.theme import MODELS, READERS
from tests.ui.review.model_scene import LABEL, NAME, SLICES, VERSION, ModelScene, prediction
from tests.ui.review.open_reviews import Opened

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
FILE = "1_ct-searcher-test-1.2_00000000.json"


@pytest.fixture
def models(tmp_path: Path) -> ModelScene:
    return ModelScene(tmp_path)


def _click(widget: object) -> None:
    QTest.mouseClick(widget, LEFT, NONE)  # type: ignore[call-overload]


def _colours(image: QImage, colour: str) -> int:
    """Pixels of about this colour."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine())
    bgr = rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4)[..., 2::-1].astype(int)
    wanted = QColor(colour)
    return int((np.abs(bgr - [wanted.red(), wanted.green(), wanted.blue()]).max(axis=2) <= 24).sum())


def _drawn(workspace: ReviewWorkspace, file: str = FILE) -> list[list[int]]:
    item = workspace.models.items.paths(f"prediction:{file}")
    return [[one.fixation.number for one in path] for path in item.drawn]


def _named(workspace: ReviewWorkspace) -> list[str]:
    return [line.words for line in workspace.models.items.legend.lines]


def _shown_files(workspace: ReviewWorkspace) -> list[str]:
    return [layer.key.removeprefix("prediction:") for layer, _ in workspace.models.shown]


def test_predict_runs_the_worker_and_draws_paths_traces_and_name(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    workspace = opened()
    panel = workspace.side.models
    assert panel.hint.text().startswith("Predict shows what a model makes of this")
    panel.count.setValue(3)
    _click(panel.predict)
    assert panel.bar.isVisible() and panel.cancel.isVisible() and not panel.predict.isEnabled()
    assert "One prediction at a time" in panel.predict.toolTip()
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=60_000)
    (asked,) = models.asked
    assert asked[:6] == ["model", "predict", "the model", "--session", f"{models.folder}:1", "--count"]
    assert asked[6] == "3"
    assert _named(workspace) == [LABEL]
    (traced,) = workspace.timeline.layers
    assert traced.label == LABEL and len(traced.traces) == 3
    assert not panel.bar.isVisible() and panel.predict.isEnabled()
    details = workspace.figures.details
    assert details.isVisible() and details.path.text() == "Path 1 of 3"
    assert details.made.text() == "40 fixations, 0:19.9\nMade on CPU (2 threads)"
    files = list((models.folder / "derived" / "predictions").iterdir())
    assert [path.name.split("_")[:2] for path in files] == [["1", f"{NAME}-{VERSION}"]]


def test_progress_says_what_and_how_far_and_the_device(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    models.set_mode("wait")
    workspace = opened()
    panel = workspace.side.models
    _click(panel.predict)
    qtbot.waitUntil(lambda: "25 %" in panel.step.text(), timeout=30_000)
    assert panel.step.text() == "Encoding on CPU (1 thread) (trial 1), 25 %"
    assert (panel.bar.value(), panel.bar.maximum()) == (1, 4)


def test_the_same_prediction_is_not_made_twice(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    workspace = opened()
    for _ in range(2):
        _click(workspace.side.models.predict)
        qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=60_000)
    assert len(models.asked) == 1


def test_cancel_ends_the_worker_and_review_goes_on(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    models.set_mode("wait")
    workspace = opened()
    panel = workspace.side.models
    _click(panel.predict)
    qtbot.waitUntil(lambda: models.worker_pid > 0, timeout=30_000)
    scale = workspace.timeline.scale
    QTest.mouseClick(workspace.timeline, LEFT, NONE, QPoint(round(scale.left_px + 300), round(scale.top_px + 3)))
    assert workspace.player.time_lsl > workspace.trial.replay.start_lsl  # type: ignore[union-attr]
    _click(panel.cancel)
    assert panel.predict.isEnabled() and not panel.problem.isVisible()
    wait_for_left_jobs()
    assert not psutil.pid_exists(models.worker_pid)
    assert not workspace.models.shown


def test_leaving_review_ends_the_worker(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    models.set_mode("wait")
    workspace = opened()
    _click(workspace.side.models.predict)
    qtbot.waitUntil(lambda: models.worker_pid > 0, timeout=30_000)
    workspace.close_session()
    assert not psutil.pid_exists(models.worker_pid)


@pytest.mark.parametrize(
    ("mode", "line"), [("killed", "memory runs out"), ("fails", "card.toml: no field licence (add it)")]
)
def test_a_worker_that_dies_is_one_line_and_nothing_else_breaks(
    opened: Opened, models: ModelScene, qtbot: QtBot, mode: str, line: str
) -> None:
    models.set_mode(mode)
    workspace = opened()
    panel = workspace.side.models
    _click(panel.predict)
    qtbot.waitUntil(lambda: panel.problem.isVisible(), timeout=30_000)
    assert line in panel.problem.text() and "\n" not in panel.problem.text()
    assert panel.predict.isVisible() and panel.predict.isEnabled()


def test_what_was_predicted_before_is_there_when_the_trial_opens(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    models.store("2_ct-searcher-test-1.2_00000000.json", prediction("case02", count=1))
    workspace = opened()
    assert _named(workspace) == [LABEL]
    assert len(_drawn(workspace)) == 3


def test_each_trial_shows_its_own_prediction(opened: Opened, models: ModelScene, qtbot: QtBot) -> None:
    models.store("2_ct-searcher-test-1.2_00000000.json", prediction("case02", count=1))
    workspace = opened()
    assert not workspace.models.shown and _named(workspace) == []
    row = workspace.side.trials.item(1)
    QTest.mouseClick(workspace.side.trials.viewport(), LEFT, NONE, workspace.side.trials.visualItemRect(row).center())
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=30_000)
    assert workspace.models.shown[0][0].entry.note == "research only: 1 path"


def test_paths_are_drawn_on_the_slices_that_they_are_about(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    QTest.keyClick(workspace, Qt.Key.Key_V)
    slices = np.round(np.linspace(0, SLICES - 1, 40))
    for k in (0, 11, SLICES - 1):
        workspace.slice_view.go_to_slice(k)
        expected = [int(number) + 1 for number in np.flatnonzero(np.abs(slices - k) <= 2)]
        assert _drawn(workspace) == [expected] * 3


def test_as_time_passes_the_path_follows_the_cursor(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    QTest.keyClick(workspace, Qt.Key.Key_V)
    workspace.slice_view.go_to_slice(0)
    workspace.right.setCurrentWidget(workspace.figures)
    workspace.figures.details.pace.setFocus()
    QTest.keyClick(workspace.figures.details.pace, Qt.Key.Key_Down)
    start = workspace.trial.replay.start_lsl  # type: ignore[union-attr]
    workspace.seek(start + 0.6)
    assert _drawn(workspace) == [[1, 2]] * 3
    workspace.seek(start + 0.4)
    assert _drawn(workspace) == [[1]] * 3


def test_m_hides_paths_traces_and_name_together(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    workspace.slice_view.go_to_slice(3)
    QApplication.processEvents()
    before = _colours(workspace.slice_view.grab().toImage(), MODELS[0])
    QTest.keyClick(workspace, Qt.Key.Key_M)
    QApplication.processEvents()
    assert not workspace.side.layers["model"].isChecked()
    assert workspace.timeline.layers == ()
    assert before > 200 and _colours(workspace.slice_view.grab().toImage(), MODELS[0]) == 0
    QTest.keyClick(workspace, Qt.Key.Key_M)
    assert workspace.timeline.layers


def test_the_name_stays_on_the_image_where_no_fixation_is_and_without_corner_text(
    opened: Opened, models: ModelScene
) -> None:
    models.store(FILE, prediction(paths=(prediction(count=1).paths[0].part(slice(0, 3)),)))
    workspace = opened()
    QTest.keyClick(workspace, Qt.Key.Key_V)
    workspace.slice_view.go_to_slice(SLICES - 1)
    workspace.slice_view.corner_text_visible = False
    QApplication.processEvents()
    assert _drawn(workspace) == [[]]
    picture = workspace.slice_view.grab().toImage()
    assert _colours(picture, MODELS[0]) > 100
    height = picture.height()
    assert _colours(picture.copy(0, height - 80, picture.width(), 60), MODELS[0]) > 100


def test_a_picture_of_the_window_and_of_the_timeline_carries_the_name(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    workspace = opened()
    bare = _colours(workspace.timeline.grab().toImage(), MODELS[0])
    models.store(FILE, prediction())
    workspace.models.open_trial(workspace.trial)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=30_000)
    named = workspace.timeline.grab().toImage()
    legend = named.copy(0, 0, named.width(), int(workspace.timeline.scale.top_px))
    assert bare == 0 and _colours(legend, MODELS[0]) > 100


@pytest.mark.parametrize("width", [180, 300, 900])
def test_the_name_is_never_cut_off(qapp: QApplication, width: int) -> None:
    image = QImage(width, 300, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    layer = Layer(LayerEntry("k", "scanpath", "m1 1.0", ""), 0)
    box = draw_legend(painter, QRectF(0, 0, width, 300), [LegendLine(layer, model_label("m1", "1.0"))])
    painter.end()
    assert box.left() >= 0 and box.right() <= width and box.top() >= 0 and box.bottom() <= 300
    assert _colours(image, MODELS[0]) > 60


def test_no_model_has_a_readers_colour() -> None:
    assert not {colour.lower() for colour in MODELS} & {colour.lower() for colour in READERS}
    assert all(QColor(model).lightnessF() > 0.55 for model in MODELS)


def test_a_broken_model_stays_in_the_list_disabled_with_its_reason(opened: Opened) -> None:
    box = opened().side.models.model
    assert [box.itemText(row) for row in range(box.count())] == [
        f"{NAME} {VERSION}: scan path",
        "torn (cannot be used)",
    ]
    assert box.model().index(1, 0).flags() & Qt.ItemFlag.ItemIsEnabled == Qt.ItemFlag.NoItemFlags
    assert box.itemData(1, Qt.ItemDataRole.ToolTipRole) == "model.safetensors: ends too early"
    assert box.currentIndex() == 0


def test_only_broken_models_say_why(opened: Opened, models: ModelScene) -> None:
    models.models = models.models[1:]
    panel = opened().side.models
    assert panel.hint.text() == "torn: model.safetensors: ends too early"
    assert not panel.predict.isEnabled()


def test_without_models_it_says_what_to_do(opened: Opened, models: ModelScene) -> None:
    models.models = ()
    panel = opened().side.models
    assert "ctgaze model import" in panel.hint.text() and not panel.predict.isVisible()


def test_without_torch_one_sentence_says_what_to_install_and_old_predictions_show(
    opened: Opened, models: ModelScene
) -> None:
    models.missing = MISSING
    models.store(FILE, prediction())
    workspace = opened()
    assert workspace.side.models.hint.text() == MISSING and not workspace.side.models.predict.isVisible()
    assert bool(workspace.models.shown)


def test_of_an_open_session_nothing_is_shown(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    manifest = models.session.manifest.model_copy(update={"state": "open"})
    object.__setattr__(models.session, "manifest", manifest)
    workspace = opened()
    assert not workspace.models.shown and _named(workspace) == []
    assert workspace.timeline.layers == ()
    panel = workspace.side.models
    assert "until the session is closed" in panel.hint.text()
    assert not panel.predict.isVisible() and workspace.side.rows.rows == {}


def test_what_was_being_listed_of_another_trial_does_not_come_in(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    first, second = models.session.trials
    workspace.models.open_trial(first)
    object.__setattr__(second, "record", second.record.model_copy(update={"state": "running"}))
    workspace.models.open_trial(second)
    wait_for_left_jobs()
    QApplication.processEvents()
    assert workspace.models.layers.layers == () and not workspace.models.shown


def test_a_prediction_on_another_ct_is_listed_with_its_reason_and_not_drawn(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction(volume_sha256="c" * 64))
    workspace = opened()
    panel = workspace.side.models
    assert not workspace.models.shown
    assert "made on another CT" in panel.hint.text()
    (row,) = workspace.side.rows.rows.values()
    assert row.note.text().startswith("out of date: made on another CT") and not row.eye.isEnabled()


def test_the_arrows_bring_another_path_to_the_front(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    workspace.right.setCurrentWidget(workspace.figures)
    details = workspace.figures.details
    assert not details.previous.isEnabled()
    _click(details.next)
    _click(details.next)
    assert details.path.text() == "Path 3 of 3" and not details.next.isEnabled()
    assert workspace.timeline.layers[0].emphasised == 2
    _click(details.previous)
    assert details.path.text() == "Path 2 of 3"


def test_opacity_dims_the_paths_and_not_the_name(opened: Opened, models: ModelScene) -> None:
    models.store(FILE, prediction())
    workspace = opened()
    workspace.right.setCurrentWidget(workspace.figures)
    slider = workspace.figures.details.opacity
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert workspace.timeline.layers[0].layer.opacity == 0.1
    QApplication.processEvents()
    picture = workspace.slice_view.grab().toImage()
    assert _colours(picture.copy(0, picture.height() - 80, picture.width(), 60), MODELS[0]) > 100


def test_delete_removes_the_file_and_the_other_one_can_be_shown(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    first = models.store(FILE, prediction())
    second = models.store("1_ct-searcher-test-1.2_11111111.json", prediction(count=1))
    workspace = opened()
    workspace.right.setCurrentWidget(workspace.figures)
    (shown,) = _shown_files(workspace)
    _click(workspace.figures.details.remove)
    (kept,) = {first, second} - {first.with_name(shown)}
    assert not first.with_name(shown).exists() and kept.exists()
    assert list(workspace.side.rows.rows) == [f"prediction:{kept.name}"]
    _click(workspace.side.rows.rows[f"prediction:{kept.name}"].eye)
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=30_000)
    assert _shown_files(workspace) == [kept.name] and _named(workspace) == [LABEL]


def test_the_usual_prediction_is_made_once_the_models_are_known(
    opened: Opened, models: ModelScene, qtbot: QtBot
) -> None:
    workspace = opened()
    workspace.predict_usual()
    qtbot.waitUntil(lambda: bool(workspace.models.shown), timeout=60_000)
    workspace.predict_usual()
    (asked,) = models.asked
    assert asked[asked.index("--count") + 1] == "2"
