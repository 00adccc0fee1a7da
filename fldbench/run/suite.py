"""A suite file (YAML): training sets, methods with their parameters, protocols, seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from fldbench import registry
from fldbench.dataset import absolute_roots
from fldbench.errors import (
    DataError,
    ProtocolError,
    SuiteError,
)
from fldbench.escape import cut
from fldbench.method import Method
from fldbench.plugin_files import load_plugin
from fldbench.protocols import Protocol, definitions, get_protocol, register_protocol
from fldbench.protocols.harms import curve
from fldbench.protocols.names import suggestion
from fldbench.run.specs import MethodSpec, Strict, TrainSpec, chosen_labels, found
from fldbench.schemes import register_scheme, schemes_in
from fldbench.yaml_text import Place, below, read_yaml, telling

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_ERROR = 600  # letters; those that name all protocols are the longest
DEMO = Path(__file__).with_name("demo.yaml")


class Suite(Strict):
    """A suite: every method on every training set with every seed, measured under every protocol.

    Attributes
    ----------
    name : str
        Of the suite.
    define : list or dict
        Protocol bases of the suite: see `fldbench.protocols.definitions`.
    train, methods, protocols, seeds
        The parts to combine; `protocols` are names, with or without modifiers. A star stands for a whole curve:
        `300w-helen@blur=*`, `300w-helen@harm=*`, `300w-helen@boxes=jittered:*` (see `fldbench.protocols.harms.curve`).
    allow_overlap : bool
        Run although faces, persons or clips are trained on and measured on; such results are marked and never ranked.
    plugins : list of str
        Python files that register what the suite names: see `fldbench.plugin_files`. Paths are relative to the suite.
    schemes : dict
        Landmark schemes of the suite: see `fldbench.schemes.schemes_in`.
    data : str or dict
        The data root, or roots by the names of datasets: see `fldbench.load_dataset`. Paths are relative to the suite.
    """

    name: str
    define: list[Any] | dict[str, Any] = []
    train: list[TrainSpec] = Field(min_length=1)
    methods: list[MethodSpec] = Field(min_length=1)
    protocols: list[str] = Field(min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    allow_overlap: bool = False
    plugins: list[str] = []
    schemes: dict[str, Any] = {}
    data: str | dict[str, str] | None = None

    @property
    def each_method(self) -> list[MethodSpec]:
        """The methods to run; one with `vary` stands as its variants."""
        return [one for spec in self.methods for one in spec.each]

    def labels_of(self, names: Collection[str]) -> list[str]:
        """Return the labels of the methods that names mean; the label of one with `vary` means all its variants."""
        return chosen_labels(names, [(spec.label, one) for spec in self.methods for one in spec.each])

    @field_validator("protocols")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        # By their canonical names, so that two spellings of one protocol are noticed. Curves may share points.
        curves = [(name, found(partial(curve, name))) for name in names]
        own = [found(partial(get_protocol, name)).name for name, points in curves if points == [name]]
        known: list[str] = []
        for name, points in curves:
            for point in points:
                canonical = found(partial(get_protocol, point)).name
                if points == [name] or canonical not in (*own, *known):
                    known.append(canonical)
        return known

    @field_validator("protocols")
    @classmethod
    def _of_the_folds(cls, names: list[str], info: ValidationInfo) -> list[str]:
        for spec in (spec for spec in info.data.get("train", ()) if spec.folds):
            own = _split_in_words(spec, spec.options)
            for protocol in map(get_protocol, names):
                other = _split_in_words(protocol, dict(protocol.options))
                if other != own:
                    raise ValueError(
                        f"{protocol.name} measures {other}, but {spec.label} is cross-validation: its models answer "
                        f"{own} alone; choose a protocol on that, or leave folds out"
                    )
        return names

    @field_validator("train", "methods", "protocols", "seeds")
    @classmethod
    def _each_once(cls, values: list[Any]) -> list[Any]:
        keys = [getattr(value, "label", value) for value in values]
        keys += [one.label for value in values if isinstance(value, MethodSpec) for one in value.variants.values()]
        doubled = sorted(str(key) for key, times in Counter(keys).items() if times > 1)
        if doubled:
            raise ValueError(f"{', '.join(doubled)} is given twice; write it once, or give methods their own label")
        return values


def load_suite(source: str | Path | dict[str, Any]) -> Suite:
    """Return a suite from a YAML file, or from a dict of the same shape, in which methods may be objects too.

    The protocols that it defines are registered, and methods without a name.

    Raises
    ------
    SuiteError
        It names file and line, the value found and the allowed values. What YAML may hold: see `fldbench.yaml_text`.
    """
    if isinstance(source, dict):
        return _validate(_with_names(source), "suite", {}, Path())
    try:
        content, lines = read_yaml(source)
    except DataError as error:
        raise SuiteError(str(error)) from error
    if not isinstance(content, dict):
        raise SuiteError(f"{source}, line 1: a suite must be a mapping with the keys {', '.join(Suite.model_fields)}")
    return _validate(content, str(source), lines, Path(source).parent)


def _with_names(suite: dict[str, Any]) -> dict[str, Any]:
    """Return a suite in which methods that are objects stand by their names; those without a name are registered."""
    methods = suite.get("methods")
    if not isinstance(methods, (list, tuple)):
        return suite
    named: list[Any] = []
    own: dict[str, type] = {}
    for one in methods:
        if not isinstance(one, Method):
            named.append(one)
            continue
        name, cls = one.label, type(one)
        known = registry.table("method").get(name, cls)
        # A script or a cell of a notebook that is run again makes its classes again.
        again = isinstance(known, type) and (known.__module__, known.__name__) == (cls.__module__, cls.__name__)
        if own.setdefault(name, cls) is not cls or (known is not cls and cls.__name__ == name and not again):
            raise SuiteError(f"suite: methods: {name!r} is the name of another method; give each its own, as by `name`")
        if name not in registry.names("method") or again:
            registry.register_method(name, cls)
        named.append({"name": name, "params": one.get_params()})
    return suite | {"methods": named}


def _split_in_words(what: TrainSpec | Protocol, options: dict[str, Any]) -> str:
    return " ".join([what.dataset, what.split, *(f"{name}={value}" for name, value in sorted(options.items()))])


_MODELS: dict[str | int, type[BaseModel]] = {"train": TrainSpec, "methods": MethodSpec}


def _validate(content: dict[str, Any], file: str, lines: dict[Place, int], base: Path) -> Suite:
    _load_plugins(content.get("plugins", []), file, lines, base)
    _define_schemes(content.get("schemes", {}), file, lines)
    _define(content.get("define", []), file, lines)
    try:
        suite = Suite.model_validate(content)
        return suite.model_copy(update={"data": absolute_roots(suite.data, base)})
    except ValidationError as invalid:
        error = telling(invalid.errors())
        path = tuple(error["loc"])
        known = path
        while known and known not in lines:
            known = known[:-1]
        place = f"{file}, line {lines[known]}" if known in lines else file
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "suite"
        raise SuiteError(f"{place}: {cut(_explain(error, where, path), LONGEST_ERROR)}") from invalid


def _load_plugins(content: Any, file: str, lines: dict[Place, int], base: Path) -> None:
    """Import the plug-in files of a suite; what is no list of paths is left to the validation."""
    for i, path in enumerate(content if isinstance(content, list) else []):
        if isinstance(path, str):
            try:
                load_plugin(base / path)
            except DataError as error:
                place = f"{file}, line {lines[('plugins', i)]}" if ("plugins", i) in lines else file
                raise SuiteError(f"{place}: {error}") from error


def _define_schemes(content: Any, file: str, lines: dict[Place, int]) -> None:
    """Register the landmark schemes that a suite defines."""
    place = f"{file}, line {lines[('schemes',)]}" if ("schemes",) in lines else file
    try:
        for scheme in schemes_in(content, file, below(lines, "schemes")):
            register_scheme(scheme)
    except DataError as error:
        raise SuiteError(str(error) if str(error).startswith(file) else f"{place}: {error}") from error


def _define(content: Any, file: str, lines: dict[Place, int]) -> None:
    """Register the protocols that a suite defines; refuse a name that already means something else."""
    place = f"{file}, line {lines[('define',)]}" if ("define",) in lines else file
    try:
        for protocol in definitions(content, file, below(lines, "define")):
            if protocol.name in registry.names("protocol") and get_protocol(protocol.name) != protocol:
                raise SuiteError(f"{place}: define: {protocol.name!r} is the name of another protocol; choose another")
            register_protocol(protocol)
    except ProtocolError as error:
        raise SuiteError(str(error)) from error


def _explain(error: ErrorDetails, where: str, path: Place) -> str:
    model = _MODELS.get(path[0], Suite) if len(path) > 1 else Suite
    allowed = ", ".join(model.model_fields)
    if error["type"] == "extra_forbidden":
        near = suggestion(path[-1], model.model_fields)
        keys = f"{near} (the keys are {allowed})" if near else f"the keys are {allowed}"
        then = "; parameters of the method stand under 'params'" if model is MethodSpec and not near else ""
        return f"unknown key {path[-1]!r}; {keys}{then}"
    if error["type"] == "missing":
        return f"the key {path[-1]!r} is missing; the keys are {allowed}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    found = error["msg"].lower().removeprefix("input should be ").removeprefix("list should have ")
    return f"{where} is {error['input']!r}; must be {found}"
