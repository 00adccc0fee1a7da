"""What a suite combines: training sets, and methods with their parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fldbench import registry
from fldbench.dataset import make_dataset, training_split
from fldbench.errors import FldbenchError, MissingDependencyError, UnknownNameError, must_be
from fldbench.files import parse_json
from fldbench.method import Method, make_method
from fldbench.params import parameters_of
from fldbench.protocols.boxes import box_source, check_source


class Strict(BaseModel):
    """A part of a suite: no key that it does not know, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainSpec(Strict):
    """What to train on.

    Attributes
    ----------
    dataset, options, split
        As for `load_dataset`; the split is by default train, or all.
    boxes : str
        The source of the boxes: see `fldbench.protocols.boxes_from`.
    faces : int or None
        Use only the first faces, this many.
    exclude : Path or None
        An exclude list (`fldbench data verify -o`); the tables count the faces that it leaves out.
    folds : int or None
        Cross-validation: so many models, each trained without one fold, answer the faces of their fold. Protocols must
        be on the same dataset and split.
    """

    dataset: str
    options: dict[str, Any] = {}
    split: str = ""
    boxes: str = "tight"
    faces: int | None = Field(default=None, ge=1)
    exclude: Path | None = None
    folds: int | None = Field(default=None, ge=2)

    @property
    def label(self) -> str:
        """The name in tables: `300w-train`, `synthetic-train[:800]`, `300w-train@jittered:0.05`, `imm-all, 4 folds`."""
        options = "".join(f",{key}={value}" for key, value in self.options.items())
        first = "" if self.faces is None else f"[:{self.faces}]"
        boxes = "" if self.boxes == "tight" else f"@{self.boxes}"
        exclude = "" if self.exclude is None else f"-without-{self.exclude.stem}"
        folds = "" if self.folds is None else f", {self.folds} folds"
        return f"{self.dataset}-{self.split}{options}{first}{exclude}{boxes}{folds}"

    @field_validator("dataset")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            registry.resolve("dataset", name)
        except (UnknownNameError, MissingDependencyError) as error:
            if not registry.is_broken(error):
                raise ValueError(str(error)) from error
        return name

    @field_validator("boxes")
    @classmethod
    def _boxes(cls, text: str) -> str:
        try:
            source = box_source(text, "")
            check_source(source)
            return source
        except FldbenchError as error:
            raise ValueError(str(error).removeprefix(": ")) from error

    @model_validator(mode="after")
    def _has_split(self) -> TrainSpec:
        try:
            dataset = make_dataset(self.dataset, **self.options)
        except (UnknownNameError, MissingDependencyError):  # broken: the plan says so
            return self
        except FldbenchError as error:
            raise ValueError(str(error)) from error
        try:
            if not self.split:
                object.__setattr__(self, "split", training_split(dataset))
        except FldbenchError as error:
            raise ValueError(str(error)) from error
        if self.split not in dataset.splits:
            raise ValueError(must_be(repr(self.dataset), "split", self.split, f"one of {', '.join(dataset.splits)}"))
        return self


def _label(name: str) -> str:
    """Return the name of a method in tables, with the remark that it declares."""
    try:
        remark = str(registry.resolve("method", name).remark)
    except (FldbenchError, AttributeError):  # broken, or no method: the plan says so
        return name
    return f"{name} ({remark})" if remark else name


class MethodSpec(Strict):
    """A method, or one for each of several values of a parameter.

    Attributes
    ----------
    name : str
        Its registered name.
    params : dict
        The parameters that differ from its defaults.
    label : str
        In the tables; by default the name.
    vary : dict
        Parameter -> two or more values for it. The suite then has a method for each value, its variants, instead of
        this one; `fldbench ablate` compares all others with the first.
    seeds : list of int, optional
        Its seeds in place of the suite's, such as fewer for a method that is slow to train.
    """

    name: str
    params: dict[str, Any] = {}
    label: str = ""
    vary: dict[str, list[Any]] = {}
    seeds: list[int] | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def draws(self) -> bool:
        """Whether the method draws at random by a seed that the suite gives."""
        try:
            known = parameters_of(registry.resolve("method", self.name))
        except FldbenchError:  # broken: it is not run
            return False
        return "random_state" in known and "random_state" not in self.params

    def make(self, seed: int | None) -> Method:
        """Return the unfitted method; the seed counts only if it draws."""
        return make_method(self.name, **self.params, **({"random_state": seed} if self.draws else {}))

    @property
    def variants(self) -> dict[str, MethodSpec]:
        """The value of the parameter that varies, in words -> the method with it; empty where none varies."""
        return {
            value_in_words(value): self._with(parameter, value)
            for parameter, values in self.vary.items()
            for value in values
        }

    @property
    def each(self) -> list[MethodSpec]:
        """The methods that the suite has: the variants, or this one."""
        return list(self.variants.values()) or [self]

    def _with(self, parameter: str, value: Any) -> MethodSpec:
        label = f"{self.label}: {parameter} {value_in_words(value)}"
        return MethodSpec(name=self.name, params=self.params | {parameter: value}, label=label, seeds=self.seeds)

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int] | None) -> list[int] | None:
        doubled = sorted({seed for seed in seeds or () if (seeds or []).count(seed) > 1})
        if doubled:
            raise ValueError(f"{', '.join(map(str, doubled))} is given twice; write it once")
        return seeds

    @field_validator("vary")
    @classmethod
    def _one_parameter(cls, vary: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if len(vary) != 1:
            allowed = "one parameter with its values, such as `weighting: [equal, dwa]`"
            then = "write a method for each parameter" if vary else ""
            raise ValueError(must_be("", "what varies", list(vary), allowed, then).removeprefix(": "))
        ((parameter, values),) = vary.items()
        if len(values) < 2:
            then = f"a single value of {parameter} belongs into params"
            raise ValueError(must_be("", parameter, values, "two or more values", then).removeprefix(": "))
        return vary

    @model_validator(mode="after")
    def _makeable(self) -> MethodSpec:
        if not self.label:
            object.__setattr__(self, "label", _label(self.name))
        if self.vary:
            self._check_variants()
            return self
        try:
            json.dumps(self.params, allow_nan=False)
        except (TypeError, ValueError) as error:
            allowed = "finite numbers, strings, lists and mappings of them"
            raise ValueError(must_be(self.name, "params", self.params, allowed, str(error))) from error
        try:
            make_method(self.name, **self.params).check_params()
        except (UnknownNameError, MissingDependencyError) as error:
            # What is broken or not installed is no mistake of the suite: its rows fail, the others go on.
            if not registry.is_broken(error):
                raise ValueError(str(error)) from error
        except FldbenchError as error:
            raise ValueError(str(error)) from error
        except Exception:  # nor is a bug in the code of a method: the plan meets it again, for the rows
            return self
        return self

    def _check_variants(self) -> None:
        """Raise what is wrong with a variant, where it stands: a value, the parameter, or the method."""
        ((parameter, values),) = self.vary.items()
        if parameter in self.params:
            raise _fault(f"{parameter} stands in params too; leave it out there", ("vary", parameter), values)
        said: set[str] = set()
        refused: dict[int, str] = {}
        for i, value in enumerate(values):
            if value_in_words(value) in said:
                raise _fault(f"{value_in_words(value)} is given twice; write it once", ("vary", parameter, i), value)
            said.add(value_in_words(value))
            try:
                self._with(parameter, value)
            except ValidationError as error:
                refused[i] = message_of(error)
        if len(refused) == len(values) and len(set(refused.values())) == 1:  # whatever the value
            place = ("vary", parameter) if self._lacks(parameter) else ()
            raise _fault(refused[0], place, values)
        for i, why in refused.items():
            raise _fault(why, ("vary", parameter, i), values[i])

    def _lacks(self, parameter: str) -> bool:
        try:
            return parameter not in parameters_of(registry.resolve("method", self.name))
        except FldbenchError:
            return False


def value_in_words(value: Any) -> str:
    """Return the value of a parameter as labels have it; a mapping with a name by that and by its settings.

    >>> [value_in_words(one) for one in ("dwa", 0.5, None, "2", ["landmarks", "pose"])]
    ['dwa', '0.5', 'null', '"2"', '[landmarks, pose]']
    >>> value_in_words({"name": "fixed", "weights": {"pose": 0.5}}), value_in_words({"window": 5})
    ('fixed weights={pose: 0.5}', '{window: 5}')
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str):
            settings = (f"{key}={value_in_words(one)}" for key, one in value.items() if key != "name")
            return " ".join([value["name"], *settings])
        return "{" + ", ".join(f"{key}: {value_in_words(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_in_words, value))}]"
    if not isinstance(value, str):
        return json.dumps(value, default=str)
    try:
        parse_json(value)
    except ValueError:
        return value or '""'
    return json.dumps(value)  # "2" is not 2


def chosen_labels(names: Collection[str], variants: Iterable[tuple[str, MethodSpec]]) -> list[str]:
    """Return the labels of the variants that names mean, and the names that mean none.

    Parameters
    ----------
    names : collection of str
        Registered names of methods, labels of variants, and labels of methods in the suite: all their variants.
    variants : iterable of (str, MethodSpec)
        The label of the method in the suite, and the variant.
    """
    known, chosen = set(), []
    for label, spec in variants:
        own = {label, spec.name, spec.label}
        known |= own
        if own & set(names):
            chosen.append(spec.label)
    return [*chosen, *(name for name in names if name not in known)]


def message_of(error: ValidationError) -> str:
    """Return what a method said when it refused its parameters."""
    first = error.errors()[0]
    return str(first.get("ctx", {}).get("error", first["msg"]))


def _fault(text: str, place: tuple[str | int, ...], value: Any) -> ValueError:
    """Return the error of a part of a method, which pydantic then places in the suite."""
    return ValidationError.from_exception_data(
        "MethodSpec",
        [{"type": "value_error", "loc": place, "input": value, "ctx": {"error": ValueError(text)}}],
    )


def found(find: Callable[[], Any]) -> Any:
    """Return the result of `find`; turn an error of fldbench into the ValueError that pydantic collects."""
    try:
        return find()
    except FldbenchError as error:
        raise ValueError(str(error)) from error
