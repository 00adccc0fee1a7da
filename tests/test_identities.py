"""Identities of NME, FR and AUC: real results keep them, however rounded, and a broken one is named."""

from fractions import Fraction

import numpy as np
import pytest

from fldbench import metrics
from fldbench.identities import Range, Result, contradictions, counts, mean_of_failures, mean_of_parts

RNG = np.random.default_rng(0)
THRESHOLDS = (8, 10)


def result_of(errors, written=Range.around):
    """The numbers of some errors, as fractions; `written` makes a range of a percentage."""
    nme = metrics.nme(errors)
    return Result(
        n=len(errors),
        missed=int(np.isnan(errors).sum()),
        nme=None if np.isnan(nme) else written(100 * nme),
        rates={Fraction(t): written(100 * metrics.failure_rate(errors, t / 100)) for t in THRESHOLDS},
        areas={Fraction(t): written(100 * metrics.auc(errors, t / 100)) for t in THRESHOLDS},
    )


@pytest.mark.parametrize("digits", [None, 0, 1, 2, 4])
def test_every_random_result_satisfies_the_identities(digits):
    def written(value):
        return Range.around(value) if digits is None else Range.rounded(f"{value:.{digits}f}")

    for _ in range(200):
        errors = RNG.gamma(2, RNG.uniform(0.005, 0.1), RNG.integers(1, 60))
        errors[RNG.random(len(errors)) < 0.1] = np.nan
        assert contradictions(result_of(errors, written)) == []


NUMBERS = {"nme": 4.0, "fr8": 10.0, "fr10": 0.0, "auc8": 55.0, "auc10": 60.0}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"auc8": 30.0}, "AUC@8% is 30; must be at least 50, which is 1 - NME / t"),
        ({"auc8": 95.0, "auc10": 96}, "AUC@8% is 95; must be at most 90, which is 1 - FR"),
        ({"auc10": 61.0}, "AUC@10% is 61; must be 60, which is 1 - NME / t, as nobody fails"),
        ({"fr8": 60.0, "auc8": 20.0, "nme": 4.0}, "FR@8% is 60; must be at most 50, which is NME / t"),
        ({"fr8": 15.0}, "FR@8% is 15; no whole number of 10 faces is that share"),
        ({"fr10": 20.0}, "FR@10% is 20; must be at most the 10 at 8 %"),
        ({"auc8": 65.0}, "AUC@10% is 60; must be at least the 65 at 8 %"),
        ({"fr8": 110.0}, "FR@8% is 110; must be from 0 to 100"),
        ({"auc8": -1.0}, "AUC@8% is -1; must be from 0 to 100"),
        ({"nme": -1.0}, "NME is -1; must be at least 0"),
        ({"missed": 5}, "FR@8% is 10, 1 of 10 faces; must be at least the 5 missed"),
    ],
)
def test_identities_name_what_is_impossible(change, text):
    assert contradictions(made(NUMBERS)) == []
    assert text in [one.text for one in contradictions(made(NUMBERS | change))]


def made(numbers):
    ranges = {key: Range.around(value) for key, value in numbers.items() if key != "missed"}
    return Result(
        n=10,
        missed=numbers.get("missed", 0),
        nme=ranges["nme"],
        rates={Fraction(t): ranges[f"fr{t}"] for t in THRESHOLDS},
        areas={Fraction(t): ranges[f"auc{t}"] for t in THRESHOLDS},
    )


def test_missed_faces_lower_what_the_area_must_be():
    """2 of 10 missed, the others at 4 %: the AUC at 8 % is 0.8 * 0.5, and less than 1 - NME / t."""
    errors = np.array([0.04] * 8 + [np.nan] * 2)
    found = result_of(errors)
    assert contradictions(found) == []
    assert found.areas[Fraction(8)].meets(Range.around(40.0))
    (broken,) = contradictions(Result(n=10, nme=found.nme, areas={Fraction(8): Range.around(40.0)}))
    assert broken.identity == "auc-least"


def test_the_mean_of_the_failures_is_that_of_their_errors():
    errors = np.array([0.02] * 95 + [0.3, 0.5, 0.2, 0.4, 0.6])
    assert mean_of_failures(result_of(errors), Fraction(8)).meets(Range.around(40.0))
    assert mean_of_failures(result_of(np.array([0.02, 0.03])), Fraction(8)) is None


@pytest.mark.parametrize("n", [135, 507, 689])
def test_a_rounded_rate_has_its_faces_again(n):
    for k in range(n + 1):
        for text in (f"{100 * k / n:.2f}", f"{100 * k / n:.3f}"):
            assert k in counts(Range.rounded(text), n)
        assert k in counts(Range.cut(f"{int(10000 * k / n) / 100:.2f}"), n)


def test_a_number_stands_for_what_rounds_to_it():
    assert Range.rounded("2.50") == (Fraction("2.495"), Fraction("2.505"), "2.50")
    assert Range.rounded("6") == (Fraction("5.5"), Fraction("6.5"), "6")
    assert Range.cut("0.72").meets(Range.around(100 * 5 / 689)) and not Range.rounded("0.72").meets(
        Range.around(100 * 5 / 689)
    )


def test_a_union_is_the_weighted_mean_of_its_parts():
    common, challenging = RNG.gamma(2, 0.02, 554), RNG.gamma(2, 0.04, 135)
    parts = [(Range.rounded(f"{100 * part.mean():.2f}"), len(part)) for part in (common, challenging)]
    assert mean_of_parts(parts).meets(Range.around(100 * np.concatenate([common, challenging]).mean()))
    assert not mean_of_parts(parts).meets(Range.around(100 * (common.mean() + challenging.mean()) / 2))
