"""Single pictures as volumes of one slice: radiographs, photographs, captures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from ctgaze_app.ct import Volume, list_series, load_series
from ctgaze_app.ct.pictures import luminance
from ctgaze_app.ct.windows import apply_window
from ctgaze_app.errors import SeriesError
from ctgaze_app.gaze.frames import SeriesGeometry, mm_per_screen_px, voxel_to_patient_mm
from tests.factories.dicom_series import write_series

NO_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleType", "PatientPosition")
RADIOGRAPH = np.arange(64 * 64, dtype=np.float64).reshape(1, 64, 64)


def radiograph(folder: Path, *, without: tuple[str, ...] = NO_PLACE, **options: Any) -> Path:
    (path,) = write_series(
        folder,
        **{"slices": 1, "modality": "DX", "pixels": RADIOGRAPH, "intercept": 0.0, "windows": (), **options},
        without=without,
    )
    return path


def codes(volume: Volume) -> list[str]:
    return [finding.code for finding in volume.findings]


def shown(volume: Volume) -> NDArray[np.uint8]:
    return apply_window(volume.voxels[0], volume.windows[0], volume.monochrome1)


def colour_dicom(path: Path, pixels: NDArray[np.uint8], modality: str = "XC") -> Path:
    written = radiograph(path, modality=modality)
    dataset = pydicom.dcmread(written)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(written)
    return written


def test_a_radiograph_without_place_is_one_slice_without_sides_and_millimetres(tmp_path: Path) -> None:
    volume = load_series(radiograph(tmp_path))
    assert np.array_equal(volume.voxels, RADIOGRAPH)
    assert (volume.units, volume.modality, volume.picture) == ("arbitrary", "DX", True)
    assert (volume.has_mm, volume.has_sides, volume.plane) == (False, False, 3)
    assert codes(volume) == ["no_spacing", "no_sides"]
    assert np.isnan(volume.voxel_to_patient([3.0, 4.0, 0.0])).all()
    assert np.isnan(voxel_to_patient_mm([3.0, 4.0, 0.0], SeriesGeometry.of(volume))).all()
    assert np.isnan(mm_per_screen_px(np.eye(3), SeriesGeometry.of(volume)))
    assert [finding.severity for finding in volume.findings] == ["info", "info"]


def test_without_a_window_a_radiograph_is_shown_from_its_least_to_its_greatest_value(tmp_path: Path) -> None:
    grey = shown(load_series(radiograph(tmp_path)))
    assert (grey[0, 0], grey[-1, -1]) == (0, 255)
    assert np.array_equal(grey, np.floor(RADIOGRAPH[0] / 4095 * 255 + 0.5))


def test_the_files_first_window_counts_and_a_rescale_moves_it(tmp_path: Path) -> None:
    plain = load_series(radiograph(tmp_path / "plain", windows=((2000.0, 1000.0), (1000.0, 500.0))))
    assert [(w.centre, w.width) for w in plain.windows] == [(2000.0, 1000.0), (1000.0, 500.0)]
    stored = RADIOGRAPH * 0.5 + 100
    scaled = load_series(
        radiograph(tmp_path / "scaled", pixels=stored, slope=0.5, intercept=100.0, windows=((1100.0, 500.0),))
    )
    assert np.array_equal(scaled.voxels, RADIOGRAPH)
    assert [(w.centre, w.width) for w in scaled.windows] == [(2000.0, 1000.0)]


def test_16_bits_keep_every_value_and_look_the_same(tmp_path: Path) -> None:
    bright = RADIOGRAPH * 16
    volume = load_series(radiograph(tmp_path, pixels=bright, windows=((40000.0, 20001.0),)))
    assert np.array_equal(volume.voxels.astype(int) + 32768, bright)
    assert "values_shifted" in codes(volume)
    expected = np.clip((bright[0] - 39999.5) / 20000 + 0.5, 0, 1)
    assert np.array_equal(shown(volume), np.floor(expected * 255 + 0.5))


def test_monochrome1_is_shown_inverted(tmp_path: Path) -> None:
    volume = load_series(radiograph(tmp_path, photometric="MONOCHROME1"))
    assert volume.monochrome1 and "monochrome1" in codes(volume)
    assert (shown(volume)[0, 0], shown(volume)[-1, -1]) == (255, 0)


@pytest.mark.parametrize(
    ("tags", "spacing_ij", "code"),
    [
        ({"PixelSpacing": ["0.2", "0.3"]}, (0.3, 0.2), None),
        ({"ImagerPixelSpacing": ["0.15", "0.14"]}, (0.14, 0.15), "detector_spacing"),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, (0.1, 0.1), "detector_spacing"),
        ({"PixelSpacing": ["0", "0"]}, (1.0, 1.0), "no_spacing"),
    ],
)
def test_the_size_of_a_pixel_comes_from_patient_or_detector(
    tmp_path: Path, tags: dict[str, Any], spacing_ij: tuple[float, float], code: str | None
) -> None:
    places = tuple(name for name in NO_PLACE if name != "PixelSpacing")
    volume = load_series(radiograph(tmp_path, tags={"PixelSpacing": None, **tags}, without=places))
    assert volume.pixel_spacing_ij_mm == spacing_ij
    assert volume.has_mm == (code != "no_spacing")
    assert [found for found in codes(volume) if "spacing" in found] == ([code] if code else [])
    if volume.has_mm:
        assert np.allclose(
            volume.voxel_to_patient([1, 0, 0]) - volume.voxel_to_patient([0, 0, 0]), [spacing_ij[0], 0, 0]
        )


def test_patient_orientation_gives_the_sides_of_a_frontal_radiograph(tmp_path: Path) -> None:
    volume = load_series(radiograph(tmp_path, tags={"PatientOrientation": ["L", "F"]}))
    assert volume.has_sides and volume.plane == 1
    assert np.array_equal(volume.row_direction, [1, 0, 0])
    assert np.array_equal(volume.column_direction, [0, 0, -1])
    for nonsense in (["L", "R"], ["X", "F"], ["L"]):
        path = radiograph(tmp_path / "".join(nonsense), tags={"PatientOrientation": nonsense})
        assert not load_series(path).has_sides


def test_two_radiographs_of_one_series_are_two_pictures(tmp_path: Path) -> None:
    write_series(tmp_path, slices=2, modality="CR", without=NO_PLACE)
    first, second = list_series(tmp_path)
    assert str(first) == str(second) == "CR picture, 64 x 64"
    with pytest.raises(SeriesError, match="there are 2 series here"):
        load_series(tmp_path)
    volumes = [load_series(tmp_path, series=each.key) for each in (first, second)]
    assert volumes[0].digest != volumes[1].digest
    assert volumes[0].digest == load_series(tmp_path, series=0).digest


def test_a_dicom_photograph_is_in_colour(tmp_path: Path) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    volume = load_series(colour_dicom(tmp_path, rgb))
    assert volume.colour is not None
    assert np.array_equal(volume.colour, rgb[None])
    assert np.array_equal(volume.voxels[0], np.asarray(Image.fromarray(rgb).convert("L")))
    assert volume.windows == () and not volume.monochrome1


@pytest.mark.parametrize(
    "name",
    ["examples_palette", "examples_jpeg2k", "SC_ybr_full_422_uncompressed", "SC_rgb_rle", "SC_rgb_jpeg_gdcm"],
)
def test_palettes_and_other_colour_spaces_agree_with_simpleitk(name: str) -> None:
    path = get_testdata_file(f"{name}.dcm", download=False)
    volume = load_series(Path(str(path)))
    assert volume.colour is not None
    assert np.array_equal(volume.colour, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))))


def test_colour_ct_and_several_frames_stay_refused(tmp_path: Path) -> None:
    with pytest.raises(SeriesError, match="colour picture, not a CT"):
        load_series(colour_dicom(tmp_path / "ct", np.zeros((8, 8, 3), np.uint8), modality="CT"))
    with pytest.raises(SeriesError, match="a multi-frame file is not supported yet"):
        load_series(radiograph(tmp_path / "frames", modality="MG", tags={"NumberOfFrames": 4}))


def test_truncated_colour_is_named(tmp_path: Path) -> None:
    path = colour_dicom(tmp_path, np.full((40, 30, 3), 7, np.uint8))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(SeriesError) as caught:
        load_series(path)
    assert caught.value.place == str(path)


def test_a_huge_dicom_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = radiograph(tmp_path, tags={"Rows": 60_000, "Columns": 60_000})
    with pytest.raises(SeriesError, match="more than 64 million pixels"):
        load_series(path)


def test_mr_keeps_its_geometry_in_arbitrary_units(tmp_path: Path) -> None:
    write_series(tmp_path, slices=5, modality="MR", windows=((300.0, 600.0),), without=("RescaleType",))
    volume = load_series(tmp_path)
    assert (volume.units, volume.modality, volume.picture) == ("arbitrary", "MR", False)
    assert volume.has_mm and volume.has_sides and volume.shape_kji[0] == 5
    assert (volume.windows[0].centre, volume.windows[0].width) == (300.0, 600.0)


def test_mr_of_a_small_slope_keeps_its_values_and_its_window(tmp_path: Path) -> None:
    stored = np.arange(2 * 64 * 64, dtype=np.float64).reshape(2, 64, 64)
    write_series(
        tmp_path, slices=2, modality="MR", pixels=stored / 1000, slope=0.001, intercept=0.0, windows=((4.0, 8.0),)
    )
    volume = load_series(tmp_path)
    assert np.array_equal(volume.voxels, stored)
    assert [(window.centre, window.width) for window in volume.windows] == [(4000.0, 8000.0)]
    assert codes(volume) == ["not_ct", "as_stored"]


def test_a_png_opens_alone_or_in_its_folder_and_keeps_its_greys(tmp_path: Path) -> None:
    grey = np.random.default_rng(2).integers(5, 250, (30, 40), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "chest.png")
    (tmp_path / "notes.txt").write_text("text")
    volume = load_series(tmp_path)
    assert np.array_equal(shown(volume), grey)
    assert (volume.modality, volume.colour, volume.lossy) == ("PNG", None, False)
    assert load_series(tmp_path / "chest.png").digest == volume.digest
    assert codes(volume) == ["other_files", "no_spacing", "no_sides"]
    assert load_series(tmp_path, series=volume.source.series_uid).digest == volume.digest


def test_two_pictures_in_a_folder_ask_which(tmp_path: Path) -> None:
    for name, value in (("a", 10), ("b", 20)):
        Image.fromarray(np.full((8, 9), value, np.uint8)).save(tmp_path / f"{name}.png")
    with pytest.raises(SeriesError) as caught:
        load_series(tmp_path)
    assert "0: PNG picture, 9 x 8; 1: PNG picture, 9 x 8" in str(caught.value)
    assert load_series(tmp_path, series=1).voxels[0, 0, 0] == 20


def test_many_pictures_are_not_all_listed(tmp_path: Path) -> None:
    for n in range(12):
        Image.fromarray(np.full((4, 4), n, np.uint8)).save(tmp_path / f"{n:02d}.png")
    with pytest.raises(SeriesError, match=r"; and 4 more\)"):
        load_series(tmp_path)


def test_a_broken_thumbnail_beside_a_ct_does_not_matter(tmp_path: Path) -> None:
    write_series(tmp_path, slices=3)
    (tmp_path / "preview.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    volume = load_series(tmp_path)
    assert (volume.units, volume.picture) == ("HU", False)
    assert codes(volume) == ["other_files"]


def test_colours_count_in_the_digest_and_cannot_be_changed(tmp_path: Path) -> None:
    rgb = np.full((6, 5, 3), 100, np.uint8)
    rgb[0, 0] = (255, 0, 0)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    volume = load_series(tmp_path / "a.png")
    assert volume.colour is not None and volume.colour.shape == (1, 6, 5, 3)
    with pytest.raises(ValueError, match="read-only"):
        volume.colour[0, 0, 0, 0] = 1
    other = rgb.copy()
    other[3, 3] = (99, 101, 98)  # of the same luminance
    assert luminance(other[3, 3]) == luminance(rgb[3, 3])
    assert replace(volume, colour=other[None]).digest != volume.digest
