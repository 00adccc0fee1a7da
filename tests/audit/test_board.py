"""The audit of a board: numbers are those of `evaluate` under the named protocols, and of the kept errors alone."""

import numpy as np
import pytest
from made_pages import write_runs

from fldbench import get_protocol, leaderboard, run_suite
from fldbench.audit import board
from fldbench.audit.board import board_audit
from fldbench.audit.board_tables import audit_side, changed_pairs
from fldbench.npz import read_npz
from fldbench.report.page import page
from fldbench.report.page.measured import measured, places_of
from fldbench.run.known_faces import known_faces

N = 330


def tables_in(folders):
    return measured(leaderboard(folders), places_of(folders)), places_of(folders)


@pytest.fixture
def runs(toy, tmp_path):
    """Two toy methods in two trainings each, their tables and folders, and the truth."""
    run_suite(toy | {"methods": ["noisy", "gives-up"], "seeds": [0, 1]}, tmp_path)
    return *tables_in([tmp_path]), known_faces([tmp_path])[0]


@pytest.fixture
def kept(tmp_path):
    """Two methods of which only the errors are known, one with a missed face; their table and folders."""
    rng = np.random.default_rng(0)
    errors = {"steady": rng.uniform(0.045, 0.055, N), "wild": rng.gamma(0.5, 0.08, N)}
    errors["wild"][5] = np.nan
    write_runs(tmp_path, errors)
    tables, places = tables_in([tmp_path])
    return errors, tables, places


def test_numbers_are_means_over_trainings_of_what_the_named_protocols_give(runs):
    (table,), places, known = runs
    truth = known[table.records[0].one.protocol.hash]
    found = board_audit(table, places, truth)
    assert not found.from_errors and len(found.nme) > 10
    for i, row in enumerate(table.records):
        assert found.default[i] == pytest.approx(table.rows[i]["nme"])
        assert len(row.good) == 2
        arrays = [read_npz(places[one.key] / "faces.npz", ("ids", "predictions")) for one in row.good]
        for convention in (one for one in found.nme if one.change in ("norm=diagonal", "offset=1", "missed=value:1")):
            rules = get_protocol(f"toy-test@{convention.change}")
            scores = [rules.score(one["predictions"], truth.faces).metrics["nme"] for one in arrays]
            assert found.nme[convention][i] == pytest.approx(np.mean(scores)), convention


def test_errors_alone_give_other_means_rules_for_missed_faces_and_curves(kept):
    errors, (table,), places = kept
    found = board_audit(table, places, None)
    of = {one.change: dict(zip(table.methods, values, strict=True)) for one, values in found.nme.items()}
    assert found.from_errors and not any("norm" in change or "points" in change for change in of)
    for name, own in errors.items():
        assert of["reduction=median"][name] == pytest.approx(100 * np.nanmedian(own))
        assert of["missed=value:1"][name] == pytest.approx(100 * np.nan_to_num(own, nan=1.0).mean())
        curve = found.curves[table.methods.index(name)]
        failed = ~(own <= 0.05)
        assert curve["exact", 0.05][1] == pytest.approx(100 * failed.mean())
        assert curve["exact", 0.05][0] == pytest.approx(
            100 * np.maximum(0, 1 - np.nan_to_num(own, nan=9.0) / 0.05).mean()
        )


def test_the_screen_says_where_the_order_changes_and_what_it_cannot_know(kept):
    errors, tables, places = kept
    side = audit_side(tables, places, {})
    nme, curves = (panel.table for panel in side.panels)
    lines = {row[0].text: [cell.text for cell in row] for _, rows in nme.parts for row in rows}
    best = min(errors, key=lambda name: np.nanmean(errors[name]))
    by_median = min(errors, key=lambda name: np.nanmedian(errors[name]))
    assert by_median == "wild" and lines["median over faces"][2] == f"{int(best != by_median)} of 1"
    assert lines["default"][1:3] == ["1.000", "0 of 1"]
    assert any("kept errors of faces" in note for note in nme.notes)
    assert [part for part, _ in curves.parts] == ["AUC", "rules of the AUC", "FR"]


def test_harmed_protocols_are_nobodys_convention_and_too_many_errors_are_said(kept, tmp_path, monkeypatch):
    errors, _, _ = kept
    write_runs(tmp_path, errors, "300w-helen@blur=3")
    tables, places = tables_in([tmp_path])
    assert [panel.slugs for panel in audit_side(tables, places, {}).panels] == [("300w-helen",)] * 2
    write_runs(tmp_path, errors, "300w-helen@interpupil")
    monkeypatch.setattr("fldbench.audit.board_tables.MOST_TABLES", 1)
    assert audit_side(*tables_in([tmp_path]), {}).notes == ["Not audited here: 300w-helen@interpupil."]
    monkeypatch.setattr(board, "MOST_ERRORS", 10)
    (note,) = audit_side(tables, places, {}).notes
    assert note == f"300w-helen: {2 * N} errors are too many for an audit in a page."


def test_a_page_shows_the_screen(kept, tmp_path):
    text = page([tmp_path], screens=[lambda tables, places: audit_side(tables, places, {})])
    section = text.split('<section id="audit"')[1].split("</section>")[0]
    assert 'href="#audit"' in text and "median over faces" in section and "AUC at 8 % by mdm" in section


def test_pairs_that_change_their_order_by_hand():
    assert changed_pairs([1, 2, 3, 4], [4, 3, 2, 1]) == (6, 6)
    assert changed_pairs([1, 2, 3], [1, 3, 2]) == (1, 3)
