"""Columns of a table that hold attributes: what the option `attributes` says of them, and their cells as codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fldbench.datasets.formats.text import SHOWN, refusal
from fldbench.datasets.yours.columns import place_of
from fldbench.errors import DataError
from fldbench.faces import Attribute
from fldbench.faces.attributes import CLASSES, UNKNOWN
from fldbench.faults import Faults
from fldbench.params import Rule

BLANK = ("", "nan", "na", "n/a", "null", "unknown", str(UNKNOWN))  # words for an attribute that is not known
KEYS = ("column", "classes", "mirrored", "ordered")
MOST = 50  # different words that are taken for classes where nobody says that they are
LARGEST = 10**9  # of a plain number
_WHOLE = re.compile(r"[-+]?\d{1,12}")


def _is_attributes(value: Any) -> bool:
    def name(one: Any) -> bool:
        return isinstance(one, (str, int)) and not isinstance(one, bool)

    def spec(one: Any) -> bool:
        classes, flags = one.get("classes"), [one.get(key, False) for key in ("mirrored", "ordered")]
        listed = isinstance(classes, (list, tuple)) and all(map(name, classes))
        return (
            set(one) <= set(KEYS)
            and name(one.get("column", ""))
            and (classes is None or listed)
            and all(isinstance(flag, bool) for flag in flags)
            and (listed or not any(flags))  # the order of the classes gives both their meaning
        )

    if isinstance(value, (list, tuple)):
        return all(isinstance(one, str) and one for one in value)
    return isinstance(value, dict) and all(
        isinstance(key, str) and key and isinstance(one, dict) and spec(one) for key, one in value.items()
    )


ATTRIBUTES = Rule(
    f"names of columns, or an object from names of attributes to objects with {', '.join(KEYS)}: a name or number, a "
    "list of names (in YAML 'no' and 'yes' need quotes), and true or false, which need the list",
    _is_attributes,
)


class AttributeColumn(NamedTuple):
    """One attribute: its name, the place of its column, and what its codes mean, if the user says so."""

    name: str
    place: int
    attribute: Attribute | None


class Cells(NamedTuple):
    """The cells of the attributes of one face, in the order of the columns, and the line that they are in."""

    words: tuple[str, ...]
    line: int


def attribute_columns(given: Any, header: Sequence[str], file: Path, line: int) -> list[AttributeColumn]:
    """Return the attributes that the option names, in its order.

    Raises
    ------
    DataError
        For a column that the table does not have, and for classes that cannot be.

    >>> option = {"pose": {"column": "turn", "classes": ["left", "right"], "mirrored": True}}
    >>> [(one.name, one.place, one.attribute.mirror) for one in attribute_columns(option, ["a", "turn"], "a.csv", 1)]
    [('pose', 1, (1, 0))]
    """
    found = []
    specs: Mapping[str, Any] = given if isinstance(given, Mapping) else {name: {} for name in given or ()}
    for name, spec in specs.items():
        place = place_of(spec.get("column", name), header, f"the attribute {name}", file, line)
        attribute = None
        if spec.get("classes") is not None:
            flags = {key: spec.get(key, False) for key in ("mirrored", "ordered")}
            try:
                attribute = Attribute(tuple(map(str, spec["classes"])), **flags)
            except DataError as error:
                raise refusal(f"classes of the attribute {name}", spec["classes"], CLASSES, file) from error
        found.append(AttributeColumn(name, place, attribute))
    return found


def coded(
    columns: Sequence[AttributeColumn], faces: Sequence[Cells], file: Path, faults: Faults
) -> tuple[dict[str, Attribute], list[dict[str, int] | None], list[str]]:
    """Return what the codes mean, the codes of each face, and what a user should know.

    A cell is a class, or its code from 0 where no class is a whole number itself. Without classes a column of whole
    numbers holds plain numbers, and a column of words has these as classes, sorted.

    Parameters
    ----------
    columns : sequence of AttributeColumn
    faces : sequence of Cells
    file : Path
    faults : Faults
        Notes the faces with a cell that cannot be understood.

    Returns
    -------
    types : dict of str to Attribute
        Without the plain numbers.
    codes : list of (dict of str to int, or None)
        One for each face; -1 where the attribute is not known, None for a faulty face.
    notes : list of str
        One line for each attribute whose classes nobody gave.
    """
    types, notes = {}, []
    for i, column in enumerate(columns):
        attribute = column.attribute
        if attribute is None:
            attribute = _found(column.name, [(one.words[i], one.line) for one in faces], file)
            if attribute is not None:
                said = ", ".join(attribute.classes)
                notes.append(f"attribute {column.name}: classes {said}; give `classes` if other files have others")
        if attribute is not None:
            types[column.name] = attribute
    codes: list[dict[str, int] | None] = []
    for one in faces:
        own: dict[str, int] | None = None
        with faults:
            own = {
                column.name: _code(column.name, types.get(column.name), word, file, one.line)
                for column, word in zip(columns, one.words, strict=True)
            }
        codes.append(own)
    return types, codes, notes


def _found(name: str, cells: list[tuple[str, int]], file: Path) -> Attribute | None:
    """Return the attribute whose classes are the words of a column; None for plain numbers."""
    words = sorted({word for word, _ in cells if word.lower() not in BLANK and not _WHOLE.fullmatch(word)})
    if not words:
        return None
    if any(_WHOLE.fullmatch(word) and word.lower() not in BLANK for word, _ in cells):
        allowed = "a whole number or nothing, as in other rows; or give `classes`"
        first, line = next(cell for cell in cells if cell[0] in words)
        raise refusal(f"the attribute {name}", first[:SHOWN], allowed, file, line)
    if not 2 <= len(words) <= MOST:
        allowed = f"2 to {MOST}; give `classes` if these are all"
        raise refusal(f"the number of different words of the attribute {name}", len(words), allowed, file)
    return Attribute(tuple(words))


def _code(name: str, attribute: Attribute | None, word: str, file: Path, line: int) -> int:
    """Return the code of a cell."""
    if attribute is not None and word in attribute.classes:
        return attribute.classes.index(word)
    if word.lower() in BLANK:
        return UNKNOWN
    number = int(word) if _WHOLE.fullmatch(word) else None
    if attribute is None:
        if number is not None and 0 <= number <= LARGEST:
            return number
        raise refusal(f"the attribute {name}", word[:SHOWN], "a whole number from 0, or nothing", file, line)
    has_codes = not any(map(_WHOLE.fullmatch, attribute.classes))
    if number is not None and has_codes and 0 <= number < len(attribute.classes):
        return number
    classes = ", ".join(f"{code} {one}" if has_codes else one for code, one in enumerate(attribute.classes))
    raise refusal(f"the attribute {name}", word[:SHOWN], f"{classes}, or nothing for unknown", file, line)
