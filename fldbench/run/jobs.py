"""Cells in processes of their own: one that dies takes no other cell with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError  # type: ignore[import-untyped]

from fldbench.records.store import Store
from fldbench.run.cell import Cell, Failure, record_failure, run_cell


def in_processes(cells: Sequence[Cell], store: Store, jobs: int) -> Iterator[str]:
    """Run cells, `jobs` at the same time, and yield what `run_cell` returns, in the order in which they end.

    If a process dies (a crash of compiled code, `os._exit`, too little memory), joblib ends all of them. Then the cells
    that had begun run again, each alone: the one that kills its process again fails, and the rest goes on.
    """
    left = list(enumerate(cells))
    while left:
        begun: list[tuple[int, Cell]] = []
        ended: set[int] = set()

        def work(waiting: Sequence[tuple[int, Cell]], begun: list[tuple[int, Cell]] = begun) -> Iterator[Any]:
            for number, cell in waiting:
                begun.append((number, cell))
                yield delayed(_numbered)(number, cell, store)

        try:
            # No more cells are handed out than run, so that few are in doubt after a death.
            parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs)
            for number, what in parallel(work(left)):
                ended.add(number)
                yield what
            return
        except TerminatedWorkerError:
            left = left[len(begun) :]
        for number, cell in begun:
            if number not in ended:
                yield _alone(cell, store)


def _alone(cell: Cell, store: Store) -> str:
    try:
        # Two jobs, because one would be this process.
        return Parallel(n_jobs=2)([delayed(run_cell)(cell, store)])[0]
    except TerminatedWorkerError as error:
        codes = re.search(r"\{(.+?)\}", str(error))
        code = f" with {codes[1]}" if codes else ""
        return record_failure(cell, store, Failure("failed", f"its process ended{code}; maybe too little memory"))


def _numbered(number: int, cell: Cell, store: Store) -> tuple[int, str]:
    return number, run_cell(cell, store)
