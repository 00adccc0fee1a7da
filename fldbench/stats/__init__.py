"""Intervals, paired tests, ranks, robust summaries, and what a test set can tell: pure functions of arrays.

Errors and other values are arrays (a, n) of n faces in the a trainings of a method, groups are arrays (n,).
"""

from fldbench.stats.detect import ROPE, Difference, difference_of, verdict
from fldbench.stats.interval import LEVEL, Interval
from fldbench.stats.paired import paired_difference, paired_differences
from fldbench.stats.paired_tests import chance_better, holm, mcnemar_test, permutation_test, wilcoxon_test
from fldbench.stats.parts import PartDifference, part_difference
from fldbench.stats.ranks import CriticalDifference, critical_difference, pairwise_p, rank_intervals, tie_groups
from fldbench.stats.robust import (
    WorstFace,
    clipped_error,
    interquartile_mean,
    median_error,
    performance_profile,
    worst_face,
)
from fldbench.stats.summaries import summary_interval, summary_intervals

__all__ = [
    "LEVEL",
    "ROPE",
    "CriticalDifference",
    "Difference",
    "Interval",
    "PartDifference",
    "WorstFace",
    "chance_better",
    "clipped_error",
    "critical_difference",
    "difference_of",
    "holm",
    "interquartile_mean",
    "mcnemar_test",
    "median_error",
    "paired_difference",
    "paired_differences",
    "pairwise_p",
    "part_difference",
    "performance_profile",
    "permutation_test",
    "rank_intervals",
    "summary_interval",
    "summary_intervals",
    "tie_groups",
    "verdict",
    "wilcoxon_test",
    "worst_face",
]
