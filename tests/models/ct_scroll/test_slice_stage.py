"""The trunk's first stage: cells lie where findings lie, findings that show are learnt, and what cannot be is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.ct_scroll import family
from models.ct_scroll.config import ScrollConfig, SliceStageTable
from models.ct_scroll.prepared import PreparedVolumes
from models.ct_scroll.slice_stage import CELL_PIXELS, finding_cells, trained_trunk
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.features.devices import Device
from models.volumes import CtVolume
from tests.models.ct_scroll.made_chests import AXIAL, LABELS, SHAPE_KJI, labelled, stored_otherwise, tiny_settings

TABLE = SliceStageTable(steps=120, images_per_batch=8, learning_rate=5e-3, translate_pixels=1)


def ball(voxel_kji: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE_KJI, dtype=bool)
    k, j, i = voxel_kji
    mask[k - 1 : k + 2, j - 2 : j + 3, i - 2 : i + 3] = True
    return mask


def volume(array_kji: np.ndarray) -> CtVolume:
    return CtVolume(array_kji.astype(np.int16), AXIAL, "c1")


def test_a_finding_at_the_left_front_of_the_lowest_slices_is_in_the_first_token_and_its_cell():
    mask = ball((SHAPE_KJI[0] - 3, 8, SHAPE_KJI[2] - 8))
    cells = finding_cells({"effusion": mask}, volume(mask), tiny_settings())
    # S-L-P: tokens from the feet up, rows from right to left, columns from front to back.
    assert np.argwhere(cells).tolist() == [[0, 1, 1, 0]]


def test_cells_do_not_depend_on_how_the_volume_is_stored():
    mask = ball((10, 30, 12))
    first = finding_cells({"nodule": mask}, volume(mask), tiny_settings())
    turned = stored_otherwise(volume(mask), (2, 0, 1), (True, False, True))
    assert first.any()
    assert np.array_equal(first, finding_cells({"nodule": turned.hu_kji.astype(bool)}, turned, tiny_settings()))


def test_slices_that_do_not_divide_into_cells_are_refused():
    with pytest.raises(ModelError, match="24 x 32 do not divide into cells of 16"):
        finding_cells({}, volume(ball((10, 10, 10))), tiny_settings(input_shape_slp=(18, 24, 32)))


def bright_squares() -> tuple[np.ndarray, np.ndarray]:
    """Noise; each label is a square of its own brightness in one cell of some triplets."""
    rng = np.random.default_rng(4)
    cells = np.zeros((20, 6, 2, 2, 2), dtype=bool)
    inputs = []
    for case in range(20):
        found = rng.normal(-0.2, 0.02, (18, 32, 32))
        for token in range(3):
            label, row, column = rng.integers(2, size=3)
            cells[case, token, label, row, column] = True
            at = (
                slice(3 * token, 3 * token + 3),
                *(slice(n * CELL_PIXELS + 3, n * CELL_PIXELS + 13) for n in (row, column)),
            )
            found[at] += 0.3 if label else -0.2
        inputs.append(found.astype(np.float16))
    return np.stack(inputs), cells


def test_findings_that_show_are_learnt_and_the_same_seed_learns_the_same():
    inputs, cells = bright_squares()
    (first, loss), (again, _) = (trained_trunk(4, inputs, cells, TABLE, seed=1) for _ in range(2))
    _, at_first = trained_trunk(4, inputs, cells, TABLE.model_copy(update={"steps": 2}), seed=1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert loss < 0.4 * at_first


@pytest.fixture
def moved(monkeypatch) -> list[object]:
    """Devices that something was sent to; nothing leaves the CPU."""
    sent: list[object] = []
    module_to, tensor_to, autocast = torch.nn.Module.to, torch.Tensor.to, torch.autocast

    def module(self, *where, **how):
        return (sent.append((type(self).__name__, where[0])), self)[1] if where else module_to(self, **how)

    def tensor(self, *where, **how):
        if not where or not isinstance(where[0], torch.device):
            return tensor_to(self, *where, **how)
        sent.append((f"{self.ndim} axes", where[0]))
        return self

    monkeypatch.setattr(torch.nn.Module, "to", module)
    monkeypatch.setattr(torch.Tensor, "to", tensor)
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype: autocast("cpu", dtype))
    return sent


def test_network_images_and_truth_go_to_the_device_that_is_asked_for(monkeypatch, moved):
    gpu = torch.device("cuda", 1)
    asked = []
    monkeypatch.setattr(
        "models.ct_scroll.slice_stage.choose_device", lambda name: (asked.append(name), Device(gpu, "GPU number 1"))[1]
    )
    inputs, cells = bright_squares()
    deterministic = torch.are_deterministic_algorithms_enabled()
    trained_trunk(4, inputs, cells, TABLE.model_copy(update={"steps": 1}), seed=1, device="cuda:1")
    assert asked == ["cuda:1"]
    assert moved == [(what, gpu) for what in ("Sequential", "Conv2d", "Linear", "4 axes", "4 axes")]
    assert torch.are_deterministic_algorithms_enabled() == deterministic


def test_too_little_memory_on_a_gpu_is_one_line(monkeypatch):
    def full(*images):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB")

    monkeypatch.setattr("models.ct_scroll.slice_stage._loss", full)
    inputs, cells = bright_squares()
    with pytest.raises(ModelError) as caught:
        trained_trunk(4, inputs, cells, TABLE, seed=1)
    assert str(caught.value).endswith(
        "has too little memory for 8 images of the first stage at a time "
        "(lower slices.images_per_batch, or take the device cpu)"
    )


def test_a_set_without_findings_and_a_caller_who_stops_are_told():
    inputs, cells = bright_squares()
    with pytest.raises(ModelError, match="no slice of a training case shows a finding"):
        trained_trunk(4, inputs, np.zeros_like(cells), TABLE, seed=1)
    with pytest.raises(Cancelled):
        trained_trunk(4, inputs, cells, TABLE, seed=1, cancelled=lambda: True)


def test_cases_that_nobody_outlined_are_refused_by_name():
    with pytest.raises(ModelError, match="nobody outlined the findings of case c1"):
        PreparedVolumes.of([labelled(1)], tiny_settings(), cells_of=finding_cells)


def with_slices(**training) -> ScrollConfig:
    return ScrollConfig.model_validate(
        {
            "model": {"name": "tiny", "version": "1", "limits": ("A test.",), "licence": "none",
                      "settings": tiny_settings()},
            "data": {"source": ({"kind": "simulated", "count": 1},)},
            "training": {"epochs": 1, "volumes_per_batch": 2, "accelerator": "cpu", **training},
            "slices": {"steps": 2, "images_per_batch": 4},
        }
    )  # fmt: skip


def test_a_run_goes_through_both_stages_and_its_card_says_so(tmp_path):
    mask = ball((12, 20, 12))
    outlined = [replace(labelled(number), load_masks=lambda: {LABELS[0]: mask}) for number in range(6)]
    cases = Split(tuple(outlined[:4]), tuple(labelled(number) for number in range(20, 28)), ())
    told: list[tuple[int, int]] = []
    family.train(with_slices(), cases, tmp_path / "m", preparing=lambda *done: told.append(done))
    assert told[-1] == (2, 2)
    assert "first learnt, from the masks" in family.load(tmp_path / "m").card.training.data


@pytest.mark.parametrize(("device", "accelerator", "name"), [("auto", "cpu", "cpu"), ("cpu", "auto", "cpu")])
def test_the_first_stage_computes_where_the_training_does(tmp_path, monkeypatch, device, accelerator, name):
    asked = []

    def stage(width, inputs, cells, table, *, device, **how):
        asked.append(device)
        raise Cancelled

    monkeypatch.setattr("models.ct_scroll.training.trained_trunk", stage)
    mask = ball((12, 20, 12))
    outlined = [replace(labelled(number), load_masks=lambda: {LABELS[0]: mask}) for number in range(2)]
    cases = Split(tuple(outlined), (labelled(20),), ())
    with pytest.raises(Cancelled):
        family.train(with_slices(accelerator=accelerator), cases, tmp_path / "m", device=device)
    assert asked == [name]


def test_a_gpu_that_is_not_there_is_said_before_any_case_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    cases = Split((replace(labelled(1), load=None),), (replace(labelled(2), load=None),), ())
    with pytest.raises(ModelError, match="cuda cannot be used"):
        family.train(with_slices(), cases, tmp_path / "m", device="cuda")


def test_a_run_that_was_stopped_before_its_first_checkpoint_goes_through_the_first_stage_again(tmp_path):
    mask = ball((12, 20, 12))
    outlined = [replace(labelled(number), load_masks=lambda: {LABELS[0]: mask}) for number in range(6)]
    cases = Split(tuple(outlined[:4]), tuple(labelled(number) for number in range(20, 28)), ())
    family.train(with_slices(), cases, tmp_path / "whole")
    told: list[tuple[int, int]] = []
    with pytest.raises(Cancelled):
        family.train(
            with_slices(), cases, tmp_path / "cut", preparing=lambda *done: told.append(done),
            cancelled=lambda: told[-1:] == [(2, 2)],
        )  # fmt: skip
    assert (tmp_path / "cut" / "config.toml").is_file()
    assert not list((tmp_path / "cut").rglob("last.ckpt"))
    family.train(with_slices(), cases, tmp_path / "cut", resume=True)
    assert family.load(tmp_path / "cut").sha256 == family.load(tmp_path / "whole").sha256


def test_a_first_stage_that_other_weights_would_replace_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="would replace"):
        with_slices(trunk=tmp_path / "resnet18.pth")


def test_a_model_to_start_from_that_the_first_stage_would_replace_is_refused(tmp_path):
    cases = Split((labelled(1),), (labelled(2),), ())
    with pytest.raises(ModelError, match="would replace the weights to start from"):
        family.train(with_slices(), cases, tmp_path / "m", initial=tmp_path / "start")
