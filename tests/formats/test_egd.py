"""The chest X-ray tables: what they become, what is refused, and that they go back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.egd import FORMAT
from ctgaze_app.formats.egd_calibration import calibration_error, summary
from ctgaze_app.formats.egd_masks import read_masks, write_mask
from ctgaze_app.formats.egd_sizes import solved_size
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
from tests.formats.egd_folders import PICTURES, PLACEMENT, TARGETS, make_egd_folder
from tests.formats.mutations import Subject, assert_no_silent_damage


def read(folder: Path, **options: str) -> DataSet:
    assert FORMAT.read is not None
    return FORMAT.read(folder, checked_options({"display": "published", **options}, FORMAT.read_options, "egd"))


def write(dataset: DataSet, folder: Path, **options: str) -> tuple[Path, ...]:
    assert FORMAT.write is not None
    return FORMAT.write(dataset, folder, checked_options(options, FORMAT.write_options, "egd"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_egd_folder(tmp_path_factory.mktemp("egd") / "good")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_egd_folder(tmp_path / "egd", fixations=8)


def change(path: Path, column: str, value: object, row: int | slice = slice(None)) -> None:
    """Write a value into a column of a table on disk; `row` counts records from 0."""
    table = pd.read_csv(path, keep_default_na=False, dtype={column: object})
    table.loc[row, column] = value
    table.to_csv(path, index=False, lineterminator="\n")


def refused(folder: Path, **options: str) -> str:
    with pytest.raises(FormatError) as caught:
        read(folder, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_released_tables_have_37_and_59_columns() -> None:
    assert len(GAZE_NAMES) == 37
    assert len(SHEET_NAMES) == 59


def test_display_must_be_declared() -> None:
    with pytest.raises(FormatError, match=r"display=published\|stretched\|letterboxed"):
        checked_options({}, FORMAT.read_options, "egd")


def test_published_positions_are_those_of_the_tables(good: Path) -> None:
    dataset = read(good)
    for table in (dataset.fixations, dataset.samples):
        assert table is not None
        on = table["on_image"].to_numpy()
        assert on.sum() > 50
        assert (table["x_voxel"] == table["source_X_ORIGINAL"])[on].all()
        assert (table["y_voxel"] == table["source_Y_ORIGINAL"])[on].all()
        assert table["x_voxel"][~on].isna().all() and table["z_voxel"][~on].isna().all()


def test_a_fixation_lasts_fpogd_and_a_sample_nothing(good: Path) -> None:
    dataset = read(good)
    assert dataset.samples is not None
    raw = pd.read_csv(good / FIXATION_FILE)
    assert dataset.fixations["duration_s"].tolist() == raw["FPOGD"].tolist()
    assert dataset.fixations["onset_s"].tolist() == raw["FPOGS"].tolist()
    assert "duration_s" not in dataset.samples
    first = dataset.fixations[dataset.fixations["trial"].eq(1) & dataset.fixations["session"].eq("1")]
    assert first["duration_s"].sum() == pytest.approx(20 * 5 / 60, abs=1e-3)
    assert first["fixation"].tolist() == list(range(1, 21))


def test_calibration_rows_are_targets_and_never_the_picture_whose_name_they_cut(good: Path) -> None:
    dataset = read(good)
    rows = dataset.fixations[dataset.fixations["kind"] == "calibration"]
    assert sorted(set(rows["case"])) == sorted(TARGETS)
    assert len(rows) == 40
    shown = dataset.fixations[dataset.fixations["case"] == PICTURES[0]]
    assert len(shown) == 20 and (shown["kind"] == "fixation").all()
    lengths = {path.case: len(path) for path in dataset.scanpaths()}
    assert lengths == {PICTURES[0]: 20, TARGETS[0]: 0, PICTURES[1]: 20, PICTURES[2]: 20, TARGETS[1]: 0}
    assert dataset.case(TARGETS[0]).attributes == {"picture": "calibration"}


def test_the_calibration_error_is_given_as_published_and_with_its_sign(good: Path) -> None:
    record = read(good).provenance["calibration"]
    raw = pd.read_csv(good / FIXATION_FILE)
    last = [raw[raw["DICOM_ID"] == target].iloc[-1] for target in TARGETS]
    signed_px = np.array([[(row["FPOGX"] - 0.5) * 1920, (row["FPOGY"] - 0.5) * 1080] for row in last])
    assert np.array([[each["x_px"], each["y_px"]] for each in record["targets"]]) == pytest.approx(signed_px)
    assert record["all"]["targets"] == 2
    assert record["all"]["absolute_mean_px"] == pytest.approx(np.abs(signed_px).mean(axis=0).tolist())
    assert record["all"]["absolute_sd_px"] == pytest.approx(np.abs(signed_px).std(axis=0).tolist())
    assert record["all"]["signed_mean_px"][1] < 0 < record["all"]["absolute_mean_px"][1]
    assert set(record["sessions"]) == {"1", "2"}
    assert json.loads(json.dumps(record)) == record


def test_opposite_drifts_cancel_with_their_sign_and_add_without() -> None:
    errors = [calibration_error("1", 1, "t", 0.51, 0.5), calibration_error("1", 2, "t", 0.49, 0.5)]
    figures = summary(errors)
    assert figures is not None
    assert figures.absolute_mean_px == pytest.approx((19.2, 0.0))
    assert figures.absolute_mean_norm == pytest.approx((0.01, 0.0))
    assert figures.signed_mean_px == pytest.approx((0.0, 0.0), abs=1e-9)
    assert figures.absolute_mean_deg[0] == pytest.approx(19.2 / 39.877, rel=1e-3)
    assert summary([]) is None


def test_a_sessions_mean_error_can_be_taken_off(good: Path) -> None:
    raw, corrected = read(good), read(good, correction="session")
    record = raw.provenance["calibration"]
    error = {each["session"]: (each["x_norm"], each["y_norm"]) for each in record["targets"]}
    shift_x = (raw.fixations["x_screen_norm"] - corrected.fixations["x_screen_norm"]).to_numpy()
    expected = np.array([error[session][0] for session in raw.fixations["session"]])
    assert shift_x == pytest.approx(expected, abs=1e-12)
    last = corrected.fixations[corrected.fixations["case"] == TARGETS[0]].iloc[-1]
    assert (last["x_screen_norm"], last["y_screen_norm"]) == pytest.approx((0.5, 0.5))
    assert (corrected.fixations["y_voxel"] > raw.fixations["y_voxel"])[raw.fixations["on_image"]].all()
    with pytest.raises(FormatError, match="taken as stored cannot be corrected"):
        read(good, correction="session", display="stored")


def test_sizes_are_solved_from_the_published_coordinates(good: Path) -> None:
    dataset = read(good)
    shapes = [dataset.case(case).shape_kji for case in PICTURES]
    assert shapes == [(1, 3056, 2544), (1, 2544, 3056), (1, 2022, 2022)]  # 2021 is counted one larger
    assert "3 picture sizes solved" in " ".join(dataset.provenance["notes"])


def test_declared_sizes_win_and_an_odd_one_stays_odd(good: Path, tmp_path: Path) -> None:
    sizes = tmp_path / "sizes.csv"
    rows = [f"{case},{place.columns},{place.rows}" for case, place in PLACEMENT.items()]
    sizes.write_text("dicom_id,columns,rows\n" + "\n".join(rows) + "\n", encoding="utf-8")
    dataset = read(good, image_sizes=str(sizes))
    assert dataset.case(PICTURES[2]).shape_kji == (1, 2021, 2021)


def test_sizes_come_from_dicom_headers(good: Path, tmp_path: Path) -> None:
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    for number, (case, place) in enumerate(PLACEMENT.items()):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        header = pydicom.Dataset()
        header.file_meta, header.Rows, header.Columns = meta, place.rows, place.columns
        header.save_as(tmp_path / f"{case}.dcm", enforce_file_format=True)
    dataset = read(good, image_sizes=str(tmp_path))
    assert [dataset.case(case).shape_kji[1:] for case in PICTURES] == [(3056, 2544), (2544, 3056), (2021, 2021)]


def test_a_size_that_two_rows_cannot_tell_is_not_guessed() -> None:
    assert solved_size(np.array([3.0, 5.0]), np.array([8.0, 14.0]), 852.0) is None
    offsets = np.linspace(5, 840, 60)
    assert solved_size(offsets, np.trunc(2544 / 852 * offsets), 852.0) == 2544
    assert solved_size(np.array([0.5]), np.array([1.0]), 852.0) is None


def test_models_agree_on_columns_and_differ_on_rows_by_the_stated_uncertainty(good: Path) -> None:
    published, bars = read(good), read(good, display="letterboxed")
    on = (published.fixations["on_image"] & bars.fixations["on_image"]).to_numpy()
    real = on & (published.fixations["kind"] == "fixation").to_numpy()
    assert np.abs(published.fixations["x_voxel"] - bars.fixations["x_voxel"])[real].max() <= 1.0
    apart = np.abs(published.fixations["y_voxel"] - bars.fixations["y_voxel"])[real].max()
    assert 5 < apart <= published.provenance["vertical_uncertainty_px"] + 1.0


def test_stored_positions_are_taken_as_they_are(folder: Path) -> None:
    for name in (FIXATION_FILE, SAMPLE_FILE):
        change(folder / name, "X_ORIGINAL", 7, 0)
    assert refused(folder).startswith("fixations.csv, row 2, column X_ORIGINAL: not what the published formula gives")
    assert read(folder, display="stored").fixations["x_voxel"].iat[0] == 7.0


def test_disagreeing_positions_are_reported_with_their_number_and_first_row(folder: Path) -> None:
    change(folder / FIXATION_FILE, "Y_ORIGINAL", 5, slice(2, 4))
    notes = read(folder, disagreement="report").provenance["notes"]
    told = [note for note in notes if "published formula" in note]
    assert told == [
        "fixations.csv, row 4, column Y_ORIGINAL: not what the published formula gives for this gaze, 3 rows"
    ]


def test_raw_gaze_of_samples_can_be_chosen(good: Path) -> None:
    filtered, raw = read(good).samples, read(good, sample_gaze="BPOG").samples
    assert filtered is not None and raw is not None
    table = pd.read_csv(good / SAMPLE_FILE)
    assert raw["x_screen_norm"].tolist() == table["BPOGX"].tolist()
    assert filtered["valid"].sum() < raw["valid"].sum() == len(raw)


def test_pupils_are_the_mean_of_the_valid_eyes_in_millimetres(folder: Path) -> None:
    change(folder / FIXATION_FILE, "LPMMV", 0, 0)
    change(folder / FIXATION_FILE, "RPMMV", 0, 1)
    for side in "LR":
        change(folder / FIXATION_FILE, f"{side}PMMV", 0, 2)
    raw = pd.read_csv(folder / FIXATION_FILE)
    fixations = read(folder).fixations
    expected = [raw["RPMM"][0], raw["LPMM"][1], np.nan, (raw["LPMM"][3] + raw["RPMM"][3]) / 2]
    assert fixations["pupil"].iloc[:4].tolist() == pytest.approx(expected, nan_ok=True)
    assert set(fixations["pupil_unit"]) == {"mm"}


def test_boxes_are_read_by_name_whatever_their_order(folder: Path) -> None:
    before = read(folder).regions
    table = pd.read_csv(folder / BOX_FILE)
    table[["y2", "x1", "bbox_name", "y1", "x2", "dicom_id"]].to_csv(folder / BOX_FILE, index=False)
    after = read(folder).regions
    assert before is not None and after is not None
    first = before.iloc[0]
    assert (first["i_first"], first["i_last"], first["j_first"], first["j_last"]) == (1400, 2300, 300, 2500)
    assert first["region"] == "left lung" and first["case"] == PICTURES[0]
    edges = ["i_first", "i_last", "j_first", "j_last", "k_first", "k_last"]
    assert before[edges].to_numpy().tolist() == after[edges].to_numpy().tolist()


def test_tables_go_back_with_every_value_as_it_was(good: Path, tmp_path: Path) -> None:
    before = read(good)
    write(before, tmp_path / "back")
    for name in (FIXATION_FILE, SAMPLE_FILE, SHEET_FILE, BOX_FILE):
        one, other = (pd.read_csv(path / name, keep_default_na=False) for path in (good, tmp_path / "back"))
        pd.testing.assert_frame_equal(one, other, check_dtype=False, check_exact=True)
    after = read(tmp_path / "back")
    for name in ("fixations", "samples", "words", "regions"):
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name), check_exact=True)
    assert [case.attributes for case in before.cases] == [case.attributes for case in after.cases]
    assert [case.report for case in before.cases] == [case.report for case in after.cases]


def test_pictures_that_nobody_looked_at_stay_in_the_sheet(folder: Path, tmp_path: Path) -> None:
    sheet = pd.read_csv(folder / SHEET_FILE, keep_default_na=False, dtype=str)
    extra = sheet.iloc[:1].assign(dicom_id="eeee0005-00000005-00000005", Normal="0")
    pd.concat([sheet, extra]).to_csv(folder / SHEET_FILE, index=False)
    write(read(folder), tmp_path / "back")
    back = pd.read_csv(tmp_path / "back" / SHEET_FILE, keep_default_na=False, dtype=str)
    pd.testing.assert_frame_equal(back, pd.concat([sheet, extra], ignore_index=True), check_dtype=False)


def test_without_samples_boxes_and_transcripts_there_are_fixations(folder: Path, tmp_path: Path) -> None:
    (folder / SAMPLE_FILE).unlink()
    (folder / BOX_FILE).unlink()
    for case in PICTURES[:2]:
        (folder / CASE_FOLDER / case / "transcript.json").unlink()
    dataset = read(folder)
    assert dataset.samples is None and dataset.words is None and dataset.regions is None
    assert len(dataset.fixations) == 40


@pytest.mark.parametrize(
    ("file", "column", "value", "row", "message"),
    [
        (FIXATION_FILE, "FPOGX", "960", slice(None), "row 2, column FPOGX: 960 is above 100"),
        (FIXATION_FILE, "FPOGD", "", 3, "row 5, column FPOGD: the cell is empty"),
        (FIXATION_FILE, "FPOGD", "83", 3, "row 5, column FPOGD: start and duration do not add up"),
        (SAMPLE_FILE, "FPOGX", "", 9, "row 11, column FPOGX: the cell is empty though FPOGV is 1"),
        (SAMPLE_FILE, "LPMM", "", 4, "row 6, column LPMM: a valid pupil that is no pupil in millimetres"),
        (SAMPLE_FILE, "LPMM", "3500", slice(None), "row 2, column LPMM: a valid pupil that is no pupil"),
        (SAMPLE_FILE, "LPMM", "0.0035", slice(None), "column LPMM: valid pupils of 0.0035 mm in the middle"),
        (SAMPLE_FILE, "BKID", "", 4, "row 6, column BKID: the cell is empty, others of this column are not"),
        (SAMPLE_FILE, "CNT", "0", 5, "row 7, column CNT: repeats or goes back"),
        (SAMPLE_FILE, TIME, "7300", 5, f"row 7, column {TIME}: 7300 is above 7200"),
        (SAMPLE_FILE, TICK, "7e11", slice(None), f"row 2, column {TIME}: seconds and clock ticks"),
        (SAMPLE_FILE, "DICOM_ID", "somebody", 5, "row 7, column DICOM_ID: picture somebody is neither"),
        (SHEET_FILE, "image_left_pad", "-1", 0, "row 2, column image_left_pad: -1 is below 0"),
        (SHEET_FILE, "image_left_pad", "", 0, "the cell is empty"),
        (SHEET_FILE, "dicom_id", PICTURES[0], 1, "row 3, column dicom_id: this picture is there twice"),
        (BOX_FILE, "x1", "2400", 0, "row 2, column x1: x1 is above x2"),
        (BOX_FILE, "dicom_id", "somebody", 1, "row 3, column dicom_id: this picture is not in the master sheet"),
        (BOX_FILE, "x2", "9000", 2, "row 4, column x2: the box reaches beyond the picture"),
    ],
)
def test_what_contradicts_itself_is_one_line_with_its_place(
    folder: Path, file: str, column: str, value: str, row: int | slice, message: str
) -> None:
    change(folder / file, column, value, row)
    line = refused(folder)
    assert message in line
    assert file in line or "rows of picture" in line


def test_rows_that_left_their_picture_are_refused(folder: Path) -> None:
    table = pd.read_csv(folder / SAMPLE_FILE)
    moved = pd.concat([table[3:], table[:3]])
    moved.to_csv(folder / SAMPLE_FILE, index=False)
    assert "these rows do not stand with the others of this picture" in refused(folder)


def test_a_sample_that_repeats_is_reported_when_asked_for(folder: Path) -> None:
    table = pd.read_csv(folder / SAMPLE_FILE)
    pd.concat([table[:6], table[5:]]).to_csv(folder / SAMPLE_FILE, index=False)
    assert "eye_gaze.csv, row 8, column CNT: repeats or goes back" in refused(folder)
    notes = read(folder, disagreement="report").provenance["notes"]
    assert "eye_gaze.csv, row 8, column CNT: repeats or goes back within a showing" in notes


def test_a_session_that_is_no_code_is_refused(folder: Path) -> None:
    change(folder / SAMPLE_FILE, "SESSION_ID", "../1", 4)
    assert "eye_gaze.csv, row 6, column SESSION_ID: is not a code" in refused(folder)


def test_an_unknown_picture_is_a_target_only_when_that_is_declared(folder: Path) -> None:
    for name in (FIXATION_FILE, SAMPLE_FILE):
        table = pd.read_csv(folder / name)
        table["DICOM_ID"] = table["DICOM_ID"].replace(TARGETS[1], "target")
        table.to_csv(folder / name, index=False)
    assert "neither in the master sheet nor named like a calibration target" in refused(folder)
    rows = read(folder, calibration_ids="absent").fixations
    assert set(rows["case"][rows["kind"] == "calibration"]) == {TARGETS[0], "target"}


def test_masks_are_read_in_both_spellings(folder: Path) -> None:
    place = folder / CASE_FOLDER / PICTURES[0]
    mask = np.zeros((30, 20), dtype=bool)
    mask[4:9, 3:7] = True
    write_mask(place / "left_lung.png", mask)
    write_mask(place / "mediastanum.png", ~mask)
    found = {region.name: region for region in read_masks(folder, PICTURES[0])}
    assert set(found) == {"left lung", "mediastinum"}
    assert found["left lung"].first_kji == (0, 4, 3) and found["left lung"].last_kji == (0, 8, 6)
    assert found["mediastinum"].n_voxels == 600 - 20
    write_mask(place / "mediastinum.png", mask)
    with pytest.raises(FormatError, match="mediastinum is there twice"):
        read_masks(folder, PICTURES[0])


def test_a_picture_that_is_no_mask_is_refused(folder: Path) -> None:
    from PIL import Image

    place = folder / CASE_FOLDER / PICTURES[0] / "left_lung.png"
    Image.fromarray(np.full((4, 4), 128, dtype=np.uint8)).save(place)
    with pytest.raises(FormatError, match=r"left_lung.png: is not a mask of 0 and 255"):
        read_masks(folder, PICTURES[0])
    place.write_bytes(b"no picture")
    with pytest.raises(FormatError, match="is not a picture"):
        read_masks(folder, PICTURES[0])


def make_small(folder: Path) -> Path:
    """For the mutations: many reads of few rows."""
    return make_egd_folder(folder, fixations=8, samples_each=4)


MUTATION_SUBJECTS = (
    Subject(
        "egd",
        make_small,
        options={"display": "published"},
        files=(FIXATION_FILE, SAMPLE_FILE, f"{CASE_FOLDER}/{PICTURES[0]}/transcript.json"),
        text_columns=frozenset({"SESSION_ID", "full_text", "phrase"}),
    ),
    Subject(
        "egd",
        make_small,
        options={"display": "published"},
        files=(SHEET_FILE, BOX_FILE),
        text_columns=frozenset(set(SHEET_NAMES) - set(PADS)),
        # Rows of these tables have no order: they come in another one and are no other numbers.
        leave_out=frozenset({"rows shuffled"}),
    ),
)


@pytest.mark.parametrize("subject", MUTATION_SUBJECTS)
def test_no_damage_gives_another_number_in_silence(tmp_path: Path, subject: Subject) -> None:
    assert_no_silent_damage(subject, tmp_path)
