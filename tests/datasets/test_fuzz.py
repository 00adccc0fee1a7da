"""2,000 damaged annotation files of every format: a reader raises nothing but a DataError.

Errors in text formats name file and line. A fault of a whole file (no face in it, no known format) has no line.
"""

import random
import shutil

import pytest
from fuzz import mutate
from fuzz_annotations import CASES

import fldbench
from fldbench.errors import DataError


def test_every_dataset_with_files_is_fuzzed():
    assert {"menpo2d-profile" if name == "menpo2d" else name for name in CASES} >= (
        set(fldbench.list_datasets()) - {"synthetic", "synthetic-video", "menpo2d", "pack"}
    )


@pytest.mark.parametrize("name", CASES)
def test_damaged_files_raise_nothing_but_data_errors(name, tmp_path):
    case = CASES[name](tmp_path)
    good = case.file.read_bytes()
    case.read()
    draw = random.Random(name)
    refused, lines = 0, 0
    for _ in range(case.mutations):
        damaged = mutate(good, draw)
        case.file.write_bytes(damaged)
        try:
            case.read()
        except DataError as error:
            refused += 1
            lines += error.line is not None
            assert error.file is not None, f"{error} (names no file)"
    shutil.rmtree(tmp_path)
    assert refused > case.mutations // 4
    if case.text and name not in ("coco-face", "youtu88"):
        assert lines > 0.8 * refused
