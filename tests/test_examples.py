"""The scripts of docs/examples run as they are, and what they print is what their first line promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "examples"
ROWS = {  # script -> what its tables rank
    "sklearn_pipeline": {"pca-ridge", "mean-shape"},
    "shell_command": {"my-program", "mean-shape"},
    "photos_with_csv": {"linear", "mean-shape"},
    "torch_module": {"my-net", "mean-shape"},
    "onnx_file": {"net", "mean-shape"},
}
# All in one process, which loads torch once, each in a folder of its own.
RUN = """
import os, runpy, sys
for script in sys.argv[1:]:
    name = os.path.basename(script).removesuffix(".py")
    os.mkdir(name)
    os.chdir(name)
    print("script", name)
    runpy.run_path(script, run_name="__main__")
    os.chdir("..")
"""


def test_the_examples_run_and_rank_what_they_bring(tmp_path):
    for module in ("torch", "onnx", "onnxruntime"):
        pytest.importorskip(module)
    scripts = [str(FOLDER / f"{name}.py") for name in ROWS]
    assert sorted(scripts) == sorted(map(str, FOLDER.glob("*.py")))
    command = [sys.executable, "-W", "error", "-c", RUN, *scripts]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    for part in re.split(r"^script ", done.stdout, flags=re.M)[1:]:
        name = part.split()[0]
        ranked = set(re.findall(r"^(\S+) +\d+\.\d\d ", part, re.M))
        assert ranked == ROWS[name] and "failed" not in part, part
        # The first lines say how it is called, and what it leaves behind.
        promised = (FOLDER / f"{name}.py").read_text().split('"""')[1]
        assert f"python docs/examples/{name}.py" in promised
        for written in re.findall(
            r"[\w/-]+\.(?:safetensors|onnx|sh|txt|csv)|(?:runs/\w+)", promised.partition("writes")[2]
        ):
            assert (tmp_path / name / written).exists(), written
