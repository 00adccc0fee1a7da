"""Intervals of one summary: by hand, against scipy and statsmodels, laws, and how often they cover the truth."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from fldbench.errors import ProtocolError
from fldbench.metrics import auc
from fldbench.stats import summary_interval, summary_intervals
from fldbench.stats.ordered import interquartile_means, medians
from fldbench.stats.resample import degrees_of_groups, tail_weight


@pytest.fixture
def skewed():
    """Errors of a shape with a long tail, from the same beginning in every test."""
    rng = np.random.default_rng(8)
    return lambda *shape: np.exp(rng.normal(-3, 0.5, size=shape))


def test_a_mean_has_nearly_the_bca_interval_of_scipy(skewed):
    errors = skewed(200)
    found = summary_interval(errors[None], draws=20000)
    theirs = stats.bootstrap((errors,), np.mean, n_resamples=20000, rng=np.random.default_rng(1)).confidence_interval
    # Ours is wider by the quotient of the quantiles of t and normal, and by n / (n - 1) of the variance.
    degrees = 2 / (2 / 199 + stats.kurtosis(errors) / 200)
    wider = stats.t.ppf(0.975, degrees) / stats.norm.ppf(0.975) * np.sqrt(200 / 199)
    width = theirs.high - theirs.low
    assert found.value == pytest.approx(errors.mean()) and found.degrees == pytest.approx(degrees)
    assert found.low - found.value == pytest.approx(wider * (theirs.low - found.value), abs=0.03 * width)
    assert found.high - found.value == pytest.approx(wider * (theirs.high - found.value), abs=0.03 * width)
    assert found.error == pytest.approx(stats.sem(errors), rel=0.03)
    assert found.high - found.value > 1.05 * (found.value - found.low)  # the long tail is above


def test_degrees_of_freedom_are_those_of_how_much_variances_vary():
    """Of 20,000 samples; the excess kurtosis of exponential values is 6, of normal ones 0, of even ones -1.2."""
    rng, size = np.random.default_rng(3), (20_000, 30)
    for values, kurtosis in ((rng.exponential(size=size), 6), (rng.normal(size=size), 0)):
        variances = values.var(axis=1, ddof=1)
        found = degrees_of_groups(30, kurtosis / 30)
        assert variances.var() / variances.mean() ** 2 == pytest.approx(2 / found, rel=0.06)
    without = -rng.exponential(size=(1, 200_000))
    assert tail_weight(without)[0] * 200_000 == pytest.approx(6, rel=0.1)
    assert tail_weight(7 - 5 * without) == pytest.approx(tail_weight(without))
    assert tail_weight(np.stack([rng.random(50), np.ones(50), np.full(50, np.nan)])).tolist() == [0, 0, 0]


def test_a_few_hard_faces_take_degrees_of_freedom(skewed):
    errors = skewed(300)
    errors[7] = 2.0
    found = summary_interval(errors[None])
    expected = 2 / (2 / 299 + stats.kurtosis(errors) / 300)
    assert 2 < found.degrees < 2.5 and found.degrees == pytest.approx(expected)
    for of in ("median", "rate"):
        assert summary_interval(errors[None] > 1 if of == "rate" else errors[None], of=of).degrees == pytest.approx(299)
    assert 250 < summary_interval(errors[None], of="iqm").degrees <= 299  # which the hard face does not move
    assert summary_interval(np.arange(300.0)[None]).degrees == pytest.approx(299)  # lighter tails than normal ones
    # A hundred blocks of three faces say nearly the same of a hard one.
    blocks = summary_interval(errors[None], of=lambda one: one.mean(axis=1), draws=100)
    assert blocks.degrees == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("failures", "n"), [(0, 30), (30, 30), (0, 689)])
def test_a_rate_of_zero_or_one_is_that_of_clopper_and_pearson(failures, n):
    found = summary_interval((np.arange(n) < failures)[None], of="rate", level=0.9)
    assert (found.low, found.high) == pytest.approx(proportion_confint(failures, n, 0.1, "beta"))
    assert found.rule == "exact" and found.value == failures / n


def test_a_rate_between_is_that_of_jeffreys_and_groups_count_as_one(skewed):
    failed = (np.arange(2000) < 60)[None]
    found = summary_interval(failed, of="rate", draws=8000)
    assert (found.low, found.high) == pytest.approx(proportion_confint(60, 2000, 0.05, "jeffreys"), rel=0.03)
    groups = np.arange(2000) // 10  # all failures in six clips
    apart = summary_interval(failed[:, ::10], of="rate", draws=8000)
    together = summary_interval(failed, groups, of="rate", draws=8000)
    assert (together.low, together.high) == pytest.approx((apart.low, apart.high), rel=1e-9)
    assert summary_interval(np.zeros((1, 2000), bool), groups, of="rate").high == pytest.approx(1 - 0.025 ** (1 / 200))


def test_many_groups_are_drawn_in_bundles(skewed):
    n = 40_000
    values = np.stack(
        [np.random.default_rng(1).gamma(2, 0.02, n), np.repeat(np.random.default_rng(2).gamma(2, 0.02, n // 2), 2)]
    )
    alone, _ = summary_intervals(values[:, None])
    _, pairs = summary_intervals(values[:, None], np.arange(n) // 2)
    for found, own, groups in ((alone, values[0], n), (pairs, values[1], n // 2)):
        assert found.error == pytest.approx(own.std() / np.sqrt(groups), rel=0.04)
        assert found.high - found.low == pytest.approx(2 * 1.96 * own.std() / np.sqrt(groups), rel=0.06)
    (never,) = summary_intervals(np.zeros((1, 1, n)), of="rate")
    assert never.high == pytest.approx(1 - 0.025 ** (1 / n))  # of all groups, not of bundles


@pytest.mark.parametrize("n", [3, 4, 50, 400])
def test_the_median_and_the_iqm_of_draws_are_those_of_repeated_faces(n):
    rng = np.random.default_rng(n)
    values, times = rng.random((3, n)), rng.multinomial(n, np.full(n, 1 / n), size=20).astype(float).T
    values[0, :2] = np.nan
    values[1] = values[1].round(1)  # many are equal
    for row, median, middle in zip(values, medians(values, times), interquartile_means(values, times), strict=True):
        for r in range(20):
            drawn = np.repeat(np.where(np.isnan(row), np.inf, row), times[:, r].astype(int))
            assert median[r] == pytest.approx(np.median(drawn))
            assert middle[r] == pytest.approx(stats.trim_mean(np.repeat(drawn, 4), 0.25))


def test_draws_far_from_the_whole_are_exact_too():
    """Groups so large that a quantile of a draw is far from that of all faces."""
    values = np.repeat([0.1, 0.2, 0.3, 0.4], 500)[None]
    times = np.repeat(np.eye(4) * 4, 500, axis=0)
    assert medians(values, times)[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert interquartile_means(values, times)[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_a_function_gives_what_the_mean_gives_and_an_auc_is_a_mean(skewed):
    errors = skewed(3, 60)
    groups = np.arange(60) // 2
    found = summary_interval(errors, groups, draws=1500)
    by_hand = summary_interval(errors, groups, of=lambda one: one.mean(axis=1), draws=1500)
    assert (by_hand.value, by_hand.low, by_hand.high) == pytest.approx((found.value, found.low, found.high), rel=1e-9)
    area = summary_interval(np.maximum(0, 1 - errors / 0.08))
    assert area.value == pytest.approx(np.mean([auc(one, 0.08) for one in errors]))
    pairs = np.stack([errors, errors], axis=2)  # more axes than one for each face
    assert summary_interval(pairs, of=lambda one: one[..., 1].mean(axis=1), draws=50).value == pytest.approx(
        found.value
    )


def test_trainings_widen_it_and_equal_ones_do_not(skewed):
    errors = skewed(100)
    one = summary_interval(errors[None])
    same = summary_interval(np.tile(errors, (4, 1)))
    assert (same.low, same.high) == pytest.approx((one.low, one.high), rel=0.03)
    assert same.over_seeds and not one.over_seeds
    moved = summary_interval(errors + np.array([[-0.02], [0.0], [0.01], [0.01]]))
    error = np.sqrt(stats.sem(errors) ** 2 + np.var([-0.02, 0, 0.01, 0.01], ddof=1) / 4)
    assert moved.error == pytest.approx(error, rel=0.03) and moved.degrees < 6
    assert moved.high - moved.low > 2 * (one.high - one.low)


def test_laws(skewed):
    errors = skewed(1, 80)
    for of in ("mean", "median", "iqm"):
        found = summary_interval(errors, of=of)
        larger, later = summary_interval(3 * errors, of=of), summary_interval(errors, of=of, random_state=1)
        assert (larger.low, larger.high) == pytest.approx((3 * found.low, 3 * found.high))
        tripled = found.times(3)
        assert (tripled.value, tripled.low, tripled.error) == pytest.approx((larger.value, larger.low, larger.error))
        assert later != found and later.high == pytest.approx(found.high, rel=0.05)
        both = summary_intervals(np.stack([errors, errors + 1]), of=of)
        assert both[0].low == pytest.approx(found.low) and both[1].value == pytest.approx(found.value + 1)


def test_edges():
    equal = summary_interval(np.full((1, 5), 0.04))
    assert (equal.low, equal.high) == pytest.approx((0.04, 0.04))
    assert np.isnan(summary_interval(np.ones((1, 5)), np.zeros(5)).low)  # one group
    assert np.isnan(summary_interval(np.arange(5.0)[None], np.zeros(5), of="iqm").low)
    assert np.isnan(summary_interval(np.ones((1, 5)), np.zeros(5), of=lambda one: one.mean(axis=1), draws=3).low)
    three = summary_interval(np.array([[0.02, 0.03, 0.07]]))
    assert three.low < 0.03 and three.high > 0.06
    missed = np.array([[0.02, np.nan, 0.03, np.nan, np.nan]])
    assert summary_interval(missed).value == pytest.approx(0.025)
    assert np.isinf(summary_interval(missed, of="median").value)
    assert np.isnan(summary_interval(missed, of="median").high)
    classes = np.array([0, 0, 0, 1, -1])
    assert summary_interval(np.array([[1.0, 1, 0, 0, 5]]), strata=classes).value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("values", "more", "says"),
    [
        (np.zeros((3,)), {}, r"the shapes are \(1, 3\); must be \(m, a, n\)"),
        (np.zeros((1, 0)), {}, "the shapes"),
        (np.zeros((1, 3)), {"groups": np.zeros(2)}, r"the shapes are \(1, 1, 3\), \(2,\)"),
        (np.zeros((1, 3)), {"of": "mode"}, "of is 'mode'; must be a function or one of mean, rate, median, iqm"),
        (np.zeros((1, 3)), {"of": "rate", "weights": np.ones(3)}, "of is 'rate'; must be mean, where"),
        (np.full((1, 3), 0.5), {"of": "rate"}, "a rate has other values than 0, 1 and NaN"),
        (np.zeros((2, 3)), {"of": lambda one: one.mean()}, r"result is \(\); must be \(2,\), one number"),
    ],
)
def test_what_cannot_be_summarised_is_refused(values, more, says):
    with pytest.raises(ProtocolError, match=says):
        summary_interval(values, **more)


def test_intervals_of_skewed_errors_in_clips_cover_the_truth():
    """A short form of benchmarks/interval_coverage.py: 3 standard deviations of a share at 95 % are 3.8 %."""
    rng, times, covered = np.random.default_rng(2), 300, np.zeros(2)
    clips = np.repeat(np.arange(100), 3)
    shift = np.exp(-3 + (0.3**2 + 0.3**2) / 2)
    at = stats.norm.cdf((np.log(0.08) + 3) / np.hypot(0.3, 0.3))
    for i in range(times):
        errors = np.exp(rng.normal(-3, 0.3, 100)[clips] + rng.normal(0, 0.3, 300))[None]
        mean = summary_interval(errors, clips, draws=500, random_state=i)
        rate = summary_interval(errors > 0.08, clips, of="rate", draws=500, random_state=i)
        covered += mean.low <= shift <= mean.high, rate.low <= 1 - at <= rate.high
    assert (covered / times >= 0.912).all() and (covered / times <= 0.988).all()
