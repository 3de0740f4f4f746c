"""One small CT with UIDs, uneven in nothing, and its files, for every truth format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctgaze_app.ct import Volume, load_series
from tests.factories.dicom_series import write_series


@pytest.fixture(scope="package")
def scan_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """20 slices of 48 rows and 64 columns, 0.8 x 0.7 mm, 2 mm apart, in shown order."""
    return write_series(
        tmp_path_factory.mktemp("scan"), slices=20, rows=48, columns=64, spacing=(0.8, 0.7), series=1, shuffled=True
    )


@pytest.fixture(scope="package")
def scan(scan_files: list[Path]) -> Volume:
    """The same as a volume."""
    return load_series(scan_files[0].parent)


@pytest.fixture(scope="package")
def other_scan_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Another series of the same size and place."""
    return write_series(
        tmp_path_factory.mktemp("other"), slices=20, rows=48, columns=64, spacing=(0.8, 0.7), series=2, seed=7
    )
