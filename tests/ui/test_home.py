"""The home page: real clicks, and folders that do the obvious thing when dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from ctgaze_app.ui.home import HomePage


@pytest.mark.parametrize(
    ("key", "signal"), [("read", "read_requested"), ("review", "review_requested"), ("demo", "demo_requested")]
)
def test_each_entry_says_what_the_user_wants(qtbot: QtBot, key: str, signal: str) -> None:
    page = HomePage()
    qtbot.addWidget(page)
    page.show()
    with qtbot.waitSignal(getattr(page, signal)):
        qtbot.mouseClick(page.buttons[key], Qt.MouseButton.LeftButton)
    page.close()


@pytest.mark.parametrize(("manifest", "signal"), [(False, "read_requested"), (True, "review_requested")])
def test_a_dropped_folder_is_read_or_reviewed(qtbot: QtBot, tmp_path: Path, manifest: bool, signal: str) -> None:
    if manifest:
        (tmp_path / "session.json").write_text("{}", encoding="utf-8")
    page = HomePage()
    qtbot.addWidget(page)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    event = QDropEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(getattr(page, signal)) as caught:
        page.dropEvent(event)
    assert caught.args == [tmp_path]
