"""`fldbench cache`: what is kept between runs, where, how large; and clearing it."""

from __future__ import annotations

from typing import Annotated

import typer

from fldbench.cli.common import say


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it; it is made again when needed.")] = False,
) -> None:
    """Show what fldbench keeps between runs, where it is, and how large it is and may get.

    What goes beyond its bound is removed, the longest unused first. Output folders are not part of it: records, models
    and the checkpoints of networks lie in OUT/records, OUT/models and OUT/training, and are yours to delete.
    """
    from fldbench.user_cache import clear as clear_all
    from fldbench.user_cache import kept

    if clear:
        before = sum(one.size for one in kept())
        clear_all()
        say(f"removed {_megabytes(before - sum(one.size for one in kept()))}")
    for one in kept():
        most = "" if one.most is None else f" of at most {_megabytes(one.most)}"
        say(f"{one.name:<12}{one.files:>8} files  {_megabytes(one.size)}{most}: {one.what}, in {one.place}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
