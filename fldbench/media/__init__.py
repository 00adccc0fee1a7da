"""Pictures: landmarks drawn on images, attributes as bars, sheets of faces, the pose of heads."""

from fldbench.media.bars import attribute_bars, bar_panel, word_panel
from fldbench.media.draw import contact_sheet, draw_landmarks, write_png
from fldbench.media.overlay import Overlay, get_overlay, lay_over
from fldbench.media.pose import Openness, Pose, draw_pose, head_pose, openness
from fldbench.media.sheet import answer_sheet

__all__ = [
    "Openness",
    "Overlay",
    "Pose",
    "answer_sheet",
    "attribute_bars",
    "bar_panel",
    "contact_sheet",
    "draw_landmarks",
    "draw_pose",
    "get_overlay",
    "head_pose",
    "lay_over",
    "openness",
    "word_panel",
    "write_png",
]
