"""Exclude lists: which faces to leave out and why, as a text file that suites can name.

A line is `id<TAB>kind<TAB>reason` in UTF-8; blank lines and lines that begin with # are comments. A face may have
several lines, one for each reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.escape import plain
from fldbench.faces import FaceSet
from fldbench.files import read_text, write_text

HEADER = "# faces to leave out: id<TAB>kind<TAB>reason; delete a line to keep the face\n"
LARGEST = 10**8  # bytes of a list
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PART = "after exclusions"  # the entry of FaceSet.parts that says how many are left


@dataclass(frozen=True)
class Exclude:
    """One line of the list.

    Attributes
    ----------
    id : str
        Of the face.
    kind : str
        Of the fault; see `fldbench.curate.verify.KINDS`.
    reason : str
        In words.
    """

    id: str
    kind: str
    reason: str


class _Reason(Protocol):
    """What `excludes_from` needs of a finding."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def message(self) -> str: ...


def excludes_from(findings: Iterable[_Reason]) -> list[Exclude]:
    """Return one line for each finding that names a face; findings about a whole set are left out."""
    return [Exclude(one.id, one.kind, _one_line(one.message)) for one in findings if one.id]


def write_excludes(path: str | Path, excludes: Iterable[Exclude]) -> Path:
    """Write the list, whole or not at all, and return its path.

    Raises
    ------
    DataError
        For an id that a line cannot hold.
    StoreError
        When the file cannot be written.
    """
    excludes = list(excludes)
    for one in excludes:
        name = _written(one.id)
        if not name.strip() or name != name.strip() or name.startswith("#"):
            allowed = "a name with no # at its start and no blank at either end"
            raise DataError(must_be("exclude list", "the id", one.id, allowed))
    lines = [f"{_written(one.id)}\t{_one_line(one.kind)}\t{_one_line(one.reason)}\n" for one in excludes]
    return write_text(path, HEADER + "".join(lines))


def read_excludes(path: str | Path) -> list[Exclude]:
    """Return the lines of an exclude list. A line may lack its reason, or both: an id alone is enough.

    Raises
    ------
    DataError
        Names file and line.
    """
    if Path(path).is_file() and not Path(path).read_bytes().strip():
        return []  # the user deleted every line, to keep all faces
    found = []
    for number, line in enumerate(read_text(path, most=LARGEST).split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) > 3 or not fields[0].strip():
            raise DataError(must_be("exclude list", "the line", line, "id<TAB>kind<TAB>reason"), path, number)
        found.append(Exclude(fields[0].strip(), *[*fields[1:], "", ""][:2]))
    return found


def without(faces: FaceSet, excludes: Iterable[Exclude]) -> FaceSet:
    """Return the faces that no line names.

    The entry "after exclusions" of `parts` says how many of how many are left. Leaderboards print `parts`, so that a
    table says what was left out. The list may contain ids of other splits. Ids that UTF-8 cannot hold are compared as
    they are written, with backslash escapes.
    """
    named = {_written(one.id) for one in excludes}
    keep = np.array([_written(face) not in named for face in faces.ids.tolist()], bool)
    rest = faces[keep]
    before = faces.parts.get(PART, (0, len(faces)))[1]
    return replace(rest, parts={**rest.parts, PART: (len(rest), before)})


def _written(face: str) -> str:
    """Return an id as the list holds it: control letters and bytes that are no UTF-8 by their escapes."""
    return plain(face) if _UNWRITABLE.search(face) else face


def _one_line(text: str) -> str:
    return " ".join(text.split())
