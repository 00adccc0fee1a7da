"""The difference of a part of the faces from the others: Welch's, by groups, and its false alarms."""

import numpy as np
import pytest
from scipy import stats

from fldbench.errors import ProtocolError
from fldbench.stats import holm, part_difference

RNG = np.random.default_rng(0)
ERRORS = RNG.lognormal(-3, 0.5, size=40)
PART = np.arange(40) < 15


def test_without_groups_it_is_welch_but_for_the_degrees_of_freedom():
    found = part_difference(ERRORS, PART)
    welch = stats.ttest_ind(ERRORS[PART], ERRORS[~PART], equal_var=False)
    assert found.value == pytest.approx(ERRORS[PART].mean() - ERRORS[~PART].mean())
    assert found.p == pytest.approx(2 * stats.t.sf(abs(welch.statistic), 14))


def test_laws():
    found = part_difference(ERRORS, PART)
    assert part_difference(7 * ERRORS + 1, PART).p == pytest.approx(found.p)
    other = part_difference(ERRORS, ~PART)
    assert (other.value, other.p) == (pytest.approx(-found.value), pytest.approx(found.p))
    order = RNG.permutation(40)
    assert part_difference(ERRORS[order], PART[order]).p == pytest.approx(found.p)
    names = np.array([f"p{i}" for i in range(40)])
    assert part_difference(ERRORS, PART, names).p == pytest.approx(found.p), "each face a group"


def test_a_face_that_is_missed_does_not_count():
    some = ERRORS.copy()
    some[[3, 30]] = np.nan
    there = np.isfinite(some)
    assert part_difference(some, PART) == part_difference(some[there], PART[there])


def test_copies_of_a_face_tell_nothing_new():
    groups = np.arange(40)
    copied = part_difference(np.tile(ERRORS, 9), np.tile(PART, 9), np.tile(groups, 9))
    assert copied.p == pytest.approx(part_difference(ERRORS, PART).p)
    assert part_difference(np.tile(ERRORS, 9), np.tile(PART, 9)).p < copied.p, "as if they were new faces"


def test_nothing_can_be_told_of_one_group():
    assert np.isnan(part_difference(ERRORS, np.arange(40) == 3).p)
    assert np.isnan(part_difference(ERRORS, np.zeros(40, bool)).value)
    assert part_difference(np.ones(40), PART).p == 1.0


def test_shapes_must_fit():
    with pytest.raises(ProtocolError, match=r"the shapes are \(40,\), \(39,\); must be"):
        part_difference(ERRORS, PART[1:])


def test_false_alarms_of_a_whole_table():
    """Skewed errors, six slices of one in five faces, persons with several faces: at most 5 % of tables."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        person = np.repeat(np.arange(60), 4)
        errors = rng.lognormal(-3, 0.5, 240) * rng.lognormal(0, 0.4, 60)[person]
        of_person = rng.random((3, 60)) < 0.2
        parts = [*of_person[:, person], *(rng.random((3, 240)) < 0.2)]
        p = np.array([part_difference(errors, part, person).p for part in parts])
        alarms += bool((holm(p[np.isfinite(p)]) < 0.05).any())
    assert alarms <= 0.05 * 400 + 2 * np.sqrt(0.05 * 0.95 * 400)


def test_a_real_difference_is_found():
    rng = np.random.default_rng(2)
    part = np.arange(300) < 60
    found = [part_difference(rng.lognormal(-3, 0.4, 300) * (1 + 0.4 * part), part).p < 0.05 for _ in range(100)]
    assert np.mean(found) > 0.9
