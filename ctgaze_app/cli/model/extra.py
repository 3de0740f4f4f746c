"""What the commands on models need beside the program itself."""

from __future__ import annotations

from ctgaze_app.errors import CTGazeError
from ctgaze_app.study.models_extra import TRAINING, is_installed


def require_models_extra() -> None:
    """Refuse in one line when PyTorch is not installed.

    Raises
    ------
    CTGazeError
        It says what to type.
    """
    if not is_installed():
        raise CTGazeError("models need PyTorch, which is not installed here", remedy='pip install "ctgaze[models]"')


def require_train_extra() -> None:
    """Refuse in one line when what training needs is not installed.

    Raises
    ------
    CTGazeError
        It says what to type.
    """
    if not is_installed(TRAINING):
        raise CTGazeError(
            "training needs PyTorch and Lightning, which are not installed here", remedy='pip install "ctgaze[train]"'
        )
