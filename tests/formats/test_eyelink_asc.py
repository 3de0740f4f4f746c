"""EyeLink ASC text: one and two eyes, every kind of line, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.eyelink_asc import FORMAT
from tests.formats.mutations import Subject, assert_no_silent_damage

HEAD = """** CONVERTED FROM made.edf using edfapi
** TYPE: EDF_FILE BINARY EVENT SAMPLE TAGGED
**

MSG\t1000 DISPLAY_COORDS 0 0 1919 1079
MSG\t1001 GAZE_COORDS 0.00 0.00 1919.00 1079.00
"""
MONO = """MSG\t1990 TRIALID case-7
START\t2000 \tRIGHT\tSAMPLES\tEVENTS
PRESCALER\t1
VPRESCALER\t1
PUPIL\tAREA
EVENTS\tGAZE\tRIGHT\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2
SAMPLES\tGAZE\tRIGHT\tRATE\t 500.00\tTRACKING\tCR\tFILTER\t2
SFIX R   2000
2000\t  960.0\t  540.0\t 1200.0\t...
2002\t  961.0\t  541.0\t 1201.0\t...
MSG\t2003 picture shown
2004\t  962.0\t  542.0\t 1202.0\t...
EFIX R   2000\t2004\t6\t  961.0\t  541.0\t   1201
SBLINK R 2006
2006\t   .\t   .\t    0.0\t.C.
2008\t   .\t   .\t    0.0\t.C.
EBLINK R 2006\t2008\t4
SSACC R  2010
2010\t  970.0\t  550.0\t 1199.0\t...
2012\t  990.0\t  560.0\t 1198.0\t...
ESACC R  2004\t2012\t10\t  962.0\t  542.0\t  990.0\t  560.0\t   0.75\t    150
EFIX R   2014\t2016\t4\t  991.0\t  561.0\t   1190
2014\t  991.0\t  561.0\t 1190.0\t...
2016\t  991.0\t  561.0\t 1190.0\t...
END\t2017 \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00
MSG\t2018 TRIAL_RESULT 0
"""
BOTH = """START\t5000 \tLEFT\tRIGHT\tSAMPLES\tEVENTS
PUPIL\tDIAMETER
EVENTS\tGAZE\tLEFT\tRIGHT\tRATE\t1000.00\tTRACKING\tCR\tFILTER\t2
SAMPLES\tGAZE\tLEFT\tRIGHT\tRATE\t1000.00\tTRACKING\tCR\tFILTER\t2\tVEL\tRES\tINPUT
5000\t 100.0\t 200.0\t 30.0\t 110.0\t 210.0\t 31.0\t 0.1\t 0.2\t 0.3\t 0.4\t 40.0\t 40.0\t127.0\t.....
5001\t   .\t   .\t  0.0\t 111.0\t 211.0\t 31.0\t   .\t   .\t 0.3\t 0.4\t 40.0\t 40.0\t127.0\t.C...
5002\t 102.0\t 202.0\t 30.0\t 112.0\t 212.0\t 31.0\t 0.1\t 0.2\t 0.3\t 0.4\t 40.0\t 40.0\t127.0\t.....
EFIX L   5000\t5002\t3\t 101.0\t 201.0\t     30\t  40.1\t  40.2
EFIX R   5001\t5002\t2\t 111.5\t 211.5\t     31\t  40.1\t  40.2
END\t5003 \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00
"""


def write(folder: Path, *parts: str) -> Path:
    path = folder / "made.asc"
    path.write_bytes("".join(parts).encode("utf-8"))
    return path


def read(path: Path, **options: str) -> DataSet:
    assert FORMAT.read is not None
    return FORMAT.read(path, checked_options(options, FORMAT.read_options, FORMAT.name))


def test_a_monocular_block_is_a_trial_of_samples_fixations_saccades_blinks_and_messages(tmp_path: Path) -> None:
    dataset = read(write(tmp_path, HEAD, MONO))
    samples, events = dataset.samples, dataset.events
    assert samples is not None and events is not None
    assert samples["onset_s"].tolist() == pytest.approx([0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.012, 0.014, 0.016])
    assert samples["valid"].tolist() == [True] * 3 + [False] * 2 + [True] * 4
    assert samples["x_screen_norm"][:3].tolist() == [960 / 1920, 961 / 1920, 962 / 1920]
    assert samples["y_screen_norm"][:1].tolist() == [540 / 1080]
    assert samples["pupil"][:1].tolist() == [1200.0] and samples["pupil"][3:5].isna().all()
    assert set(samples["pupil_unit"]) == {"area"}
    fixations = dataset.fixations
    assert fixations["onset_s"].tolist() == [0.0, 0.014]
    assert fixations["duration_s"].tolist() == [0.006, 0.004]
    assert fixations["x_screen_norm"].tolist() == [961 / 1920, 991 / 1920]
    assert fixations["fixation"].tolist() == [1, 2]
    assert events[["event", "onset_s", "duration_s", "value"]].to_numpy().tolist() == [
        ["message", 0.003, 0.0, "picture shown"],
        ["saccade", 0.004, 0.01, "amplitude 0.75 deg"],
        ["blink", 0.006, 0.004, ""],
    ]
    assert dataset.screen == {"width_px": 1920.0, "height_px": 1080.0, "rate_hz": 500.0}


def test_of_two_eyes_one_must_be_declared(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD, BOTH)
    with pytest.raises(FormatError, match=r"made.asc, row 7: both eyes were recorded \(declare one"):
        read(path)
    left, right = read(path, eye="left"), read(path, eye="right")
    assert left.samples is not None and right.samples is not None
    assert (left.samples["x_screen_norm"] * 1920).tolist() == pytest.approx([100, np.nan, 102], nan_ok=True)
    assert (right.samples["x_screen_norm"] * 1920).tolist() == pytest.approx([110, 111, 112])
    assert left.samples["valid"].tolist() == [True, False, True]
    assert (left.fixations["duration_s"].tolist(), right.fixations["duration_s"].tolist()) == ([0.003], [0.002])
    assert set(left.samples["pupil_unit"]) == {"diameter"}
    assert left.screen["rate_hz"] == 1000.0


def test_blocks_are_trials_and_a_message_may_name_their_cases(tmp_path: Path) -> None:
    later = re.sub(r"\b(199\d|20[01]\d)\b", lambda match: str(int(match[1]) + 1000), MONO)
    path = write(tmp_path, HEAD, MONO, later.replace("case-7", "case-8"))
    assert [case.case for case in read(path).cases] == ["block-1", "block-2"]
    dataset = read(path, case_message="TRIALID")
    assert dataset.fixations[["trial", "case"]].drop_duplicates().to_numpy().tolist() == [[1, "case-7"], [2, "case-8"]]
    assert dataset.fixations["onset_s"].tolist() == [0.0, 0.014, 0.0, 0.014]
    with pytest.raises(FormatError, match="0 messages IMAGE belong to this block"):
        read(path, case_message="IMAGE")


def test_a_file_of_events_only_has_fixations(tmp_path: Path) -> None:
    text = "\n".join(line for line in MONO.split("\n") if not line[:1].isdigit() and not line.startswith("SAMPLES"))
    dataset = read(write(tmp_path, HEAD, text))
    assert dataset.samples is None
    assert dataset.fixations["duration_s"].tolist() == [0.006, 0.004]


def test_without_coordinates_the_screen_must_be_declared(tmp_path: Path) -> None:
    path = write(tmp_path, MONO)
    with pytest.raises(FormatError, match="has neither GAZE_COORDS nor DISPLAY_COORDS"):
        read(path)
    assert read(path, screen="960x1080").fixations["x_screen_norm"].tolist() == [961 / 960, 991 / 960]
    with pytest.raises(FormatError, match="its screen has 1920 x 1080 pixels, not 1024x768"):
        read(write(tmp_path, HEAD, MONO), screen="1024x768")


def test_only_a_declared_picture_gives_places_on_an_image(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD, MONO)
    assert not read(path).fixations["on_image"].any()
    dataset = read(path, picture="460,40,1000,1000", image="500x500")
    assert dataset.fixations["x_voxel"].tolist() == [(961 - 460) / 2 - 0.5, (991 - 460) / 2 - 0.5]
    assert dataset.fixations["y_voxel"].tolist() == [(541 - 40) / 2 - 0.5, (561 - 40) / 2 - 0.5]
    assert [len(path) for path in dataset.scanpaths()] == [2]
    assert dataset.cases[0].shape_kji == (1, 500, 500)


def test_the_configuration_may_stand_before_its_block(tmp_path: Path) -> None:
    start = "START\t2000 \tRIGHT\tSAMPLES\tEVENTS\n"
    sooner = MONO.replace(start, "").replace("SFIX R   2000\n", start + "SFIX R   2000\n")
    before, after = read(write(tmp_path, HEAD, MONO)), read(write(tmp_path, HEAD, sooner))
    assert before.samples is not None
    assert before.samples.equals(after.samples) and before.fixations.equals(after.fixations)


def test_what_the_calibration_prints_between_blocks_is_passed_over(tmp_path: Path) -> None:
    printed = """>>>>>>> CALIBRATION (HV5,P-CR) FOR RIGHT: <<<<<<<<<
Calibration points:
  -28.8, -67.0         0,      0
0.00013  -2.5e-05  1
eye check box: (L,R,T,B)
\t  -36    34   -70    40
Slip rotation correction OFF
"""
    before, after = read(write(tmp_path, HEAD, MONO)), read(write(tmp_path, HEAD, printed, MONO))
    assert before.fixations.equals(after.fixations)


def test_a_message_of_another_encoding_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD, MONO)
    path.write_bytes(path.read_bytes().replace(b"picture shown", b"wait\x85 picture shown"))
    events = read(path, encoding="latin-1").events
    assert events is not None
    assert events["value"].iloc[0] == "wait\x85 picture shown"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2002\t  961.0\t  541.0\t 1201.0\t...", "2002\t  961.0\t  541.0", "row 16: a sample of 3 cells"),
        ("2002\t", "2000\t", "row 16, column time: time repeats or goes back"),
        ("  961.0\t  541.0\t 1201.0", "  96x\t  541.0\t 1201.0", "row 16, column value 1: '96x' is not a number"),
        ("  961.0\t  541.0\t 1201.0", "  9e9\t  541.0\t 1201.0", "row 16, column value 1: 9e9 is no position"),
        ("6\t  961.0\t  541.0", "6\t  -32768\t  541.0", "row 19: a fixation has no position"),
        ("6\t  961.0\t  541.0", "6\t  961.0\t  1e8", "row 19: a fixation has no position"),
        ("6\t  961.0\t  541.0", "6\t  500000\t  541.0", "row 19: a fixation has no position"),
        ("2004\t6\t", "2004\t600\t", "row 19, column duration: start, end and duration do not agree"),
        ("\t   1201\n", "\n", "row 19: EFIX has 7 cells, not 8 or 10"),
        ("EFIX R   2000", "EFIX B   2000", "row 19: 'B' is no eye"),
        ("EFIX R   2014\t2016", "EFIX R   2000\t2002", "row 28, column start: EFIX repeats or goes back"),
        ("SAMPLES\tGAZE\tRIGHT\tRATE\t 500.00", "SAMPLES\tHREF\tRIGHT\tRATE\t 500.00", "row 13: SAMPLES are HREF"),
        ("SAMPLES\tGAZE\tRIGHT\tRATE\t 500.00", "SAMPLES\tGAZE\tRIGHT\tRATE\t 50.00", "which is not 50 Hz"),
        ("SAMPLES\tGAZE\tRIGHT", "SAMPLES\tGAZE\tLEFT", "row 13: the eyes are not those of the START line"),
        ("END\t2017 \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00\n", "", "row 8: this block has no END"),
        ("START\t2000 \tRIGHT\tSAMPLES\tEVENTS\n", "", "row 14: a sample without START and SAMPLES"),
        ("GAZE_COORDS 0.00 0.00 1919.00", "GAZE_COORDS 0.00 0.00 1023.00", "row 6: GAZE_COORDS are not those"),
        ("EBLINK R", "XBLINK R", "row 23: 'XBLINK' is no keyword"),
        ("EBLINK R 2006\t2008\t4", "EBLINK R 2006\t9999\t7993", "row 23, column time: lies after the END of its block"),
        ("MSG\t2003", "MSG\t9003", "row 17, column time: lies after the END of its block"),
        ("MSG\t2018 TRIAL_RESULT 0\n", "MSG\t2018 TRIAL_RESULT 0", "the last line has no line end"),
    ],
)
def test_a_bad_line_is_one_line_with_its_row(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = HEAD + MONO
    assert text.count(old) == 1
    with pytest.raises(FormatError) as caught:
        read(write(tmp_path, text.replace(old, new)))
    line = str(caught.value)
    assert line.startswith("made.asc") and message in line and "\n" not in line


def make_asc(folder: Path) -> Path:
    """For the mutations: two blocks."""
    return write(folder, HEAD, MONO, LONGER)


LONGER = "".join(
    [
        "START\t6000 \tRIGHT\tSAMPLES\tEVENTS\nPUPIL\tAREA\nEVENTS\tGAZE\tRIGHT\tRATE\t1000.00\tTRACKING\tCR\n",
        "SAMPLES\tGAZE\tRIGHT\tRATE\t1000.00\tTRACKING\tCR\tFILTER\t2\n",
        *(f"{6000 + ms}\t {500 + ms / 2:.1f}\t {300 + ms / 3:.1f}\t 900.0\t...\n" for ms in range(60)),
        "EFIX R   6000\t6059\t60\t  514.0\t  310.0\t   900\n",
        "END\t6060 \tSAMPLES\tEVENTS\tRES\t  40.00\t  40.00\n",
    ]
)
MUTATION_SUBJECTS = (
    Subject(
        "eyelink_asc",
        make_asc,
        options={"picture": "460,40,1000,1000", "image": "500x500"},
    ),
)


def test_no_damage_gives_another_number_in_silence(tmp_path: Path) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[0], tmp_path)
