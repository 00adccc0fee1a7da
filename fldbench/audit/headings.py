"""What a printed heading or number means: a metric and its threshold, a normaliser, a test set, a value in percent."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fldbench.protocols import list_protocols

_METRICS = {
    "nme": r"nme|nrmse|normali[sz]ed mean error|mean error",
    "fr": r"fr|failure(?: rate)?|failures",
    "auc": r"auc",
}
# Spreads, numbers of faces, and coarse or unknown rules of the AUC.
_NO_VALUE = re.compile(r"[_:]sd$|\bstd\b|deviation|^n_nme|:(?!menpo|san|luvli|spiga)[a-z]")
_METRIC = re.compile(
    r"(?<![a-z])(?:" + "|".join(rf"(?P<{name}>{words})" for name, words in _METRICS.items()) + r")(?![a-z])"
    r"[\s_@({\[:<>=-]*(?:at)?\s*(?P<t>\d+(?:\.\d+)?)?",
)
_NORMALISERS = (
    ("inter-pupil", r"inter[- ]?pupil|pupil|eye cent|\bipn\b|\bipd\b"),
    ("inter-ocular", r"inter[- ]?ocular|outer|corner|\bion\b|\biod\b"),
    ("diagonal", r"diag"),
    ("box", r"\bbox\b|bbox|face size|sqrt"),
)
# Words of subsets -> base, by dataset. The longest words come first, and the whole set last.
_SUBSETS: dict[str, tuple[tuple[str, str], ...]] = {
    "300w": (
        ("private-indoor", "indoor"),
        ("private-outdoor", "outdoor"),
        ("private", r"private|test set|competition"),
        ("challenging", r"challeng|ibug|\bchal?\b"),
        ("common", r"common|\bcomm?\b"),
        ("helen", "helen"),
        ("lfpw", "lfpw"),
        ("full", "full"),
    ),
    "wflw": (
        ("pose", "pose"),
        ("expression", r"express|\bexp?\b"),
        ("illumination", r"illum|\bill\b"),
        ("makeup", r"make"),
        ("occlusion", r"occl|\bocc?\b"),
        ("blur", "blur"),
    ),
    "aflw19": (("frontal", "front"), ("full", "full")),
    "merl-rav": (("half-profile", "half"), ("profile", "profile"), ("frontal", "front")),
    "cofw": (),
    "cofw68": (),
}
_DATASETS = (
    ("300w", r"300[- ]?w\b"),
    ("wflw", "wflw"),
    ("cofw68", r"cofw[- ]?68"),
    ("cofw", "cofw"),
    ("aflw19", "aflw"),
    ("merl-rav", "merl"),
)


class MetricHeading(NamedTuple):
    """A metric, nme, fr or auc, and its threshold in percent, if said."""

    metric: str
    threshold: Fraction | None = None


def metric_of(text: str) -> MetricHeading | None:
    """Return the metric that a heading names.

    >>> metric_of("FR@8%"), metric_of("AUC_{0.08}"), metric_of("fr07.5")
    (MetricHeading(metric='fr', threshold=Fraction(8, 1)), MetricHeading(metric='auc', threshold=Fraction(8, 1)), \
MetricHeading(metric='fr', threshold=Fraction(15, 2)))
    >>> metric_of("NME (%)"), metric_of("params")
    (MetricHeading(metric='nme', threshold=None), None)
    """
    found = _METRIC.search(text.lower())
    if found is None or _NO_VALUE.search(text.lower()):
        return None
    name = next(name for name in _METRICS if found[name])
    value = Fraction(found["t"]) if found["t"] and name != "nme" else None
    if value is not None and value < 1:
        value *= 100
    return MetricHeading(name, value if value else None)


def normaliser_of(text: str) -> str:
    """Return the normaliser that a heading names; empty if none.

    >>> normaliser_of("NME (inter-pupil)"), normaliser_of("NME, outer eye corners"), normaliser_of("NME")
    ('inter-pupil', 'inter-ocular', '')
    """
    return next((name for name, words in _NORMALISERS if re.search(words, text.lower())), "")


def dataset_of(text: str) -> str:
    """Return the dataset that a text names; empty if none.

    >>> dataset_of("300-W Fullset"), dataset_of("COFW-68"), dataset_of("mean")
    ('300w', 'cofw68', '')
    """
    return next((name for name, words in _DATASETS if re.search(words, text.lower())), "")


def subset_of(text: str, dataset: str = "") -> tuple[str, str]:
    """Return the dataset and the subset that a text names; empty strings for what it does not.

    Without a dataset, a word that only one dataset has tells it.

    >>> subset_of("Challenging Subset"), subset_of("Full", "300w"), subset_of("Blur"), subset_of("Full")
    (('300w', 'challenging'), ('300w', 'full'), ('wflw', 'blur'), ('', 'full'))
    """
    low = text.lower().replace("inter-", "")
    for name in [dataset] if dataset else ["300w", "wflw"]:
        for subset, words in _SUBSETS.get(name, ()):
            if re.search(words, low):
                return ("" if subset == "full" and not dataset else name), subset
    return dataset, ""


def base_of(dataset: str, subset: str) -> str:
    """Return the name of the protocol base of a dataset and a subset; empty if there is none.

    >>> base_of("300w", "full"), base_of("300w", ""), base_of("wflw", ""), base_of("merl-rav", "frontal")
    ('300w-full', '', 'wflw', '')
    """
    full = [dataset, f"{dataset}-full"] if subset in ("full", "test", "all") else []
    names = [f"{dataset}-{subset}", *full] if subset else [dataset]
    known = list_protocols()
    return next((name for name in names if dataset and name in known), "")


def in_percent(text: str, fraction: bool) -> str:
    """Return a decimal number as percent, with its digits.

    >>> in_percent("0.0298", True), in_percent("2.90", False), in_percent("0.5", True)
    ('2.98', '2.90', '50')
    """
    return format(Decimal(text).scaleb(2), "f") if fraction else text


def is_fraction(metric: str, texts: list[str]) -> bool:
    """Return whether numbers of a column are fractions and not percent, which their size and digits tell.

    An AUC of at most 1 % and an NME of less than 0.3 % do not occur; a failure rate may well be 0.73 %.

    >>> is_fraction("auc", ["0.5585", "0.602"]), is_fraction("nme", ["0.0298"]), is_fraction("fr", ["0.73"])
    (True, True, False)
    """
    values = [Decimal(text) for text in texts]
    if not any(values) or metric == "fr":
        return False
    return max(values) <= 1 if metric == "auc" else max(values) < Decimal("0.3")
