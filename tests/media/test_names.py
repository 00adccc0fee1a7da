"""The functions that scripts import from `fldbench.media`."""

from fldbench import media
from fldbench.media import draw


def test_the_drawing_functions_are_there():
    assert [getattr(media, name) for name in media.__all__] == [draw.contact_sheet, draw.draw_landmarks, draw.write_png]
