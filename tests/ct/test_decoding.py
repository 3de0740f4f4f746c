"""Transfer syntaxes that scanners send and the factory cannot write itself: transcoded by GDCM, read back exactly."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest

from ctgaze_app.ct import load_series
from tests.factories.dicom_series import write_series

LOSSLESS = {
    "JPEG Lossless, first-order prediction (.70)": (
        gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        "1.2.840.10008.1.2.4.70",
    ),
    "JPEG Lossless (.57)": (gdcm.TransferSyntax.JPEGLosslessProcess14, "1.2.840.10008.1.2.4.57"),
    "JPEG-LS lossless (.80)": (gdcm.TransferSyntax.JPEGLSLossless, "1.2.840.10008.1.2.4.80"),
    "JPEG 2000 lossless (.90)": (gdcm.TransferSyntax.JPEG2000Lossless, "1.2.840.10008.1.2.4.90"),
    "RLE (.5)": (gdcm.TransferSyntax.RLELossless, "1.2.840.10008.1.2.5"),
}


def _transcode(source: Path, target: Path, syntax: int) -> None:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(target))
    assert writer.Write()


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_syntaxes_give_the_same_voxels(tmp_path: Path, name: str) -> None:
    syntax, uid = LOSSLESS[name]
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir()
    packed.mkdir()
    for path in write_series(plain, slices=4):
        _transcode(path, packed / path.name, syntax)
    assert pydicom.dcmread(next(packed.iterdir()), stop_before_pixels=True).file_meta.TransferSyntaxUID == uid
    volume = load_series(packed)
    assert np.array_equal(volume.voxels, load_series(plain).voxels)
    assert not volume.lossy
