"""Numbers of attributes that do not follow from the kept answers, or cannot be true, are named."""

from dataclasses import replace

import numpy as np
import pytest
from made_records import NUMBERS, made_record, metrics_of
from toy_attributes import Heads, Moody
from toys import toy_protocol

import fldbench
from fldbench import registry
from fldbench.attribute_metrics import AttributeFacts, count_answers, measure_attribute
from fldbench.metrics import Metric
from fldbench.records.record import Metrics
from fldbench.records.store import Store
from fldbench.report.evidence import check_evidence
from fldbench.report.identities import problem_of, union_problems

FEW = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])


@pytest.fixture
def out(toy, tmp_path):
    registry.register_dataset("moody", Moody)
    registry.register_method("heads", Heads)
    registry.register("protocol", "moody-test", toy_protocol("moody-test", dataset="moody"))
    suite = {"train": [{"dataset": "moody"}], "methods": ["heads"], "protocols": ["moody-test"]}
    fldbench.run_suite(toy | suite, tmp_path)
    return tmp_path


def rewritten(folder, change=lambda record: record, arrays=lambda kept: kept):
    """Change the record and its arrays and seal both again; return what the check says."""
    store = Store(folder)
    (path,) = (folder / "records").iterdir()
    record = change(store.read(path.name))
    with np.load(path / "faces.npz") as kept:
        content = arrays(dict(kept))
    for name in ("run.json", "faces.npz"):
        (path / name).unlink()
    path.rmdir()
    store.write(record, content)
    (found,) = check_evidence(folder)
    assert found.wrong
    return found.text.split(": ", 2)[2]


def counted(record, name, **fields):
    measured = record.attributes.measured
    changed = measured | {name: replace(measured[name], **fields)}
    return replace(record, attributes=replace(record.attributes, measured=changed))


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "average_precision", "ece", "class_distance"])
def test_a_better_number_is_found(out, name):
    def better(record):
        values = [
            replace(one, value=one.value * 0.9) if (one.name, one.of) == (name, "pose") else one
            for one in record.metrics.values_
        ]
        return replace(record, metrics=Metrics(tuple(values)))

    assert rewritten(out, better).startswith(f"{name}:pose is ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"confusion": ((8, 0, 0), (0, 0, 0), (0, 0, 0))}, "confusion of pose is ((8, 0, 0), "),
        ({"missed": (1, 0, 0)}, "pose is known for 8 of 8 faces, and its counts do not add up to that"),
        ({"known": 7}, "pose is known for 7 of 8 faces, and its counts do not add up to that"),
        ({"reliability": ()}, "the reliability bins of pose are not those that the kept answers give"),
    ],
)
def test_other_counts_are_found(out, fields, message):
    assert rewritten(out, lambda record: counted(record, "pose", **fields)).startswith(message)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "probabilities:mood",
            lambda kept: kept[:, [0, 1, 1]],
            "mood has 8 faces and 2 classes; probabilities of (8, 3) are kept",
        ),
        ("probabilities:mood", lambda kept: 2 * kept, "numbers are kept for mood that are no probabilities"),
        ("codes:mood", lambda kept: 9 * kept, "attribute: a code is -9; must be 0 to 1, or -1"),
        ("codes:mood", lambda kept: kept.astype("u1"), "mood has 8 faces and 2 classes; its codes are uint8"),
        ("codes:pose", lambda kept: (kept + 1) % 3, "confusion of pose is "),
        ("probabilities:pose", lambda kept: kept**2 / (kept**2).sum(axis=1, keepdims=True), "the reliability bins"),
    ],
)
def test_other_answers_are_found(out, name, change, message):
    assert rewritten(out, arrays=lambda kept: kept | {name: change(kept[name])}).startswith(message)


def test_answers_that_are_gone_are_found(out):
    said = rewritten(out, arrays=lambda kept: {key: value for key, value in kept.items() if key != "codes:mood"})
    assert said == "no probabilities and codes of mood are kept"


def test_numbers_of_nothing_are_found(out):
    def more(record):
        return replace(record, metrics=Metrics((*record.metrics.values_, Metric("accuracy", 99.0, of="beard"))))

    assert rewritten(out, more) == "numbers of beard are there; nothing was counted of it"


def with_mood(codes, **fields):
    """A record with the metrics of `FEW` for these codes."""
    codes = np.array(codes)
    base = metrics_of(NUMBERS, fldbench.get_protocol("300w-helen")).values_
    metrics = Metrics((*base, *measure_attribute("mood", codes, FEW, ordered=False)))
    facts = AttributeFacts({"mood": count_answers(codes, FEW, ("sad", "glad"))})
    return made_record(metrics=metrics, attributes=facts, **fields)


@pytest.mark.parametrize("codes", [[0, 1, 1], [-1, -1, -1], [1, 1, -1]])
def test_numbers_that_cannot_be_known_are_no_contradiction(codes):
    assert problem_of(with_mood(codes)) == ""


@pytest.mark.parametrize(("value", "why"), [(100.5, "100.5 is out of its limits"), (-1.0, "-1 is out of its limits"),
                                            (np.nan, "is not finite")])  # fmt: skip
def test_numbers_that_cannot_be_true(value, why):
    record = with_mood([0, 1, 1])
    values = [replace(one, value=value) if one.name == "ece" else one for one in record.metrics.values_]
    assert problem_of(replace(record, metrics=Metrics(tuple(values)))) == f"ece:mood {why}"


def test_counts_that_do_not_add_up():
    record = with_mood([0, 1, 1])
    facts = record.attributes.measured["mood"]
    for changed in (replace(facts, known=4), replace(facts, missed=(0, 1))):
        assert problem_of(replace(record, attributes=AttributeFacts({"mood": changed}))) == (
            f"mood is known for {changed.known} of 330 faces, and its counts do not add up to that"
        )
    assert "mood is known for 3 of 2 faces" in problem_of(replace(record, test=replace(record.test, n=2)))


def test_attributes_of_subsets_need_not_add_up():
    """Their number of known faces is another in each subset, and an average precision has no sum."""
    whole, common, challenging = (
        with_mood(codes, protocol=f"300w-{part}", n=n, key=part)
        for part, n, codes in (("full", 689, [0, 1, 1]), ("common", 554, [0, 1, 0]), ("challenging", 135, [1, 1, 0]))
    )
    assert union_problems([whole, common, challenging]) == {}
