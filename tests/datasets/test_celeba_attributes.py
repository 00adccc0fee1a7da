"""CelebA's list of attributes: as released and as on Kaggle, faces that it lacks, and what is refused."""

import numpy as np
import pytest
import writers
from writers import write_image, write_text

import fldbench
from fldbench.errors import DataError
from fldbench.faces.attributes import NO_YES

FACES = [(f"{i:06d}.jpg", writers.FIVE + i, 0, i) for i in (1, 2, 3)]
NAMES = ["5_o_Clock_Shadow", "Male", "Smiling"]


def celeba(root, lines, kaggle=False):
    writers.write_celeba(root / "celeba", FACES, kaggle)
    for name, *_ in FACES:
        write_image(root / "celeba/img_align_celeba" / name, 178, 218)
    place = "list_attr_celeba.csv" if kaggle else "Anno/list_attr_celeba.txt"
    write_text(root / "celeba" / place, "\n".join(lines) + "\n")
    return root


def load(root, **options):
    return fldbench.load_dataset("celeba", root, "train", **options)


@pytest.mark.parametrize("kaggle", [False, True])
def test_flags_by_the_names_of_the_header(tmp_path, kaggle):
    sep = "," if kaggle else "  "
    head = [sep.join(["image_id", *NAMES])] if kaggle else ["2", " ".join(NAMES)]
    rows = [sep.join(row) for row in (["000003.jpg", "-1", "1", "1"], ["000001.jpg", "1", "-1", "1"])]
    faces = load(celeba(tmp_path, head + rows, kaggle))
    assert faces.ids.tolist() == ["000001", "000002", "000003"]
    assert {name: codes.tolist() for name, codes in faces.attributes.items()} == {
        "5_o_Clock_Shadow": [1, -1, 0],
        "Male": [0, -1, 1],
        "Smiling": [1, -1, 1],
    }
    assert faces.attribute_types == dict.fromkeys(NAMES, NO_YES)


def test_without_the_list_there_are_none(tmp_path):
    root = celeba(tmp_path, ["1", "Male", "000001.jpg 1"])
    (root / "celeba/Anno/list_attr_celeba.txt").unlink()
    faces = load(root)
    assert faces.attributes == {} and np.isfinite(faces.landmarks).all()


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["1", "Male Smiling", "000001.jpg 1 0"], "line 3: the attribute Smiling is '0'; must be -1 no or 1 yes"),
        (["1", "Male Smiling", "000001.jpg 1"], "line 3: the number of columns is 2; must be 3: a file name and 2"),
        (["1", "Male", "000001.jpg 1", "000001.jpg 1"], "line 4: '000001.jpg' is in line 3 already"),
        (
            ["1", "Male Male", "000001.jpg 1 1"],
            "line 2: the header is 'Male Male'; must be the names of the attributes",
        ),
        (["000001.jpg 1 1"], "line 1: the header is '000001.jpg 1 1'; must be the names of the attributes, each once"),
    ],
)
def test_a_broken_list_names_file_and_line(tmp_path, lines, error):
    with pytest.raises(DataError, match=rf"list_attr_celeba\.txt, {error}"):
        load(celeba(tmp_path, lines))
