"""`fldbench show NAME`: everything about one method, dataset, detector, protocol or scheme, or the model builtin."""

from __future__ import annotations

import inspect
import shutil
import sys
import textwrap
from enum import StrEnum
from typing import Annotated, Any

import typer

from fldbench.cli.common import Plugins, Protocols, Schemes, define_protocols, say
from fldbench.cli.completion import any_name

WIDTH = 120  # columns at most
NAMES = 26  # columns for names, at most
POINTS = 68  # of the network whose size is shown


class Paste(StrEnum):
    """What a statement is pasted into."""

    text = "text"
    latex = "latex"


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a method, dataset, detector, protocol or scheme; or builtin.", autocompletion=any_name
        ),
    ],
    statement: Annotated[
        Paste | None,
        typer.Option("--statement", help="Of a protocol: a paragraph for a paper that says what is measured and how."),
    ] = None,
    protocols: Protocols = None,
    plugin: Plugins = None,
    schemes: Schemes = None,
) -> None:
    """Show what a name stands for: the parameters and their defaults, splits, rules, points, source, licence."""
    from fldbench import builtin, registry
    from fldbench.errors import UnknownNameError, near_miss
    from fldbench.protocols import get_protocol
    from fldbench.schemes import list_schemes

    define_protocols(protocols)
    if statement is not None:
        from fldbench.escape import latex
        from fldbench.protocols import get_protocol
        from fldbench.protocols.statement import statement as written

        text = written(get_protocol(name))
        say(latex(text) if statement is Paste.latex else text)
        return
    pages = []
    if name in registry.names("method"):
        pages.append(_method(name))
    if name == builtin.NAME:
        pages.append(_builtin())
    if name in registry.names("dataset"):
        pages.append(_dataset(name))
    if name in registry.names("detector"):
        pages.append(_detector(name))
    if name in registry.names("protocol") or "@" in name:
        pages.append(_protocol(get_protocol(name)))
    if name in list_schemes():
        pages.append(_scheme(name))
    if not pages:
        known = [one for kind in ("method", "dataset", "detector", "protocol") for one in registry.names(kind)]
        near = near_miss(name, {*known, *list_schemes(), builtin.NAME})
        hint = f"; {near}" if near.startswith("did you mean") else ""  # all names would fill the screen
        then = "see `fldbench list`; your own ones need --plugin, --protocols or --schemes"
        raise UnknownNameError(f"no method, dataset, detector, protocol or scheme named {name!r}{hint} ({then})")
    say("\n\n".join("\n".join(page) for page in pages))


def _method(name: str) -> list[str]:
    from fldbench import registry
    from fldbench.params import parameters_of

    cls = registry.resolve("method", name)
    lines = [f"method {name}", *_about(cls.__doc__), ""]
    lines += _facts(_method_facts(name, cls))
    defaults = parameters_of(cls)
    if defaults:
        lines += ["", "parameters (fldbench train --param NAME=VALUE; `params:` in a suite)"]
        lines += _options(cls, defaults)
    if "training" in defaults and cls.exports:
        from fldbench.cnn.training.settings import Settings, get_settings

        settings = get_settings(cls.defaults, name)
        lines += ["", "settings in `training`"]
        lines += _options(Settings, {one: getattr(settings, one) for one in parameters_of(Settings)}, "Attributes")
    source = inspect.getdoc(sys.modules[cls.__module__])
    return [*lines, "", "source", *_paragraphs(source)] if source else lines


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


def _builtin() -> list[str]:
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
    return [f"model {NAME}", *_paragraphs(ABOUT.read_text(encoding="utf-8").strip()), "", *_facts(facts)]


def _dataset(name: str) -> list[str]:
    from fldbench.dataset import Dataset, make_dataset, shared_options
    from fldbench.params import parameters_of

    dataset = make_dataset(name)
    doc = type(dataset).__doc__
    lines = [f"dataset {name}", *_about(doc), ""]
    facts = {
        "scheme": str(getattr(dataset, "scheme", None) or "see the option `scheme`"),
        "splits": ", ".join(dataset.splits),
        "faces": ", ".join(f"{part} {n}" for part, n in dataset.expected.items()),
        "folder": f"ROOT/{dataset.folder} with {' or '.join(dataset.holds)}" if dataset.holds else "",
        "licence": dataset.licence,
        "cite": dataset.citation,
        "from": dataset.url,
    }
    lines += _facts(facts)
    if dataset.attribute_types:
        lines += ["", "attributes (-1 unknown)"]
        lines += _facts({key: _classes(one) for key, one in dataset.attribute_types.items()})
    shared = {key: getattr(dataset, key) for key in shared_options(type(dataset))}
    options = [*_options(type(dataset), parameters_of(type(dataset))), *_options(Dataset, shared, "Attributes")]
    if options:
        lines += ["", "options (--option NAME=VALUE; `options:` in a suite)", *options]
    return lines


def _classes(attribute: Any) -> str:
    classes = ", ".join(f"{code} {one}" for code, one in enumerate(attribute.classes))
    flags = {"mirrored": "the mirror image has the last for the first", "ordered": "neighbours are alike"}
    return "; ".join([classes, *(text for flag, text in flags.items() if getattr(attribute, flag))])


def _detector(name: str) -> list[str]:
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
    lines = [f"detector {name}", *_about(type(detector).__doc__), "", *_facts(facts)]
    if params := detector.get_params():
        lines += ["", "parameters (in a plug-in: register_detector(NAME, CLASS(NAME=VALUE)))"]
        lines += _options(type(detector), params)
    source = inspect.getdoc(sys.modules[type(detector).__module__])
    return [*lines, "", "source", *_paragraphs(source)] if source else lines


def _protocol(protocol: Any) -> list[str]:
    facts = {
        "rules": protocol.describe(),
        "dataset": f"{protocol.dataset}, split {protocol.split}"
        + (f", subset {protocol.subset}" if protocol.subset else ""),
        "faces": f"{protocol.n_expected}" + (", their list is fixed" if protocol.ids_sha256 else ""),
        "scheme": protocol.scheme,
        "legacy": protocol.legacy,
        "hash": protocol.hash,
    }
    return [f"protocol {protocol.name}", *_facts(facts), *_published(protocol)]


def _published(protocol: Any) -> list[str]:
    """Return the lines about the numbers that others publish under the same rules."""
    from fldbench.protocols.published import published_under

    rows = published_under(protocol)
    facts = {
        f"{row.method} ({row.year})": ", ".join(f"{key} {value}" for key, value in row.numbers.items())
        + f"; {'; '.join(row.sources)}"
        for row in rows
    }
    heading = (
        "published, as printed; with other training data, crops and AUC rules, and never ranked with measured ones"
    )
    return ["", heading, *_facts(facts)] if rows else []


def _scheme(name: str) -> list[str]:
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
    lines = [f"scheme {name}", *_facts(facts), "", "regions"]
    return [*lines, *_facts({region: ranges(points, ", ") for region, points in scheme.regions.items()})]


def _options(cls: type[Any], defaults: dict[str, Any], section: str = "Parameters") -> list[str]:
    """Return the lines about parameters: name, default, meaning, and what the value may be."""
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
    return _facts(facts)


def _facts(facts: dict[str, str]) -> list[str]:
    """Return names with their texts beside them; the text of a long name begins below it."""
    facts = {name: text for name, text in facts.items() if text}
    width = min(max(map(len, facts), default=0), NAMES)
    indent = " " * (width + 4)
    lines: list[str] = []
    for name, text in facts.items():
        wrapped = textwrap.wrap(text, _width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        if len(name) > width:
            lines += [f"  {name}", *wrapped]
        else:
            lines += [f"  {name}".ljust(width + 4) + wrapped[0][width + 4 :], *wrapped[1:]]
    return lines


def _about(doc: str | None) -> list[str]:
    from fldbench.docstrings import description, summary

    more = description(doc)
    return [*_paragraph(summary(doc)), *(["", *_paragraphs(more)] if more else [])]


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, _width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _paragraphs(text: str | None) -> list[str]:
    lines: list[str] = []
    for block in (text or "").split("\n\n"):
        own = block.splitlines()
        # A list or a table keeps its lines.
        kept = any(line.startswith(("- ", "    ")) for line in own)
        lines += [*([""] if lines else []), *([f"  {line}" for line in own] if kept else _paragraph(block))]
    return lines


def _width() -> int:
    return min(WIDTH, shutil.get_terminal_size().columns)
