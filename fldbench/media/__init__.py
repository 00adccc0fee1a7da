"""Pictures: landmarks drawn on images."""

from fldbench.media.draw import contact_sheet, draw_landmarks, write_png

__all__ = ["contact_sheet", "draw_landmarks", "write_png"]
