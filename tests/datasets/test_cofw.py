"""COFW: Matlab 7.3 files with their images inside."""

import pickle

import h5py
import numpy as np
import pytest
from writers import some_points, write_cofw

from fldbench.datasets.cofw import COFW
from fldbench.errors import DataError, DatasetNotFoundError

N = 5
POINTS = some_points(N, 29)
OCCLUDED = np.random.default_rng(1).integers(0, 2, (N, 29))
BOXES = np.array([[-3.0, 5.0, 60.0 + i, 80.0] for i in range(N)])
IMAGES = [np.random.default_rng(i).integers(0, 255, (40 + i, 30, 3)[: 3 - i % 2], np.uint8) for i in range(N)]


@pytest.fixture
def cofw(tmp_path):
    write_cofw(tmp_path / "cofw/COFW_train_color.mat", POINTS, OCCLUDED, BOXES, IMAGES, "Tr")
    write_cofw(tmp_path / "cofw/COFW_test_color.mat", POINTS[:2], OCCLUDED[:2], BOXES[:2], IMAGES[:2], "T")
    return tmp_path


def test_points_boxes_and_occlusion_come_back_zero_based(cofw):
    faces = COFW().load(cofw, "train")
    assert faces.ids.tolist() == [f"train/{i}" for i in range(1, N + 1)]
    assert np.allclose(faces.landmarks, POINTS, atol=1e-9) and np.allclose(faces.boxes, BOXES, atol=1e-9)
    assert np.array_equal(faces.visible, OCCLUDED == 0)
    assert np.isfinite(faces.landmarks).all()  # occluded points stay annotated
    assert faces.parts == {"train": (N, 1345)}
    assert faces.subsets["lfpw"].all() and not faces.subsets["cofw"].any()
    test = COFW().load(cofw / "cofw", "test")
    assert test.ids.tolist() == ["test/1", "test/2"] and test.subsets == {}


def test_one_value_by_hand(tmp_path):
    path = tmp_path / "COFW_test_color.mat"
    with h5py.File(path, "w") as file:
        file["phisT"] = np.arange(1.0, 88.0)[:, None]  # x 1..29, y 30..58, occlusion 59..87
        file["bboxesT"] = np.array([[11.0], [21.0], [5.0], [7.0]])
        cells = file.create_dataset("IsT", (1, 1), dtype=h5py.ref_dtype)
        cells[0, 0] = file.create_dataset("a", data=np.zeros((3, 4, 2), np.uint8)).ref
    faces = COFW().load(tmp_path, "test")
    assert faces.landmarks[0, 0].tolist() == [0.0, 29.0] and faces.landmarks[0, 28].tolist() == [28.0, 57.0]
    assert faces.boxes[0].tolist() == [10.0, 20.0, 15.0, 27.0]
    assert faces.images[0].shape == (2, 4, 3) and not faces.visible.any()


def test_grey_and_rgb_images_come_back_as_rgb(cofw):
    faces = COFW().load(cofw, "train")
    for got, stored in zip(faces.images, IMAGES, strict=True):
        assert got.dtype == np.uint8 and got.shape == (*stored.shape[:2], 3)
        assert np.array_equal(got, stored if stored.ndim == 3 else np.stack([stored] * 3, axis=2))


def test_images_are_lazy_and_can_be_sent_to_other_processes(cofw):
    faces = COFW().load(cofw, "train")
    again = pickle.loads(pickle.dumps(faces))
    assert again.fingerprint == faces.fingerprint == COFW().load(cofw, "train").fingerprint
    other = [*IMAGES[:-1], IMAGES[-1] ^ 1]
    write_cofw(cofw / "cofw/COFW_train_color.mat", POINTS, OCCLUDED, BOXES, other, "Tr")
    assert COFW().load(cofw, "train").fingerprint != faces.fingerprint
    (cofw / "cofw/COFW_train_color.mat").unlink()
    assert faces.ids[0] == "train/1"
    with pytest.raises(DataError, match=r"COFW_train_color\.mat: image 2 cannot be read"):
        faces.images[1]


def test_the_lfpw_faces_come_first(tmp_path):
    n = 1345
    images = [np.zeros((2, 2), np.uint8)] * n
    write_cofw(
        tmp_path / "COFW_train_color.mat",
        some_points(n, 29),
        np.zeros((n, 29)),
        np.tile(BOXES[:1], (n, 1)),
        images,
        "Tr",
    )
    faces = COFW().load(tmp_path, "train")
    counts = {name: int(member.sum()) for name, member in faces.subsets.items()}
    assert counts == {name: COFW.expected[name] for name in ("lfpw", "cofw")}
    assert faces.parts["train"] == (1345, 1345)


def test_missing_files_say_what_was_looked_for(cofw, tmp_path):
    (cofw / "cofw/COFW_test_color.mat").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"COFW_test_color\.mat: this file of cofw is absent"):
        COFW().load(cofw, "test")
    (cofw / "cofw/COFW_train_color.mat").unlink()
    with pytest.raises(
        DatasetNotFoundError, match=r"looked for COFW_train_color\.mat or COFW_test_color\.mat in cofw/"
    ):
        COFW().load(tmp_path, "train")


def test_damaged_files_name_themselves(cofw):
    path = cofw / "cofw/COFW_test_color.mat"
    whole = path.read_bytes()
    for broken in (b"", b"MATLAB 7.3 MAT-file", whole[: len(whole) // 3], whole.replace(b"phisT", b"phisX")):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"COFW_test_color\.mat: not a Matlab 7.3 file with IsT, phisT, bboxesT"):
            COFW().load(cofw, "test")
    write_cofw(path, POINTS[:2], OCCLUDED[:2, :28], BOXES[:2], IMAGES[:2], "T")
    with pytest.raises(
        DataError,
        match=r"COFW_test_color\.mat: the size of phisT, bboxesT, images is \(\(86, 2\), \(4, 2\), 2\); must",
    ):
        COFW().load(cofw, "test")
    write_cofw(path, POINTS[:2], OCCLUDED[:2], BOXES[:2], IMAGES[:1], "T")
    with pytest.raises(DataError, match=r"COFW_test_color\.mat: the size of phisT, bboxesT, images is \(\(87,"):
        COFW().load(cofw, "test")
    points = POINTS[:2].copy()
    points[1, 3] = np.nan
    write_cofw(path, points, OCCLUDED[:2], BOXES[:2], IMAGES[:2], "T")
    with pytest.raises(DataError, match="face 2 has a coordinate that is not finite"):
        COFW().load(cofw, "test")


def test_an_unusable_image_is_refused_with_its_number(cofw):
    path = cofw / "cofw/COFW_test_color.mat"
    write_cofw(path, POINTS[:2], OCCLUDED[:2], BOXES[:2], [IMAGES[0], IMAGES[1].astype(float)], "T")
    faces = COFW().load(cofw, "test")
    assert faces.images[0].shape == (40, 30, 3)
    with pytest.raises(
        DataError,
        match=r"COFW_test_color\.mat: image 2 is 'float64 \(41, 30\)'; must be uint8 \(h, w\)",
    ):
        faces.images[1]
    assert len(faces.fingerprint) == 64


def test_arrays_that_claim_more_than_is_stored_or_lie_elsewhere_are_refused(tmp_path):
    path, secret = tmp_path / "COFW_test_color.mat", tmp_path / "secret"
    secret.write_bytes(b"x" * 87)

    def written(**phis):
        with h5py.File(path, "w") as file:
            file.create_dataset("phisT", **phis)
            file["bboxesT"] = np.array([[11.0], [21.0], [5.0], [7.0]])
            cells = file.create_dataset("IsT", (1, 1), dtype=h5py.ref_dtype)
            stolen = file.create_dataset("a", (3, 4, 2), "u1", external=[(str(secret), 0, 24)])
            cells[0, 0] = stolen.ref

    for phis, text in (
        ({"shape": (87, 3_000_000), "dtype": float, "chunks": (87, 100)}, "claims 2088000000 bytes, and 0 are stored"),
        ({"shape": (87, 1), "dtype": "u1", "external": [(str(secret), 0, 87)]}, "an array lies in another file"),
    ):
        written(**phis)
        with pytest.raises(DataError, match=text):
            COFW().load(tmp_path, "test")
    written(data=np.arange(1.0, 88.0)[:, None])
    with pytest.raises(DataError, match=r"image 1 cannot be read \(an array lies in another file\)"):
        COFW().load(tmp_path, "test").images[0]
