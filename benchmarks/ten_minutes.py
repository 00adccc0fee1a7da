"""What the README promises a newcomer, done by its own words: own method, own photos and rules, a table and a page.

    python benchmarks/ten_minutes.py           # from a fresh clone and a fresh virtual environment; some gigabytes
    python benchmarks/ten_minutes.py --here    # the same with this Python, without the installation and the demo

Every command and every line of code is read from README.md; what is put in its place of ROOT, 300w and the names of
files is in `steps`. The photos are synthetic: 40 of 20 persons, with every third of their 68 points. It prints the
seconds of each step, and ends with an error at the first one that does not do what the README says.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PERSONS, PHOTOS, POINTS = 20, 40, 21


def code_below(heading: str) -> str:
    """Return the indented lines below a heading of the README, without the indentation."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return textwrap.dedent("\n".join(re.findall(r"^(?: {4}.*|)$", section, re.M))).strip()


def command_of(beginning: str, **instead: str) -> list[str]:
    """Return the words of the README's first command that begins so, without its remark, with words replaced."""
    lines = [re.split(r"\s+# ", line)[0].strip() for line in README.splitlines()]
    (line, *_) = [line for line in lines if line.startswith(beginning)]
    return [instead.get(word, word) for word in line.split()]


def write_photos(place: str) -> None:
    """Write photos/ and points.csv into a folder: what a user brings."""
    import fldbench
    from fldbench.media import write_png

    folder, faces = Path(place), fldbench.load_dataset("synthetic", split="train", faces=PHOTOS)
    (folder / "photos").mkdir()
    with open(folder / "points.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "group", *(f"{axis}{i}" for i in range(POINTS) for axis in "xy")])
        for i, image in enumerate(faces.images):
            name = f"photos/{i:02d}.png"
            write_png(folder / name, image)
            points = faces.landmarks[i, : 3 * POINTS : 3].round(2).ravel().tolist()
            table.writerow([name, f"person-{i % PERSONS}", *points])


def steps(python: str, folder: Path) -> None:
    """Do all that comes after the installation, in an empty folder."""

    def did(what: str, *words: str) -> str:
        started = time.monotonic()
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        done = subprocess.run([python, *words], cwd=folder, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{what}: {' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        print(f"{time.monotonic() - started:7.1f} s  {what}", flush=True)
        return done.stdout

    def asked(text: str, *expected: str) -> None:
        text = " ".join(text.split())  # captions are wrapped
        missing = [one for one in expected if one not in text]
        if missing:
            raise SystemExit(f"{', '.join(missing)} not in\n{text}")

    (folder / "box_mean.py").write_text(code_below("Add a method"), encoding="utf-8")
    asked(did("own method on synthetic faces", "box_mean.py"), "### synthetic-test, trained on", "| box-mean |")

    did("photos", "-c", f"import runpy; runpy.run_path({str(Path(__file__).resolve())!r})['write_photos']('.')")
    suite = code_below("Your own faces").replace("methods: [", "methods: [box-mean, ")
    (folder / "suite.yaml").write_text(f"{suite}\nplugins: [box_mean.py]\n", encoding="utf-8")
    own = {"results/300w/suite.yaml": "suite.yaml", "ROOT": ".", "runs/300w": "runs/own"}
    ran = did("own photos, points and rules", "-m", *command_of("fldbench run results/300w/suite.yaml", **own))
    asked(ran, "box-mean", "mean-shape", "linear", f"{PHOTOS} of {PHOTOS}", "all 21 points of mine-21", "20 persons")

    table = command_of("fldbench leaderboard runs/300w --format latex", **own)
    did("the table for a paper", "-m", *table)
    asked((folder / "table.tex").read_text(encoding="utf-8"), r"\toprule", "box-mean")

    did("the page with faces, drawn", "-m", *command_of("fldbench report runs/300w", **own))
    asked((folder / "report.html").read_text(encoding="utf-8"), "box-mean", "photos/00")

    shell, start, code = code_below("One photo").partition("import fldbench\n")
    for line in shell.strip().splitlines():
        program, *words = re.split(r"\s+# ", line)[0].split()
        # The clone holds the script that makes a photo; everything else is a command.
        own_words = [str(ROOT / words[0]), *words[1:]] if program == "python" else ["-m", program, *words]
        did("a photo" if program == "python" else "one photo by the command", *own_words)
    check_drawn(folder)
    (folder / "photo.py").write_text(start + code.replace("photo.jpg", "photo.png"), encoding="utf-8")
    did("one photo in Python", "photo.py")
    check_drawn(folder)


def check_drawn(folder: Path) -> None:
    """End with an error unless drawn.png is there and is an image; take it away."""
    drawn = folder / "drawn.png"
    if not drawn.is_file() or drawn.read_bytes()[:4] != b"\x89PNG":
        raise SystemExit("drawn.png is no picture")
    drawn.unlink()


def installation() -> list[str]:
    """Return the README's commands that install fldbench without make and run the demo.

    Its tests are no part of the ten minutes.
    """
    lines = code_below("Three commands").splitlines()
    return [line for line in lines if line and not line.startswith("make") and "pytest" not in line]


def installed(folder: Path) -> str:
    """Clone the repository, install it as the README says, run the demo; return the Python of its environment."""
    clone = folder / "fldbench"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for line in installation():
        started = time.monotonic()
        subprocess.run(line, shell=True, cwd=clone, check=True, stdout=subprocess.DEVNULL)
        print(f"{time.monotonic() - started:7.1f} s  {line}", flush=True)
    return str(clone / ".venv" / "bin" / "python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="with this Python, which has fldbench")
    here = parser.parse_args().here
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        python = sys.executable if here else installed(Path(folder))
        work = Path(folder, "work")
        work.mkdir()
        steps(python, work)
    print(f"{(time.monotonic() - started) / 60:7.1f} minutes in all")


if __name__ == "__main__":
    main()
