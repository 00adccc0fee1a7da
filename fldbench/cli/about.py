"""What there is to say about a method, dataset, detector, protocol or scheme: for `fldbench show` and the guide."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from typing import Any

POINTS = 68  # of the network whose size is shown


@dataclass(frozen=True)
class About:
    """What a name stands for.

    Attributes
    ----------
    kind, name : str
        Such as "method" and "hog-ridge"; the kind of the built-in model is "model".
    doc : str
        The docstring; empty where the facts say all.
    facts : dict of str to str
        Heading -> text; some texts are empty.
    tables : dict of str to dict
        Further tables by their headings: parameters, settings, attributes, regions, published numbers.
    source : str
        Of a method or detector: where it comes from, and what differs; the docstring of its module.
    """

    kind: str
    name: str
    doc: str
    facts: dict[str, str]
    tables: dict[str, dict[str, str]] = field(default_factory=dict)
    source: str = ""


def about_all(name: str) -> list[About]:
    """Return what a name stands for: more than one thing where kinds share it, none where it is unknown."""
    from fldbench import builtin, registry
    from fldbench.schemes import list_schemes

    kinds = {"method": about_method, "dataset": about_dataset, "detector": about_detector}
    found = [about(name) for kind, about in kinds.items() if name in registry.names(kind)]
    if name == builtin.NAME:
        found.append(about_builtin())
    if name in registry.names("protocol") or "@" in name:
        found.append(about_protocol(name))
    if name in list_schemes():
        found.append(about_scheme(name))
    return found


def about_method(name: str) -> About:
    """Return what there is to say about a method."""
    from fldbench import registry
    from fldbench.params import parameters_of

    cls = registry.resolve("method", name)
    tables: dict[str, dict[str, str]] = {}
    defaults = parameters_of(cls)
    if defaults:
        tables["parameters (fldbench train --param NAME=VALUE; `params:` in a suite)"] = _options(cls, defaults)
    if "training" in defaults and cls.exports:
        from fldbench.cnn.training.settings import Settings, get_settings

        settings = get_settings(cls.defaults, name)
        values = {one: getattr(settings, one) for one in parameters_of(Settings)}
        tables["settings in `training`"] = _options(Settings, values, "Attributes")
    source = inspect.getdoc(sys.modules[cls.__module__]) or ""
    return About("method", name, cls.__doc__ or "", _method_facts(name, cls), tables, source)


def _method_facts(name: str, cls: Any) -> dict[str, str]:
    from fldbench import registry
    from fldbench.params import parameters_of

    size = ""
    if cls.exports:
        from fldbench.cnn.cost import size_of

        size = size_of(cls(), POINTS)

    able = {
        "weighs_faces": "weighs faces (sample_weight)",
        "validates": "uses a validation set",
        "refines": "can refine other methods' answers (start_shapes)",
        "keeps_training": "resumes an interrupted training, and leaves curves",
        "exports": "can be exported as ONNX",
    }
    # Of a method of members, the declarations follow from these, by default.
    whole = inspect.Parameter.empty not in parameters_of(cls).values()
    declared = cls() if whole else cls
    chosen = " and the attributes that the parameter tasks names" if "tasks" in parameters_of(cls) else ""
    facts = {
        "answers": ", ".join(declared.tasks) + chosen,
        "can": "; ".join(text for flag, text in able.items() if getattr(declared, flag)),
        "weights seen": ", ".join(declared.trained_on),
        "size": size,
        "version": str(cls.version),
    }
    target = registry.table("method")[name]
    return facts | {"code": target if isinstance(target, str) else f"{cls.__module__}:{cls.__qualname__}"}


def about_builtin() -> About:
    """Return what there is to say about the model that comes with fldbench."""
    from fldbench.builtin import ABOUT, FILE, NAME
    from fldbench.method import load_method

    model = load_method(NAME)
    facts = {
        "use": f"fldbench predict {NAME} photo.jpg -o drawn",
        "method": repr(model),
        "size": f"{model.n_parameters:,} parameters, {FILE.stat().st_size:,} bytes",
        "fitted on": str(model.fitted_on),
        "file": str(FILE),
    }
    return About("model", NAME, ABOUT.read_text(encoding="utf-8").strip(), facts)


def about_dataset(name: str) -> About:
    """Return what there is to say about a dataset's reader."""
    from fldbench.dataset import Dataset, make_dataset, shared_options
    from fldbench.params import parameters_of

    dataset = make_dataset(name)
    facts = {
        "scheme": str(getattr(dataset, "scheme", None) or "see the option `scheme`"),
        "splits": ", ".join(dataset.splits),
        "faces": ", ".join(f"{part} {n}" for part, n in dataset.expected.items()),
        "folder": f"ROOT/{dataset.folder} with {' or '.join(dataset.holds)}" if dataset.holds else "",
        "licence": dataset.licence,
        "cite": dataset.citation,
        "from": dataset.url,
    }
    tables: dict[str, dict[str, str]] = {}
    if dataset.attribute_types:
        tables["attributes (-1 unknown)"] = {key: _classes(one) for key, one in dataset.attribute_types.items()}
    shared = {key: getattr(dataset, key) for key in shared_options(type(dataset))}
    own = _options(type(dataset), parameters_of(type(dataset)))
    if options := own | _options(Dataset, shared, "Attributes"):
        tables["options (--option NAME=VALUE; `options:` in a suite)"] = options
    return About("dataset", name, type(dataset).__doc__ or "", facts, tables)


def _classes(attribute: Any) -> str:
    classes = ", ".join(f"{code} {one}" for code, one in enumerate(attribute.classes))
    flags = {"mirrored": "the mirror image has the last for the first", "ordered": "neighbours are alike"}
    return "; ".join([classes, *(text for flag, text in flags.items() if getattr(attribute, flag))])


def about_detector(name: str) -> About:
    """Return what there is to say about a face detector."""
    from fldbench.detector import make_detector

    detector = make_detector(name)
    frame = getattr(detector, "tight", None) or detector.frame
    place = "not measured: its boxes are used as they are" if frame is None else ", ".join(f"{one:g}" for one in frame)
    facts = {
        "licence": detector.licence,
        "learned from": detector.trained_on,
        "score": detector.score,
        "tight box": place + (f" in the frame of its box ({detector.measured})" if detector.measured else ""),
        "code": f"{type(detector).__module__}:{type(detector).__qualname__}",
    }
    tables: dict[str, dict[str, str]] = {}
    if params := detector.get_params():
        heading = "parameters (in a plug-in: register_detector(NAME, CLASS(NAME=VALUE)))"
        tables[heading] = _options(type(detector), params)
    source = inspect.getdoc(sys.modules[type(detector).__module__]) or ""
    return About("detector", name, type(detector).__doc__ or "", facts, tables, source)


def about_protocol(name: str) -> About:
    """Return what there is to say about a protocol, a base or one with modifiers."""
    from fldbench.protocols import get_protocol

    protocol = get_protocol(name)
    facts = {
        "rules": protocol.describe(),
        "dataset": f"{protocol.dataset}, split {protocol.split}"
        + (f", subset {protocol.subset}" if protocol.subset else ""),
        "faces": f"{protocol.n_expected}" + (", their list is fixed" if protocol.ids_sha256 else ""),
        "scheme": protocol.scheme,
        "legacy": protocol.legacy,
        "hash": protocol.hash,
    }
    return About("protocol", protocol.name, "", facts, _published(protocol))


def _published(protocol: Any) -> dict[str, dict[str, str]]:
    """Return a table of the numbers that others publish under the same rules, if there are any."""
    from fldbench.protocols.published import published_under

    rows = {
        f"{row.method} ({row.year})": ", ".join(f"{key} {value}" for key, value in row.numbers.items())
        + f"; {'; '.join(row.sources)}"
        for row in published_under(protocol)
    }
    heading = (
        "published, as printed; with other training data, crops and AUC rules, and never ranked with measured ones"
    )
    return {heading: rows} if rows else {}


def about_scheme(name: str) -> About:
    """Return what there is to say about a landmark scheme."""
    from fldbench.protocols.normalisers import ranges
    from fldbench.schemes import get_scheme

    scheme = get_scheme(name)
    pairs = ", ".join(f"{i}-{j}" for i, j in enumerate(scheme.mirror or ()) if i < j)
    unknown = "" if scheme.mirror else "not known: methods train without mirrored faces"
    facts = {
        "points": str(scheme.n_points),
        "source": scheme.source,
        "outer eye corners": "" if scheme.outer_eye_corners is None else "{} and {}".format(*scheme.outer_eye_corners),
        "pupils": "" if scheme.pupils is None else "{} and {}".format(*scheme.pupils),
        "eyes": "" if scheme.eye_points else "none: divide errors by a box, such as `normaliser: diagonal`",
        "mirror pairs": pairs or unknown,
        "names": ", ".join(f"{i} {one}" for i, one in enumerate(scheme.names or ())),
    }
    regions = {region: ranges(points, ", ") for region, points in scheme.regions.items()}
    return About("scheme", name, "", facts, {"regions": regions})


def _options(cls: type[Any], defaults: dict[str, Any], section: str = "Parameters") -> dict[str, str]:
    """Return "name = default" -> meaning, and what the value may be."""
    from fldbench.docstrings import entries, parameter_texts

    texts = parameter_texts(cls) if section == "Parameters" else entries(cls.__doc__, section)
    rules = getattr(cls, "rules", {})
    facts: dict[str, str] = {}
    last = ""
    for name, value in defaults.items():
        own = texts.get(name, "")
        text = "the same" if own and own == last else own
        if name in rules and rules[name].allowed not in own:
            text = f"{text} ({rules[name].allowed})".strip()
        facts[name if value is inspect.Parameter.empty else f"{name} = {value!r}"] = text or "-"
        last = own
    return facts
