"""The tests of the core words execute nearly every line of them."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fldbench

ROOT = Path(__file__).resolve().parent.parent
CORE = Path(fldbench.__file__).resolve().parent  # the source of an editable install, or the installed copy
MODULES = (
    *("errors", "files", "digest", "progress", "geometry", "metrics", "registry", "params", "dataset", "method"),
    *("shapes", "schemes", "faces", "protocols", "records", "run", "report"),
)
LEAST = 95.0  # percent of the lines of each word
SHOWN = 12  # files that a failure names

# They run whole suites, pages of the guide or the whole package, and measure nothing of the core by themselves; under
# this measurement they took two thirds of its time.
APART = (
    *("test_coverage.py", "test_house.py", "test_doctests.py", "test_readme.py"),
    *("test_docs.py", "test_examples.py", "test_fuzz_formats.py", "test_results.py"),
)
# Slow, and other tests execute the same lines in the process that is measured.
SLOW = (
    "tests/faces/test_pack.py::test_memory_does_not_grow_with_the_pack",
    "tests/records/test_keys.py::test_the_members_of_groups_are_in_the_key_and_their_names_are_not",
    "tests/report/page/test_browser.py::test_no_screen_has_a_fault_that_axe_finds_or_is_wider_than_the_window",
    "tests/run/test_cluster.py::test_a_lost_scheduler_is_said_and_the_run_goes_on_with_another",
    "tests/run/test_cluster.py::test_a_worker_that_is_killed_in_the_middle_loses_nothing",
    "tests/run/test_cluster.py::test_the_benchmark_of_two_workers_gives_the_records_of_both_runs",
    "tests/run/test_failures.py::test_a_process_that_dies_takes_no_other_cell_with_it",
    "tests/run/test_isolate.py::test_a_killed_runner_takes_a_server_along_that_cannot_see_its_end",
    "tests/run/test_isolate.py::test_a_killed_runner_takes_all_its_cells_along",
    "tests/run/test_isolate.py::test_two_interruptions_end_what_runs",
    "tests/run/test_runner.py::test_a_kill_at_any_point_and_a_second_run_give_the_same_table",
    "tests/run/test_runner.py::test_several_jobs_give_the_same_table_and_know_plugins_registered_at_run_time",
    "tests/shapes/test_folds.py::test_they_are_those_of_a_face_set",
    "tests/test_contract.py::test_every_kind_of_method_learns_beside_faces_without_landmarks",
    "tests/test_digest.py::test_warping_and_cropping_count_for_every_method_that_uses_them",
    "tests/test_model_file.py::test_damaged_files_of_every_family_raise_only_our_errors",
    "tests/test_own_points.py::test_every_method_learns_without_mirror_pairs",
)

# Processes that are started or forked are measured too, also where they end at once.
SETTINGS = """[run]
source = {core}
data_file = {folder}/data
parallel = true
patch = subprocess, fork, _exit
"""


def core_tests():
    """The test files beside this one and the folders of tests that belong to the words of the core."""
    tests = ROOT / "tests"
    files = [path for path in sorted(tests.glob("test_*.py")) if path.name not in APART]
    return [str(path) for path in (*files, *(tests / word for word in MODULES)) if path.exists()]


def word_of(file):
    """The word of the core that a source file belongs to; None where it belongs to none."""
    path = (ROOT / file).resolve()
    if not path.is_relative_to(CORE):
        return None
    first = path.relative_to(CORE).parts[0].removesuffix(".py")
    return first if first in MODULES else None


@pytest.mark.skipif(find_spec("coverage") is None, reason="coverage is not installed; it comes with the extra dev")
def test_the_tests_of_each_word_of_the_core_execute_95_percent_of_its_lines(tmp_path):
    """A word is a module or a folder taken as a whole."""
    for file, _, test in (name.partition("::") for name in SLOW):
        assert f"def {test}(" in (ROOT / file).read_text(), f"SLOW names {test}, which {file} does not have"
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("FLDBENCH_", "PYTEST_", "COVERAGE_"))
    }
    places = {"COVERAGE_RCFILE": str(tmp_path / "settings")}
    (tmp_path / "settings").write_text(SETTINGS.format(core=CORE, folder=tmp_path))

    def coverage(*words):
        command = [sys.executable, "-m", "coverage", *words]
        return subprocess.run(command, cwd=ROOT, env=kept | places, capture_output=True, text=True)

    apart = ("-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}", *(f"--deselect={name}" for name in SLOW))
    done = coverage("run", "-m", "pytest", *apart, *core_tests())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    coverage("combine", "-q")  # a process that was killed leaves no whole file, which is no fault
    done = coverage("json", "-q", "-o", str(tmp_path / "lines.json"))
    assert done.returncode == 0, done.stdout + done.stderr

    lines = {word: [0, 0] for word in MODULES}  # executed, in all
    worst = []
    for file, found in json.loads((tmp_path / "lines.json").read_text())["files"].items():
        if (word := word_of(file)) is not None:
            count = found["summary"]
            lines[word][0] += count["covered_lines"]
            lines[word][1] += count["num_statements"]
            worst.append((count["percent_covered"], file, found["missing_lines"]))
    assert all(total for _, total in lines.values()), f"no source found for some words: {lines}"
    share = {word: 100 * executed / total for word, (executed, total) in lines.items()}
    low = [f"{word} {percent:.1f} %" for word, percent in share.items() if percent < LEAST]
    named = "\n".join(f"{percent:5.1f} % {file}: lines {missing}" for percent, file, missing in sorted(worst)[:SHOWN])
    assert not low, f"below {LEAST} %: {', '.join(low)}; the files with the fewest lines executed:\n{named}"
