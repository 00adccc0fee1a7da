"""The faces that a suite names, loaded once: the usable ones, and those that had to be left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fldbench.curate.excludes import PART, read_excludes, without
from fldbench.dataset import SOUND, Roots, load_dataset, make_dataset
from fldbench.errors import DataError, DatasetNotFoundError, MethodError, MissingDependencyError
from fldbench.faces import FaceSet, unreadable_images
from fldbench.geometry import usable_boxes
from fldbench.protocols import Protocol, boxes_from
from fldbench.protocols.boxes import is_detected
from fldbench.run.folds import Partition, make_partition
from fldbench.run.specs import TrainSpec


@dataclass
class LoadedFaces:
    """A face set for a run: the readable faces, and those left out; or why it could not be loaded.

    Attributes
    ----------
    faces : FaceSet or None
        None if loading failed with `error`.
    n_expected : int or None
        The number of faces of the complete set.
    left_out : FaceSet or None
        Faces with images that cannot be decoded; `problems` maps their ids to the reasons.
    """

    faces: FaceSet | None
    n_expected: int | None = None
    left_out: FaceSet | None = None
    problems: dict[str, str] = field(default_factory=dict)
    error: BaseException | None = None
    seal: str = ""

    def __post_init__(self) -> None:
        self.seal = self.seal_now()

    def seal_now(self) -> str:
        """Return a digest of everything in memory that can change a number, whatever was handed out as read-only."""
        total = hashlib.sha256()
        try:
            for faces in (self.faces, self.left_out):
                if faces is not None:
                    _add(total, faces)
        except Exception:  # somebody put other objects in the place of the columns
            return ""
        return total.hexdigest()

    def drop_unreadable(self) -> None:
        """Leave out faces with images that cannot be decoded, and keep the reasons; images are decoded once."""
        if self.faces is not None and self.left_out is None:
            self.drop({str(self.faces.ids[row]): why for row, why in unreadable_images(self.faces).items()})

    def drop(self, problems: dict[str, str]) -> None:
        """Leave out the faces with these ids, which are known to be unreadable."""
        if self.faces is not None and self.left_out is None:
            self.problems = problems
            bad = np.isin(self.faces.ids, list(problems))
            self.faces, self.left_out = self.faces[~bad], self.faces[bad]
            self.seal = self.seal_now()

    def check_usable(self) -> FaceSet:
        """Return the readable faces; raise the error of loading, or DatasetNotFoundError if no face is readable."""
        if self.error is not None:
            raise self.error
        if self.faces is None or not len(self.faces):
            why = next(iter(self.problems.values()), "there is none")
            raise DatasetNotFoundError(f"no face has a usable image: {why}")
        return self.faces

    def problems_in(self, protocol: Protocol) -> list[str]:
        """Return why faces of a protocol were left out, one reason for each face."""
        if self.left_out is None or not len(self.left_out):
            return []
        return [self.problems[face] for face in protocol.select(self.left_out).ids.tolist()]

    def of(self, protocol: Protocol) -> FaceSet:
        """Return a protocol's faces; if there are none, raise DatasetNotFoundError, which names the absent parts."""
        faces = protocol.select(self.check_usable())
        if not len(faces):
            absent = ", ".join(part for part, (found, _) in faces.parts.items() if not found)
            which = f" (absent: {absent})" if absent else ""
            raise DatasetNotFoundError(f"0 of {protocol.n_expected} faces of {protocol.name} are there{which}")
        return faces


class SuiteData:
    """All face sets that cells name, loaded on first use and kept.

    Parameters
    ----------
    roots : str, Path, dict or None
        The data root, or roots by the names of datasets: see `load_dataset`.
    problems : dict of str to dict
        Place -> id -> reason, for unreadable images that are known already; those sets are not decoded again.
    """

    def __init__(self, roots: Roots, problems: dict[str, dict[str, str]] | None = None):
        self.roots, self.known = roots, problems or {}
        self._loaded: dict[str, LoadedFaces] = {}
        self._seals: dict[str, str] = {}  # of sets that a method changed, as they were

    def train(self, spec: TrainSpec) -> LoadedFaces:
        """Return the faces to train on."""
        return self._get(place_of(spec), lambda: self._load_train(spec))

    def test(self, protocol: Protocol) -> LoadedFaces:
        """Return the whole split that a protocol selects from."""
        place = place_of(protocol)
        return self._get(place, lambda: self._load(protocol.dataset, protocol.split, **dict(protocol.options)))

    def partition(self, spec: TrainSpec, folds: int, seed: int) -> Partition:
        """Return the folds of a training set, drawn from its whole split before anything is left out.

        Raises
        ------
        DataError
            When the split cannot be loaded or has too few groups.
        """
        return make_partition(self._load(spec.dataset, spec.split, **spec.options).check_usable(), folds, seed)

    def split(self, dataset: str, split: str) -> FaceSet:
        """Return all faces of a split; raise DataError if they cannot be loaded."""
        place = json.dumps(["test", dataset, split, {}])
        return self._get(place, lambda: self._load(dataset, split)).check_usable()

    def notes(self) -> list[str]:
        """Return how the files of the loaded sets were understood, in lines that begin with the set; each line once."""
        sets = [loaded.faces for loaded in self._loaded.values() if loaded.faces is not None]
        return list(dict.fromkeys(f"{faces.label}: {note}" for faces in sets for note in faces.notes))

    def drop_unreadable(self, *what: TrainSpec | Protocol) -> dict[str, dict[str, str]]:
        """Decode the images of some sets once and leave out the unreadable ones; return place -> id -> reason."""
        found = {}
        for one in what:
            loaded = self.train(one) if isinstance(one, TrainSpec) else self.test(one)
            loaded.drop_unreadable()
            found[place_of(one)] = loaded.problems
        return found

    def preload(self, what: Iterable[TrainSpec | Protocol]) -> None:
        """Load some sets and draw what is rendered, of a split the faces that a protocol chooses alone; forget those
        that fail, which may need a plug-in."""
        for one in what:
            loaded = self.train(one) if isinstance(one, TrainSpec) else self.test(one)
            if loaded.faces is None:
                del self._loaded[place_of(one)]
            elif loaded.faces.images.rendered:
                faces = one.chosen(loaded.faces) if isinstance(one, Protocol) else loaded.faces
                for _ in faces.images:
                    pass

    def rendered(self) -> dict[str, LoadedFaces]:
        """Return the loaded sets whose images are drawn, by their places: small to pass on, and slow to load."""
        return {
            place: loaded
            for place, loaded in self._loaded.items()
            if loaded.faces is not None and loaded.faces.images.rendered
        }

    def take(self, loaded: Mapping[str, LoadedFaces]) -> None:
        """Keep sets that another process has loaded."""
        self._loaded |= loaded

    def forget_changed(self) -> bool:
        """Tell whether foreign code changed any face that is loaded; such sets are loaded anew when they are needed."""
        changed = [place for place, loaded in self._loaded.items() if loaded.seal_now() != loaded.seal]
        for place in changed:
            loaded = self._loaded.pop(place)
            self._seals[place] = loaded.seal
            if loaded.left_out is not None:
                self.known[place] = loaded.problems
        return bool(changed)

    def _get(self, place: str, load: Any) -> LoadedFaces:
        if place not in self._loaded:
            loaded = load()
            if place in self.known:
                loaded.drop(self.known[place])
            if self._seals.get(place, loaded.seal) != loaded.seal:
                loaded = LoadedFaces(None, error=DataError("the faces are no longer those that the suite began with"))
            self._loaded[place] = loaded
        return self._loaded[place]

    def _load(self, name: str, split: str, **options: Any) -> LoadedFaces:
        try:
            faces = load_dataset(name, self.roots, split, **options)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the code of a reader may raise anything
            return LoadedFaces(None, error=error)
        return LoadedFaces(faces, make_dataset(name, **options).expected.get(split))

    def _load_train(self, spec: TrainSpec) -> LoadedFaces:
        loaded = self._load(spec.dataset, spec.split, **spec.options)
        if loaded.faces is None:
            return loaded
        faces = loaded.faces if spec.exclude is None else without(loaded.faces, read_excludes(spec.exclude))
        if spec.faces is not None:  # the parts of the split are not those of its first faces
            left = {part: counts for part, counts in faces.parts.items() if part in (SOUND, PART)}
            faces = replace(faces[: spec.faces], parts=left)
        try:
            return LoadedFaces(for_training(faces, spec.boxes), spec.faces or loaded.n_expected)
        except (MissingDependencyError, MethodError) as error:  # of a detector
            return LoadedFaces(None, error=error)


def for_training(faces: FaceSet, boxes: str) -> FaceSet:
    """Return the faces with the boxes of a source; of a detector's, only those that it finds, and `parts` says so."""
    faces = boxes_from(faces, boxes)
    found = usable_boxes(faces.boxes)
    if not is_detected(faces.box_source) or found.all():
        return faces
    counts = {f"found by {faces.box_source.partition(':')[2]}": (int(found.sum()), len(found))}
    return replace(faces[found], parts=dict(faces.parts) | counts)


def _add(total: hashlib._Hash, faces: FaceSet) -> None:
    """Add to a digest what `FaceSet` keeps in memory: columns, and images that are not read from files."""
    total.update(f"{faces.scheme} {len(faces)} {len(faces.images)}".encode())
    for column in (faces.ids, faces.groups, faces.landmarks, faces.boxes, faces.visible):
        total.update(np.ascontiguousarray(column).view(np.uint8).data)
    for name, column in sorted([*faces.attributes.items(), *faces.subsets.items()]):
        total.update(f"\0{name}\0".encode("utf-8", "surrogatepass") + column.tobytes())
    if not faces.images.keeps_digests:
        for i in range(len(faces)):
            total.update(faces.images.digest(i))


def place_of(what: TrainSpec | Protocol) -> str:
    """Return the name of a loaded set: everything that decides which faces are in it."""
    if isinstance(what, TrainSpec):
        return json.dumps(["train", what.model_dump(mode="json")], sort_keys=True)
    return json.dumps(["test", what.dataset, what.split, dict(what.options)])
