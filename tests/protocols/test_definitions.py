"""A user's own bases in a few lines of YAML, and one line for everything that is wrong with them."""

import numpy as np
import pytest
import yaml
from toys import toy_faces

import fldbench
from fldbench.errors import ProtocolError
from fldbench.protocols import definitions, read_protocols

MINE = """\
- name: helen-nose
  dataset: 300w
  subset: helen-test
  normaliser: {name: nose, points: [[27], [33]]}
- name: toy-mouth
  dataset: toy
  n_expected: 8
  scheme: mtfl-5
  normaliser: points:3/4
  thresholds: [0.2]
  boxes: official
  official_boxes: drawn by hand
- {name: toy-box, dataset: toy, n_expected: 8, scheme: mtfl-5, normaliser: box, boxes: jittered}
- {name: toy-pixels, dataset: toy, n_expected: 8, scheme: mtfl-5, normaliser: pixels}
"""


def test_a_few_lines_are_a_base(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINE)
    nose, mouth, box, pixels = read_protocols(tmp_path / "mine.yaml")
    assert (nose.n_expected, nose.scheme, nose.split) == (330, "ibug-68", "test")  # as the reader says
    assert (nose.normaliser, nose.normaliser_points) == ("nose", ((27,), (33,)))
    assert (mouth.normaliser_points, mouth.thresholds, mouth.box_source) == (((3,), (4,)), (0.2,), "official")
    assert "boxes official (drawn by hand)" in mouth.describe()
    assert (box.normaliser, box.box_source, pixels.normaliser) == ("box", "jittered:0.05", "pixels")


def test_a_mapping_from_names_says_the_same():
    rows = yaml.safe_load(MINE)
    assert definitions({row.pop("name"): row for row in rows}, "x") == definitions(yaml.safe_load(MINE), "x")


def test_a_defined_base_scores_and_takes_modifiers(toy):
    for protocol in definitions(yaml.safe_load(MINE), "x"):
        fldbench.register_protocol(protocol)
    faces = toy_faces(8)
    protocol = fldbench.get_protocol("toy-mouth@auc=menpo,boxes=tight")
    assert protocol.name == "toy-mouth@boxes=tight,auc=menpo"
    score = protocol.score(faces.landmarks + 1.0, protocol.select(faces))
    mouth = np.linalg.norm(faces.landmarks[:, 3] - faces.landmarks[:, 4], axis=1)
    assert score.errors == pytest.approx(np.sqrt(2) / mouth)
    assert set(score.metrics) == {"nme", "fr20", "auc20:menpo"}


GOOD = {"name": "p", "dataset": "toy", "n_expected": 8, "scheme": "mtfl-5", "normaliser": "inter-pupil"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            [GOOD | {"subst": "x"}],
            "f.yaml: p: a key is 'subst'; must be one of name, dataset, .*; did you mean 'subset'",
        ),
        ([{k: v for k, v in GOOD.items() if k != "normaliser"}], "f.yaml: p: the key 'normaliser' is missing; a base "),
        ([{k: v for k, v in GOOD.items() if k != "name"}], r"f.yaml: define\[0\]: the key 'name' is missing"),
        ([GOOD | {"n_expected": "many"}], "f.yaml: p: n_expected is 'many'; must be a valid integer"),
        ([GOOD | {"n_expected": 0}], "f.yaml: p: n_expected is 0; must be greater than or equal to 1"),
        ([GOOD | {"thresholds": 0.08}], "f.yaml: p: thresholds is 0.08; must be a valid list"),
        ([GOOD | {"thresholds": [8]}], r"f.yaml: p: protocol 'p': thresholds is \(8.0,\); must be .*; 8 % is 0.08"),
        (
            [GOOD | {"normaliser": "inter-ocular"}],
            "the normaliser is 'inter-ocular'; must be one of inter-pupil, box, ",
        ),
        ([GOOD | {"normaliser": "boxx"}], "normaliser is 'boxx'; must be one of .*; did you mean 'box'"),
        (
            [GOOD | {"normaliser": {"points": [[1]]}}],
            r"f.yaml: p: normaliser is .*; must be one of inter-ocular, .*or a ",
        ),
        ([GOOD | {"normaliser": {"points": [[1], [7]]}}], "must be different points of mtfl-5, from 0 to 4"),
        ([GOOD | {"boxes": "tihgt"}], "boxes is 'tihgt'; must be tight, official, detected:NAME, or jittered:S"),
        ([GOOD | {"ids_sha256": "abc"}], "f.yaml: p: ids_sha256 is 'abc'; must be "),
        ([GOOD | {"scheme": "mtfl-6"}], "f.yaml: p: no scheme named 'mtfl-6'; did you mean 'mtfl-5'"),
        ([GOOD | {"name": "a@b"}], "f.yaml: a@b: the name is 'a@b'; must be letters, digits"),
        ([GOOD, GOOD], "f.yaml: p: the base 'p' is given twice"),
        (["p"], r"f.yaml: define\[0\]: the base is 'p'; must be a mapping with the keys name, dataset"),
        ({"p": None}, "f.yaml: p: the base is None; must be a mapping"),
        ("p", "f.yaml: define is 'p'; must be a list of bases, or a mapping from their names"),
        (
            [{"name": "p", "dataset": "300ww", "normaliser": "box"}],
            "f.yaml: p: no dataset named '300ww'; did you mean '300w'",
        ),
        (
            [{"name": "p", "dataset": "300w", "subset": "mine", "normaliser": "box"}],
            "f.yaml: p: the dataset '300w' does not say how many faces are measured; give the key 'n_expected'",
        ),
    ],
)
def test_a_wrong_definition_is_one_line_with_place_and_allowed_values(content, text):
    with pytest.raises(ProtocolError, match=text) as error:
        definitions(content, "f.yaml")
    assert "\n" not in str(error.value)


def test_a_wrong_file_names_file_and_line(tmp_path):
    with pytest.raises(ProtocolError, match=r"none\.yaml"):
        read_protocols(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("- name: p\n  dataset: [x\n")
    with pytest.raises(ProtocolError, match=r"bad\.yaml, line \d: not YAML: "):
        read_protocols(tmp_path / "bad.yaml")
    (tmp_path / "bad.yaml").write_text(
        "p:\n  dataset: 300w\n  subset: full\n  normaliser: box\nq:\n  normalizer: box\n"
    )
    with pytest.raises(
        ProtocolError, match=r"bad\.yaml, line 5: q: a key is 'normalizer'; .* did you mean 'normaliser'"
    ):
        read_protocols(tmp_path / "bad.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    with pytest.raises(ProtocolError, match=r"empty\.yaml: define is None; must be a list of bases"):
        read_protocols(tmp_path / "empty.yaml")
