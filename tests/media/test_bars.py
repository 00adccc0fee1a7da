"""Attribute bars: lengths by hand, colours of right and wrong answers, ticks of the truth, and what cannot be drawn."""

import numpy as np
import pytest

from fldbench.errors import DataError
from fldbench.media.bars import ANSWER, OTHER, TICK, TRACK, WRONG, attribute_bars, bar_panel, word_panel
from fldbench.media.draw import contact_sheet
from fldbench.media.lettering import fitted, text_width, write_text

POSES = ("left profile", "left", "frontal", "right", "right profile")


def bars_of(panel):
    """The bars of a panel from the top: colour of the filled part, its length, that of the whole bar, and its tick.

    The tick is 0 or 1, the end of the bar that it touches, or None.
    """
    colours = {colour: (panel == colour).all(axis=2) for colour in (ANSWER, WRONG, OTHER)}
    of_bar = (panel == TRACK).all(axis=2) | np.any(list(colours.values()), axis=0)
    lines = np.flatnonzero(of_bar.sum(axis=1) > 25)  # letters in a colour of the bars are narrower
    bars = []
    for y in lines[np.diff(lines, prepend=-2) > 1]:
        there = np.flatnonzero(of_bar[y])
        left, right = there[0], there[np.append(np.diff(there) > 1, True)][0]  # the number comes behind a gap
        inks = {colour: int(mask[y, left : right + 1].sum()) for colour, mask in colours.items()}
        colour = max(inks, key=inks.get)
        white = (panel[y] == TICK).all(axis=1)
        tick = 0 if white[left - 1] else 1 if white[right + 1] else None
        bars.append((colour if inks[colour] else None, inks[colour], int(right - left + 1), tick))
    return bars


@pytest.mark.parametrize("width", [140, 160, 320])
def test_a_bar_is_as_long_as_its_probability(width):
    given = {"pose": [0.1, 0.25, 0.5, 0.1, 0.05], "smile": [0.2, 0.8], "beard": [1.0, 0.0]}
    bars = bars_of(bar_panel(given, {"pose": POSES, "smile": ("no", "yes"), "beard": ("no", "yes")}, width=width))
    whole = {bar[2] for bar in bars}
    assert len(bars) == 7 and len(whole) == 1 and whole.pop() > width / 5
    for (_, length, track, tick), p in zip(bars, [0.1, 0.25, 0.5, 0.1, 0.05, 0.8, 0.0], strict=True):
        assert abs(length - p * track) <= 1 and tick is None
    assert [bar[0] for bar in bars] == [OTHER, OTHER, ANSWER, OTHER, OTHER, ANSWER, None]


def test_truth_is_a_tick_and_a_wrong_answer_has_another_colour():
    classes = {"pose": POSES, "smile": ("no", "yes"), "glasses": ("no", "yes"), "beard": ("no", "yes")}
    given = {"pose": [0.1, 0.2, 0.5, 0.1, 0.1], "smile": [0.3, 0.7], "glasses": [0.3, 0.7], "beard": [0.6, 0.4]}
    bars = bars_of(bar_panel(given, classes, {"pose": 3, "smile": 0, "glasses": 1, "beard": -1}))
    assert [bar[3] for bar in bars] == [None, None, None, 1, None, 0, 1, None]
    assert [bar[0] for bar in bars] == [OTHER, OTHER, WRONG, OTHER, OTHER, WRONG, ANSWER, OTHER]
    right = bars_of(bar_panel(given, classes, {"pose": 2}))
    assert right[2][0] == ANSWER and [bar[3] for bar in right] == [None, None, 1, *[None] * 5]
    assert not np.isin((bar_panel(given, classes) == TICK).all(axis=2), True).any()  # letters are a little darker


def test_permuted_classes_permute_the_bars():
    given, order = np.array([0.05, 0.1, 0.15, 0.3, 0.4]), np.array([3, 0, 4, 2, 1])
    first = bars_of(bar_panel({"pose": given}, {"pose": POSES}, {"pose": 3}))
    second = bars_of(bar_panel({"pose": given[order]}, {"pose": [POSES[k] for k in order]}, {"pose": 0}))
    assert second == [first[k] for k in order]
    assert first[3][3] == 1 and first[4][0] == WRONG


def test_what_was_not_answered_has_no_bar():
    given = {"pose": np.full(5, np.nan), "smile": [np.nan, 0.5]}
    bars = bars_of(bar_panel(given, {"pose": POSES, "smile": ("no", "yes")}, {"pose": 1, "smile": 1}))
    assert [bar[:2] for bar in bars] == [(None, 0)] * 6
    assert [bar[3] for bar in bars] == [None, 1, None, None, None, 1]


def test_every_number_of_attributes_and_classes_fits():
    names = ["smile", "an attribute with a very long name indeed", "größe", "表情", "a\nb", "x"]
    for k in range(2, 7):
        classes = {name: tuple(f"class {i} of {name}" for i in range(k)) for name in names}
        for n in range(1, 7):
            given = {name: np.full(k, 1 / k) for name in names[:n]}
            panel = bar_panel(given, classes, {names[0]: k - 1}, width=160, title="of/a/face.jpg", remark="3.2 %")
            assert panel.dtype == np.uint8 and panel.shape[1] == 160
            bars = bars_of(panel)
            assert len(bars) == n * k and [bar[3] for bar in bars].count(1) == 1
            assert all(abs(length - track / k) <= 1 for _, length, track, _ in bars)


def test_small_faces_are_enlarged_above_their_bars():
    face = np.random.default_rng(0).integers(0, 256, (80, 80), dtype=np.uint8)
    given, classes = {"smile": [0.25, 0.75]}, {"smile": ("no", "yes")}
    drawn = attribute_bars(face, given, classes)
    assert np.array_equal(drawn[160:], bar_panel(given, classes))
    assert drawn.shape[1] == 160 and abs(drawn[:160].mean() - face.mean()) < 1
    assert np.array_equal(attribute_bars(face[..., None].repeat(3, 2), given, classes), drawn)
    assert attribute_bars(np.zeros((30, 60, 3), np.uint8), given, classes, width=240)[:120].max() == 0


def test_words_and_titles():
    panel = word_panel({"pose": "left", "age": "34"}, title="a.jpg")
    assert panel.shape == (46, 160, 3)  # three lines of 13 px, and 7 px around them
    assert not np.array_equal(panel, word_panel({"pose": "right", "age": "34"}, title="a.jpg"))
    assert np.array_equal(panel[13:], word_panel({"pose": "left", "age": "34"})[: 46 - 13])
    assert word_panel({}).shape == (0, 160, 3)


def test_what_cannot_be_drawn():
    yes = {"smile": ("no", "yes")}
    with pytest.raises(DataError, match=r"attribute 'smile': the shape of the probabilities is \(3,\); must be \(2,\)"):
        bar_panel({"smile": [0.1, 0.2, 0.7]}, yes)
    with pytest.raises(DataError, match=r"attribute 'smile': a probability is \[-0.5, 1.5\]; must be from 0 to 1"):
        bar_panel({"smile": [-0.5, 1.5]}, yes)
    with pytest.raises(DataError, match="attribute 'smile': the true code is 2; must be 0 to 1, or -1 if unknown"):
        bar_panel({"smile": [0.5, 0.5]}, yes, {"smile": 2})
    with pytest.raises(DataError, match="attribute 'smil' has probabilities and no classes; did you mean 'smile'"):
        bar_panel({"smil": [0.5, 0.5]}, yes)
    with pytest.raises(DataError, match="a panel of attributes: the width is 100; must be 140 px or more"):
        bar_panel({"smile": [0.5, 0.5]}, yes, width=100)


def test_a_sheet_puts_panels_below_their_images():
    faces = [np.full((10, 10, 3), 200, np.uint8)] * 3
    below = [np.full((h, 20, 3), h, np.uint8) for h in (4, 6, 5)]
    sheet = contact_sheet(faces, columns=2, cell=20, below=below)
    assert sheet.shape == (52, 40, 3)
    assert (sheet[:20] == 200).all() and (sheet[26:46, :20] == 200).all()
    assert (sheet[20:24, :20] == 4).all() and (sheet[24:26, :20] == 32).all() and (sheet[20:26, 20:] == 6).all()
    assert (sheet[46:51, :20] == 5).all() and (sheet[51:] == 32).all() and (sheet[26:, 20:] == 32).all()
    with pytest.raises(DataError, match="the images below is '2 of 20 px'; must be 3 of 20 px width"):
        contact_sheet(faces, columns=2, cell=20, below=below[:2])
    with pytest.raises(DataError, match="the images below is '3 of 20 px'; must be 3 of 30 px width"):
        contact_sheet(faces, columns=2, cell=30, below=below)


def test_text_is_cut_to_its_width_and_stays_inside():
    assert fitted("smile", 10, text_width("smile", 10)) == "smile"
    short = fitted("right profile", 10, 50)
    assert "right profile".startswith(short[:-1]) and short.endswith("…") and text_width(short, 10) <= 50
    assert text_width(fitted("right profile", 10, 51), 10) <= 51
    assert fitted("lfw/a.jpg", 10, 40, keep_end=True).endswith("jpg")
    canvas = np.zeros((12, 20, 3), np.uint8)
    write_text(canvas, "Wg" * 9, -7, 14, 16, (10, 20, 30))
    assert canvas.reshape(-1, 3).max(axis=0).tolist() == [10, 20, 30]
    outside = np.zeros((12, 20, 3), np.uint8)
    write_text(outside, "W", 25, 10, 12, (255,) * 3)
    write_text(outside, "W", 5, 60, 12, (255,) * 3)
    assert not outside.any()


@pytest.mark.parametrize("size", [10, 11, 14, 20])
def test_letters_stand_on_one_line(size):
    for text in ("left", "lp", "l_1", "l@", "l…", "lÄ"):
        canvas = np.zeros((3 * size, 6 * size, 3), np.uint8)
        write_text(canvas, text, 3, 2 * size, size, (255,) * 3)
        ink = canvas[..., 0] > 100
        first = np.flatnonzero(ink.any(axis=0))[0]  # the l
        assert np.flatnonzero(ink[:, first])[-1] == 2 * size - 1 and first in (3, 4), text
