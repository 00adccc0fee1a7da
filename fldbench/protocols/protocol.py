"""Protocol: everything that decides a number. It selects the test faces and their boxes, and it scores predictions."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from fldbench import metrics
from fldbench.attribute_metrics import Answered
from fldbench.errors import PredictionsError, ProtocolError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.harm import VERSION, harmed, harmed_boxes, in_words
from fldbench.params import FLAG, TEXT, Rule, also, one_of, optional, real, whole
from fldbench.protocols import boxes, field_values, harms, legacy, mapped, missed, normalisers
from fldbench.protocols.attributes import score_attributes
from fldbench.protocols.compared import Comparing
from fldbench.protocols.ids import ids_hash
from fldbench.protocols.names import FLAGS, of_today, percent, suggestion
from fldbench.protocols.score import Score
from fldbench.schemes import content_of, get_scheme, identity_of, remember

OWN_SCHEME = "own_scheme"  # the content of a scheme that was registered, beside its name
METRICS_VERSION = 2  # raise it when a metric's definition changes
_OLD_FIELDS = {"hash", "metrics_version", "box_jitter", "version", "selection"}  # not fields, or fields no longer
_NO_NUMBER = {"name", "union_of", "official_boxes"}  # fields that change no number
_CHOICES = {"auc_rule": tuple(legacy.AUC_RULES), "reduction": ("macro", "micro", "median")}

# The rules of fields that can be checked alone; `__post_init__` also checks the fields that depend on the scheme.
_RULES: dict[str, Rule] = {
    **dict.fromkeys(("name", "dataset", "split"), also(TEXT, "that is not empty", bool)),
    **dict.fromkeys(("subset", "ids_sha256"), optional(TEXT)),
    **dict.fromkeys(("scheme", "normaliser", "official_boxes"), TEXT),
    "n_expected": whole(1),
    "first": optional(whole(1)),
    "offset": real(),
    **{field: one_of(choices) for field, choices in _CHOICES.items()},
    **dict.fromkeys(FLAGS, FLAG),
}


@dataclass(frozen=True)
class Protocol(Comparing):
    """Everything that decides a number. All fields except name, union_of and official_boxes are in the hash.

    Each of them is read by `select`, `score` or `is_complete`, or says what to load.

    Attributes
    ----------
    name : str
        The canonical name: of a base, such as `300w-helen`, or of a base with modifiers, `300w-helen@interpupil`.
    dataset, split, subset : str
        Where the test faces come from; the subset None is the whole split.
    options : tuple of (str, JSON value)
        Options of the dataset's reader, such as the file of a `csv`, sorted by name; a mapping is accepted.
    n_expected, ids_sha256 : int, str or None
        The number of faces if none is absent, and the `ids_hash` of their ids if known; `is_complete` compares with
        them. Incomplete results are never ranked.
    scheme : str
        The landmark scheme of truth and predictions.
    normaliser, normaliser_points : str, two groups of indices or None
        The length that errors are divided by: a name of `normalisers.NORMALISERS`, or any name for the distance between
        the means of two groups of points. The points of inter-ocular and inter-pupil are taken from the scheme if not
        given.
    first : int or None
        Use only this number of faces: the first by their ids, in the order of their characters.
    box_source : str
        tight, jittered:S, detected:NAME or official: see `boxes_from`.
    harms : tuple of (str, int)
        Kinds of harm to images and boxes, and their strengths: see `fldbench.faces.harm`. Boxes from a source are those
        of the harmed images; harm of boxes comes last.
    points : tuple of int or None
        Indices of the counted points; None counts all.
    visible : bool
        Count only the points that are marked visible.
    thresholds : tuple of float
        Of the failure rates, as fractions; the AUC is taken at the first.
    auc_rule : str
        exact, or a rule of other people's code: see `fldbench.protocols.legacy`.
    missed : str
        What a missed face counts: failure, skipped, value:X or mean-shape; see `fldbench.protocols.missed`.
    reduction : str
        macro: each face has the same weight in the NME; micro: each counted point has; median: the NME is the median of
        the faces' errors.
    strict : bool
        A success is an error below the threshold, not at it.
    offset : float
        Px that are added to x and y of the predictions: -1 for a file whose pixels count from 1.
    integer, rounded : bool
        Predictions are cut to whole pixels, towards zero, or rounded to the nearest one.
    clipped : bool
        True points are clipped to the given box, as in code that scores inside its crop.
    stretched : bool
        Truth and predictions are measured in the box, stretched to a square: in x as a share of its width, in y as one
        of its height; so do codes that resize the crop to a square without keeping its aspect.
    diluted : bool
        The sum of a face's errors is divided by the number of all points that the protocol counts, annotated or not.
    unshifted : bool
        The shift that all faces have in common is taken from the answers first: see `fldbench.protocols.shift`. It is
        for annotation that lies beside the faces, and uses two numbers of the test truth.
    union_of : tuple of str
        Subsets of the split that have no face in common and together form this one; reports check their sums.
    official_boxes : str
        What the dataset's own boxes are, for captions; empty for a dataset without boxes.
    """

    name: str
    dataset: str
    n_expected: int
    scheme: str
    normaliser: str
    normaliser_points: normalisers.Groups | None = None
    split: str = "test"
    subset: str | None = None
    first: int | None = None
    box_source: str = "tight"
    harms: tuple[tuple[str, int], ...] = ()
    points: tuple[int, ...] | None = None
    visible: bool = False
    thresholds: tuple[float, ...] = (0.08, 0.10)
    auc_rule: str = "exact"
    missed: str = "failure"
    reduction: str = "macro"
    strict: bool = False
    offset: float = 0.0
    integer: bool = False
    rounded: bool = False
    clipped: bool = False
    stretched: bool = False
    diluted: bool = False
    unshifted: bool = False
    ids_sha256: str | None = None
    union_of: tuple[str, ...] = ()
    official_boxes: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        where = f"protocol {self.name!r}"
        for field, rule in _RULES.items():
            got = getattr(self, field)
            if not rule.fits(got):
                raise ProtocolError(must_be(where, field, got, rule.allowed, suggestion(got, _CHOICES.get(field, ()))))
        get_scheme(self.scheme)
        canonical = {
            **{flag: bool(getattr(self, flag)) for flag in FLAGS},
            "n_expected": int(self.n_expected),
            "first": None if self.first is None else int(self.first),
            "offset": float(self.offset),
            "box_source": boxes.box_source(self.box_source, where),
            "harms": harms.canonical(self.harms, where),
            "missed": missed.policy(self.missed, where),
            "thresholds": field_values.thresholds(self.thresholds, where),
            "points": field_values.counted(self.points, self.scheme, where),
            "union_of": field_values.names(self.union_of, where),
            "options": field_values.options(self.options, where),
        }
        for field, value in canonical.items():
            object.__setattr__(self, field, value)
        object.__setattr__(self, "normaliser_points", self._normaliser_points(where))

    def _normaliser_points(self, where: str) -> normalisers.Groups | None:
        name, groups = self.normaliser, self.normaliser_points
        if name not in (*normalisers.BOX_LENGTHS, "pixels"):
            return field_values.point_groups(name, groups, self.scheme, where)
        if groups is not None:
            raise ProtocolError(must_be(where, "normaliser_points", groups, f"nothing for {name!r}"))
        if name in normalisers.OF_OFFICIAL_BOX:
            field_values.check_official_box(name, self.box_source, self.harms, where)
        if name == "pixels" and self.stretched:
            raise ProtocolError(must_be(where, "normaliser", name, "a length in the box, as errors are stretched"))
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return every field, the version of the metrics' definitions, and a registered scheme, as JSON values."""
        own = content_of(self.scheme)
        more = {"metrics_version": METRICS_VERSION} | ({} if own is None else {OWN_SCHEME: own})
        return json.loads(json.dumps(dataclasses.asdict(self) | more))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Protocol:
        """Return the protocol that `to_dict` wrote, in this version or the first one.

        Fields of the first version that decided no number (`version`, `selection`, `box_jitter`) are dropped; its
        names, such as `300w-helen-jittered` and `truth-jittered`, become today's. Raises ProtocolError for a field that
        no version had, and for a value that is not allowed.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        given = {key: value for key, value in content.items() if key not in (*_OLD_FIELDS, OWN_SCHEME)}
        remember(content.get(OWN_SCHEME))
        where = f"protocol {content.get('name', 'without a name')!r}"
        for key in given:
            if key not in fields:
                raise ProtocolError(must_be(where, "a field", key, f"one of {', '.join(sorted(fields))}"))
        absent = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.name not in given]
        if absent:
            raise ProtocolError(f"{where}: the field {absent[0]!r} is missing; write it as to_dict does")
        return cls(**given | {"name": of_today(given["name"])})

    @cached_property
    def hash(self) -> str:
        """SHA-256, 64 hex digits, of the canonical JSON of everything that decides a number or its completeness.

        Two names of the same rules have one hash. Rows of different hashes must not be ranked together. A field that
        has its default does not enter, so that a field of a later version changes no hash of today.
        """
        told = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        content = {name: value for name, value in told.items() if name not in _NO_NUMBER}
        if self.normaliser_points is not None:
            content["normaliser"] = "points"
        if self.harms:
            content["harm_version"] = VERSION
        content["metrics_version"] = METRICS_VERSION
        content["scheme"] = identity_of(self.scheme)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def family(self) -> str:
        """The hash of everything except the subset: in one family, results on a union and its parts must add up."""
        return dataclasses.replace(self, subset=None, n_expected=1, ids_sha256=None).hash

    @property
    def knows_truth(self) -> bool:
        """Whether the boxes are made from the true points."""
        return boxes.knows_truth(self.box_source)

    @property
    def legacy(self) -> str:
        """The rules that differ from fldbench's own, such as `auc=menpo, clipped`; empty if none differs.

        Tables show it. Sums over subsets and the identities between NME, FR and AUC are certain only if it is empty.
        """
        valued = {"auc": (self.auc_rule, "exact"), "missed": (self.missed, "failure")}
        valued["reduction"] = (self.reduction, "macro")
        found = [f"{name}={value}" for name, (value, own) in valued.items() if value != own]
        found += [f"offset={self.offset:g}"] if self.offset else []
        return ", ".join([*found, *(flag for flag in FLAGS[1:] if getattr(self, flag))])

    def describe(self, boxes: str = "") -> str:
        """Return everything that decides the number, in one line for captions.

        `boxes` says which boxes the answers were made with, if not those of the protocol.
        """
        where = ", ".join([f"{self.dataset} {self.split}", *(f"{name}={value}" for name, value in self.options)])
        where += f", subset {self.subset}" if self.subset else ""
        first = f", the first {self.first} by id" if self.first else ""
        marked = "visible points" if self.visible else "points"
        counted = "all" if self.points is None else f"{len(self.points)} of the"
        levels = " and ".join(f"{percent(t)} %" for t in self.thresholds)
        whence = mapped.in_words(self.dataset, dict(self.options), self.scheme)
        return "; ".join(
            [
                f"{where}, {self.n_expected} faces{first}",
                f"{counted} {get_scheme(self.scheme).n_points} {marked} of {self.scheme}",
                *([f"true points {whence}"] if whence else []),
                f"errors divided by {normalisers.in_words(self.normaliser, self.normaliser_points)}",
                f"boxes {boxes or self.boxes_in_words()}",
                *([f"harmed by {in_words(self.harms)}"] if self.harms else []),
                f"FR at {levels}, AUC {self.auc_rule} at {percent(self.thresholds[0])} %",
                missed.in_words(self.missed),
                *([f"not comparable with results under other rules: {self.legacy}"] if self.legacy else []),
            ]
        )

    def boxes_in_words(self) -> str:
        """Return the box source and what it means, such as `tight (made from the truth)`."""
        return boxes.in_words(self.box_source, self.official_boxes)

    def is_complete(self, faces: FaceSet) -> bool:
        """Return whether the selected faces are all faces of the protocol, by number and, if known, by their ids."""
        return len(faces) == self.n_expected and (self.ids_sha256 is None or self.ids_sha256 == ids_hash(faces))

    def chosen(self, faces: FaceSet) -> FaceSet:
        """Return the protocol's test faces, as they are, from the loaded split."""
        chosen = faces if self.subset is None else faces.subset(self.subset)
        if self.first is not None:
            chosen = chosen[np.sort(np.argsort(chosen.ids, kind="stable")[: self.first])]
        return chosen

    def given(self, faces: FaceSet) -> FaceSet:
        """Return faces as a method gets them: with the images and the boxes of the protocol."""
        return harmed_boxes(boxes.boxes_from(harmed(faces, self.harms), self.box_source), self.harms)

    def select(self, faces: FaceSet) -> FaceSet:
        """Return the protocol's test faces, with its images and boxes, from the loaded split."""
        return self.given(self.chosen(faces))

    def score(
        self, predictions: np.ndarray, faces: FaceSet, attributes: Mapping[str, Answered] = MappingProxyType({})
    ) -> Score:
        """Measure predictions on the faces that `select` gave.

        Parameters
        ----------
        predictions : ndarray of float, (n, L, 2)
            In px of the original images. A face is missed if a counted point is not finite.
        faces : FaceSet
            n faces, with the boxes of the protocol.
        attributes : mapping of str to Answered, optional
            Attribute -> the answers for these faces. Those that the faces have with the same classes are measured.

        Raises
        ------
        ProtocolError
            For another scheme, no faces, a normaliser that is not positive, or a face without any counted point.
        PredictionsError
            For another shape, and for anything but numbers.
        """
        if faces.scheme != self.scheme:
            raise ProtocolError(f"protocol {self.name!r} counts {self.scheme} points; these faces have {faces.scheme}")
        try:
            predictions = np.asarray(predictions)
            if predictions.dtype.kind not in "fiu":
                predictions = predictions.astype(float)
        except (TypeError, ValueError) as error:
            allowed = f"numbers of shape {faces.landmarks.shape}"
            raise PredictionsError(must_be(f"protocol {self.name!r}", "predictions", predictions, allowed)) from error
        if predictions.shape != faces.landmarks.shape:
            raise PredictionsError(
                must_be(f"protocol {self.name!r}", "predictions.shape", predictions.shape, f"{faces.landmarks.shape}")
            )
        errors, counts = self.errors_of(predictions.__getitem__, faces)
        charged = missed.charged(
            self.missed, errors, lambda: self.errors_of(missed.mean_shapes(faces), faces, as_answers=False)[0]
        )
        more = score_attributes(attributes, faces, f"protocol {self.name!r}")
        return Score(
            errors=errors,
            n=len(errors),
            missed=int(np.isnan(errors).sum()),
            values=(*self.measure(charged, counts), *more.values),
            charged=charged,
            counts=counts,
            complete=self.is_complete(faces),
            attributes=more,
        )

    def measure(self, charged: np.ndarray, counts: np.ndarray | None = None) -> tuple[metrics.Metric, ...]:
        """Return NME, FR at every threshold and AUC at the first.

        Parameters
        ----------
        charged : ndarray of float, (n,)
            What each face counts: see `fldbench.protocols.missed.charged`.
        counts : ndarray of int, (n,), optional
            The counted points of each face; only the micro mean needs them.
        """
        if self.missed == "skipped":
            found = ~np.isnan(charged)
            charged, counts = charged[found], None if counts is None else counts[found]
        average = metrics.median if self.reduction == "median" else metrics.nme
        nme = metrics.nme(charged, counts) if self.reduction == "micro" else average(charged)
        rates = [metrics.Metric("fr", 100 * metrics.failure_rate(charged, t, self.strict), t) for t in self.thresholds]
        t = self.thresholds[0]
        area = 100 * legacy.AUC_RULES[self.auc_rule](charged, t)
        return metrics.Metric("nme", 100 * nme), *rates, metrics.Metric("auc", area, t, self.auc_rule)
