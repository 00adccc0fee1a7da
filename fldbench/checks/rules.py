"""Checks of a protocol: its faces are there, and its numbers of the truth, of nothing, of a known error are right."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from fldbench.checks.common import Skipped, should
from fldbench.dataset import load_dataset
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet, NoImages
from fldbench.protocols import Protocol, get_protocol, varied

FACES = 200  # at most, of those that are scored


class ProtocolUnderTest:
    """A protocol by its name, and its test faces as they are; loaded once for all checks."""

    def __init__(self, name: str, root: str | Path | None = None):
        self.protocol, self.root = get_protocol(name), root

    @cached_property
    def _loaded(self) -> FaceSet | str:
        one = self.protocol
        try:
            return one.chosen(load_dataset(one.dataset, self.root, one.split, **dict(one.options)))
        except DatasetNotFoundError as error:
            return str(error)

    def faces(self) -> FaceSet:
        """Return its faces; skip the check if they are not there."""
        if isinstance(self._loaded, str):
            raise Skipped(self._loaded)
        return self._loaded

    def scored(self) -> tuple[Protocol, FaceSet]:
        """Return rules and faces to score; skip the check for rules of other people's code."""
        if self.protocol.legacy:
            raise Skipped(f"it has rules of other people's code: {self.protocol.legacy}")
        return self.protocol, self.faces()[:FACES]


def check_written_and_read(subject: ProtocolUnderTest) -> None:
    """Written into a record and read again, it has the same hash."""
    one = subject.protocol
    assert Protocol.from_dict(one.to_dict()).hash == one.hash, "the hash is another one"


def check_all_its_faces(subject: ProtocolUnderTest) -> None:
    """The dataset gives as many faces as it says, with the ids that it says; or the dataset says what is absent."""
    faces, one = subject.faces(), subject.protocol
    short = any(found < expected for found, expected in faces.parts.values())
    assert one.is_complete(faces) or short, f"{len(faces)} faces of {one.n_expected}, or others, and no part is short"


def check_truth(subject: ProtocolUnderTest) -> None:
    """The true points have no error: NME and FR are 0, AUC is 100."""
    rules, faces = subject.scored()
    found = rules.score(np.nan_to_num(faces.landmarks), faces).metrics
    wrong = {key: value for key, value in found.items() if abs(value - 100 * key.startswith("auc")) > 1e-9}
    assert not wrong, f"{wrong}"


def check_nothing_found(subject: ProtocolUnderTest) -> None:
    """If every face is missed, each is counted as missed and as a failure, and AUC is 0."""
    rules, faces = subject.scored()
    score = rules.score(np.full(faces.landmarks.shape, np.nan), faces)
    rates = {key: value for key, value in score.metrics.items() if key != "nme"}
    wrong = {key: value for key, value in rates.items() if value != 100 * key.startswith("fr")}
    assert score.missed == len(faces) and not wrong, f"{score.missed} of {len(faces)} are missed, {wrong}"


def check_error_grows(subject: ProtocolUnderTest) -> None:
    """Points that lie twice as far from the truth have twice the NME."""
    rules, faces = subject.scored()
    truth, step = np.nan_to_num(faces.landmarks), np.array([0.3, -0.4])
    near, far = (rules.score(truth + k * step, faces).metrics["nme"] for k in (1, 2))
    assert near > 0 and np.isclose(far, 2 * near), f"{near:g} and {far:g} %"


@should
def check_boxes_without_truth(subject: ProtocolUnderTest) -> None:
    """The same faces can also be measured with the boxes of a detector, which knows no truth."""
    if isinstance(subject.faces().images, NoImages):
        raise Skipped("the dataset has no images")
    if subject.protocol.knows_truth:
        varied(subject.protocol, "boxes=detected:dlib-hog")


CHECKS = (
    check_written_and_read,
    check_all_its_faces,
    check_truth,
    check_nothing_found,
    check_error_grows,
    check_boxes_without_truth,
)
