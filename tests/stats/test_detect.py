"""Variances of a difference, the smallest detectable one, the faces needed, and verdicts."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from fldbench.errors import ProtocolError
from fldbench.stats import Interval, difference_of, paired_difference, verdict


@pytest.fixture
def normal():
    """Standard normal numbers of a shape, from the same beginning in every test."""
    rng = np.random.default_rng(4)
    return lambda *shape: rng.normal(size=shape)


def test_with_one_training_it_is_the_paired_t_test(normal):
    first, second = normal(1, 80), normal(1, 80) + 0.2
    found = difference_of(first, second)
    theirs = stats.ttest_rel(second[0], first[0])
    assert found.value / found.error == pytest.approx(theirs.statistic)
    assert found.p == pytest.approx(theirs.pvalue) and found.degrees == pytest.approx(79)


@pytest.mark.parametrize(("a", "b", "clips"), [(1, 1, False), (4, 6, False), (4, 6, True), (1, 3, True)])
def test_it_is_the_standard_error_of_the_bootstrap(normal, a, b, clips):
    faces = normal(300)
    first = faces + 0.1 * normal(a, 1) + 0.5 * normal(a, 300)
    second = 0.5 * faces + 0.2 * normal(b, 1) + 0.5 * normal(b, 300)
    groups = np.arange(300) // 3 if clips else None
    weights = 1 + np.arange(300) % 2
    found = difference_of(first, second, groups, weights)
    drawn = paired_difference(first, second, groups, weights=weights, draws=20000)
    assert found.value == pytest.approx(drawn.value)
    assert found.error == pytest.approx(drawn.error, rel=0.03)
    assert found.degrees == pytest.approx(drawn.degrees, rel=0.1)


def test_where_one_method_varies_it_is_the_t_test_of_its_trainings(normal):
    trainings = 1 + normal(5, 1) + np.zeros(30)
    found = difference_of(np.zeros((2, 30)), trainings)
    assert found.p == pytest.approx(stats.ttest_1samp(trainings[:, 0], 0).pvalue)


def test_as_many_trainings_of_both_are_those_of_the_t_test_of_two_samples(normal):
    first, second = normal(4, 1) + np.zeros(30), 1 + normal(4, 1) + np.zeros(30)
    assert difference_of(first, second).p == pytest.approx(stats.ttest_ind(first[:, 0], second[:, 0]).pvalue)


def test_where_both_vary_it_is_the_solution_of_behrens_and_fisher(normal):
    """The second route: two draws from t distributions instead of variances. Few trainings are less sure than Welch."""
    first, second = normal(5, 1) + np.zeros(30), 2 + 2 * normal(4, 1) + np.zeros(30)
    found = difference_of(first, second)
    drawn = np.sqrt(found.of_first) * np.random.default_rng(0).standard_t(4, 400_000)
    drawn += np.sqrt(found.of_second) * np.random.default_rng(1).standard_t(3, 400_000)
    assert found.p == pytest.approx(np.mean(np.abs(drawn) >= abs(found.value)), rel=0.03)
    assert found.p > stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False).pvalue
    assert found.faces_needed() == np.inf
    first, second = normal(200, 1) + np.zeros(30), 0.2 + 2 * normal(150, 1) + np.zeros(30)
    welch = stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False)
    assert difference_of(first, second).p == pytest.approx(welch.pvalue, rel=0.02)


def test_the_smallest_difference_is_found_with_the_chance_it_says(normal):
    differences = 0.5 * normal(120)
    found = difference_of(np.zeros((1, 120)), differences[None])
    power = TTestPower().power(found.smallest() / differences.std(ddof=1), 120, 0.05)
    assert power == pytest.approx(0.8, abs=0.005)
    assert found.smallest(power=0.9) > found.smallest() > found.smallest(level=0.9)


def test_as_many_faces_as_needed_show_the_measured_difference(normal):
    differences = normal(500) + 0.1
    found = difference_of(np.zeros((1, 500)), differences[None])
    needed = found.faces_needed()
    theirs = TTestPower().solve_power(abs(found.value) / differences.std(ddof=1), power=0.8, alpha=0.05)
    assert needed == pytest.approx(theirs, rel=0.02)
    four_times = difference_of(np.zeros((1, 2000)), np.tile(differences, 4)[None])
    assert four_times.faces_needed() == pytest.approx(needed, rel=0.02)
    assert four_times.smallest() == pytest.approx(found.smallest() / 2, rel=0.02)


def test_edges():
    same = difference_of(np.ones((1, 5)), np.ones((1, 5)))
    assert (same.value, same.error, same.p, same.smallest(), same.faces_needed()) == (0, 0, 1, 0, np.inf)
    apart = difference_of(np.ones((1, 5)), 2 * np.ones((1, 5)))
    assert (apart.value, apart.p, apart.smallest(), apart.faces_needed()) == (1, 0, 0, 0)
    one_group = difference_of(np.ones((1, 5)), np.arange(5.0)[None], np.zeros(5))
    assert np.isnan([one_group.error, one_group.p, one_group.smallest(), one_group.faces_needed()]).all()
    missed = difference_of(np.array([[1, np.nan, 3.0]]), np.array([[2, 2, np.nan]]))
    assert (missed.value, missed.n) == (1, 1)
    with pytest.raises(ProtocolError, match="faces that both methods answered is 0; must be 1 or more"):
        difference_of(np.array([[1, np.nan]]), np.array([[np.nan, 1]]))
    with pytest.raises(ProtocolError, match=r"difference: the shapes are \(1, 2\), \(1, 3\); must be"):
        difference_of(np.ones((1, 2)), np.ones((1, 3)))


def test_verdicts():
    def of(low, high):
        return verdict(Interval((low + high) / 2, low, high, 9.0, False))

    assert of(0.06, 0.2) == "first better" and of(-0.2, -0.06) == "second better"
    assert of(-0.05, 0.05) == "equivalent" and of(0.0, 0.0) == "equivalent"
    assert of(0.01, 0.2) == of(-0.06, 0.01) == of(np.nan, np.nan) == of(-1, 1) == "undecided"
    with pytest.raises(ProtocolError, match="rope is -1; must be 0 or more"):
        verdict(Interval(0.0, 0.0, 0.0, 9.0, False), -1)
