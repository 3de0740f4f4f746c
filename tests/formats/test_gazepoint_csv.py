"""Gazepoint Analysis exports: their traps, and what they become."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.gazepoint_csv import FORMAT
from tests.formats.mutations import Subject, assert_no_silent_damage

TIME, TICK = "TIME(2031/01/02 03:04:05.678)", "TIMETICK(f=10000000)"
NAMES = [
    "MEDIA_ID", "MEDIA_NAME", "CNT", TIME, TICK, "FPOGX", "FPOGY", "FPOGS", "FPOGD", "FPOGID", "FPOGV", "BPOGX",
    "BPOGY", "BPOGV", "CX", "CY", "CS", "KB", "KBS", "USER", "LPCX", "LPCY", "LPD", "LPS", "LPV", "RPCX", "RPCY", "RPD",
    "RPS", "RPV", "BKID", "BKDUR", "BKPMIN", "LPMM", "LPMMV", "RPMM", "RPMMV", "TTL0", "TTLV", "AOI", "SACCADE_MAG",
    "SACCADE_DIR", "VID_FRAME",
]  # fmt: skip
SAMPLES_EACH, FIXATIONS = 5, 6


def make_export(folder: Path, user: str = "User 1", *, fixations: bool = True, trailing: bool = True) -> Path:
    """Two media; fixations of five samples with two samples between, the second of which has no gaze (0, V = 0)."""
    random = np.random.default_rng(3)
    tables, step = [], SAMPLES_EACH + 2
    for medium in (0, 1):
        count = FIXATIONS * step
        number = np.arange(count)
        within = number % step
        table = pd.DataFrame(0.0, index=range(count), columns=NAMES)
        time = np.round(number / 60, 5)
        start = np.round((number // step) * step / 60, 5)
        lost = within == step - 1
        table["MEDIA_ID"], table["MEDIA_NAME"], table["CNT"], table[TIME] = medium, f"NewMedia{medium}", number, time
        table[TICK] = (50_000_000_000 + np.round((medium * 30 + time) * 1e7)).astype(np.int64)
        place = np.round(random.uniform(0.3, 0.7, (FIXATIONS, 2)), 5)[number // step]
        for axis, name in enumerate("XY"):
            table[f"FPOG{name}"] = np.where(lost, 0.0, place[:, axis])
            table[f"BPOG{name}"] = np.where(lost, 0.0, np.round(place[:, axis] + random.normal(0, 0.002, count), 5))
        held = within < SAMPLES_EACH
        table["FPOGS"], table["FPOGD"] = start, np.round(np.where(held, time - start, 0.0), 5)
        table["FPOGID"], table["FPOGV"], table["BPOGV"] = number // step + 1, held.astype(int), (~lost).astype(int)
        for side in "LR":
            table[f"{side}PMM"] = np.where(lost, 0.0, np.round(3.5 + random.normal(0, 0.05, count), 5))
            table[f"{side}PMMV"] = (~lost).astype(int)
        table[["KB", "USER", "AOI"]] = ""
        table["KB"] = " "
        tables.append(table)
    samples = pd.concat(tables, ignore_index=True)
    for name in ("CS", "KBS", "LPV", "RPV", "BKID", "BKPMIN", "TTL0", "TTLV", "VID_FRAME"):
        samples[name] = 0
    samples.loc[3:4, "USER"] = "slide shown"
    samples.loc[10, "KB"], samples.loc[10, "KBS"] = "n", 1
    folder.mkdir(parents=True, exist_ok=True)
    last = samples[(samples["FPOGV"] == 1) & (samples["FPOGV"].shift(-1) == 0)]
    for ending, rows in (("all_gaze", samples), ("fixations", last)):
        if ending == "all_gaze" or fixations:
            text = rows.to_csv(index=False, lineterminator="\n")
            if trailing:
                text = text.replace("\n", ",\n")
            (folder / f"{user}_{ending}.csv").write_text(text, encoding="utf-8")
    return folder / f"{user}_all_gaze.csv"


def read(path: Path, **options: str) -> DataSet:
    assert FORMAT.read is not None
    return FORMAT.read(path, checked_options(options, FORMAT.read_options, FORMAT.name))


@pytest.mark.parametrize("trailing", [True, False])
def test_columns_whose_names_carry_data_and_an_empty_last_column_are_read(tmp_path: Path, trailing: bool) -> None:
    dataset = read(make_export(tmp_path, trailing=trailing))
    assert dataset.samples is not None
    assert len(dataset.samples) == 2 * FIXATIONS * 7
    assert len(dataset.fixations) == 2 * FIXATIONS


def test_time_starts_anew_with_each_medium_and_the_clock_runs_on(tmp_path: Path) -> None:
    dataset = read(make_export(tmp_path))
    assert dataset.samples is not None
    first = dataset.samples.groupby("trial").first()
    assert first["onset_s"].tolist() == [0.0, 0.0]
    assert first["case"].tolist() == ["media-0", "media-1"]
    assert first["source_clock_s"].diff().iloc[1] == pytest.approx(30.0)
    assert dataset.fixations.groupby("trial")["fixation"].apply(list).tolist() == [[1, 2, 3, 4, 5, 6]] * 2
    assert dataset.fixations["duration_s"].iloc[0] == pytest.approx(4 / 60, abs=1e-5)
    assert dataset.fixations["onset_s"].iloc[1] == pytest.approx(7 / 60, abs=1e-5)


def test_zero_with_validity_zero_is_missing(tmp_path: Path) -> None:
    samples = read(make_export(tmp_path)).samples
    assert samples is not None
    lost = ~samples["valid"].to_numpy()
    assert lost.sum() == 2 * FIXATIONS
    assert samples["x_screen_norm"][lost].isna().all() and samples["pupil"][lost].isna().all()
    assert samples["x_screen_norm"][~lost].between(0.29, 0.71).all()


def test_a_negative_number_stored_unsigned_is_missing(tmp_path: Path) -> None:
    path = make_export(tmp_path)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[1, "BPOGX"], table.loc[2, "BPOGY"] = "4294967290", "2147483647"
    table.to_csv(path, index=False)
    samples = read(path).samples
    assert samples is not None
    assert samples["valid"].iloc[:4].tolist() == [True, False, False, True]
    assert samples["x_screen_norm"].iloc[1:3].isna().all()


def test_without_a_fixations_file_its_rows_are_the_last_samples_of_each(tmp_path: Path) -> None:
    both = read(make_export(tmp_path / "both"))
    one = read(make_export(tmp_path / "one", fixations=False))
    pd.testing.assert_frame_equal(both.fixations, one.fixations)
    assert "last valid samples of each FPOGID" in " ".join(one.provenance["notes"])


def test_without_a_declared_picture_nothing_lies_on_an_image(tmp_path: Path) -> None:
    dataset = read(make_export(tmp_path))
    assert not dataset.fixations["on_image"].any() and dataset.fixations["x_voxel"].isna().all()
    assert [len(path) for path in dataset.scanpaths()] == [0, 0]
    assert dataset.screen == {}


def test_a_declared_picture_maps_the_screen_to_its_pixels(tmp_path: Path) -> None:
    dataset = read(make_export(tmp_path), screen="1920x1080", picture="420,0,1080,1080", image="512x512")
    rows = dataset.fixations
    expected = (rows["x_screen_norm"] * 1920 - 420) / 1080 * 512 - 0.5
    assert rows["x_voxel"].tolist() == pytest.approx(expected.tolist())
    assert rows["y_voxel"].tolist() == pytest.approx((rows["y_screen_norm"] * 512 - 0.5).tolist())
    assert dataset.cases[0].shape_kji == (1, 512, 512)
    assert [len(path) for path in dataset.scanpaths()] == [FIXATIONS, FIXATIONS]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"picture": "0,0,10,10"}, "options picture and image are needed together"),
        ({"image": "512x512", "picture": "0,0,10,10"}, "option picture needs the size of the screen"),
        ({"image": "512x512", "picture": "0,0,0,10", "screen": "1920x1080"}, "is not a rectangle"),
        ({"screen": "wide"}, "option screen=wide is not a size"),
        ({"reader": "Dr. House"}, "is not a code"),
    ],
)
def test_half_a_declaration_is_refused(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read(make_export(tmp_path), **options)


def test_user_data_and_keys_are_events_once(tmp_path: Path) -> None:
    events = read(make_export(tmp_path)).events
    assert events is not None
    assert events[["event", "value", "trial"]].to_numpy().tolist() == [["message", "slide shown", 1], ["key", "n", 1]]
    assert events["onset_s"].tolist() == pytest.approx([3 / 60, 10 / 60], abs=1e-5)


def test_several_users_of_a_folder_are_readers_and_their_names_stay_outside(tmp_path: Path) -> None:
    make_export(tmp_path, "Anna")
    make_export(tmp_path, "Bert")
    dataset = read(tmp_path)
    assert sorted(set(dataset.fixations["reader"])) == ["reader-1", "reader-2"]
    assert "Anna" not in str(dataset.provenance)
    assert len(dataset.scanpaths()) == 4


def test_names_of_media_are_cases_only_when_asked_for_and_codes(tmp_path: Path) -> None:
    path = make_export(tmp_path)
    assert {case.case for case in read(path, case_names="media_name").cases} == {"NewMedia0", "NewMedia1"}
    for file in tmp_path.iterdir():
        file.write_text(file.read_text(encoding="utf-8").replace("NewMedia1", "a b.png"), encoding="utf-8")
    with pytest.raises(FormatError, match="column MEDIA_NAME: is not a code"):
        read(path, case_names="media_name")


@pytest.mark.parametrize(
    ("column", "value", "row", "message"),
    [
        ("FPOGX", "960", 2, "row 4, column FPOGX: valid gaze that is no fraction of the screen"),
        (TICK, "1", 5, f"row 7, column {TICK}: repeats or goes back"),
        ("CNT", "2", 5, "row 7, column CNT: repeats or goes back"),
        ("FPOGV", "2", 5, "row 7, column FPOGV: 2 is above 1"),
        ("FPOGS", "x", 5, "row 7, column FPOGS: 'x' is not a number"),
    ],
)
def test_bad_rows_are_one_line(tmp_path: Path, column: str, value: str, row: int, message: str) -> None:
    path = make_export(tmp_path, trailing=False)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[row, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(FormatError) as caught:
        read(path)
    assert str(caught.value).startswith(f"User 1_all_gaze.csv, {message}")


@pytest.mark.parametrize(("gone", "kept"), [("LPMMV", "LPMM"), ("RPMM", "RPMMV")])
def test_half_of_what_tells_a_pupil_is_refused(tmp_path: Path, gone: str, kept: str) -> None:
    path = make_export(tmp_path, trailing=False)
    pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=gone).to_csv(path, index=False)
    with pytest.raises(FormatError, match=f"row 1, column {gone}: this column is missing, though {kept} is there"):
        read(path)
    pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=kept).to_csv(path, index=False)
    assert read(path).fixations["pupil"].notna().any()


def test_seconds_in_milliseconds_are_told_by_the_ticks(tmp_path: Path) -> None:
    path = make_export(tmp_path, fixations=False)
    table = pd.read_csv(path, keep_default_na=False)
    for name in (TIME, "FPOGS", "FPOGD"):
        table[name] *= 1000
    table.drop(columns=table.columns[-1]).to_csv(path, index=False)
    with pytest.raises(FormatError, match="seconds and clock ticks of this showing run at different speeds"):
        read(path)


def test_a_file_of_another_name_or_without_its_clock_is_refused(tmp_path: Path) -> None:
    path = make_export(tmp_path)
    other = path.rename(tmp_path / "gaze.csv")
    with pytest.raises(FormatError, match="not named like a Gazepoint export"):
        read(other)
    text = other.read_text(encoding="utf-8").replace(TICK, "TIMETICK")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"row 1, column TIMETICK\(f=<ticks per second>\): this column is missing"):
        read(path)


def make_folder(folder: Path) -> Path:
    """For the mutations: the folder with both files of one user."""
    make_export(folder, "user")
    return folder


MUTATION_SUBJECTS = (
    Subject(
        "gazepoint_csv",
        make_folder,
        options={"screen": "1920x1080", "picture": "420,0,1080,1080", "image": "512x512"},
        files=("user_all_gaze.csv", "user_fixations.csv"),
        text_columns=frozenset({"MEDIA_NAME", "KB", "KBS", "USER", "AOI", "CX", "CY", "CS", "TTL0", "TTLV"}),
    ),
)


def test_no_damage_gives_another_number_in_silence(tmp_path: Path) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[0], tmp_path)
