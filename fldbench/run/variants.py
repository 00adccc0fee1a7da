"""The variants of an ablation, as an ordinary suite: the same methods with fewer tasks, or other values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from fldbench import registry
from fldbench.errors import FldbenchError, SuiteError
from fldbench.escape import cut, plain
from fldbench.params import LANDMARKS, parameters_of
from fldbench.records.variant_runs import Comparison
from fldbench.run.specs import MethodSpec, chosen_labels, message_of
from fldbench.run.suite import Suite

FEWEST_SEEDS = 3  # fewer say little about how much trainings differ by chance
LONGEST_WHY = 200  # letters


class Variant(NamedTuple):
    """One of the variants.

    It has the label of its method in the suite, its own name, its tasks, the method to run, and what it is compared
    with.
    """

    method: str
    name: str
    tasks: tuple[str, ...]
    spec: MethodSpec
    comparison: Comparison


class Ablated(NamedTuple):
    """The suite of the variants, the variants by their labels, and what the user should know, a line each."""

    suite: Suite
    variants: dict[str, Variant]
    notes: tuple[str, ...]

    def of_methods(self, names: Collection[str]) -> list[str]:
        """Return names of methods as `run_suite` knows them: the label of a method in the suite is all its variants."""
        return chosen_labels(names, [(one.method, one.spec) for one in self.variants.values()])


def with_variants(suite: Suite) -> Ablated:
    """Return the suite in which each method stands as its variants.

    Those of a method with `vary` are its values. Those of any other method are landmarks alone, with each attribute,
    and so on: an ordinary method of an ordinary suite, with the parameters of the method but fewer `tasks`, so that its
    results are those that a suite with the same parameters gives. Where the method has parameters for one of the tasks
    left out, these are left out too; landmarks alone has no parameter that counts only beside attributes (`of_tasks`).

    Methods without `vary` and without a parameter `tasks`, or with landmarks as their only task, are left out with a
    note.

    Raises
    ------
    SuiteError
        When no method is left, and for a variant that its method refuses.
    """
    chosen: list[Variant] = []
    notes: list[str] = []
    for spec in suite.methods:
        why = _why_not(spec)
        if why:
            notes.append(f"{plain(spec.label)} is left out: {why}")
        else:
            chosen += variants_of(spec)
    if not chosen:
        raise SuiteError(
            f"suite {suite.name!r}: no method varies a parameter or has attributes among its tasks, so there is "
            f"nothing to compare ({cut('; '.join(notes), LONGEST_WHY)}); give a network params such as "
            "`tasks: [landmarks, pose]`, or a method `vary: {PARAMETER: [VALUE, VALUE]}`"
        )
    fewest = min(len(variant.spec.seeds or suite.seeds) for variant in chosen)
    if fewest < FEWEST_SEEDS:
        notes.append(
            f"{fewest} seed{'s' * (fewest > 1)}: how much trainings differ by chance is hardly "
            f"known; give {FEWEST_SEEDS} or more, better 5"
        )
    methods = [variant.spec for variant in chosen]
    by_label = {variant.spec.label: variant for variant in chosen}
    return Ablated(suite.model_copy(update={"methods": methods}), by_label, tuple(notes))


def variants_of(spec: MethodSpec) -> list[Variant]:
    """Return the variants of a method that varies a parameter, or has attributes among its tasks, each once.

    Raises
    ------
    SuiteError
        For one that the method refuses.
    """
    for parameter in spec.vary:
        values = spec.variants
        comparison = Comparison(next(iter(values)), parameter)
        return [Variant(spec.label, name, tasks_of(one), one, comparison) for name, one in values.items()]
    tasks = tasks_of(spec)
    comparison = comparison_of(tasks)
    return [
        Variant(spec.label, name, kept, _variant(spec, tasks, kept, name), comparison) for kept, name in subsets(tasks)
    ]


def comparison_of(tasks: Sequence[str]) -> Comparison:
    """Return what the variants of some tasks are compared with: landmarks alone, and with one attribute for that.

    Those that lack one attribute are compared with all tasks too.

    >>> found = comparison_of(("landmarks", "smile", "pose"))
    >>> found.baseline, found.of_attributes["pose"], found.second["landmarks + smile"]
    ('landmarks', 'landmarks + pose', 'all')
    """
    variants = dict(subsets(tasks))
    alone = {kept[-1] if kept[0] == LANDMARKS else kept[0]: name for kept, name in variants.items() if len(kept) == 2}
    lack_one = {name: variants[tuple(tasks)] for kept, name in variants.items() if len(kept) == len(tasks) - 1 > 1}
    return Comparison(LANDMARKS, of_attributes=alone, second=lack_one)


def subsets(tasks: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the tasks of each variant, in their order, and its name: landmarks, with each attribute, all but one, all.

    >>> [name for _, name in subsets(("landmarks", "smile", "pose", "glasses"))]  # doctest: +NORMALIZE_WHITESPACE
    ['landmarks', 'landmarks + smile', 'landmarks + pose', 'landmarks + glasses', 'all but smile', 'all but pose',
     'all but glasses', 'all']
    >>> [kept for kept, _ in subsets(("landmarks", "smile", "pose"))][1:]
    [('landmarks', 'smile'), ('landmarks', 'pose'), ('landmarks', 'smile', 'pose')]
    >>> list(subsets(("landmarks", "smile")))
    [(('landmarks',), 'landmarks'), (('landmarks', 'smile'), 'landmarks + smile')]
    """
    attributes = [task for task in tasks if task != LANDMARKS]
    wanted = [((), LANDMARKS), *(((one,), f"{LANDMARKS} + {one}") for one in attributes)]
    wanted += [(tuple(other for other in attributes if other != one), f"all but {one}") for one in attributes]
    wanted.append((tuple(attributes), "all"))
    seen = set()
    for kept, name in wanted:
        if kept not in seen:
            seen.add(kept)
            yield tuple(task for task in tasks if task == LANDMARKS or task in kept), name


def tasks_of(spec: MethodSpec) -> tuple[str, ...]:
    """Return the tasks of a method; landmarks alone for one that has no choice."""
    known = parameters_of(registry.resolve("method", spec.name))
    return tuple(spec.params.get("tasks", known["tasks"])) if "tasks" in known else (LANDMARKS,)


def _why_not(spec: MethodSpec) -> str:
    """Return why a method has no variants, or nothing."""
    try:
        known = parameters_of(registry.resolve("method", spec.name))
    except FldbenchError as error:
        return cut(plain(error), LONGEST_WHY)
    if spec.vary:
        return ""
    if "tasks" not in known:
        return "it has no parameter `tasks`"
    return "" if set(tasks_of(spec)) - {LANDMARKS} else "landmarks are its only task"


def _variant(spec: MethodSpec, tasks: Sequence[str], kept: Sequence[str], name: str) -> MethodSpec:
    removed = set(tasks) - set(kept)
    params = {key: value for key, value in _reduced(spec.params, removed).items() if key != "tasks"}
    if set(kept) == {LANDMARKS}:
        of_tasks = registry.resolve("method", spec.name).of_tasks
        params = {key: value for key, value in params.items() if key not in of_tasks}
    label = f"{spec.label}: {name}"
    try:
        return MethodSpec(name=spec.name, params=params | {"tasks": list(kept)}, label=label, seeds=spec.seeds)
    except ValidationError as error:
        raise SuiteError(f"{label}: {message_of(error)}") from error


def _reduced(params: Mapping[str, Any], removed: Collection[str]) -> dict[str, Any]:
    """Return parameters without what they say of removed tasks.

    One in which a mapping then says nothing has its default: {"name": "fixed", "weights": {"pose": 0.5}} without pose.
    """
    left = {key: _without(value, removed) for key, value in params.items()}
    return {key: value for key, value in left.items() if not _says_less(params[key], value)}


def _without(value: Any, removed: Collection[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _without(one, removed) for key, one in value.items() if key not in removed}


def _says_less(before: Any, after: Any) -> bool:
    """Return whether a mapping in a value lost all that it held."""
    if not isinstance(before, Mapping):
        return False
    return (after == {} and before != {}) or any(_says_less(before[key], after[key]) for key in after)
