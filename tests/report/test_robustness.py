"""Curves under harm: rises by hand, what makes no curve, changes of places, tables, figures and the command."""

import csv
import io
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from made_pages import write_runs
from made_records import NUMBERS, failed, made_record
from typer.testing import CliRunner

import fldbench
from fldbench.cli.app import app
from fldbench.errors import StoreError
from fldbench.protocols.harms import kinds
from fldbench.records.record import Metrics
from fldbench.records.store import Store
from fldbench.report import robustness
from fldbench.report.curves import BOXES, sections_of, with_intervals, with_ranks
from fldbench.report.formats import latex
from fldbench.report.names import rows_of
from fldbench.report.publish import publish
from fldbench.report.robustness import _difference
from fldbench.report.robustness_figure import boxes_figure, harms_figure
from fldbench.report.robustness_tables import tables_of
from fldbench.stats import Interval

BASE = "300w-helen"


def measured(method, values, kind="blur", base=BASE, **fields):
    """A record for each NME in percent, at the strengths 0, 1, ..."""
    names = [f"{base}{',' if '@' in base else '@'}{kind}={strength}" for strength in range(len(values))]
    numbers = [NUMBERS | {"nme": float(nme)} for nme in values]
    return [
        made_record(method, name, metrics=one, **fields)
        for name, one in zip(names, numbers, strict=True)
        if one["nme"] == one["nme"]
    ]


def test_published_records_give_the_curves_of_their_folder(tmp_path):
    for name in (BASE, f"{BASE}@blur=1"):
        write_runs(tmp_path, {"a": np.full(9, 0.03), "b": np.linspace(0.02, 0.09, 9)}, name)
    publish([tmp_path], tmp_path / "records.zip")
    lines = [
        list(csv.DictReader(io.StringIO(robustness(one).to_csv()))) for one in (tmp_path, tmp_path / "records.zip")
    ]
    assert lines[0] == lines[1] and all(line["last_rise:low"] for line in lines[1])


def curves(*records):
    sections, left_out = sections_of(with_ranks(rows_of(records)))
    return {(section.kind, curve.method): curve for section in sections for curve in section.curves}, left_out


def test_rises_by_hand():
    found, left_out = curves(*measured("a", [4, 5, 6, 8, 8, 10]), *measured("b", [5, 5, 9, 8, 7, 6]))
    first, second = found["blur", "a"], found["blur", "b"]
    assert first.mean_rise == pytest.approx((0.5 + 1.5 + 3 + 4 + 5) / 5)
    assert first.worst == (6, 5) and second.worst == (4, 2)
    assert first.ranks == (1, 2) and second.ranks == (2, 1) and not left_out
    assert first.base == BASE and first.strengths == (0, 1, 2, 3, 4, 5)


def test_the_mean_rise_does_not_depend_on_the_order_of_records_and_falls_with_a_lower_curve():
    records = measured("a", [4, 5, 6, 8, 8, 10])
    assert curves(*records[::-1])[0] == curves(*records)[0]
    lower = curves(*measured("a", [4, 5, 6, 7, 8, 10]))[0]["blur", "a"].mean_rise
    assert lower == pytest.approx(curves(*records)[0]["blur", "a"].mean_rise - 1 / 5)


def test_a_point_without_a_base_and_one_on_other_faces_are_told():
    nan = float("nan")
    found, left_out = curves(*measured("a", [nan, 5, 6]), *measured("b", [4, 5, 6]))
    assert list(found) == [("blur", "b")] and len(left_out) == 2
    assert left_out[0] == "a under 300w-helen@blur=1: no curve, because there is no result without blur"
    records = measured("a", [4, 5, 6])
    other = replace(records[2], test=replace(records[2].test, ids_sha256="0" * 64))
    found, left_out = curves(*records[:2], other)
    assert found["blur", "a"].strengths == (0, 1)
    assert left_out == ["a under 300w-helen@blur=2: not on the faces of 300w-helen"]


def test_two_harms_together_are_points_of_the_curves_of_each():
    records = measured("a", [4, 5], "blur") + measured("a", [4, 6], "noise")[1:]
    both = made_record("a", "300w-helen@blur=1,noise=1", metrics=NUMBERS | {"nme": 9.0})
    sections, _ = sections_of(with_ranks(rows_of([*records, both])))
    told = {(section.base, section.kind): section.curves[0].worst for section in sections}
    assert told == {
        (BASE, "blur"): (1, 1),
        (BASE, "noise"): (2, 1),
        ("300w-helen@noise=1", "blur"): (3, 1),
        ("300w-helen@blur=1", "noise"): (4, 1),
    }


def test_doses_of_a_dataset_are_curves_of_one_table():
    records = []
    # The name of a kind of harm, occlusion, is that of a cause too.
    for cause, values in {"yaw": [3, 4, 6], "occlusion": [3, 3, 3.5]}.items():
        for dose, nme in enumerate(values):
            base = fldbench.get_protocol("synthetic-test")
            own = replace(base, name=f"{cause}-{dose}", options={"cause": cause, "dose": dose})
            records += [made_record(m, own, metrics=NUMBERS | {"nme": nme + k}) for k, m in enumerate("ab")]
    sections, left_out = sections_of(with_ranks(rows_of(records)))
    assert [(one.kind, one.base) for one in sections] == [
        (kind, "synthetic-test, one cause varied") for kind in ("occlusion", "yaw")
    ]
    assert not left_out and sections[1].curves[0].mean_rise == pytest.approx((0.5 + 2) / 2)
    told = "".join(one.title + one.caption for one in tables_of(sections, "", ()))
    assert "mean NME by dose" in told and "NME by dose" in told and "NME in % at each dose." in told
    assert "harm" not in told and "strength" not in told and "see `fldbench show synthetic`" in told


def test_failures_are_no_points():
    found, _ = curves(*measured("a", [4, 5, 6]), failed("a", "300w-helen@blur=3"))
    assert found["blur", "a"].strengths == (0, 1, 2)


def test_jitter_is_a_curve_in_percent_and_other_boxes_stand_apart():
    base = fldbench.get_protocol(BASE)
    own = replace(base, box_source="official", name="300w-helen@boxes=official", official_boxes="a detector's")
    records = [
        made_record("a", replace(base, box_source=source, name=f"p {source}"), metrics=NUMBERS | {"nme": nme})
        for source, nme in (("tight", 3.0), ("jittered:0.1", 4.0), ("jittered:0.2", 7.0))
    ]
    found, _ = curves(*records, made_record("a", own, metrics=NUMBERS | {"nme": 3.5}))
    curve = found[BOXES, "a"]
    assert curve.strengths == (0, 10, 20) and curve.mean_rise == pytest.approx((5 + 25) / 20)
    assert [(step.strength, step.nme) for step in curve.others] == [("official", 3.5)]


def section_with_errors(first, second, n=200):
    """A section of two methods, and errors of the faces whose means are the NMEs of both ends."""
    records = measured("a", first) + measured("b", second)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.002, n)
    noise -= noise.mean()
    errors = {one.key: one.metrics["nme"] / 100 + rng.permutation(noise) for one in records}
    (section,), _ = sections_of(with_ranks(rows_of(records)))
    return section, errors


@pytest.mark.parametrize(
    ("first", "second", "changed"),
    [([3, 4, 6], [4, 4, 4], True), ([3, 4, 6], [4, 5, 7], False), ([3.99, 4, 6], [4, 4, 4], False)],
)
def test_only_decided_changes_of_places_are_told(first, second, changed):
    section, errors = section_with_errors(first, second)
    section, reversals = with_intervals(section, errors, _difference)
    assert bool(reversals) == changed
    for curve, values in zip(section.curves, (first, second), strict=True):
        rise = curve.rise
        assert rise.value == pytest.approx(values[-1] - values[0]) and rise.low <= rise.value <= rise.high
    if changed:
        (one,) = reversals
        assert one.before.value == pytest.approx(-1) and one.after.value == pytest.approx(2)


def test_without_errors_there_is_no_interval_and_no_reversal():
    section, _ = section_with_errors([3, 4, 6], [4, 4, 4])
    found, reversals = with_intervals(section, {}, lambda a, b: Interval(0, 0, 0, 1, False))
    assert found == section and not reversals


@pytest.fixture
def folder(tmp_path):
    """Records with errors of two methods under two kinds of harm and jitter."""
    store = Store(tmp_path / "out")
    rng = np.random.default_rng(1)
    ids = np.array([f"f{i:03d}" for i in range(330)])
    shape = rng.normal(0, 0.3, 330)
    values = {
        "blur": {"one": [3, 3.5, 4, 5, 6, 8], "two": [4, 4, 4.1, 4.2, 4.3, 4.4]},
        "noise": {"one": [3, 3, 3, 4, 4, 5], "two": [4, 4, 5, 5, 6, 7]},
        "boxes": {"one": [3, 3.2, 4.0], "two": [4, 4, 4.1]},
    }
    for kind, methods in values.items():
        for method, own in methods.items():
            for strength, nme in enumerate(own):
                if strength == 0 and kind != "blur":
                    continue
                word = f"boxes=jittered:0.{strength}0" if kind == "boxes" else f"{kind}={strength}"
                errors = nme / 100 * np.exp(shape - np.log(np.exp(shape).mean()))
                record = made_record(method, f"{BASE}@{word}", n=330)
                score = record.protocol.measure(errors)
                record = replace(record, metrics=Metrics(score))
                store.write(record, {"ids": ids, "charged": errors, "errors": errors, "predictions": errors})
    return tmp_path / "out"


def test_tables_say_what_the_records_do(folder):
    found = robustness(folder)
    text, markdown = found.to_text(), found.to_markdown()
    # 3 and (0.25 + 0.75 + 1.5 + 2.5 + 4) / 5, 3 and (0.5 + 1 + 1.5) / 5
    assert "| one | **3.00** | 4.80 | **3.60** |" in markdown and "| 4.80 (+1.80) | +5.00 " in markdown
    assert "one is better than two without harm (-1.00 [" in text and "worse at blur 5 (+3.60 [" in text
    assert text.count("is better than") == 1  # with noise nobody changes places
    assert "0.01, 0.02, 0.03, 0.045, 0.06: standard deviation of a Gaussian, in face sizes" in " ".join(text.split())
    rows = {(row["harm"], row["method"]): row for row in csv.DictReader(io.StringIO(found.to_csv()))}
    assert set(rows) == {(kind, method) for kind in ("blur", "noise", "boxes") for method in ("one", "two")}
    row = rows["blur", "one"]
    assert [float(row[f"nme@{s}"]) for s in range(6)] == [3, 3.5, 4, 5, 6, 8]
    assert float(row["mean"]) == pytest.approx(4.8)
    assert float(row["mean_rise"]) == pytest.approx((0.25 + 0.75 + 1.5 + 2.5 + 4) / 5)
    assert (row["rank@0"], row["rank@5"]) == ("1", "2") and float(row["last_rise"]) == pytest.approx(5, abs=1e-3)
    assert float(rows["boxes", "one"]["nme@20"]) == 4.0
    assert repr(found) == "Robustness(6 curves of 3 kinds of harm)"
    assert r"1 $\to$ 2 \\" in found.to_latex()


def test_no_kind_of_harm_is_left_out_of_the_table_for_a_paper():
    every = [record for m in "ab" for kind in kinds() for record in measured(m, [4, 5, 6, 8, 8, 10], kind)[1:]]
    sections, _ = sections_of(with_ranks(rows_of([*measured("a", [4]), *measured("b", [4]), *every])))
    overview, *_ = tables_of(sections, "", ())
    found = latex([overview], ())
    assert found.count(r"\begin{tabular}") == 2, "what is too wide stands below"
    assert all(re.search(rf"& {kind}( &| \\)", found) for kind in ("none", *kinds()))


def test_lines_of_figures_are_the_numbers_and_no_two_names_overlap(folder):
    found = robustness(folder)
    harms = [one for one in found.sections if one.kind != BOXES]
    figure = harms_figure(harms)
    figure.draw_without_rendering()
    drawn = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title() for axis in drawn] == ["blur", "noise"]
    lines = {line.get_label(): line.get_ydata().tolist() for line in drawn[0].lines if line.get_linestyle() != "None"}
    assert lines["one"] == pytest.approx([3, 3.5, 4, 5, 6, 8])
    boxes = next(one for one in found.sections if one.kind == BOXES)
    for axis in (*drawn, boxes_figure(boxes).axes[0]):
        axis.figure.draw_without_rendering()
        places = [text.get_window_extent() for text in axis.texts]
        assert len(places) == 2 and not any(a.overlaps(b) for a, b in combinations(places, 2))
        assert all(axis.figure.bbox.x1 >= place.x1 for place in places)


def test_files_are_the_same_bytes_again(folder, tmp_path):
    first, again = (robustness(folder).write(tmp_path / name) for name in ("a", "b"))
    names = ["robustness.csv", "robustness.tex", "robustness.md"]
    names += [f"{stem}.{ending}" for stem in ("robustness", "boxes") for ending in ("png", "svg", "pdf")]
    assert [path.name for path in first] == names
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, again, strict=True))


def test_the_command(folder, tmp_path):
    done = CliRunner().invoke(app, ["robustness", str(folder), "-o", str(tmp_path / "r")])
    assert done.exit_code == 0 and "mean NME under harm" in done.output and "boxes.svg" in done.output


def test_records_without_harm_have_no_curve(tmp_path):
    Store(tmp_path).write(made_record("a", BASE), {})
    with pytest.raises(StoreError, match=r"no curve: the records hold no protocol with harm.*`300w-helen@blur=.`"):
        robustness(tmp_path)
    with pytest.raises(StoreError, match="no run record"):
        robustness(tmp_path / "nothing")
