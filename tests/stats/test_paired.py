"""Intervals of differences: by hand, against formulas, laws, and how often they cover the truth in simulations."""

import numpy as np
import pytest
from scipy import stats

from fldbench.errors import ProtocolError
from fldbench.stats import Interval, paired_difference, paired_differences


@pytest.fixture
def normal():
    """Standard normal numbers of a shape, from the same beginning in every test."""
    rng = np.random.default_rng(5)
    return lambda *shape: rng.normal(size=shape)


def test_a_constant_difference_has_no_width(normal):
    errors = normal(3, 20)
    found = paired_difference(np.tile(errors[0], (3, 1)), np.tile(errors[0] - 0.25, (3, 1)))
    assert [found.value, found.low, found.high] == pytest.approx([-0.25] * 3) and found.sign == -1
    same = paired_difference(errors, errors)
    assert same.value == 0 and same.low < 0 < same.high and same.sign == 0
    assert Interval(1.0, 0.5, 2.0, 9.0, True).sign == 1 and Interval(np.nan, np.nan, np.nan, 0.0, True).sign == 0


def test_with_one_training_it_is_the_paired_t_interval_over_faces(normal):
    first, second = normal(1, 400), normal(1, 400)
    found = paired_difference(first, second, draws=20000)
    low, high = stats.ttest_rel(second[0], first[0]).confidence_interval(0.95)
    assert found.value == pytest.approx((second - first).mean()) and not found.over_seeds
    assert found.degrees == pytest.approx(399)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.03 * (high - low))


def test_where_trainings_decide_it_is_the_interval_of_welch(normal):
    """Every face has the same error in one training, so faces say nothing."""
    first, second = normal(5, 1) + np.zeros(30), 1 + 3 * normal(4, 1) + np.zeros(30)
    found = paired_difference(first, second, draws=40000)
    welch = stats.ttest_ind(second[:, 0], first[:, 0], equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert found.value == pytest.approx(welch.statistic * (high - low) / 2 / stats.t.ppf(0.975, welch.df), rel=1e-9)
    assert found.degrees == pytest.approx(welch.df) and found.over_seeds
    # Four values are no normal distribution, so the widths are nearly the same; they are symmetric in both.
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
    assert found.value - found.low == pytest.approx(found.high - found.value, rel=0.02)


def test_the_width_is_that_of_the_variance_components(normal):
    """A crossed sample with known variances: V = 2 s_f^2 / n + 2 s_t^2 / 5 + 2 s_r^2 / (5 n)."""
    n, widths = 200, []
    for _ in range(40):
        ours = [0.6 * normal(n) + 0.03 * normal(5, 1) + 1.5 * normal(5, n) for _ in range(2)]
        found = paired_difference(*ours, draws=400)
        widths.append((found.high - found.low) / 2 / stats.t.ppf(0.975, found.degrees))
    expected = 2 * (0.36 / n + 0.0009 / 5 + 2.25 / (5 * n))
    assert np.mean(np.square(widths)) == pytest.approx(expected, rel=0.15)


def test_faces_of_one_person_are_drawn_together(normal):
    persons = np.repeat(np.arange(50), 8)
    first, second = np.zeros((1, 400)), normal(50)[persons][None]
    together = paired_difference(first, second, persons, draws=2000)
    apart = paired_difference(first, second, draws=2000)
    assert [together.degrees, apart.degrees] == pytest.approx([49, 399])
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(np.sqrt(8), rel=0.1)
    named = np.array([f"person {one}" for one in persons])
    assert paired_difference(first, second, named, draws=2000).value == pytest.approx(together.value)


def test_strata_weights_and_missing_values_by_hand():
    first = np.zeros((1, 6))
    second = np.array([[1.0, 0.0, 1.0, 1.0, np.nan, 7.0]])
    classes = np.array([0, 0, 1, 1, 1, -1])
    assert paired_difference(first, second, strata=classes).value == pytest.approx((0.5 + 1.0) / 2)
    assert paired_difference(first, second).value == pytest.approx(10 / 5)
    weights = np.array([3.0, 1.0, 1.0, 1.0, 9.0, 0.0])
    assert paired_difference(first, second, weights=weights).value == pytest.approx(5 / 6)
    # An empty class between two others takes no part.
    assert paired_difference(first, second, strata=2 * classes).value == pytest.approx(0.75)


def test_several_measures_are_each_what_they_are_alone(normal):
    first, second = normal(3, 2, 30), normal(3, 4, 30)
    together = paired_differences(first, second, draws=300)
    for found, a, b in zip(together, first, second, strict=True):
        alone = paired_difference(a, b, draws=300)
        assert [found.value, found.low, found.high] == pytest.approx([alone.value, alone.low, alone.high])


def test_laws(normal):
    first, second = normal(3, 60), normal(3, 60) + 0.3
    found = paired_difference(first, second, draws=1000)
    larger = paired_difference(2 * first, 2 * second, draws=1000)
    assert [larger.value, larger.low, larger.high] == pytest.approx([2 * found.value, 2 * found.low, 2 * found.high])
    moved = paired_difference(first + 5, second + 5, draws=1000)
    assert [moved.low, moved.high] == pytest.approx([found.low, found.high])
    other = paired_difference(first, second, draws=1000, random_state=1)
    assert other != found and [other.low, other.high] == pytest.approx([found.low, found.high], abs=0.1)
    assert paired_difference(first, second, level=0.5, draws=1000).high < found.high


def test_without_any_face_nothing_is_told():
    nothing = paired_difference(np.full((2, 5), np.nan), np.ones((2, 5)))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all() and nothing.sign == 0
    one_group = paired_difference(np.zeros((2, 5)), np.ones((2, 5)), np.zeros(5))
    assert one_group.value == 1 and np.isnan(one_group.low)


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ((2, 5), (2, 4), {}),
        ((2, 5), (5,), {}),
        ((0, 5), (2, 5), {}),
        ((2, 5), (2, 5), {"groups": np.zeros(4)}),
        ((2, 5), (2, 5), {"strata": np.zeros((2, 5), int)}),
    ],
)
def test_shapes_that_do_not_fit_are_refused(first, second, more):
    with pytest.raises(ProtocolError, match=r"paired differences: the shapes are .*; must be \(m, a, n\)"):
        paired_difference(np.zeros(first), np.zeros(second), **more)


@pytest.mark.parametrize(
    ("of_faces", "of_trainings", "of_both"),
    [(0.1, 1.0, 0.1), (1.0, 0.0, 0.1), (0.0, 0.0, 2.0), (1.0, 0.1, 1.0)],
    ids=["trainings", "faces", "both at once", "mixed"],
)
def test_with_five_trainings_19_of_20_intervals_cover_the_truth(of_faces, of_trainings, of_both):
    rng, covered, times = np.random.default_rng(1), 0, 300
    persons = np.repeat(np.arange(60), 2)
    for i in range(times):
        hard = 2 * rng.normal(size=120)  # what both methods have in common
        ours = [
            hard
            + of_faces * rng.normal(size=120)
            + of_trainings * rng.normal(size=(5, 1))
            + of_both * rng.normal(size=(5, 120))
            for _ in range(2)
        ]
        found = paired_difference(ours[0], ours[1] + 0.5, persons, draws=300, random_state=i)
        covered += found.low <= 0.5 <= found.high
    # 3 standard deviations of the count at 95 % are 3.8 %.
    assert 0.912 <= covered / times <= 0.988
