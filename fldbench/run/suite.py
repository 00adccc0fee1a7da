"""A suite file (YAML): training sets, methods with their parameters, protocols, seeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fldbench import registry
from fldbench.dataset import make_dataset, training_split
from fldbench.errors import (
    DataError,
    FldbenchError,
    MissingDependencyError,
    ProtocolError,
    SuiteError,
    UnknownNameError,
    must_be,
    near_miss,
)
from fldbench.escape import cut
from fldbench.method import Method, make_method
from fldbench.params import parameters_of
from fldbench.protocols import definitions, get_protocol, register_protocol
from fldbench.protocols.boxes import box_source
from fldbench.yaml_text import Place, read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_ERROR = 500  # letters
DEMO = Path(__file__).with_name("demo.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainSpec(_Strict):
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
            return box_source(text, "")
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


class MethodSpec(_Strict):
    """A method by its registered name, the parameters that differ from its defaults, and a label for the tables."""

    name: str
    params: dict[str, Any] = {}
    label: str = ""

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

    @model_validator(mode="after")
    def _makeable(self) -> MethodSpec:
        if not self.label:
            object.__setattr__(self, "label", self.name)
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


class Suite(_Strict):
    """A suite: every method on every training set with every seed, measured under every protocol.

    Attributes
    ----------
    name : str
        Of the suite.
    define : list or dict
        Protocol bases of the suite: see `fldbench.protocols.definitions`.
    train, methods, protocols, seeds
        The parts to combine; `protocols` are names, with or without modifiers.
    allow_overlap : bool
        Run although faces, persons or clips are trained on and measured on; such results are marked and never ranked.
    """

    name: str
    define: list[Any] | dict[str, Any] = []
    train: list[TrainSpec] = Field(min_length=1)
    methods: list[MethodSpec] = Field(min_length=1)
    protocols: list[str] = Field(min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    allow_overlap: bool = False

    @field_validator("protocols")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        # By their canonical names, so that two spellings of one protocol are noticed.
        return [_found(partial(get_protocol, name)).name for name in names]

    @field_validator("protocols")
    @classmethod
    def _of_the_folds(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for spec in (spec for spec in info.data.get("train", ()) if spec.folds):
            for protocol in map(get_protocol, names):
                if (protocol.dataset, protocol.split) != (spec.dataset, spec.split):
                    raise ValueError(
                        f"{protocol.name} measures {protocol.dataset} {protocol.split}, but {spec.label} is "
                        f"cross-validation: its models answer {spec.dataset} {spec.split} alone; choose a protocol on "
                        "that, or leave folds out"
                    )
        return names

    @field_validator("train", "methods", "protocols", "seeds")
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        keys = [getattr(value, "label", value) for value in values]
        doubled = sorted(str(key) for key, times in Counter(keys).items() if times > 1)
        if doubled:
            raise ValueError(f"{', '.join(doubled)} is given twice; write it once, or give methods their own label")
        return values


def load_suite(source: str | Path | dict[str, Any]) -> Suite:
    """Return a suite from a YAML file, or from a dict of the same shape.

    The protocols that it defines are registered.

    Raises
    ------
    SuiteError
        It names file and line, the value found and the allowed values. What YAML may hold: see `fldbench.yaml_text`.
    """
    if isinstance(source, dict):
        return _validate(source, "suite", {})
    try:
        content, lines = read_yaml(source)
    except DataError as error:
        raise SuiteError(str(error)) from error
    if not isinstance(content, dict):
        raise SuiteError(f"{source}, line 1: a suite must be a mapping with the keys {', '.join(Suite.model_fields)}")
    return _validate(content, str(source), lines)


def _found(find: Callable[[], Any]) -> Any:
    """Return the result of `find`; turn an error of fldbench into the ValueError that pydantic collects."""
    try:
        return find()
    except FldbenchError as error:
        raise ValueError(str(error)) from error


_MODELS: dict[str | int, type[BaseModel]] = {"train": TrainSpec, "methods": MethodSpec}


def _validate(content: dict[str, Any], file: str, lines: dict[Place, int]) -> Suite:
    _define(content.get("define", []), file, lines)
    try:
        return Suite.model_validate(content)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        path = tuple(error["loc"])
        known = path
        while known and known not in lines:
            known = known[:-1]
        place = f"{file}, line {lines[known]}" if known in lines else file
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "suite"
        raise SuiteError(f"{place}: {cut(_explain(error, where, path), LONGEST_ERROR)}") from invalid


def _define(content: Any, file: str, lines: dict[Place, int]) -> None:
    """Register the protocols that a suite defines; refuse a name that already means something else."""
    place = f"{file}, line {lines[('define',)]}" if ("define",) in lines else file
    try:
        for protocol in definitions(content, place):
            if protocol.name in registry.names("protocol") and get_protocol(protocol.name) != protocol:
                raise SuiteError(f"{place}: define: {protocol.name!r} is the name of another protocol; choose another")
            register_protocol(protocol)
    except ProtocolError as error:
        raise SuiteError(str(error)) from error


def _explain(error: ErrorDetails, where: str, path: Place) -> str:
    model = _MODELS.get(path[0], Suite) if len(path) > 1 else Suite
    allowed = ", ".join(model.model_fields)
    if error["type"] == "extra_forbidden":
        return f"unknown key {path[-1]!r}; {near_miss(str(path[-1]), model.model_fields)} (the keys are {allowed})"
    if error["type"] == "missing":
        return f"the key {path[-1]!r} is missing; the keys are {allowed}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    found = error["msg"].lower().removeprefix("input should be ").removeprefix("list should have ")
    return f"{where} is {error['input']!r}; must be {found}"
