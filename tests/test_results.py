"""Committed tables are those that the published records beside them give (`make tables`)."""

import re
from pathlib import Path

import pytest

import fldbench
from fldbench.report.evidence import check_evidence

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = sorted((ROOT / "results").rglob("records.zip"))

pytestmark = pytest.mark.skipif(not PUBLISHED, reason="no folder of results/ has published records")


@pytest.mark.parametrize("records", PUBLISHED, ids=lambda path: path.parent.name)
def test_committed_tables_are_those_of_their_records(records, tmp_path):
    for path in fldbench.leaderboard(records).write(tmp_path):
        own = records.with_name(path.name)
        assert own.read_bytes() == path.read_bytes(), f"{own} is not what its records give: make tables"


@pytest.mark.parametrize("records", PUBLISHED, ids=lambda path: path.parent.name)
def test_their_numbers_follow_from_their_errors(records):
    findings = check_evidence(records)
    assert findings and not [finding.text for finding in findings if finding.wrong]


def test_make_tables_finds_them():
    (line,) = re.findall(r"for records in \$\$\(find results -name (\S+) \| sort\)", (ROOT / "Makefile").read_text())
    assert {path.name for path in PUBLISHED} == {line}
