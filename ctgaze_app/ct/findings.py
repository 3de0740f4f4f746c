"""The lines that tell a reader what is unusual about a series. No names, UIDs, dates or paths; slices count from 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ctgaze_app.ct.decoding import DecodedSlice, is_lossy
from ctgaze_app.ct.geometry import REGULAR_TOLERANCE_MM, StackGeometry
from ctgaze_app.ct.grouping import SeriesGroup
from ctgaze_app.ct.headers import SliceHeader
from ctgaze_app.ct.volume import Finding

_SEVERITY_ORDER = {"error": 0, "warning": 1, "info": 2}


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings by severity; those of one severity keep their order."""
    return tuple(sorted(findings, key=lambda finding: _SEVERITY_ORDER[finding.severity]))


def file_findings(not_dicom: int, unreadable: int, not_images: int) -> list[Finding]:
    """What the folder held besides pictures: counts of foreign files, broken ``.dcm`` files, and no pictures."""
    found = []
    if unreadable:
        found.append(Finding("unreadable_file", "warning", f"{_count(unreadable, 'file')} named .dcm cannot be read"))
    if not_dicom:
        found.append(Finding("other_files", "info", f"{_count(not_dicom, 'file')} that is not DICOM left out"))
    if not_images:
        found.append(Finding("not_images", "info", f"{_count(not_images, 'DICOM file')} without a picture left out"))
    return found


def group_findings(group: SeriesGroup) -> list[Finding]:
    """What grouping left out or could not know."""
    found = []
    if group.left_out:
        found.append(
            Finding(
                "mixed_orientations",
                "warning",
                f"{_count(group.left_out, 'picture')} of other direction, size or kernel left out (a localizer?)",
            )
        )
    if group.duplicates:
        found.append(
            Finding(
                "duplicate_positions",
                "warning",
                f"{_count(group.duplicates, 'identical copy', 'identical copies')} left out",
            )
        )
    if not group.with_positions:
        silent = sum(h.position_lps_mm is None or h.orientation is None for h in group.headers)
        whose = "The files do" if silent == len(group.headers) else f"{silent} of {len(group.headers)} files do"
        found.append(
            Finding(
                "no_position",
                "warning",
                f"{whose} not say where the slices lie: ordered by number, millimetres and sides are assumed",
            )
        )
    return found


def geometry_findings(geometry: StackGeometry) -> list[Finding]:
    """Tilt, missing slices, uneven distances and slices out of line."""
    found = []
    if geometry.gaps:
        places = ", ".join(
            f"{gap.missing} between slices {gap.after + 1} and {gap.after + 2}" for gap in geometry.gaps[:4]
        )
        more = f" and {len(geometry.gaps) - 4} more places" if len(geometry.gaps) > 4 else ""
        total = sum(gap.missing for gap in geometry.gaps)
        slices = tuple(k for gap in geometry.gaps for k in (gap.after, gap.after + 1))
        found.append(Finding("missing_slices", "warning", f"{_count(total, 'slice')} missing: {places}{more}", slices))
    if geometry.uneven:
        low, high = float(np.min(geometry.distances_mm)), float(np.max(geometry.distances_mm))
        found.append(Finding("variable_spacing", "warning", f"Slice distance varies from {low:.2f} to {high:.2f} mm"))
    if geometry.tilt_deg:
        found.append(Finding("gantry_tilt", "warning", f"Slices lean by {geometry.tilt_deg:.1f} degrees (gantry tilt)"))
    if geometry.shifted_mm > REGULAR_TOLERANCE_MM:
        found.append(
            Finding("shifted_slices", "warning", f"Slices are shifted sideways by up to {geometry.shifted_mm:.2f} mm")
        )
    return found


def picture_findings(headers: Sequence[SliceHeader], units: str) -> list[Finding]:
    """What the headers say about the pictures themselves."""
    first = headers[0]
    found = []
    if first.modality != "CT":
        found.append(
            Finding("not_ct", "warning", f"Not CT ({first.modality[:16] or 'modality unknown'}): values are not HU")
        )
    elif units != "HU":
        found.append(
            Finding("no_rescale", "warning", "The files do not say how values become HU: they are shown as stored")
        )
    if any(h.burned_in for h in headers):
        found.append(
            Finding("burned_in_annotation", "warning", "Text is burned into the pictures and may name the patient")
        )
    if any(is_lossy(h) for h in headers):
        found.append(Finding("lossy", "warning", "The pictures went through lossy compression"))
    if any(h.pixel_spacing is None for h in headers):
        found.append(Finding("no_pixel_spacing", "warning", "The files do not give the pixel size: 1 mm is assumed"))
    if len({(h.slope, h.intercept) for h in headers}) > 1:
        found.append(Finding("rescale_varies", "info", "Rescale differs between slices and is applied slice by slice"))
    if any(h.photometric == "MONOCHROME1" for h in headers):
        found.append(Finding("monochrome1", "info", "Stored for inverted display (MONOCHROME1): HU are unchanged"))
    if all(h.patient_position == "" for h in headers):
        found.append(Finding("no_patient_position", "info", "How the patient lay in the scanner is not stated"))
    return found


def one_picture_findings(header: SliceHeader, has_sides: bool) -> list[Finding]:
    """What is unknown of a single picture. Nothing in it is a Hounsfield unit, and its corner text says what it is."""
    found = []
    if header.burned_in:
        found.append(
            Finding("burned_in_annotation", "warning", "Text is burned into the picture and may name the patient")
        )
    if header.pixel_spacing is None and header.imager_spacing is None:
        found.append(Finding("no_spacing", "info", "The size of a pixel is not known: nothing is given in millimetres"))
    elif header.pixel_spacing is None:
        found.append(
            Finding(
                "detector_spacing", "info", "Millimetres are those at the detector: the patient is somewhat smaller"
            )
        )
    if not has_sides:
        found.append(Finding("no_sides", "info", "Which side is right is not stated"))
    if header.voi_lut and header.voi_table is None:
        found.append(Finding("voi_lut", "warning", "The file's curve for display cannot be read and is not applied"))
    if is_lossy(header):
        found.append(Finding("lossy", "info", "The picture went through lossy compression"))
    if not header.colour and header.inverted:
        found.append(Finding("monochrome1", "info", "Stored for inverted display (MONOCHROME1), and shown so"))
    if not header.colour and header.inverted != (header.photometric == "MONOCHROME1"):
        found.append(
            Finding(
                "presentation_lut",
                "warning",
                f"{header.photometric} and the file's PresentationLUTShape {header.presentation[:16]} contradict each "
                "other: shown as the latter says",
            )
        )
    return found


def picture_file_findings(grey_in_colour: bool, transparent: bool) -> list[Finding]:
    """What became of a PNG, JPEG or TIFF's colours."""
    found = []
    if grey_in_colour:
        found.append(Finding("grey_in_colour", "info", "Stored in colour, but all of it is grey: read as grey"))
    if transparent:
        found.append(Finding("transparent", "info", "Transparent parts are shown black"))
    return found


def decoding_findings(decoded: Sequence[DecodedSlice]) -> list[Finding]:
    """Slices whose HU did not fit whole int16 numbers."""
    found = []
    clipped = tuple(k for k, one in enumerate(decoded) if one.clipped)
    if clipped:
        found.append(Finding("rescale_clipped", "warning", "Values beyond -32768 to 32767 are cut off", clipped))
    if any(one.rounded for one in decoded):
        found.append(Finding("rescale_rounded", "info", "Values are rounded to whole numbers"))
    return found


def padding_finding(declared: bool) -> Finding:
    """The scanner's filling outside its field of view, as declared or as recognised."""
    how = "" if declared else " (not declared by the files, recognised by one value in all corners)"
    return Finding("padding", "info", f"Padding outside the field of view is left out of windows and measures{how}")


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
