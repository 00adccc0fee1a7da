"""Attribute: what the codes of one attribute of a face mean, such as those of gender or pose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fldbench.errors import DataError, must_be

UNKNOWN = -1
CLASSES = "two or more names, each of them once, none with blanks around it, empty or 'unknown', which has the code -1"


@dataclass(frozen=True)
class Attribute:
    """The classes of an attribute, in the order of their codes 0, 1, ...

    Attributes
    ----------
    classes : tuple of str
        Two or more names, each once; `unknown` is none of them, because the code -1 stands for it.
    mirrored : bool
        Whether the mirror image has another class: the last for the first, and so on, as a pose to the left becomes one
        to the right. The order of the classes is then from one side to the other.
    ordered : bool
        Whether neighbours in the order are alike, so that the distance between two classes says how wrong an answer is.

    Raises
    ------
    DataError
        For fewer than two classes, for one that is given twice, and for what is no name of a class.

    Examples
    --------
    >>> pose = Attribute(("left", "frontal", "right"), mirrored=True, ordered=True)
    >>> pose.mirror
    (2, 1, 0)
    """

    classes: tuple[str, ...]
    mirrored: bool = False
    ordered: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        names = all(isinstance(name, str) and name == name.strip() not in ("", "unknown") for name in self.classes)
        if not names or len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise DataError(must_be("an attribute", "classes", self.classes, CLASSES))

    @property
    def mirror(self) -> tuple[int, ...]:
        """The code that each code becomes in the mirror image, (k,)."""
        codes = tuple(range(len(self.classes)))
        return codes[::-1] if self.mirrored else codes


NO_YES = Attribute(("no", "yes"))


def codes_out_of_range(codes: np.ndarray, attribute: Attribute) -> np.ndarray:
    """Return which codes, (n,) int, are neither a class of the attribute nor -1 for unknown: (n,) bool.

    >>> codes_out_of_range(np.array([-2, -1, 0, 1, 2]), NO_YES).tolist()
    [True, False, False, False, True]
    """
    return (codes < UNKNOWN) | (codes >= len(attribute.classes))


def any_known(attributes: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Return which of n faces have an attribute that is known: name -> (n,) int becomes (n,) bool.

    >>> any_known({"smile": np.array([-1, 0, -1]), "age": np.array([-1, -1, 30])}, 3).tolist()
    [False, True, True]
    """
    return np.any([codes != UNKNOWN for codes in attributes.values()] or np.zeros((1, n), bool), axis=0)
