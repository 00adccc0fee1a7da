"""Checks of annotations: `verify` says what is wrong, or looks wrong, with the faces of a dataset."""

from fldbench.curate.verify.all_checks import rank_shapes, verify
from fldbench.curate.verify.finding import KINDS, Finding

__all__ = ["KINDS", "Finding", "rank_shapes", "verify"]
