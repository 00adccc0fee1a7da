"""Pairs of a table, tie groups, rank intervals, critical differences."""

import numpy as np
import pytest
from scipy import stats

from fldbench.errors import ProtocolError
from fldbench.stats import (
    critical_difference,
    difference_of,
    holm,
    pairwise_p,
    permutation_test,
    rank_intervals,
    tie_groups,
)


@pytest.fixture
def normal():
    """Standard normal numbers of a shape, from the same beginning in every test."""
    rng = np.random.default_rng(6)
    return lambda *shape: rng.normal(size=shape)


def symmetric(m, *pairs):
    decided = np.zeros((m, m), bool)
    for i, j in pairs:
        decided[i, j] = decided[j, i] = True
    return decided


def test_pairs_of_one_training_are_permuted_and_others_count_trainings(normal):
    faces = normal(60)
    values = [
        (faces + 0.3 * normal(60))[None],
        faces + 0.3 * normal(4, 60) + 0.2,
        faces + 0.3 * normal(3, 60) + 0.1 * normal(3, 1),
        (faces + 0.3 * normal(60) + 0.1)[None],
    ]
    clips = np.arange(60) // 2
    found = pairwise_p(values, clips, [False, False, False, True])
    pairs = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    fixed = np.repeat(values[3], 2, axis=0)
    expected = [
        *(permutation_test(values[i].mean(axis=0), values[0][0], clips) for i in (1, 2)),
        difference_of(values[2], values[1], clips).p,
        permutation_test(values[3][0], values[0][0], clips),
        *(difference_of(fixed, values[j], clips).p for j in (1, 2)),
    ]
    assert [found[pair] for pair in pairs] == pytest.approx(holm(np.array(expected)), abs=0.02)
    assert np.array_equal(found, found.T) and (found.diagonal() == 1).all()


def test_large_tables_can_still_decide(normal):
    """40 methods are 780 pairs: draws alone would leave every p above 0.05 / 780."""
    faces = normal(200)
    found = pairwise_p([(faces + 0.1 * normal(200) + 0.2 * i)[None] for i in range(40)], flips=2000)
    assert (found[~np.eye(40, dtype=bool)] < 0.05).all()


def test_pairs_with_missed_faces_are_permuted_on_what_both_answered(normal):
    faces = normal(40)
    values = [faces + 0.5 * normal(40), faces + 0.2, faces + 0.5 * normal(40)]
    values[0][:4], values[2][3:9] = np.nan, np.nan
    found = pairwise_p([one[None] for one in values])
    expected = [permutation_test(values[i], values[j]) for i, j in ((1, 0), (2, 0), (2, 1))]
    assert [found[1, 0], found[2, 0], found[2, 1]] == pytest.approx(holm(np.array(expected)), abs=0.02)


def test_edges_of_pairs():
    assert pairwise_p([np.ones((1, 4))]).tolist() == [[1.0]]
    assert pairwise_p([np.ones((1, 4)), np.full((1, 4), np.nan), np.ones((3, 4)), np.full((3, 4), np.nan)]).min() == 1
    three = pairwise_p([np.array([[0.1, 0.2, 0.3]]), np.array([[0.4, 0.5, 0.6]])])
    assert three[0, 1] == 0.25  # two of the eight signs: three faces never decide anything
    with pytest.raises(ProtocolError, match=r"pairwise tests: the shapes are \(1, 2\), \(1, 3\); must be"):
        pairwise_p([np.ones((1, 2)), np.ones((1, 3))])


def test_a_table_of_equal_methods_has_few_false_alarms():
    """A short form of benchmarks/interval_coverage.py: 3 standard deviations of a share at 5 % of 200 are 4.6 %."""
    rng, alarms = np.random.default_rng(0), 0
    for i in range(200):
        faces = np.exp(rng.normal(-3, 0.4, size=50))
        values = [(faces * np.exp(rng.normal(0, 0.3, size=50)))[None] for _ in range(5)]
        alarms += (pairwise_p(values, flips=1000, random_state=i) < 0.05).any()
    assert alarms / 200 < 0.096


def test_tables_of_equal_methods_with_few_trainings_have_few_false_alarms():
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(150):
        faces = rng.normal(size=40)
        values = [faces + 0.3 * rng.normal(size=40) + 0.1 * rng.normal(size=(3, 1)) for _ in range(6)]
        alarms += (pairwise_p(values) < 0.05).any()
    assert alarms / 150 < 0.10


def test_tie_groups_by_hand():
    assert tie_groups(symmetric(3)) == ["a", "a", "a"]
    assert tie_groups(symmetric(3, (0, 1), (0, 2), (1, 2))) == ["a", "b", "c"]
    assert tie_groups(symmetric(4, (0, 2), (0, 3), (1, 3))) == ["a", "ab", "bc", "c"]
    assert tie_groups(symmetric(4, (0, 1), (2, 3))) == ["ab", "cd", "ac", "bd"]
    assert tie_groups(np.zeros((0, 0), bool)) == []
    many = tie_groups(~np.eye(60, dtype=bool))
    assert (many[0], many[26], many[52]) == ("a", "A", "(53)") and len(set(many)) == 60


def test_letters_of_many_methods_need_no_time():
    rng = np.random.default_rng(0)
    decided = np.triu(rng.random((70, 70)) < 0.4, 1)
    letters = tie_groups(decided | decided.T)  # without a bound on cliques this takes hours
    assert len(letters) == 70 and all(letters)


@pytest.mark.parametrize("seed", range(20))
def test_two_share_a_letter_exactly_if_they_are_not_decided(seed):
    rng = np.random.default_rng(seed)
    m = 9
    decided = np.triu(rng.random((m, m)) < 0.1 * (1 + seed % 8), 1)
    decided |= decided.T
    letters = tie_groups(decided)
    for i in range(m):
        for j in range(m):
            assert bool(set(letters[i]) & set(letters[j])) == (i == j or not decided[i, j])
    assert all(letters)
    # No letter can be left out: each holds some pair that no other one holds, or a method that has no other.
    for letter in set("".join(letters)):
        fewer = [set(one) - {letter} for one in letters]
        assert any(not fewer[i] & fewer[j] and (i == j or not decided[i, j]) for i in range(m) for j in range(m))


def test_rank_intervals_by_hand():
    better = np.zeros((4, 4), bool)
    better[0, 2:] = better[1, 3] = True
    assert rank_intervals(better) == [(1, 2), (1, 3), (2, 4), (3, 4)]
    assert rank_intervals(np.zeros((2, 2), bool)) == [(1, 2), (1, 2)]


def test_critical_differences_of_demsar():
    """Demšar 2006, section 3.2.2: 4 classifiers on 14 data sets; the mean ranks 3.143, 2.000, 2.893, 1.964."""
    plain = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957]
    m = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978]
    cf = [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614, 0.9751, 0.946]
    both = [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970]
    found = critical_difference(np.array([plain, m, cf, both]), higher_is_better=True)
    assert found.ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.001)
    assert found.difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=0.001)
    assert found.p == pytest.approx(stats.friedmanchisquare(plain, m, cf, both).pvalue)
    assert found.p < 0.05 and not found.decided.any()  # 3.143 - 1.964 = 1.18 < 1.25
    loose = critical_difference(np.array([plain, m, cf, both]), level=0.9, higher_is_better=True)
    assert loose.difference == pytest.approx(2.291 * np.sqrt(4 * 5 / (6 * 14)), abs=0.001)
    assert [(int(i), int(j)) for i, j in np.argwhere(loose.decided) if i < j] == [(0, 1), (0, 3)]


def test_critical_differences_of_equal_methods_and_bad_scores():
    equal = critical_difference(np.ones((3, 4)))
    assert equal.p == 1 and equal.ranks.tolist() == [2, 2, 2] and not equal.decided.any()
    with pytest.raises(ProtocolError, match=r"shape of the scores is \(3, 1\); must be \(methods, benchmarks\), two"):
        critical_difference(np.ones((3, 1)))
    with pytest.raises(ProtocolError, match=r"1 score\(s\) are missing; must be finite; leave out the method or"):
        critical_difference(np.array([[1, np.nan], [1, 2]]))
    with pytest.raises(ProtocolError, match=r"the shape of the pairs is \(2, 3\); must be \(m, m\)"):
        rank_intervals(np.zeros((2, 3)))
    with pytest.raises(ProtocolError, match="the matrix must be symmetric"):
        tie_groups(np.triu(np.ones((2, 2)), 1))
