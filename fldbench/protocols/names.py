"""The grammar of protocol names, BASE@MODIFIER,MODIFIER,..., and the names that the first version had."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from fldbench.errors import ProtocolError, must_be, near_miss
from fldbench.faces.harm import HARMS
from fldbench.metrics import percent_digits
from fldbench.protocols.legacy import TWINS

# All modifiers in the order of canonical names: key -> (how it is written, what it does).
MODIFIERS: dict[str, tuple[str, str]] = {
    "twin": ("|".join(TWINS), "that code's rules, as far as known"),
    "norm": ("interocular, interpupil, norm=NAME", "NAME: box, diagonal, points:8/9 ..."),
    "boxes": ("boxes=tight|jittered:S|detected:D", "box of a method; or official"),
    "harm": ("blur=1..5, noise=1..5 ...", "worse images or boxes: list harms"),
    "points": ("points=49|51|66|17-67|nose+30", "only these points count"),
    "visible": ("visible", "only points marked visible count"),
    "first": ("first=N", "the first N faces by id"),
    "t": ("t=0.08+0.10", "thresholds of FR; AUC takes the first"),
    "auc": ("auc=menpo|mdm|fan|san|luvli|spiga", "AUC by that code's rule"),
    "missed": ("missed=mean-shape|value:X|skipped", "what a missed face counts"),
    "reduction": ("reduction=macro|micro|median", "NME by face, by point, or the median"),
    "offset": ("offset=-1", "px added to the predictions"),
    "strict": ("strict", "success is error < t, not <="),
    "integer": ("integer", "predictions cut to whole pixels"),
    "rounded": ("rounded", "predictions rounded to whole pixels"),
    "clipped": ("clipped", "true points clipped to the given box"),
    "stretched": ("stretched", "measured in the box, made a square"),
    "diluted": ("diluted", "sums divided by all points chosen"),
    "unshifted": ("unshifted", "without the answers' common shift"),
}
NOT_KEYS = ("twin", "harm")  # rows of the table above that stand for the names of twins, and for kinds of harm
SHORT = {"interocular": "inter-ocular", "interpupil": "inter-pupil"}
FLAGS = ("visible", "strict", "integer", "rounded", "clipped", "stretched", "diluted", "unshifted")

# The bases of the first version. It enumerated them with the suffixes -interpupil and -jittered, in this order.
FIRST_VERSION = (
    *("300w-helen", "300w-lfpw", "300w-common", "300w-challenging", "300w-full", "cofw68", "mtfl-test"),
    *("youtube-faces-test", "youtube-faces-disjoint", "imm-frontal", "synthetic-test"),
)


def of_today(name: str) -> str:
    """Return the canonical name of a protocol of the first version; any other name unchanged.

    >>> of_today("300w-helen-interpupil-jittered"), of_today("my-jittered")
    ('300w-helen@interpupil,boxes=jittered:0.05', 'my-jittered')
    """
    rest = name
    modifiers: list[str] = []
    for suffix, modifier in (("-jittered", "boxes=jittered:0.05"), ("-interpupil", "interpupil")):
        if rest.endswith(suffix):
            rest, modifiers = rest.removesuffix(suffix), [modifier, *modifiers]
    return f"{rest}@{','.join(modifiers)}" if modifiers and rest in FIRST_VERSION else name


def parse(name: str) -> tuple[str, dict[str, str]]:
    """Return the base's name and the modifiers, key -> value, of a name in any order and spelling.

    Modifiers are divided by commas or further @. Values are checked where they are applied. Raises ProtocolError for
    a modifier that is unknown or given twice.

    >>> parse("300w-helen@boxes=jittered@interpupil, integer")
    ('300w-helen', {'boxes': 'jittered', 'norm': 'inter-pupil', 'integer': ''})
    """
    base, at, rest = of_today(name.strip()).partition("@")
    found: dict[str, str] = {}
    for word in rest.replace("@", ",").split(",") if at else []:
        key, value = _modifier(word.strip(), name)
        if key in found:
            raise ProtocolError(f"protocol {name!r}: the modifier {key!r} is given twice; write it once")
        found[key] = value
    return base, found


def _modifier(word: str, name: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in word.partition("="))
    if not equals and key in TWINS:
        return "twin", key
    if not equals and key in SHORT:
        return "norm", SHORT[key]
    if key in HARMS and equals:
        return key, value
    if key in MODIFIERS and key not in NOT_KEYS and bool(equals) == (key not in FLAGS):
        return key, value
    known = [*SHORT, *(key for key in MODIFIERS if key not in NOT_KEYS), *HARMS, *TWINS]
    forms = [key if key in (*FLAGS, *SHORT, *TWINS) else f"{key}=..." for key in known]
    raise ProtocolError(
        must_be(f"protocol {name!r}", "a modifier", word, f"one of {', '.join(forms)}", suggestion(key, known))
    )


def is_modifier(word: str) -> bool:
    """Return whether a word has the form of a modifier.

    >>> is_modifier("first=20"), is_modifier("interpupil"), is_modifier("300w-helen")
    (True, True, False)
    """
    try:
        _modifier(word, word)
    except ProtocolError:
        return False
    return True


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return `did you mean ...?` if a known name is near, else an empty string."""
    near = near_miss(str(name), known)
    return near if near.startswith("did you mean") else ""


def number(text: str) -> float:
    """Return a decimal number in a protocol's name as a float; NaN if it is not a number.

    >>> number("0.10"), number("ten"), number("1e-1")
    (0.1, nan, nan)
    """
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    return float(text) if plain else math.nan


def decimals(value: float) -> str:
    """Return a fraction as protocol names write it: with all its digits, and two decimals or more.

    >>> decimals(0.1), decimals(0.075), decimals(1)
    ('0.10', '0.075', '1.00')
    """
    text = np.format_float_positional(value, trim="-")
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"


def percent(fraction: float) -> str:
    """Return a fraction in percent with all its digits and no more.

    >>> percent(0.08), percent(0.075), percent(0.1)
    ('8', '7.5', '10')
    """
    return percent_digits(fraction).removeprefix("0")
