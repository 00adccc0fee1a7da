"""Kept numbers follow from kept errors, or `leaderboard --check` says that they do not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import fldbench
from fldbench.cli.app import app
from fldbench.metrics import Metric
from fldbench.records.record import Metrics
from fldbench.records.store import Store, read_record

RULES = (
    "toy-test",
    "toy-test@missed=value:0.5",
    "toy-test@missed=mean-shape",
    "toy-test@missed=skipped,reduction=micro",
)


@pytest.fixture
def out(toy, tmp_path):
    """Records of a method that misses faces, under every rule for them."""
    fldbench.run_suite(toy | {"methods": ["gives-up", "noisy"], "protocols": list(RULES)}, tmp_path)
    return tmp_path


def check(folder):
    done = CliRunner().invoke(app, ["leaderboard", str(folder), "--check"])
    return done.exit_code, done.output


def chosen(folder):
    """The folder of the record of `noisy` under toy-test, whose errors are all numbers."""
    known = {place: read_record(place) for place in (folder / "records").iterdir()}
    return next(p for p, r in known.items() if (r.method.label, r.protocol.name) == ("noisy", "toy-test"))


def rewritten(folder, change=lambda record: record, **arrays):
    """Change a record and its arrays, and seal both again, as somebody who knows how would."""
    store = Store(folder)
    path = chosen(folder)
    record = change(store.read(path.name))
    with np.load(path / "faces.npz") as kept:
        content = {key: kept[key] for key in kept} | arrays
    (path / "run.json").unlink()
    (path / "faces.npz").unlink()
    path.rmdir()
    store.write(record, content)
    return record


def test_numbers_that_follow_from_their_errors(out):
    status, text = check(out)
    assert status == 0 and text.endswith("8 records: 0 wrong, 0 cannot be checked\n")
    assert text.count("its numbers follow from its errors") == 8
    missed = {row["method"]: row["missed"] for row in fldbench.leaderboard(out).rows}
    assert missed["gives-up"] > 0 and missed["noisy"] == 0


def of_metric(record, name, value):
    changed = [replace(one, value=value) if one.name == name else one for one in record.metrics.values_]
    return replace(record, metrics=Metrics(tuple(changed)))


@pytest.mark.parametrize("name", ["nme", "fr", "auc"])
def test_an_edited_number_is_found_though_its_digest_fits(out, name):
    def change(record):
        better = {"nme": 0.9, "fr": 0.0, "auc": 99.0}[name]
        return of_metric(record, name, better)

    rewritten(out, change)
    status, text = check(out)
    assert status == 1 and "1 wrong" in text
    assert "the kept errors give" in text or "contradicts itself" in text


def test_an_edited_file_is_found(out):
    path = next((out / "records").iterdir()) / "run.json"
    content = json.loads(path.read_text())
    content["metrics"][0]["value"] = 1.0
    path.write_text(json.dumps(content))
    status, text = check(out)
    assert status == 1 and "its content does not fit its digest" in text


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ([np.inf], "infinite or negative"),
        ([-0.01], "infinite or negative"),
        ([np.nan] * 3, "missed is"),
        (None, "errors of 2 faces are kept"),
    ],
)
def test_errors_that_cannot_be_are_found(out, errors, why):
    with np.load(chosen(out) / "faces.npz") as kept:
        arrays = {name: kept[name].copy() for name in kept}
    if errors is None:
        arrays = {name: values[:2] for name, values in arrays.items() if name != "slices"}
    else:
        arrays["errors"][: len(errors)] = errors
    rewritten(out, **arrays)
    status, text = check(out)
    assert status == 1 and why in text


def test_other_faces_are_found(out):
    n = len(np.load(chosen(out) / "faces.npz")["ids"])
    rewritten(out, ids=np.array([f"other{i}" for i in range(n)]))
    assert "the kept ids do not fit the record's hash of them" in check(out)[1]


@pytest.mark.parametrize("rules", [{"n_expected": 999}, {"ids_sha256": "0" * 64}])
def test_a_part_of_the_faces_that_says_it_is_complete_is_found(out, rules):
    rewritten(out, lambda record: replace(record, protocol=replace(record.protocol, **rules)))
    status, text = check(out)
    assert status == 1 and "complete is yes; " in text and "faces are not the " in text


def test_what_cannot_be_checked_is_said(out):
    store = Store(out / "other")
    record = replace(Store(out).read(next((out / "records").iterdir()).name), arrays_sha256="")
    store.write(record)
    status, text = check(out / "other")
    assert status == 0 and "no errors are kept" in text and "1 records: 0 wrong, 1 cannot be checked" in text
    (store.record_path(record.key) / "run.json").write_text("{")
    assert check(out / "other")[0] == 1


def test_a_metric_that_is_not_among_those_of_the_protocol_is_not_hidden(out):
    rewritten(out, lambda record: replace(record, metrics=Metrics((Metric("nme", 0.1),))))
    assert check(out)[0] == 1
