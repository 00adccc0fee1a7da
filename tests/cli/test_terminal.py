"""What is shown of long work: one display for each thing that is being done."""

from hostile_names import HOSTILE
from made_records import made_record

from fldbench.cli.common import complain, say
from fldbench.cli.terminal import print_board, progress
from fldbench.progress import Inside, say_progress
from fldbench.report import leaderboard


def test_each_work_inside_a_training_has_a_display_of_its_own():
    displays = []

    def display():
        shown = []
        displays.append(shown)
        return lambda what, done, total: shown.append((what, done, total))

    show = Inside(display)
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


def test_names_are_text_in_progress_bars_logs_and_messages(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for terminal in (False, True):
        monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda self, terminal=terminal: terminal))
        for name in HOSTILE:
            with progress(name) as show:
                show(name, 1, 2)
                say_progress(name, 1, 2)
                show(name, 2, 2)
    for name in HOSTILE:
        complain(name)
        say(name)
    out, err = capsys.readouterr()
    assert r"fldbench: \x1b[31mred" in err and r"caf\xe9" in out and "[/b]" in out and "[ours]" in err
    assert "\x1b[31mred" not in err and "\0" not in out + err and "\u202e" not in out + err


def test_a_leaderboard_of_hostile_names_prints(capsys):
    print_board(leaderboard([made_record(name or "m", key=f"{i}") for i, name in enumerate(HOSTILE)]))
    out = capsys.readouterr().out
    assert "[ours]" in out and "[/b]" in out and "[link=https://example.org]x[/link]" in out and ":smile:" in out
    assert all(line.isprintable() for line in out.split("\n"))
