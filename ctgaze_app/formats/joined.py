"""Several data sets as one, refused where they contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import KEYS, CaseRecord, DataSet

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("fixations", "samples", "events", "words", "regions")


def join_datasets(parts: Sequence[DataSet]) -> DataSet:
    """All tables below each other; one alone is given back as it is.

    A trial may be in one source only, a case of one code must be the same grid everywhere, the screen must be the same,
    and readers are not mixed with simulated ones, because the joined data set says each only once.

    Raises
    ------
    FormatError
        When they contradict each other.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts:
        raise FormatError("no source was named", remedy="name at least one session or data set")
    cases: dict[str, CaseRecord] = {}
    for part in parts:
        for record in part.cases:
            known = cases.get(record.case)
            cases[record.case] = record if known is None else _same_case(known, record)
    sources = sorted({part.source for part in parts})
    if len(sources) > 1:
        raise FormatError(f"{' and '.join(sources)} readings cannot be joined", remedy="export them one by one")
    screen = _one_screen(parts)
    _refuse_twice(parts)
    return DataSet(
        cases=tuple(cases.values()),
        fixations=_below([part.fixations for part in parts]),
        samples=_joined(parts, "samples"),
        events=_joined(parts, "events"),
        words=_joined(parts, "words"),
        regions=_joined(parts, "regions"),
        screen=screen,
        source=parts[0].source,
        provenance={
            "format": "joined",
            "options": {},
            "files": {},
            "notes": [str(note) for part in parts for note in part.provenance.get("notes", ())],
            "parts": [dict(part.provenance) for part in parts],
        },
    )


def _refuse_twice(parts: Sequence[DataSet]) -> None:
    """A trial of two sources would count twice."""
    seen: set[tuple[str, str, int, str]] = set()
    for part in parts:
        own: set[tuple[str, str, int, str]] = set()
        for table in (part.fixations, part.samples):
            if table is not None:
                own |= {
                    (str(session), str(reader), int(trial), str(case))
                    for session, reader, trial, case in table[list(KEYS)].drop_duplicates().itertuples(index=False)
                }
        for session, reader, trial, case in sorted(own & seen):
            raise FormatError(
                f"trial {trial} of {session or reader} (case {case}) is in two of the sources",
                remedy="name each trial once, or rename the readers",
            )
        seen |= own


def _same_case(known: CaseRecord, other: CaseRecord) -> CaseRecord:
    unlike = (known.affine_lps is None) != (other.affine_lps is None) or (
        known.affine_lps is not None
        and other.affine_lps is not None
        and not np.allclose(known.affine_lps, other.affine_lps, atol=1e-6)
    )
    if known.shape_kji != other.shape_kji or known.patient != other.patient or unlike:
        raise FormatError(f"case {known.case} is another image in another source", remedy="rename one of them")
    return CaseRecord(
        known.case, known.shape_kji, known.patient, known.affine_lps, known.kind, {**other.report, **known.report},
        known.attributes,
    )  # fmt: skip


def _one_screen(parts: Sequence[DataSet]) -> Mapping[str, float]:
    screen: dict[str, float] = {}
    for part in parts:
        for name, value in part.screen.items():
            if screen.setdefault(name, value) != value:
                raise FormatError(
                    f"the sources were recorded on different screens ({name} {screen[name]:g} and {value:g})",
                    remedy="export them one by one",
                )
    return screen


def _joined(parts: Sequence[DataSet], name: str) -> Any:
    tables = [getattr(part, name) for part in parts if getattr(part, name) is not None]
    return _below(tables) if tables else None


def _below(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
