"""Pictures and masks of every depth, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.datasets.picture_files import read_mask, read_picture
from models.errors import ModelError
from tests.factories.dicom_series import write_series

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def saved(folder: Path, name: str, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values).save(folder / name, **options)
    return folder / name


def test_grey_pictures_keep_their_numbers_in_8_and_16_bits(tmp_path: Path):
    eight = read_picture(saved(tmp_path, "a.png", RAMP), case="a", patient="p")
    assert (eight.values.dtype, eight.shape_kji, eight.case, eight.patient) == (np.float32, (1, 3, 4), "a", "p")
    assert np.array_equal(eight.values[0], RAMP)
    sixteen = read_picture(saved(tmp_path, "b.png", RAMP.astype(np.uint16) * 256))
    assert np.array_equal(sixteen.values[0], RAMP.astype(np.float32) * 256)
    single = read_picture(saved(tmp_path, "c.tif", RAMP.astype(np.float32) / 7))
    assert np.array_equal(single.values[0], RAMP.astype(np.float32) / 7)


def test_colours_are_kept_made_or_taken_away_as_asked(tmp_path: Path):
    colours = np.stack([RAMP, RAMP // 2, 255 - RAMP], axis=2)
    path = saved(tmp_path, "a.png", colours)
    assert np.array_equal(read_picture(path).values[0], colours)
    assert read_picture(path, colour=False).values[0] == pytest.approx(colours @ [0.299, 0.587, 0.114], abs=1e-3)
    grey = read_picture(saved(tmp_path, "b.png", RAMP), colour=True)
    assert np.array_equal(grey.values[0], np.repeat(RAMP[..., None], 3, axis=2))
    with pytest.raises(ModelError, match="16 bits where colours are needed"):
        read_picture(saved(tmp_path, "c.png", RAMP.astype(np.uint16)), colour=True)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
def test_labels_in_any_depth_are_merged_into_one_mask(tmp_path: Path, kind: type):
    labels = np.array([[0, 1, 2], [0, 200, 0]], dtype=kind)
    path = tmp_path / ("m.tif" if kind is np.int32 else "m.png")
    Image.fromarray(labels).save(path)
    assert np.array_equal(read_mask(path), labels > 0)


def test_a_jpeg_mask_is_cut_at_half_and_a_colour_mask_counts_any_channel(tmp_path: Path):
    disc = (np.indices((40, 40))[1] - 20) ** 2 + (np.indices((40, 40))[0] - 18) ** 2 < 120
    path = saved(tmp_path, "m.jpg", np.where(disc, np.uint8(255), np.uint8(0)), quality=60)
    with Image.open(path) as stored:
        assert ((np.asarray(stored) > 0) & ~disc).any()
    assert np.array_equal(read_mask(path), disc)
    red = np.zeros((2, 2, 3), dtype=np.uint8)
    red[0, 1, 0] = 1
    assert read_mask(saved(tmp_path, "r.png", red)).tolist() == [[False, True], [False, False]]
    bits = Image.fromarray(disc)
    bits.save(tmp_path / "bits.png")
    assert np.array_equal(read_mask(tmp_path / "bits.png"), disc)


def test_a_mask_with_fractions_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="holds fractions"):
        read_mask(saved(tmp_path, "m.tif", np.array([[0.0, 0.5]], dtype=np.float32)))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_picture_is_one_line_without_its_folder(tmp_path: Path, content: bytes):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ModelError, match=r"^x\.png: cannot be read as a picture") as caught:
        read_picture(tmp_path / "x.png")
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(ModelError, match=r"^gone\.png: is not there"):
        read_picture(tmp_path / "gone.png")


def test_a_file_of_several_pictures_is_refused(tmp_path: Path):
    pages = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(ModelError, match=r"x\.tif: holds 2 pictures"):
        read_picture(tmp_path / "x.tif")


def test_a_picture_cut_off_is_one_line(tmp_path: Path):
    path = saved(tmp_path, "x.png", np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read as a picture"):
        read_picture(path)


def test_a_dicom_slice_has_its_rescaled_values_and_its_place(tmp_path: Path):
    write_series(tmp_path, slices=3, rows=10, columns=12, pixels=np.full((3, 10, 12), 1100), spacing=(0.5, 0.7))
    path = sorted(tmp_path.rglob("*.dcm"))[0]
    found = read_picture(path, case="s1")
    assert found.values.shape == (1, 10, 12)
    assert np.unique(found.values).size == 1
    assert found.affine_lps is not None
    assert np.linalg.norm(found.affine_lps[:3, :3], axis=0) == pytest.approx([0.7, 0.5, 2.0])
    with pytest.raises(ModelError, match="DICOM where a colour picture"):
        read_picture(path, colour=True)
    (tmp_path / "bad.dcm").write_bytes(b"DICM")
    with pytest.raises(ModelError, match=r"bad\.dcm: cannot be read as DICOM"):
        read_picture(tmp_path / "bad.dcm")
