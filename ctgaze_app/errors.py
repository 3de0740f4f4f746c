"""The typed errors that reach a user: what happened, where, and what to do about it."""

from __future__ import annotations


class CTGazeError(Exception):
    """A failure that a user can act on, shown as one line.

    Parameters
    ----------
    message
        What happened, in plain words, without patient identity.
    place
        The file, stream or device concerned (shown on screen only, never logged to a session).
    remedy
        What the user can do.
    """

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        """One line: place, what happened, remedy."""
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class SeriesError(CTGazeError):
    """A CT series cannot be loaded as asked."""


class StreamError(CTGazeError):
    """An LSL stream is missing, ambiguous, or not what it should be."""


class SessionError(CTGazeError):
    """A session folder cannot be created, read, resumed or verified."""


class DeviceError(CTGazeError):
    """A screen, microphone or system library is missing or fails."""
