"""The README says what is true: its example runs, its commands and files exist, its table is the one in results/."""

import csv
import os
import re
import runpy
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from blocks import check_command, commands_in

import fldbench
from fldbench.baselines.mean_shape import MeanShape
from fldbench.faces import ImageFiles
from fldbench.media import write_png


class Smiling(MeanShape):
    """The mean shape, and a smile for everybody."""

    tasks = ("landmarks", "smile")
    classes_ = {"smile": ["no", "yes"]}

    def predict_attributes(self, images, boxes):
        return {"smile": np.tile([0.25, 0.75], (len(images), 1))}


ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEN_MINUTES = ROOT / "benchmarks" / "ten_minutes.py"
SCRIPT = runpy.run_path(str(TEN_MINUTES))
code_below = SCRIPT["code_below"]


def test_ten_minutes_by_the_words_of_the_readme(tmp_path):
    """Own method, own 21-point photos, own rules, ranked and drawn; `python benchmarks/ten_minutes.py` installs too."""
    command = [sys.executable, str(TEN_MINUTES), "--here"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert len(done.stdout.splitlines()) == 9, done.stdout


def test_the_lines_that_install_it_are_found():
    """What `--here` leaves out: without this, a new heading in the README breaks the script and no test."""
    begins = ["python3 -m venv", ".venv/bin/python -m pip install", ".venv/bin/fldbench run"]
    for line, begin in zip(SCRIPT["installation"](), begins, strict=True):
        assert line.startswith(begin)


def test_the_method_in_twenty_lines_has_them():
    code = code_below("Add a method").split("if __name__")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_method_in_twenty_lines_keeps_the_contract(tmp_path):
    (tmp_path / "box_mean.py").write_text(code_below("Add a method"))
    command = [sys.executable, "-W", "error", "-m", "fldbench", "check", "box_mean.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.search(r"box-mean: (\d+) checks ran, \1 passed, 0 failed; ", done.stdout), done.stdout


def test_the_lines_for_one_photo_draw_it(tmp_path, monkeypatch):
    faces = fldbench.load_dataset("synthetic", split="train", faces=24)
    model = Smiling().fit(faces)
    monkeypatch.setattr(fldbench, "load_method", lambda path: model if path == "builtin" else None)
    write_png(tmp_path / "photo.png", faces.images[0])
    monkeypatch.chdir(tmp_path)
    shell, python = code_below("One photo").split("import fldbench\n", 1)
    assert shell.splitlines()[1].startswith("fldbench predict builtin photo.png -o ")
    exec("import fldbench\n" + python.replace("photo.jpg", "photo.png"), {})
    photo = faces.images[0]
    assert np.array_equal(ImageFiles(["drawn.png"])[0], fldbench.draw(photo, model.detect_and_predict(photo)))


def test_what_it_names_exists():
    for path in re.findall(r"\(((?:results|docs)/[^)]+)\)", README) + re.findall(r"results/\S+\.yaml", README):
        assert (ROOT / path).exists(), path
    lines = [line for line in code_below("Use it").splitlines() if line.startswith("fldbench ")]
    assert len(lines) > 15
    for words in commands_in("\n".join(lines)):
        check_command(words)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"make (demo|test|docs)", README)) <= set(targets)


def limit_rows():
    """The rows of results/limit: (method, protocol) -> cells of the CSV file."""
    with (ROOT / "results/limit/leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return {(row["method"], row["protocol"]): row for row in csv.DictReader(file)}


def test_its_table_is_the_one_in_results():
    rows, shown = limit_rows(), []
    for line in README.splitlines():
        if line.startswith("| ") and " of 330 |" in line:
            method, *cells, _, size = line.strip("| ").split(" | ")
            tight, jittered, tilted, detected = (
                rows.get((method, f"300w-helen{how}"))
                for how in ("", "@boxes=jittered:0.10", "@rotation=5", "@boxes=detected:dlib-hog")
            )
            columns = ("nme", "nme:low", "nme:high")
            wanted = [*(tight[one] for one in columns), jittered["nme"], *([tilted["nme"]] if tilted else [])]
            wanted += [detected[one] for one in (*columns, "fr08")]
            assert (cells[2] == "–") == (tilted is None)
            told = re.findall(r"\d+\.\d\d", " ".join(cells))
            # A CSV has four digits, so that a figure of two may be half a step of both away.
            assert [float(one) for one in told] == pytest.approx([float(one) for one in wanted], abs=0.00506), method
            assert cells[-2:] == [detected["missed"], f"{tight['n']} of {tight['n_total']}"]
            if tight["model_bytes"]:
                assert size == f"{float(tight['model_bytes']) / 1e6:.1f}"
            shown.append((float(detected["auc08"]), method, set(detected["ties"])))
    assert len(shown) == 9
    ties = {method: letters for _, method, letters in shown}
    next_three = ("fld-net, turned faces", "stack of hog-ridge, asm and lbf", "hog-ridge, upright")
    tied = [*combinations(next_three, 2), ("asm", "hog-ridge"), ("hog-ridge", "fld-net of 0.5 MB")]
    assert {frozenset(pair) for pair in combinations(ties, 2) if ties[pair[0]] & ties[pair[1]]} == set(
        map(frozenset, tied)
    )
