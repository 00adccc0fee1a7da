"""`fldbench leaderboard`: formats, wanted columns, and what goes to stderr."""

import pytest
from made_records import made_record as record
from typer.testing import CliRunner

from fldbench.cli.app import app
from fldbench.errors import UnknownNameError
from fldbench.records.store import Store


@pytest.fixture
def out(tmp_path):
    store = Store(tmp_path)
    for name in ("[ours]", "theirs"):
        store.write(record(name, key=name.strip("[]")))
    return tmp_path


def shown(out, *options):
    return CliRunner().invoke(app, ["leaderboard", str(out), *options])


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("table", "[ours]   65.00   4.00"),
        ("csv", "[ours],65.0000,4.0000"),
        ("markdown", r"| \[ours\] | **65.00** | **4.00** |"),
        ("latex", r"{[}ours{]} & \textbf{65.00} & \textbf{4.00} \\"),
    ],
)
def test_wanted_columns_in_every_format(out, form, line, tmp_path):
    done = shown(out, "--format", form, "--columns", "auc08, nme")
    assert done.exit_code == 0 and line in done.stdout.splitlines()
    file = tmp_path / "table"
    assert shown(out, "--format", form, "--columns", "auc08,nme", "-o", str(file)).exit_code == 0
    assert line in file.read_text().splitlines()


@pytest.mark.parametrize(
    ("name", "form"), [("t.csv", "csv"), ("t.MD", "markdown"), ("t.tex", "latex"), ("t.txt", "table")]
)
def test_the_ending_of_the_output_is_its_format(out, tmp_path, name, form):
    """A table of text in a file that is called .csv misleads every program that reads it."""
    for given, file in (((), tmp_path / name), (("--format", form), tmp_path / "named")):
        assert shown(out, *given, "-o", str(file)).exit_code == 0
    assert (tmp_path / name).read_text() == (tmp_path / "named").read_text()


def test_a_name_without_ending_is_a_folder(out, tmp_path):
    assert shown(out, "-o", str(tmp_path / "new")).exit_code == 0
    assert sorted(one.name for one in (tmp_path / "new").iterdir()) == [
        f"leaderboard.{e}" for e in ("csv", "md", "tex")
    ]


def test_an_ending_of_no_table_is_refused(out, tmp_path):
    done = shown(out, "-o", str(tmp_path / "t.json"))
    text = "-o: the ending of a table is '.json'; must be .csv, .tex, .md, or another for text"
    assert str(done.exception) == text and not (tmp_path / "t.json").exists()


def test_an_unknown_column_names_the_nearest(out):
    done = shown(out, "--columns", "nme,auc8")
    assert isinstance(done.exception, UnknownNameError) and "did you mean 'auc08'" in str(done.exception)


def test_a_record_that_cannot_be_read_is_named_on_stderr_beside_csv(out):
    (out / "records" / "theirs" / "run.json").write_text("{")
    done = shown(out, "--format", "csv")
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 2
    assert "left out: " in done.stderr and "theirs/run.json: the record is damaged" in done.stderr
    assert "left out: " in shown(out).stdout
