"""Times of one face: quantiles with their intervals, batches, memory; and what a record says of them."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import norm

from fldbench.run import latency
from fldbench.run.latency import best_batch, quantile_of, times_alone
from fldbench.run.timing import predict_timed, together


class Counts:
    """A method that takes a second for each call and 0.1 s for each face, by a clock that the test moves."""

    def __init__(self, clock):
        self.calls, self.clock = [], clock

    def predict(self, images, boxes):
        self.calls.append(len(images))
        self.clock.now += 1 + 0.1 * len(images)
        return np.zeros((len(images), 2, 2))


class MovedClock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(latency.time, "perf_counter", lambda: self.now)


def faces(n):
    return [np.zeros((4, 4, 3), np.uint8)] * n, np.tile([0.0, 0.0, 3.0, 3.0], (n, 1))


def test_the_interval_of_a_quantile_covers_it():
    rng = np.random.default_rng(0)
    for share, least in ((0.5, 0.93), (0.95, 0.93)):
        truth = np.exp(norm.ppf(share))
        found = [quantile_of(rng.lognormal(size=100), share).interval for _ in range(1000)]
        assert least < np.mean([low <= truth <= high for low, high in found]) < 0.99


def test_an_interval_needs_enough_times():
    assert quantile_of([1.0] * 5, 0.5).interval is None
    assert quantile_of(range(60), 0.95).interval is None
    assert quantile_of(range(6), 0.5).interval == (0.0, 5.0)  # 2 * 0.5^6 = 3 % outside


def test_slow_methods_are_timed_on_fewer_faces(monkeypatch):
    clock = MovedClock(monkeypatch)
    method = Counts(clock)
    spent = times_alone(method, *faces(60), 2)
    assert spent == pytest.approx([1.1] * 20)
    assert method.calls == [8] + [1] * 20


def test_the_best_batch_is_the_fastest_for_a_face(monkeypatch):
    clock = MovedClock(monkeypatch)
    size, seconds = best_batch(Counts(clock), *faces(70), 2, 1.1)
    assert (size, seconds) == (64, pytest.approx(0.1 + 1 / 64))
    assert best_batch(Counts(clock), *faces(20), 2, 1.1) == (1, 1.1), "20 faces fill no batch of 64"


def test_a_prediction_has_all_times(trained_and_faces):
    method, some = trained_and_faces
    times = predict_timed(method, some).timings
    assert times["ms_one_p95"] >= times["ms_one_face"] > 0
    low, high = times["ms_one_interval"]
    assert low <= times["ms_one_face"] <= high
    assert (times["ms_decode"] >= 0 and times["threads"] is None) or times["threads"] >= 1
    assert times["best_batch"] == 1 and times["ms_best_batch"] == pytest.approx(times["ms_one_face"], abs=1e-3)


@pytest.fixture
def trained_and_faces():
    from fldbench.checks import quick_faces
    from fldbench.method import make_method

    train, test = quick_faces()
    return make_method("mean-shape").fit(train), test


def test_times_of_several_models_have_no_interval():
    fits = [{"fit_seconds": 1.0, "fit_peak_mb": 3.0}, {"fit_seconds": 1.0, "fit_peak_mb": 5.0}]
    one = {"ms_one_face": 2.0, "ms_one_p95": 4.0, "ms_one_interval": (1.0, 3.0), "ms_decode": 1.0, "threads": 2}
    other = one | {"ms_one_face": 4.0, "ms_one_p95": 6.0, "ms_decode": 4.0, "predict_peak_mb": 7.0}
    both = together(fits, [(1, one), (2, other)])
    assert (both["ms_one_face"], both["ms_one_p95"], both["ms_one_interval"]) == (3.0, 5.0, None)
    assert (both["ms_decode"], both["fit_peak_mb"], both["predict_peak_mb"]) == (3.0, 5.0, 7.0)
    assert together(fits[:1], [(1, one)])["ms_one_interval"] == (1.0, 3.0)


PEAKS = """
import numpy as np
from fldbench.run.memory import Peak

with Peak() as large:
    block = np.ones(10_000_000)
del block
with Peak() as small:
    pass
print(large.megabytes, small.megabytes)
"""


def test_the_peak_is_that_of_the_block():
    # In a process of its own: what a long-lived one holds and gives back meanwhile would count.
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    large, small = done.stdout.split()
    if large == "None":
        pytest.skip("the system does not tell the peak of a process's memory")
    assert 75 < float(large) < 120 and float(small) < 5
