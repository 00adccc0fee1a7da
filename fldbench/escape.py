"""Free text as nothing but text: one function for each format in which labels, ids, paths and reasons are shown.

Such text comes from people, files and error messages. It may hold markup, control letters, newlines, and bytes of file
names that UTF-8 cannot hold.
"""

from __future__ import annotations

import html as stdlib_html
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote

LONGEST = 200  # letters of a reason in printed text
LONGEST_NAME = 60  # letters of a name there
_PATH = re.compile(
    r"(?P<web>\b(?!file:)[a-z][a-z0-9+.-]+://[^\s/]\S*)"
    r"|(?<![\w.…/-])(?:file://|~\w*)?/(?=\S)(?:[^/\n:'\"]+/)*(?P<name>[^\s/:'\",;()]*)"
    r"|(?:\b[A-Za-z]:|\\)\\(?:[^\\\n:'\"]+\\)*(?P<file>[^\s\\:'\",;()]*)"
)
_LOGIN = re.compile(r"(?<=://)[^/]*@")
_FORMULAS = "=+-@＝＋－＠"  # a spreadsheet takes a cell that begins with one of these as a formula
_RAW_BYTES = range(0xDC80, 0xDD00)  # how Python keeps the bytes of a file name that are not UTF-8


def plain(text: object) -> str:
    r"""Return text in one line of printable letters, for a terminal that reads no markup, and as a base of all others.

    Blanks of any width are one plain blank. Every control letter, newline, invisible letter and raw byte is written as
    Python writes it, so that two different texts look different.

    >>> print(plain("a\tb\n\x1b[31mc"), plain(b"caf\xe9".decode(errors="surrogateescape")))
    a\tb\n\x1b[31mc caf\xe9
    """
    return "".join(map(_visible, str(text)))


def cut(text: str, most: int = LONGEST) -> str:
    """Return text that is too long with `…` in the place of its middle, so that it has `most` letters.

    >>> cut("abcdefghij", 6), cut("abcdef", 6)
    ('abc…ij', 'abcdef')
    """
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def without_paths(text: str) -> str:
    r"""Return text with the folders of every absolute path left out, for what is passed on to others.

    Names of folders may hold blanks, so a little more than the folders may go; addresses on the web stay.

    >>> without_paths("/home/me/my faces/a.jpg: cannot be read; see https://example.org/x and C:\\me\\b.pts, c/d")
    '…/a.jpg: cannot be read; see https://example.org/x and …/b.pts, c/d'
    """
    return _PATH.sub(lambda found: found[0] if found["web"] else f"…/{found['name'] or found['file'] or ''}", text)


def without_login(text: str, url: str) -> str:
    """Return text without the name and the password of a URL, and without its password alone, for messages about it.

    >>> without_login("sftp://me:s3cr@t@host/x: no s3cr@t there", "sftp://me:s3cr@t@host/x")
    'sftp://host/x: no … there'
    """
    login = _LOGIN.search(url)
    if login is None:
        return text
    text = text.replace(login[0], "")
    password = login[0][:-1].partition(":")[2]
    for secret in filter(None, (password, unquote(password))):
        text = text.replace(secret, "…")
    return text


def csv_cell(text: object) -> str:
    """Return text for a cell of a CSV file; what a spreadsheet would take as a formula begins with an apostrophe.

    >>> csv_cell("=cmd()"), csv_cell("a=b")
    ("'=cmd()", 'a=b')
    """
    line = plain(text)
    return f"'{line}" if line.lstrip().startswith(tuple(_FORMULAS)) else line


def html(text: object) -> str:
    """Return text for the content or an attribute of an HTML element.

    >>> html("<b>&amp;")
    '&lt;b&gt;&amp;amp;'
    """
    return stdlib_html.escape(plain(text))


def html_facts(facts: Mapping[str, object]) -> str:
    """Return facts, name -> value, as a small HTML table; those without a value are left out.

    >>> html_facts({"faces": 2, "reason": ""})
    '<table><tr><th style="text-align: left">faces</th><td style="text-align: left">2</td></tr></table>'
    """
    left = 'style="text-align: left"'
    shown = [(name, cut(plain(value))) for name, value in facts.items() if value not in (None, "")]
    rows = [f"<tr><th {left}>{html(name)}</th><td {left}>{html(value)}</td></tr>" for name, value in shown]
    return f"<table>{''.join(rows)}</table>"


def markdown(text: object) -> str:
    r"""Return text for a line, a list item or a cell of a table in Markdown.

    >>> print(markdown("*ours*|a_b <i>"), markdown("- 1. x"), markdown("1. x"))
    \*ours\*\|a\_b &lt;i&gt; \- 1. x 1\. x
    """
    return _LIST_ITEM.sub(r"\1\\\2", "".join(_MARKDOWN.get(char, char) for char in plain(text)))


def latex(text: object) -> str:
    r"""Return text for LaTeX, with or without font encodings and babel; other letters by their number, as `<U+4E2D>`.

    `[` and `*` are in braces, because they would be arguments of a row's end before them.

    >>> print(latex("50 % of a_b"), latex("[ours]*"), latex("Müller ± 3"), latex("中"))
    50 \% of a\_b {[}ours{]}{*} M\"{u}ller $\pm$ 3 \textless{}U+4E2D\textgreater{}
    """
    return _JOINED.sub(r"\g<0>{}", "".join(map(_tex, plain(text))))


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if unicodedata.category(char) == "Zs":
        return " "
    return f"\\x{ord(char) - 0xDC00:02x}" if ord(char) in _RAW_BYTES else char.encode("unicode_escape").decode()


_LIST_ITEM = re.compile(r"^(\s*\d*)([-+.)])(?=\s)")
_MARKDOWN = {char: f"\\{char}" for char in "\\`*_[]#~|$!"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}

_TEX = {
    **{char: f"\\{char}" for char in "%&#_{}$"},
    **{char: f"{{{char}}}" for char in "[]*"},
    "\\": r"\textbackslash{}",
    '"': r"\symbol{34}",  # babel takes the letter itself for accents
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "†": r"$\dagger$",
    "…": r"\dots{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "’": r"\textquoteright{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
}
_JOINED = re.compile(r"([-`',])(?=\1)|[?!](?=`)")  # two of them would be a dash, a quote or another sign
# Combining accents that every encoding of LaTeX knows.
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)


def _tex(char: str) -> str:
    if char in _TEX:
        return _TEX[char]
    if char.isascii():
        return char
    base, *accents = list(unicodedata.normalize("NFD", char))
    if base.isascii() and base.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS:
        return f"\\{_ACCENTS[accents[0]]}{{{base}}}"
    return rf"\textless{{}}U+{ord(char):04X}\textgreater{{}}"
