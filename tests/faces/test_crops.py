"""Crops: the pixels of geometry.warp, matrices there and back, and a cache that is whole or not there."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from face_sets import Untouchable, colour_faces
from joblib import parallel_config
from toys import toy_faces

from fldbench.dataset import load_dataset
from fldbench.errors import DataError, StoreError
from fldbench.faces import ImageArrays, ImageFiles
from fldbench.faces.crops import cached_crops
from fldbench.geometry import crop_matrix, to_grey, warp


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize(("size", "padding"), [(24, 0.25), (7, 0.0), (40, 1.5), (16, -0.2)])
def test_crops_are_one_warp_of_each_face(tmp_path, size, padding, grey):
    faces = colour_faces(5)
    crops = cached_crops(faces, size, padding, grey, cache=tmp_path)
    assert crops.images.shape == ((5, size, size) if grey else (5, size, size, 3)) and crops.images.dtype == np.uint8
    assert len(crops) == 5
    matrices = crop_matrix(faces.boxes, size, padding)
    assert np.array_equal(crops.matrices, matrices)
    for i in range(5):
        wanted = warp(faces.images[i], matrices[i], size)
        assert np.array_equal(crops.images[i], to_grey(wanted) if grey else wanted)


def test_crops_of_real_faces_are_one_warp_of_each(data_root, tmp_path):
    faces = load_dataset("300w", data_root, "test")[:70]
    crops = cached_crops(faces, 64, 0.1, grey=False, cache=tmp_path, jobs=2)
    for i in range(0, 70, 9):
        assert np.array_equal(crops.images[i], warp(faces.images[i], crop_matrix(faces.boxes, 64, 0.1)[i], 64))


def test_landmarks_go_there_and_back(tmp_path):
    faces = colour_faces(20)
    faces = replace(faces, landmarks=faces.landmarks * 50, boxes=faces.boxes * 50 + 900)
    crops = cached_crops(faces, 64, cache=tmp_path)
    there = crops.to_crop(faces.landmarks)
    assert np.abs(crops.to_photo(there) - faces.landmarks).max() < 1e-9
    # The corners of a square box grown by a quarter on each end are the corners of the crop.
    square = cached_crops(faces[:1].with_boxes(np.array([[10.0, 20.0, 30.0, 40.0]])), 64, 0.25, cache=tmp_path)
    corners = np.array([[[5.0, 15.0], [35.0, 45.0]]])
    assert np.allclose(square.to_crop(corners), [[[-0.5, -0.5], [63.5, 63.5]]])


def test_crops_are_read_only_and_mapped(tmp_path):
    crops = cached_crops(colour_faces(3), 16, cache=tmp_path)
    assert isinstance(crops.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        crops.images[0] = 0


def test_jobs_and_their_backend_do_not_change_a_byte(tmp_path):
    faces = colour_faces(150)
    one = cached_crops(faces, 16, cache=tmp_path / "1")
    two = cached_crops(faces, 16, cache=tmp_path / "2", jobs=2)
    assert np.array_equal(one.images, two.images)
    with parallel_config(backend="multiprocessing", n_jobs=2):
        assert np.array_equal(one.images, cached_crops(faces, 16, cache=tmp_path / "3", jobs=2).images)


def test_threads_that_cut_the_same_crops_do_not_disturb_each_other(tmp_path):
    faces = colour_faces(150)
    wanted = np.array(cached_crops(faces, 32, cache=tmp_path / "alone").images)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: cached_crops(faces, 32, cache=tmp_path / "together").images, range(12)))
    assert all(np.array_equal(one, wanted) for one in found) and len(list((tmp_path / "together").iterdir())) == 1


def test_a_cache_hit_decodes_nothing(tmp_path):
    faces = colour_faces(4)
    first = cached_crops(faces, 16, cache=tmp_path)
    locked = replace(faces, images=Untouchable(list(faces.images)))
    again = cached_crops(locked, 16, cache=tmp_path)
    assert np.array_equal(first.images, again.images) and np.array_equal(first.matrices, again.matrices)
    for other in (
        lambda: cached_crops(locked, 17, cache=tmp_path),
        lambda: cached_crops(locked, 16, 0.3, cache=tmp_path),
        lambda: cached_crops(locked, 16, grey=False, cache=tmp_path),
        lambda: cached_crops(locked.with_boxes(faces.boxes + 1), 16, cache=tmp_path),
        lambda: cached_crops(locked[::-1], 16, cache=tmp_path),
        lambda: cached_crops(locked, 16, cache=tmp_path / "elsewhere"),
    ):
        with pytest.raises(AssertionError, match="opened"):
            other()


def test_the_cache_is_the_users_unless_another_is_given(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name, **_: asked.append(name) or str(tmp_path / name))
    cached_crops(colour_faces(2), 16)
    assert set(asked) == {"fldbench"} and len(list((tmp_path / "fldbench" / "crops").glob("*.npy"))) == 1


@pytest.mark.parametrize("keep", [0, 1, 60, 128, 500, -1])
def test_a_cached_file_that_is_not_whole_is_made_again(tmp_path, keep):
    faces = colour_faces(4)
    wanted = np.array(cached_crops(faces, 16, cache=tmp_path).images)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:keep])
    assert np.array_equal(cached_crops(faces, 16, cache=tmp_path).images, wanted)
    assert path.read_bytes() == whole and list(tmp_path.iterdir()) == [path]


def test_a_cached_file_of_another_shape_is_made_again(tmp_path):
    faces = colour_faces(4)
    wanted = np.array(cached_crops(faces, 16, cache=tmp_path).images)
    (path,) = tmp_path.iterdir()
    path.unlink()
    np.save(path, np.zeros((4, 15, 16), np.uint8))
    assert np.array_equal(cached_crops(faces, 16, cache=tmp_path).images, wanted)


def test_an_image_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    class Stops(ImageArrays):
        def decode(self, i):
            if i == 100:
                raise DataError("cannot be read", "hundred.jpg")
            return super().decode(i)

    faces = colour_faces(130)
    faces = replace(faces, images=Stops(list(faces.images)))
    for jobs in (1, 2):
        with pytest.raises(DataError, match=r"hundred\.jpg: cannot be read"):
            cached_crops(faces, 16, cache=tmp_path, jobs=jobs)
        assert not list(tmp_path.iterdir())
    absent = replace(toy_faces(1), images=ImageFiles([tmp_path / "ä b.jpg"]))
    with pytest.raises(DataError, match=r"ä b\.jpg: cannot be read"):
        cached_crops(absent, 16, cache=tmp_path)


def test_a_killed_run_leaves_nothing_that_is_used(tmp_path):
    code = f"""
import os
from face_sets import colour_faces
from fldbench.faces import crops
cut = crops._cut_some
def dies(images, matrices, size, grey):
    dies.calls += 1
    return cut(images, matrices, size, grey) if dies.calls < 3 else os._exit(9)
dies.calls = 0
crops._cut_some = dies
crops.cached_crops(colour_faces(200), 16, cache={str(tmp_path)!r})
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1] / "support")
    assert killed.returncode == 9
    (part,) = tmp_path.iterdir()
    assert part.name.endswith(".part")
    faces = colour_faces(200)
    crops = cached_crops(faces, 16, cache=tmp_path)
    assert np.array_equal(crops.images[-1], to_grey(warp(faces.images[-1], crops.matrices[-1], 16)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"size": 0}, "crops: size is 0; must be 1 px or more"),
        ({"padding": -0.5}, "crops: padding is -0.5; must be more than -0.5 of the box"),
        ({"padding": float("nan")}, "crops: padding is nan; must be more than -0.5 of the box"),
    ],
)
def test_crops_that_cannot_be(tmp_path, change, text):
    with pytest.raises(DataError, match=text):
        cached_crops(colour_faces(2), **({"size": 16, "cache": tmp_path} | change))


def test_a_box_without_size_names_the_face(tmp_path):
    faces = toy_faces(2)
    with pytest.raises(DataError, match="face 'test1': the box is"):
        cached_crops(faces.with_boxes(np.array([[0, 0, 5, 5], [3, 3, 3, 9]])), 16, cache=tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/.*\.npy: cannot be written \(.*\); choose another place"):
        cached_crops(toy_faces(2), 16, cache=tmp_path / "file")


def test_no_face_has_no_crop(tmp_path):
    assert cached_crops(toy_faces(2)[:0], 16, grey=False, cache=tmp_path).images.shape == (0, 16, 16, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_crops_never_sit_in_memory(tmp_path):
    code = f"""
import resource
import numpy as np, cv2, joblib
from dataclasses import replace
from face_sets import colour_faces
from fldbench.faces import Images
from fldbench.faces.crops import cached_crops
class Same(Images):
    def __len__(self): return 3000
    def decode(self, i): return np.full((48, 40, 3), i % 256, np.uint8)
    def digest(self, i): return b"%d" % i
faces = replace(colour_faces(3000), images=Same())
cached_crops(faces[:100], 160, grey=False, cache={str(tmp_path)!r}, jobs=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
crops = cached_crops(faces, 160, grey=False, cache={str(tmp_path)!r}, jobs=2)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, crops.images.nbytes / 1e6)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1] / "support", capture_output=True, text=True, check=True
    )
    grown, size = map(float, done.stdout.split())
    assert size > 200 and grown < 60  # MB
