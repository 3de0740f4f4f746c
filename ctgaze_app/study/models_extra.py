"""Which optional packages models need, and whether they are installed here."""

from __future__ import annotations

from importlib.util import find_spec

PREDICTING = ("torch", "safetensors")
TRAINING = (*PREDICTING, "lightning", "tensorboard")


def is_installed(packages: tuple[str, ...] = PREDICTING) -> bool:
    """Whether all of them are there; imports none."""
    return all(find_spec(name) is not None for name in packages)
