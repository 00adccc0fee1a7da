"""The pages of methods, datasets, formats, protocols, schemes and detectors: what `fldbench show` says of each."""

import csv
from pathlib import Path

from fldbench import registry
from fldbench.cli.about import about_dataset, about_detector, about_method, about_protocol, about_scheme
from fldbench.faces.harm import HARMS
from fldbench.protocols import catalogue
from guide.markdown import escaped, prose, table
from guide.pictures import charted

HERE = Path(__file__).resolve().parent.parent
BOARD = HERE.parent / "results" / "300w" / "earlier.csv"


def pages():
    """Return path -> Markdown of all pages of names; each begins with its text in docs/guide/heads."""
    datasets = {name: about_dataset(name) for name in registry.names("dataset")}
    # A reader of users' own files stands in `yours`; the others know the folder of one published dataset.
    own = [name for name in datasets if ".yours." in str(registry.table("dataset")[name])]
    return {
        "methods.md": _head("methods") + measured() + _all(map(about_method, registry.names("method"))),
        "datasets.md": _head("datasets") + _all(one for name, one in datasets.items() if name not in own),
        "formats.md": _head("formats") + _all(datasets[name] for name in own),
        "protocols.md": _head("protocols") + bases() + modifiers() + harms(),
        "schemes.md": _head("schemes") + _all(map(about_scheme, registry.names("scheme"))),
        "detectors.md": _head("detectors") + _all(map(about_detector, registry.names("detector"))),
    }


def _head(name):
    return (HERE / "guide" / "heads" / f"{name}.md").read_text(encoding="utf-8").rstrip() + "\n\n"


def _all(abouts):
    return "\n\n".join(map(section, abouts)) + "\n"


def section(about):
    """Return the section of one name."""
    lines = [f"## {about.name} {{#{about.name}}}", ""]
    if about.doc:
        lines += [prose(about.doc), ""]
    lines += [table({name: _fact(name, text) for name, text in about.facts.items() if text}, ("", "")), ""]
    if about.kind == "scheme" and about.name in charted():
        lines += [
            f"![The points of {about.name} with their numbers](pictures/scheme-{about.name}.png){{width=540}}",
            "",
        ]
    for heading, facts in about.tables.items():
        lines += ['??? note "' + heading.replace('"', "'") + '"', ""]
        code = about.kind != "protocol"  # there, the names are those of published methods
        rows = {f"`{name}`" if code else escaped(name): escaped(text) for name, text in facts.items()}
        body = table(rows, ("name", "meaning"))
        lines += [*("    " + line for line in body.splitlines()), ""]
    if about.source:
        text = prose(about.source)
        lines += ['??? quote "source"', "", *("    " + line if line else "" for line in text.splitlines()), ""]
    return "\n".join(lines)


def _fact(name, text):
    if name in ("code", "hash", "folder"):
        return f"`{text}`"
    if name == "scheme" and text in registry.names("scheme"):
        return f"[{text}](schemes.md#{text})"
    if name == "from" and text.startswith("http"):
        return f"<{text}>"
    return escaped(text)


def measured():
    """Return the table of what the methods cost on 300-W, from the rows of one run with tight boxes."""
    with BOARD.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["protocol"] == "300w-helen"]
    lines = ["| method | NME % | fit s | ms, one face | MB |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        nme, seconds, ms = (float(row[name]) for name in ("nme", "fit_seconds", "ms_one_face"))
        size = int(row["model_bytes"]) / 1e6
        lines.append(f"| {row['method']} | {nme:.2f} | {seconds:.1f} | {ms:.2f} | {size:.1f} |")
    return "\n".join(lines) + "\n\n"


def bases():
    """Return the table of protocol bases, and a section for each."""
    abouts = [about_protocol(name) for name in registry.names("protocol")]
    return "## Bases {#bases}\n\n" + "\n\n".join(section(one).replace("## ", "### ", 1) for one in abouts) + "\n\n"


def modifiers():
    """Return the table of modifiers, as `fldbench list protocols` prints them."""
    rows = {f"`{name}`".replace("|", "\\|"): escaped(text) for name, text in catalogue()[1]}
    return "## Modifiers {#modifiers}\n\n" + table(rows, ("modifier", "what it does")) + "\n\n"


def harms():
    """Return the table of harms: what strengths 1 to 5 mean."""
    lines = [
        "## Harms {#harms}",
        "",
        "| harm | 1 | 2 | 3 | 4 | 5 | the numbers are |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name, harm in HARMS.items():
        lines.append(f"| `{name}` | {' | '.join(f'{one:g}' for one in harm.amounts)} | {escaped(harm.about)} |")
    return "\n".join(lines) + "\n"
