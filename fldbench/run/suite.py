"""A suite file (YAML): what to train on, which methods with which parameters, which protocols, which seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fldbench import registry
from fldbench.dataset import make_dataset, training_split
from fldbench.errors import FldbenchError, SuiteError, near_miss
from fldbench.method import make_method
from fldbench.protocols import get_protocol

DEMO = Path(__file__).with_name("demo.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainSpec(_Strict):
    """What to train on.

    dataset, options, split   as for `load_dataset`; split by default train, or all
    boxes                     where the boxes come from
    faces                     only so many, the first
    exclude                   an exclude list (`fldbench data verify -o`); what it left out is counted in the tables
    """

    dataset: str
    options: dict[str, Any] = {}
    split: str = ""
    boxes: Literal["truth-tight", "truth-jittered", "official"] = "truth-tight"
    faces: int | None = Field(default=None, ge=1)
    exclude: Path | None = None

    @property
    def label(self) -> str:
        """In one word for tables: `300w-train`, `synthetic-train[:800]`, `300w-train@truth-jittered`."""
        options = "".join(f",{key}={value}" for key, value in self.options.items())
        first = "" if self.faces is None else f"[:{self.faces}]"
        boxes = "" if self.boxes == "truth-tight" else f"@{self.boxes}"
        exclude = "" if self.exclude is None else f"-without-{self.exclude.stem}"
        return f"{self.dataset}-{self.split}{options}{first}{exclude}{boxes}"

    @field_validator("dataset")
    @classmethod
    def _known(cls, name: str) -> str:
        return _lookup(lambda: registry.resolve("dataset", name), name)

    @model_validator(mode="after")
    def _has_split(self) -> TrainSpec:
        try:
            dataset = make_dataset(self.dataset, **self.options)
            if not self.split:
                object.__setattr__(self, "split", training_split(dataset))
        except FldbenchError as error:
            raise ValueError(str(error)) from error
        if self.split not in dataset.splits:
            raise ValueError(f"{self.dataset!r} has no split {self.split!r}; allowed: {', '.join(dataset.splits)}")
        return self


class MethodSpec(_Strict):
    """A method by name, with parameters that differ from the defaults and a label for the tables."""

    name: str
    params: dict[str, Any] = {}
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _makeable(self) -> MethodSpec:
        _lookup(lambda: make_method(self.name, **self.params), self.name)
        if not self.label:
            object.__setattr__(self, "label", self.name)
        return self


class Suite(_Strict):
    """What `run_suite` runs: every method on every training set with every seed, measured under every protocol."""

    name: str
    train: list[TrainSpec] = Field(min_length=1)
    methods: list[MethodSpec] = Field(min_length=1)
    protocols: list[str] = Field(min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)

    @field_validator("protocols")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        return [_lookup(lambda name=name: get_protocol(name), name) for name in names]

    @field_validator("train", "methods", "protocols", "seeds")
    @classmethod
    def _each_once(cls, values: list) -> list:
        keys = [getattr(value, "label", value) for value in values]
        doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
        if doubled:
            raise ValueError(f"{', '.join(doubled)} stands there twice; write it once, or give methods their own label")
        return values


def load_suite(source: str | Path | dict[str, Any]) -> Suite:
    """A suite from a YAML file, or from a dict of the same shape.

    Raises SuiteError with file, line, what was found and what is allowed.
    """
    if isinstance(source, dict):
        return _validate(source, "suite", {})
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{source}: the suite cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        content = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source}, line {mark.line + 1}" if mark else str(source)
        raise SuiteError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(content, dict):
        raise SuiteError(f"{source}, line 1: a suite is a mapping with the keys {', '.join(Suite.model_fields)}")
    return _validate(content, str(source), lines)


def _lookup(find, name: str) -> str:
    """Turns an unknown name into the ValueError that pydantic collects."""
    try:
        find()
    except FldbenchError as error:
        raise ValueError(str(error)) from error
    return name


def _lines(node: yaml.Node | None, path: tuple = ()) -> dict[tuple, int]:
    """Where each key and item stands: path into the document -> line from 1."""
    if node is None:
        return {}
    lines = {path: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines |= _lines(value, (*path, key.value)) | {(*path, key.value): key.start_mark.line + 1}
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines |= _lines(value, (*path, i))
    return lines


_MODELS = {"train": TrainSpec, "methods": MethodSpec}


def _validate(content: dict[str, Any], file: str, lines: dict[tuple, int]) -> Suite:
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
        raise SuiteError(f"{place}: {_explain(error, where, path)}") from invalid


def _explain(error: dict[str, Any], where: str, path: tuple) -> str:
    model = _MODELS.get(path[0], Suite) if len(path) > 1 else Suite
    allowed = ", ".join(model.model_fields)
    if error["type"] == "extra_forbidden":
        return f"unknown key {path[-1]!r}; {near_miss(str(path[-1]), model.model_fields)} (allowed: {allowed})"
    if error["type"] == "missing":
        return f"the key {path[-1]!r} is missing; allowed: {allowed}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    return f"{where} is {error['input']!r}; allowed: {error['msg'].lower().removeprefix('input should be ')}"
