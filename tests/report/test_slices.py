"""Errors by slices: what is kept, counts and means by hand, verdicts, small slices, the command."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_records import made_record
from typer.testing import CliRunner

from fldbench.checks import quick_faces
from fldbench.cli.app import app
from fldbench.records.record import TestFacts
from fldbench.records.store import Store
from fldbench.report.slices import slices
from fldbench.run.slices import slice_evidence

N = 330
RNG = np.random.default_rng(0)
DARK = np.arange(N) < 100
RARE = np.arange(N) >= 325
BASE = RNG.lognormal(-3.2, 0.3, N)


def kept(errors, **more):
    names = np.where(DARK, "dark", "bright")
    found = {
        "ids": np.array([f"face {i:03}" for i in range(N)]),
        "errors": errors,
        "charged": errors,
        "groups": np.arange(N) // 2,
        "slices": np.array(["attribute:light", "subset:rare"]),
        "attribute:light": names,
        "subset:rare": RARE,
    }
    return found | more


def numbers(errors):
    clipped = 100 * np.maximum(0, 1 - errors / 0.08).mean()
    rates = {"fr08": 100 * (errors > 0.08).mean(), "fr10": 100 * (errors > 0.1).mean()}
    return {"nme": 100 * errors.mean(), "auc08": clipped, **rates}


def written(tmp_path, **methods):
    store = Store(tmp_path / "out")
    for name, errors in methods.items():
        arrays = kept(errors)
        store.write(made_record(name, metrics=numbers(errors), seed=None), arrays)
    return tmp_path / "out"


def rows(folder):
    return {(r["method"], r["slice"]): r for r in csv.DictReader(io.StringIO(slices(folder).to_csv()))}


def test_counts_means_and_verdicts(tmp_path):
    found = rows(written(tmp_path, fair=BASE, blind=BASE * (1 + DARK)))
    dark = found["blind", "dark"]
    assert (dark["n"], dark["groups"], dark["attribute"]) == ("100", "50", "light")
    assert float(dark["nme"]) == pytest.approx(100 * 2 * BASE[:100].mean(), abs=1e-4)
    assert float(dark["rest"]) == pytest.approx(100 * BASE[100:].mean(), abs=1e-4)
    assert float(dark["low"]) < float(dark["nme"]) < float(dark["high"])
    assert (dark["verdict"], found["blind", "bright"]["verdict"]) == ("harder", "easier")
    assert found["fair", "dark"]["verdict"] == found["fair", "bright"]["verdict"] == "undecided"
    # Two tests: one attribute of two classes for each of two methods; Holm doubles the smallest.
    assert float(dark["p_holm"]) == pytest.approx(2 * float(dark["p"]), abs=2e-6)


def test_small_slices_are_not_judged(tmp_path):
    errors = np.where(RARE, 0.5, BASE)
    found = rows(written(tmp_path, a=errors))["a", "rare"]
    assert (found["n"], found["verdict"], found["p"]) == ("5", "small", "")
    text = str(slices(tmp_path / "out"))
    assert "50.00" in text and "?" in text and "fewer than 30 faces" in text


def test_records_that_keep_nothing_are_named(tmp_path):
    store = Store(tmp_path)
    store.write(made_record("a", metrics=numbers(BASE), seed=None), {"ids": kept(BASE)["ids"], "errors": BASE})
    report = slices(tmp_path)
    assert not report.rows and "--fresh" in report.notes[0]
    store.write(made_record("b", metrics=numbers(BASE), seed=None))
    assert any("b under 300w-helen: no per-face errors are kept" in note for note in slices(tmp_path).notes)
    assert "no per-face errors are kept" in slices([made_record("a")]).notes[0], "a record without a folder"


def test_seeds_are_taken_together_and_their_faces_must_be_the_same(tmp_path):
    store = Store(tmp_path)
    test = TestFacts(n=N, complete=True)
    for seed, factor in enumerate((1.0, 1.2)):
        errors = BASE * factor
        shuffled = RNG.permutation(N)
        arrays = {k: v if k == "slices" else v[shuffled] for k, v in kept(errors).items()}
        store.write(made_record("a", metrics=numbers(errors), seed=seed, test=test), arrays)
    dark = rows(tmp_path)["a", "dark"]
    assert dark["seeds"] == "2" and float(dark["nme"]) == pytest.approx(110 * BASE[:100].mean(), abs=1e-4)


def test_the_command_writes_figures(tmp_path):
    out = written(tmp_path, fair=BASE, blind=BASE * (1 + DARK))
    done = CliRunner().invoke(app, ["slices", str(out), "--figures", str(tmp_path / "drawn")])
    assert done.exit_code == 0 and "▲" in done.stdout
    assert len(list((tmp_path / "drawn").iterdir())) == 3
    ((_, draw),) = slices(out).figures
    first = draw().axes[0]
    assert first.get_title() == "fair", "the best method stands first"
    (upright,) = (line for line in first.lines if list(line.get_ydata()) == [0, 1])
    assert upright.get_xdata()[0] == pytest.approx(100 * BASE.mean())
    assert [label.get_text() for label in first.get_yticklabels()] == [
        "light: bright  (230)",
        "light: dark  (100)",
        "subset: rare  (5)",
    ]


def test_evidence_names_classes_and_no_person():
    faces = quick_faces()[1]
    n = len(faces)
    faces = replace(faces, groups=np.array([f"Person {i // 2}" for i in range(n)]))
    kept = slice_evidence(faces)
    assert kept["groups"].tolist() == [i // 2 for i in range(n)] and kept["groups"].dtype.kind == "i"
    assert not any("Person" in str(value) for value in kept.values())
    names = kept["slices"].tolist()
    for name, attribute in faces.attribute_types.items():
        expected = ["" if code < 0 else attribute.classes[code] for code in faces.attributes[name]]
        assert kept[f"attribute:{name}"].tolist() == expected and f"attribute:{name}" in names
    assert "attribute:size" in names


def test_hidden_points_are_counted():
    faces = quick_faces()[1][:3]
    visible = np.ones((3, 68), bool)
    visible[1, :17] = visible[2, :18] = False  # a quarter, and more
    found = slice_evidence(replace(faces, visible=visible))
    assert found["attribute:hidden points"].tolist() == ["none", "some", "many"]
