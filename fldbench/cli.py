"""The `fldbench` command. Every error that fldbench raises on purpose is one line, and the exit status is 2."""

from __future__ import annotations

import io
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fldbench import cli_data
from fldbench.cli_data import Options, parse_assignment
from fldbench.errors import FldbenchError, PredictionsError

app = typer.Typer(
    help="Benchmarks of facial landmark detectors, honest and comparable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
DEFAULT_OUT = Path("runs")
INTERRUPTED = 130

Data = Annotated[Path | None, typer.Option("--data", help="Data root.", envvar="FLDBENCH_DATA", show_default=False)]


class Kind(StrEnum):
    """What `list` lists."""

    methods = "methods"
    datasets = "datasets"
    protocols = "protocols"
    schemes = "schemes"


class Format(StrEnum):
    """What `leaderboard` writes."""

    table = "table"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


def main() -> None:
    """Entry point: runs the command, turns errors into one line and an exit status."""
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)  # it writes into progress bars
    try:
        app()
    except FldbenchError as error:
        if "--debug" in sys.argv:
            raise
        _complain(str(error))
        raise SystemExit(2) from None


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Options of every command; `main` reads --debug itself."""


@app.command()
def run(
    suite: Annotated[Path | None, typer.Argument(help="Suite file; without it, the demo on synthetic faces.")] = None,
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of records, models and leaderboards.")] = DEFAULT_OUT,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Models fitted at the same time.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget this suite's earlier results first.")] = False,
) -> None:
    """Run a suite: fit, predict, score, and write the leaderboard. Goes on where an earlier call stopped."""
    from fldbench.report import leaderboard
    from fldbench.runner import run_suite
    from fldbench.suite import DEMO
    from fldbench.terminal import print_board, progress

    try:
        with progress("fitting and measuring") as show:
            records = run_suite(suite or DEMO, out, data, jobs, fresh, show)
    except KeyboardInterrupt:
        _complain(f"interrupted; what was finished is kept in {out}, the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    board = leaderboard(records)
    paths = board.write(out)
    print_board(board)
    typer.echo(f"written: {', '.join(str(path) for path in paths)}")
    failed = [record for record in records if record.status == "failed"]
    if failed or not any(record.status == "ok" for record in records):
        _complain(f"{len(failed)} of {len(records)} runs failed; their records are in {out / 'records'}")
        raise typer.Exit(1)


@app.command("list")
def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; without it, everything.")] = None,
) -> None:
    """List the registered methods, datasets, protocols and landmark schemes."""
    from fldbench.protocols import catalogue
    from fldbench.registry import names, resolve, table
    from fldbench.schemes import get_scheme, list_schemes

    def facts(name: str) -> str:
        dataset = resolve("dataset", name)()
        counts = ", ".join(f"{part} {n}" for part, n in dataset.expected.items())
        scheme = getattr(dataset, "scheme", "any scheme")
        return "; ".join(text for text in (scheme, f"splits {', '.join(dataset.splits)}", counts) if text)

    tables = {
        Kind.methods: lambda: {name: str(target) for name, target in table("method").items()},
        Kind.datasets: lambda: {name: facts(name) for name in names("dataset")},
        Kind.protocols: lambda: dict(catalogue()[0]),
        Kind.schemes: lambda: {name: f"{get_scheme(name).n_points} points" for name in list_schemes()},
    }
    for one in [kind] if kind else Kind:
        _echo_table(f"{one}:", tables[one]())
        if one is Kind.protocols:
            _echo_table("modifiers (BASE@MODIFIER,MODIFIER,...):", dict(catalogue()[1]))


@app.command("leaderboard")
def show_leaderboard(
    folders: Annotated[list[Path], typer.Argument(help="Output folders of `fldbench run` or `fldbench evaluate`.")],
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.table,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write to.")] = None,
) -> None:
    """Print the leaderboard of one or several folders."""
    from fldbench.report import leaderboard
    from fldbench.terminal import print_board

    board = leaderboard(folders)

    def table() -> str:
        text = io.StringIO()
        print_board(board, text)
        return text.getvalue()

    if format is Format.table and output is None:
        print_board(board)
        return
    writers = {Format.csv: board.to_csv, Format.latex: board.to_latex, Format.markdown: board.to_markdown}
    text = writers.get(format, table)()
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text)


@app.command()
def evaluate(
    predictions: Annotated[list[Path], typer.Argument(help=".csv, .json, .npz, or the benchmark's own format.")],
    protocol: Annotated[list[str], typer.Option("--protocol", help="Name of a protocol; may be given several times.")],
    data: Data = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Names in the tables, in the order of the files; default theirs."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for records and leaderboards.")] = None,
) -> None:
    """Score anybody's predictions under protocols; no plug-in needed. Faces without a prediction count as failures."""
    from fldbench.outside import evaluate_file, record_of
    from fldbench.report import leaderboard
    from fldbench.store import Store
    from fldbench.terminal import print_board

    labels = label or [path.stem for path in predictions]
    if len(set(labels)) != len(predictions):
        raise PredictionsError(f"{len(predictions)} files need as many different labels; got {', '.join(labels)}")
    store = None if out is None else Store(out)
    records = []
    for path, name in zip(predictions, labels, strict=True):
        for rules in protocol:
            outside = evaluate_file(path, rules, data)
            record, arrays = record_of(outside, name, rules)
            records.append(record)
            if store is not None:
                store.write(record, arrays)
            if outside.absent:
                few = ", ".join(outside.absent[:5]) + (", ..." if len(outside.absent) > 5 else "")
                _complain(f"{path}: {len(outside.absent)} faces have no prediction and count as failures: {few}")
            if outside.elsewhere:
                _complain(f"{path}: {outside.elsewhere} predictions are for faces outside {rules} and were not used")
    board = leaderboard(records)
    print_board(board)
    if out is not None:
        typer.echo(f"written: {', '.join(str(path) for path in board.write(out))}")


@app.command()
def train(
    method: Annotated[str, typer.Argument(help="Name of the method.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model file to write (.safetensors).")],
    dataset: Annotated[str, typer.Option("--dataset", help="Name of the dataset.")],
    data: Data = None,
    split: Annotated[str | None, typer.Option("--split", help="Split to train on; default train, or all.")] = None,
    option: Options = None,
    faces: Annotated[int | None, typer.Option("--faces", min=1, help="Train on the first FACES only.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE, a parameter of the method.")] = None,
) -> None:
    """Fit one model and keep it.

    A network leaves its curves and pictures in the folder MODEL-training beside the model; there lies its checkpoint
    too, from which the same command goes on after an interruption.
    """
    from inspect import signature

    from fldbench.dataset import load_dataset
    from fldbench.method import make_method
    from fldbench.plan import Loaded
    from fldbench.protocols import boxes_from
    from fldbench.terminal import progress

    model = make_method(method, **dict(parse_assignment(text, "--param") for text in param or []))
    options = dict(parse_assignment(text, "--option") for text in option or [])
    everyone = load_dataset(dataset, data, split, **options)
    if faces is not None and faces > len(everyone):
        _complain(f"{everyone.label} has {len(everyone)} faces, not {faces}; all of them are taken")
    loaded = Loaded(boxes_from(everyone[:faces], "truth-tight"))
    loaded.drop_unreadable()
    for reason in loaded.problems.values():
        _complain(f"left out: {reason}")
    usable = loaded.check_usable()
    with progress(f"fitting {method} on {len(usable)} faces"):
        keeps = "folder" in signature(model.fit).parameters
        model.fit(usable, **({"folder": output.with_name(f"{output.stem}-training")} if keeps else {}))
    path = model.save(output)
    typer.echo(f"{path}: {model.n_parameters} parameters, {path.stat().st_size} bytes")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of the method or dataset.")],
    data: Data = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="NAME=VALUE, a parameter of the method or option of the dataset."),
    ] = None,
) -> None:
    """Check that a method or dataset plug-in keeps the contract.

    A method is fitted some 15 times on up to 48 synthetic faces, so choose parameters with which that is quick.
    """
    from collections import Counter

    from fldbench.checks import results_of

    counts: Counter[str] = Counter()
    for result in results_of(name, data, dict(parse_assignment(text, "--param") for text in param or [])):
        counts[result.status] += 1
        typer.echo(f"{result.status:<8} {result.check}: {result.about}")
        if result.reason:
            typer.echo(f"         {result.reason}")
    passed, failed, skipped = (counts[status] for status in ("passed", "failed", "skipped"))
    typer.echo(f"{name}: {passed + failed} checks ran, {passed} passed, {failed} failed; {skipped} were skipped")
    if failed or not passed:
        raise typer.Exit(1)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Model file of a network (.safetensors).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="ONNX file to write.")],
) -> None:
    """Write a network as an ONNX file: pixels of a crop in, landmarks in pixels of the crop out."""
    from fldbench.cnn.export import export_onnx
    from fldbench.method import load_method

    path = export_onnx(load_method(model), output)
    typer.echo(f"{path}: {path.stat().st_size} bytes; how to cut the crop stands in its metadata")


def _write(path: Path, text: str) -> None:
    from fldbench.errors import StoreError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from error


def _echo_table(heading: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows), default=0) + 2
    typer.echo(heading)
    for name, text in rows.items():
        typer.echo(f"  {name:<{width}}{text}".rstrip())


def _complain(text: str) -> None:
    typer.echo(f"fldbench: {text}", err=True)
