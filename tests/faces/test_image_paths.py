"""The rule for paths in annotation files: regular files within the folder or the root, and nothing else."""

import os

import pytest
import writers

import fldbench
from fldbench.errors import DataError
from fldbench.faces.image_paths import ImageFolder


@pytest.fixture
def place(tmp_path):
    for name in ("data/images/a.png", "data/images/deep/b c.png", "data/other/c.png", "secret.png"):
        writers.write_image(tmp_path / name)
    os.symlink(tmp_path / "secret.png", tmp_path / "data/images/out.png")
    os.symlink(tmp_path / "data/other/c.png", tmp_path / "data/images/in.png")
    os.symlink(tmp_path, tmp_path / "data/images/up")
    os.mkfifo(tmp_path / "data/images/pipe.png")
    return tmp_path


def test_files_within_are_found(place):
    images = ImageFolder(place / "data/images")
    for name in ("a.png", "./a.png", "deep/b c.png", "deep/../a.png", str(place / "data/images/a.png")):
        assert os.path.samefile(images.find(name, "list.txt", 1), place / "data/images" / name)
    wider = ImageFolder(place / "data/images", place / "data")
    for name in ("../other/c.png", "in.png", str(place / "data/other/c.png")):
        assert os.path.samefile(wider.find(name, "list.txt", 1), place / "data/other/c.png")
    os.symlink(place / "data/images", place / "link")  # the user's own link to the folder
    assert ImageFolder(place / "link").find("a.png", "list.txt", 1) == f"{place}/link/a.png"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("../../secret.png", "lies outside of .*data'; move it there, or give a data root that holds both"),
        ("../../../../../../../../../../etc/passwd", "lies outside of"),
        ("/etc/passwd", "the image '/etc/passwd' lies outside of"),
        ("out.png", "lies outside of"),
        ("up/secret.png", "lies outside of"),
        ("C:\\data\\a.png", "is a path of another computer; must be relative to"),
        ("C:/data/a.png", "is a path of another computer"),
        ("\\\\server\\a.png", "is a path of another computer"),
        ("a.png\0.txt", "the path of an image is 'a.png.x00.txt'; must be the name of a file"),
        ("", "the path of an image is ''; must be the name of a file"),
        ("pipe.png", "no image 'pipe.png' below .*images; restore it or correct the annotation"),
        ("/dev/zero", "no image '/dev/zero' below"),
        ("deep", "no image 'deep' below"),
        ("a" * 5000 + ".png", "no image 'a*.png' below"),
    ],
)
def test_what_leads_elsewhere_is_refused_with_its_place(place, name, text):
    with pytest.raises(DataError, match=rf"list\.txt, line 7: face 3: .*{text}"):
        ImageFolder(place / "data/images", place / "data").find(name, "list.txt", 7, "face 3: ")


def test_every_reader_of_lists_follows_the_rule(place):
    """One hostile line in each format that names images, below a root beside the secret image."""
    points = writers.some_points(1, 98)[0]
    for hostile in ("../../secret.png", str(place / "secret.png"), "../../../../etc/passwd"):
        made = {
            "wflw": lambda: writers.write_text(
                place / "wflw/WFLW_annotations/list_98pt_rect_attr_train.txt",
                writers.wflw_line(points, (1, 2, 30, 40), [0] * 6, hostile),  # noqa: B023
            ),
            "mtfl": lambda: writers.write_text(
                place / "mtfl/training.txt",
                " ".join([hostile, *map(str, range(10)), "1 1 1 1\n"]),  # noqa: B023
            ),
            "csv": lambda: writers.write_text(
                place / "csv/train.csv",
                "path,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\n" + ",".join([hostile, *map(str, range(10))]) + "\n",  # noqa: B023
            ),
        }
        (place / "wflw/WFLW_images").mkdir(parents=True, exist_ok=True)
        for name, make in made.items():
            make()
            with pytest.raises(DataError, match=r"line [12]: (the image .* lies outside of|no image)"):
                fldbench.load_dataset(name, place / name, "train")
