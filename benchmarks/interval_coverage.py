"""How often the 95 % intervals of fldbench.stats cover the truth, and how often a table of equal methods errs.

    python benchmarks/interval_coverage.py [--times 5000] [--random-state 0]

Simulated errors are skewed and come in clips, as real ones do: 150 clips of 1 to 4 faces; the error of a face is
log-normal, 3.5 % in the middle, with a part of its clip, one of its own and one of the method; one face in fifty has
four times that error. In the second part every method is trained three times, and each training is better or worse as
a whole too. In the third part eight equal methods are compared with each other.
"""

from __future__ import annotations

import argparse

import numpy as np

from fldbench.stats import (
    Interval,
    interquartile_mean,
    median_error,
    paired_difference,
    pairwise_p,
    summary_interval,
)

CLIPS, SEEDS, METHODS, THRESHOLD = 150, 3, 8, 0.08
OF_CLIP, OF_FACE, OF_METHOD, OF_TRAINING, OF_BOTH = 0.25, 0.25, 0.2, 0.05, 0.1
FLIPS = 1000


def drawn(rng: np.random.Generator, sizes: np.ndarray, methods: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return errors (methods, seeds, n) and the clips (n,)."""
    clips = np.repeat(np.arange(len(sizes)), sizes)
    n = len(clips)
    hard = rng.normal(0, OF_CLIP, len(sizes))[clips] + rng.normal(0, OF_FACE, n)
    logs = np.log(0.035) + hard + rng.normal(0, OF_METHOD, (methods, 1, n))
    if seeds > 1:
        logs = logs + rng.normal(0, OF_TRAINING, (methods, seeds, 1)) + rng.normal(0, OF_BOTH, (methods, seeds, n))
    bad = np.where(rng.random(n) < 0.02, 4.0, 1.0)
    return np.exp(logs) * bad, clips


def truths(rng: np.random.Generator) -> dict[str, float]:
    """Return the true summaries, of two million faces."""
    errors = drawn(rng, np.ones(2_000_000, int), 1, 1)[0][0, 0]
    return {
        "NME": float(errors.mean()),
        "median": median_error(errors),
        "IQM": interquartile_mean(errors),
        "FR@8": float((errors > THRESHOLD).mean()),
        "AUC@8": float(np.maximum(0, 1 - errors / THRESHOLD).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--random-state", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.random_state)
    true = truths(rng)
    mean_of_trainings = true["NME"] * float(np.exp((OF_TRAINING**2 + OF_BOTH**2) / 2))
    covered: dict[str, int] = {}
    alarms = {"one training": 0, "three trainings": 0}

    def count(name: str, interval: Interval, truth: float) -> None:
        covered[name] = covered.get(name, 0) + (interval.low <= truth <= interval.high)

    for i in range(given.times):
        errors, clips = drawn(rng, rng.integers(1, 5, CLIPS), METHODS, 1)
        told = {"random_state": i}  # and as many draws as everybody gets who asks for none
        first, second = errors[:2]
        count("NME", summary_interval(first, clips, **told), true["NME"])
        count("median", summary_interval(first, clips, of="median", **told), true["median"])
        count("IQM", summary_interval(first, clips, of="iqm", **told), true["IQM"])
        count("FR@8", summary_interval(first > THRESHOLD, clips, of="rate", **told), true["FR@8"])
        count("AUC@8", summary_interval(np.maximum(0, 1 - first / THRESHOLD), clips, **told), true["AUC@8"])
        count("difference of NME", paired_difference(first, second, clips, **told), 0.0)
        alarms["one training"] += bool((pairwise_p(list(errors), clips, flips=FLIPS, random_state=i) < 0.05).any())
        trained, clips = drawn(rng, rng.integers(1, 5, CLIPS), METHODS, SEEDS)
        count("NME, three trainings", summary_interval(trained[0], clips, **told), mean_of_trainings)
        count("difference, three trainings", paired_difference(trained[0], trained[1], clips, **told), 0.0)
        alarms["three trainings"] += bool((pairwise_p(list(trained), clips) < 0.05).any())
    for name, number in covered.items():
        print(f"{name:45} {number:5} of {given.times}: {100 * number / given.times:.1f} %")
    for name, number in alarms.items():
        what = f"tables with a false alarm, {name}"
        print(f"{what:45} {number:5} of {given.times}: {100 * number / given.times:.1f} %")


if __name__ == "__main__":
    main()
