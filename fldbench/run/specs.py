"""What a suite combines: training sets, and methods with their parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fldbench import registry
from fldbench.dataset import make_dataset, training_split
from fldbench.errors import FldbenchError, MissingDependencyError, UnknownNameError, must_be
from fldbench.method import Method, make_method
from fldbench.params import parameters_of
from fldbench.protocols.boxes import box_source


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


def _label(name: str) -> str:
    """Return the name of a method in tables, with the remark that it declares."""
    try:
        remark = str(registry.resolve("method", name).remark)
    except (FldbenchError, AttributeError):  # broken, or no method: the plan says so
        return name
    return f"{name} ({remark})" if remark else name


class MethodSpec(Strict):
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
            object.__setattr__(self, "label", _label(self.name))
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


def found(find: Callable[[], Any]) -> Any:
    """Return the result of `find`; turn an error of fldbench into the ValueError that pydantic collects."""
    try:
        return find()
    except FldbenchError as error:
        raise ValueError(str(error)) from error
