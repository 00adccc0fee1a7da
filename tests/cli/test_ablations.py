"""`fldbench ablate`: what it prints and writes, and its exit status."""

import pytest
import yaml
from task_toys import Several, register_tasks

from fldbench import registry


def models(out):
    """When each model was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "models").iterdir()}


@pytest.fixture
def suite(toy, tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(register_tasks()))
    return path


def test_the_variants_are_run_once(call, suite, tmp_path):
    out = tmp_path / "out"
    status, text, err = call("ablate", suite, "--out", out)
    fitted = models(out)
    assert status == 0 and len(fitted) == 12 and "several on tasks-test, trained on tasks-train" in text
    assert "No task alone changes the NME by more than 0.00 points" in text and "12 of 12 done" in err
    names = ("ablation.csv", "ablation.tex", "ablation.md", "ablation.png")
    assert text.endswith(f"written: {', '.join(str(out / name) for name in names)}\n")
    kept = [(out / name).read_bytes() for name in names[:3]]
    status, again, _ = call("ablate", suite, "--out", out)
    assert status == 0 and models(out) == fitted and again == text
    assert [(out / name).read_bytes() for name in names[:3]] == kept and not (out / "leaderboard.csv").exists()


def test_one_variant_alone_is_shown_and_not_written(call, suite, tmp_path):
    out = tmp_path / "out"
    status, text, err = call("ablate", suite, "--out", out, "--only", "several: all")
    assert status == 0 and "Nothing can be compared" in text
    assert "ablation files hold whole suites and were not written" in err and not (out / "ablation.csv").exists()


def test_a_dry_run_prints_the_plan(call, suite, tmp_path):
    status, text, _ = call("ablate", suite, "--out", tmp_path / "out", "--dry-run")
    assert status == 0 and text.splitlines()[-1] == "12 runs: 12 to do; 12 cells of unknown time"
    assert not (tmp_path / "out").exists()


def test_a_suite_without_attributes_is_one_line(call, suite, tmp_path):
    suite.write_text(yaml.safe_dump(register_tasks() | {"methods": ["mean-shape"]}))
    status, _, err = call("ablate", suite, "--out", tmp_path / "out")
    assert status == 2 and err.startswith("fldbench: suite 'tasks': no method varies a parameter or has attributes")
    assert len(err.splitlines()) == 1


def test_a_failure_reaches_the_exit_status(call, suite, tmp_path):
    class Broken(Several):
        def fit(self, train, val=None):
            raise RuntimeError("the furnace is out")

    registry.register("method", "several", Broken)
    status, _, err = call("ablate", suite, "--out", tmp_path / "out", "--only", "several: all")
    assert status == 1 and "3 of 3 runs failed; their records are in" in err


def test_values_of_a_parameter_are_run_once_and_compared(call, suite, tmp_path):
    out = tmp_path / "out"
    method = {"name": "several", "params": {"tasks": ["landmarks", "pose"]}, "vary": {"weighting": ["equal", "dwa"]}}
    suite.write_text(yaml.safe_dump(register_tasks() | {"methods": [method]}))
    status, _, _ = call("run", suite, "--out", out, "--only", "several: weighting dwa")
    first = models(out)
    assert status == 0 and len(first) == 3
    status, text, _ = call("ablate", suite, "--out", out)
    assert status == 0 and len(models(out)) == 6 and first.items() <= models(out).items()
    assert "No other weighting changes the NME by more than 0.00 points" in text
    status, text, _ = call("run", suite, "--out", out, "--dry-run")
    assert status == 0 and text.splitlines()[-1] == "6 runs: 6 done"
