"""Structural damage to JSON, one kind a function; what no reader can tell is named in `tests.formats.mutations`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.formats.damage_text import Mutated, Random, some

Path = tuple[str | int, ...]


def _nodes(value: Any, path: Path = ()) -> list[Path]:
    found = [path]
    if isinstance(value, dict):
        for key, child in value.items():
            found += _nodes(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            found += _nodes(child, (*path, place))
    return found


def _get(root: Any, path: Path) -> Any:
    for step in path:
        root = root[step]
    return root


def _with(root: Any, path: Path, change: Callable[[Any, Any], None]) -> bytes:
    copy = json.loads(json.dumps(root))
    change(_get(copy, path[:-1]), path[-1])
    return json.dumps(copy).encode("utf-8")


def _set(value: Any) -> Callable[[Any, Any], None]:
    return lambda parent, key: parent.__setitem__(key, value)


def _numbers(root: Any, text_keys: frozenset[str]) -> list[Path]:
    return [
        path
        for path in _nodes(root)
        if path
        and isinstance(_get(root, path), int | float)
        and not isinstance(_get(root, path), bool)
        and not any(step in text_keys for step in path)
    ]


def _of_dicts(root: Any, text_keys: frozenset[str]) -> list[Path]:
    return [p for p in _nodes(root) if p and isinstance(p[-1], str) and not any(step in text_keys for step in p)]


def key_dropped(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    # A reader with all his records missing is a smaller data set, which nothing can tell.
    path = some(random, [path for path in _of_dicts(root, text) if not _records(_get(root, path))])
    return f"{path} dropped", _with(root, path, lambda parent, key: parent.pop(key))


def _records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def key_renamed(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    path = some(random, _of_dicts(root, text))
    new = some(random, [str(path[-1]).swapcase(), f"{path[-1]}_ms", str(path[-1])[:-1], f"{path[-1]} "])
    if new == path[-1]:
        return None
    return f"{path} renamed {new!r}", _with(root, path, lambda parent, key: parent.__setitem__(new, parent.pop(key)))


def number_garbled(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    path = some(random, _numbers(root, text))
    value = some(random, ["abc", "12", None, True, [1.0], {"a": 1}, "", "1,5"])
    return f"{path} = {value!r}", _with(root, path, _set(value))


def number_impossible(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    path = some(random, _numbers(root, text))
    value = some(random, [float("nan"), float("inf"), -float("inf"), 1e30, -1e30, -99999999])
    return f"{path} = {value!r}", _with(root, path, _set(value))


def node_garbled(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    paths = [path for path in _nodes(root) if path and isinstance(_get(root, path), list | dict)]
    if not paths:
        return None
    path, value = (
        some(random, paths),
        some(random, [None, {}, [], "text", 7, [[1, 2]], {"a": {"b": [1]}}, [None], False]),
    )
    return f"{path} = {value!r}", _with(root, path, _set(value))


def list_shortened(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    """Only lists of numbers: a list of records may have any length."""
    paths = [
        path
        for path in {p[:-1] for p in _numbers(root, text)}
        if path and isinstance(_get(root, path), list) and len(_get(root, path)) > 1
    ]
    if not paths:
        return None
    path = some(random, sorted(paths, key=str))
    values = _get(root, path)
    changed = values[:-1] if random.random() < 0.5 else [*values, values[-1]]
    return f"{path} has {len(changed)} for {len(values)}", _with(root, path, _set(changed))


def key_doubled(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    data = json.dumps(root)
    found = list(re.finditer(r'"[^"\\]+": ', data))
    if not found:
        return None
    match = some(random, found)
    return f"{match.group()} twice", (data[: match.start()] + match.group() + "1, " + data[match.start() :]).encode()


def syntax_broken(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    data = json.dumps(root)
    choices = [
        data + "x",
        data[:-1],
        data.replace('"', "'"),
        data + data,
        data.replace(",", ";"),
        data[1:],
        data[:-1] + "," + data[-1],
    ]
    return "syntax broken", str(some(random, choices)).encode("utf-8")


def root_replaced(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    choices: list[Any] = [None, 7, "text", [], {}, [[]], [None], {"a": 1}, [root, root], {"a": root}, [7, root]]
    if isinstance(root, dict) and len(root) == 1:
        choices.remove({"a": root})
    value = some(random, choices)
    return f"the whole is {json.dumps(value)[:30]}", json.dumps(value).encode("utf-8")


def deep_nesting(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    return "nested too deep", b"[" * 100_000 + b"]" * 100_000


def layout_changed(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    return "spaces and order changed", json.dumps(root, indent=3, sort_keys=bool(random.integers(2))).encode("utf-8")


def unknown_key_added(root: Any, random: Random, text: frozenset[str]) -> Mutated:
    paths = [path for path in _nodes(root) if path and isinstance(_get(root, path), dict)]
    if not paths:
        return None
    path = some(random, paths)
    return f"a foreign key in {path}", _with(root, path, lambda parent, key: parent[key].__setitem__("zz_other", [1]))


JSON: dict[str, Callable[[Any, Random, frozenset[str]], Mutated]] = {
    name.replace("_", " "): globals()[name]
    for name in (
        "key_dropped", "key_renamed", "number_garbled", "number_impossible", "node_garbled", "list_shortened",
        "key_doubled", "syntax_broken", "root_replaced", "deep_nesting", "layout_changed", "unknown_key_added",
    )
}  # fmt: skip
