from __future__ import annotations

import pytest

from ctgaze_app import cli
from ctgaze_app.errors import SessionError


@pytest.mark.parametrize(
    ("raised", "told"),
    [(KeyboardInterrupt(), "ctgaze: stopped"), (SessionError("no", remedy="do"), "ctgaze: no (do)")],
)
def test_what_ends_a_command_is_one_line_and_exit_code_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("ctgaze_app.study.processing.process_session", fail)
    monkeypatch.setattr("sys.argv", ["ctgaze", "session", "process", "somewhere"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [told]
