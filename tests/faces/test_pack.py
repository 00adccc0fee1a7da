"""Packs: the same faces to every caller, fingerprints, crops, damage of every kind, other processes and threads."""

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import cv2
import numpy as np
import pytest
from toys import fingerprint_and_image, toy_faces

from fldbench import faces as faces_module
from fldbench.dataset import load_dataset
from fldbench.errors import DataError, DatasetNotFoundError, StoreError
from fldbench.faces import Attribute, FaceSet, ImageArrays, ImageFiles, Images, NoImages
from fldbench.faces.pack import open_pack, pack
from fldbench.files import sha256_of
from fldbench.geometry import crop_matrix, invert, transform, warp

N = 9


def file_faces(folder, n=N):
    """Faces in JPEG files whose names have spaces and letters beyond ASCII; the last two share one photo."""
    folder.mkdir(exist_ok=True)
    faces = toy_faces(n)
    paths = [folder / f"fäce {min(i, n - 2)}.jpg" for i in range(n)]
    for i, path in enumerate(paths[:-1]):
        path.write_bytes(cv2.imencode(".jpg", faces.images[i][..., ::-1])[1].tobytes())
    landmarks = faces.landmarks.copy()
    landmarks[2, 4] = np.nan
    return replace(
        faces,
        ids=np.array([f"fäce {i}" for i in range(n)]),
        images=ImageFiles(paths),
        landmarks=landmarks,
        visible=np.isfinite(landmarks).all(axis=-1) & (np.arange(5) != 1),
        attributes={"age": np.arange(n) - 1, "head pose": np.zeros(n)},
        attribute_types={"head pose": Attribute(("left", "right"), mirrored=True, ordered=True)},
        groups=np.array([f"p{i // 3}" for i in range(n)]),
        parts={"part/one": (n, 12)},
    )


def same_columns(a, b):
    for key in ("ids", "boxes", "landmarks", "visible", "groups"):
        one, other = getattr(a, key), getattr(b, key)
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype == float), key
    for key in ("attributes", "subsets"):
        one, other = getattr(a, key), getattr(b, key)
        assert one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)
    assert a.attribute_types == b.attribute_types
    assert (a.scheme, a.name, a.split_name, a.parts, len(a)) == (b.scheme, b.name, b.split_name, b.parts, len(b))


@pytest.fixture
def source(tmp_path):
    return file_faces(tmp_path / "photos")


@pytest.fixture
def packed(source, tmp_path):
    pack(source, tmp_path / "a.pack")
    return tmp_path / "a.pack"


def test_a_pack_is_the_same_face_set(source, packed):
    faces = open_pack(packed)
    assert isinstance(faces, FaceSet)
    assert faces.fingerprint == source.fingerprint
    same_columns(faces, source)
    for i in range(N):
        assert np.array_equal(faces.images[i], source.images[i])
        assert faces.images.encoded(i) == source.images.encoded(i)
    assert faces[3].attributes == {"age": 2, "head pose": 0} and faces.matrices is None


def test_selections_and_changed_copies_are_ordinary_face_sets(source, packed):
    faces = open_pack(packed)
    for a, b in ((faces[::-2], source[::-2]), (faces.subset("even"), source.subset("even")), (faces[:], source)):
        assert type(a) is FaceSet
        same_columns(a, b)
        assert a.fingerprint == b.fingerprint and np.array_equal(a.images[-1], b.images[-1])
    moved = faces.with_boxes(source.boxes + 1)
    assert type(moved) is FaceSet and moved.fingerprint == source.with_boxes(source.boxes + 1).fingerprint
    rest, part = faces.split(1 / 3)
    assert len(rest) == 6 and len(part) == 3


def test_a_shared_photo_is_kept_once(source, packed):
    photos = {path: os.path.getsize(path) for path in source.images.paths}
    assert len(photos) == N - 1
    assert packed.stat().st_size == 128 + sum(photos.values())


def test_images_without_files_are_kept_losslessly_with_their_digests(tmp_path):
    faces = toy_faces(4)
    pack(faces, tmp_path / "a")
    assert open_pack(tmp_path / "a").fingerprint == faces.fingerprint
    assert all(np.array_equal(a, b) for a, b in zip(open_pack(tmp_path / "a").images, faces.images, strict=True))
    pack(open_pack(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_the_same_faces_give_the_same_bytes(source, packed, tmp_path):
    pack(source, tmp_path / "b.pack")
    for ending in ("", ".index"):
        assert (tmp_path / f"a.pack{ending}").read_bytes() == (tmp_path / f"b.pack{ending}").read_bytes()


class Encoded(Images):
    """Images for tests that need only the bytes of their files."""

    def __init__(self, contents):
        self.contents = contents

    def __len__(self):
        return len(self.contents)

    def encoded(self, i):
        return self.contents[i]

    def digest(self, i):
        return hashlib.sha256(self.contents[i]).digest()


def test_packs_of_earlier_versions_open_as_the_format_is_the_same_byte_for_byte(tmp_path, monkeypatch):
    monkeypatch.setattr("fldbench.faces.pack.header_size", lambda encoded: (1, 1))
    faces = FaceSet(
        ids=["a", "b ü", "c"],
        images=Encoded([b"first", b"second", b"first"]),
        boxes=np.arange(12).reshape(3, 4),
        landmarks=np.arange(30.0).reshape(3, 5, 2),
        scheme="mtfl-5",
        visible=np.arange(15).reshape(3, 5) % 2 == 0,
        attributes={"smile": [1, 0, -1]},
        subsets={"even": [True, False, True]},
        groups=["p", "p", "q"],
        name="n",
        split_name="s",
        parts={"all": (3, 4)},
    )
    pack(faces, tmp_path / "p")
    # As written by the first version of this format.
    found = {path.name: sha256_of(path)[:16] for path in tmp_path.iterdir()}
    assert found == {"p": "1b9f10fca1408ef0", "p.index": "3e00cae6fdec9a37"}


def test_no_face_at_all(tmp_path):
    pack(toy_faces(3)[:0], tmp_path / "none")
    faces = open_pack(tmp_path / "none")
    assert len(faces) == 0 and faces.fingerprint == toy_faces(3)[:0].fingerprint


@pytest.mark.parametrize("quality", [None, 90])
def test_crops_move_landmarks_and_boxes_along(source, tmp_path, quality):
    pack(source, tmp_path / "crops", size=32, quality=quality, padding=0.3)
    faces = open_pack(tmp_path / "crops")
    matrices = crop_matrix(source.boxes, 32, 0.3)
    assert np.array_equal(faces.matrices, matrices)
    assert np.allclose(transform(faces.landmarks, invert(matrices)), source.landmarks, atol=1e-9, equal_nan=True)
    # The longer side of a box fills 1 / 1.6 of the crop, about its middle.
    assert np.allclose((faces.boxes[:, 2:] - faces.boxes[:, :2]).max(axis=1), 32 / 1.6)
    assert np.allclose((faces.boxes[:, 2:] + faces.boxes[:, :2]) / 2, 15.5)
    for i in range(N):
        crop = warp(source.images[i], matrices[i], 32)
        assert faces.images[i].shape == (32, 32, 3)
        assert np.abs(faces.images[i].astype(int) - crop).mean() <= (0 if quality is None else 8)
    assert faces.ids.tolist() == source.ids.tolist() and faces.groups.tolist() == source.groups.tolist()


def test_crops_have_the_fingerprint_of_the_same_crops_elsewhere(source, tmp_path):
    pack(source, tmp_path / "jpeg", size=32, quality=95)
    pack(source, tmp_path / "raw", size=32)
    jpeg, raw = open_pack(tmp_path / "jpeg"), open_pack(tmp_path / "raw")
    for i in range(N):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg.images.encoded(i))
    files = replace(jpeg[:], images=ImageFiles([tmp_path / f"{i}.jpg" for i in range(N)]))
    assert jpeg.fingerprint == files.fingerprint
    assert raw.images.encoded(0) is None
    assert raw.fingerprint == replace(raw[:], images=ImageArrays([raw.images[i] for i in range(N)])).fingerprint
    assert len({source.fingerprint, jpeg.fingerprint, raw.fingerprint}) == 3


def test_opening_reads_neither_columns_nor_images(packed, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "fldbench.faces.pack_files.PackFiles._crc", lambda self, key, *_: asked.append(key) or (None, False)
    )
    faces = open_pack(packed)
    assert len(faces) == N and faces.label == "toy-test" and not asked
    with pytest.raises(DataError, match="column 'boxes'"):
        _ = faces.boxes
    assert len(asked) == 1


def test_progress_is_told(source, tmp_path):
    told = []
    pack(source, tmp_path / "a", progress=lambda *step: told.append(step))
    assert told == [("packing", i + 1, N) for i in range(N)]


# Damage.


def use_all(path):
    """Opens a pack and uses everything in it."""
    faces = open_pack(path)
    for i in range(len(faces)):
        faces.images[i]
    _ = faces.fingerprint, faces.attributes, faces.subsets, faces.groups, faces.matrices


def changed(path, change):
    content = bytearray(path.read_bytes())
    path.unlink()
    path.write_bytes(change(content))


@pytest.mark.parametrize("ending", ["", ".index"])
def test_cut_off_anywhere(packed, ending):
    path = packed.with_name(packed.name + ending)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in [0, 1, 127, 128, 129, len(whole) - 1, *rng.integers(0, len(whole), 100)]:
        changed(path, lambda _, length=length: whole[:length])
        with pytest.raises(DataError, match="cut off") as caught:
            open_pack(packed)
        assert caught.value.file == str(path)


@pytest.mark.parametrize("ending", ["", ".index"])
@pytest.mark.parametrize("size", [None, 16])
def test_any_flipped_bit_is_found(source, tmp_path, ending, size):
    pack(source, tmp_path / "p", size=size)
    path = tmp_path / f"p{ending}"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in [*range(128), *rng.integers(0, len(whole), 200), len(whole) - 1]:
        one = bytearray(whole)
        one[at] ^= 1 << int(rng.integers(8))
        changed(path, lambda _, one=one: one)
        with pytest.raises(DataError) as caught:
            use_all(tmp_path / "p")
        assert caught.value.file == str(path)


def test_only_the_damaged_image_is_lost(packed, source):
    first = len(source.images.encoded(0))
    changed(packed, lambda b: b[: 128 + first + 5] + b"xx" + b[128 + first + 7 :])
    faces = open_pack(packed)
    assert np.array_equal(faces.images[0], source.images[0]) and np.array_equal(faces.images[2], source.images[2])
    with pytest.raises(DataError, match=r"a\.pack: damaged: the checksum of image 1 differs"):
        faces.images[1]
    assert list(faces_module.unreadable_images(faces)) == [1]


@pytest.mark.parametrize(
    ("ending", "change", "text"),
    [
        ("", lambda b: b"\xff\xd8" + b[2:], r"a\.pack: not a pack: it begins with"),
        (".index", lambda b: b"PK" + b[2:], r"a\.pack\.index: not a pack: it begins with b'PKDINDX"),
        ("", lambda b: b[:8] + b"\x02" + b[9:], "version 2; this fldbench reads version 1"),
        (".index", lambda b: b[:8] + b"\x07" + b[9:], "version 7; this fldbench reads version 1"),
        ("", lambda b: b + b"x", "something was appended"),
        (".index", lambda b: b"", "cut off: 0 bytes, and a pack's header alone has 128"),
        (".index", lambda b: b[:130] + b"?" + b[131:], "checksum of its description differs"),
        ("", lambda b: b[:20] + b"?" + b[21:], "checksum of its header differs"),
    ],
)
def test_what_is_wrong_is_said(packed, ending, change, text):
    changed(packed.with_name(packed.name + ending), change)
    with pytest.raises(DataError, match=text):
        open_pack(packed)


def test_missing_files_and_strangers(packed, tmp_path):
    with pytest.raises(DataError, match=r"nothing: no such file: give the file that `pack` wrote"):
        open_pack(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"photos: cannot be read \(Is a directory\)"):
        open_pack(tmp_path / "photos")
    pack(toy_faces(2), tmp_path / "b.pack")
    shutil.copy(tmp_path / "b.pack.index", tmp_path / "a.pack.index")
    with pytest.raises(DataError, match=r"a\.pack\.index: belongs to another pack than a\.pack"):
        open_pack(packed)
    (tmp_path / "a.pack.index").unlink()
    with pytest.raises(DataError, match=r"a\.pack\.index: no such file: a\.pack was not packed to its end"):
        open_pack(packed)


def test_a_folder_is_no_pack(packed, tmp_path):
    for options in ({}, {"file": str(tmp_path)}, {"file": "."}):
        with pytest.raises(DatasetNotFoundError, match="needs the file of a pack"):
            load_dataset("pack", tmp_path, **options)


def test_cut_off_while_in_use(packed):
    faces = open_pack(packed)
    os.truncate(packed, 200)
    with pytest.raises(DataError, match="was cut off while it was in use; image 8 is gone"):
        faces.images[8]


def test_unknown_scheme(packed, monkeypatch):
    from fldbench.errors import UnknownNameError

    def unknown(name):
        raise UnknownNameError(f"no scheme named {name!r}")

    monkeypatch.setattr("fldbench.faces.pack_files.get_scheme", unknown)
    with pytest.raises(DataError, match=r"a\.pack\.index: packed with a scheme .* no scheme named 'mtfl-5'"):
        open_pack(packed)


# Writing.


def test_what_cannot_be_packed(source, packed, tmp_path):
    with pytest.raises(StoreError, match=r"a\.pack\.index is there already"):
        pack(source, packed)
    with pytest.raises(StoreError, match=r"cannot be written \(.*\); choose another place"):
        pack(source, packed / "folder")
    with pytest.raises(DataError, match="pack: quality is 0; must be 1 to 100, or None for raw pixels"):
        pack(source, tmp_path / "b", size=32, quality=0)
    with pytest.raises(DataError, match="none here"):
        pack(replace(source, images=NoImages(N, "there are none here")), tmp_path / "b")
    os.unlink(source.images.paths[4])
    for size in (None, 32):
        with pytest.raises(DataError, match=r"fäce 4\.jpg: cannot be read"):
            pack(source, tmp_path / "b", size=size)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pack", "a.pack.index", "photos"]


def test_a_pack_that_was_not_finished_can_be_packed_again(source, packed, tmp_path):
    (tmp_path / "a.pack.index").unlink()
    packed.write_bytes(b"half")
    pack(source, packed)
    assert open_pack(packed).fingerprint == source.fingerprint


# Other processes and threads.


def test_pickles_are_paths_and_work_in_other_processes(source, packed):
    faces = open_pack(packed)
    assert len(pickle.dumps(faces)) < 500 and len(pickle.dumps(faces.images)) < 500
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for one, i in ((faces, 5), (faces[2:6], 1)):
            prints, image = pool.submit(fingerprint_and_image, one, i).result()
            assert prints == one.fingerprint and np.array_equal(image, one.images[i])


def test_a_pickle_knows_its_pack(source, packed, tmp_path, monkeypatch):
    relative = os.path.relpath(packed, tmp_path)
    monkeypatch.chdir(tmp_path)
    kept = pickle.dumps(open_pack(relative))
    monkeypatch.chdir("/")
    assert pickle.loads(kept).fingerprint == source.fingerprint
    packed.with_name("a.pack.index").unlink()
    pack(source[::-1], packed)
    with pytest.raises(DataError, match="another pack lies here"):
        pickle.loads(kept)


def test_many_threads_read_at_once(source, packed):
    faces = open_pack(packed)
    wanted = [source.images[i] for i in range(N)]
    order = np.random.default_rng(0).integers(0, N, 400)
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(lambda i: np.array_equal(faces.images[int(i)], wanted[i]), order)
        assert all(read)
    assert faces.fingerprint == source.fingerprint


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_pack(tmp_path):
    n = 150_000
    landmarks = np.random.default_rng(0).normal(50, 20, (n, 68, 2))
    faces = FaceSet(
        ids=np.arange(n).astype(str),
        images=ImageArrays([np.zeros((2, 2, 3), np.uint8)] * n),
        boxes=np.tile([0.0, 0.0, 100.0, 100.0], (n, 1)),
        landmarks=landmarks,
        scheme="ibug-68",
    )
    pack(faces, tmp_path / "big")
    assert (tmp_path / "big.index").stat().st_size > 150e6
    code = """
import cv2
from fldbench.faces.pack import open_pack
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before = resident()
faces = open_pack("big")
opened = resident()
faces.images[99_999], faces[123_456]
print(opened - before, resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    opened, used = map(float, done.stdout.split())
    assert opened < 10 and used < 30  # MB, of an index of 180 MB whose columns were all checked
