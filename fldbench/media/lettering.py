"""Words in a picture, in matplotlib's own font: readable from 8 px, with accents, and the same on every machine."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from fldbench.escape import plain

CUT = "…"  # stands for what does not fit


@lru_cache(maxsize=1)
def _font():
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))


@lru_cache(maxsize=4096)
def _set(text: str, size: int) -> tuple[np.ndarray, int]:
    """Return the ink of a line, (h, w) from 0 to 1, and how many of its px are above the base line."""
    font = _font()
    font.set_size(size, 72)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        font.set_text(text)
        font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image(), float) / 255
    there = np.flatnonzero(ink.max(axis=0) > 0.1)  # some bitmaps begin with an empty column: lines would not be flush
    height = (font.get_width_height()[1] - font.get_descent()) // 64  # of the letters; above them is an empty row
    return ink[:, there[0] : there[-1] + 1] if there.size else ink[:, :0], height + 1


def text_width(text: str, size: int) -> int:
    """Return the width of a line in px; `size` is the height of the font in px.

    >>> text_width("", 10), text_width("smile", 20) > text_width("smile", 10) > 15
    (0, True)
    """
    return _set(text, size)[0].shape[1] if text else 0


def fitted(text: str, size: int, width: int, keep_end: bool = False) -> str:
    """Return the text, cut so that it takes at most `width` px; an ellipsis stands for its end, or for its beginning.

    >>> fitted("left profile", 10, 200), fitted("left profile", 10, 40)[-1], fitted("left profile", 10, 3)
    ('left profile', '…', '')
    >>> fitted("lfw/0017.jpg", 10, 40, keep_end=True)[0]
    '…'
    """
    text = plain(text)
    if text_width(text, size) <= width:
        return text
    lengths = range(len(text) - 1, 0, -1)
    kept = (CUT + text[-n:].lstrip() if keep_end else text[:n].rstrip() + CUT for n in lengths)
    return next((short for short in kept if text_width(short, size) <= width), "")


def write_text(canvas: np.ndarray, text: str, left: int, base: int, size: int, colour: tuple[int, int, int]) -> None:
    """Write a line into canvas, RGB uint8 (h, w, 3), from px `left`, with its base line on top of px `base`.

    What is outside of the canvas is lost.

    >>> canvas = np.zeros((20, 60, 3), np.uint8)
    >>> write_text(canvas, "pose", 2, 14, 12, (255, 255, 255))
    >>> bool(canvas.max() > 200), int(canvas[:, :2].max()), int(canvas[18:].max())
    (True, 0, 0)
    """
    if not text:
        return
    ink, above = _set(text, size)
    top = base - above
    low = np.maximum([top, left], 0)
    high = np.minimum([top + ink.shape[0], left + ink.shape[1]], canvas.shape[:2])
    if (low >= high).any():
        return
    part = canvas[low[0] : high[0], low[1] : high[1]]
    share = ink[low[0] - top : high[0] - top, low[1] - left : high[1] - left, None]
    part[:] = np.round(part * (1 - share) + np.array(colour) * share)
