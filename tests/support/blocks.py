"""Code in Markdown: the blocks of a page, run as its reader would run them, or at least checked."""

import ast
import contextlib
import doctest
import importlib
import io
import re
import shlex
import sys
from dataclasses import dataclass

import typer

from fldbench.cli import app as cli

FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<lang>\w+)(?: title=\"(?P<title>[^\"]+)\")?[^\n]*\n(?P<source>.*?)^```$",
    re.M | re.S,
)
# `<!-- not run: REASON -->`, `<!-- status 1 -->`, `<!-- numbers vary -->`, such as times: readers do not see them.
MARKS = ("not run: ", "status ", "numbers vary")


@dataclass(frozen=True)
class Block:
    """One fenced block: language, title (the file that it is), text, line of the page, and its mark."""

    lang: str
    title: str
    source: str
    line: int
    mark: str

    @property
    def runs(self):
        return not self.mark.startswith("not run: ")


def blocks_of(text):
    """The fenced blocks of a page, in their order."""
    found = []
    for match in FENCE.finditer(text):
        mark = match["mark"] or ""
        assert not mark or mark.startswith(MARKS), f"unknown mark {mark!r}"
        line = text[: match.start("source")].count("\n") + 1
        found.append(Block(match["lang"], match["title"] or "", match["source"], line, mark))
    assert 2 * len(found) == len(re.findall(r"^```", text, re.M)), "a fence is not closed, or not one of a block"
    return found


def commands_in(source):
    """The commands of a block of shell, as lists of words; comments are left out, and lines that go on are joined."""
    lines = source.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def check_command(words):
    """Parse the words of `fldbench ...` without running it: the command and its options exist, values fit."""
    command, name, rest = typer.main.get_command(cli.app), words[0], list(words[1:])
    assert name == "fldbench", words
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"no command {name!r} in {' '.join(words)}"
        command = command.commands[name]
    try:
        command.make_context(name, rest)
    except SystemExit as done:  # --help and --version
        assert not done.code, words
    except Exception as error:
        raise AssertionError(f"{' '.join(words)}: {error}") from error


def check_python(source):
    """Parse a block of Python without running it: what it takes from fldbench exists."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "fldbench":
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}"), alias.name
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fldbench":
            assert hasattr(importlib.import_module("fldbench"), node.attr), f"fldbench.{node.attr}"


def run_command(words):
    """Run `fldbench ...` in this process; return its exit status and what it printed."""
    printed, before = io.StringIO(), sys.argv
    sys.argv = list(words)
    try:
        with contextlib.redirect_stdout(printed):
            cli.main()
        status = 0
    except SystemExit as leaving:
        status = leaving.code or 0
    finally:
        sys.argv = before
    return status, printed.getvalue()


def run_python(source, space, where):
    """Run a block of Python in the names of its page; return what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, where, "exec"), space)
    return printed.getvalue()


def run_page(text, name, folder):
    """Run the blocks of a page in one namespace and one folder, the current one; return how many ran and did not.

    A block with a title is a file. A block of text below one that ran is what that one printed; `...` stands for
    anything.
    """
    space, printed, counts = {"__name__": "__main__"}, None, {True: 0, False: 0}
    for block in blocks_of(text):
        where = f"{name}, line {block.line}"
        if block.lang == "text":
            assert printed is not None or not block.runs, f"{where}: no output above"
            texts = block.source, printed or ""
            if block.mark == "numbers vary":
                texts = tuple(re.sub(r"\d+(?:\.\d+)?", "0", text) for text in texts)
            same = doctest.OutputChecker().check_output(*texts, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            assert same or not block.runs, f"{where}: printed\n{printed}"
            continue
        printed = None
        if block.lang == "layout":  # of files: nothing to run
            continue
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.source, encoding="utf-8")
            if block.lang == "python":
                check_python(block.source)
            continue
        assert block.lang in ("python", "bash"), f"{where}: {block.lang} without a title"
        counts[block.runs] += 1
        if block.lang == "python":
            printed = run_python(block.source, space, where) if block.runs else check_python(block.source)
            continue
        printed = ""
        for words in commands_in(block.source):
            if words[0] != "fldbench":
                assert not block.runs, f"{where}: {words[0]} is not run"
            elif block.runs:
                status, out = run_command(words)
                wanted = int(block.mark.removeprefix("status ") or 0)
                assert status == wanted, f"{where}: {' '.join(words)} ended with {status}\n{out}"
                printed += out
            else:
                check_command(words)
    return counts[True], counts[False]
