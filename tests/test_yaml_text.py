"""YAML from people: what is read, and what is refused in one line, whatever it would unfold to."""

import random
import tracemalloc

import pytest
from fuzz import MUTATIONS, mutate

from fldbench.errors import DataError
from fldbench.yaml_text import DEEPEST, LARGEST, MOST_VALUES, parse_yaml, read_yaml

GOOD = """\
name: small  # a word
train:
  - dataset: 300w
  - {dataset: synthetic, faces: 50, boxes: "jittered"}
rates: [1e-3, 0.5, -2, .5, 1_000, 0x1F]
flags: [yes, false, null, ~]
texts: ['1', "a\\tb", 1.0.0, 300w-helen@auc=menpo, <, =]
"""


def test_text_numbers_flags_lists_and_mappings_are_read_with_their_lines(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    content, lines = read_yaml(path)
    assert content == {
        "name": "small",
        "train": [{"dataset": "300w"}, {"dataset": "synthetic", "faces": 50, "boxes": "jittered"}],
        "rates": [0.001, 0.5, -2, 0.5, 1000, 31],
        "flags": [True, False, None, None],
        "texts": ["1", "a\tb", "1.0.0", "300w-helen@auc=menpo", "<", "="],
    }
    assert lines[("name",)] == 1 and lines[("train",)] == 2 and lines[("train", 1, "faces")] == 4
    assert parse_yaml("# nothing", "a.yaml") == (None, {}) and parse_yaml("a:", "a.yaml")[0] == {"a": None}
    assert parse_yaml(f"a: {'9' * 40}", "a.yaml")[0] == {"a": int("9" * 40)}


STEPS = zip("abcdefgh", "bcdefghi", strict=True)
BOMB = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [*{old}, *{old}]\n" for old, new in STEPS)
BAD = {
    BOMB: "line 1: &a: aliases are not read; write the value out",
    "a: 1\nb: &b [*b]": "line 2: &b: aliases",
    "a: 1\nb: *c": r"line 2: \*c: aliases are not read",
    "x: {a: 1}\ny:\n  <<: {b: 2}": "line 3: the key '<<' is not read; write the keys out",
    "a: 1\n" + "- " * 200: "not YAML",
    "[" * 100_000: f"line 1: more than {DEEPEST} lists and mappings within each other",
    "{a: " * 100_000: f"line 1: more than {DEEPEST} lists and mappings within each other",
    "- " * 100_000: f"line 1: more than {DEEPEST} lists and mappings within each other",
    "? " * 100_000: f"line 1: more than {DEEPEST} lists and mappings within each other",
    f"a: {'9' * 5000}": "line 1: a number of 5000 letters; the longest may have 40",
    f"{'k' * 300}: 1": "line 1: a key of 300 letters; the longest may have 200",
    f"a: {'k' * 20_000}": "line 1: a text of 20000 letters; the longest may have 10000",
    "a: .nan": "line 1: .nan is not a finite number",
    "a: -.INF": "line 1: -.INF is not a finite number",
    "a: 1e999": "line 1: 1e999 is not a finite number",
    "a:\n - 1.0e+999": r"line 2: 1.0e\+999 is not a finite number",
    "a: 0b_": "line 1: 0b_ is not a finite number",
    "a: 2026-01-31": "line 1: 2026-01-31 is a timestamp, which is not read; put it in quotes",
    "a: 2026-01-31 10:00:00": "line 1: 2026-01-31 10:00:00 is a timestamp",
    "a: !!binary aGVsbG8=": "line 1: the tag 'tag:yaml.org,2002:binary' is not read; write the value without it",
    "a: !!python/object/apply:os.system [echo]": "line 1: the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
    "a: !!set {x, y}": "line 1: the tag 'tag:yaml.org,2002:set' is not read",
    "a: !mine 1": "line 1: the tag '!mine' is not read",
    "a: 1\nb: 2\na: 3": "line 3: the key 'a' is given twice; write it once",
    "a: {b: 1, b: 1}": "line 1: the key 'b' is given twice",
    "1: 2": "line 1: the key '1' is no text; put it in quotes",
    "on: 2": "line 1: the key 'on' is no text; put it in quotes",
    "[a]: 2": "line 1: the key a list is no text",
    'a: "\\0"': "line 1: a zero byte, or half of a letter; write the text without it",
    'a: "\\ud800"': "line 1: a zero byte, or half of a letter",
    "a: 1\nb: \a": "line 2: not YAML: the letter #x0007 is not allowed",
    "a: 1\n---\nb: 2": "line 2: a second document begins; write one file for each",
    "a: 1\nb: [": "line 2: not YAML: expected the node content",
    "a: [1,\n" * 3: "not YAML",
}


@pytest.mark.parametrize("text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_everything_else_is_refused_in_one_line_and_in_little_memory(text):
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"^a\.yaml, line \d+: .*") as error:
            parse_yaml(text, "a.yaml")
        assert tracemalloc.get_traced_memory()[1] < 20 * len(text) + 2_000_000
    finally:
        tracemalloc.stop()
    error.match(BAD[text])
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_a_file_larger_than_anybody_writes_is_not_read(tmp_path):
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(DataError, match=rf"a\.yaml: more than {LARGEST} bytes"):
        read_yaml(path)
    with pytest.raises(DataError, match=f"more than {MOST_VALUES} values"):
        parse_yaml("- 1\n" * (MOST_VALUES + 1), "a.yaml")
    path.write_bytes(b"a: \0")
    with pytest.raises(DataError, match="line 1: not UTF-8 text"):
        read_yaml(path)


def test_damaged_yaml_raises_nothing_but_data_errors():
    draw = random.Random("yaml")
    for _ in range(MUTATIONS):
        text = mutate(GOOD.encode(), draw).decode(errors="surrogateescape")
        try:
            parse_yaml(text, "a.yaml")
        except DataError as error:
            assert "\n" not in str(error)
