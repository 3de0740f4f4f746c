"""What `ctgaze doctor` says of predictions: not installed, on the CPU, or a GPU that PyTorch cannot use."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from ctgaze_app.cli import checks


def test_predictions_run_on_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = checks._models()
    assert (found.state, found.finding.startswith("they run on CPU (")) == ("ok", True)


@pytest.mark.parametrize(
    ("listed", "state"),
    [("GPU 0: NVIDIA Anything (UUID: GPU-1)", "warning"), ("No devices were found", "ok")],
)
def test_a_gpu_that_torch_cannot_use_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, state: str
) -> None:
    monkeypatch.setattr("models.features.devices.why_not_cuda", lambda index=0: "this PyTorch is built without CUDA")
    monkeypatch.setattr(checks.shutil, "which", lambda name: str(tmp_path / name))
    monkeypatch.setattr(
        checks.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, listed, "")
    )
    found = checks._models()
    assert found.state == state
    assert (state == "ok") or (found.finding.endswith("built without CUDA") and "CUDA version" in found.remedy)


def test_without_torch_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = checks._models()
    assert (found.state, found.remedy) == ("warning", "everything else works; install the extra: models")
