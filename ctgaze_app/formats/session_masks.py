"""Body and lungs of the cases of recorded sessions, found in their CT, one scan in memory after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import CTGazeError
from ctgaze_app.study.session import MANIFEST_NAME, SessionManifest, read_manifest


class PackedMasks(Mapping[str, NDArray[np.bool_]]):
    """Masks by case, eight voxels a byte: 5 MB for a scan of 143 slices."""

    def __init__(self) -> None:
        self._packed: dict[str, tuple[tuple[int, ...], NDArray[np.uint8]]] = {}

    def add(self, case: str, mask_kji: NDArray[np.bool_]) -> None:
        """Keep one mask."""
        self._packed[case] = (mask_kji.shape, np.packbits(mask_kji))

    def __getitem__(self, case: str) -> NDArray[np.bool_]:
        """The mask of a case, unpacked anew; KeyError when there is none."""
        shape, bits = self._packed[case]
        return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)

    def __iter__(self) -> Iterator[str]:
        """Codes of the cases."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._packed)


@dataclass(frozen=True)
class CaseMasks:
    """Masks (slices, rows, columns) by case, and why some are missing."""

    bodies_kji: PackedMasks = field(default_factory=PackedMasks, repr=False)
    lungs_kji: PackedMasks = field(default_factory=PackedMasks, repr=False)
    notes: tuple[str, ...] = ()


def masks_of_sessions(folders: Sequence[Path], cases: Sequence[str]) -> CaseMasks:
    """Body and lungs of every case that one of the sessions has; never raises for a scan that cannot be had.

    Used for all cases or for none: maps within the body of some cases and the whole volume of others could not be
    averaged. So a case without a plausible body and lungs leaves all without, and `notes` says which and why.
    """
    found = CaseMasks()
    reasons: dict[str, str] = {}
    for folder in folders:
        if not (folder / MANIFEST_NAME).is_file() or set(cases) <= set(found.bodies_kji):
            continue
        manifest = read_manifest(folder)
        wanted = [trial.case for trial in manifest.trials if trial.case in cases and trial.case not in found.bodies_kji]
        if not wanted:
            continue
        try:
            _add_masks(folder, manifest, sorted(set(wanted)), found, reasons)
        except CTGazeError as error:
            place = f"{Path(error.place).name}: " if error.place else ""
            reasons.update(dict.fromkeys(wanted, f"{place}{error.message}"))
    missing = [case for case in dict.fromkeys(cases) if case not in found.bodies_kji]
    if not missing:
        return found
    why = reasons.get(missing[0], "no session with its CT is among the sources")
    return CaseMasks(notes=(f"whole volumes stand for bodies and lungs, because of case {missing[0]}: {why}",))


def _add_masks(
    folder: Path, manifest: SessionManifest, wanted: Sequence[str], found: CaseMasks, reasons: dict[str, str]
) -> None:
    from ctgaze_app.review.lungs import LungsError, find_lungs
    from ctgaze_app.study.loading import load_volumes

    volumes = load_volumes(folder, manifest, {})
    for case in wanted:
        # A practice trial may show another series of the case; it is left out of comparisons unless asked for.
        trial = min((each for each in manifest.trials if each.case == case), key=lambda each: each.kind == "practice")
        shown = [index for index in trial.series if index in volumes]
        if not shown:
            reasons[case] = "its trial names no series"
            continue
        current = next((index for index in shown if manifest.series[index].role == "current"), shown[0])
        try:
            lungs = find_lungs(volumes[current])
        except LungsError as error:
            reasons[case] = error.message
            continue
        if not lungs.plausible:
            reasons[case] = f"the lungs are not plausible: {', '.join(lungs.remarks)}"
            continue
        found.bodies_kji.add(case, lungs.body)
        found.lungs_kji.add(case, lungs.mask)
