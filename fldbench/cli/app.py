"""The `fldbench` command. Every error that fldbench raises on purpose is one line, and the exit status is 2."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from typing import Annotated, Any

import typer

from fldbench.cli import (
    ablations,
    audit,
    cache,
    clean,
    compare,
    data,
    models,
    names,
    new,
    predict,
    reports,
    robustness,
    runs,
    scores,
    show,
)
from fldbench.cli.boards import publish, show_leaderboard
from fldbench.cli.common import complain
from fldbench.cli.sides import confidence, cost, slices
from fldbench.errors import FldbenchError

app = typer.Typer(
    help="Benchmarks of facial landmark detectors, honest and comparable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(runs.run)
app.command("list")(names.list_names)
app.command()(show.show)
app.command("leaderboard")(show_leaderboard)
app.command()(publish)
app.command()(compare.compare)
app.command()(reports.report)
app.command()(cost)
app.command()(slices)
app.command()(confidence)
app.command()(ablations.ablate)
app.command()(robustness.robustness)
app.command()(scores.evaluate)
app.command()(audit.audit)
app.command()(audit.doctor)
app.command()(models.train)
app.command()(predict.predict)
app.command()(new.new)
app.command()(models.check)
app.command()(models.export)
app.command()(clean.clean)
app.command()(cache.cache)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command; turn errors into one line and an exit status."""
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)  # it writes into progress bars
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names with letters that the terminal's encoding lacks
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _one_line
            app()
    except FldbenchError as error:
        if "--debug" in sys.argv:
            raise
        complain(str(error))
        raise SystemExit(2) from None


def _one_line(message: Warning | str, *_: Any, **__: Any) -> None:
    """Write a warning as any other remark: where in the code it arose says nothing to whoever types a command."""
    complain(str(message))


def _print_version(wanted: bool) -> None:
    if wanted:
        import fldbench

        typer.echo(f"fldbench {fldbench.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command; `main` reads --debug itself."""
