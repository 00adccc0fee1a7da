"""Suite files: their parts, and errors that name file, line and allowed values."""

import textwrap

import pytest

from fldbench.errors import SuiteError
from fldbench.run.suite import DEMO, Suite, load_suite

GOOD = """\
name: small
train:
  - dataset: 300w
  - {dataset: synthetic, faces: 50, boxes: jittered}
methods:
  - mean-shape
  - name: cnn-small
    label: cnn, 3 epochs
    params: {epochs: 3}
protocols: [300w-helen, synthetic-test]
seeds: [0, 1]
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "suite.yaml"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_the_parts_of_a_suite_file_are_read(file):
    suite = load_suite(file(GOOD))
    assert [spec.label for spec in suite.train] == ["300w-train", "synthetic-train[:50]@jittered:0.05"]
    assert [(spec.name, spec.label, spec.params) for spec in suite.methods] == [
        ("mean-shape", "mean-shape", {}),
        ("cnn-small", "cnn, 3 epochs", {"epochs": 3}),
    ]
    assert suite.protocols == ["300w-helen", "synthetic-test"] and suite.seeds == [0, 1]


def test_the_demo_is_a_suite_that_needs_no_files():
    suite = load_suite(DEMO)
    assert {spec.dataset for spec in suite.train} == {"synthetic"} and suite.protocols == ["synthetic-test"]
    assert [spec.name for spec in suite.methods] == ["mean-shape", "ert", "hog-ridge", "cnn-small"]


def test_a_dict_is_a_suite_too():
    content = {"name": "x", "train": [{"dataset": "300w"}], "methods": ["mean-shape"], "protocols": ["300w-full"]}
    assert isinstance(load_suite(content), Suite)
    with pytest.raises(SuiteError, match=r"^suite: unknown key 'sed'; did you mean 'seeds'"):
        load_suite(content | {"sed": [1]})


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        (
            "seeds: [0, 1]",
            "seed: [0]",
            11,
            "unknown key 'seed'; did you mean 'seeds'? (the keys are name, define",
        ),
        ("seeds: [0, 1]", "protocol: [x]", 11, "unknown key 'protocol'; did you mean 'protocols'?"),
        ("protocols:", "protocol:", 10, "unknown key 'protocol'; did you mean 'protocols'?"),
        (
            "  - name: cnn-small",
            "  - method: cnn-small",
            7,
            "unknown key 'method'; the keys are name, params, label, vary",
        ),
        (
            "    params: {epochs: 3}",
            "    epochs: 3",
            9,
            "unknown key 'epochs'; the keys are name, params, label, vary, seeds; param",
        ),
        ("name: small", "name: a\ndefine:\n  b:\n    datset: csv", 3, "b: a key is 'datset'; must be one of"),
        ("name: small", "name: a\ndefine:\n  - name: b", 3, "b: the key 'dataset' is missing"),
        ("name: small", "name: a\nschemes:\n  b: 2\n  c: {point: 2}", 4, "c: no key 'point'; did you mean 'points'?"),
        ("    params: {epochs: 3}", "    parms: {}", 9, "unknown key 'parms'; did you mean 'params'?"),
        ("faces: 50", "faces: many", 4, "train[1].faces is 'many'; must be a valid integer"),
        ("faces: 50", "faces: 0", 4, "train[1].faces is 0; must be greater than or equal to 1"),
        ("jittered", "truth", 4, "boxes is 'truth'; must be"),
        ("seeds: [0, 1]", "seeds: 3", 11, "seeds is 3; must be a valid list"),
        ("seeds: [0, 1]", "seeds: []", 11, "seeds is []; must be at least 1 item"),
        ("  - dataset: 300w", "  - dataset: 300ww", 3, "no dataset named '300ww'; did you mean '300w'?"),
        ("  - dataset: 300w", "  - dataset: cofw68", 3, "no split to train on was named; must be 'test'"),
        (
            "  - dataset: 300w",
            "  - {dataset: 300w, split: val}",
            3,
            "split is 'val'; must be one of train, test",
        ),
        (
            "  - dataset: 300w",
            "  - {dataset: 300w, options: {x: 1}}",
            3,
            "dataset '300w' has no option 'x'; known: faulty",
        ),
        (
            "  - dataset: 300w",
            "  - split: train",
            3,
            "the key 'dataset' is missing; the keys are dataset, options",
        ),
        ("  - mean-shape", "  - mean-shap", 6, "no method named 'mean-shap'; did you mean 'mean-shape'?"),
        ("{epochs: 3}", "{epoch: 3}", 7, "method 'cnn-small' has no parameter 'epoch'; did you mean 'epochs'?"),
        ("300w-helen, ", "300w-hellen, ", 10, "no protocol named '300w-hellen'; did you mean '300w-helen'?"),
        ("300w-helen, ", "synthetic-test, ", 10, "synthetic-test is given twice"),
        ("label: cnn, 3 epochs", "label: mean-shape", 5, "mean-shape is given twice; write it once, or give"),
        ("name: small", "", 2, "the key 'name' is missing"),
        ("  - dataset: 300w", "  - dataset: [300w", 4, "not YAML: "),
    ],
)
def test_an_error_in_a_suite_names_file_line_and_allowed_values(file, old, new, line, text):
    assert old in GOOD
    path = file(GOOD.replace(old, new, 1))
    with pytest.raises(SuiteError) as error:
        load_suite(path)
    message = str(error.value)
    assert message.startswith(f"{path}, line {line}: "), message
    assert text in message


def test_files_that_are_not_suites_are_refused(file, tmp_path):
    with pytest.raises(SuiteError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load_suite(tmp_path / "none.yaml")
    with pytest.raises(SuiteError, match=r"line 1: a suite must be a mapping with the keys name, define"):
        load_suite(file("- a\n- b\n"))
    with pytest.raises(SuiteError, match="the file is empty"):
        load_suite(file(""))


DEFINED = (
    GOOD
    + """\
define:
  mouth-only: {dataset: synthetic, n_expected: 400, normaliser: pixels, thresholds: [3.0]}
"""
)


def test_a_suite_defines_protocols_of_its_own(file, toy):
    corners = {"dataset": "toy", "n_expected": 8, "normaliser": {"name": "mouth width", "points": [[3], [4]]}}
    content = toy | {"define": {"toy-mouth": corners}, "protocols": ["toy-mouth", "toy-mouth@boxes=jittered:0.1"]}
    assert load_suite(content).protocols == ["toy-mouth", "toy-mouth@boxes=jittered:0.10"]
    load_suite(content)  # the same again is no second meaning
    other = corners | {"n_expected": 7}
    with pytest.raises(SuiteError, match="suite: define: 'toy-mouth' is the name of another protocol; choose another"):
        load_suite(content | {"define": {"toy-mouth": other}})
    with pytest.raises(SuiteError, match="define: '300w-helen' is the name of another protocol"):
        load_suite(content | {"define": {"300w-helen": corners}})
    with pytest.raises(SuiteError, match=r"suite\.yaml, line 13: mouth-only: .*thresholds"):
        load_suite(file(DEFINED))


def test_a_comma_between_modifiers_in_brackets_is_explained(file):
    names = "protocols: [300w-helen@points=49,interpupil, synthetic-test]"
    with pytest.raises(
        SuiteError, match=r"'interpupil' is a modifier without a base; write BASE@interpupil; in a YAML"
    ):
        load_suite(file(GOOD.replace("protocols: [300w-helen, synthetic-test]", names)))
    joined = names.replace(",interpupil", "@interpupil")
    suite = load_suite(file(GOOD.replace("protocols: [300w-helen, synthetic-test]", joined)))
    assert suite.protocols[0] == "300w-helen@interpupil,points=49"
