"""Doubtful truth of a benchmark: from kept predictions and the dataset, and what the leaderboard is without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fldbench.audit.doubts import EXPECTED, FAMILIES, Doubt, consensus_of, doubts
from fldbench.dataset import Roots
from fldbench.errors import FldbenchError, ProtocolError
from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.faces import FaceSet
from fldbench.protocols import Protocol
from fldbench.records.kept_faces import KeptFaces, read_seeds
from fldbench.records.record import OUTSIDE, MethodFacts
from fldbench.report.captions import title
from fldbench.report.columns import RowRecords
from fldbench.report.ranking import PARTIAL, RANKED
from fldbench.report.sections import sections_of
from fldbench.report.side import fact
from fldbench.report.tables import Cell, Table
from fldbench.run.data import SuiteData
from fldbench.schemes import get_scheme

PLUG_INS = ("baselines", "cnn")
SHARED = ("parts", "average", "stack", "hybrid")  # modules that make no family of their own
BLIND = 2.0  # times the error of the best: a method with more sees too little to contradict a label


class Voice(NamedTuple):
    """What one row says: its family, its kept faces by seed, and the mean prediction of its seeds (n, L, 2) px."""

    row: RowRecords
    family: str
    seeds: list[KeptFaces]
    predictions: np.ndarray


@dataclass(frozen=True)
class Doubtful:
    """The doubts about the truth of one section of a leaderboard.

    Attributes
    ----------
    place : (train, protocol)
    faces : FaceSet
        In the order of the rows of `found`.
    found : list of Doubt
        The most doubtful face first.
    consensus : ndarray, (n, L, 2)
        Px; NaN rows without one.
    families : dict of str to list of str
        Family -> its methods.
    voices : list of Voice
        All rows, those of no family too.
    protocol : Protocol
    """

    place: tuple[str, str]
    faces: FaceSet
    found: list[Doubt]
    consensus: np.ndarray
    families: dict[str, list[str]]
    voices: list[Voice]
    protocol: Protocol

    @property
    def doubtful(self) -> list[Doubt]:
        """The doubts that are far out."""
        return [one for one in self.found if one.doubtful]

    def lines(self, most: int) -> list[str]:
        """Return the most doubtful faces in words: those far out, and the next ones up to `most`."""
        scheme = get_scheme(self.protocol.scheme)
        lines = []
        for one in self.found[: max(most, len(self.doubtful))]:
            names = scheme.names or tuple(map(str, range(scheme.n_points)))
            worst = ", ".join(names[i] for i in one.landmarks[:3])
            far = (
                f"label {100 * one.distance:.1f} %, families {100 * one.spread:.1f} % of the face from their consensus"
            )
            mark = "doubtful" if one.doubtful else "below the fence"
            about = f"; {one.cause}" if one.cause else f"; most at {worst}"
            lines.append(plain(f"{one.score:7.2f}  {mark:<15}  {self.faces.ids[one.row]}: {far}{about}"))
        return lines


def doubtful_truth(
    folders: Sequence[str | Path], data: Roots = None, only: str | None = None
) -> tuple[list[Doubtful], list[str]]:
    """Return the doubts of each section of records whose dataset is there; and why others have none.

    Parameters
    ----------
    folders : sequence of path
        Output folders of `run` or `evaluate`.
    data : str, Path, dict or None
        The data root: see `load_dataset`.
    only : str, optional
        Name of the protocol.

    Raises
    ------
    StoreError
        For a folder without records.
    ProtocolError
        For a protocol of which there is no record.
    """
    sections, loaded = sections_of(folders), SuiteData(data)
    known = [place for place in sections.marked if only in (None, place[1])]
    if not known:
        names = ", ".join(dict.fromkeys(protocol for _, protocol in sections.marked))
        raise ProtocolError(f"no record under {only!r}; there are records under {names}")
    found, notes = [], list(sections.left_out)
    for place in known:
        try:
            found.append(_section(place, sections.marked[place], loaded))
        except FldbenchError as error:
            notes.append(f"{title(place)}: {error}")
    return found, notes


def family_of(method: MethodFacts) -> str:
    """Return the family of a method by the code that it runs; empty for one of several families, which is no new voice.

    All networks are one family; a classical method is that of its own module; predictions from outside are each one.

    >>> family_of(MethodFacts("fld-net", "f", code={"fldbench.cnn.nets.fld_net": "1", "fldbench.files": "2"}))
    'network'
    >>> family_of(MethodFacts("asm", "a", code={"fldbench.baselines.asm.method": "1", "fldbench.baselines.parts": "2"}))
    'asm'
    """
    if method.name == OUTSIDE:
        return method.label
    own = [name.split(".")[1:] for name in method.code if name.split(".")[1:2] and name.split(".")[1] in PLUG_INS]
    kinds = {"network" if parts[0] == "cnn" else parts[1] for parts in own if len(parts) > 1 or parts[0] == "cnn"}
    composed = {"average", "stack", "hybrid"} & kinds
    kinds -= set(SHARED)
    if composed or len(kinds) > 1:
        return ""
    return next(iter(kinds), method.name)


def board(about: Doubtful) -> Table:
    """Return the rows of a section with and without the doubtful faces."""
    out = {str(about.faces.ids[one.row]) for one in about.doubtful}
    wholes, rests = [], []
    for voice in about.voices:
        ids = voice.seeds[0].ids
        errors = 100 * np.mean([one.charged for one in voice.seeds], axis=0)
        left = errors[~np.isin(ids, sorted(out))]
        wholes.append(float(np.nanmean(errors)))
        rests.append(float(np.nanmean(left)) if len(left) else np.nan)
    before, after = _ranks(wholes), _ranks(rests)
    rows = []
    for i, voice in enumerate(about.voices):
        change = f"{rests[i] - wholes[i]:+.2f}"
        cells = [f"{wholes[i]:.2f}", f"{rests[i]:.2f}", change, str(before[i]), str(after[i])]
        rows.append([Cell(cut(plain(voice.row.method), LONGEST_NAME)), *map(Cell, cells)])
    moved = sum(a != b for a, b in zip(before, after, strict=True))
    caption = (
        f"{cut(plain(about.place[1]), LONGEST_NAME)}: NME in % of all faces, and without the {len(out)} of "
        f"{len(about.faces)} faces whose truth is doubtful; {moved} of {len(rows)} methods change their rank. Such "
        "faces are hard for all methods, so without them every NME falls: only ranks and differences between methods "
        "tell what wrong labels did. Nothing is removed from any record."
    )
    columns = [fact(name) for name in ("NME %", "without", "change", "rank", "rank without")]
    return Table(about.place, f"{title(about.place)}: doubtful truth", caption, tuple(columns), (("", rows),), ())


def remarks(about: Doubtful) -> list[str]:
    """Return what must be known to read the doubts."""
    said = [f"{family} ({', '.join(map(plain, names))})" for family, names in about.families.items()]
    n, share = len(about.found), len(about.doubtful) / max(len(about.found), 1)
    lines = [
        f"families: {'; '.join(said)}",
        "found are labels that are wrong as a whole or in a part of the face; a single wrong landmark mostly is not",
        f"{len(about.doubtful)} of {n} faces are far out ({100 * share:.1f} %). If all labels were right and the "
        f"logarithms of scores normal, {EXPECTED * n:.4f} would be; real scores have heavier tails: look at each",
    ]
    if about.protocol.knows_truth:
        lines.append(
            "the boxes are made from the truth: a label that is wrong as a whole moves its box, and methods follow it; "
            "with boxes of a detector (boxes=official) more would be found"
        )
    return lines


def _section(place: tuple[str, str], rows: Sequence[RowRecords], loaded: SuiteData) -> Doubtful:
    protocol = rows[0].one.protocol
    faces = loaded.test(protocol).of(protocol)
    voices = [_voice(row, faces) for row in rows if row.standing in (RANKED, PARTIAL)]
    errors = [float(np.nanmean([one.errors for one in voice.seeds])) for voice in voices]
    seeing = [v for v, error in zip(voices, errors, strict=True) if v.family and error <= BLIND * min(errors)]
    predictions: dict[str, list[np.ndarray]] = {}
    families: dict[str, list[str]] = {}
    for voice in seeing:
        predictions.setdefault(voice.family, []).append(voice.predictions)
        families.setdefault(voice.family, []).append(voice.row.method)
    found = doubts(faces.landmarks, predictions, get_scheme(protocol.scheme))
    consensus = consensus_of(predictions)[0] if len(families) >= FAMILIES else np.full(faces.landmarks.shape, np.nan)
    return Doubtful(place, faces, found, consensus, families, voices, protocol)


def _voice(row: RowRecords, faces: FaceSet) -> Voice:
    """Return what a row says of these faces; NaN rows for faces that it was not measured on."""
    seeds = read_seeds(row.good)
    total, there = np.zeros(faces.landmarks.shape), np.zeros(len(faces))
    row_of = {face: i for i, face in enumerate(faces.ids.tolist())}
    for record in row.good:
        arrays = record.kept(("ids", "predictions")) if record.kept is not None else {}
        answers = arrays.get("predictions")
        if answers is None or answers.shape[1:] != faces.landmarks.shape[1:] or len(answers) != len(arrays["ids"]):
            raise ProtocolError(f"{row.method}: no predictions of {faces.landmarks.shape[1]} points are kept")
        kept = [(i, row_of[face]) for i, face in enumerate(arrays["ids"].tolist()) if face in row_of]
        for i, k in kept:
            if np.isfinite(answers[i]).all():
                total[k] += answers[i]
                there[k] += 1
    means = np.where(there[:, None, None] > 0, total / np.maximum(there, 1)[:, None, None], np.nan)
    return Voice(row, family_of(row.one.method), seeds, means)


def _ranks(values: Sequence[float]) -> list[int]:
    return [1 + sum(other < value for other in values) for value in values]
