"""Test sets with options of their dataset, and data roots by name."""

import shutil

import pytest
from toys import toy_faces

import fldbench
from fldbench.cli.common import roots
from fldbench.dataset import check_roots, root_of
from fldbench.errors import DataError, DatasetNotFoundError, SuiteError
from fldbench.faces.images import encode_image
from fldbench.protocols import Protocol, definitions


def write_csv(folder, name, n, seed):
    """A folder of images and a CSV of five points for each."""
    faces = toy_faces(n, seed, split=name)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = ["image," + ",".join(f"x{i},y{i}" for i in range(5))]
    for face in faces:
        (folder / "images" / f"{face.id}.png").write_bytes(encode_image(face.image, ".png"))
        lines.append(f"images/{face.id}.png," + ",".join(f"{value:.3f}" for value in face.landmarks.ravel()))
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


SUITE = """\
name: own
data: {{csv: photos, default: .}}
define:
  mine: {{dataset: csv, options: {{file: a.csv, scheme: mtfl-5}}, split: all, scheme: mtfl-5, n_expected: 6,
         normaliser: "points:0/1"}}
  other: {{dataset: csv, options: {{file: b.csv, scheme: mtfl-5}}, split: all, scheme: mtfl-5, n_expected: 5,
          normaliser: "points:0/1"}}
train:
  - {{dataset: csv, options: {{file: {train}, scheme: mtfl-5}}, split: all{folds}}}
methods: [mean-shape]
protocols: [{protocols}]
"""


@pytest.fixture
def photos(toy, tmp_path):
    for name, n, seed in (("a", 6, 1), ("b", 5, 2), ("c", 7, 3)):
        write_csv(tmp_path / "photos", name, n, seed)
    return tmp_path


def run(folder, train, protocols, folds=""):
    path = folder / "suite.yaml"
    path.write_text(SUITE.format(train=train, protocols=protocols, folds=folds))
    return fldbench.run_suite(path, folder / "out")


def test_a_protocol_names_the_options_of_its_dataset(photos):
    mine, other = run(photos, "c.csv", "mine, other")
    assert (mine.status, other.status) == ("ok", "ok") and (mine.test.n, other.test.n) == (6, 5)
    assert mine.metrics["nme"] != other.metrics["nme"] and mine.protocol.hash != other.protocol.hash
    assert "csv all, file=a.csv, scheme=mtfl-5, 6 faces" in mine.protocol.describe()
    assert Protocol.from_dict(mine.protocol.to_dict()) == mine.protocol


def test_own_photos_are_cross_validated(photos):
    (record,) = run(photos, "a.csv", "mine", ", folds: 3")
    assert record.status == "ok" and record.test.n == 6 and record.train.folds == 3
    with pytest.raises(SuiteError, match=r"other measures csv all file=b\.csv .*, but .* is cross-validation"):
        run(photos, "a.csv", "other", ", folds: 3")


def test_options_are_part_of_the_rules_and_no_protocol_without_them_changes():
    lines = {"dataset": "own", "n_expected": 9, "scheme": "mtfl-5", "normaliser": "points:3/4"}
    plain, empty = definitions({"mine": lines}, "x")[0], definitions({"mine": lines | {"options": {}}}, "x")[0]
    assert plain.hash == empty.hash
    chosen = definitions({"mine": lines | {"options": {"b": [1], "a": 2}}}, "x")[0]
    assert chosen.hash != plain.hash and chosen.options == (("a", 2), ("b", [1]))


def test_roots_by_name(photos):
    where = {"csv": photos / "photos", "default": photos}
    assert root_of(where, "csv") == photos / "photos" and root_of(where, "300w") == photos
    faces = fldbench.load_dataset("csv", where, "all", file="a.csv", scheme="mtfl-5")
    assert len(faces) == 6
    assert len(fldbench.load_dataset("csv", data=photos / "photos", split="all", file="b.csv", scheme="mtfl-5")) == 5
    with pytest.raises(DataError, match="data: no dataset named 'lodnon'; did you mean 'london'"):
        check_roots({"lodnon": photos})
    with pytest.raises(DatasetNotFoundError, match="data root '/no/such' is not a folder"):
        check_roots({"london": "/no/such"})


def test_the_roots_of_a_call_go_before_those_of_the_suite(photos):
    (one,) = run(photos, "a.csv", "mine", ", folds: 3")
    shutil.move(photos / "photos", photos / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match="photos' is not a folder"):
        fldbench.run_suite(photos / "suite.yaml", photos / "out")
    (two,) = fldbench.run_suite(photos / "suite.yaml", photos / "out", data={"csv": photos / "elsewhere"})
    assert two == one


def test_the_option_data_is_a_root_or_the_root_of_one_dataset(photos):
    assert roots(None) is None and roots([str(photos)]) == str(photos)
    assert roots([f"london={photos}", str(photos)]) == {"london": str(photos), "default": str(photos)}
    with pytest.raises(DataError, match="no dataset named 'lodnon'; did you mean 'london'"):
        roots([f"lodnon={photos}"])
    with pytest.raises(DataError, match="--data gives two roots of default"):
        roots([str(photos), str(photos)])
    odd = photos / "a=b"
    odd.mkdir()
    assert roots([str(odd)]) == str(odd)
