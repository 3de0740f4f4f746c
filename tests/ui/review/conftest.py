"""The Review of a test's own models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.review.workspace import ReviewWorkspace
from tests.ui.review.model_scene import ModelScene
from tests.ui.review.open_reviews import Opened, open_reviews, wait_for_layers


@pytest.fixture
def opened(qapp: QApplication, qtbot: QtBot, models: ModelScene) -> Iterator[Opened]:
    """Opens the session of `models`, which the test's file makes, and waits for its layers."""
    with open_reviews() as show:

        def open_now() -> ReviewWorkspace:
            workspace = show(models.session, model_tools=models.tools)
            wait_for_layers(workspace, qtbot)
            return workspace

        yield open_now
