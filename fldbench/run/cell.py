"""Cell: one model to fit and the runs that wait for it; it names its data and loads them, so it runs anywhere."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fldbench import registry
from fldbench.dataset import Roots
from fldbench.errors import CheckpointError, DatasetNotFoundError, FldbenchError, raised_at, text_of
from fldbench.escape import cut
from fldbench.faces import facts_of
from fldbench.method import Method, load_method
from fldbench.plugin_files import load_plugin
from fldbench.protocols import Protocol
from fldbench.records.keys import Ingredients
from fldbench.records.machine import machine_facts
from fldbench.records.models import FitFacts
from fldbench.records.record import MethodFacts, Metrics, Record, Timings
from fldbench.records.store import Store
from fldbench.run.data import SuiteData, place_of
from fldbench.run.facts import facts_of_test, facts_of_training
from fldbench.run.folds import Partition
from fldbench.run.gathered import Gathered
from fldbench.run.memory import Peak
from fldbench.run.process_state import kept_as_it_was
from fldbench.run.slices import slice_evidence
from fldbench.run.specs import MethodSpec, TrainSpec
from fldbench.run.timing import Clock, load_average, now, predict_timed, together

LONGEST_REASON, LONGEST_TRACE = 2000, 20000  # letters that a record keeps


class Failure(NamedTuple):
    """Why there is no number: the reason in a record."""

    status: str
    reason: str
    traceback: str = ""


class Run(NamedTuple):
    """One measurement that waits for the model.

    Its key, its key by any code, the protocol, its faces' fingerprint; why it cannot be done, if that is known; and
    what its faces share with those that the model is trained on.
    """

    key: str
    like: str
    protocol: Protocol
    fingerprint: str
    problem: Failure | None = None
    overlap: str = ""


class Part(NamedTuple):
    """One model of a cell: its key, the keys of its members, and the fold that it does not see, if there are folds."""

    key: str
    members: tuple[str, ...] = ()
    fold: int | None = None


@dataclass(frozen=True)
class Cell:
    """One model (method, training set, seed) and its runs, with everything needed to do them.

    With folds it is one model for each fold, and a run is measured on the answers of all of them together.

    Attributes
    ----------
    method : MethodSpec
        Name, parameters and label.
    about : MethodFacts
        The same as in records.
    train : TrainSpec
        What to train on.
    seed : int or None
        Of the method's `random_state` and of the partition into folds; None for a cell that has neither.
    data : str, dict or None
        The data root, or roots by the names of datasets, as absolute paths.
    made_of : Ingredients
        The ingredients of the model, or of all models.
    train_fingerprint : str
        Of the training faces, as they were planned.
    runs : tuple of Run
        What is measured.
    parts : tuple of Part
        The models: one, or one for each fold; none if the cell has a problem.
    partition : Partition or None
        The folds.
    problem : Failure or None
        Why no model can be fitted, if that is known.
    plug_ins : dict
        (kind, name) -> registry entry that the cell needs, for processes that do not know it.
    plugins : tuple of str
        Files of plug-ins, which such a process imports first.
    problems : dict
        Place -> face id -> reason, for images that are known to be unreadable.
    jobs : int
        Cells that run at the same time.
    """

    method: MethodSpec
    about: MethodFacts
    train: TrainSpec
    seed: int | None
    data: Roots
    made_of: Ingredients
    train_fingerprint: str
    runs: tuple[Run, ...]
    parts: tuple[Part, ...]
    partition: Partition | None = None
    problem: Failure | None = None
    plug_ins: dict[tuple[str, str], Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    problems: dict[str, dict[str, str]] = field(default_factory=dict)
    jobs: int = 1

    @property
    def label(self) -> str:
        """The name in progress and messages."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.method.label} on {self.train.label}{seed}"

    @property
    def refused(self) -> bool:
        """Whether nothing of it can be done."""
        return self.problem is not None or all(run.problem for run in self.runs)

    def make(self) -> Method:
        """Return the unfitted method."""
        return self.method.make(self.seed)


def run_cell(cell: Cell, store: Store, data: SuiteData | None = None) -> str:
    """Fit the models unless the store has them, and write the record of every run that is not done.

    Every failure becomes a record with its reason; the other runs continue. Runs with a known problem are recorded
    first, and a cell without any other run fits nothing.

    Parameters
    ----------
    cell : Cell
        What to do.
    store : Store
        Where models and records go.
    data : SuiteData, optional
        Faces that are loaded already; by default the cell loads its own.

    Returns
    -------
    str
        What was done, and what went wrong, in one line.
    """
    for file in cell.plugins:
        load_plugin(file)
    for (kind, name), target in cell.plug_ins.items():
        registry.register(kind, name, target)
    data = data or SuiteData(cell.data, cell.problems)
    base = _base_record(cell, data)
    reasons: dict[str, None] = {}

    def fail(run: Run, why: Failure) -> None:
        reasons[why.reason] = None
        store.write(replace(_of_run(base, run), **why._asdict(), ended=now()))

    todo = [run for run in cell.runs if not store.has_record(run.key)]
    for run in todo:
        if why := cell.problem or run.problem:
            fail(run, why)
    batches = [Batch(runs) for runs in _by_boxes(run for run in todo if not (cell.problem or run.problem))]
    facts: list[dict[str, Any]] = []
    for part in cell.parts if batches else ():
        model = _by_method(data, _fitted, cell, part, data, store)
        if isinstance(model, Failure):
            for run in (run for batch in batches for run in batch.runs):
                fail(run, model)
            break
        if model.damage:
            reasons[f"{model.damage}; it was fitted again"] = None
        facts.append(model.facts | {"file": model.file})
        for batch in list(batches):
            failed = _by_method(data, _answer, batch, model.method, cell, part, data)
            if isinstance(failed, Failure):
                batches.remove(batch)
                for run in batch.runs:
                    fail(run, failed)
            elif part is cell.parts[-1]:
                for run in batch.runs:
                    measured = tried(_measured, _of_run(base, run), facts, batch, run, data)
                    if isinstance(measured, Failure):
                        fail(run, measured)
                    else:
                        store.write(*measured)
    return "; ".join([cell.label, *reasons])


def record_failure(cell: Cell, store: Store, why: Failure, data: SuiteData | None = None) -> str:
    """Write a failure for every run of a cell that is not done; return what `run_cell` would."""
    return run_cell(replace(cell, problem=why), store, data)


@dataclass
class Batch:
    """Runs that share predictions (same test split, same harm, same boxes), and the predictions as they come in."""

    runs: list[Run]
    answers: Gathered = field(default_factory=Gathered)


class Fitted(NamedTuple):
    """A model as saved, the facts of its fit, its file below OUT; and what was wrong with one that it replaces."""

    method: Method
    facts: dict[str, Any]
    file: str
    damage: str


def tried(work: Callable[..., Any], *args: Any) -> Any:
    """Return the result of `work`, or the Failure that ended it."""
    try:
        return work(*args)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a method may raise anything, and may call sys.exit
        return failure_of(error)


def _by_method(data: SuiteData, work: Callable[..., Any], *args: Any) -> Any:
    """Return what `tried` returns; a Failure too if the code of a method changed the faces that it was lent."""
    with kept_as_it_was():
        result = tried(work, *args)
    if data.forget_changed():
        return Failure("failed", "it changed the faces that it was given; all other methods get them as they were")
    return result


def failure_of(error: BaseException) -> Failure:
    """Return an error as the reason in a record: absent data are a skipped run, everything else is a failed one."""
    status = "skipped" if isinstance(error, DatasetNotFoundError) else "failed"
    known = isinstance(error, FldbenchError)
    text = cut(text_of(error), LONGEST_REASON) or "no message"
    trace = "" if known else cut("".join(traceback.format_exception(error)), LONGEST_TRACE)
    return Failure(status, text if known else f"{type(error).__name__}: {text} ({raised_at(error)})", trace)


def _fitted(cell: Cell, part: Part, data: SuiteData, store: Store) -> Fitted:
    """Return the model as saved, so that a resumed run measures exactly the same as an uninterrupted one."""
    saved, damage = store.models.find(part.key), ""
    if saved is None:
        damage = store.models.damage(part.key)
        method = cell.make()
        clock = Clock()
        members = [found for key in part.members if (found := store.models.find(key))]
        faces = data.train(cell.train).check_usable()
        if cell.partition is not None and part.fold is not None:
            faces = cell.partition.training_part(faces, part.fold)
        if members and len(members) == len(part.members):
            fitted = [load_method(member.file) for member in members]
            with Peak() as peak, clock:
                method.assemble(fitted, faces)
            seconds, cores = clock.seconds + sum(member.facts.fit_seconds or 0.0 for member in members), None
            resumed = any(member.facts.resumed for member in members)
            peaks = [peak.megabytes, *(member.facts.fit_peak_mb for member in members)]
        else:
            facts_of(faces)  # `fit` notes them; what they cost is no part of its time
            folder = store.training_path(part.key)
            resumed = method.keeps_training and folder.is_dir()
            more: dict[str, Any] = {"folder": folder} if method.keeps_training else {}
            try:
                with Peak() as peak, clock:
                    method.fit(faces, **more)
            except CheckpointError:
                # The user did not choose this folder, so nothing in it is worth a failed row.
                damage, resumed = f"{folder} holds no training that can be continued", False
                shutil.rmtree(folder, ignore_errors=True)
                method, clock = cell.make(), Clock()
                with Peak() as peak, clock:
                    method.fit(faces, **more)
            seconds, cores, peaks = clock.seconds, clock.cores, [peak.megabytes]
        facts = FitFacts(
            fit_seconds=round(seconds, 3),
            fit_cores=cores,
            fit_load=load_average(),
            fit_peak_mb=max((one for one in peaks if one is not None), default=None),
            device=method.device_,
            jobs=cell.jobs,
            resumed=resumed,
            parameters=int(method.n_parameters),
            multiply_adds=None if method.multiply_adds is None else int(method.multiply_adds),
        )
        fold = "" if part.fold is None else f"-fold-{part.fold}"
        saved = store.models.write(part.key, method.save, facts, cell.label + fold)
    return Fitted(load_method(saved.file), saved.facts.model_dump(), store.path_of(saved), damage)


def _by_boxes(runs: Iterator[Run]) -> list[list[Run]]:
    """Group runs that can share one prediction: same test split, same harm, same boxes."""
    together: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        place = place_of(run.protocol), run.protocol.harms, run.protocol.box_source
        together.setdefault(place, []).append(run)
    return list(together.values())


def _answer(batch: Batch, method: Method, cell: Cell, part: Part, data: SuiteData) -> None:
    """Predict, once, every face that any run of a batch needs and that the model may answer."""
    loaded, protocols = data.test(batch.runs[0].protocol), [run.protocol for run in batch.runs]
    faces = loaded.check_usable()
    wanted = {face for protocol in protocols for face in protocol.chosen(faces).ids.tolist()}
    faces = protocols[0].given(faces[np.isin(faces.ids, sorted(wanted))])
    if cell.partition is not None and part.fold is not None:
        faces = faces[cell.partition.held_out(faces, part.fold)]
    if len(faces):
        batch.answers.add(faces.ids.tolist(), predict_timed(method, faces))


def _measured(
    base: Record, facts: Sequence[dict[str, Any]], batch: Batch, run: Run, data: SuiteData
) -> tuple[Record, dict[str, np.ndarray]]:
    """Return the record of one run, and the arrays to keep beside it."""
    loaded = data.test(run.protocol)
    faces = loaded.of(run.protocol)
    predictions, attributes = batch.answers.of(faces.ids.tolist())
    score = run.protocol.score(predictions, faces, attributes)
    # The size of one model: those of other folds differ by a few faces.
    counts = {key: facts[0][key] for key in ("parameters", "multiply_adds", "model_bytes")}
    counts["models"] = {one["file"]: one["model_sha256"] for one in facts}
    record = replace(
        base,
        status="ok",
        method=replace(base.method, **counts),
        test=facts_of_test(run.protocol, faces, score, loaded.problems_in(run.protocol), run.fingerprint),
        metrics=Metrics(score.values),
        attributes=score.attributes.facts,
        timings=Timings(**together(facts, batch.answers.timings), load=load_average()),
        ended=now(),
    )
    kept = score.evidence | slice_evidence(faces) | batch.answers.kept(faces.ids.tolist())
    return record, {"ids": faces.ids, "predictions": predictions} | kept


def _of_run(base: Record, run: Run) -> Record:
    train = replace(base.train, overlap=run.overlap)
    return replace(base, key=run.key, like=run.like, protocol=run.protocol, train=train)


def _base_record(cell: Cell, data: SuiteData) -> Record:
    """Return the record of a run that has not begun."""
    return Record(
        key="",
        status="failed",
        method=cell.about,
        train=facts_of_training(cell.train, data.train(cell.train), cell.train_fingerprint, cell.partition),
        protocol=cell.runs[0].protocol,
        seed=cell.seed,
        machine=machine_facts(),
        started=now(),
    )
