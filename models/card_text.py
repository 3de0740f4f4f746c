"""Plain values as TOML that people read: long texts folded, tables apart, numbers with all their digits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 110

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_FOLD = re.compile(r"(?<=\S) (?=\S)")


def toml_text(values: Mapping[str, Any]) -> str:
    """TOML of text, numbers, truth values, lists and tables; a reader of TOML gets the same values back."""
    return "\n".join(_table(values, ())).strip() + "\n"


def _table(values: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(name)} = {_value(value)}" for name, value in values.items() if not isinstance(value, Mapping)]
    for name, value in values.items():
        if not isinstance(value, Mapping):
            continue
        inner = (*place, name)
        if _is_leaf(value) and _is_small(value) and place:
            lines.insert(_end_of_values(lines), f"{_key(name)} = {_inline(value)}")
        else:
            lines += ["", f"[{'.'.join(_key(part) for part in inner)}]", *_table(value, inner)]
    return lines


def _end_of_values(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines) if not line), len(lines))


def _is_leaf(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(one, Mapping | list | tuple) for one in value.values())


def _is_small(value: Mapping[str, Any]) -> bool:
    return len(_inline(value)) <= WIDTH - 30


def _inline(value: Mapping[str, Any]) -> str:
    return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}" if value else "{}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return _inline(value)
    if isinstance(value, list | tuple):
        inside = [_value(one) for one in value]
        short = f"[{', '.join(inside)}]"
        if len(short) <= WIDTH and "\n" not in short:
            return short
        return "[\n" + "".join(f"  {one},\n" for one in inside) + "]"
    return repr(value)


def _text(text: str) -> str:
    """A basic string, folded at single spaces when it is long: TOML drops a line's end after a backslash."""
    # TOML drops white space after a folded line: text that begins with some stays in one line.
    if len(text) <= WIDTH - 10 or text[0].isspace():
        return _quoted(text)
    lines, line = [], ""
    for word in _FOLD.split(text):
        if line and len(line) + len(word) >= WIDTH:
            lines.append(f"{line} ")
            line = word
        else:
            line = f"{line} {word}" if line else word
    if not lines:
        return _quoted(text)
    escaped = [_quoted(one)[1:-1] for one in [*lines, line]]
    return '"""\\\n' + "\\\n".join(escaped) + '"""'


def _quoted(text: str) -> str:
    # JSON escapes what TOML wants escaped, but for the character 127.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
