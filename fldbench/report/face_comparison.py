"""`FaceComparison`: two methods or more on the same faces, as text, CSV, JSON and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fldbench.escape import LONGEST_NAME, cut, plain
from fldbench.report import formats
from fldbench.report.columns import csv_text, headed
from fldbench.report.compare_words import interval_text, p_text, points_text, sentences
from fldbench.report.face_by_face import MethodFound, PairFound, method_found, pairs_found
from fldbench.report.face_errors import FaceErrors, together
from fldbench.report.tables import Cell, Table
from fldbench.stats import ROPE, Interval


@dataclass(frozen=True, repr=False)
class FaceComparison:
    """Two methods or more on the same faces under the same rules.

    `print(found)` shows it as text.

    Attributes
    ----------
    faces : tuple of FaceErrors
        Of each method, on the same faces in the same order.
    methods : tuple of MethodFound
    pairs : tuple of PairFound
        Every two of them.
    rope : float
        The region of practical equivalence, percentage points of NME.
    left_out : tuple of str
        Records that were not read, with the reason.
    """

    faces: tuple[FaceErrors, ...]
    methods: tuple[MethodFound, ...]
    pairs: tuple[PairFound, ...]
    rope: float
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"FaceComparison({', '.join(one.label for one in self.methods)}, {len(self.faces[0].ids)} faces)"

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, width: int = formats.WIDTH) -> str:
        """Return tables and sentences; captions have lines of `width` letters."""
        return formats.text(self._tables(), self.left_out, width)

    def to_markdown(self) -> str:
        """Return the same in Markdown."""
        return formats.markdown(self._tables(), self.left_out)

    def to_csv(self) -> str:
        """Return a line for each pair; differences in percentage points of NME, chances in percent."""
        rows = [{"protocol": self.faces[0].protocol.name} | _flat(pair) for pair in self.pairs]
        return csv_text([headed(name, name) for name in rows[0]], rows)

    def to_json(self) -> str:
        """Return everything, the deciding faces too; what is not finite is null."""
        content = {
            "protocol": self.faces[0].protocol.name,
            "protocol_hash": self.faces[0].protocol.hash,
            "faces": len(self.faces[0].ids),
            "rope": self.rope,
            "methods": [asdict(one) for one in self.methods],
            "pairs": [asdict(one) for one in self.pairs],
        }
        return json.dumps(_finite(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def _tables(self) -> list[Table]:
        first = self.faces[0]
        names = [cut(plain(one.label), LONGEST_NAME) for one in self.methods]
        place = first.train, first.protocol.name
        threshold = f"@{100 * first.protocol.thresholds[0]:g}%"
        heads = {
            "nme": "NME %",
            "median": "median %",
            "iqm": "IQM %",
            "fr": f"FR{threshold}",
            "auc": f"AUC{threshold}",
            "without": "without the worst face",
            "missed": "missed",
            "seeds": "seeds",
        }
        rows = [
            [
                Cell(name),
                *(Cell(interval_text(getattr(one, key))) for key in ("nme", "median", "iqm", "fr", "auc")),
                Cell(points_text(one.without_worst)),
                Cell(f"{one.missed:g}"),
                Cell(str(one.seeds) if found.draws else "-"),
            ]
            for name, one, found in zip(names, self.methods, self.faces, strict=True)
        ]
        above = Table(
            place,
            f"{len(first.ids)} faces of {first.protocol.name}",
            f"{first.protocol.describe()}; in brackets intervals of 95 %.",
            tuple(headed(key, heading) for key, heading in heads.items()),
            (("", rows),),
            (),
        )
        return [above, self._pair_table(place)]

    def _pair_table(self, place: tuple[str, str]) -> Table:
        first = self.faces[0]
        family = len(self.pairs) > 1
        heads = {
            "difference": "NME, second - first",
            "p": "p",
            "wilcoxon": "Wilcoxon",
            "mcnemar": "McNemar",
            "better": "first better on",
            "verdict": "verdict",
            "smallest": "smallest detectable",
            "needed": "faces needed",
        }
        rows = []
        for one in self.pairs:
            p = (
                [one.p_holm, one.p_wilcoxon_holm, one.p_mcnemar_holm]
                if family
                else [one.p, one.p_wilcoxon, one.p_mcnemar]
            )
            needed = f"{math.ceil(one.faces_needed):,}" if math.isfinite(one.faces_needed) else "-"
            rows.append(
                [
                    Cell(cut(plain(f"{one.first}, {one.second}"), LONGEST_NAME)),
                    Cell(interval_text(one.difference, signed=True)),
                    *(Cell(p_text(value)) for value in p),
                    Cell(interval_text(one.first_better, 0) + " %"),
                    Cell(one.verdict),
                    Cell(points_text(one.smallest)),
                    Cell(needed),
                ]
            )
        return Table(
            place,
            "face by face",
            " ".join(self._about(family)),
            tuple(headed(key, heading) for key, heading in heads.items()),
            (("", rows),),
            ("Two methods alone are told more about.",)
            if family
            else tuple(sentences(self.pairs[0], first, self.rope)),
            first="first, second",
        )

    def _about(self, family: bool) -> list[str]:
        told = [f"p values are adjusted by Holm for {len(self.pairs)} pairs."] if family else []
        if self.faces[0].groups is None:
            told.append("Each face is taken for itself: no persons, clips or photos of several faces are kept with it.")
        alone = [one.label for one in self.faces if one.draws and one.seeds == 1]
        if alone:
            told.append(
                f"One training of {', '.join(alone)}: there is no interval over seeds, and what is said is about these "
                "trained models alone."
            )
        for one in self.faces:
            if one.overlap:
                told.append(f"{one.label} was trained on test faces ({one.overlap}).")
        if len({one.train for one in self.faces}) > 1:
            told.append(f"Training faces differ: {', '.join(f'{one.label} on {one.train}' for one in self.faces)}.")
        return told


def compare(methods: Sequence[FaceErrors], rope: float = ROPE, left_out: Sequence[str] = ()) -> FaceComparison:
    """Return methods compared face by face.

    Parameters
    ----------
    methods : sequence of FaceErrors
        Two or more, such as `fldbench.report.face_errors.rows_in` reads them.
    rope : float
        Differences up to this, in percentage points of NME, matter to nobody.

    Raises
    ------
    StoreError
        For methods that cannot be compared: other rules or faces, or no face that both answered.
    ProtocolError
        For a rope below 0.
    """
    faces = together(methods)
    return FaceComparison(
        tuple(faces),
        tuple(method_found(one) for one in faces),
        tuple(pairs_found(faces, rope)),
        rope,
        tuple(left_out),
    )


def _flat(pair: PairFound) -> dict[str, Any]:
    """Return a pair as columns; intervals in three, without the faces."""
    row: dict[str, Any] = {}
    for one in fields(pair):
        value = getattr(pair, one.name)
        if isinstance(value, Interval):
            row |= {one.name: value.value, f"{one.name}_low": value.low, f"{one.name}_high": value.high}
        elif one.name != "deciding":
            row[one.name] = value
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
