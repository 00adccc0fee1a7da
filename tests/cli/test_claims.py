"""`fldbench audit --claim` and `--table`, and where published numbers are shown."""

import pytest
from made_records import made_record as record

from fldbench.records.store import Store

CLAIM = "300w-full nme 2.98 fr 0.73 auc 62.7"


def test_a_consistent_claim(call):
    code, out, err = call("audit", "--claim", CLAIM, "--n", "689")
    assert (code, err) == (0, "")
    assert "FR 0.73 %: 5 of 689 faces" in out and "consistent: The numbers fit together on 689 faces" in out


def test_an_impossible_claim_has_status_1(call):
    code, out, _ = call("audit", "--claim", "300w-common nme 2.587 fr@8 0.00 auc@8 44.20")
    assert code == 1 and "impossible: No convention known to fldbench gives this claim: AUC@8% is 44.20" in out


def test_fractions_are_said(call):
    code, _, err = call("audit", "--claim", "nme 0.0298 fr 0.0073 auc 0.627")
    assert code == 0 and "the numbers were taken as fractions" in err


def test_a_table(call, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("method,NME,FR@8%,AUC@8%,fps\nA,2.98,0.73,62.7,9\nB,2.98,0.73,14.2,9\nC,2.98,x,62.7,9\n")
    code, out, err = call("audit", "--table", path)
    assert code == 1
    assert "impossible: line 3: B: AUC@8% is 14.2; must be at least" in out
    assert out.endswith("8 numbers read: 1 contradiction\n")
    assert "line 4, FR@8%: 'x' cannot be read as a number" in err
    assert "columns without NME, FR or AUC, not checked: fps" in err


def test_a_table_without_numbers_is_no_success(call, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("method,speed\nA,3\n")
    code, out, err = call("audit", "--table", path)
    assert code == 1 and "0 numbers read" in out and "columns need headings such as NME" in err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--n", "5"), "--n is the number of faces of a --claim"),
        (("--claim", "nme"), "must be [PROTOCOL] METRIC VALUE"),
        (("--claim", CLAIM, "--table", "a.csv"), "different audits; give one of them"),
        (("--table", "absent.csv"), "absent.csv: cannot be read"),
    ],
)
def test_wrong_inputs_have_one_line(call, options, why):
    code, out, err = call("audit", *options)
    assert code == 2 and out == "" and why in err and err.count("\n") == 1


def test_published_numbers_are_listed_and_shown(call):
    code, out, _ = call("list", "published")
    assert code == 0 and "300w-full  " in out
    assert next(line for line in out.splitlines() if "300w-lfpw " in line).split()[1:] == [
        *("1", "of", "2022:", "nme,", "auc08,", "fr08")
    ]
    code, out, _ = call("show", "300w-helen")
    assert "published, as printed" in out and "SPIGA (2022)" in out and "nme 2.519" in out
    assert "published, as printed" not in call("show", "300w-helen@points=49")[1]


def test_leaderboard_published(call, tmp_path):
    Store(tmp_path).write(record("ours"))
    assert "SPIGA" not in call("leaderboard", tmp_path)[1]
    for form in ("table", "csv", "markdown", "latex"):
        assert "SPIGA" in call("leaderboard", tmp_path, "--published", "--format", form)[1]
