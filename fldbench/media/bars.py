"""Attributes of a face as a panel for below its picture: bars of probabilities, or the names of the classes.

A bar ends where the probability is; it has one colour if its class is the answer, a second one if the answer is wrong,
and is dim if it is not the answer. The colours are Okabe and Ito's sky blue and orange, which colour-blind people tell
apart. A white tick stands where the bar should end. An unknown truth has no tick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fldbench.errors import DataError, must_be, near_miss
from fldbench.faces.attributes import NO_YES, UNKNOWN
from fldbench.media.draw import as_rgb
from fldbench.media.lettering import fitted, text_width, write_text

GROUND, TRACK = (32, 32, 32), (66, 66, 66)
ANSWER, WRONG, OTHER = (86, 180, 233), (230, 159, 0), (72, 112, 138)
TICK, BRIGHT, DIM = (255, 255, 255), (240, 240, 240), (165, 165, 165)
NARROWEST = 140  # px of a panel
_USUAL = 160  # px of a panel whose letters have 10 px


class _Row(NamedTuple):
    """A line of a panel: a label, and a bar or a word; `tick` is 0 or 1, where the bar should end.

    A line that `heads` others has no bar, and its word stands at the right; of a title the end is kept if it is cut.
    """

    label: str
    word: str = ""
    bar: float | None = None
    tick: int | None = None
    colour: tuple[int, int, int] = OTHER
    bright: bool = False
    heads: bool = False
    title: bool = False
    indent: int = 0


def attribute_bars(
    image,
    probabilities: Mapping[str, Sequence[float] | np.ndarray],
    classes: Mapping[str, Sequence[str]],
    truth: Mapping[str, int] | None = None,
    width: int | None = None,
) -> np.ndarray:
    """Return a new RGB image: a face, and below it the probabilities of its attributes as bars.

    An attribute with the classes no and yes is one bar, the probability of yes; any other has its name in a line, and
    below it one bar for each class. A name that is too long is cut.

    Parameters
    ----------
    image : array_like
        uint8, RGB (h, w, 3) or grey (h, w); scaled to the width.
    probabilities : mapping of str to array_like
        Attribute -> (k,), from 0 to 1; NaN for an attribute that was not answered.
    classes : mapping of str to sequence of str
        Attribute -> the names of its k classes, as `classes_` of a method and `Attribute.classes` have them.
    truth : mapping of str to int, optional
        Attribute -> code of its class; -1, or no entry, where it is not known.
    width : int, optional
        Of the result, px, 140 or more; by default that of the image, and 160 for a smaller one.

    Returns
    -------
    ndarray
        uint8 (h width / w + height of the panel, width, 3).

    Raises
    ------
    DataError
        For probabilities that do not fit the classes, and for a code that is none.

    Examples
    --------
    >>> face = np.zeros((80, 80, 3), np.uint8)
    >>> classes = {"smile": ("no", "yes"), "gender": ("male", "female")}
    >>> attribute_bars(face, {"smile": [0.07, 0.93], "gender": [0.6, 0.4]}, classes, {"gender": 1}).shape
    (219, 160, 3)
    """
    import cv2

    picture = as_rgb(image)
    width = max(_USUAL, picture.shape[1]) if width is None else width
    panel = bar_panel(probabilities, classes, truth, width)
    factor = width / picture.shape[1]
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(picture, (width, max(1, round(picture.shape[0] * factor))), interpolation=kind)
    return np.concatenate([scaled, panel])


def bar_panel(
    probabilities: Mapping[str, Sequence[float] | np.ndarray],
    classes: Mapping[str, Sequence[str]],
    truth: Mapping[str, int] | None = None,
    width: int = _USUAL,
    title: str = "",
    remark: str = "",
) -> np.ndarray:
    """Return only the bars of `attribute_bars`, RGB uint8 (h, width, 3).

    Title and remark share a line above the bars: at its left, and at its right.

    >>> bar_panel({"smile": [0.1, 0.9]}, {"smile": ("no", "yes")}).shape
    (20, 160, 3)
    """
    rows = _title(title, remark)
    for name, given in probabilities.items():
        if name not in classes:
            raise DataError(f"attribute {name!r} has probabilities and no classes; {near_miss(name, classes)}")
        names = tuple(classes[name])
        rows += _rows_of(name, _checked(name, given, len(names)), names, _code(name, truth, len(names)))
    return _panel(rows, width)


def word_panel(words: Mapping[str, str], width: int = _USUAL, title: str = "", remark: str = "") -> np.ndarray:
    """Return lines of names and words, such as attributes and their classes, RGB uint8 (h, width, 3).

    Title and remark are as for `bar_panel`.

    >>> word_panel({"pose": "left", "gender": "female"}).shape
    (33, 160, 3)
    """
    return _panel([*_title(title, remark), *(_Row(name, word) for name, word in words.items())], width)


def _title(title: str, remark: str) -> list[_Row]:
    return [_Row(title, remark, heads=True, title=True)] if title or remark else []


def _checked(name: str, given: Sequence[float] | np.ndarray, k: int) -> np.ndarray:
    """Return the probabilities (k,) of one attribute, all NaN if one is."""
    found = np.asarray(given, float)
    if found.shape != (k,):
        raise DataError(must_be(f"attribute {name!r}", "the shape of the probabilities", found.shape, f"({k},)"))
    if np.isnan(found).any():
        return np.full(k, np.nan)
    if not ((found > -1e-6) & (found < 1 + 1e-6)).all():
        raise DataError(must_be(f"attribute {name!r}", "a probability", found.tolist(), "from 0 to 1"))
    return found.clip(0, 1)


def _code(name: str, truth: Mapping[str, int] | None, k: int) -> int:
    code = UNKNOWN if truth is None else int(truth.get(name, UNKNOWN))
    if not UNKNOWN <= code < k:
        raise DataError(must_be(f"attribute {name!r}", "the true code", code, f"0 to {k - 1}, or {UNKNOWN} if unknown"))
    return code


def _rows_of(name: str, found: np.ndarray, classes: tuple[str, ...], code: int) -> list[_Row]:
    """Return the lines of one attribute."""
    answer = UNKNOWN if np.isnan(found).any() else int(found.argmax())
    wrong = UNKNOWN not in (answer, code) and answer != code
    colour = WRONG if wrong else ANSWER
    if classes == NO_YES.classes:
        tick = None if code == UNKNOWN else code
        return [_Row(name, "", float(found[1]), tick, colour if wrong or answer == 1 else OTHER, answer == 1)]
    bars = [
        _Row(one, "", float(p), 1 if k == code else None, colour if k == answer else OTHER, k == answer, indent=1)
        for k, (one, p) in enumerate(zip(classes, found, strict=True))
    ]
    return [_Row(name, heads=True), *bars]


def _panel(rows: Sequence[_Row], width: int) -> np.ndarray:
    """Draw lines below each other."""
    if width < NARROWEST:
        raise DataError(must_be("a panel of attributes", "the width", width, f"{NARROWEST} px or more"))
    letters = round(10 * max(1.0, width / _USUAL) ** 0.5)
    line, gap = round(1.3 * letters), round(0.4 * letters)
    number = text_width("0.00", letters)
    labels = max((text_width(row.label, letters) + 2 * gap * row.indent for row in rows if not row.heads), default=0)
    start = gap + min(labels, round(0.44 * width)) + 2 * gap  # of the bars and the words
    track = width - start - number - 3 * gap
    canvas = np.full((len(rows) * line + (len(rows) > 0) * (line - letters + gap), width, 3), GROUND, np.uint8)
    for k, row in enumerate(rows):
        top = gap + k * line
        base = top + round(0.8 * letters) - 1
        if row.heads:
            room = width - 2 * gap
            if row.word:
                end = text_width(row.word, letters)
                write_text(canvas, row.word, width - gap - end, base, letters, BRIGHT)
                room -= end + gap
            write_text(canvas, fitted(row.label, letters, room, row.title), gap, base, letters, DIM)
            continue
        shade = BRIGHT if row.bright else DIM
        left = gap + 2 * gap * row.indent
        write_text(canvas, fitted(row.label, letters, start - 2 * gap - left), left, base, letters, shade)
        if row.bar is None:
            write_text(canvas, fitted(row.word, letters, width - start - gap), start, base, letters, BRIGHT)
            continue
        _draw_bar(canvas[top : top + letters - 1], row, start, track, gap // 2)
        known = not np.isnan(row.bar)
        told = f"{row.bar:.2f}" if known else "–"
        write_text(canvas, told, width - gap - number, base, letters, WRONG if row.colour == WRONG else shade)
    return canvas


def _draw_bar(strip: np.ndarray, row: _Row, start: int, track: int, tick: int) -> None:
    """Draw one bar into a strip as high as its line; the tick is as high as the strip, the bar is lower."""
    bar = strip[1:-1]
    bar[:, start : start + track] = TRACK
    if row.bar is not None and not np.isnan(row.bar):
        bar[:, start : start + round(row.bar * track)] = row.colour
    if row.tick is not None:
        end = start + track if row.tick else start - tick
        strip[:, end : end + tick] = TICK
