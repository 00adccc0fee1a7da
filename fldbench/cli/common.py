"""Shared by the commands: common options, NAME=VALUE, and lines for the user on stderr."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from fldbench.errors import DataError, FldbenchError, must_be
from fldbench.escape import cut, plain
from fldbench.files import parse_json

if TYPE_CHECKING:
    from fldbench.dataset import Roots
    from fldbench.run.limits import Limits

F = TypeVar("F", bound=StrEnum)
LONGEST_LINE = 1000  # letters
BY_ENDING = {".csv": "csv", ".tex": "latex", ".md": "markdown", ".json": "json"}  # ending of a file -> format
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        help="Data root, or the file of a generic format; by default FLDBENCH_DATA. NAME=ROOT is that of one "
        "dataset. May be given several times.",
        show_default=False,
    ),
]
Options = Annotated[list[str] | None, typer.Option("--option", help="NAME=VALUE, an option of the dataset.")]


Protocols = Annotated[
    list[Path] | None,
    typer.Option("--protocols", help="YAML file that defines protocols; may be given several times."),
]


def _load_plugins(files: list[Path] | None) -> list[Path] | None:
    for file in files or []:
        from fldbench.plugin_files import load_plugin

        load_plugin(file)
    return files


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="Python file that registers methods, datasets, protocols or schemes; may be given several times.",
        callback=_load_plugins,
        is_eager=True,
    ),
]


def _define_schemes(files: list[Path] | None) -> list[Path] | None:
    for file in files or []:
        from fldbench.schemes import read_schemes, register_scheme

        for scheme in read_schemes(file):
            register_scheme(scheme)
    return files


Schemes = Annotated[
    list[Path] | None,
    typer.Option(
        "--schemes",
        help="YAML file that defines landmark schemes; may be given several times.",
        callback=_define_schemes,
        is_eager=True,
    ),
]


CellSeconds = Annotated[
    float | None,
    typer.Option("--cell-seconds", help="Time that a model may take, fit and measurements together; then it fails."),
]
CellMemory = Annotated[
    float | None,
    typer.Option("--cell-memory", help="Memory that the processes of a model may take, in GB; then it fails."),
]


def limits_of(seconds: float | None, memory_gb: float | None) -> Limits:
    """Return the limits of a cell, those that were not given as infinite."""
    from fldbench.run.limits import Limits

    given = {"seconds": seconds, "memory_gb": memory_gb}
    return Limits(**{name: value for name, value in given.items() if value is not None}).checked()


def shard_of(text: str | None) -> tuple[int, int] | None:
    """Return the numbers of I/N, which `Plan.shard` checks.

    Raises
    ------
    DataError
        For any other text.
    """
    if text is None:
        return None
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal()):
        raise DataError(must_be("the command", "--shard", text, "I/N, such as 2/8"))
    return int(part), int(parts)


def roots(texts: list[str] | None) -> Roots:
    """Return the data roots of a repeated option --data, each ROOT or NAME=ROOT.

    Raises
    ------
    DataError
        For a NAME that is no dataset, and for two roots of one.
    """
    from fldbench.dataset import DEFAULT_ROOT, check_roots

    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, root = text.partition("=")
        if not equals or Path(text).exists():
            name, root = DEFAULT_ROOT, text
        if name in found:
            raise DataError(f"--data gives two roots of {name}: {found[name]} and {root}; give one")
        found[name] = root
    check_roots(found)
    return found[DEFAULT_ROOT] if list(found) == [DEFAULT_ROOT] else found or None


def define_protocols(files: list[Path] | None) -> None:
    """Register the protocols of the user's files."""
    for file in files or []:
        from fldbench.protocols import read_protocols, register_protocol

        for protocol in read_protocols(file):
            register_protocol(protocol)


def parse_assignment(text: str, option: str) -> tuple[str, Any]:
    """Return NAME and VALUE of NAME=VALUE; VALUE is parsed as JSON if it is JSON, else it is a string.

    Raises
    ------
    DataError
        For a string without the sign, and for a list or mapping in brackets that is no JSON, such as one whose quotes
        the shell took away.

    >>> parse_assignment("stages=4", "--param"), parse_assignment("scheme=ibug-68", "--option")
    (('stages', 4), ('scheme', 'ibug-68'))
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise DataError(f"{option} is {text!r}; must be NAME=VALUE, such as {option} stages=4")
    try:
        return name, parse_json(value)
    except ValueError as error:
        if value[:1] + value[-1:] in ("[]", "{}"):
            example = f"""{option} '{name}=["a", "b"]'"""
            raise DataError(f"{option} {name} is {value!r}; must be JSON, quoted for the shell: {example}") from error
        return name, value


def assignments(texts: list[str] | None, option: str) -> dict[str, Any]:
    """Return all NAME=VALUE of a repeated option as a dict."""
    return dict(parse_assignment(text, option) for text in texts or [])


def say(text: object) -> None:
    """Write lines to stdout, with control letters and raw bytes written out."""
    typer.echo("\n".join(map(plain, str(text).split("\n"))))


def complain(text: str) -> None:
    """Write a line for the user to stderr, likewise; further lines are indented."""
    typer.echo("\n  ".join(cut(plain(line), LONGEST_LINE) for line in f"fldbench: {text}".split("\n")), err=True)


def format_for(given: F | None, output: Path | None, forms: type[F]) -> F:
    """Return the format that was asked for, else that of the output's ending, else the first one, a table.

    Raises
    ------
    FldbenchError
        For the ending of a format that there is not.
    """
    ending = "" if output is None else output.suffix.lower()
    if given is not None or ending not in BY_ENDING:
        return next(iter(forms)) if given is None else given
    if BY_ENDING[ending] not in [one.value for one in forms]:
        there = [known for known, name in BY_ENDING.items() if name in [one.value for one in forms]]
        raise FldbenchError(must_be("-o", "the ending of a table", ending, f"{', '.join(there)}, or another for text"))
    return forms(BY_ENDING[ending])
