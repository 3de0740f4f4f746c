"""What fails inside a Qt event is one line, once, with the details in a file."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from ctgaze_app.ui import application


def test_an_error_that_repeats_is_told_once_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(platformdirs, "user_log_path", lambda name, ensure_exists: tmp_path)
    monkeypatch.setattr(application, "_told", set())
    for _ in range(3):
        try:
            raise ZeroDivisionError("oops")
        except ZeroDivisionError as error:
            application._tell_once(type(error), error, error.__traceback__)
    (line,) = capsys.readouterr().err.splitlines()
    (report,) = tmp_path.glob("crash_*.txt")
    assert line == f"ctgaze: unexpected ZeroDivisionError: oops (details: {report})"
    assert "Traceback" in report.read_text(encoding="utf-8")
