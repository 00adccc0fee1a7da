"""What to cite: every built-in name has its entries, they parse as BibTeX, and a board gets those that it stands on."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from made_records import made_record

import fldbench
from fldbench import registry
from fldbench.kit import bibliography
from fldbench.kit.bibliography import bibtex
from fldbench.protocols import get_protocol
from fldbench.records.record import MethodFacts, TrainFacts

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = yaml.safe_load((ROOT / "fldbench" / "kit" / "references.yaml").read_text())
NEEDED = {
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "techreport": {"author", "title", "institution", "year"},
    "misc": {"title"},
}


def parsed(text):
    """Key -> fields of BibTeX text; an error for anything that BibTeX would not read."""
    entries = {}
    while text := re.sub(r"\A(\s+|%[^\n]*\n)+", "", text):
        kind, key = re.match(r"@(\w+)\{([\w.-]+),\n", text).groups()
        text, fields = text.partition("\n")[2], {}
        while not text.startswith("}\n"):
            name = re.match(r"  (\w+) = \{", text)
            assert name, text[:80]
            depth, end = 1, name.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0) if text[end - 1] != "\\" else 0
                end += 1
            fields[name[1]] = text[name.end() : end - 1]
            assert text[end : end + 2] == ",\n" and text[end - 1] == "}", text[:80]
            text = text[end + 2 :]
        assert key not in entries
        entries[key], text = {"type": kind} | fields, text[2:]
    return entries


def of(method, params=None, protocol="300w-helen", train="mtfl", boxes="tight"):
    made = made_record(method)
    facts = MethodFacts(name=method, label=method, params=params or {})
    train = TrainFacts(label=f"{train}-train", dataset=train, split="train", boxes=boxes)
    return replace(made, method=facts, train=train, protocol=get_protocol(protocol))


@pytest.mark.parametrize("kind", ["method", "dataset", "detector"])
def test_every_built_in_name_says_what_it_stands_on(kind):
    built_in = {name for name, target in registry.TABLES[kind].items() if str(target).startswith("fldbench.")}
    missing = built_in - set(FILE[kind])
    assert not missing, (
        f"say in fldbench/kit/references.yaml what {', '.join(sorted(missing))} stands on; [] for nothing"
    )


def test_datasets_with_a_citation_have_entries():
    known = [name for name in FILE["dataset"] if name in registry.names("dataset")]
    cited = {name for name in known if getattr(registry.resolve("dataset", name), "citation", "")}
    assert cited == {name for name in known if FILE["dataset"][name]}


def test_entries_are_whole_and_used():
    used = {key for kind in ("method", "dataset", "detector") for keys in FILE[kind].values() for key in keys}
    assert used | {"fldbench"} == set(FILE["entries"])
    for key, entry in FILE["entries"].items():
        assert NEEDED[entry["type"]] <= set(entry), key
        assert 1990 <= entry["year"] <= 2030 and (key == "fldbench" or str(entry["year"]) in key)
        assert (
            all("," in one or one == "others" for one in entry["author"].strip("{}").split(" and "))
            or key == "fldbench"
        )


def test_they_are_those_that_the_docstrings_name():
    """The second route: year and first author of a dataset's entry stand in the citation that `show` prints."""
    for name, keys in FILE["dataset"].items():
        if name not in registry.names("dataset"):
            continue
        text = getattr(registry.resolve("dataset", name), "citation", "")
        for entry in [FILE["entries"][key] for key in keys[-1:]]:
            first = entry["author"].partition(",")[0].replace("{\\o}", "ø")
            assert str(entry["year"]) in text and first in text, name


def test_all_of_it_parses():
    everything = [of(name) for name in FILE["method"]]
    everything += [of("ert", train=name) for name in FILE["dataset"]]
    everything += [of("ert", protocol=f"300w-helen@boxes=detected:{name}") for name in FILE["detector"]]
    found = parsed(bibtex(everything))
    assert set(found) == set(FILE["entries"])
    assert found["kazemi2014ert"]["title"] == f"{{{FILE['entries']['kazemi2014ert']['title']}}}"
    assert found["kazemi2014ert"]["author"] == "Kazemi, Vahid and Sullivan, Josephine"
    assert found["fldbench"]["note"] == f"Version {fldbench.__version__}"


def test_a_table_brings_methods_members_data_and_detectors():
    records = [
        of("average", {"methods": ["lbf", {"name": "asm"}]}, protocol="300w-helen@boxes=detected:yunet"),
        of("mean-shape", train="synthetic", boxes="detected:haar"),
    ]
    text = bibtex(records)
    assert set(parsed(text)) == {
        *("fldbench", "ren2014lbf", "cootes1995asm", "milborrow2014asm", "wu2023yunet", "viola2001cascade"),
        *("sagonas2016challenge", "zhang2014tcdcn"),
    }
    assert "% method lbf: ren2014lbf\n" in text and "% method mean-shape: nothing beyond fldbench\n" in text


def test_plugins_are_cited_by_what_they_say(monkeypatch):
    class Mine:
        citation = "Doe & Roe, 100 % {sure}, 2026"
        url = "https://example.org/a_b"

    monkeypatch.setitem(registry.TABLES["dataset"], "my-faces", Mine)
    text = bibtex([of("a-plug-in-that-is-not-here", train="my-faces")])
    found = parsed(text)
    assert found["my-faces"]["title"] == r"{Doe \& Roe, 100 \% \{sure\}, 2026}"
    assert found["my-faces"]["howpublished"] == r"\url{https://example.org/a_b}"
    assert "% method a-plug-in-that-is-not-here: not known; ask its authors\n" in text


def test_the_citation_file_and_the_entry_say_the_same():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    own = bibliography._file()["entries"]["fldbench"]
    assert str(cff["version"]) == fldbench.__version__ and cff["title"] == own["title"]
    assert f"{{{cff['authors'][0]['name']}}}" == own["author"]
