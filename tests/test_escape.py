"""Free text is one line of printable letters in every format, and nothing in it is syntax."""

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_names import HOSTILE

import fldbench
from fldbench import escape


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_every_format_gives_one_printable_line_that_utf_8_can_hold(name):
    for form in (escape.plain, escape.csv_cell, escape.html, escape.markdown, escape.latex):
        text = form(name)
        assert text.isprintable() and text.encode("utf-8").decode("utf-8") == text


def test_different_names_look_different():
    for form in (escape.plain, escape.csv_cell, escape.html, escape.markdown, escape.latex):
        assert len({form(name) for name in HOSTILE}) == len(HOSTILE)


def test_raw_bytes_and_control_letters_are_written_out():
    assert escape.plain("caf\udce9") == r"caf\xe9"
    assert escape.plain("right\u202eleft\x1b[31m\n") == r"right\u202eleft\x1b[31m\n"
    assert escape.plain("wide\u3000blank\xa0too 中文 👩") == "wide blank too 中文 👩"


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_cell_is_a_formula(name):
    cell = escape.csv_cell(name)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝"))
    out = io.StringIO()
    csv.writer(out).writerow([cell, "1"])
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [[cell, "1"]]
    assert cell == escape.plain(name) or cell == "'" + escape.plain(name)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_html_shows_the_plain_text_and_no_element(name):
    seen = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = seen.append
    parser.handle_starttag = parser.handle_endtag = parser.handle_decl = parser.handle_comment = None
    parser.feed(f"{escape.html(name)}")
    parser.close()
    assert "".join(seen) == escape.plain(name)
    assert '"' not in escape.html(name) and "'" not in escape.html(name)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_latex_has_no_open_argument_and_no_command_of_the_name(name):
    text = escape.latex(name)
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert not text.startswith(("[", "*")) and "--" not in text and "``" not in text
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    signs = "textbackslash symbol textasciitilde textasciicircum textless textgreater textbar"
    assert commands <= {*signs.split(), "pm", "ss", "L", "H"}
    assert text.isascii()


def test_signs_of_our_own_tables_have_a_command():
    assert escape.latex("1 → 2 ± 3 × †") == r"1 $\to$ 2 $\pm$ 3 $\times$ $\dagger$"
    for path in (Path(fldbench.__file__).parent / "report").rglob("*.py"):
        for sign in set(re.findall(r"[^\x00-\x7f]", path.read_text(encoding="utf-8"))):
            assert "U+" not in escape.latex(sign), f"{path.name}: {sign}"


def test_accents_are_those_that_every_encoding_of_latex_knows():
    assert escape.latex("Müller, Ağ, ő, ł, ß, ç") == r"M\"{u}ller, A\u{g}, \H{o}, \l{}, \ss{}, \c{c}"
    assert escape.latex("ą") == r"\textless{}U+0105\textgreater{}"  # an ogonek needs an encoding


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_escapes_all_that_has_a_meaning(name):
    text = escape.markdown(name)
    bare = re.sub(r"\\[\\`*_\[\]#~|$!.)+-]|&(lt|gt|amp);", "", text)
    assert not re.search(r"[\\`*_\[\]<>|$~#]", bare)
    assert not re.match(r"\s*([-+]|\d+[.)])\s", text)


def test_numbers_in_markdown_stay_as_they_are():
    texts = ["65.00", "-1.5", "3.40 ± 0.02", "-"]
    assert [escape.markdown(text) for text in texts] == texts


def test_long_names_keep_both_ends():
    assert escape.cut("a" * 300 + "z" * 300, 7) == "aaa…zzz"
    assert len(escape.cut("x" * 5000)) == escape.LONGEST and escape.cut("short") == "short"
