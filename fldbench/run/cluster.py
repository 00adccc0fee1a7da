"""Cells on a cluster, by Dask's `distributed`: a future for each, on whatever worker is free.

Data are found by the same paths on every machine. Records come back through a shared folder, or, where a worker does
not see the folder of the run, through the scheduler. On its worker a cell has a process of its own, as elsewhere.
"""

from __future__ import annotations

import io
import os
import tarfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle

from fldbench.errors import MissingDependencyError, StoreError, SuiteError, text_of
from fldbench.files import listed, read_bytes, remove, temporary_folder, write_text
from fldbench.records.machine import machine_facts
from fldbench.records.store import Store
from fldbench.run.cell import Cell, Failure, record_failure
from fldbench.run.data import SuiteData
from fldbench.run.jobs import LOOK_EVERY, in_processes, interruptions
from fldbench.run.limits import Limits

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2  # of a cell whose worker is gone
PATIENCE = 10  # seconds, for the scheduler to answer


class Unfit(NamedTuple):
    """A worker that may run no cell, and the versions of libraries why."""

    worker: str
    versions: str


def on_cluster(
    cells: Sequence[Cell],
    store: Store,
    scheduler: str,
    limits: Limits,
    data: SuiteData,
    on_note: Callable[[str], None] = lambda line: None,
) -> Iterator[str]:
    """Run cells on the workers of a scheduler, and yield what `run_cell` returns, in the order in which they end.

    Workers may come and go; a cell whose worker is gone is begun again by another one, twice at most. A worker with
    other versions of the libraries that results depend on gets no cell: if it comes later, it is sent away, with a
    note. Interruptions are those of `in_processes`.

    Raises
    ------
    MissingDependencyError
        Without the package distributed.
    SuiteError
        When no scheduler answers, and when a worker has other versions at the beginning.
    StoreError
        When the scheduler is lost. What came back is kept.
    """
    with _client(scheduler) as client, interruptions() as interrupted, _mark_in(store) as mark:
        _check_workers(client)
        on_note(f"dashboard of the cluster: {client.dashboard_link}")
        waiting = {_submitted(client, cell, store, mark.name, limits): cell for cell in cells}
        told = 0
        try:
            while waiting:
                for future in _done(waiting):
                    cell = waiting.pop(future)
                    if future.cancelled():
                        if not interrupted:
                            raise StoreError(_lost(scheduler))
                        continue
                    taken = _taken(future, cell, store, data)
                    if not isinstance(taken, Unfit):
                        yield taken
                        continue
                    client.retire_workers([taken.worker])
                    on_note(f"worker {taken.worker} came with {taken.versions}; it is sent away")
                    if not interrupted:
                        waiting[_submitted(client, cell, store, mark.name, limits)] = cell
                if len(interrupted) > told:
                    told = len(interrupted)
                    begun = [one for one in waiting if told > 1 or one.key not in _begun(client)]
                    client.cancel(begun)
                    on_note(f"interrupted: {len(waiting) - len(begun)} at work are finished first; once more ends them")
        except OSError as error:
            raise StoreError(_lost(scheduler)) from error
    if interrupted:
        raise KeyboardInterrupt


def run_remotely(
    work: bytes, mark: str, plugins: dict[str, bytes], limits: Limits, libraries: dict[str, str]
) -> tuple[str, bytes] | Unfit:
    """Run one cell on a worker; return what `run_cell` does, and the new records and models if it has no shared folder.
    A worker with other libraries runs nothing and returns that it is `Unfit`.

    Parameters
    ----------
    work : bytes
        The pickled cell and store.
    mark : str
        Name of a file in the folder of the run: a worker that sees it writes there.
    plugins : dict of str to bytes
        Files of plug-ins, by their paths on the machine of the run.
    limits : Limits
    libraries : dict of str to str
        Their versions in the process of the run.
    """
    if other := _other_versions(libraries, _libraries()):
        from distributed import get_worker

        return Unfit(get_worker().address, other)
    cell, store = cloudpickle.loads(work)
    with temporary_folder() as folder:
        cell = replace(cell, plugins=tuple(_placed(folder / str(i), *one) for i, one in enumerate(plugins.items())))
        if (store.folder / mark).exists():
            (line,) = in_processes([cell], store, 1, limits, alone=False)
            return line, b""
        (line,) = in_processes([cell], Store(folder / "out"), 1, limits, alone=False)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for part in ("records", "models"):
                tar.add(folder / "out" / part, part)
        return line, packed.getvalue()


def _client(scheduler: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError("a scheduler needs distributed; install fldbench[dask]") from error
    try:
        return Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SuiteError(
            f"no scheduler answers at {scheduler!r} ({text_of(error)}); start one with `dask scheduler`, "
            "and workers with `dask worker ADDRESS`"
        ) from error


def _check_workers(client: Client) -> None:
    """Raise SuiteError for a worker whose libraries are not those of this process: keys name these."""
    own = _libraries()
    for worker, theirs in client.run(_libraries).items():
        if other := _other_versions(own, theirs):
            raise SuiteError(
                f"worker {worker} has {other}; results depend on these versions, so install the same everywhere"
            )


def _other_versions(own: dict[str, str], theirs: dict[str, str]) -> str:
    """Return in words which libraries have another version there; empty where all are the same.

    >>> _other_versions({"numpy": "2.0", "cv2": "5.0"}, {"numpy": "1.0"})
    'numpy 1.0 for 2.0, cv2 absent for 5.0'
    """
    return listed(
        [f"{name} {theirs.get(name, 'absent')} for {own[name]}" for name in own if theirs.get(name) != own[name]]
    )


def _libraries() -> dict[str, str]:
    return machine_facts().libraries


@contextmanager
def _mark_in(store: Store) -> Iterator[Path]:
    """Write a file with a name that nobody else has, by which workers know the folder."""
    mark = store.folder / f"shared-{uuid.uuid4().hex}"
    write_text(mark, "workers that see this file write their records here\n")
    try:
        yield mark
    finally:
        remove(mark)


def _submitted(client: Client, cell: Cell, store: Store, mark: str, limits: Limits) -> Future[Any]:
    # What is done already is not done again where the folder is not shared.
    cell = replace(cell, runs=tuple(run for run in cell.runs if not store.has_record(run.key)))
    work = cloudpickle.dumps((cell, Store(store.folder.absolute(), create=False)))
    plugins = {file: read_bytes(file) for file in cell.plugins}
    key = f"{cell.label} {uuid.uuid4().hex[:8]}"
    libraries = _libraries()
    return client.submit(run_remotely, work, mark, plugins, limits, libraries, key=key, pure=False, retries=RETRIES)


def _done(futures: Iterable[Future[Any]]) -> list[Future[Any]]:
    """Return the futures that are done, after a while if there are none."""
    end = time.monotonic() + LOOK_EVERY
    while not (done := [one for one in futures if one.done()]) and time.monotonic() < end:
        time.sleep(0.01)
    return done


def _begun(client: Client) -> set[str]:
    return {key for keys in client.processing().values() for key in keys}


def _taken(future: Future[Any], cell: Cell, store: Store, data: SuiteData) -> str | Unfit:
    """Return what a cell says that has ended, after its records came, or the worker that did not run it."""
    try:
        result = future.result()
    except Exception as error:
        why = f"its worker failed: {type(error).__name__}: {text_of(error)}"
        return record_failure(cell, store, Failure("failed", why), data)
    if isinstance(result, Unfit):
        return result
    line, packed = result
    if packed:
        with temporary_folder() as folder:
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                tar.extractall(folder, filter="data")
            store.take(folder)
    return line


def _placed(folder: Path, path: str, content: bytes) -> str:
    folder.mkdir()
    placed = folder / os.path.basename(path)
    placed.write_bytes(content)
    return str(placed)


def _lost(scheduler: str) -> str:
    return f"the scheduler {scheduler!r} is gone; what came back is kept, and the same command continues from there"
