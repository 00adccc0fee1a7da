"""Planted errors in tables: all of 200 are found, and sound tables raise no alarm."""

from collections import Counter
from pathlib import Path

import pytest
from planted_tables import KINDS, made_table, written

from fldbench import protocols
from fldbench.audit.tables import audit_table

ENDINGS = ("csv", "md", "tex")
# Rows of the published numbers that contradict each other, whoever erred: the values named in the sources, and two
# rows of a third party's table whose Helen and LFPW columns do not fit its common column.
CONTRADICTORY = {"AWing, wflw expression", "AWing, cofw", "RCPR, 300w common", "CFSS, 300w common"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_planted_error_is_found_on_its_row(kind, tmp_path):
    for seed in range(25):
        rows, place = made_table(seed, kind)
        ending = ENDINGS[seed % 3]
        text, lines = written(rows, ending)
        path = tmp_path / f"table.{ending}"
        path.write_text(text)
        found = audit_table(path)
        assert found.checked == 8 * len(rows) and not found.problems
        assert {line for one in found.findings for line in one.lines} == {lines[place]}, (seed, found.findings)


def test_sound_tables_raise_no_alarm(tmp_path):
    for seed in range(60):
        text, _ = written(made_table(1000 + seed)[0], ENDINGS[seed % 3], decimals=1 + seed % 4)
        path = tmp_path / f"table.{ENDINGS[seed % 3]}"
        path.write_text(text)
        assert audit_table(path).findings == ()


def test_published_numbers_raise_no_alarm_but_for_those_that_contradict_each_other():
    found = audit_table(Path(protocols.__file__).with_name("published.csv"))
    assert found.checked == 790 and not found.problems
    named = Counter(", ".join(one.text.split(":")[0].split(", ")[:2]) for one in found.findings)
    assert named == dict.fromkeys(CONTRADICTORY, 1)
