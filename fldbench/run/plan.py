"""The plan of a suite: every cell with its key, before anything is fitted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

from fldbench import registry
from fldbench.dataset import Roots, absolute_roots
from fldbench.digest import each_class_once
from fldbench.errors import DataError, FldbenchError, SuiteError, UnknownNameError, must_be, near_miss
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.plugin_files import is_of_plugin, loaded_plugins
from fldbench.protocols import Protocol, get_protocol
from fldbench.protocols.boxes import is_detected
from fldbench.records.keys import (
    Ingredients,
    fingerprints,
    ingredients,
    like_of_version_1,
    what_changed,
    with_members,
)
from fldbench.records.record import MethodFacts, Record
from fldbench.records.store import Store
from fldbench.run.cell import Cell, Failure, Part, Run, failure_of
from fldbench.run.data import SuiteData
from fldbench.run.facts import facts_of_method
from fldbench.run.folds import Partition
from fldbench.run.overlaps import with_overlaps
from fldbench.run.refusals import check_method, with_refusals
from fldbench.run.specs import MethodSpec, TrainSpec
from fldbench.run.suite import Suite
from fldbench.schemes import own_schemes


@dataclass
class Plan:
    """All cells of a suite, with the data that they need."""

    cells: list[Cell]
    data: SuiteData

    def only(self, label: str) -> Plan:
        """Return the cells with a label: that of a method, or of one cell as progress shows it.

        Raises
        ------
        SuiteError
            When there is none.
        """
        chosen = [cell for cell in self.cells if label in (cell.method.label, cell.label)]
        if not chosen:
            known = [name for cell in self.cells for name in (cell.method.label, cell.label)]
            raise SuiteError(f"no method or cell of the suite is labelled {label!r}; {near_miss(label, set(known))}")
        return Plan(chosen, self.data)

    def of_methods(self, names: Collection[str]) -> Plan:
        """Return the cells of some methods, by their registered names or labels.

        Raises
        ------
        SuiteError
            For a name that no cell has.
        """
        known = {name for cell in self.cells for name in (cell.method.name, cell.method.label)}
        for name in names:
            if name not in known:
                raise SuiteError(f"no method of the suite is named or labelled {name!r}; {near_miss(name, known)}")
        return Plan([cell for cell in self.cells if {cell.method.name, cell.method.label} & set(names)], self.data)

    def shard(self, part: int, parts: int) -> Plan:
        """Return every `parts`-th cell, from the `part`-th on, counted from 1.

        All parts together are the plan, and no cell is in two of them.

        Raises
        ------
        SuiteError
            For a part that there is not, and where there are more parts than cells.
        """
        if not 1 <= part <= parts:
            raise SuiteError(must_be("shard", "its number", part, f"from 1 to {parts}, the number of shards"))
        if parts > len(self.cells):
            raise SuiteError(must_be("shard", "the number of shards", parts, f"{len(self.cells)} or fewer: the cells"))
        return Plan(self.cells[part - 1 :: parts], self.data)


def make_plan(suite: Suite, data: Roots) -> Plan:
    """Load the annotations, name every run, and find what cannot be done.

    If no training set can be loaded, raise the first error; if faces are trained on and measured on, SuiteError, unless
    the suite allows it.
    """
    protocols = [get_protocol(name) for name in suite.protocols]
    faces = SuiteData(data)
    loaded = [faces.train(spec) for spec in suite.train]
    errors = [one.error for one in loaded if one.error is not None]
    if len(errors) == len(loaded):
        raise errors[0]
    tests = {p.hash: _test_fingerprint(p, faces.test(p).faces) for p in protocols}
    to_learn: dict[tuple[str, int | None], Learning] = {}
    cells = []
    with each_class_once():
        for train, spec in product(suite.train, suite.each_method):
            for seed in _seeds_for(spec, train, suite.seeds):
                place = train.label, seed if train.folds else None
                if place not in to_learn:
                    to_learn[place] = _learning(train, seed, faces)
                cells.append(_cell(spec, train, seed, to_learn[place], faces, protocols, tests))
    return Plan(with_refusals(with_overlaps(cells, faces, suite.allow_overlap), faces), faces)


class Learning(NamedTuple):
    """What the models of a cell learn from: the fingerprints of all faces, and those of each fold's training part."""

    known: dict[str, str]
    parts: list[tuple[int | None, dict[str, str]]]
    partition: Partition | None = None
    problem: Failure | None = None


def _learning(train: TrainSpec, seed: int | None, data: SuiteData) -> Learning:
    loaded = data.train(train)
    known = fingerprints(loaded.faces)
    if train.folds is None or seed is None:
        return Learning(known, [(None, known)])
    known["folds"] = str(train.folds)
    parts: list[tuple[int | None, dict[str, str]]] = []
    try:
        partition, everyone = data.partition(train, train.folds, seed), loaded.check_usable()
        for fold in range(partition.k):
            parts.append((fold, fingerprints(partition.training_part(everyone, fold))))
    except DataError as error:
        return Learning(known, [], problem=failure_of(error))
    return Learning(known | {"partition": partition.digest}, parts, partition)


def _cell(
    spec: MethodSpec,
    train: TrainSpec,
    seed: int | None,
    learning: Learning,
    data: SuiteData,
    protocols: list[Protocol],
    tests: dict[str, str],
) -> Cell:
    problem, parts, plug_ins = learning.problem, [], {}
    try:
        method = spec.make(seed)
        made_of = ingredients(method, learning.known)
        about = facts_of_method(spec, method, made_of)
        data_names = [train.dataset, *(p.dataset for p in protocols)]
        plug_ins = _plug_ins(method, spec.name, data_names, [train.boxes, *(p.box_source for p in protocols)])
        alone = list(method.members_alone.values())
        for fold, known in learning.parts:
            members = tuple(ingredients(one, known).key for one in alone)
            parts.append(Part(ingredients(method, known).key, members, fold))
        check_method(method)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the code of a plug-in may raise anything
        problem = problem or failure_of(error)
        if not parts:
            wanted = {"name": spec.name, "params": spec.params, "seed": seed}
            made_of = Ingredients(wanted, {}, learning.known, {}, {})
            about = MethodFacts(spec.name, spec.label, spec.params)
    return Cell(
        method=spec,
        about=about,
        train=train,
        seed=seed,
        data=absolute_roots(data.roots),
        made_of=made_of,
        train_fingerprint=learning.known["train"],
        runs=tuple(
            Run(made_of.run_key(p.hash, print_), made_of.run_like(p.hash, print_), replace(p), print_)
            for p in protocols
            for print_ in (tests[p.hash],)
        ),
        parts=tuple(parts),
        partition=learning.partition,
        problem=problem,
        plug_ins=plug_ins,
        plugins=loaded_plugins(),
    )


def with_problems(cells: Iterable[Cell], data: SuiteData, jobs: int) -> list[Cell]:
    """Decode the images that the cells need, once; return the cells with the unreadable ones, and what they stop."""
    cells = list(cells)
    needed: list[TrainSpec | Protocol] = []
    for cell in cells:
        needed += [cell.train, *(run.protocol for run in cell.runs)]
    problems = data.drop_unreadable(*needed)
    return with_refusals([replace(cell, problems=problems, jobs=jobs) for cell in cells], data)


def from_other_code(plan: Plan, store: Store) -> dict[str, tuple[Record, list[str]]]:
    """Return run key -> the newest record of the same work by other code, and the names of what changed since.

    Only runs that the store does not have are considered.
    """
    alike = store.alike()
    found: dict[str, tuple[Record, list[str]]] = {}
    for cell in plan.cells:
        work = cell.method.name, cell.about.params, cell.seed, cell.train_fingerprint
        for run in cell.runs:
            records = alike.get(run.like, [])
            if not records and cell.train.folds is None:  # which version 1 did not have
                records = alike.get(like_of_version_1(*work, run.protocol.hash, run.fingerprint), [])
            if records and not store.has_record(run.key):
                found[run.key] = records[-1], _changes(records[-1], cell)
    return found


def _changes(record: Record, cell: Cell) -> list[str]:
    """Return the modules and libraries that differ; records of version 1 do not say which."""
    if record.like.startswith("version 1"):
        return ["fldbench since its first records"]
    changed = what_changed(record.method.code, cell.made_of.code)
    return [*changed, *what_changed(record.method.libraries, cell.made_of.libraries)]


def _seeds_for(spec: MethodSpec, train: TrainSpec, seeds: list[int]) -> list[int | None]:
    """Return the method's own seeds or the suite's where it draws, or the folds are drawn; (None,) elsewhere."""
    return list(spec.seeds or seeds) if spec.draws or train.folds else [None]


def _plug_ins(method: Method, name: str, datasets: Iterable[str], boxes: Iterable[str]) -> dict[tuple[str, str], Any]:
    """Return the registry entries of the method, of its registered members, of datasets, and of detectors."""
    methods = [name]
    for one in with_members(method):
        with suppress(UnknownNameError):
            methods.append(registry.method_name(type(one)))
    wanted = [*(("method", one) for one in methods), *(("dataset", one) for one in datasets)]
    wanted += [("detector", source.partition(":")[2]) for source in boxes if is_detected(source)]
    tables = {kind: registry.table(kind) for kind in ("method", "dataset", "detector")}
    found = {(kind, one): tables[kind][one] for kind, one in wanted if one in tables[kind]}
    found |= {("scheme", one): scheme for one, scheme in own_schemes().items()}  # recognition compares with all
    return {place: target for place, target in found.items() if not is_of_plugin(target)}


def _test_fingerprint(protocol: Protocol, faces: FaceSet | None) -> str:
    """Of the protocol's own faces; empty where they cannot be selected, which `with_refusals` records."""
    try:
        return "" if faces is None else protocol.select(faces).fingerprint
    except FldbenchError:
        return ""
