"""What the commands on models need beside the program itself."""

from __future__ import annotations

from importlib.util import find_spec

from ctgaze_app.errors import CTGazeError

NEEDED = ("torch", "safetensors")


def require_models_extra() -> None:
    """Refuse in one line when PyTorch is not installed.

    Raises
    ------
    CTGazeError
        It says what to type.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise CTGazeError("models need PyTorch, which is not installed here", remedy='pip install "ctgaze[models]"')
