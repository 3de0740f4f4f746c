"""Import and export as a whole: real files, new folders, nothing overwritten, nothing half written."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ctgaze_app.ct.writing import write_ct_series
from ctgaze_app.errors import SessionError
from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.ct_scangaze import read_ct_scangaze
from ctgaze_app.formats.ctgaze_dataset import read_ctgaze, write_ctgaze
from ctgaze_app.formats.exchange import export_sources, import_file, new_folder
from ctgaze_app.formats.from_session import dataset_from_session
from ctgaze_app.formats.joined import join_datasets
from ctgaze_app.formats.mapped_csv import read_mapped_csv
from ctgaze_app.formats.registry import every_format, format_named
from ctgaze_app.study.processing import process_session
from tests.factories.sessions import SyntheticSession, make_session
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutations import differing_numbers, subjects_of
from tests.formats.test_ct_scangaze import DECLARED, RECORD
from tests.formats.test_mapped_csv import IMAGE_MAPPING

WRITTEN = {"index_base": "1", "z": "slice", "axes": "column_row"}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    made = make_session(tmp_path_factory.mktemp("exchange") / "s", seconds=5.0, audio=False)
    process_session(made.folder)
    return made


def _declared(**changes: str) -> dict[str, str]:
    return {**{name: value for name, value in DECLARED.items() if name != "xy"}, **changes}


def _json(folder: Path) -> Path:
    path = folder / "gaze.json"
    path.write_text(json.dumps([RECORD]), encoding="utf-8")
    return path


def test_an_import_is_a_data_set_folder(tmp_path: Path) -> None:
    result = import_file(_json(tmp_path), "ct_scangaze", _declared(), tmp_path / "in")
    assert (result.readers, result.cases, result.trials, result.fixations) == (1, 1, 1, 3)
    data = read_ctgaze(tmp_path / "in", {})
    assert data.fixations["x_voxel"].tolist() == [0, 255.5, 511]
    assert data.provenance["options"]["index_base"] == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gaze.json", "in"]


def test_a_failed_import_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="outside the 256"):
        import_file(_json(tmp_path), "ct_scangaze", _declared(shape="100x256x256"), tmp_path / "in")
    assert [path.name for path in tmp_path.iterdir()] == ["gaze.json"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "mine.txt").write_text("mine")
    with pytest.raises(FormatError, match="in: is there already and is not empty"):
        import_file(_json(tmp_path), "ct_scangaze", _declared(), tmp_path / "in")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["mine.txt"]


def test_an_empty_folder_may_be_filled_and_a_failure_leaves_it_empty(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "in") as staging:
        (staging / "half").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]
    assert list((tmp_path / "in").iterdir()) == []
    with new_folder(tmp_path / "in") as staging:
        (staging / "whole").write_text("x")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["whole"]


def test_a_session_leaves_and_comes_back_with_its_ct_on_the_same_grid(
    tmp_path: Path, session: SyntheticSession
) -> None:
    spacing, origin = (2.0, 1.0, 1.0), (-10.0, -20.0, 100.0)
    write_ct_series(tmp_path / "ct", np.array(session.volume.voxels), spacing_kji_mm=spacing, origin_lps_mm=origin)
    private = session.folder / "private" / "series.json"
    entry = {"index": 0, "code": "series-1", "path": str(tmp_path / "ct")}
    private.write_text(json.dumps({"series": [entry]}), encoding="utf-8")
    result = export_sources([str(session.folder)], "ct_scangaze", {**WRITTEN, "ct": "nifti"}, tmp_path / "out")
    assert sorted(result.files) == ["case-1.nii.gz", "ct_scangaze.json", "export.json"]
    image: Any = nib.load(tmp_path / "out" / "case-1.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), session.volume.voxels)
    declared = {**WRITTEN, "xy": "pixel", "shape": str(tmp_path / "out")}
    again = read_ct_scangaze(tmp_path / "out" / "ct_scangaze.json", declared)
    original = dataset_from_session(session.folder)
    shown = original.fixations[original.fixations["on_image"]]
    for name in ("x_voxel", "y_voxel", "z_voxel", "duration_s", "onset_s", "kind"):
        assert again.fixations[name].tolist() == shown[name].tolist()
    assert again.cases[0].shape_kji == session.volume.shape_kji
    assert np.allclose(again.cases[0].affine_lps, session.volume.affine_lps, atol=1e-5)
    texts = [path.read_bytes() for path in (tmp_path / "out").glob("*.json")]
    assert not any(str(tmp_path).encode() in text or b"private" in text for text in texts)


def test_without_the_option_no_ct_leaves(tmp_path: Path, session: SyntheticSession) -> None:
    result = export_sources([str(session.folder)], "ct_scangaze", WRITTEN, tmp_path / "out")
    assert sorted(result.files) == ["ct_scangaze.json", "export.json"]


def test_plain_tables_of_a_session_bring_its_dwell_segments(tmp_path: Path, session: SyntheticSession) -> None:
    result = export_sources([f"{session.folder}:1"], "plain_tables", {}, tmp_path / "out")
    kept = tmp_path / "out" / "sessions" / "r01_20260102T030405Z"
    assert (kept / "dwell_segments.csv").read_bytes() == (session.folder / "derived/dwell_segments.csv").read_bytes()
    assert "sessions/r01_20260102T030405Z/dwell_segments.csv" in result.files
    assert "fixations.csv" in result.files


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere", "nowhere: there is no such file or folder"),
        ("{session}/session.json", r"session\.json: is neither a session, a data set nor a prediction"),
        ("{session}:9", "there is no trial 9"),
    ],
)
def test_a_wrong_source_is_told(tmp_path: Path, session: SyntheticSession, source: str, said: str) -> None:
    with pytest.raises((FormatError, SessionError), match=said):
        export_sources([source.format(session=session.folder)], "plain_tables", {}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_code_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    fixations = make_dataset().fixations
    fixations["reader"] = "../evil"
    data = make_dataset(fixations=fixations, samples=None, events=None, words=None)
    write_ctgaze(data, tmp_path / "d", {})
    for name in ("gazemedseg", "xdf", "plain_tables"):
        with pytest.raises(FormatError, match="cannot be part of a file name"):
            export_sources([str(tmp_path / "d")], name, {}, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_code_of_the_samples_alone_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    whole = make_dataset()
    assert whole.samples is not None
    data = make_dataset(
        fixations=whole.fixations[:0], samples=whole.samples.assign(session="../../evil"), events=None, words=None
    )
    write_ctgaze(data, tmp_path / "a" / "d", {})
    for name in ("xdf", "bids", "egd"):
        with pytest.raises(FormatError, match="cannot be part of a file name"):
            export_sources([str(tmp_path / "a" / "d")], name, {}, tmp_path / "a" / "out")
    assert [path.name for path in tmp_path.rglob("*") if "evil" in path.name or path.name == "out"] == []


def test_a_name_that_no_disk_takes_and_a_disk_that_refuses_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_dataset()
    assert whole.samples is not None
    long = make_dataset(
        fixations=whole.fixations.assign(reader="x" * 300), samples=whole.samples.assign(reader="x" * 300),
        events=None, words=None,
    )  # fmt: skip
    write_ctgaze(long, tmp_path / "long", {})
    with pytest.raises(FormatError, match="cannot be part of a file name"):
        export_sources([str(tmp_path / "long")], "xdf", {}, tmp_path / "out")
    write_ctgaze(whole, tmp_path / "whole", {})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(FormatError, match="out: cannot be written: No space left on device"):
        export_sources([str(tmp_path / "whole")], "bids", {}, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long", "whole"]


def test_the_folder_of_a_mapping_stays_at_home(tmp_path: Path) -> None:
    subject = subjects_of("mapped_csv")[0]
    (tmp_path / "somebody").mkdir()
    path = subject.make(tmp_path / "somebody")
    grids = tmp_path / "somebody" / "grids.csv"
    grids.write_text("case,slices,rows,columns\n" + "".join(f"{case},100,512,512\n" for case in ("a", "b", "c")))
    options = {key: value.replace("{folder}", str(path.parent)) for key, value in subject.options.items()}
    mapping = Path(options["mapping"])
    cases = read_mapped_csv(path, options).cases
    lines = "".join(f"{each.case},{','.join(map(str, each.shape_kji))}\n" for each in cases)
    grids.write_text("case,slices,rows,columns\n" + lines)
    text = re.sub(r'(?m)^shape = ".*"', f'shape = "{grids.as_posix()}"', mapping.read_text())
    mapping.write_text(text)
    assert "somebody" in text
    import_file(path, "mapped_csv", options, tmp_path / "in")
    export_sources([str(tmp_path / "in")], "mapped_csv", {"mapping": str(mapping)}, tmp_path / "out")
    for folder in ("in", "out"):
        kept = (tmp_path / folder / "mapping.toml").read_text()
        assert kept == text.replace(grids.as_posix(), "grids.csv")


@pytest.mark.parametrize("name", ["bids", "egd", "xdf", "plain_tables"])
def test_a_session_that_is_named_twice_counts_once_or_not_at_all(
    tmp_path: Path, session: SyntheticSession, name: str
) -> None:
    sources = [str(session.folder), f"{session.folder}:1"]
    with pytest.raises(FormatError, match=r"trial 1 of r01_20260102T030405Z \(case case-1\) is in two of the sources"):
        export_sources(sources, name, {}, tmp_path / "out")


def test_tables_of_other_trials_stay(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", trials=2, seconds=3.0, audio=False)
    process_session(made.folder)
    export_sources([f"{made.folder}:2"], "plain_tables", {}, tmp_path / "out")
    for name in ("dwell_segments.csv", "saccades.csv"):
        whole = pd.read_csv(made.folder / "derived" / name)
        assert set(whole["trial"]) == {1, 2}
        kept = pd.read_csv(tmp_path / "out" / "sessions" / "r01_20260102T030405Z" / name)
        pd.testing.assert_frame_equal(kept, whole[whole["trial"] == 2].reset_index(drop=True))


@pytest.mark.parametrize("name", [each.name for each in every_format() if each.read is not None])
def test_what_any_format_reads_becomes_a_data_set_folder_with_the_same_numbers(tmp_path: Path, name: str) -> None:
    subject = subjects_of(name)[0]
    (tmp_path / "source").mkdir()
    path = subject.make(tmp_path / "source")
    declared = {key: value.replace("{folder}", str(tmp_path / "source")) for key, value in subject.options.items()}
    import_file(path, name, declared, tmp_path / "in")
    found = format_named(name)
    assert found.read is not None
    direct = found.read(path, checked_options(declared, found.read_options, name))
    again = read_ctgaze(tmp_path / "in", {})
    assert differing_numbers(direct, again) == ""
    assert differing_numbers(again, direct) == ""
    assert len(direct.scanpaths()) == len(again.scanpaths())


@pytest.mark.parametrize("name", [each.name for each in every_format() if each.write is not None])
def test_a_session_leaves_in_any_format(tmp_path: Path, session: SyntheticSession, name: str) -> None:
    found = format_named(name)
    mapping = tmp_path / "m.toml"
    mapping.write_text(IMAGE_MAPPING.replace("index_base = 1", "index_base = 0"), encoding="utf-8")
    declared = {
        option.name: str(mapping) if option.name == "mapping" else option.choices[0]
        for option in found.write_options
        if option.default is None
    }
    result = export_sources([str(session.folder)], name, declared, tmp_path / "out")
    assert result.files
    assert all((tmp_path / "out" / file).is_file() for file in result.files)
    for path in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert str(tmp_path).encode() not in content


def test_sources_are_joined_and_contradictions_refused() -> None:
    one, two = make_dataset(1), make_dataset(2)
    later = two.fixations.assign(session=two.fixations["session"] + "b")
    joined = join_datasets([one, make_dataset(2, fixations=later, samples=None)])
    assert len(joined.fixations) == len(one.fixations) + len(later)
    pd.testing.assert_frame_equal(joined.fixations.iloc[: len(one.fixations)], one.fixations)
    assert [case.case for case in joined.cases] == ["case-1", "case-2"]
    with pytest.raises(FormatError, match="different screens"):
        join_datasets([one, make_dataset(2, screen={**one.screen, "width_px": 800.0})])
    with pytest.raises(FormatError, match="reader and simulated readings cannot be joined"):
        join_datasets([one, make_dataset(2, source="simulated")])
    with pytest.raises(FormatError, match="case case-1 is another image"):
        join_datasets([one, make_dataset(2, cases=(make_dataset().cases[1].__class__("case-1", (1, 2, 3)),))])
