"""The one clock: LSL's `local_clock`, which counts from boot, tied to boot id and UTC; and LSL's configuration."""

from __future__ import annotations

import os
import re
import sys
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import psutil

from ctgaze_app.errors import StreamError

SESSION_VARIABLE = "CTGAZE_LSL_SESSION"
CONFIGURATION_VARIABLE = "LSLAPICFG"
DEFAULT_SESSION_ID = "default"
"""LSL's own default: LabRecorder on this machine sees the same streams."""

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_SESSION_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
# A session needs about eight ports; with the default of 32, streams of several sessions at once are not found.
# Only fatal messages of liblsl reach the console: what matters of the others is told in CTGaze's own words.
_CONFIGURATION = """\
[ports]
IPv6 = disable
PortRange = 128
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {{127.0.0.1}}
SessionID = {session_id}
[log]
level = -3
"""

_lock = threading.Lock()
_pylsl: ModuleType | None = None
_session_id = DEFAULT_SESSION_ID


def new_session_id() -> str:
    """A fresh LSL session id: streams of another id are invisible to this one (tests, headless runs)."""
    return f"ctgaze-{uuid.uuid4().hex[:12]}"


def configure_lsl(session_id: str | None = None) -> str:
    """Keep LSL on this machine and in one LSL session; child processes inherit the session through the environment.

    The first call in a process decides, as liblsl reads its configuration once; later calls change nothing. A
    configuration file named in ``LSLAPICFG`` is the user's own choice and wins over everything here.

    Parameters
    ----------
    session_id
        Letters, digits, ``-`` and ``_``; default: the environment's ``CTGAZE_LSL_SESSION``, else ``default``.

    Returns
    -------
    str
        The LSL session id in force in this process.

    Raises
    ------
    StreamError
        When the session id has other characters, or liblsl cannot be loaded.
    """
    global _pylsl, _session_id
    with _lock:
        if _pylsl is not None:
            return _session_id
        wanted = session_id or os.environ.get(SESSION_VARIABLE) or DEFAULT_SESSION_ID
        if _SESSION_PATTERN.fullmatch(wanted) is None:
            raise StreamError("an LSL session id has only letters, digits, - and _", place=SESSION_VARIABLE)
        try:
            import pylsl
        except (ImportError, OSError, RuntimeError) as error:
            raise StreamError(
                "the LSL library cannot be loaded",
                place="pylsl",
                remedy="pip install --force-reinstall pylsl",
            ) from error
        if not os.environ.get(CONFIGURATION_VARIABLE):
            pylsl.set_config_content(_CONFIGURATION.format(session_id=wanted))
        os.environ[SESSION_VARIABLE] = wanted
        _pylsl, _session_id = pylsl, wanted
        return wanted


def lsl() -> ModuleType:
    """The `pylsl` module, imported on first use and configured by `configure_lsl`: the only way to it in CTGaze."""
    if _pylsl is None:
        configure_lsl()
    assert _pylsl is not None
    return _pylsl


def local_clock() -> float:
    """Seconds of LSL's clock (monotonic, since boot): every `*_lsl` is on it."""
    return float(lsl().local_clock())


def utc_now() -> datetime:
    """The wall clock, timezone-aware UTC."""
    return datetime.now(UTC)


def utc_text(moment: datetime | None = None) -> str:
    """UTC as ISO 8601 with microseconds, e.g. ``2026-01-02T03:04:05.000006Z``; default now."""
    return (moment or utc_now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def boot_id() -> str:
    """What identifies this boot of this machine: LSL times may be compared only within one.

    Linux has one. Elsewhere it is made from the time of booting, rounded to the minute because adjustments of the wall
    clock move that time by seconds: two boots never share an id unless they lie within a minute.
    """
    if sys.platform == "linux" and _BOOT_ID_FILE.is_file():
        return _BOOT_ID_FILE.read_text(encoding="ascii").strip()
    minute = round(psutil.boot_time() / 60.0)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"ctgaze boot {uuid.getnode():x} {minute}"))
