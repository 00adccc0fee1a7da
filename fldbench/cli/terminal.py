"""Output for a terminal or a log: progress with the time left, and leaderboards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fldbench.escape import plain
from fldbench.progress import Inside, listening, printed
from fldbench.report import Ablation, FaceComparison, Leaderboard, Robustness

PIPE_WIDTH = 160  # columns if the output is not a terminal


@contextmanager
def progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of long work: yields show(what was done, steps done, steps in all).

    On a terminal a bar on stderr, and a second one for what a method reports from inside its training; elsewhere lines,
    so that a log tells the same: one for each of a few steps that take a while, one every ten seconds for many.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        with printed() as show:
            yield show
        return
    described = TextColumn("{task.description}", markup=False)
    columns = (described, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(plain(what), total=None)
        with listening(Inside(lambda: _second_bar(bar))):
            yield lambda done_what, done, total: bar.update(
                task, description=plain(done_what or what), completed=done, total=total
            )


def _second_bar(bar: Progress) -> Callable[[str, int, int], None]:
    task = bar.add_task("", total=None)

    def show(what: str, done: int, total: int) -> None:
        bar.update(task, description=plain(f"  {what}"), completed=done, total=total, visible=done < total)

    return show


def print_board(board: Leaderboard, file: TextIO | None = None, columns: Sequence[str] | None = None) -> None:
    """Print the tables of a leaderboard; captions have the width of the terminal."""
    print(board.to_text(columns, width(file)), file=file, flush=True)


def print_tables(found: Ablation | FaceComparison | Robustness) -> None:
    """Print the tables of an ablation, a comparison or curves, likewise."""
    print(found.to_text(width()), flush=True)


def width(file: TextIO | None = None) -> int:
    """Return the width of the terminal, or of a line in a log."""
    console = Console(file=file)
    return console.width if console.is_terminal else PIPE_WIDTH
