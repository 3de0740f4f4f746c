"""The promise that the package and the command line start light."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "vtk", "vtkmodules", "pandas", "scipy.signal", "PySide6", "pylsl")


@pytest.mark.parametrize(
    "code",
    [
        "import ctgaze_app",
        "import models, models.simulation, calibration",
        "import sys, contextlib; sys.argv = ['ctgaze', '--help']\nfrom ctgaze_app.cli import main\n"
        "with contextlib.suppress(SystemExit):\n    main()",
    ],
    ids=["package", "models", "help"],
)
def test_nothing_heavy_is_imported_at_start(code: str) -> None:
    assert _loaded(code) == []


def test_a_window_that_shows_predictions_computes_none_itself() -> None:
    code = (
        "from ctgaze_app.ui.main_window import MainWindow\n"
        "from ctgaze_app.ui.review.model_choices import ModelTools\n"
        "import ctgaze_app.ui.review.workspace\n"
        "tools = ModelTools()\n"
        "assert tools.find_models() and tools.missing() is not None"
    )
    assert set(_loaded(code)) <= {"PySide6", "pylsl"}


def _loaded(code: str) -> list[str]:
    """Of `HEAVY`, what a fresh process has imported after some code."""
    script = f"{code}\nimport sys\nprint('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return next(line for line in done.stdout.splitlines() if line.startswith("LOADED")).split()[1:]


def test_qt_is_pinned_below_the_version_that_corrupts_reference_counts() -> None:
    from importlib.metadata import version

    assert tuple(int(part) for part in version("PySide6_Essentials").split(".")[:2]) < (6, 12)
