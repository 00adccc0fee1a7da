"""What is shown of long work: one display for each thing that is being done."""

from fldbench.cli.terminal import _Inside


def test_each_work_inside_a_training_has_a_display_of_its_own():
    displays = []

    def display():
        shown = []
        displays.append(shown)
        return lambda what, done, total: shown.append((what, done, total))

    show = _Inside(display)
    for news in (
        ("epochs (loss 2)", 1, 2),
        ("epochs (loss 1)", 2, 2),
        ("epochs (loss 3)", 1, 1),  # of the next network
        ("trees", 1, 3),
        ("stages", 1, 3),
    ):
        show(*news)
    assert displays == [
        [("epochs (loss 2)", 1, 2), ("epochs (loss 1)", 2, 2)],
        [("epochs (loss 3)", 1, 1)],
        [("trees", 1, 3)],
        [("stages", 1, 3)],
    ]
