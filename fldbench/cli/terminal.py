"""Output for a terminal or a log: progress with the time left, and leaderboards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fldbench.escape import plain
from fldbench.progress import listening
from fldbench.report import Leaderboard

PIPE_WIDTH = 160  # columns if the output is not a terminal
FEW = 50  # steps that each get a line of a log
LOG_EVERY = 10.0  # seconds


@contextmanager
def progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show the progress of long work: yields show(what was done, steps done, steps in all).

    On a terminal a bar on stderr, and a second one for what a method reports from inside its training; elsewhere lines,
    so that a log tells the same: one for each of a few steps, one every ten seconds for many.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        with listening(_Inside(_log_lines)):
            yield _log_lines()
        return
    described = TextColumn("{task.description}", markup=False)
    columns = (described, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        with listening(_Inside(lambda: _second_bar(bar))):
            yield lambda done_what, done, total: bar.update(
                task, description=plain(done_what or what), completed=done, total=total
            )


class _Inside:
    """Return a listener for the steps within a training: every new kind of work gets a new display.

    The text in brackets, such as the current loss, may change from step to step.
    """

    def __init__(self, display: Callable[[], Callable[[str, int, int], None]]):
        self._display = display
        self._what: str | None = None
        self._show: Callable[[str, int, int], None] = lambda *_: None  # until the first step

    def __call__(self, what: str, done: int, total: int) -> None:
        name = what.partition(" (")[0]
        if name != self._what:
            self._what, self._show = name, self._display()
        self._show(what, done, total)
        if done == total:
            self._what = None


def _second_bar(bar: Progress) -> Callable[[str, int, int], None]:
    task = bar.add_task("", total=None)

    def show(what: str, done: int, total: int) -> None:
        bar.update(task, description=plain(f"  {what}"), completed=done, total=total, visible=done < total)

    return show


def _log_lines() -> Callable[[str, int, int], None]:
    last = start = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if total > FEW and done < total and now - last < LOG_EVERY:
            return
        last, seconds = now, now - start
        left = f", about {seconds / done * (total - done):.0f} s left" if 0 < done < total else ""
        if what:
            print(f"{done} of {total} done after {seconds:.0f} s{left}: {plain(what)}", file=sys.stderr, flush=True)

    return show


def print_board(board: Leaderboard, file: TextIO | None = None, columns: Sequence[str] | None = None) -> None:
    """Print the tables of a leaderboard; captions have the width of the terminal."""
    console = Console(file=file)
    width = console.width if console.is_terminal else PIPE_WIDTH
    print(board.to_text(columns, width), file=file, flush=True)
