"""The dark theme: readable, complete, with digits that do not jitter."""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QFontDatabase, QFontInfo, QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication, QTabBar
from pytestqt.qtbot import QtBot

from ctgaze_app.ui import theme


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        red, green, blue, _ = QColor(colour).getRgbF()
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("text", "ground"),
    list(
        itertools.product(
            (theme.TEXT, theme.TEXT_SECONDARY, theme.GOOD, theme.WARN, theme.BAD, theme.FOCUS),
            (theme.BEHIND_IMAGE, theme.WINDOW, theme.PANEL),
        )
    ),
)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


def test_the_style_sheet_has_every_colour_filled_in(qtbot: QtBot) -> None:
    assert "$" not in theme.style_sheet()
    assert theme.FOCUS in theme.style_sheet()


def test_the_font_is_installed_and_its_digits_are_equally_wide(qtbot: QtBot) -> None:
    font = theme.ui_font()
    assert QFontInfo(font).family() == font.family()
    assert font.family() in QFontDatabase.families()
    assert len({QFontMetricsF(font).horizontalAdvance(digit) for digit in "0123456789"}) == 1
    assert font.pointSizeF() == 10.0


def test_applying_the_theme_darkens_the_palette(qtbot: QtBot) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    before = application.palette(), application.font(), application.styleSheet()
    try:
        theme.apply_theme(application)
        assert application.palette().window().color().name() == theme.WINDOW
    finally:
        application.setPalette(before[0])
        application.setFont(before[1])
        application.setStyleSheet(before[2])


def test_the_words_of_a_tab_are_as_tall_when_another_is_chosen(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply_theme(qapp)
    bar = QTabBar()
    qtbot.addWidget(bar)
    bar.addTab("Reading")
    bar.addTab("Reading")
    bar.resize(bar.sizeHint())
    image = bar.grab().toImage()

    chosen, other = (_height_of_words(image, bar.tabRect(number)) for number in range(2))
    assert chosen == other > QFontMetricsF(bar.font()).ascent() / 2


def _height_of_words(image: QImage, tab: QRect) -> int:
    """Rows of the first run that has light pixels, away from the tab's own edges."""
    inner = tab.adjusted(8, 3, -8, 0)
    light = [
        any(image.pixelColor(x, y).lightness() > 80 for x in range(inner.left(), inner.right()))
        for y in range(inner.top(), inner.bottom())
    ]
    first = light.index(True)
    return next((row for row in range(first, len(light)) if not light[row]), len(light)) - first
