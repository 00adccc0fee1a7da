"""Ablations: which task of a method helps its landmarks. The variants are an ordinary suite, run by `run_suite`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fldbench.dataset import Roots
from fldbench.records.record import Record
from fldbench.run.runner import OnEvent, OnNote, plan_suite, run_suite
from fldbench.run.suite import Suite, load_suite
from fldbench.run.variants import with_variants


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
) -> list[Record]:
    """Run the variants of a suite's methods (see `fldbench.run.variants`) and return their records.

    Results are shared with `run_suite`: a variant whose tasks and parameters are those of a method in a plain suite has
    the same key, in the same folder.

    Parameters
    ----------
    suite, out, data, jobs, fresh, on_event, only, reuse_other_code, on_note, methods, progress
        As for `run_suite`; labels are those of the variants, such as `tcdcn: landmarks + pose`.

    Raises
    ------
    SuiteError
        As `run_suite`, and when no method of the suite has attributes among its tasks.
    StoreError, DatasetNotFoundError
        As `run_suite`.
    """
    ablated = with_variants(suite if isinstance(suite, Suite) else load_suite(suite))
    if on_note is not None:
        for line in ablated.notes:
            on_note(line)
    return run_suite(
        ablated.suite, out, data, jobs, fresh, on_event, only, reuse_other_code, on_note, methods, progress
    )


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
    return [*ablated.notes, *plan_suite(ablated.suite, out, data, only, methods, fresh, reuse_other_code)]
