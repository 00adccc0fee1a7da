"""Fitted models on disk: found by their key, sealed with digests, and never used when they do not fit these.

    OUT/models/LABEL-KEY/model.safetensors, fit.json

LABEL is for people; whatever it says, KEY finds the model.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from fldbench.errors import DataError, StoreError, first_fault
from fldbench.files import folder_written_whole, parse_json, read_text, remove, sha256_of
from fldbench.records.sealed import digest_of

LARGEST = 10**6  # bytes of fit.json
LABEL_LENGTH = 80  # letters of a label in the name of a folder


class FitFacts(BaseModel):
    """What is known about a fit; None if it was not measured.

    Attributes
    ----------
    fit_seconds, fit_cores, fit_load : float or None
        Wall time, mean number of busy cores, and the machine's load average when it ended.
    device : str or None
        Of the fit.
    jobs : int or None
        Models that were fitted at the same time.
    resumed : bool or None
        Whether it continued an interrupted training.
    parameters, multiply_adds : int or None
        Learned numbers; multiply-adds per face.
    model_bytes : int
        Size of model.safetensors.
    model_sha256 : str
        Of model.safetensors.
    key : str
        Of the model; earlier versions did not say it.
    fit_peak_mb : float or None
        By how many MB the process grew at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())

    fit_seconds: float | None = None
    fit_cores: float | None = None
    fit_load: float | None = None
    device: str | None = None
    jobs: int | None = None
    resumed: bool | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    model_bytes: int = 0
    model_sha256: str = ""
    key: str = ""
    fit_peak_mb: float | None = None


class SavedModel(NamedTuple):
    """A sound model: its file, and the facts of its fit."""

    file: Path
    facts: FitFacts


class Models:
    """The fitted models in a folder."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def find(self, key: str) -> SavedModel | None:
        """Return a sound model; None if there is none."""
        for place in self._places(key):
            facts, damage = _read(place)
            if facts is not None and not damage:
                return SavedModel(place / "model.safetensors", facts)
        return None

    def damage(self, key: str) -> str:
        """Return what is wrong with a model that is there and not sound; empty if it is absent or sound."""
        reasons = [_read(place)[1] for place in self._places(key)]
        return "" if "" in reasons else next(iter(reasons), "")

    def write(self, key: str, save: Callable[[Path], Any], facts: FitFacts, label: str = "") -> SavedModel:
        """Add a model and return it: `save(path)` writes its file. A sound one is kept, a damaged one is replaced."""
        found = self.find(key)
        if found is not None:
            return found
        self.remove(key)
        slug = re.sub("[^A-Za-z0-9.]+", "-", label)[:LABEL_LENGTH].strip("-.")
        with folder_written_whole(self.folder / (f"{slug}-{key}" if slug else key)) as folder:
            path = folder / "model.safetensors"
            save(path)
            own = {"model_bytes": path.stat().st_size, "model_sha256": sha256_of(path), "key": key}
            full = facts.model_dump() | own
            text = json.dumps(full | {"digest": digest_of(full)}, indent=1, sort_keys=True, allow_nan=False)
            (folder / "fit.json").write_text(text + "\n", encoding="utf-8")
        found = self.find(key)
        if found is None:
            raise StoreError(f"{self.damage(key) or self.folder}: the model was written but cannot be read; run again")
        return found

    def remove(self, key: str) -> None:
        """Remove a model, if it is there."""
        for place in self._places(key):
            remove(place)

    def _places(self, key: str) -> list[Path]:
        """Return the folders of a model, sound or not; two where two labels were fitted at the same time."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if name == key or name.endswith(f"-{key}"))
        except OSError:
            return []
        return [self.folder / name for name in names if not name.startswith(".")]


def _read(place: Path) -> tuple[FitFacts | None, str]:
    """Return the facts of the model in a folder, and what is wrong with it."""
    try:
        content = parse_json(read_text(place / "fit.json", most=LARGEST))
        if not isinstance(content, dict):
            return None, f"{place}: fit.json is no mapping"
        sealed = {key: value for key, value in content.items() if key != "digest"}
        if content.get("digest") != digest_of(sealed):
            return None, f"{place}: fit.json does not fit its digest"
        facts = FitFacts.model_validate(sealed)
        if sha256_of(place / "model.safetensors") != facts.model_sha256:
            return None, f"{place}: model.safetensors does not fit its digest"
        if facts.key and not place.name.endswith(facts.key):
            return None, f"{place}: it holds another model"
    except ValidationError as error:
        return None, f"{place}: fit.json is damaged ({first_fault(error)})"
    except (DataError, ValueError, RecursionError) as error:
        return None, f"{place}: the model is damaged ({error})"
    return facts, ""
