"""Which columns of a table hold what: their usual names, and the option that says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fldbench.datasets.formats.text import refusal
from fldbench.errors import DataError, near_miss
from fldbench.params import Rule

PATH_NAMES = ("path", "file", "file_name", "filename", "image", "image_path", "image_name", "image_id")
BOX_NAMES = ("box_x0", "box_y0", "box_x1", "box_y1")
SIZED_NAMES = ("box_x", "box_y", "box_width", "box_height")  # of the option `box_size` alone
SINGLE = {"image": "path", "id": "id", "group": "group"}
FOUR = {"box": BOX_NAMES, "box_size": SIZED_NAMES}
KEYS = (*SINGLE, "points", *FOUR)


def _is_columns(value: Any) -> bool:
    def column(one: Any) -> bool:
        return isinstance(one, str) or (isinstance(one, int) and not isinstance(one, bool) and one >= 0)

    def some(one: Any) -> bool:
        return isinstance(one, str) or (isinstance(one, (list, tuple)) and all(map(column, one)))

    return isinstance(value, dict) and all(
        key in KEYS and (column(one) if key in SINGLE else some(one)) for key, one in value.items()
    )


COLUMNS = Rule(
    f"an object with {', '.join(KEYS)}: names or numbers of columns, lists of them, FIRST:LAST, a pattern", _is_columns
)


def renamed(header: Sequence[str], columns: dict[str, Any] | None, file: Path, line: int) -> list[str]:
    """Return the header with the names that the reader knows in place of those that the option gives.

    Raises
    ------
    DataError
        For a column that the table does not have, and for a pattern that fits none or not pairs of columns.

    >>> renamed(["a", "l_x", "l_y"], {"image": "a", "points": "{point}_{axis}"}, Path("a.csv"), 1)
    ['path', 'x0', 'y0']
    >>> renamed(["0", "1", "2"], {"image": 0, "points": "1:2"}, Path("a.csv"), 1)
    ['path', 'x0', 'y0']
    """
    new = list(header)
    for key, given in (columns or {}).items():
        if key in SINGLE:
            chosen, names = [place_of(given, header, key, file, line)], [SINGLE[key]]
        elif key == "points":
            chosen = _several(given, header, key, file, line)
            names = [f"{axis}{i}" for i in range((len(chosen) + 1) // 2) for axis in "xy"]
        else:
            chosen, names = _several(given, header, key, file, line), list(FOUR[key])
        if len(chosen) != len(names):
            wanted = "4" if key in FOUR else "even: x, y, x, y, ..."
            raise refusal(f"the number of columns of {key}", len(chosen), wanted, file, line)
        # A column with one of these names by chance means something else now.
        clash = re.compile(r"[xy]\d{1,6}") if key == "points" else re.compile("|".join(map(re.escape, names)))
        new = ["" if clash.fullmatch(name) and i not in chosen else name for i, name in enumerate(new)]
        for place, name in zip(chosen, names, strict=True):
            new[place] = name
    return new


def _several(given: Any, header: Sequence[str], key: str, file: Path, line: int) -> list[int]:
    """Return the places of the columns of a list, a range or a pattern."""
    if not isinstance(given, str):
        return [place_of(one, header, key, file, line) for one in given]
    if "{axis}" in given:
        return _pattern(given, header, file, line)
    first, colon, last = given.partition(":")
    if not colon:
        raise refusal(key, given, "a list of columns, FIRST:LAST, or a pattern with {point} and {axis}", file, line)
    ends = (word.strip() for word in (first, last))
    numbered = (int(word) if word not in header and word.isdecimal() and len(word) < 7 else word for word in ends)
    low, high = (place_of(end, header, key, file, line) for end in numbered)
    return list(range(low, high + 1))


def place_of(column: str | int, header: Sequence[str], key: str, file: Path, line: int) -> int:
    """Return the place of a column that is given by its name or number; raise DataError if the table lacks it."""
    if isinstance(column, int) and column < len(header):
        return column
    if column not in header:
        what = f"no column {column!r} for {key}" if isinstance(column, str) else f"no column number {column} for {key}"
        raise DataError(f"{what}; {near_miss(str(column), header)}", file, line)
    return list(header).index(str(column))


def _pattern(pattern: str, header: Sequence[str], file: Path, line: int) -> list[int]:
    """Return the places of x and y of each point, by number, or in the order of the header where points have names."""
    form = re.escape(pattern).replace(r"\{point\}", "(?P<point>.+)").replace(r"\{axis\}", "(?P<axis>[xy])")
    found: dict[str, dict[str, int]] = {}
    for place, name in enumerate(header):
        match = re.fullmatch(form, name)
        if match is not None:
            found.setdefault(match.groupdict().get("point", ""), {})[match["axis"]] = place
    if not found or any(len(axes) != 2 for axes in found.values()):
        alone = next((point for point, axes in found.items() if len(axes) != 2), None)
        what = "no column" if alone is None else f"the point {alone!r} with one of x and y"
        raise DataError(f"the pattern {pattern!r} fits {what}; the header is {', '.join(header)[:76]}", file, line)
    return [found[point][axis] for point in _sorted(found) for axis in "xy"]


def _sorted(points: Iterable[str]) -> list[str]:
    names = list(points)
    return sorted(names, key=int) if all(name.isascii() and name.isdigit() for name in names) else names


def check_is_header(names: Sequence[str], file: Path, line: int) -> None:
    """Raise DataError if the first line of a table holds numbers and no names of columns."""
    numbers = [i for i, name in enumerate(names) if re.fullmatch(r"[-+]?\d+\.?\d*(e[-+]?\d+)?", name)]
    if len(numbers) < 2 or any(name in PATH_NAMES or re.fullmatch(r"[xy]\d{1,6}", name) for name in names):
        return
    image = next((i for i in range(len(names)) if i not in numbers), 0)
    columns = f'{{"image": {image}, "points": "{numbers[0]}:{numbers[-1]}"}}'
    raise DataError(
        f"the first line holds numbers, so the table has no header; give header=false and columns={columns}, or other "
        "numbers of columns from 0",
        file,
        line,
    )
