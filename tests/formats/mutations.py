"""Does a damaged file ever give another number in silence?

``python -m tests.formats.mutations FORMAT|all --count 300``

A format takes part by a tuple ``MUTATION_SUBJECTS`` of `Subject` in its test module (the test
of its file). Every mutation
must give the same numbers as the good file (fewer are allowed: a column that is not there reads as not known) or one
line of `FormatError` that names the file; anything else is a violation.

Damage that no reader can tell is left out: a number changed to another plausible one, a decimal point lost where the
result is still possible, two number columns whose names were exchanged within each other's range, whole rows missing
where nothing counts them, a file cut exactly at the end of a row, a text cell changed to another text.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ctgaze_app.formats.contract import Format, FormatError, Reader, checked_options
from ctgaze_app.formats.dataset import DataSet
from tests.formats.damage_csv import CSV, ROWS, Table
from tests.formats.damage_json import JSON
from tests.formats.damage_text import BYTES, LINES, TEXT, Mutated, Random

Kind = Literal["csv", "rows", "json", "lines", "bytes"]
TABLES = ("fixations", "samples", "events", "words", "regions")


@dataclass(frozen=True)
class Subject:
    """A good file, or a folder of them, that is damaged again and again.

    Attributes
    ----------
    format
        Its name in the registry.
    options
        As declared; ``{folder}`` in a value stands for the folder.
    make
        Writes into an empty folder and returns what is to be read (a file in it, or the folder).
    files
        Names within the folder of the files to damage; by default the returned file.
    text_columns
        Columns or JSON keys whose content is free text, though it may look like numbers.
    leave_out
        Kinds of damage that nothing in this format can tell, by name, each with its reason in a comment.
    kinds
        How a file is taken apart where its name does not say so.
    checksummed
        Whether changed bytes of a binary file must be told.
    separator
        Of a CSV; tabs where the name ends in .tsv.
    """

    format: str
    make: Callable[[Path], Path]
    options: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    text_columns: frozenset[str] = frozenset()
    leave_out: frozenset[str] = frozenset()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    checksummed: bool = False
    separator: str = ","


@dataclass
class Summary:
    """What became of the mutations of one subject."""

    format: str
    refused: int = 0
    harmless: int = 0
    violations: list[str] = field(default_factory=list)
    by_kind: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)


def mutate(
    content: str | bytes,
    seed: int,
    *,
    kind: Kind | None = None,
    separator: str = ",",
    text_columns: frozenset[str] = frozenset(),
    leave_out: frozenset[str] = frozenset(),
    checksummed: bool = False,
) -> tuple[str, bytes]:
    """One kind of damage by `seed`, neighbouring seeds going through all kinds: what was done, the bytes."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    kind = kind or ("json" if data.lstrip()[:1] in (b"{", b"[") else "csv")
    kinds = _kinds(data, kind, separator, text_columns, checksummed)
    kinds = {name: function for name, function in kinds.items() if name not in leave_out}
    names = list(kinds)
    for attempt in range(20 * len(names)):
        name = names[(seed + attempt) % len(names)]
        mutated = kinds[name](np.random.default_rng([seed, attempt]))
        if mutated is not None and mutated[1] != data:
            return f"{name}: {mutated[0]}", mutated[1]
    raise ValueError("no damage is possible here")


def _kinds(
    data: bytes, kind: Kind, separator: str, text_columns: frozenset[str], checksummed: bool
) -> dict[str, Callable[[Random], Mutated]]:
    def of(functions: Mapping[str, Callable[..., Any]], *arguments: Any, last: tuple[Any, ...] = ()) -> dict[str, Any]:
        def bound(function: Callable[..., Any]) -> Callable[[Random], Mutated]:
            return lambda random: function(*arguments, random, *last)

        return {name: bound(function) for name, function in functions.items()}

    if kind == "bytes":
        found = of(BYTES, data)
        return found if checksummed else {name: found[name] for name in ("cut", "something else")}
    text = of(TEXT, data)
    if kind == "csv":
        return of(CSV, Table.of(data, separator, text_columns)) | text
    if kind == "rows":
        return of(ROWS, Table.of(data, separator, text_columns, headed=False)) | text
    if kind == "json":
        return of(JSON, json.loads(data), last=(text_columns,)) | text
    return of(LINES, data) | text


def differing_numbers(before: DataSet, after: DataSet) -> str:
    """Where `after` has another number than `before`; empty when there is none. NaN and absent columns do not count."""
    for name in TABLES:
        one, other = getattr(before, name), getattr(after, name)
        if one is None or other is None:
            continue
        if len(one) != len(other):
            return f"{name}: {len(other)} rows for {len(one)}"
        for column in one.columns:
            if column not in other.columns or one[column].dtype.kind not in "iufb":
                continue
            if other[column].dtype.kind not in "iufb":
                return f"{name}.{column} became {other[column].dtype}"
            was, now = one[column].to_numpy(np.float64), other[column].to_numpy(np.float64)
            wrong = (was != now) & ~np.isnan(now)
            if wrong.any():
                row = int(np.argmax(wrong))
                return f"{name}.{column}[{row}]: {now[row]} for {was[row]}"
    for old, new in zip(before.cases, after.cases, strict=False):
        if old.shape_kji != new.shape_kji:
            return f"shape of {new.case}: {new.shape_kji} for {old.shape_kji}"
        if (
            old.affine_lps is not None
            and new.affine_lps is not None
            and not np.array_equal(old.affine_lps, new.affine_lps)
        ):
            return f"affine of {new.case}"
    for key, value in before.screen.items():
        if key in after.screen and after.screen[key] != value:
            return f"screen.{key}: {after.screen[key]} for {value}"
    return ""


def run_mutations(subject: Subject, folder: Path, count: int, first_seed: int = 0) -> Summary:
    """Damage, read, judge; `folder` is empty and stays full of the good files."""
    found = _format(subject.format)
    if found.read is None:
        raise ValueError(f"{subject.format} does not read")
    source = subject.make(folder)
    declared = {name: value.replace("{folder}", str(folder)) for name, value in subject.options.items()}
    options = checked_options(declared, found.read_options, found.name)
    good = found.read(source, options)
    files = [folder / name for name in subject.files] or [source]
    summary = Summary(subject.format)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(count):
            path = files[number % len(files)]
            content = path.read_bytes()
            done, damaged = _damaged(subject, path, content, first_seed + number // len(files))
            path.write_bytes(damaged)
            try:
                _judge(summary, f"{path.name} [{number}] {done}", path, source, good, found.read, options)  # fmt: skip
            finally:
                path.write_bytes(content)
    return summary


def _damaged(subject: Subject, path: Path, content: bytes, seed: int) -> tuple[str, bytes]:
    names = {".csv": "csv", ".tsv": "csv", ".json": "json", ".parquet": "bytes", ".asc": "lines", ".xdf": "bytes"}
    packed = path.suffix == ".gz"
    suffix = Path(path.stem).suffix if packed else path.suffix
    kind: Any = subject.kinds.get(path.name, names.get(suffix, "bytes"))
    if packed and seed % 10 == 9:
        kind, packed = "bytes", False
    done, damaged = mutate(
        gzip.decompress(content) if packed else content,
        seed,
        kind=kind,
        separator="\t" if suffix == ".tsv" else subject.separator,
        text_columns=subject.text_columns,
        leave_out=subject.leave_out,
        checksummed=subject.checksummed,
    )
    return done, gzip.compress(damaged, mtime=0) if packed else damaged


def _judge(
    summary: Summary, what: str, path: Path, source: Path, good: DataSet, read: Reader, options: Mapping[str, str]
) -> None:
    kind = what.split("] ", 1)[1].split(":")[0]
    try:
        result = read(source, options)
    except FormatError as error:
        line = str(error)
        # The place may be in a file beside the damaged one, which no longer fits it.
        files = {path, source, *(each for each in source.rglob("*") if each.is_file())}
        named = any(file.name in line for file in files)
        if "\n" in line or not named or len(line) > 600:
            summary.violations.append(f"{what}: not one line that names the file: {line[:200]!r}")
        summary.refused += 1
        summary.by_kind[f"{kind} / refused"] += 1
        summary.lines.append(f"{what} -> {line}")
        return
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        summary.violations.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        return
    difference = differing_numbers(good, result)
    if difference:
        summary.violations.append(f"{what}: read, but {difference}")
    summary.harmless += 1
    summary.by_kind[f"{kind} / same numbers"] += 1


def _format(name: str) -> Format:
    from ctgaze_app.formats.registry import format_named

    return format_named(name)


def subjects_of(name: str) -> tuple[Subject, ...]:
    """What the format's test module offers; nothing where it has none."""
    from ctgaze_app.formats.registry import FORMATS

    try:
        module = importlib.import_module(f"tests.formats.test_{FORMATS[name].rsplit('.', 1)[-1]}")
    except ModuleNotFoundError:
        return ()
    more = importlib.import_module("tests.formats.mutation_subjects").SUBJECTS
    return tuple(getattr(module, "MUTATION_SUBJECTS", more.get(name, ())))


def assert_no_silent_damage(subject: Subject, folder: Path, count: int = 40, first_seed: int = 0) -> Summary:
    """For a format's own test: a seeded sample of mutations, none a violation, most of them told."""
    summary = run_mutations(subject, folder, count, first_seed)
    assert not summary.violations, "\n".join(summary.violations[:10])
    assert summary.refused > count // 3, f"only {summary.refused} of {count} were refused"
    return summary


def main() -> int:
    """Run from the command line; exit code 1 on any violation."""
    from ctgaze_app.formats.registry import FORMATS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", help="a format's name, or all")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lines", action="store_true", help="also print every line that was told")
    asked = parser.parse_args()
    failed = False
    for name in list(FORMATS) if asked.format == "all" else [asked.format]:
        try:
            readable = _format(name).read is not None
        except FormatError as error:
            print(f"{name:20} {error}")
            failed = True
            continue
        subjects = subjects_of(name)
        if readable and not subjects:
            print(f"{name:20} no MUTATION_SUBJECTS in its test module")
            failed = True
        for number, subject in enumerate(subjects):
            with tempfile.TemporaryDirectory() as folder:
                summary = run_mutations(subject, Path(folder), asked.count, asked.seed)
            print(
                f"{name:20} subject {number + 1}: {asked.count} mutations, {summary.refused} told in one line, "
                f"{summary.harmless} with the same numbers, {len(summary.violations)} violations"
            )
            for line in summary.violations:
                print(f"  VIOLATION {line}")
            for line in summary.lines if asked.lines else ():
                print(f"  {line}")
            failed |= bool(summary.violations)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
