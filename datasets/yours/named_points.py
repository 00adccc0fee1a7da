"""Points that tools know by names: which of them is which point of the scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fldbench.datasets.yours.annotation_file import Annotation, AnnotationFile, scheme_for
from fldbench.errors import DataError
from fldbench.files import listed
from fldbench.params import Rule, optional
from fldbench.schemes import fit_to, get_scheme, list_schemes

NAMES = Rule(
    "a list of different names of points, in the order of the scheme",
    lambda value: (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(one, str) for one in value)
        and len(set(value)) == len(value)
    ),
)


@dataclass(frozen=True)
class NamedFace:
    """A face whose points have names, which may be numbers.

    Attributes
    ----------
    points : dict of str to (x, y)
        Pixels.
    face : Annotation
        Everything else; `points` and `visible` follow from the order of the names.
    hidden : frozenset of str
        The points that are not visible.
    """

    points: dict[str, tuple[float, float]]
    face: Annotation
    hidden: frozenset[str] = frozenset()


class NamedPointsFile(AnnotationFile):
    """Base of the readers of one file with faces whose points have names.

    Parameters
    ----------
    file, scheme
        As in AnnotationFile.
    images : str or Path, optional
        The folder of the images, relative to the file's; None: where the format says, or the file's own.
    points : list of str, optional
        The names of the points in the order of the scheme. None: the scheme's own names, where it has them; names that
        are numbers, in their order; else the order in which the face with the most points names them.
    """

    rules = {**AnnotationFile.rules, "points": optional(NAMES)}

    def __init__(
        self,
        file: str | Path | None = None,
        scheme: str | None = None,
        images: str | Path | None = None,
        points: Sequence[str] | None = None,
    ):
        super().__init__(file, scheme)
        self.images = images
        self.points = points


def in_order(
    faces: Sequence[NamedFace], names: Sequence[str] | None, scheme: str | None, file: Path
) -> tuple[str | None, list[Annotation], tuple[str, ...]]:
    """Return the scheme, as `scheme_for` does, the faces with their points in its order, and what to know about it.

    The order of the points is that of `names`; else that of the names which the scheme itself has, the one asked for or
    the only one with these names; else that of the numbers, where all names are numbers; else that in which the face
    with the most points has them.

    Raises
    ------
    DataError
        For names that are not among those given, for numbers with gaps, and for an order of names in the file whose
        points do not have the shape of the scheme that was asked for.
    """
    used: dict[str, None] = {}
    for face in sorted(faces, key=lambda one: -len(one.points)):  # stable: the first of the fullest faces leads
        used.update(dict.fromkeys(face.points))
    stated = names or _of_scheme(used, scheme) or _numbered(used, scheme, file)
    order = list(stated or used)
    strange = [name for name in used if name not in order]
    if strange:
        what = f"points named {listed([repr(one[:40]) for one in strange])} are not among {listed(order)}"
        raise DataError(f"{what}; give all names in the order of the scheme: points=[...]", file)
    index = {name: i for i, name in enumerate(order)}
    scheme = scheme_for(len(order), scheme, file)  # refuses a number that no scheme has before arrays of it are made
    found = [_annotation(face, index) for face in faces]
    if stated:
        return scheme, found, ()
    _check_order(found, scheme, order, file)
    return scheme, found, (f"points in the order in which the file names them: {', '.join(order)}",)


def _check_order(found: Sequence[Annotation], scheme: str | None, order: list[str], file: Path) -> None:
    """Raise DataError if the points, in the order of their names in the file, do not have the shape of the scheme."""
    landmarks = [one.points for one in found if one.points is not None]
    if scheme is None or not landmarks:  # None: it is recognised by the shape, or refused
        return
    fit = fit_to(np.stack(landmarks), scheme)
    if np.isfinite(fit.residual) and not fit.good:
        what = f"the points, in the order {listed(order)} of the file, do not have the shape of {fit}"
        raise DataError(f"{what}; give the names in the order of the scheme: points=[...]", file)


def _annotation(named: NamedFace, index: dict[str, int]) -> Annotation:
    points = np.full((len(index), 2), np.nan)
    visible = np.ones(len(index), bool)
    for name, place in named.points.items():
        points[index[name]] = place
        visible[index[name]] = name not in named.hidden
    return replace(named.face, points=points if named.points else None, visible=visible)


def _of_scheme(used: dict[str, None], scheme: str | None) -> tuple[str, ...] | None:
    """Return the names that a scheme has, of the scheme asked for, or of the only one that has exactly these."""
    if scheme is not None:
        own = get_scheme(scheme).names
        return own if own is not None and set(used) <= set(own) else None
    known = (get_scheme(one).names for one in list_schemes())
    fitting = [own for own in known if own is not None and set(own) == set(used)]
    return fitting[0] if len(fitting) == 1 else None


def _numbered(used: dict[str, None], scheme: str | None, file: Path) -> list[str] | None:
    """Return names that are numbers in their order, counted from 0 or 1; None for other names."""
    if not all(name.isascii() and name.isdigit() and len(name) < 7 for name in used):
        return None
    known = {int(name): name for name in used}
    first = 0 if 0 in known else 1
    count = len(known) if scheme is None else get_scheme(scheme).n_points
    numbers = range(first, first + count)
    strange = sorted(known.keys() - set(numbers))
    if strange or len(known) < len(used):
        what = f"{listed(strange)} among the numbers of points, which must be {first} to {first + count - 1}"
        raise DataError(f"{what}; give scheme='...' if points are absent from all faces", file)
    return [known.get(number, str(number)) for number in numbers]
