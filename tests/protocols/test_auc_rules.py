"""Every AUC rule against a second, slow implementation that shares nothing with the first but the arrays."""

import math

import numpy as np
import pytest
from labels_300w import guessed, labels_300w
from scipy.integrate import simpson as scipy_simpson
from sklearn.metrics import auc as sklearn_auc

import fldbench
from fldbench.protocols import legacy

THRESHOLDS = (0.05, 0.07, 0.075, 0.08, 0.10)


def slow_simpson(y, x):
    """scipy's Simpson on an odd number of samples; the mean of both ways to leave a step over on an even one."""
    if len(x) == 1:
        return 0.0
    if len(x) % 2:
        return scipy_simpson(y, x=x)
    first, last = (x[1] - x[0]) * (y[0] + y[1]) / 2, (x[-1] - x[-2]) * (y[-1] + y[-2]) / 2
    if len(x) == 2:
        return first
    return (scipy_simpson(y[1:], x=x[1:]) + first + scipy_simpson(y[:-1], x=x[:-1]) + last) / 2


def slow_exact(errors, t):
    return sum(max(0.0, t - e) for e in errors if not math.isnan(e)) / t / len(errors)


def slow_menpo(errors, t, step=1e-4):
    bins = [i * step for i in range(math.ceil((t + step) / step))]
    return slow_simpson([sum(e <= x for e in errors) / len(errors) for x in bins], bins) / t


def slow_mdm(errors, t):
    return slow_menpo(errors, t, 0.005)


def slow_fan(errors, t):
    k = round(t * 1000)
    return sum(sum(e < i / 999 for e in errors) / len(errors) for i in range(k)) / k


def slow_san(errors, t):
    bins = [t * i / 1999 for i in range(2000)]
    return sklearn_auc(bins, [sum(e < x for e in errors) / len(errors) for x in bins]) / t


def slow_luvli(errors, t):
    x = sorted(e for e in errors if not math.isnan(e))
    total = 0.0
    for k in range(1, len(x) + 1):  # the piece from the k-th error to the next, or to t
        left, height, n = x[k - 1], k / len(errors), len(errors)
        if left >= t:
            break
        if k == len(x):
            total += (t - left) * height
        elif x[k] > left:
            right = min(x[k], t)
            total += (right - left) * (height + (right - left) / (x[k] - left) / n / 2)
    return total / t


def slow_spiga(errors, t):
    found = [100 * e for e in errors if not math.isnan(e)]
    if not found:
        return 0.0
    low, high, n = min(found), max(found), len(errors)
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    edges = np.linspace(low, high, 10001)
    left = [edge for edge in edges[:10000] if edge < round(100 * t, 9)]
    if not left:
        return 0.0
    # A face is counted from the left edge of its bin on; the last bin holds the largest error too.
    share = np.array([np.count_nonzero(np.array(found) < edges[i + 1]) for i in range(len(left))]) / n
    if len(left) == 10000:
        share[-1] = len(found) / n
    tail = (100 * t - left[-1]) * len(found) / n if share[-1] == len(found) / n else 0.0
    return (slow_simpson(share, np.array(left)) + tail) / (100 * t)


SLOW = {name: globals()[f"slow_{name}"] for name in legacy.AUC_RULES}


def some_errors():
    rng = np.random.default_rng(0)
    yield np.array([0.03])
    yield np.array([0.2, np.nan, 0.3])
    yield np.array([np.nan, np.nan])
    yield np.array([0.02, 0.02, 0.04, 0.04])
    for n, spread in ((2, 0.02), (17, 0.01), (60, 0.03), (135, 0.08)):
        errors = rng.gamma(2, spread, n)
        yield errors
        yield np.where(rng.random(n) < 0.2, np.nan, errors)


@pytest.mark.parametrize("rule", legacy.AUC_RULES)
@pytest.mark.parametrize("t", THRESHOLDS)
def test_a_rule_equals_its_slow_twin_on_random_errors(rule, t):
    for errors in some_errors():
        assert legacy.AUC_RULES[rule](errors, t) == pytest.approx(SLOW[rule](errors, t), abs=1e-9), errors


@pytest.mark.parametrize("rule", legacy.AUC_RULES)
def test_a_rule_equals_its_slow_twin_on_the_labels_of_300w(data_root, rule):
    for which, base in (("public", "300w-full"), ("private", "300w-private")):
        faces = labels_300w(data_root, which)
        protocol = fldbench.get_protocol(f"{base}@auc={rule},t=0.07+0.08")
        score = protocol.score(guessed(faces), faces)
        found = next(metric for metric in score.values if metric.name == "auc")
        assert (found.rule, found.threshold) == (rule, 0.07) and score.missed > 5
        assert found.value / 100 == pytest.approx(SLOW[rule](score.errors.tolist(), 0.07), abs=1e-9)


def test_arange_gives_menpo_one_bin_too_many_at_5_and_7_percent():
    """Errors between t and the bin past it count for menpofit's rule, and not for the true area."""
    for t, past in ((0.05, True), (0.07, True), (0.08, False), (0.10, False)):
        at_end = np.array([t + 0.5e-4])
        assert (legacy.menpo(at_end, t) > 0) == past
        assert legacy.AUC_RULES["exact"](at_end, t) == 0
    assert legacy.mdm(np.array([0.072]), 0.07) > 0  # with the step 0.005 the bin is 0.075


def test_how_far_the_rules_are_from_the_exact_area():
    errors = np.random.default_rng(1).gamma(4, 0.012, 689)
    exact = {t: legacy.AUC_RULES["exact"](errors, t) for t in (0.07, 0.08)}
    assert legacy.menpo(errors, 0.08) == pytest.approx(exact[0.08], abs=2e-4)
    assert legacy.san(errors, 0.08) == pytest.approx(exact[0.08], abs=1e-4)
    assert legacy.spiga(errors, 0.08) == pytest.approx(exact[0.08], abs=2e-3)
    assert 0.003 < exact[0.07] - legacy.fan(errors, 0.07) < 0.008  # "about 0.5 points low"
    assert legacy.mdm(errors, 0.07) - exact[0.07] > 0.03  # 49.2 in place of 42.3 on another draw


def test_simpson_is_exact_for_parabolas_and_of_one_sample_is_nothing():
    x = np.array([0.0, 0.5, 2.0, 2.5, 4.0])
    assert legacy.simpson(3 * x**2 - x, x) == pytest.approx(64 - 8)
    assert legacy.simpson(np.array([7.0]), np.array([1.0])) == 0


@pytest.mark.parametrize("rule", legacy.AUC_RULES)
def test_a_rule_knows_no_order_and_falls_with_the_errors(rule):
    errors = np.random.default_rng(2).gamma(2, 0.02, 80)
    area = legacy.AUC_RULES[rule]
    assert area(errors[::-1], 0.08) == pytest.approx(area(errors, 0.08), abs=1e-12)
    assert area(errors + 0.005, 0.08) < area(errors, 0.08)
    assert area(np.append(errors, np.nan), 0.08) < area(errors, 0.08)


@pytest.mark.parametrize("rule", legacy.AUC_RULES)
@pytest.mark.parametrize("t", [0.05, 0.07, 0.08, 0.10])
def test_no_rule_is_further_from_the_area_than_is_said(rule, t):
    rng = np.random.default_rng(0)
    for kind in range(60):
        n = int(rng.integers(2, 300))
        errors = np.minimum(rng.gamma(2, rng.uniform(0.005, 0.05), n), 1.0)
        if kind % 3 == 1 and rule != "luvli":  # all just above the samples of the coarsest rule
            errors = np.floor(errors / 0.005) * 0.005 + 1e-9
        below, above = legacy.rule_error(rule, t, n)
        off = legacy.AUC_RULES[rule](errors, t) - legacy.AUC_RULES["exact"](errors, t)
        assert -below - 1e-9 <= off <= above + 1e-9
