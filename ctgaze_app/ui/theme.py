"""The dark theme: palette, font and style sheet of the whole application (Fusion underneath)."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

BEHIND_IMAGE = "#000000"
WINDOW = "#121416"
PANEL = "#1a1d20"
RAISED = "#23272b"
LINE = "#2f353b"
TEXT = "#d9dde1"
TEXT_SECONDARY = "#98a1aa"
TEXT_DISABLED = "#5c656e"
FOCUS = "#5aa9e6"
GOOD = "#57b894"
WARN = "#e3b341"
BAD = "#e5604d"
READERS = ("#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")
"""Okabe-Ito without black: the same reader has the same colour everywhere."""
MODELS = ("#e0afca", "#f6ef8e", "#66aad1", "#e69e66", "#9ad2f2", "#66c5ab", "#f0c566")
"""The readers' colours 40 % of the way to white, from the fourth on, so that no model looks like the first reader;
always with dashes and the model's name."""

BASE_POINT_SIZE = 10.0
LARGE_POINT_SIZE = 16.0
SMALL_RADIUS_PX = 4

_COLOURS = {
    "behind_image": BEHIND_IMAGE,
    "window": WINDOW,
    "panel": PANEL,
    "raised": RAISED,
    "line": LINE,
    "text": TEXT,
    "text_secondary": TEXT_SECONDARY,
    "text_disabled": TEXT_DISABLED,
    "focus": FOCUS,
    "good": GOOD,
    "warn": WARN,
    "bad": BAD,
}

_PLAIN_FAMILIES = (
    "Segoe UI",
    "SF Pro Text",
    "Inter",
    "Noto Sans",
    "Cantarell",
    "Ubuntu",
    "DejaVu Sans",
    "Liberation Sans",
)


def apply_theme(application: QApplication) -> None:
    """Give the application the dark palette, the font and the style sheet."""
    fusion = QStyleFactory.create("Fusion")
    if fusion is not None:
        application.setStyle(fusion)
    application.setPalette(dark_palette())
    application.setFont(ui_font())
    application.setStyleSheet(style_sheet())


def style_sheet() -> str:
    """`resources/style.qss` with the palette and the places of its icons filled in."""
    resources = Path(str(files("resources")))
    text = (resources / "style.qss").read_text(encoding="utf-8")
    icons = {path.stem: path.as_posix() for path in (resources / "icons").glob("*.svg")}
    return Template(text).substitute(_COLOURS, **icons)


def ui_font(point_size: float = BASE_POINT_SIZE, *, bold: bool = False) -> QFont:
    """The system font with tabular digits, so that changing numbers do not jitter."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    installed = set(QFontDatabase.families())
    if QFontInfo(font).family() not in installed or font.family() in {"", "Sans Serif", "Sans"}:
        # Platforms without a font service (offscreen, bare X11) name a family that draws boxes or a serif face.
        known = next((family for family in _PLAIN_FAMILIES if family in installed), None)
        if known is not None:
            font = QFont(known)
    font.setPointSizeF(point_size)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    font.setFeature(QFont.Tag.fromString("tnum"), 1)
    return font


def dark_palette() -> QPalette:
    """Qt palette of the dark theme."""
    role = QPalette.ColorRole
    palette = QPalette()
    for colour_role, colour in (
        (role.Window, WINDOW),
        (role.WindowText, TEXT),
        (role.Base, PANEL),
        (role.AlternateBase, RAISED),
        (role.Text, TEXT),
        (role.Button, RAISED),
        (role.ButtonText, TEXT),
        (role.BrightText, BAD),
        (role.ToolTipBase, RAISED),
        (role.ToolTipText, TEXT),
        (role.PlaceholderText, TEXT_SECONDARY),
        (role.Highlight, FOCUS),
        (role.HighlightedText, WINDOW),
        (role.Link, FOCUS),
        (role.LinkVisited, FOCUS),
        (role.Light, LINE),
        (role.Midlight, RAISED),
        (role.Mid, LINE),
        (role.Dark, WINDOW),
        (role.Shadow, BEHIND_IMAGE),
    ):
        palette.setColor(colour_role, QColor(colour))
    for colour_role in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, colour_role, QColor(TEXT_DISABLED))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(LINE))
    return palette
