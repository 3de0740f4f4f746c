"""LIDC readings written here: readers, holes, small nodules, non-nodules, consensus, and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.ct import Volume
from ctgaze_app.ct.truth import TruthError, read_truth

Corners = list[tuple[int, int]]


def ring(x: int, y: int, size: int) -> Corners:
    """The connected outer boundary (x, y) of a square whose own pixels are x .. x + size - 1, y .. y + size - 1."""
    low_x, low_y, high_x, high_y = x - 1, y - 1, x + size, y + size
    top = [(column, low_y) for column in range(low_x, high_x)]
    right = [(high_x, row) for row in range(low_y, high_y)]
    bottom = [(column, high_y) for column in range(high_x, low_x, -1)]
    left = [(low_x, row) for row in range(high_y, low_y, -1)]
    return top + right + bottom + left


def roi(scan: Volume, k: int, corners: Corners, *, inclusion: str = "TRUE", uid: str | None = None) -> str:
    points = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in corners)
    return (
        f"<roi><imageZposition>{scan.positions_lps_mm[k, 2]}</imageZposition>"
        f"<imageSOP_UID>{scan.source.sop_instance_uids[k] if uid is None else uid}</imageSOP_UID>"
        f"<inclusion>{inclusion}</inclusion>{points}</roi>"
    )


def nodule(*rois: str, malignancy: int | None = None) -> str:
    facts = f"<characteristics><malignancy>{malignancy}</malignancy></characteristics>" if malignancy else ""
    return f"<unblindedReadNodule><noduleID>IL057_127364</noduleID>{facts}{''.join(rois)}</unblindedReadNodule>"


def non_nodule(scan: Volume, k: int, x: int, y: int) -> str:
    return (
        f"<nonNodule><nonNoduleID>9</nonNoduleID><imageZposition>{scan.positions_lps_mm[k, 2]}</imageZposition>"
        f"<imageSOP_UID>{scan.source.sop_instance_uids[k]}</imageSOP_UID>"
        f"<locus><xCoord>{x}</xCoord><yCoord>{y}</yCoord></locus></nonNodule>"
    )


def message(*sessions: str) -> str:
    body = "".join(
        f"<readingSession><servicingRadiologistID>Dr Secret</servicingRadiologistID>{session}</readingSession>"
        for session in sessions
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><LidcReadMessage uid="1.3.6" xmlns="http://www.nih.gov" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><ResponseHeader><SeriesInstanceUid>1.2'
        f"</SeriesInstanceUid></ResponseHeader>{body}</LidcReadMessage>"
    )


def write(folder: Path, text: str) -> Path:
    path = folder / "068.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_outline_itself_is_outside_the_nodule(scan: Volume, tmp_path: Path) -> None:
    text = message(nodule(roi(scan, 3, ring(10, 12, 5)), roi(scan, 4, ring(11, 12, 4)), malignancy=4))
    (region,) = read_truth(write(tmp_path, text), scan)
    assert (region.name, region.group) == ("reader 1 nodule 1", "nodule")
    assert (region.first_kji, region.last_kji, region.n_voxels) == ((3, 12, 10), (4, 16, 14), 25 + 16)
    assert dict(region.attributes) == {"reader": "1", "malignancy": "4"}


def test_an_outline_given_by_its_corners_only_is_closed_by_straight_lines(scan: Volume, tmp_path: Path) -> None:
    text = message(nodule(roi(scan, 3, [(9, 11), (15, 11), (15, 17), (9, 17)])))
    (region,) = read_truth(write(tmp_path, text), scan)
    assert (region.first_kji, region.last_kji, region.n_voxels) == ((3, 12, 10), (3, 16, 14), 25)


def test_an_exclusion_is_a_hole(scan: Volume, tmp_path: Path) -> None:
    hole = roi(scan, 3, ring(12, 14, 2), inclusion="FALSE")
    (region,) = read_truth(write(tmp_path, message(nodule(hole, roi(scan, 3, ring(10, 12, 6))))), scan)
    assert region.n_voxels == 36 - 4
    assert not region.contains((12, 14, 3)) and region.contains((11, 13, 3))


def test_small_nodules_and_non_nodules_are_one_voxel_and_said_to_be(scan: Volume, tmp_path: Path) -> None:
    text = message(nodule(roi(scan, 8, [(30, 20)])) + non_nodule(scan, 9, 31, 21))
    small, other = read_truth(write(tmp_path, text), scan)
    assert (small.first_kji, small.n_voxels, small.group) == ((8, 20, 30), 1, "small nodule")
    assert small.attributes["diameter"] == "below 3 mm"
    assert (other.name, other.first_kji, other.group) == ("reader 1 non-nodule 1", (9, 21, 31), "non-nodule")


def test_an_outline_that_is_all_edge_keeps_its_pixels(scan: Volume, tmp_path: Path) -> None:
    (region,) = read_truth(
        write(tmp_path, message(nodule(roi(scan, 3, [(10, 10), (11, 10), (11, 11), (10, 11)])))), scan
    )
    assert region.n_voxels >= 1 and region.first_kji[0] == 3


def test_slices_go_by_z_position_when_asked(scan: Volume, tmp_path: Path) -> None:
    text = message(nodule(roi(scan, 6, ring(10, 12, 5), uid="1.2.3")))
    path = write(tmp_path, text)
    (region,) = read_truth(path, scan, options={"place": "position"})
    assert region.first_kji == (6, 12, 10)
    with pytest.raises(TruthError, match="belongs to another scan"):
        read_truth(path, scan)


def test_a_one_based_file_moves_by_one(scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path, message(nodule(roi(scan, 6, ring(10, 12, 5)))))
    (region,) = read_truth(path, scan, options={"index_base": "1"})
    assert region.first_kji == (6, 11, 9)


def _four_readers(scan: Volume) -> str:
    def seen(shift: int) -> str:
        return nodule(
            roi(scan, 5, ring(20 + shift, 20, 6)), roi(scan, 6, ring(20 + shift, 20, 6)), malignancy=3 + shift
        )

    lonely = nodule(roi(scan, 12, ring(40, 30, 3)))
    return message(seen(0), seen(1), seen(2) + lonely, non_nodule(scan, 5, 22, 22))


def test_readers_are_kept_apart_by_default(scan: Volume, tmp_path: Path) -> None:
    names = [region.name for region in read_truth(write(tmp_path, _four_readers(scan)), scan)]
    assert names[:2] == ["reader 1 nodule 1", "reader 2 nodule 1"]
    assert names[2:] == ["reader 3 nodule 1", "reader 3 nodule 2", "reader 4 non-nodule 1"]


def test_readers_are_combined_by_any_or_by_half_of_them(scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path, _four_readers(scan))
    both, lonely = read_truth(path, scan, options={"combine": "union"})
    assert (both.first_kji, both.last_kji, both.n_voxels) == ((5, 20, 20), (6, 25, 27), 2 * 8 * 6)
    assert (both.attributes["readers"], both.attributes["of readers"]) == ("3", "4")
    assert lonely.n_voxels == 9
    (majority,) = read_truth(path, scan, options={"combine": "majority"})
    # Two of four readers: columns 21..26 were marked by at least two.
    assert (majority.first_kji, majority.last_kji) == ((5, 20, 21), (6, 25, 26))


def test_no_region_tells_who_read(scan: Volume, tmp_path: Path) -> None:
    regions = read_truth(write(tmp_path, _four_readers(scan)), scan)
    text = "".join(f"{region.name}{region.group}{dict(region.attributes)}" for region in regions)
    assert "Secret" not in text and "IL057" not in text and "1.2" not in text


def test_the_first_reader_of_random_outlines_is_their_interior(scan: Volume, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        x, y, size, k = (int(n) for n in random.integers((2, 2, 2, 0), (40, 30, 12, 20)))
        (region,) = read_truth(write(tmp_path, message(nodule(roi(scan, k, ring(x, y, size))))), scan)
        assert (region.first_kji, region.last_kji) == ((k, y, x), (k, y + size - 1, x + size - 1))
        assert region.n_voxels == size**2


def test_broken_readings_are_refused_in_one_line(scan: Volume, tmp_path: Path) -> None:
    good = message(nodule(roi(scan, 3, ring(10, 12, 5))))
    broken = {
        "empty": "",
        "no XML": "hello",
        "cut": good[:-40],
        "cut early": good[:120],
        "other root": good.replace("LidcReadMessage", "IdriReadMessage"),
        "no session": message(),
        "nobody marked": message("", ""),
        "nodule without roi": message(nodule()),
        "roi without edge": message(nodule(roi(scan, 3, []))),
        "x is text": good.replace("<xCoord>9</xCoord>", "<xCoord>nine</xCoord>", 1),
        "x is nan": good.replace("<xCoord>9</xCoord>", "<xCoord>nan</xCoord>", 1),
        "no y": good.replace("<yCoord>11</yCoord>", "", 1),
        "outside": good.replace("<xCoord>9</xCoord>", "<xCoord>900</xCoord>", 1),
        "no uid": message(nodule(roi(scan, 3, ring(10, 12, 5), uid=""))),
        "other scan": message(nodule(roi(scan, 3, ring(10, 12, 5), uid="1.2.3"))),
        "half another scan": message(nodule(roi(scan, 3, ring(10, 12, 5)), roi(scan, 4, ring(9, 9, 3), uid="1.2.3"))),
        "inclusion maybe": good.replace("TRUE", "MAYBE"),
        "no z": good.replace("imageZposition", "zPosition"),
        "entities": good.replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>', 1),
        "broken encoding": good.replace("UTF-8", "UTF-99"),
    }
    for name, text in broken.items():
        path = write(tmp_path, text)
        with pytest.raises(TruthError) as caught:
            read_truth(path, scan, format="lidc_xml")
        line = str(caught.value)
        assert line.startswith("068.xml"), (name, line)
        assert "\n" not in line and str(tmp_path) not in line and caught.value.remedy, (name, line)
    with pytest.raises(TruthError, match="no slice of this CT lies at z"):
        read_truth(
            write(tmp_path, good.replace(str(scan.positions_lps_mm[3, 2]), "512.5")),
            scan,
            options={"place": "position"},
        )
