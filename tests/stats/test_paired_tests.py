"""Tests of two methods: by hand, against scipy and statsmodels, and laws."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from fldbench.errors import ProtocolError
from fldbench.stats import chance_better, holm, mcnemar_test, permutation_test, wilcoxon_test
from fldbench.stats.paired_tests import _saddlepoint


@pytest.fixture
def normal():
    """Standard normal numbers of a shape, from the same beginning in every test."""
    rng = np.random.default_rng(3)
    return lambda *shape: rng.normal(size=shape)


def test_all_exchanges_by_hand(normal):
    first, second = normal(10), normal(10) + 0.8
    differences = first - second
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=10)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    assert permutation_test(first, second) == pytest.approx(expected)
    clips = np.arange(10) // 2
    of_clips = [differences[clips == i].sum() for i in range(5)]
    sums = [abs(np.dot(signs, of_clips)) for signs in product((1, -1), repeat=5)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    assert permutation_test(first, second, clips) == pytest.approx(expected)


def test_random_exchanges_are_those_of_scipy_and_near_the_t_test(normal):
    first, second = normal(60), normal(60) + 0.4
    found = permutation_test(first, second)
    theirs = stats.permutation_test(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis),
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    assert found == pytest.approx(theirs.pvalue, abs=0.01)
    assert found == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.01)


def test_many_groups_are_exchanged_in_bundles(normal):
    first, second = normal(20_000), normal(20_000) + 0.022
    expected = stats.ttest_rel(first, second).pvalue
    assert 0.01 < expected < 0.2 and permutation_test(first, second) == pytest.approx(expected, abs=0.02)
    few = np.zeros(20_000)
    few[:10] = 1.0 + np.arange(10)
    assert permutation_test(few, np.zeros(20_000)) == 2**-9  # those that do not differ are in no bundle


def test_the_saddlepoint_is_the_tail_that_draws_cannot_see(normal):
    for shift in (0.3, 0.5, 0.8, 2.0):
        differences = normal(16) + shift
        signs = np.array(list(product((1.0, -1.0), repeat=16)))
        exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
        assert _saddlepoint(differences) == pytest.approx(exact, rel=0.3)
    assert _saddlepoint(np.arange(1.0, 21)) == 2**-19  # all have one sign
    clear = permutation_test(normal(400) + 1, normal(400))
    assert 0 < clear < 1e-15
    assert permutation_test(np.zeros(400), np.r_[np.full(399, 0.01), 0.0]) == pytest.approx(2.0**-398)


def test_faces_of_a_clip_are_no_evidence_of_their_own(normal):
    first, second = np.zeros(600), np.repeat(normal(12), 50)
    clips = np.repeat(np.arange(12), 50)
    assert permutation_test(first, second, clips) == permutation_test(first[::50], second[::50])
    assert wilcoxon_test(first, second, clips) == wilcoxon_test(first[::50], second[::50])
    assert mcnemar_test(second > 0.9, first > 1, clips) == mcnemar_test(second[::50] > 0.9, first[::50] > 1)


def test_wilcoxon_is_that_of_scipy_and_rounding_is_no_difference(normal):
    first, second = normal(40), normal(40) + 0.4
    assert wilcoxon_test(first, second) == stats.wilcoxon(first - second).pvalue
    same = np.array([0.1, 0.2, 0.3])
    assert wilcoxon_test(same, same + 1e-15) == 1.0
    missed = np.r_[second[:-1], np.nan]
    assert wilcoxon_test(first, missed) == wilcoxon_test(first[:-1], second[:-1])


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 0), (7, 3), (30, 12), (0, 900), (4, 4)])
def test_mcnemar_is_that_of_statsmodels(only_first, only_second):
    n = only_first + only_second + 20
    first, second = np.zeros((2, n), bool)
    first[:only_first] = second[only_first : only_first + only_second] = True
    first[-5:] = second[-5:] = True
    theirs = mcnemar([[5, only_first], [only_second, 15]], exact=True).pvalue
    assert mcnemar_test(first, second) == pytest.approx(theirs)
    assert mcnemar_test(second, first) == pytest.approx(theirs)


def test_mcnemar_of_groups_and_of_trainings_counts_all_signs(normal):
    first, second = np.array([3, 0, 1, 0, 2, 0]), np.array([0, 1, 0, 0, 0, 0])
    sizes = np.array([3, 1, 1, 2])
    sums = [abs(np.dot(signs, sizes)) for signs in product((1, -1), repeat=4)]
    assert mcnemar_test(first, second) == pytest.approx(np.mean(np.array(sums) >= 5))
    with pytest.raises(ProtocolError, match="not whole numbers"):
        mcnemar_test(first / 2, second)


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(0).random(40) ** 4
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm(np.array([])).tolist() == []


def test_the_chance_to_be_better_by_hand():
    first = np.array([[0.1, 0.3, np.nan], [0.3, 0.3, 0.2]])
    second = np.array([[0.2, 0.3, np.nan]])
    assert chance_better(first, second).tolist() == [0.5, 0.5, 0.75]
    assert (chance_better(first, second) + chance_better(second, first)).tolist() == [1, 1, 1]
    with pytest.raises(ProtocolError, match=r"the shapes are \(2, 3\) and \(3,\)"):
        chance_better(first, second[0])


def test_equal_methods_and_missed_faces():
    errors = np.array([0.03, 0.04, np.nan])
    for test in (permutation_test, wilcoxon_test):
        assert test(errors, errors) == test(errors, np.full(3, np.nan)) == 1.0
    assert mcnemar_test(np.zeros(3), np.zeros(3)) == 1.0
    for first, second, groups in ((np.zeros(3), np.zeros(2), None), (np.zeros(3), np.zeros(3), np.zeros(2))):
        with pytest.raises(ProtocolError, match="paired test: the shapes are"):
            permutation_test(first, second, groups)
    assert permutation_test(np.zeros(30), np.r_[np.ones(15), -np.ones(15)]) == 1.0


def test_permutations_do_not_depend_on_unit_order_or_direction(normal):
    first, second = normal(50), normal(50) + 0.3
    found = permutation_test(first, second)
    assert permutation_test(100 * first, 100 * second) == permutation_test(second, first) == found
    order = np.random.default_rng(1).permutation(50)
    assert permutation_test(first[order], second[order]) == pytest.approx(found, abs=0.01)
