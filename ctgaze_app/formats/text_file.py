"""The bytes of a text file, checked before anything reads numbers out of them."""

from __future__ import annotations

from pathlib import Path

from ctgaze_app.formats.contract import FormatError, at

_OTHER_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_MARK = b"\xef\xbb\xbf"


def read_text_bytes(path: Path, *, encoding: str = "utf-8") -> bytes:
    """The file as UTF-8 without a byte order mark.

    Raises
    ------
    FormatError
        When it is no file, cannot be read, is empty, holds NUL bytes, or is not text in `encoding`; the line names the
        byte (from 0) and the line where that shows.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError("this is a folder, not a file", place=at(path), remedy="name a file in it")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise FormatError("there is no such file", place=at(path), remedy="check its name") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FormatError(f"cannot be read: {reason}", place=at(path), remedy="check its rights") from error
    return checked_text(data, path, encoding=encoding)


def first_bytes(path: Path, count: int) -> bytes:
    """How a file begins, nothing of a folder; for hints."""
    if not path.is_file():
        return b""
    with path.open("rb") as stream:
        return stream.read(count)


def checked_text(data: bytes, path: Path | str, *, encoding: str = "utf-8") -> bytes:
    """`data` as UTF-8 without a byte order mark; raises as `read_text_bytes` does."""
    for mark, name in _OTHER_MARKS:
        if data.startswith(mark) and encoding.lower().replace("-", "") != name.lower().replace("-", ""):
            raise FormatError(
                f"is {name}, not {encoding} (byte order mark at byte 0)",
                place=at(path),
                remedy=f"save it as {encoding}",
            )
    plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii")
    if plain:
        data = data.removeprefix(_UTF8_MARK)
    if not plain or not data.isascii():
        try:
            text = data.decode(encoding)
        except LookupError as error:
            raise FormatError(
                f"{encoding[:40]!r} is no encoding", place=at(path), remedy="name one, utf-8 say"
            ) from error
        except UnicodeDecodeError as error:
            raise FormatError(
                f"is not {encoding}: 0x{data[error.start]:02X} at byte {error.start}, line {_line(data, error.start)}",
                place=at(path),
                remedy=f"save it as {encoding}; the bytes may be Windows-1252 or Latin-1",
            ) from error
        data = data if plain else text.encode("utf-8").removeprefix(_UTF8_MARK)
    null = data.find(b"\0")
    if null >= 0:
        raise FormatError(
            f"holds a NUL byte at byte {null}, line {_line(data, null)}: damaged, or not a text file in {encoding}",
            place=at(path),
            remedy=f"save it as {encoding} text",
        )
    if not data or data.isspace():
        raise FormatError("the file is empty", place=at(path), remedy="restore it from a copy")
    return data


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
