"""Our own sessions, and data of any origin, in the folder layout of the chest X-ray data set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import REGION_COLUMNS, DataSet
from ctgaze_app.formats.egd import FORMAT
from ctgaze_app.formats.egd_masks import read_mask, write_mask
from ctgaze_app.formats.egd_tables import CASE_FOLDER, GAZE_NAMES, SHEET_NAMES, TIME
from ctgaze_app.formats.from_session import dataset_from_session
from tests.factories.sessions import AUDIO_RATE_HZ, DISPLAY_LATENCY_S, make_session
from tests.formats.gaze_tables import make_dataset

SOUND_BEFORE_FIRST_VIEW_S = 0.1 + DISPLAY_LATENCY_S - 0.013
"""The factory paints the first view 0.1 s and starts the sound 0.013 s after the trial's start."""


def write(dataset: DataSet, folder: Path, **options: str) -> tuple[Path, ...]:
    assert FORMAT.write is not None
    return FORMAT.write(dataset, folder, checked_options(options, FORMAT.write_options, "egd"))


def read_back(folder: Path) -> DataSet:
    assert FORMAT.read is not None
    return FORMAT.read(folder, checked_options({"display": "stored"}, FORMAT.read_options, "egd"))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session") / "r01_20260102T030405Z"
    make_session(folder, trials=2, seconds=5.0)
    words = [{"text": "nodule", "start_s": 1.0, "end_s": 1.5, "probability": None, "source": "typed"}]
    transcript = {"schema": 1, "audio": "1_case-1.flac", "engine": "typed", "language": "en", "words": words}
    (folder / "dictation" / "1_case-1.transcript.json").write_text(json.dumps(transcript), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def dataset(session: Path) -> DataSet:
    return dataset_from_session(session)


def test_a_session_leaves_as_the_tables_of_the_data_set(dataset: DataSet, tmp_path: Path) -> None:
    written = write(dataset, tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in written}
    assert {"fixations.csv", "eye_gaze.csv", "master_sheet.csv", "image_sizes.csv", "README.txt"} <= names
    fixations = pd.read_csv(tmp_path / "out" / "fixations.csv")
    samples = pd.read_csv(tmp_path / "out" / "eye_gaze.csv")
    assert list(fixations.columns) == list(samples.columns) == [*GAZE_NAMES, "SLICE"]
    assert list(pd.read_csv(tmp_path / "out" / "master_sheet.csv").columns) == list(SHEET_NAMES)
    assert fixations["FPOGD"].tolist() == dataset.fixations["duration_s"].tolist()
    assert fixations["FPOGS"].tolist() == dataset.fixations["onset_s"].tolist()
    assert fixations[TIME].tolist() == pytest.approx((fixations["FPOGS"] + fixations["FPOGD"]).tolist())
    for name in ("TIMETICK(f=10000000)", "LPCX", "BKID", "VID_FRAME", "LPMM"):
        assert fixations[name].isna().all()
    assert "TIMETICK(f=10000000)" in (tmp_path / "out" / "README.txt").read_text(encoding="utf-8")


def test_an_exported_session_reads_back_within_its_rounding(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "out")
    back = read_back(tmp_path / "out")
    before, after = dataset.fixations, back.fixations
    assert len(before) == len(after) and back.samples is not None
    for name in ("trial", "case", "fixation", "onset_s", "duration_s", "on_image"):
        assert before[name].tolist() == after[name].tolist()
    for name in ("x_voxel", "y_voxel", "z_voxel"):
        assert np.nanmax(np.abs(before[name] - after[name])) <= 0.5
    assert after["z_voxel"].tolist() == pytest.approx(before["z_voxel"].tolist(), nan_ok=True)
    assert back.case("case-1").shape_kji == dataset.case("case-1").shape_kji
    assert back.case("case-1").kind == "volume"
    kept = dataset.samples
    assert kept is not None
    kept = kept[kept["onset_s"] >= 0]
    assert back.samples["onset_s"].tolist() == kept["onset_s"].tolist()
    assert back.samples["valid"].tolist() == kept["valid"].tolist()


def test_the_screen_of_a_session_comes_back_and_is_not_taken_for_the_studys(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "once")
    back = read_back(tmp_path / "once")
    assert back.screen == dataset.screen
    assert back.screen["distance_mm"] == 650.0
    write(back, tmp_path / "twice")
    assert read_back(tmp_path / "twice").screen == dataset.screen
    table = tmp_path / "twice" / "screen.csv"
    table.write_text(table.read_text().replace("650", "65"))
    with pytest.raises(FormatError, match=r"screen\.csv, row 2, column distance_mm: 65"):
        read_back(tmp_path / "twice")


def test_an_export_that_was_read_back_can_be_written_again(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "once")
    once = read_back(tmp_path / "once")
    write(once, tmp_path / "twice")
    twice = read_back(tmp_path / "twice")
    for name in ("fixations", "samples", "words"):
        pd.testing.assert_frame_equal(getattr(once, name), getattr(twice, name), check_exact=True)
    assert [case.shape_kji for case in once.cases] == [case.shape_kji for case in twice.cases]


def test_the_last_sample_of_a_fixation_has_the_fixations_duration(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "out")
    samples = pd.read_csv(tmp_path / "out" / "eye_gaze.csv")
    fixations = pd.read_csv(tmp_path / "out" / "fixations.csv")
    first = samples[(samples["DICOM_ID"] == "case-1") & (samples["FPOGID"] == fixations["FPOGID"][0])]
    assert first["FPOGD"].iloc[-1] == pytest.approx(fixations["FPOGD"][0], abs=1.5 / 250)
    assert first["CNT"].iloc[-1] == fixations["CNT"][0]
    assert (samples["FPOGD"][samples["FPOGID"] == 0] == 0).all()


def test_each_viewed_slice_can_be_a_picture(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "out", slices="pictures")
    fixations = pd.read_csv(tmp_path / "out" / "fixations.csv")
    on = dataset.fixations["on_image"].to_numpy()
    expected = [
        f"{case}_s{int(k):04d}"
        for case, k in zip(dataset.fixations["case"][on], dataset.fixations["z_voxel"][on], strict=True)
    ]
    assert fixations["DICOM_ID"][on].tolist() == expected
    assert "SLICE" not in fixations
    sheet = pd.read_csv(tmp_path / "out" / "master_sheet.csv")
    assert set(fixations["DICOM_ID"]) <= set(sheet["dicom_id"])
    assert (sheet["patient_id"].str.startswith("case-")).all()
    back = read_back(tmp_path / "out")
    assert len(back.fixations) == len(dataset.fixations)
    assert {case.shape_kji[0] for case in back.cases} == {1}


def test_sound_stays_unless_it_is_asked_for(dataset: DataSet, session: Path, tmp_path: Path) -> None:
    written = write(dataset, tmp_path / "silent", session=str(session))
    assert not [path for path in written if path.name.startswith("audio")]
    with pytest.raises(FormatError, match="no session folder is named"):
        write(dataset, tmp_path / "loud", audio="take")
    assert not (tmp_path / "loud").exists()


def test_sound_leaves_as_wav_and_mp3_that_begin_with_the_first_view(
    dataset: DataSet, session: Path, tmp_path: Path
) -> None:
    write(dataset, tmp_path / "out", audio="take", session=str(session))
    place = tmp_path / "out" / CASE_FOLDER / "case-1"
    original, _ = soundfile.read(session / "dictation" / "1_case-1.flac", dtype="int16")
    sound, rate = soundfile.read(place / "audio.wav", dtype="int16")
    assert rate == AUDIO_RATE_HZ
    left_out = len(original) - len(sound)
    assert left_out / AUDIO_RATE_HZ == pytest.approx(SOUND_BEFORE_FIRST_VIEW_S, abs=0.002)
    assert (original[left_out:] == sound).all()
    compressed = soundfile.info(place / "audio.mp3")
    assert compressed.format == "MP3" and compressed.duration == pytest.approx(len(sound) / rate, abs=0.15)
    assert (tmp_path / "out" / CASE_FOLDER / "case-2" / "audio.wav").is_file()


def test_words_are_on_the_clock_of_the_tables(dataset: DataSet, tmp_path: Path) -> None:
    write(dataset, tmp_path / "out")
    content = json.loads((tmp_path / "out" / CASE_FOLDER / "case-1" / "transcript.json").read_text(encoding="utf-8"))
    entry = content["time_stamped_text"][0]
    assert content["full_text"] == entry["phrase"] == "nodule"
    assert entry["begin_time"] == pytest.approx(1.0 - SOUND_BEFORE_FIRST_VIEW_S, abs=0.002)
    assert entry["end_time"] - entry["begin_time"] == pytest.approx(0.5, abs=0.002)
    back = read_back(tmp_path / "out")
    assert back.words is not None and dataset.words is not None
    assert back.words["start_s"].tolist() == dataset.words["start_s"].tolist()


def test_the_sound_of_another_session_is_refused(dataset: DataSet, session: Path, tmp_path: Path) -> None:
    foreign = make_dataset()
    with pytest.raises(FormatError, match="holds another session than these tables"):
        write(DataSet(foreign.cases, foreign.fixations[foreign.fixations["reader"] == "r02"]), tmp_path / "out",
              audio="take", session=str(session))  # fmt: skip


def test_boxes_of_a_volume_have_a_depth_and_of_a_slice_none(tmp_path: Path) -> None:
    box = ("case-1", "lesion", "lesion", 10, 20, 30, 40, 5, 7)
    source = make_dataset(regions=pd.DataFrame([box], columns=list(REGION_COLUMNS)), samples=None, words=None)
    write(source, tmp_path / "stack")
    table = pd.read_csv(tmp_path / "stack" / "bounding_boxes.csv")
    assert table.to_numpy().tolist() == [["case-1", "lesion", 10, 20, 30, 40, 5, 7]]
    back = read_back(tmp_path / "stack").regions
    assert back is not None
    assert back[list(REGION_COLUMNS)[3:]].to_numpy().tolist() == [[10, 20, 30, 40, 5, 7]]


def test_masks_leave_as_png_of_0_and_255(tmp_path: Path) -> None:
    import nibabel
    from PIL import Image

    source = make_dataset(samples=None, words=None)
    masks = tmp_path / "masks"
    volume = np.zeros((40, 512, 512), dtype=np.uint8)
    volume[3, 100:120, 50:60] = 1
    (masks / "case-1").mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(volume.T, np.eye(4)), masks / "case-1" / "left_lung.nii.gz")
    write(source, tmp_path / "out", masks=str(masks))
    written = sorted((tmp_path / "out" / CASE_FOLDER / "case-1").glob("*.png"))
    assert [path.name for path in written] == ["left_lung_s0003.png"]
    assert sorted(set(np.asarray(Image.open(written[0])).ravel().tolist())) == [0, 255]
    assert (read_mask(written[0]) == volume[3].astype(bool)).all()
    write_mask(masks / "case-1" / "heart.png", np.ones((4, 4), dtype=bool))
    with pytest.raises(FormatError, match=r"heart\.png: is"):
        write(source, tmp_path / "wrong", masks=str(masks))
    assert not (tmp_path / "wrong").exists() and not list(tmp_path.glob(".egd-*"))


def test_nothing_is_written_over(dataset: DataSet, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(FormatError, match="is not an empty folder"):
        write(dataset, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_fixations_without_onsets_have_no_place_here(tmp_path: Path) -> None:
    source = make_dataset(samples=None, words=None)
    source.fixations["onset_s"] = np.nan
    with pytest.raises(FormatError, match="fixations without onsets"):
        write(source, tmp_path / "out")


def test_several_readers_of_one_case_keep_their_transcripts_apart(tmp_path: Path) -> None:
    write(make_dataset(), tmp_path / "out")
    folders = sorted(path.name for path in (tmp_path / "out" / CASE_FOLDER).iterdir())
    assert folders == [
        "case-1",
        "case-1_r02_20260102T030405Z_trial1",
        "case-2",
        "case-2_r02_20260102T030405Z_trial2",
    ]


def test_without_a_session_code_the_reader_is_the_session(tmp_path: Path) -> None:
    source = make_dataset(samples=None, words=None)
    source.fixations["session"] = ""
    write(source, tmp_path / "out")
    assert set(read_back(tmp_path / "out").fixations["session"]) == {"r01", "r02"}


@pytest.mark.parametrize("key", ["session", "reader", "case"])
def test_a_code_that_would_leave_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    source = make_dataset(samples=None)
    assert source.words is not None
    source.words[key] = "../../elsewhere"
    with pytest.raises(FormatError, match=r"'\.\./\.\./elsewhere' is not a code"):
        write(source, tmp_path / "a" / "out")
    assert not list(tmp_path.rglob("transcript.json"))
