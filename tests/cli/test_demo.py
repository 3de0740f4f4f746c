from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from ctgaze_app.ui.demo import runner
from ctgaze_app.ui.demo.options import DemoOptions


def test_the_reader_of_the_demo_can_be_named_so_that_two_demos_can_be_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[DemoOptions] = []

    def guided(options: DemoOptions, report: object) -> int:
        asked.append(options)
        return 0

    monkeypatch.setattr(runner, "run_guided_demo", guided)
    done = CliRunner().invoke(app, ["demo", "--reader", "r02", "--seed", "2", "--out", str(tmp_path / "s")])
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(app, ["demo"]).exit_code == 0
    assert [(options.reader, options.seed) for options in asked] == [("r02", 2), ("demo", 1)]


@pytest.mark.parametrize("code", ["a b", "../x", "", "x" * 65])
def test_a_reader_that_is_no_code_is_usage(code: str) -> None:
    done = CliRunner().invoke(app, ["demo", "--headless", "--reader", code])
    assert done.exit_code == 2
    assert "--reader" in done.output
