"""Texts of docstrings and tables of facts as Markdown."""

import inspect
import re

SPECIAL = re.compile(r"([\\<>*_\[\]|])")


def escaped(text):
    """Return plain text as Markdown; what stands between backticks stays code.

    >>> escaped("a_b < `c_d`")
    'a\\\\_b \\\\< `c_d`'
    """
    parts = re.split(r"(`[^`\n]+`)", text)
    return "".join(part.replace("|", "\\|") if i % 2 else SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))


def table(facts, heads):
    """Return a table of two columns; names with a default (`name = value`) are code."""
    rows = [f"| {heads[0]} | {heads[1]} |", "|---|---|"]
    return "\n".join([*rows, *(f"| {name} | {text} |" for name, text in facts.items())])


def prose(doc):
    """Return the text of a docstring without its numpydoc sections: paragraphs, lists, and indented layouts as code."""
    text = inspect.cleandoc(doc or "")
    lines = text.splitlines()
    ends = [i - 1 for i, line in enumerate(lines) if i and re.fullmatch(r"-{3,}", line.strip())]
    blocks = "\n".join(lines[: ends[0]] if ends else lines).strip().split("\n\n")
    return "\n\n".join(_block(block) for block in blocks if block.strip())


def _block(block):
    lines = block.splitlines()
    if lines[0].startswith("- "):
        return "\n" + "\n".join(escaped(line) for line in lines)
    if any(line.startswith("    ") for line in lines) or lines[0].startswith(">>>"):
        # A sentence that leads to a layout stands above it.
        first = next((i for i, line in enumerate(lines) if line.startswith(("    ", ">>>"))), 0)
        head = [line for line in lines[:first] if not re.search(r"\S {2,}\S", line)]
        rest = lines[len(head) :]
        return "\n".join(
            [*map(escaped, head), *([""] if head else []), "```text", inspect.cleandoc("\n" + "\n".join(rest)), "```"]
        )
    return "\n".join(map(escaped, lines))
