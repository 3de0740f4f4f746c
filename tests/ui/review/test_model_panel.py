"""The panel that predicts: what its box of models says, and that nothing moves under the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock, create_autospec

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ctgaze_app.study.prediction_worker import Step
from ctgaze_app.ui.review.model_choices import ModelChoice
from ctgaze_app.ui.review.model_control import ModelControl
from ctgaze_app.ui.review.model_panel import ModelPanel
from models.registry import find_models

LEFT_SIDE_PX = 248


def control_of(*models: ModelChoice) -> Mock:
    """One that could predict, of a trial that nothing was predicted of."""
    control = create_autospec(ModelControl, instance=True)
    control.models, control.hidden, control.missing, control.problem = models, "", "", ""
    control.listed, control.busy, control.busy_trial = True, None, 0
    control.trial, control.layers = Mock(), Mock(layers=[])
    control.why_not.return_value = ""
    return control


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[ModelPanel]:
    side, panel = QWidget(), ModelPanel()
    qtbot.addWidget(side)
    column = QVBoxLayout(side)
    column.addWidget(panel)
    column.addStretch()
    side.setFixedSize(LEFT_SIDE_PX, 600)
    side.show()
    yield panel


def test_predict_stays_where_it_is_while_the_first_prediction_runs(panel: ModelPanel, qtbot: QtBot) -> None:
    control = control_of(ModelChoice("small", "1.0", Path("small"), task="classification"))
    panel.show_state(control)
    qtbot.wait(50)
    before = panel.predict.mapTo(panel, QPoint(0, 0)).y()

    control.busy = Step(0, 0, "Starting")
    panel.show_state(control)
    qtbot.wait(50)

    assert panel.cancel.isVisible()
    assert panel.predict.mapTo(panel, QPoint(0, 0)).y() == before


def test_the_names_and_tasks_of_the_shipped_models_fit_the_box(panel: ModelPanel) -> None:
    shipped = [found.card for found in find_models() if found.card is not None and found.origin == "shipped"]
    panel.show_state(
        control_of(*(ModelChoice(card.name, card.version, Path(card.name), task=card.task) for card in shipped))
    )

    assert {panel.model.itemText(row) for row in range(panel.model.count())} == {
        "ct-scroll-small 1.0: findings", "ct-searcher 1.0: scan path", "gaze-segmentation 1.0: mask"
    }  # fmt: skip


def test_what_predict_does_is_told_in_words_that_hold_for_a_radiograph_too(panel: ModelPanel) -> None:
    panel.show_state(control_of(ModelChoice("small", "1.0", Path("small"), task="saliency", values="grey")))

    assert "this trial's image" in panel.hint.text() and "CT" not in panel.hint.text()
