"""Pictures: landmarks drawn on images, attributes as bars, sheets of faces."""

from fldbench.media.bars import attribute_bars, bar_panel, word_panel
from fldbench.media.draw import contact_sheet, draw_landmarks, write_png
from fldbench.media.photo import draw
from fldbench.media.sheet import answer_sheet

__all__ = [
    "answer_sheet",
    "attribute_bars",
    "bar_panel",
    "contact_sheet",
    "draw",
    "draw_landmarks",
    "word_panel",
    "write_png",
]
