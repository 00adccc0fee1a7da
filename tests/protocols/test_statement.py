"""The paragraph for a paper: two protocols whose numbers can differ have different paragraphs."""

import re
from dataclasses import fields, replace
from itertools import combinations

import pytest

from fldbench.protocols import get_protocol
from fldbench.protocols.protocol import Protocol
from fldbench.protocols.statement import statement

BASE = get_protocol("300w-helen")
CHANGES = {  # field -> the modifier, or the value
    "dataset": "cofw68",
    "split": "train",
    "subset": "lfpw-test",
    "options": (("file", "a.csv"),),
    "n_expected": 331,
    "ids_sha256": "ab" * 32,
    "scheme": get_protocol("wflw"),
    "normaliser": "@interpupil",
    "normaliser_points": "@norm=points:8/9",
    "first": "@first=100",
    "box_source": "@boxes=jittered:0.10",
    "harms": "@blur=2",
    "points": "@points=49",
    "visible": "@visible",
    "thresholds": "@t=0.05",
    "auc_rule": "@auc=menpo",
    "missed": "@missed=skipped",
    "reduction": "@reduction=micro",
    "strict": "@strict",
    "offset": "@offset=-1",
    **{flag: f"@{flag}" for flag in ("integer", "rounded", "clipped", "stretched", "diluted", "unshifted")},
}
NO_NUMBER = {"name", "union_of", "official_boxes"}


def changed(field):
    value = CHANGES[field]
    if isinstance(value, Protocol):
        return value
    return get_protocol(f"300w-helen{value}") if str(value).startswith("@") else replace(BASE, **{field: value})


def without_the_hash(protocol):
    return re.sub(r" \(protocol .*", "", statement(protocol))


def test_every_field_that_decides_a_number_has_a_change_here():
    assert set(CHANGES) == {field.name for field in fields(Protocol)} - NO_NUMBER


def test_other_rules_have_another_paragraph():
    protocols = {field: changed(field) for field in CHANGES} | {"": BASE}
    assert len({protocol.hash for protocol in protocols.values()}) == len(protocols)
    for (one, first), (other, second) in combinations(protocols.items(), 2):
        assert without_the_hash(first) != without_the_hash(second), (one, other)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "300w-helen",
            "subset helen-test of the split test of 300w (330 faces; SHA-256 of the list of their ids 979f97e",
        ),
        ("300w-helen", "all 68 points of ibug-68, divided by the inter-ocular distance (points 36 to 45)."),
        (
            "300w-helen",
            "whose error is above 8 % or 10 %, reported for each. AUC is the area under the cumulative error",
        ),
        ("300w-helen@strict,t=0.05", "whose error is at or above 5 %, reported"),
        ("300w-helen@points=51", "over 51 of the 68 points of ibug-68 (points 17-67, counted from 0), divided"),
        ("300w-helen@missed=value:0.2", "over the faces. The failure rate"),
        ("300w-helen@missed=value:0.2", "A missed face has the error 20 %."),
        ("300w-helen@reduction=median", "The NME is the median of these errors over the faces that were found."),
        ("wflw", f"(protocol wflw, hash {get_protocol('wflw').hash[:12]}, version 2 of the metrics)."),
    ],
)
def test_it_says_what_is_computed(name, says):
    assert says in statement(get_protocol(name))
