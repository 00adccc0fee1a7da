"""Ablations: which task of a method, or value of a parameter, helps its landmarks; an ordinary suite of variants."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.attribute_metrics import answered_classes
from fldbench.dataset import Roots, roots_together
from fldbench.protocols.landmark_errors import landmark_errors
from fldbench.records.kept_faces import read_arrays
from fldbench.records.record import Record
from fldbench.records.store import Store
from fldbench.records.variant_runs import FaceValues, VariantRun
from fldbench.run.data import SuiteData
from fldbench.run.limits import Limits
from fldbench.run.runner import OnEvent, OnNote, plan_suite, run_suite
from fldbench.run.suite import Suite, load_suite
from fldbench.run.variants import with_variants
from fldbench.schemes import Scheme, get_scheme


def ablate_suite(
    suite: str | Path | dict[str, Any] | Suite,
    out: str | Path,
    data: Roots = None,
    jobs: int = 1,
    fresh: bool = False,
    on_event: OnEvent | None = None,
    only: str | None = None,
    reuse_other_code: bool = False,
    on_note: OnNote | None = None,
    methods: Collection[str] = (),
    progress: bool = False,
    isolate: bool = False,
    limits: Limits | None = None,
) -> list[VariantRun]:
    """Run the variants of a suite's methods (see `fldbench.run.variants`); `fldbench.ablation` compares them.

    A method with `vary` is compared over the values of that parameter, any other one over its tasks. Results are shared
    with `run_suite`: a variant whose parameters are those of a method in a plain suite has the same key, in the same
    folder.

    Parameters
    ----------
    suite, out, data, jobs, fresh, on_event, only, reuse_other_code, on_note, methods, progress, isolate,
    limits
        As for `run_suite`; labels are those of the variants, such as `tcdcn: landmarks + pose`. Among the methods, the
        label of a method in the suite means all its variants.

    Returns
    -------
    list of VariantRun
        The records, and what they say of each face.

    Raises
    ------
    SuiteError
        As `run_suite`, and when no method of the suite varies a parameter or has attributes among its tasks.
    StoreError, DatasetNotFoundError
        As `run_suite`.
    """
    ablated = with_variants(suite if isinstance(suite, Suite) else load_suite(suite))
    if on_note is not None:
        for line in ablated.notes:
            on_note(line)
    records = run_suite(
        ablated.suite,
        out,
        data,
        jobs,
        fresh,
        on_event,
        only,
        reuse_other_code,
        on_note,
        ablated.of_methods(methods),
        progress,
        isolate,
        limits,
    )
    faces = SuiteData(roots_together(ablated.suite.data, data))
    found = []
    for record in records:
        variant = ablated.variants[record.method.label]
        values = _face_values(record, Store(out, create=False), faces, variant.tasks) if _is_sound(record) else None
        found.append(VariantRun(variant.method, variant.name, variant.tasks, variant.comparison, record, values))
    return found


def plan_ablation(
    suite: str | Path | dict[str, Any] | Suite,
    out: str | Path,
    data: Roots = None,
    only: str | None = None,
    methods: Collection[str] = (),
    fresh: bool = False,
    reuse_other_code: bool = False,
) -> list[str]:
    """Return in lines what `ablate_suite` would do with the same arguments; nothing is created, fitted or decoded.

    Raises
    ------
    SuiteError, DatasetNotFoundError
        As `ablate_suite`.
    """
    ablated = with_variants(suite if isinstance(suite, Suite) else load_suite(suite))
    chosen = ablated.of_methods(methods)
    return [*ablated.notes, *plan_suite(ablated.suite, out, data, only, chosen, fresh, reuse_other_code)]


def _is_sound(record: Record) -> bool:
    return record.status == "ok" and not record.edited


def _face_values(record: Record, store: Store, data: SuiteData, tasks: tuple[str, ...]) -> FaceValues:
    """Return what a record says of each face: its arrays beside the truth."""
    kept = [f"{what}:{task}" for task in tasks for what in ("codes", "probabilities")]
    names = ("ids", "predictions", "charged", "counts", *kept)
    arrays = read_arrays(store.record_path(record.key) / "faces.npz", names)
    everyone = data.test(record.protocol).of(record.protocol)
    row_of = {face: row for row, face in enumerate(everyone.ids.tolist())}
    faces = everyone[np.array([row_of[face] for face in arrays["ids"].tolist()])]
    errors = landmark_errors(record.protocol, arrays["predictions"], faces)
    scheme = get_scheme(record.protocol.scheme)
    counted = range(scheme.n_points) if record.protocol.points is None else record.protocol.points
    names_of = _names(scheme)
    measured = [task for task in tasks if f"codes:{task}" in arrays and f"probabilities:{task}" in arrays]
    codes = {task: arrays[f"codes:{task}"] for task in measured}
    return FaceValues(
        ids=faces.ids,
        groups=faces.groups,
        charged=arrays["charged"],
        counts=arrays["counts"],
        landmarks={names_of[point]: errors[:, point] for point in counted},
        regions={
            region: tuple(names_of[point] for point in points if point in counted)
            for region, points in scheme.regions.items()
        },
        codes=codes,
        right={task: answered_classes(arrays[f"probabilities:{task}"]) == codes[task] for task in measured},
    )


def _names(scheme: Scheme) -> tuple[str, ...]:
    return scheme.names or tuple(f"point {point}" for point in range(scheme.n_points))
