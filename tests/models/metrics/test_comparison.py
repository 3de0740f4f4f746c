"""The report: which pairs are scored, floors from other patients, the ceiling by its source, paired differences."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from models.metrics import comparison as module
from models.metrics.bootstrap import paired_difference
from models.metrics.comparison import compare, pair_kind
from models.metrics.comparison_report import Comparison, ComparisonParameters
from models.metrics.floors import FLOORS, MARKOV, OTHER_PATIENT, SAW_TOOTH, SHUFFLE, UNIFORM, Target
from models.metrics.measures import MEASURES, MeasureParameters, ReferenceScorer
from models.scanpath import Scanpath, Source
from models.simulation.markov_reader import Box

QUICK = ComparisonParameters(floor_draws=2, resamples=300)


def path_of(
    who: str, case: str, source: Source = "reader", count: int = 20, trial: str = "", **fields: object
) -> Scanpath:
    random = np.random.default_rng([ord(letter) for letter in who + case + trial])
    return Scanpath.from_voxels(
        random.uniform(0, (31, 31, 9), (count, 3)), random.lognormal(-1.4, 0.4, count), shape_kji=(10, 32, 32), who=who,
        case=case, source=source, trial=trial, affine_lps=np.diag([5.0, 5.0, 9.0, 1.0]), **fields,
    )  # type: ignore[arg-type]  # fmt: skip


def two_and_two(cases: int = 4) -> list[Scanpath]:
    people = [("r01", "reader"), ("r02", "reader"), ("sim", "simulated"), ("net", "model")]
    return [path_of(who, f"c{n}", source) for n in range(cases) for who, source in people]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def report() -> Comparison:
    return compare(two_and_two(), parameters=QUICK)


def test_everybody_is_scored_against_the_other_readers(report: Comparison) -> None:
    assert report.references == ("r01", "r02")
    counts = {row.name: (row.n_pairs, row.n_patients) for row in report.with_role("candidate")}
    assert counts == {"r01": (4, 4), "r02": (4, 4), "sim (simulated)": (8, 4), "net (model)": (8, 4)}
    kinds = {row.name: row.n_pairs for row in report.with_role("pair kind")}
    assert kinds == {"between readers": 8, "simulated reader vs reader": 8, "model vs reader": 8}
    assert all(pair.candidate != pair.reference for pair in report.pairs)


def test_a_row_is_the_mean_over_patients_of_its_pairs(report: Comparison) -> None:
    row = next(row for row in report.with_role("candidate") if row.name == "net (model)")
    by_patient = [
        np.mean([p.scores["scanmatch"] for p in report.pairs if p.candidate == "net (model)" and p.patient == f"c{n}"])
        for n in range(4)
    ]
    assert row.scores["scanmatch"].mean == pytest.approx(np.mean(by_patient))
    pair = next(p for p in report.pairs if p.candidate == "net (model)" and p.reference == "r02" and p.case == "c2")
    scorer = ReferenceScorer.of(path_of("r02", "c2"), report.parameters.measures)
    assert pair.scores == scorer.scores(path_of("net", "c2", "model"))


def test_every_floor_is_there_for_every_reference(report: Comparison) -> None:
    assert [row.name for row in report.with_role("floor")] == list(FLOORS)
    assert {row.n_pairs for row in report.with_role("floor")} == {8}
    assert not any(row.note for row in report.with_role("floor"))


def test_the_ceiling_says_where_it_is_from(report: Comparison) -> None:
    assert [row.name for row in report.with_role("ceiling")] == ["between readers"]
    again = [path_of("r01", "c0", trial="s:1"), path_of("r01", "c0", trial="s:2")]
    assert [row.name for row in compare(again, parameters=QUICK).with_role("ceiling")] == ["within a reader"]
    machines = [path_of("sim", "c0", "simulated"), path_of("walk", "c0", "simulated")]
    assert [r.name for r in compare(machines, parameters=QUICK).with_role("ceiling")] == ["between simulated readers"]
    alone = compare([path_of("r01", "c0"), path_of("net", "c0", "model")], parameters=QUICK).with_role("ceiling")
    assert [(row.name, row.scores) for row in alone] == [("not available", {})]
    assert alone[0].note == "not available: only r01 read these cases, each once"


def test_differences_are_paired_reference_by_reference(report: Comparison) -> None:
    assert len(report.differences) == 4 * len(FLOORS) + 5  # the readers have no reference in common
    found = next(d for d in report.differences if (d.candidate, d.against) == ("sim (simulated)", MARKOV))
    own = [pair for pair in report.pairs if pair.candidate == "sim (simulated)"]
    floor = {(pair.reference, pair.case): pair.scores["nss"] for pair in report.floor_pairs if pair.candidate == MARKOV}
    expected = paired_difference(
        [pair.scores["nss"] for pair in own],
        [floor[pair.reference, pair.case] for pair in own],
        [pair.patient for pair in own],
        seed=1,
        resamples=300,
    )
    assert found.scores["nss"] == expected
    assert expected.available


def test_candidates_are_tested_against_each_other_on_the_references_of_both(report: Comparison) -> None:
    between = [d for d in report.differences if d.against_role == "candidate"]
    assert [(d.candidate, d.against) for d in between] == [
        ("r01", "sim (simulated)"), ("r01", "net (model)"), ("r02", "sim (simulated)"), ("r02", "net (model)"),
        ("sim (simulated)", "net (model)"),
    ]  # fmt: skip
    scores = {(pair.candidate, pair.reference, pair.case): pair.scores["nss"] for pair in report.pairs}
    by_case = [scores["r01", "r02", f"c{n}"] - scores["net (model)", "r02", f"c{n}"] for n in range(4)]
    assert between[1].scores["nss"].mean == pytest.approx(np.mean(by_case))
    assert between[1].scores["nss"].n_scores == 4


def test_a_candidate_who_read_twice_counts_once_for_each_reference() -> None:
    twice = [path_of("net", "c0", "model"), path_of("net", "c0", "model", trial="2")]
    found = compare([path_of("r01", "c0"), *twice, path_of("sim", "c0", "simulated")], parameters=QUICK)
    sim = next(pair.scores["nss"] for pair in found.pairs if pair.candidate == "sim (simulated)")
    net = np.mean([pair.scores["nss"] for pair in found.pairs if pair.candidate == "net (model)"])
    difference = next(d for d in found.differences if d.against_role == "candidate")
    assert difference.scores["nss"].mean == pytest.approx(net - sim)


def test_body_and_lungs_reach_maps_and_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    body, lungs = np.zeros((10, 32, 32), dtype=bool), np.zeros((10, 32, 32), dtype=bool)
    body[2:8, 6:30, 8:28], lungs[3:6, 10:14, 10:14] = True, True
    paths = [path_of(who, case) for who in ("r01", "r02") for case in ("c0", "c1")]
    made: list[tuple[str, Scanpath]] = []
    path = module.floors.Target.path

    def watch(self: Target, name: str, *rest: object) -> Scanpath:
        made.append((name, path(self, name, *rest)))  # type: ignore[arg-type]
        return made[-1][1]

    taught: list[object] = []
    fit = module.fit_markov_reader
    monkeypatch.setattr(module, "fit_markov_reader", lambda them, boxes: fit(them, taught.append(boxes) or boxes))
    monkeypatch.setattr(module.floors.Target, "path", watch)
    whole = compare(paths, parameters=QUICK)
    made.clear()
    taught.clear()
    found = compare(
        paths,
        bodies_kji=dict.fromkeys(("c0", "c1"), body),
        lungs_kji=dict.fromkeys(("c0", "c1"), lungs),
        parameters=QUICK,
    )
    assert found.masked
    assert found.pairs[0].scores["cc"] != whole.pairs[0].scores["cc"]
    for name, floor in made:
        i, j, k = np.floor(floor.voxel_ijk + 0.5).astype(int).T
        if name == SAW_TOOTH:
            assert lungs[k, j, i].all()
        elif name in (UNIFORM, MARKOV):
            assert body[k, j, i].all(), name
        elif name == OTHER_PATIENT:  # the same body in both volumes: moved nowhere
            donors = [p.voxel_ijk for p in paths if p.case != floor.case]
            assert any(np.allclose(floor.voxel_ijk, donor) for donor in donors)
    assert {name for name, _ in made} == set(FLOORS)
    assert taught == [[Box.of_mask(body)] * 2] * 2
    first, second = [floor.voxel_ijk for name, floor in made if name == UNIFORM][: QUICK.floor_draws]
    assert not np.array_equal(first, second)


def test_floors_never_borrow_from_the_same_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, set[str]]] = []

    def watch(name: str) -> None:
        original = getattr(module.floors, name)

        def wrapped(target: Target, source: object, *rest: object, **options: object) -> Scanpath:
            made = original(target, source, *rest, **options)
            if name == "markov":
                seen.append((target.like.patient, set(source.patients)))  # type: ignore[attr-defined]
            else:
                lenders = [p for p in source if np.isin(made.duration_s, p.duration_s).all()]  # type: ignore[attr-defined]
                seen.append((target.like.patient, {p.patient for p in lenders}))
                assert {p.who for p in source} == {"r01", "r02", "r09"}  # type: ignore[attr-defined]
            return made

        monkeypatch.setattr(module.floors, name, wrapped)

    for name in ("length_matched_shuffle", "other_patient", "markov"):
        watch(name)
    paths = [path_of(who, f"c{n}", patient=f"p{n // 2}") for n in range(6) for who in ("r01", "r02")]
    paths += [path_of("net", f"c{n}", "model", patient=f"p{n // 2}") for n in range(6)]
    compare(paths, training=[path_of("r09", "t", patient="p0")], parameters=QUICK)
    assert len(seen) == 12 * 3 * 2
    assert all(lenders and patient not in lenders for patient, lenders in seen)


def test_one_patient_has_no_borrowed_floor_and_no_interval() -> None:
    found = compare([path_of("r01", "c0"), path_of("r02", "c0")], parameters=QUICK)
    missing = {row.name: row.note for row in found.with_role("floor") if not row.scores}
    assert set(missing) == {SHUFFLE, OTHER_PATIENT, MARKOV}
    assert missing[SHUFFLE] == "not available: there is no path of another patient"
    estimate = found.with_role("candidate")[0].scores["scanmatch"]
    assert not estimate.available
    assert estimate.reason.startswith("not available: 1 patient")
    helped = compare([path_of("r01", "c0"), path_of("r02", "c0")], training=[path_of("r03", "x")], parameters=QUICK)
    assert all(row.scores for row in helped.with_role("floor"))


def test_the_seed_decides_the_floors_and_nothing_else() -> None:
    paths = two_and_two(2)
    first, same = compare(paths, parameters=QUICK), compare(paths, parameters=QUICK)
    assert first.to_dict() == same.to_dict()
    other = compare(paths, parameters=ComparisonParameters(seed=2, floor_draws=2, resamples=300))
    assert [pair.scores for pair in first.pairs] == [pair.scores for pair in other.pairs]
    assert [pair.scores for pair in first.floor_pairs] != [pair.scores for pair in other.floor_pairs]


def test_the_report_is_json_with_its_parameters_and_versions(report: Comparison) -> None:
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["parameters"]["measures"]["map"] == {
        "sigma": 10.0, "sigma_unit": "mm", "sigma_z_voxel": 0.0, "weighting": "duration", "cell_voxels": None,
    }  # fmt: skip
    assert content["versions"]["numpy"] == np.__version__
    assert [measure["key"] for measure in content["measures"]] == [measure.key for measure in MEASURES]
    assert len(content["floor_pairs"]) == 8 * len(FLOORS)


def test_what_is_left_out_is_said() -> None:
    paths = [
        path_of("r01", "c0"), path_of("r02", "c0"), path_of("r02", "c9"), path_of("r03", "c0", count=0),
        Scanpath.from_voxels([(40, 3, 3)] * 3, [0.1] * 3, shape_kji=(10, 32, 32), who="far", case="c0", source="model"),
    ]  # fmt: skip
    notes = compare(paths, parameters=QUICK).notes
    assert "r03 on c0 has no fixation on the image" in notes
    assert "r02 on c9 has nothing to be compared with" in notes
    assert "3 fixations of far (model) lie outside of the volume and count at its border" in notes


def test_what_a_short_or_timeless_path_lacks_is_said() -> None:
    timeless = replace(path_of("still", "c0", "model"), duration_s=np.zeros(20))
    notes = compare([path_of("r01", "c0"), path_of("two", "c0", "model", count=2), timeless], parameters=QUICK).notes
    assert "two (model) on c0 has fewer than 3 fixations: no MultiMatch" in notes
    assert "the fixations of still (model) on c0 have no duration: no measure that weighs by it" in notes


def test_a_reading_and_its_own_export_are_one_reading() -> None:
    first, again, other = path_of("r01", "c0"), path_of("r01", "c0", trial="s:2"), path_of("r02", "c0")
    export = Scanpath.from_voxels(
        np.round(first.voxel_ijk), np.round(first.duration_s, 3), shape_kji=first.shape_kji, who="r01", case="c0",
        affine_lps=first.affine_lps,
    )  # fmt: skip
    said = "the same reading of c0 by r01 is named twice and counts once"
    found = compare([first, export, other], parameters=QUICK)
    assert said in found.notes
    assert [row.name for row in found.with_role("ceiling")] == ["between readers"]
    assert len(found.pairs) == 2
    with pytest.raises(ValueError, match=f"{said}; no two of these scan paths"):
        compare([first, export], parameters=QUICK)
    within = compare([first, again, other], parameters=QUICK)
    assert [row.name for row in within.with_role("ceiling")] == ["between readers", "within a reader"]
    assert not any("twice" in note for note in within.notes)


def test_people_with_the_same_path_are_told() -> None:
    first = path_of("r01", "c0")
    found = compare([first, replace(first, who="net", source="model")], parameters=QUICK)
    assert "the paths of r01 and net (model) on c0 are the same" in found.notes
    assert found.with_role("candidate")[0].scores["scanmatch"].mean == 1.0


def test_rows_stand_in_the_order_of_the_sources(report: Comparison) -> None:
    order = ["r01", "r02", "sim (simulated)", "net (model)"]
    assert [row.name for row in report.with_role("candidate")] == order
    assert list(dict.fromkeys(difference.candidate for difference in report.differences)) == order


def test_cases_that_stand_for_patients_are_told(report: Comparison) -> None:
    said = "the sources name no patients: every case counts as another patient"
    assert said in report.notes
    named = [path_of(who, case, patient="p1") for who in ("r01", "r02") for case in ("c0", "c1")]
    assert said not in compare(named, parameters=QUICK).notes
    assert said not in compare([path_of(who, "c0") for who in ("r01", "r02")], parameters=QUICK).notes


def test_a_ceiling_that_is_missing_says_why_in_truth() -> None:
    machine = path_of("sim", "c0", "simulated")
    again = compare([machine, path_of("sim", "c0", "simulated", trial="2")], parameters=QUICK).with_role("ceiling")
    assert [row.note for row in again] == ["not available: there are no two readers of a case"]


def test_paths_of_different_cases_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="no two of these scan paths are of the same case"):
        compare([path_of("r01", "c0"), path_of("r02", "c1")], parameters=QUICK)


def test_kinds_of_pairs() -> None:
    reader, model = path_of("r01", "c"), path_of("net", "c", "model")
    assert pair_kind(model, reader) == "model vs reader"
    assert pair_kind(model, path_of("net2", "c", "model")) == "between models"
    assert pair_kind(path_of("s", "c", "simulated"), path_of("s", "c", "simulated")) == "within a simulated reader"


def test_parameters_reach_the_measures() -> None:
    paths = two_and_two(1)
    coarse = ComparisonParameters(MeasureParameters(uniform_share=0.5), floor_draws=1, resamples=100)
    assert (
        compare(paths, parameters=coarse).pairs[0].scores["kl_divergence"]
        < (compare(paths, parameters=QUICK).pairs[0].scores["kl_divergence"])
    )


def test_pictures_without_a_spacing_are_compared_too() -> None:
    random = np.random.default_rng(1)
    paths = [
        Scanpath.from_voxels(
            np.column_stack([random.uniform(0, (119, 99), (12, 2)), np.zeros(12)]), random.uniform(0.1, 0.5, 12),
            shape_kji=(1, 100, 120), who=who, case=case,
        )
        for who in ("r01", "r02") for case in ("a", "b")
    ]  # fmt: skip
    found = compare(paths, parameters=QUICK)
    assert found.parameters.measures.map is not None
    assert found.parameters.measures.map.sigma_unit == "voxel"
    for row in (*found.with_role("candidate"), *found.with_role("floor")):
        assert all(np.isfinite(estimate.mean) for estimate in row.scores.values()), row.name


def test_the_other_patient_of_simulated_references_is_simulated_and_said_so() -> None:
    machines = [path_of(who, f"c{n}", "simulated") for n in range(3) for who in ("sim", "walk")]
    nets = [path_of("net", f"c{n}", "model") for n in range(3)]
    notes = {row.name: row.note for row in compare([*machines, *nets], parameters=QUICK).with_role("floor")}
    assert notes[OTHER_PATIENT] == "lent by simulated readers, as its references are"
    assert not any(note for name, note in notes.items() if name != OTHER_PATIENT)
    both = [path_of("r01", f"c{n}") for n in range(3)]
    mixed = compare([*machines, *both], references=[*machines, *both], parameters=QUICK).with_role("floor")
    assert [row.note for row in mixed if row.name == OTHER_PATIENT] == [
        "lent by simulated readers for the references that are simulated"
    ]


def test_a_path_meant_for_one_reference_is_scored_against_it_alone() -> None:
    paths = [*two_and_two(3), *(path_of("told", f"c{n}", "model", trial="r02") for n in range(3))]
    found = compare(
        paths, parameters=QUICK, meant_for=lambda path, reference: path.trial in ("", reference.who)
    )  # fmt: skip
    assert {pair.reference for pair in found.pairs if pair.candidate == "told (model)"} == {"r02"}
    assert {pair.reference for pair in found.pairs if pair.candidate == "net (model)"} == {"r01", "r02"}


def test_only_the_tested_candidates_get_rows_and_differences() -> None:
    found = compare(two_and_two(3), parameters=QUICK, tested={"net (model)"})
    assert [row.name for row in found.with_role("candidate")] == ["net (model)"]
    assert {difference.candidate for difference in found.differences} == {"net (model)"}
    assert [row.name for row in found.with_role("ceiling")] == ["between readers"]


def test_boxes_of_lent_cases_move_their_paths_into_the_body() -> None:
    body = np.zeros((10, 32, 32), dtype=bool)
    body[2:8, 6:30, 8:28] = True
    inner = Box((7.5, 5.5, 1.5), (27.5, 29.5, 7.5))
    lent = Scanpath.from_voxels([(7.5, 5.5, 1.5), (27.5, 29.5, 7.5)] * 3, [0.2] * 6, shape_kji=(10, 32, 32), case="t")
    paths = [path_of(who, "c0") for who in ("r01", "r02")]
    scores = [
        compare(paths, training=[lent], bodies_kji={"c0": body}, boxes=boxes, parameters=QUICK)
        .with_role("floor")[3]
        .scores["position"]
        .mean
        for boxes in ({"t": inner}, {"t": Box.of_volume((10, 32, 32))}, None)
    ]
    assert scores[1] == scores[2] != scores[0]
