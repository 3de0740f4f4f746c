from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.acquisition.xdf import XdfWriter
from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.xdf import FORMAT
from tests.factories.sessions import stream_xml
from tests.formats.gaze_tables import make_dataset

SCREEN = "1920x1080px,527x296mm,650mm"
LABELS = ("left_x", "left_y", "right_x", "right_y")


def read(path: Path, **options: str) -> DataSet:
    declared = {"unit": "normalized", "screen": SCREEN, "reader": "r01", "case": "case-1", **options}
    assert FORMAT.read is not None
    return FORMAT.read(path, checked_options(declared, FORMAT.read_options, "xdf"))


def record(path: Path, gaze: np.ndarray, stamps: np.ndarray, labels: tuple[str, ...] = LABELS, names: int = 1) -> Path:
    with XdfWriter(path) as writer:
        for number in range(names):
            stream = writer.add_stream(stream_xml(f"Tracker {number}", "Gaze", labels, "double64", 250.0))
            writer.write_samples(stream, stamps, gaze)
    return path


def two_places(unit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """One second at (0.25, 0.5), a jump, one second at (0.75, 0.5); both eyes alike."""
    stamps = 5000.0 + np.arange(500) / 250
    x = np.where(np.arange(500) < 250, 0.25, 0.75) * unit
    y = np.full(500, 0.5 * unit)
    return np.column_stack([x, y, x, y]), stamps


def test_two_places_are_two_fixations_at_their_places_on_the_screen(tmp_path: Path) -> None:
    found = read(record(tmp_path / "a.xdf", *two_places()))
    assert found.samples is not None
    assert len(found.samples) == 500
    assert found.samples["onset_s"].iloc[-1] == pytest.approx(499 / 250)
    assert found.fixations["x_screen_norm"].tolist() == pytest.approx([0.25, 0.75])
    assert found.fixations["duration_s"].tolist() == pytest.approx([0.98, 0.98], abs=0.02)
    assert not found.fixations["on_image"].any()
    assert found.scanpaths() == [] or len(found.scanpaths()[0]) == 0
    assert found.screen["rate_hz"] == 250.0


def test_pixels_are_read_as_pixels_of_the_declared_screen(tmp_path: Path) -> None:
    gaze, stamps = two_places()
    found = read(record(tmp_path / "a.xdf", gaze * [1920, 1080, 1920, 1080], stamps), unit="pixel")
    assert found.fixations["x_screen_norm"].tolist() == pytest.approx([0.25, 0.75])
    assert found.fixations["y_screen_norm"].tolist() == pytest.approx([0.5, 0.5])


def test_a_wrong_unit_is_refused_not_applied(tmp_path: Path) -> None:
    path = record(tmp_path / "a.xdf", *two_places())
    with pytest.raises(FormatError, match=r"declared as pixel, but what arrived looks like normalized"):
        read(path, unit="pixel")


def test_two_gaze_streams_must_be_chosen_between(tmp_path: Path) -> None:
    path = record(tmp_path / "a.xdf", *two_places(), names=2)
    with pytest.raises(FormatError, match=r"2 streams are of type Gaze; numeric ones: Tracker 0, Tracker 1"):
        read(path)
    assert len(read(path, stream="Tracker 1").fixations) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"screen": "1920x1080"}, "is no screen"),
        ({"screen": "0x1080px,527x296mm,650mm"}, "is no screen"),
        ({"screen": f"{'9' * 400}x1080px,527x296mm,650mm"}, "is no screen"),
        ({"screen": "1920x1080px,52.7x29.6mm,65mm"}, "in pixels and millimetres"),
        ({"screen": "1920x1080px,5.2.7x296mm,650mm"}, "is no screen"),
        ({"reader": "Dr. Who"}, "is no code"),
        ({"stream": "Other"}, "0 streams are called Other"),
        ({"eye": "combined"}, "the stream has no combined eye, only left, right"),
        ({"unit": "degrees"}, "is not one of normalized, pixel"),
    ],
)
def test_declarations_that_do_not_fit_are_one_line(tmp_path: Path, options: dict[str, str], said: str) -> None:
    path = record(tmp_path / "a.xdf", *two_places())
    with pytest.raises(FormatError, match=said) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)


def test_what_must_be_declared_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"what the gaze channels hold.*--option unit=normalized\|pixel"):
        checked_options({}, FORMAT.read_options, "xdf")


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "missing"])
def test_damaged_files_are_one_line(tmp_path: Path, damage: str) -> None:
    path = record(tmp_path / "a.xdf", *two_places())
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        changed = {"cut": data[: len(data) // 2], "flipped": b"", "text": b"x,y\n1,2\n", "empty": b""}[damage]
        if damage == "flipped":
            middle = data.index(b"<?xml", 300)
            changed = data[:middle] + b"?" + data[middle + 1 :]
        path.write_bytes(changed)
    with pytest.raises(FormatError, match=r"a\.xdf: ") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_samples_come_back_from_what_was_written(tmp_path: Path) -> None:
    there = make_dataset()
    assert FORMAT.write is not None
    written = FORMAT.write(there, tmp_path / "out", {})
    assert [path.name for path in written] == [
        f"{reader}_20260102T030405Z_trial-{trial}_case-{trial}.xdf" for reader in ("r01", "r02") for trial in (1, 2)
    ]
    back = read(written[0], eye="combined").samples
    assert there.samples is not None
    assert back is not None
    before = there.samples[:90]
    columns = ["onset_s", "valid", "x_screen_norm", "y_screen_norm", "pupil"]
    pd.testing.assert_frame_equal(back[columns], before[columns], check_exact=False, rtol=0, atol=1e-9)


def test_an_independent_reader_reads_what_was_written(tmp_path: Path) -> None:
    import pyxdf

    there = make_dataset()
    assert FORMAT.write is not None
    assert there.samples is not None
    streams, _ = pyxdf.load_xdf(str(FORMAT.write(there, tmp_path / "out", {})[0]), synchronize_clocks=False)
    gaze = next(stream for stream in streams if stream["info"]["type"] == ["Gaze"])
    np.testing.assert_allclose(gaze["time_series"][:, 0], there.samples["x_screen_norm"][:90])
    markers = next(stream for stream in streams if stream["info"]["type"] == ["Markers"])
    assert len(markers["time_series"]) == 13


def test_a_set_without_samples_is_refused(tmp_path: Path) -> None:
    assert FORMAT.write is not None
    with pytest.raises(FormatError, match="needs gaze samples"):
        FORMAT.write(make_dataset(samples=None), tmp_path / "out", {})
