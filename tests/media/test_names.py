"""The functions that scripts import from `fldbench.media`."""

from fldbench import media
from fldbench.media import bars, draw, overlay, pose, sheet


def test_the_drawing_functions_are_there():
    assert [getattr(media, name) for name in media.__all__] == [
        pose.Openness,
        overlay.Overlay,
        pose.Pose,
        sheet.answer_sheet,
        bars.attribute_bars,
        bars.bar_panel,
        draw.contact_sheet,
        draw.draw_landmarks,
        pose.draw_pose,
        overlay.get_overlay,
        pose.head_pose,
        overlay.lay_over,
        pose.openness,
        bars.word_panel,
        draw.write_png,
    ]
