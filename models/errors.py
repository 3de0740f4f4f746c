"""The one error of this package that a user can act on."""

from __future__ import annotations


class ModelError(Exception):
    """A model, a training set or a computation is not what it should be.

    Parameters
    ----------
    message
        What is wrong, in plain words.
    place
        File and, where there is one, record or field.
    remedy
        What the user can do or type.
    """

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        """One line: place, what is wrong, remedy."""
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The caller asked to stop."""
