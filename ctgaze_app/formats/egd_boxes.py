"""The anatomical boxes of the chest X-ray data set, whose columns stand in the order x1, x2, y1, y2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.formats.checked_csv import read_csv_table
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import REGION_COLUMNS
from ctgaze_app.formats.egd_pictures import Pictures
from ctgaze_app.formats.egd_showings import Findings
from ctgaze_app.formats.egd_tables import BOX_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def read_boxes(path: Path, pictures: Pictures, findings: Findings) -> pd.DataFrame:
    """The table of regions; an edge between two pixels gives the pixels whose centre is inside, as the study counts.

    Raises
    ------
    FormatError
        When an edge lies on the wrong side of its other one; for everything else when `findings` refuses.
    """
    import pandas as pd

    table = read_csv_table(path, BOX_COLUMNS, extra="keep")
    for low, high in (("x1", "x2"), ("y1", "y2")):
        turned = np.flatnonzero((table[low] > table[high]).to_numpy())
        if len(turned):
            raise FormatError(
                f"{low} is above {high}", place=at(path, int(turned[0]) + 2, low), remedy="are the columns exchanged?"
            )
    known = table["dicom_id"].isin(list(pictures.cases)).to_numpy()
    findings.tell("this picture is not in the master sheet", path, np.flatnonzero(~known), "dicom_id")
    twice = np.flatnonzero(table.duplicated(["dicom_id", "bbox_name"]).to_numpy())
    findings.tell("this box is there twice", path, twice, "bbox_name")
    shape = np.array([pictures.shape_kji.get(case, (1, 10**9, 10**9)) for case in table["dicom_id"]]).reshape(-1, 3)
    for name, size in (("x2", shape[:, 2]), ("y2", shape[:, 1])):
        findings.tell("the box reaches beyond the picture", path, np.flatnonzero(table[name] > size), name)
    deep = "z1" in table and "z2" in table
    columns = {
        "case": table["dicom_id"].array,
        "region": table["bbox_name"].array,
        "group": [""] * len(table),
        "i_first": np.ceil(table["x1"].to_numpy()).astype(np.int64),
        "i_last": np.floor(table["x2"].to_numpy()).astype(np.int64),
        "j_first": np.ceil(table["y1"].to_numpy()).astype(np.int64),
        "j_last": np.floor(table["y2"].to_numpy()).astype(np.int64),
        "k_first": table["z1"].fillna(0).to_numpy(np.int64) if deep else np.zeros(len(table), np.int64),
        "k_last": table["z2"].fillna(0).to_numpy(np.int64) if deep else np.zeros(len(table), np.int64),
    }
    source = {f"source_{name}": table[name].array for name in table.columns[2:]}
    return pd.DataFrame({name: columns[name] for name in REGION_COLUMNS} | source)
