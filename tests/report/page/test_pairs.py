"""What a page says of each pair: the numbers of fldbench.stats, in the order that the scripts look them up."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from made_pages import write_runs

from fldbench import leaderboard
from fldbench.report.page.measured import measured, places_of
from fldbench.report.page.pairs import pair_values
from fldbench.stats import difference_of, mcnemar_test, paired_difference, pairwise_p

N = 330


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(3)
    base = rng.gamma(4, 0.012, N)
    write_runs(tmp_path, {"a": base, "b": base + rng.normal(0.001, 0.01, N).clip(-base), "c": 1.5 * base})
    (one,) = measured(leaderboard(tmp_path), places_of([tmp_path]))
    return one


def test_each_pair_has_its_numbers_by_the_functions_of_stats(table):
    p = pairwise_p([one[None] for one in table.errors])
    for own, (i, j) in zip(pair_values(table), combinations(range(3), 2), strict=True):
        first, second = table.errors[i], table.errors[j]
        whole, interval = difference_of(first[None], second[None]), paired_difference(first[None], second[None])
        assert own["d"] == pytest.approx(100 * (second - first).mean(), rel=1e-3)
        assert [own["low"], own["high"]] == pytest.approx([100 * interval.low, 100 * interval.high], rel=1e-3)
        assert own["p"] == pytest.approx(p[i, j], rel=1e-3)
        assert own["better"] == pytest.approx(100 * ((first < second) + 0.5 * (first == second)).mean(), rel=1e-3)
        assert own["fail"] == pytest.approx(mcnemar_test(first > 0.08, second > 0.08), rel=1e-3)
        assert own["shows"] == pytest.approx(100 * whole.smallest(), rel=1e-3)
        assert own["n"] == N and own["seeds"] == [1, 1]


def test_faces_that_one_missed_do_not_count_in_the_difference_and_count_as_lost(table):
    errors = table.errors.copy()
    errors[1, :30] = np.nan
    gaps = replace(table, errors=errors, trainings=tuple(one[None] for one in errors))
    own = pair_values(gaps)[0]
    assert own["n"] == N - 30 and own["d"] == pytest.approx(100 * (errors[1] - errors[0])[30:].mean(), rel=1e-3)
    lost = np.r_[np.ones(30), errors[0, 30:] < errors[1, 30:]]
    assert own["better"] == pytest.approx(100 * lost.mean(), rel=1e-3)


def test_faces_of_one_group_are_one_observation(table):
    people = np.array([f"p{i // 10}" for i in range(N)])
    alone, together = pair_values(table)[2], pair_values(replace(table, groups=people))[2]
    assert together["d"] == alone["d"] and together["shows"] != alone["shows"]


def test_many_faces_and_pairs_are_measured_by_formulas_close_to_the_draws(table, monkeypatch):
    drawn = pair_values(table)
    monkeypatch.setattr("fldbench.report.page.pairs.MOST_DRAWN", 1)
    for own, other in zip(pair_values(table), drawn, strict=True):
        width = other["high"] - other["low"]
        assert own["d"] == other["d"] and own["low"] == pytest.approx(other["low"], abs=0.2 * width)
        assert own["fail"] is None and (own["p"] < 0.05) == (other["p"] < 0.05)


def test_seeds_are_trainings(tmp_path):
    rng = np.random.default_rng(4)
    base = rng.gamma(4, 0.012, N)
    for seed in range(3):
        write_runs(tmp_path, {"a": base + rng.normal(0, 0.001, N).clip(-base), "b": base + 0.01}, seed=seed)
    (one,) = measured(leaderboard(tmp_path), places_of([tmp_path]))
    (own,) = pair_values(one)
    assert own["seeds"] == [3, 3] and own["fail"] is None and own["p"] < 0.05
    assert one.trainings[0].shape == (3, N) and np.allclose(one.errors[0], one.trainings[0].mean(axis=0))


def test_one_method_has_no_pair_and_two_without_a_common_face_say_nothing(table):
    one = replace(
        table, with_errors=(0,), errors=table.errors[:1], there=table.there[:1], trainings=table.trainings[:1]
    )
    assert pair_values(one) is None
    errors = table.errors.copy()
    errors[0, : N // 2] = np.nan
    errors[1, N // 2 :] = np.nan
    apart = replace(table, errors=errors, trainings=tuple(one[None] for one in errors))
    assert pair_values(apart)[0] == {"n": 0}


def test_groups_are_those_that_the_records_keep(tmp_path):
    write_runs(tmp_path, {"a": np.full(N, 0.03), "b": np.full(N, 0.04)}, more={"groups": np.arange(N) // 3})
    (one,) = measured(leaderboard(tmp_path), places_of([tmp_path]))
    assert len(set(one.groups.tolist())) == N / 3 and one.groups[0] == one.groups[2] != one.groups[3]
    write_runs(tmp_path / "alone", {"a": np.full(N, 0.03)}, more={"groups": np.arange(N)})
    (one,) = measured(leaderboard(tmp_path / "alone"), places_of([tmp_path / "alone"]))
    assert one.groups is None
