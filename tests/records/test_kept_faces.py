"""What is kept of faces: arrays that cannot belong together are refused, however well their digests fit."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest
from made_records import measured_record

from fldbench.errors import DataError, FldbenchError, StoreError
from fldbench.records.kept_faces import check_arrays, read_kept
from fldbench.records.published import read_published, write_published
from fldbench.records.store import Store, read_records
from fldbench.report import leaderboard
from fldbench.report.confidence import confidences
from fldbench.report.page.write import write_page
from fldbench.report.publish import publish
from fldbench.report.slices import slices

N = 12
IDS = np.array([f"f{i}" for i in range(N)])


def arrays():
    errors = np.linspace(0.02, 0.09, N)
    return {
        **{"ids": IDS, "errors": errors, "charged": errors + 0.01, "counts": np.full(N, 68), "groups": np.arange(N)},
        **{"confidence": errors, "predictions": np.zeros((N, 68, 2)), "slices": np.array(["subset:a"])},
        "subset:a": np.ones(N, bool),
    }


SHAPES = {
    "short": lambda values: values[:5],
    "twice": lambda values: np.stack([values, values]),
    "one": lambda values: values.ravel()[0],
    "none": lambda values: values[:0],
}
WRONG = [
    (name, how) for name in arrays() for how in SHAPES if (name, how) not in {("slices", "short"), ("slices", "none")}
]


@pytest.mark.parametrize(("name", "how"), WRONG)
def test_shapes_that_do_not_fit(name, how):
    wrong = arrays() | {name: np.asarray(SHAPES[how](arrays()[name]))}
    check_arrays(arrays(), "x")
    with pytest.raises(DataError, match=r"^x: the shape of \S+ is \(.*\); must be \(\d*.*\)$"):
        check_arrays(wrong, "x")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *((name, "numbers") for name in ("errors", "charged", "counts", "confidence", "probabilities:smile")),
        *(("codes:smile", "whole numbers"), ("subset:a", "flags")),
    ],
)
def test_numbers_are_numbers(name, allowed):
    with pytest.raises(DataError, match=rf"^x: the kind of {name} is '<U1'; must be {allowed}$"):
        check_arrays(arrays() | {name: np.full(N, "x")}, "x")


def test_the_classes_of_faces_may_be_text():
    check_arrays(arrays() | {"attribute:smile": np.full(N, "yes"), "groups": np.full(N, "a person")}, "x")


@pytest.mark.parametrize("name", ["ids", "slices"])
def test_names_are_text(name):
    with pytest.raises(DataError, match=rf"^x: the kind of {name} is 'float64'; must be text$"):
        check_arrays(arrays() | {name: np.zeros(N if name == "ids" else 1)}, "x")


def written(tmp_path, content, publish_too=True):
    """A folder of two records with these arrays, and a publication of them."""
    records = [replace(measured_record(arrays()["errors"], IDS, method=one)[0], kept=None, key=one * 9) for one in "ab"]
    store = Store(tmp_path / "out")
    for record in records:
        store.write(record, content)
    return store.folder, publish_too and write_published([(one, content) for one in records], tmp_path / "p.zip")


def looked_at(source, tmp_path, text):
    """Read the records of a source in every way: tables without what cannot be used, or an error of fldbench."""
    for record in read_records(source):
        assert not record.edited
        with pytest.raises(StoreError, match=text):
            read_kept(record)
    assert "| a |" in leaderboard(read_records(source)).to_markdown()
    write_page(tmp_path / "x.html", [source])
    for read in (slices, confidences, lambda sources: publish(sources, tmp_path / "again.zip")):
        try:
            read([source])
        except FldbenchError as error:
            assert "\n" not in str(error)


def test_records_whose_ids_are_numbers_end_no_table(tmp_path):
    folder, _ = written(tmp_path, arrays() | {"ids": np.arange(N)}, publish_too=False)
    looked_at(folder, tmp_path, "faces.npz: the kind of ids is 'int64'; must be text")


@pytest.mark.parametrize(("name", "values"), [("charged", np.full(N, "x")), ("errors", np.ones(N, bool))])
def test_records_with_arrays_of_a_wrong_kind_end_no_table(tmp_path, name, values):
    folder, file = written(tmp_path, {key: one for key, one in arrays().items() if key != "slices"} | {name: values})
    looked_at(folder, tmp_path, f"faces.npz: the kind of {name} is")
    looked_at(file, tmp_path, f"faces.json, group 0: the kind of {name} is")


def test_records_with_arrays_of_a_wrong_shape_end_no_table(tmp_path):
    folder, _ = written(tmp_path, arrays() | {"charged": np.ones(3)}, publish_too=False)
    looked_at(folder, tmp_path, r"faces.npz: the shape of charged is \(3,\); must be \(12,\)")


def test_a_publication_without_errors_has_none(tmp_path):
    _, file = written(tmp_path, {"ids": IDS, "counts": np.full(N, 68)})
    for record in read_published(file):
        assert set(record.kept(("ids", "errors", "charged", "counts"))) == {"ids", "counts"}
        with pytest.raises(StoreError, match="no per-face errors are kept"):
            read_kept(record)


def test_a_publication_does_not_replace_the_ids(tmp_path):
    content = {"ids": IDS, "errors": arrays()["errors"]}
    _, file = written(tmp_path, content)
    folder = write_published([], tmp_path / "folder")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    listing = folder / "faces.json"
    listing.write_text(listing.read_text().replace('["errors"]', '["ids"]'))
    with pytest.raises(StoreError, match="lists ids among the arrays"):
        read_published(folder)
