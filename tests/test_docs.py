"""The guide says what is true: its blocks run, its names exist, and its pages ask no other host for anything."""

import csv
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from blocks import blocks_of, check_command, check_python, run_page

from fldbench import registry
from fldbench.cli import app as cli

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
NOT_RUN = 8  # blocks at most that need packages, real faces or other machines


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_a_page_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    run_page((DOCS / name).read_text(encoding="utf-8"), name, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(2)\n```\n\n```text\n3\n```\n",
        "```python\n1 / 0\n```\n",
        "```bash\nfldbench show no-such-name\n```\n",
        "```bash\nmake demo\n```\n",
        "<!-- not run: needs ROOT -->\n```bash\nfldbench run --no-such-option\n```\n",
        "<!-- not run: needs ROOT -->\n```python\nfrom fldbench.metrics import no_such_name\n```\n",
        "<!-- skipped -->\n```python\n1\n```\n",
    ],
)
def test_a_block_that_is_wrong_fails(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ZeroDivisionError, ImportError)):
        run_page(text, "page", tmp_path)


def test_blocks_that_are_not_run_are_checked():
    check_command(["fldbench", "run", "suite.yaml", "--data", "ROOT", "--jobs", "2"])
    check_python("import fldbench\nfldbench.evaluate")
    for words in (["fldbench", "rum"], ["fldbench", "data", "info"], ["fldbench", "run", "--jobs", "many"]):
        with pytest.raises(AssertionError):
            check_command(words)
    with pytest.raises(AssertionError):
        check_python("fldbench.no_such_name")


def test_few_blocks_are_not_run():
    found = [block for name in PAGES for block in blocks_of((DOCS / name).read_text(encoding="utf-8"))]
    code = [block for block in found if block.lang in ("python", "bash") and not block.title]
    assert sum(not block.runs for block in code) <= NOT_RUN


def commands(command, name="fldbench"):
    """The names of all commands: `fldbench run`, `fldbench data info` ..."""
    inner = getattr(command, "commands", {})
    return [one for key, value in inner.items() for one in commands(value, f"{name} {key}")] or [name]


def test_every_command_is_in_the_guide():
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in PAGES)
    names = commands(typer.main.get_command(cli.app))
    assert len(names) > 20
    for name in names:
        assert re.search(rf"{name}\b|`{name.removeprefix('fldbench ')}`", text), name


def table_of(folder, name="leaderboard.csv"):
    """The rows of a table in a folder of results/."""
    with (ROOT / "results" / folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_the_faq_says_of_costs_is_in_the_table():
    faq = " ".join((DOCS / "faq.md").read_text(encoding="utf-8").split())
    nme = {(row["method"], row["protocol"]): float(row["nme"]) for row in table_of("limit")}
    for name in ("hog-ridge", "asm"):
        tight, jittered = nme[name, "300w-helen"], nme[name, "300w-helen@boxes=jittered:0.10"]
        assert f"from {tight:.2f} to {jittered:.2f} % for `{name}`" in faq
    rows = {row["method"]: row for row in table_of("300w", "earlier.csv") if row["protocol"] == "300w-helen"}
    assert all(float(rows[name]["fit_seconds"]) < 120 for name in ("lbf", "hog-ridge"))
    assert min(rows, key=lambda name: float(rows[name]["nme"])) == "fld-net"
    assert 600 < float(rows["fld-net"]["fit_seconds"]) < 6000
    assert all(int(rows[name]["model_bytes"]) < 1e6 for name in ("asm", "five-conv", "mobilenet-0.3"))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The guide, built with warnings as errors."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: the extra `docs` has it")
    folder = tmp_path_factory.mktemp("guide")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_pages_ask_no_other_host_for_anything(site):
    loaded = re.compile(
        r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?(?:src|href|data)=\"?([^\" >]+)"
    )
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        foreign = [url for url in loaded.findall(text) if re.match(r"(?:https?:)?//", url)]
        assert not foreign, f"{path.relative_to(site)}: {foreign}"
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path


def test_every_name_has_its_section(site):
    pages = {"method": "methods", "detector": "detectors", "scheme": "schemes", "protocol": "protocols"}
    for kind, page in pages.items():
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        for name in registry.names(kind):
            assert f'id="{name}"' in text, (kind, name)
    text = "".join((site / page).read_text(encoding="utf-8") for page in ("datasets.html", "formats.html"))
    for name in registry.names("dataset"):
        assert f'id="{name}"' in text, name
