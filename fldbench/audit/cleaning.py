"""Training faces whose labels a method contradicts that has not seen them: what error analysis would leave out.

Each face is answered by a model that was fitted on the other folds, so no label can be learned by heart. Wrong labels
are among the faces that are farther off than usual, and so are hard faces: somebody has to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fldbench.audit.doubts import fence_of, likely_cause
from fldbench.errors import DataError, MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.images import decoded
from fldbench.geometry import box_size, tight_box
from fldbench.method import Method, make_method, predict_checked
from fldbench.progress import Listener
from fldbench.run.folds import make_partition
from fldbench.run.overlaps import dataset_and_split, seen_by_weights
from fldbench.run.timing import FACES_AT_ONCE
from fldbench.schemes import Scheme, get_scheme

KIND = "error"  # of these lines in an exclude list
MORE = 1.5  # times the mean of the face, from which a region is named
NAMED = 2  # regions


@dataclass(frozen=True)
class Suspect:
    """A face, and how far a model that has not seen it is from its label.

    Attributes
    ----------
    row : int
    id : str
    error : float
        Mean distance of the labelled points, as a share of sqrt(w h) of their tight box; infinite if it was missed.
    times : float
        How often farther than is usual the label lies from the answer, in root mean square over the landmarks; usual
        at a landmark is its median distance over all faces. Infinite if the face was missed.
    far : bool
        Whether `times` is far out among those of all faces (`doubts.fence_of`).
    regions : tuple of str
        Where it is the most; empty if it is everywhere.
    cause : str
        What would explain the label: mirrored, moved, or some landmarks; empty for none.
    """

    row: int
    id: str
    error: float
    times: float
    far: bool
    regions: tuple[str, ...]
    cause: str

    @property
    def kind(self) -> str:
        """Of its line in an exclude list."""
        return KIND

    @property
    def message(self) -> str:
        """The reason in words."""
        if not np.isfinite(self.error):
            return "missed by a model that has not seen it"
        about = f"most at {', '.join(self.regions)}" if self.regions else ""
        about = f"perhaps {self.cause}" if self.cause else about  # or the model is wrong
        return f"error {100 * self.error:.1f} %, {self.times:.1f} times as far off as usual" + (about and f"; {about}")


def answers_out_of_fold(
    faces: FaceSet,
    method: str,
    folds: int,
    params: dict[str, Any] | None = None,
    random_state: int = 0,
    progress: Listener | None = None,
) -> np.ndarray:
    """Return the answer for each face of a model that was fitted on the other folds, (n, L, 2) px; NaN rows if missed.

    Parameters
    ----------
    faces : FaceSet
        Whole groups (persons, clips, photos and their copies) are in one fold.
    method : str
        Registered name.
    folds : int
        2 or more.
    params : dict, optional
        Of the method.
    random_state : int
        Of the partition.
    progress : callable, optional
        Called as progress(fold, folds done, folds in all).

    Raises
    ------
    DataError
        For fewer groups than folds.
    FldbenchError
        What the method raises.
    """
    partition = make_partition(faces, folds, random_state)
    answers = np.full(faces.landmarks.shape, np.nan)
    for fold in range(folds):
        held = np.flatnonzero(partition.held_out(faces, fold))
        model = make_method(method, **(params or {})).fit(partition.training_part(faces, fold))
        answers[held] = answers_of(model, faces[held])
        if progress is not None:
            progress(f"{method} without fold {fold + 1}", fold + 1, folds)
    return answers


def answers_of(model: Method, faces: FaceSet) -> np.ndarray:
    """Return what a fitted model answers, (n, L, 2) px; NaN rows for missed faces."""
    answers = np.empty(faces.landmarks.shape)
    for rows, images in decoded(faces.images, FACES_AT_ONCE):
        answers[rows] = predict_checked(model, images, faces.boxes[rows], faces.landmarks.shape[1])
        del images  # before the next ones are decoded
    return answers


def check_unseen(model: Method, faces: FaceSet) -> None:
    """Raise MethodError for a model that was fitted on these faces, or on points of another scheme."""
    facts = model.fitted_on
    if facts is not None and facts.scheme != faces.scheme:
        allowed = f"{faces.scheme}, that of {faces.label}"
        raise MethodError(must_be(f"{model.label} model", "the scheme that it was fitted on", facts.scheme, allowed))
    own = [] if facts is None else ["-".join(filter(None, (facts.dataset, facts.split)))]
    for label in filter(None, (*own, *seen_by_weights(model))):
        dataset, split = dataset_and_split(label)
        if dataset == faces.name and split in (None, faces.split_name):
            then = f"give the name of the method instead, and it is fitted without each of them ({model.label})"
            raise MethodError(must_be(f"{model.label} model", "what it was fitted on", label, "other faces", then))


def suspects(faces: FaceSet, answers: np.ndarray) -> list[Suspect]:
    """Return all faces with a label, the one that is the farthest off first.

    Ranked are `Suspect.times`, not errors: a face whose eyes are wrong has a small error beside one whose jaw is a
    little longer, which is usual.

    Parameters
    ----------
    faces : FaceSet
    answers : ndarray, (n, L, 2)
        Px, of models that have not seen the faces; a NaN row for a missed face.

    Raises
    ------
    DataError
        When no face has both a label and an answer.
    """
    labelled = np.isfinite(faces.landmarks).all(axis=-1)
    rows = np.flatnonzero(labelled.any(axis=1))
    side = np.sqrt(box_size(tight_box(faces.landmarks[rows])).prod(axis=-1))
    rows, side = rows[side > 0], side[side > 0]
    distances = np.linalg.norm(answers[rows] - faces.landmarks[rows], axis=-1) / side[:, None]
    found = np.isfinite(answers[rows]).all(axis=(1, 2))
    if not found.any():
        raise DataError(f"{faces.label}: no face has both a label and an answer")
    errors = np.full(len(rows), np.inf)
    errors[found] = np.nanmean(distances[found], axis=1)
    # A landmark that no face has labelled is usual at any distance.
    some = labelled[rows][found].any(axis=0)
    usual = np.full(distances.shape[1], np.inf)
    usual[some] = np.maximum(np.nanmedian(distances[found][:, some], axis=0), 1e-9)
    ratios = distances / usual
    times = np.full(len(rows), np.inf)
    times[found] = np.sqrt(np.nanmean(ratios[found] ** 2, axis=1))
    fence, scheme = fence_of(times[found]), get_scheme(faces.scheme)
    ranked = []
    for i in np.argsort(-times, kind="stable").tolist():
        far, row = bool(times[i] > fence), int(rows[i])
        regions = _regions(ratios[i], scheme) if found[i] else ()
        cause = ""
        if found[i] and far:
            cause = likely_cause(faces.landmarks[row], answers[row], float(side[i]), ratios[i], scheme)
        ranked.append(Suspect(row, str(faces.ids[row]), float(errors[i]), float(times[i]), far, regions, cause))
    return ranked


def _regions(ratios: np.ndarray, scheme: Scheme) -> tuple[str, ...]:
    """Return the regions that are well above the face in what is usual times (L,), the highest first."""
    means = {
        name: float(np.nanmean(ratios[list(part)]))
        for name, part in scheme.regions.items()
        if np.isfinite(ratios[list(part)]).any()
    }
    high = [name for name, mean in means.items() if mean > MORE * float(np.nanmean(ratios))]
    return tuple(sorted(high, key=lambda name: -means[name])[:NAMED])
