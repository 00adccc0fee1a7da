"""The style of figures: labels that keep apart, names that are no formulas, files that are the same each time."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from fldbench.errors import StoreError
from fldbench.report.figures import (
    COLUMN,
    label_ends,
    label_points,
    look,
    new_figure,
    spread,
    tidy,
    write_figure,
    write_figures,
)


def axis_of(figure, **limits):
    axis = figure.subplots()
    axis.set(**limits)
    tidy(axis)
    figure.draw_without_rendering()
    return axis


def overlaps(figure, texts):
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in texts]  # without the lines to their points
    return [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]


def test_spread_moves_as_little_as_possible():
    # Three at one place: the middle one stays, by symmetry.
    assert spread([1.0, 1.0, 1.0], 0.5).tolist() == [0.5, 1.0, 1.5]
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = rng.normal(size=8) * 4
        moved = spread(places, 1.0)
        order = np.argsort(places)
        assert (np.diff(moved[order]) >= 1 - 1e-9).all()
        # No other such places are nearer: a small step towards the old ones breaks the order or the gap.
        nearer = moved + 0.01 * (places - moved)
        assert np.allclose(moved, places) or (np.diff(nearer[order]) < 1 - 1e-9).any()
    assert spread([], 1.0).size == 0


def test_labels_of_lines_do_not_overlap_and_stand_near_their_ends():
    figure = new_figure(COLUMN, 2.5)
    axis = axis_of(figure, xlim=(0, 1), ylim=(0, 1))
    ends = [(1.0, 0.5 + 0.001 * i, f"method {i}", look(i)["color"]) for i in range(8)]
    texts = label_ends(axis, ends)
    assert not overlaps(figure, texts)
    heights = [text.get_window_extent().y0 for text in texts]
    assert heights == sorted(heights), "labels keep the order of the lines"
    assert label_ends(axis, []) == []


def test_labels_of_points_do_not_overlap():
    figure = new_figure(COLUMN, 2.5)
    axis = axis_of(figure, xlim=(0, 10), ylim=(0, 10))
    texts = label_points(axis, [(5 + 0.1 * i, 5.0, f"some method {i}", "black") for i in range(6)])
    assert not overlaps(figure, texts)


def test_a_name_is_no_formula():
    figure = new_figure(COLUMN, 2)
    axis = axis_of(figure, xlim=(0, 1), ylim=(0, 1))
    (text,) = label_points(axis, [(0.5, 0.5, "a $x_{", "black")])
    figure.draw_without_rendering()
    assert text.get_text() == r"a \$x_{"


def test_the_same_figure_gives_the_same_files(tmp_path):
    def drawn(stem):
        figure = new_figure(COLUMN, 2)
        axis_of(figure, xlim=(0, 1), ylim=(0, 1)).plot([0, 1], [0, 1], **look(0))
        return write_figures(figure, stem)

    first, second = drawn(tmp_path / "a"), drawn(tmp_path / "b.c")
    assert [path.name for path in second] == ["b.c.png", "b.c.svg", "b.c.pdf"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG") and first[2].read_bytes().startswith(b"%PDF")
    assert b"<svg" in first[1].read_bytes()


def test_a_figure_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_figure(new_figure(1, 1), tmp_path / "file" / "a.png")


def test_lines_differ():
    assert len({tuple(look(i).values()) for i in range(28)}) == 28
