"""The table of all schemes, by name."""

from __future__ import annotations

from fldbench.errors import UnknownNameError, near_miss
from fldbench.schemes import aflw, cofw, helen, ibug, imm, jd, kaggle, menpo, mtfl, muct, webmorph, wflw, youtu
from fldbench.schemes.scheme import Scheme

FAMILIES = (ibug, mtfl, wflw, imm, youtu, cofw, aflw, kaggle, muct, helen, menpo, jd, webmorph)

_SCHEMES: dict[str, Scheme] = {scheme.name: scheme for family in FAMILIES for scheme in family.SCHEMES}


def list_schemes() -> list[str]:
    """Return the names of the schemes.

    >>> list_schemes()[:6]
    ['ibug-68', 'ibug-51', 'ibug-49', 'mtfl-5', 'wflw-98', 'imm-58']
    """
    return list(_SCHEMES)


def get_scheme(name: str) -> Scheme:
    """Return the scheme of that name; raise UnknownNameError with the nearest known name otherwise."""
    if name not in _SCHEMES:
        raise UnknownNameError(f"no scheme named {name!r}; {near_miss(name, _SCHEMES)} (see `fldbench list schemes`)")
    return _SCHEMES[name]
