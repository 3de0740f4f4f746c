"""One clock, kept on this machine, imported late."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime

import pytest

from ctgaze_app.acquisition import clock
from ctgaze_app.errors import StreamError


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key not in {clock.SESSION_VARIABLE, "LSLAPICFG"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**inherited, **environment},
        check=False,
    )


def test_the_clock_runs_at_the_rate_of_the_monotonic_clock() -> None:
    lsl_before, monotonic_before = clock.local_clock(), time.monotonic()
    time.sleep(0.2)
    lsl_after, monotonic_after = clock.local_clock(), time.monotonic()
    assert lsl_after - lsl_before == pytest.approx(monotonic_after - monotonic_before, abs=2e-3)


def test_the_module_is_imported_without_lsl() -> None:
    result = run_python("import sys, ctgaze_app.acquisition.clock; print('pylsl' in sys.modules)")
    assert (result.stdout.strip(), result.returncode) == ("False", 0)


def test_the_first_session_id_decides_and_children_inherit_it() -> None:
    code = (
        "import os\n"
        "from ctgaze_app.acquisition.clock import configure_lsl, lsl\n"
        "print(configure_lsl('first'), configure_lsl('second'), os.environ['CTGAZE_LSL_SESSION'])\n"
        "info = lsl().StreamInfo('n', 't', 1, 0, 'double64', 'id')\n"
        "print(lsl().StreamOutlet(info).get_info().session_id())\n"
    )
    result = run_python(code)
    assert result.stdout.split() == ["first", "first", "first", "first"]
    assert result.stderr == ""


def test_the_environment_gives_the_session_id_and_default_is_lsls_own() -> None:
    code = "from ctgaze_app.acquisition.clock import configure_lsl; print(configure_lsl())"
    assert run_python(code).stdout.strip() == "default"
    assert run_python(code, CTGAZE_LSL_SESSION="inherited").stdout.strip() == "inherited"


def test_the_users_own_lsl_configuration_file_is_respected(tmp_path) -> None:
    file = tmp_path / "lsl_api.cfg"
    file.write_text("[lab]\nSessionID = theirs\n[log]\nlevel = -2\n", encoding="utf-8")
    code = (
        "from ctgaze_app.acquisition.clock import configure_lsl, lsl\n"
        "configure_lsl('ours')\n"
        "print(lsl().StreamOutlet(lsl().StreamInfo('n', 't', 1, 0, 'double64', 'id')).get_info().session_id())\n"
    )
    assert run_python(code, LSLAPICFG=str(file)).stdout.strip() == "theirs"


def test_a_session_id_that_would_break_the_configuration_is_refused() -> None:
    code = (
        "from ctgaze_app.acquisition.clock import configure_lsl\n"
        "from ctgaze_app.errors import StreamError\n"
        "try:\n    configure_lsl('a\\nb')\nexcept StreamError as error:\n    print('refused')\n"
    )
    assert run_python(code).stdout.strip() == "refused"
    assert issubclass(StreamError, Exception)


def test_new_session_ids_differ_and_are_allowed() -> None:
    first, second = clock.new_session_id(), clock.new_session_id()
    assert first != second
    assert clock._SESSION_PATTERN.fullmatch(first)


def test_utc_is_aware_and_written_with_a_z() -> None:
    assert abs((clock.utc_now() - datetime.now(UTC)).total_seconds()) < 1.0
    assert clock.utc_text(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2026-01-02T03:04:05.000006Z"


def test_the_boot_id_stays_and_without_the_kernels_it_follows_the_boot_minute(monkeypatch, tmp_path) -> None:
    assert clock.boot_id() == clock.boot_id()
    monkeypatch.setattr(clock, "_BOOT_ID_FILE", tmp_path / "absent")
    monkeypatch.setattr(clock.psutil, "boot_time", lambda: 1_700_000_040.0)
    first = clock.boot_id()
    monkeypatch.setattr(clock.psutil, "boot_time", lambda: 1_700_000_043.0)
    assert clock.boot_id() == first
    monkeypatch.setattr(clock.psutil, "boot_time", lambda: 1_700_000_240.0)
    assert clock.boot_id() != first
    uuid.UUID(first)
