"""Figures of attributes: what the cells and points say, that nothing overlaps, and the files."""

from itertools import combinations

import numpy as np
import pytest
from made_attributes import EVEN, POSE, POSES, RARE, answering, moods, sure
from made_records import made_record
from typer.testing import CliRunner

from fldbench.attribute_metrics import count_answers, counted_together
from fldbench.cli.app import app
from fldbench.records.store import Store
from fldbench.report import leaderboard
from fldbench.report.attribute_figures import attribute_figure

PLACE = "t", "300w-helen"


def drawn(*records):
    """The axes of the figure of the first row: matrices, then diagrams."""
    board = leaderboard(list(records))
    figure = attribute_figure(PLACE, board.attributes[PLACE].counted[0])
    return figure, [axis for axis in figure.axes if axis.get_visible()]


def cells(axis):
    return [text.get_text() for text in axis.texts]


def test_cells_hold_counts_and_shares_of_their_row():
    figure, axes = drawn(answering("a", moods(33, lost=3)))
    assert "a: 300w-helen, trained on t" in figure.get_suptitle()
    smile, glasses, pose = axes[:3]
    # Of 165 faces that do not smile 17 are wrong and one is lost; of 165 that do, 16 and two.
    assert cells(smile) == ["147\n89 %", "17\n10 %", "1\n1 %", "16\n10 %", "147\n89 %", "2\n1 %"]
    assert [label.get_text() for label in smile.get_xticklabels()] == ["no", "yes", "no answer"]
    assert cells(glasses) == ["268\n90 %", "29\n10 %", "4\n12 %", "29\n88 %"]
    assert [label.get_text() for label in pose.get_yticklabels()] == list(POSES)
    (image,) = pose.images
    assert np.asarray(image.get_array()) == pytest.approx(np.array([[0.7, 0.3, 0], [0, 1, 0], [0, 0, 1]]))
    assert smile.get_title() == "smile\nacc. 89.1 %, bal. 89.1 %"


def test_points_of_reliability_are_those_of_the_bins():
    codes = np.array([0, 0, 1, 1] * 50)
    top = np.where(np.arange(200) < 100, 0.95, 0.7)
    answers = np.stack([top, 1 - top], 1)
    _, (_, axis) = drawn(answering("a", {"smile": (codes, answers, ("no", "yes"))}))
    line = next(line for line in axis.lines if line.get_label() == "right answers")
    assert line.get_xydata() == pytest.approx(np.array([[0.7, 0.5], [0.95, 0.5]]))
    heights = [patch.get_height() for patch in axis.patches]
    assert len(heights) == 15 and heights[10] == heights[14] == 0.5 and sum(heights) == 1
    assert axis.get_title() == "ECE 32.5 %"  # half of 0.45 and 0.2


def test_seeds_are_counted_together():
    records = [answering("a", moods(wrong), seed=seed) for seed, wrong in enumerate((0, 33, 66))]
    figure, axes = drawn(*records)
    assert figure.get_suptitle().replace("\n", " ").endswith("3 seeds together")
    assert cells(axes[0])[:2] == ["445\n90 %", "50\n10 %"] or cells(axes[0])[:2] == ["446\n90 %", "49\n10 %"]
    parts = [record.attributes.measured["pose"] for record in records]
    assert counted_together(parts).known == 990
    whole = count_answers(np.tile(POSE, 3), np.concatenate([sure(POSE, 3, wrong) for wrong in (0, 33, 66)]), POSES)
    assert counted_together(parts).confusion == whole.confusion
    assert counted_together(parts).reliability[14] == pytest.approx(whole.reliability[14])


MANY = {f"illumination {i}": (EVEN, sure(EVEN, 2, 33), ("no", "yes")) for i in range(6)}
AGES = {"age": (np.arange(330) % 9, sure(np.arange(330) % 9, 9), tuple(f"{i}0 to {i}9 years" for i in range(9)))}
NOTHING = {"smile": (np.full(330, -1), sure(EVEN, 2), ("no", "yes"))}
LONG = {"glasses": (RARE, sure(RARE, 2), ("n" * 80, "$y_1$" * 30))}


@pytest.mark.parametrize(
    "answers",
    [moods(33, 3), MANY, MANY | AGES, AGES, NOTHING, LONG],
    ids=["mtfl", "six", "seven", "age", "none", "long"],
)
def test_no_text_lies_on_another_or_outside(answers):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure, axes = drawn(answering("a method with a name that is rather long", answers))
    FigureCanvasAgg(figure).draw()
    texts = [text for axis in axes for text in (*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label)]
    texts += [label for axis in axes for label in axis.get_yticklabels()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    for (one, first), (other, second) in combinations(boxes, 2):
        shared = first.intersection(first, second)
        assert shared is None or min(shared.width, shared.height) < 1, (one, other)
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, text
    assert figure.get_figwidth() <= 7.2


def test_the_command_writes_a_file_for_each_method_with_attributes(tmp_path):
    store = Store(tmp_path)
    for key, method in enumerate(("a", "b/c", "b:c", "b c")):
        store.write(answering(method, moods(33), key=f"key{key}"))
    store.write(made_record("d"))
    folder = tmp_path / "figures"
    done = CliRunner().invoke(app, ["leaderboard", str(tmp_path), "--figures", str(folder)])
    assert done.exit_code == 0 and "300w-helen, trained on t: attributes" in done.output
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"attributes-300w-helen-t-{name}.png" for name in ("a", "b-c-2", "b-c-3", "b-c")]
    assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for name in names)
    assert "written: " in done.stderr


def test_without_attributes_there_is_nothing_to_draw(tmp_path):
    Store(tmp_path).write(made_record("d"))
    done = CliRunner().invoke(app, ["leaderboard", str(tmp_path), "--figures", str(tmp_path / "figures")])
    assert (
        done.exit_code == 0
        and "no errors of faces are kept, and no method answers attributes: nothing to draw" in done.stderr
    )
    assert not (tmp_path / "figures").exists()
