"""The table of all schemes, by name: those that come with fldbench, and those that were registered."""

from __future__ import annotations

from functools import cache
from typing import Any

from fldbench import registry
from fldbench.errors import DataError, UnknownNameError
from fldbench.schemes import aflw, cofw, dlib, helen, ibug, imm, jd, kaggle, menpo, mtfl, muct, webmorph, wflw, youtu
from fldbench.schemes.scheme import Scheme

FAMILIES = (ibug, mtfl, wflw, imm, youtu, cofw, aflw, kaggle, muct, helen, menpo, jd, webmorph, dlib)


@cache
def built_in() -> dict[str, Scheme]:
    """Return the schemes that come with fldbench, by their names."""
    return {scheme.name: scheme for family in FAMILIES for scheme in family.SCHEMES}


def list_schemes() -> list[str]:
    """Return the names of the schemes.

    >>> list_schemes()[:6]
    ['ibug-68', 'ibug-51', 'ibug-49', 'mtfl-5', 'wflw-98', 'imm-58']
    """
    return registry.names("scheme")


def get_scheme(name: str) -> Scheme:
    """Return the scheme of that name; raise UnknownNameError with the nearest known name otherwise."""
    known = built_in().get(name) if isinstance(name, str) else None
    if known is not None:
        return known
    if not isinstance(name, str) or name not in registry.table("scheme"):
        raise UnknownNameError(registry.unknown("scheme", name))
    return registry.resolve("scheme", name)


def own_schemes() -> dict[str, Scheme]:
    """Return the schemes that were registered, by their names."""
    return {name: get_scheme(name) for name in list_schemes() if name not in built_in()}


def add_scheme(scheme: Scheme) -> Scheme:
    """Make a scheme known by its name, once or again.

    Raises
    ------
    DataError
        For a name that another scheme has.
    """
    if scheme.name not in registry.table("scheme"):
        registry.register("scheme", scheme.name, scheme)
    elif get_scheme(scheme.name).digest != scheme.digest:
        raise DataError(
            f"scheme {scheme.name!r} is known already with {_difference(get_scheme(scheme.name), scheme)}; "
            "two schemes of one name would be mixed up: choose another name"
        )
    return get_scheme(scheme.name)


def identity_of(name: str) -> str:
    """Return what tells a scheme from every other: its name, and for one that was registered its content.

    >>> identity_of("ibug-68")
    'ibug-68'
    """
    scheme = get_scheme(name)
    return name if name in built_in() else f"{name} {scheme.digest}"


def content_of(name: str) -> dict[str, Any] | None:
    """Return what files keep beside a scheme's name, so that they can be read where nobody has registered it.

    None for a scheme that comes with fldbench.
    """
    return None if name in built_in() or name not in list_schemes() else get_scheme(name).to_dict()


def remember(content: dict[str, Any] | None) -> None:
    """Make a scheme known that `content_of` wrote into a file.

    Raises
    ------
    DataError
        For content that is no scheme, and for a name that another scheme has here.
    """
    if content is not None:
        add_scheme(Scheme.from_dict(content))


def _difference(known: Scheme, other: Scheme) -> str:
    if known.n_points != other.n_points:
        return f"{known.n_points} points, not {other.n_points}"
    one, two = known.to_dict(), other.to_dict()
    return f"other {', '.join(key for key in one if key != 'source' and one[key] != two[key])}"
