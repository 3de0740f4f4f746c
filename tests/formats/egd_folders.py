"""A folder in the chest X-ray study's layout made from nothing: two sessions, three pictures, two targets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ctgaze_app.formats.egd_display import PicturePlacement, published_coordinates
from ctgaze_app.formats.egd_tables import (
    BOX_FILE,
    CASE_FOLDER,
    FIXATION_FILE,
    GAZE_NAMES,
    PADS,
    SAMPLE_FILE,
    SHEET_FILE,
    SHEET_NAMES,
    TICK,
    TIME,
)

PICTURES = ("aaaa0001-00000001-00000001", "bbbb0002-00000002-00000002", "cccc0003-00000003-00000003")
PLACEMENT = {
    PICTURES[0]: PicturePlacement(2544, 3056, 0, 0, 534, 534),
    PICTURES[1]: PicturePlacement(3056, 2544, 86, 86, 448, 448),
    PICTURES[2]: PicturePlacement(2021, 2021, 0, 0, 448, 448),
}
TARGETS = ("aaaa0001-00000001-000", "dddd0004-00000004-000")
"""The first is the name of a picture less five characters and still no row of that picture."""
SCREEN_AS_PICTURE = PicturePlacement(1920, 1080)
SHOWINGS = ((1, (PICTURES[0], TARGETS[0], PICTURES[1])), (2, (PICTURES[2], TARGETS[1])))


def make_egd_folder(folder: Path, *, fixations: int = 20, samples_each: int = 6, seed: int = 7) -> Path:
    """Write the tables; fixations last `samples_each` samples at 60 Hz with two samples between them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tables = [
        _showing(random, session, medium, picture, fixations, samples_each)
        for session, pictures in SHOWINGS
        for medium, picture in enumerate(pictures)
    ]
    samples = pd.concat(tables, ignore_index=True)
    samples.drop(columns="last").to_csv(folder / SAMPLE_FILE, index=False, lineterminator="\n")
    samples[samples["last"]].drop(columns="last").to_csv(folder / FIXATION_FILE, index=False, lineterminator="\n")
    _sheet().to_csv(folder / SHEET_FILE, index=False, lineterminator="\n")
    _boxes().to_csv(folder / BOX_FILE, index=False, lineterminator="\n")
    for number, case in enumerate(PICTURES[:2]):
        place = folder / CASE_FOLDER / case
        place.mkdir(parents=True)
        (place / "transcript.json").write_text(json.dumps(_transcript(number)), encoding="utf-8")
    return folder


def _showing(
    random: np.random.Generator, session: int, medium: int, picture: str, fixations: int, samples_each: int
) -> pd.DataFrame:
    step = samples_each + 2
    count = fixations * step
    number = np.arange(count)
    within = number % step
    fixation = number // step
    table = pd.DataFrame(0.0, index=range(count), columns=list(GAZE_NAMES))
    time = np.round((number + 1) / 60, 5)
    start = np.round((fixation * step + 1) / 60, 5)
    centre = np.round(random.uniform(0.34, 0.66, (fixations, 2)), 5)
    if picture not in PICTURES:
        centre = np.round(random.normal((0.51, 0.45), 0.002, (fixations, 2)), 5)
    placement = PLACEMENT.get(picture, SCREEN_AS_PICTURE)
    table["SESSION_ID"], table["MEDIA_ID"], table["DICOM_ID"] = session, medium, picture
    table["CNT"], table[TIME] = number, time
    table[TICK] = 7e11 + np.round(time * 1e7)
    table["FPOGX"], table["FPOGY"] = centre[fixation, 0], centre[fixation, 1]
    table["FPOGS"], table["FPOGD"] = start, np.round(np.where(within < samples_each, time - start, 0.0), 5)
    table["FPOGID"], table["FPOGV"] = fixation + 2, (within < samples_each).astype(int)
    noise = np.round(random.normal(0, 0.003, (count, 2)), 5)
    table["BPOGX"], table["BPOGY"] = (
        np.round(table["FPOGX"] + noise[:, 0], 5),
        np.round(table["FPOGY"] + noise[:, 1], 5),
    )
    table["BPOGV"] = 1
    for side, size in (("L", 3.5), ("R", 3.7)):
        table[f"{side}PMM"] = np.round(size + random.normal(0, 0.05, count), 5)
        table[[f"{side}PV", f"{side}PMMV"]] = 1
        table[f"{side}PD"] = np.round(18 + random.normal(0, 0.3, count), 5)
    table[["BKID", "BKPMIN"]] = 0
    x, y = published_coordinates(table["FPOGX"], table["FPOGY"], placement)
    table["X_ORIGINAL"], table["Y_ORIGINAL"] = x, y
    table["last"] = within == samples_each - 1
    return table


def _sheet() -> pd.DataFrame:
    rows = []
    for number, (case, placement) in enumerate(PLACEMENT.items()):
        row = dict.fromkeys(SHEET_NAMES, "")
        row |= {"dicom_id": case, "path": f"files/{case}.dcm", "patient_id": str(100 + number), "gender": "F"}
        pads = (placement.top, placement.bottom, placement.left, placement.right)
        row |= {name: str(int(pad)) for name, pad in zip(PADS, pads, strict=True)}
        row |= {"Normal": "1", "cxr_exam_indication": 'cough,\n"since a week"' if number else "fever"}
        rows.append(row)
    return pd.DataFrame(rows)


def _boxes() -> pd.DataFrame:
    return pd.DataFrame(
        [
            (PICTURES[0], "left lung", 1400.0, 2300.0, 300.0, 2500.0),
            (PICTURES[0], "right lung", 200.0, 1200.0, 310.0, 2510.0),
            (PICTURES[1], "trachea", 1500.0, 1620.0, 100.0, 700.0),
        ],
        columns=["dicom_id", "bbox_name", "x1", "x2", "y1", "y2"],
    )


def _transcript(number: int) -> dict[str, object]:
    if number == 0:
        phrases = [("no effusion", 0.4, 1.2), ("heart normal", 1.3, 2.25)]
        entries = [{"begin_time": a, "end_time": b, "phrase": text} for text, a, b in phrases]
        return {"full_text": "No effusion. Heart normal.", "time_stamped_text": entries}
    words = [("mild", 0.5, 0.8), ("edema", 0.8, 1.4)]
    entries = [{"word": text, "begin_time": a, "end_time": b} for text, a, b in words]
    return {"sentence_1": entries[:1], "sentence_2": entries[1:], "full_transcript": "Mild edema."}
