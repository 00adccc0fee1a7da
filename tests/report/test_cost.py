"""The report of costs: columns, Pareto fronts, old records, the figure, the command."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_records import made_record
from typer.testing import CliRunner

from fldbench.cli.app import app
from fldbench.records.record import Machine, MethodFacts, TestFacts, Timings
from fldbench.records.sealed import from_json, to_json
from fldbench.records.store import Store
from fldbench.report.cost import costs, pareto
from fldbench.report.cost_figure import FRONT, GREY


def record(name, nme, ms, size=1000, adds=None, **fields):
    about = MethodFacts(name, name, parameters=size // 4, model_bytes=size, multiply_adds=adds, code={"a": "1"})
    timings = Timings(
        fit_seconds=2.0,
        ms_one_face=ms,
        ms_one_interval=(ms - 0.1, ms + 0.1),
        ms_one_p95=2 * ms,
        ms_best_batch=ms / 4,
        best_batch=16,
        predict_cores=0.9,
        load=0.5,
    )
    numbers = {"nme": nme, "fr08": 0.0, "fr10": 0.0, "auc08": 100 * (1 - nme / 8)}  # as they must be
    common = {"timings": timings, "machine": Machine(cpu="c", cores_usable=2)}
    return made_record(about, metrics=numbers, **common | fields)


def fronts(*records):
    return {row["method"]: row["pareto"] for row in costs(list(records)).rows}


def test_the_front_by_hand():
    a, b = record("a", 3.0, 9.0, 100, 50), record("b", 4.0, 1.0, 200, 40)
    worse = record("worse", 5.0, 9.5, 150)
    assert fronts(a, b, worse) == {"a": "ms, bytes, mult-adds", "b": "ms, mult-adds", "worse": ""}


def test_pareto_by_its_definition():
    rng = np.random.default_rng(0)
    cost, error = rng.integers(0, 6, (2, 40))
    found = pareto(cost, error)
    for i in range(40):
        beaten = any(
            cost[k] <= cost[i] and error[k] <= error[i] and (cost[k] < cost[i] or error[k] < error[i])
            for k in range(40)
        )
        assert found[i] == (not beaten)
    assert (pareto(10 * cost + 3, error**3) == found).all(), "only the order counts"


def test_rows_that_are_not_ranked_beat_nobody():
    honest = record("honest", 4.0, 5.0)
    missed = record("missed", 1.0, 1.0, test=TestFacts(n=330, missed=5, complete=True))
    partial = record("partial", 1.0, 1.0, n=300)
    found = fronts(honest, missed, partial)
    assert found["honest"] == "ms, bytes" and found["missed"] == found["partial"] == ""


def test_the_table_and_the_csv_agree():
    report = costs([record("a", 3.0, 9.0), record("b", 4.0, 1.0, adds=2_500_000)])
    (row, _) = csv.DictReader(io.StringIO(report.to_csv()))
    assert (row["method"], row["ms_one_face"], row["ms_one_interval"]) == ("a", "9.000", "8.90 to 9.10")
    assert (row["ms_one_p95"], row["ms_best_batch"], row["best_batch"], row["cores"]) == (
        "18.000",
        "2.250",
        "16",
        "0.9 of 2",
    )
    assert row["multiply_adds"] == "", "not known is not zero"
    text = str(report)
    assert "8.90 to 9.10" in text and "2.5" in text and "300w-helen, trained on t: cost" in text
    for shown in (report.to_markdown(), report.to_latex()):
        assert "front" in shown and "18.00" in shown


def test_seeds_have_a_median_and_no_interval():
    seeds = [record("a", 3.0, ms, seed=i) for i, ms in enumerate((1.0, 2.0, 9.0))]
    (row,) = costs(seeds).rows
    assert row["ms_one_face"] == 2.0 and row["ms_one_interval"] == ""


def test_records_of_before_these_times_are_read():
    content = to_json(record("a", 3.0, 9.0))
    new = ("ms_one_interval", "ms_one_p95", "ms_best_batch", "best_batch", "ms_decode", "threads", "fit_peak_mb")
    old = {key: value for key, value in content.items() if key != "digest"}
    old["timings"] = {key: value for key, value in content["timings"].items() if key not in new}
    read = from_json(old, "here")
    assert read.timings.ms_one_face == 9.0 and read.timings.ms_one_p95 is None
    (row,) = costs([replace(read, edited="")]).rows
    assert row["ms_one_p95"] is None and row["pareto"] == "ms, bytes"
    again = from_json(content, "here")
    assert again.timings.ms_one_interval == pytest.approx((8.9, 9.1)) and not again.edited


def test_the_figure_shows_ranked_rows_and_the_front():
    report = costs([record("a", 3.0, 9.0), record("b", 4.0, 1.0), record("c", 5.0, 3.0), record("d", 1.0, 1.0, n=9)])
    ((place, draw),) = report.figures
    assert place == ("t", "300w-helen")
    times, sizes = draw().axes
    assert {text.get_text(): text.get_color() for text in times.texts} == {"a": FRONT, "b": FRONT, "c": GREY}
    assert len(sizes.texts) == 3, "multiply-adds are known of nobody and have no panel"


def test_the_command(tmp_path):
    store = Store(tmp_path / "out")
    store.write(record("a", 3.0, 9.0))
    store.write(record("b", 4.0, 1.0))

    def call(*words):
        return CliRunner().invoke(app, ["cost", str(tmp_path / "out"), *map(str, words)])

    done = call("--figures", tmp_path / "drawn")
    assert done.exit_code == 0 and "ms, one" in done.stdout
    assert sorted(path.suffix for path in (tmp_path / "drawn").iterdir()) == [".pdf", ".png", ".svg"]
    assert call("--format", "csv", "-o", tmp_path / "cost.csv").stdout == ""
    assert (tmp_path / "cost.csv").read_text().startswith("method,train,protocol")
    refused = CliRunner().invoke(app, ["cost", str(tmp_path / "nothing")])
    assert refused.exit_code != 0 and "no run record below" in str(refused.exception)
