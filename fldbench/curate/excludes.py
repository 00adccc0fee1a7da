"""Exclude lists: which faces to leave out and why, as a text file that suites can name; nothing leaves in silence.

A line is `id<TAB>kind<TAB>reason` in UTF-8; blank lines and lines that begin with # are comments. A face may stand in
several lines, one a reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from fldbench.errors import DataError, StoreError
from fldbench.faces import FaceSet

HEADER = "# faces to leave out: id<TAB>kind<TAB>reason; delete a line to keep the face\n"
PART = "after exclusions"  # the entry of FaceSet.parts that says how many are left


@dataclass(frozen=True)
class Exclude:
    """One line: the face's id, the kind of fault, the reason in words."""

    id: str
    kind: str
    reason: str


class _Reason(Protocol):
    id: str
    kind: str
    message: str


def excludes_from(findings: Iterable[_Reason]) -> list[Exclude]:
    """One line for each finding that names a face; findings about a whole set are left out."""
    return [Exclude(one.id, one.kind, " ".join(one.message.split())) for one in findings if one.id]


def write_excludes(path: str | Path, excludes: Iterable[Exclude]) -> Path:
    """Writes the list, whole or not at all, and returns its path.

    Raises DataError for an id that a line cannot hold, StoreError when the file cannot be written.
    """
    excludes = list(excludes)
    for one in excludes:
        if not one.id.strip() or one.id != one.id.strip() or one.id.startswith("#") or set(one.id) & set("\t\n\r"):
            raise DataError(f"the id {one.id!r} cannot stand in an exclude list: it must not be empty, begin with # or "
                            "hold tabs, line ends or blanks at its ends")  # fmt: skip
    path = Path(path)
    text = "".join(f"{one.id}\t{_word(one.kind)}\t{_word(one.reason)}\n" for one in excludes)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(HEADER + text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; the folder must exist and be writable") from error
    return path


def read_excludes(path: str | Path) -> list[Exclude]:
    """The lines of an exclude list. A line may lack its reason, or both: an id alone is enough.

    Raises DataError that names file and line.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}); give an exclude list", path) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError("not UTF-8 text; an exclude list is id<TAB>kind<TAB>reason a line", path, line) from error
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) > 3 or not fields[0].strip() or "\0" in line:
            raise DataError(f"{line[:60]!r} is no line of an exclude list; allowed is id<TAB>kind<TAB>reason",
                            path, number)  # fmt: skip
        found.append(Exclude(fields[0].strip(), *[*fields[1:], "", ""][:2]))
    return found


def without(faces: FaceSet, excludes: Iterable[Exclude]) -> FaceSet:
    """The faces that no line names; `parts` of the answer says how many of how many are left ("after exclusions").

    Leaderboards print `parts`, so that a table says what was left out. Ids of other splits may stand in the list.
    """
    named = {one.id for one in excludes}
    keep = np.array([face not in named for face in faces.ids.tolist()], bool)
    rest = faces[keep]
    before = faces.parts.get(PART, (0, len(faces)))[1]
    return replace(rest, parts={**rest.parts, PART: (len(rest), before)})


def _word(text: str) -> str:
    return " ".join(text.split())
