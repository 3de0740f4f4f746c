"""What nobody foresaw: one line for the user, the details in a file on this machine."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime


def tell_unexpected(error: BaseException) -> str:
    """Write the details into the user's log folder and return the one line to show."""
    from platformdirs import user_log_path

    try:
        path = user_log_path("ctgaze", ensure_exists=True) / f"crash_{datetime.now(UTC):%Y%m%dT%H%M%S%f}.txt"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        details = str(path)
    except OSError:
        details = "could not be written"
    return f"unexpected {type(error).__name__}: {error} (details: {details})"
