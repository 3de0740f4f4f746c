"""Where compiled loops are kept."""

from __future__ import annotations

import numba
import pytest

from models.metrics.compiled import compiled


def test_a_loop_runs_where_its_machine_code_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    njit = numba.njit

    def without_a_folder(loop: object, *, nogil: bool, cache: bool = False) -> object:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(loop, nogil=nogil)

    monkeypatch.setattr(numba, "njit", without_a_folder)
    double = compiled(lambda x: 2 * x)
    assert double(4) == 8
    assert asked == [True, False]
