"""Images: files, arrays and none; what a broken file says; digests that are kept, in threads and other processes."""

import os
import pickle
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
from face_sets import Counted
from toys import toy_faces

from fldbench.errors import DataError
from fldbench.faces import ImageArrays, ImageFiles, NoImages, decode_image, unreadable_images
from fldbench.faces import images as image_module
from fldbench.faces.images import decoded


def test_image_files_decode_to_rgb_whatever_they_hold(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    colour, grey = tmp_path / "a ü.png", tmp_path / "g.png"
    colour.write_bytes(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())
    grey.write_bytes(cv2.imencode(".png", rgb[..., 0])[1].tobytes())
    images = ImageFiles([colour, grey])
    assert np.array_equal(images[0], rgb)
    assert np.array_equal(images[1], np.repeat(rgb[..., :1], 3, axis=2))
    assert images.digest(0) != images.digest(1)


def test_encoded_images_are_the_bytes_of_their_files(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(cv2.imencode(".png", np.full((4, 4, 3), i, np.uint8))[1].tobytes())
    images = ImageFiles(paths)[::-1]
    assert [images.encoded(i) for i in range(3)] == [path.read_bytes() for path in paths[::-1]]
    assert toy_faces(2).images.encoded(0) is None and toy_faces(2).images[1:].encoded(0) is None


def test_an_image_that_claims_to_be_too_large_is_named(tmp_path):
    image = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    image[16:24] = (1 << 22).to_bytes(4) * 2  # width and height
    image[29:33] = zlib.crc32(image[12:29]).to_bytes(4)
    (tmp_path / "vast.png").write_bytes(image)
    with pytest.raises(
        DataError, match=r"vast\.png: claims 4194304 x 4194304 pixels, more than a photo has; leave the face out"
    ):
        ImageFiles([tmp_path / "vast.png"])[0]


def test_an_image_of_more_pixels_than_a_photo_is_not_decoded(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros((1, 1, 3), np.uint8))
    for height in (16384, 16385):
        head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (16384).to_bytes(4, "big") + height.to_bytes(4, "big")
        if height == 16384:
            assert decode_image(head, "a.png").shape == (1, 1, 3)
        else:
            with pytest.raises(DataError, match=r"a\.png: claims 16384 x 16385 pixels, more than a photo has"):
                decode_image(head, "a.png")


def test_what_does_not_say_its_size_is_not_decoded(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.exr: not an image that can be decoded; replace the file"):
        decode_image(b"v/1\x01" + bytes(100), "a.exr")


def test_a_file_of_more_bytes_than_a_photo_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(image_module, "LARGEST", 100)
    (tmp_path / "a.png").write_bytes(bytes(101))
    with pytest.raises(DataError, match=r"a\.png: more than 100 bytes, too many for a photo; leave the face out"):
        ImageFiles([tmp_path / "a.png"])[0]


def test_pipes_and_folders_are_no_images(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    images = ImageFiles([tmp_path / "a.png", tmp_path, "a\0b"])
    for i, why in enumerate(("not a regular file", r"(not a regular file|Is a directory)", "embedded null byte")):
        with pytest.raises(DataError, match=rf"cannot be read \({why}\); restore the image"):
            images[i]
        assert images.digest(i).startswith(b"unreadable: ")


def test_large_photos_are_decoded_fewer_at_a_time(monkeypatch):
    images = Counted([np.full((10, 10, 3), i, np.uint8) for i in range(7)])
    assert [rows for rows, _ in decoded(images, 3)] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    monkeypatch.setattr(image_module, "BYTES_AT_ONCE", 500)
    parts = list(decoded(images, 3))
    assert [rows for rows, _ in parts] == [slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 7)]
    assert [image[0, 0, 0] for _, some in parts for image in some] == list(range(7))
    monkeypatch.setattr(image_module, "BYTES_AT_ONCE", 1)
    assert [len(some) for _, some in decoded(images, 3)] == [1] * 7
    assert not list(decoded(ImageArrays([]), 3))


def test_bad_image_files_are_named(tmp_path):
    good, empty, text = tmp_path / "good.png", tmp_path / "empty.jpg", tmp_path / "text.jpg"
    good.write_bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    empty.touch()
    text.write_text("not a picture")
    images = ImageFiles([good, empty, text, tmp_path / "absent.jpg"])
    faces = replace(toy_faces(4), images=images)
    problems = unreadable_images(faces)
    assert list(problems) == [1, 2, 3]
    assert "empty.jpg: the image file is empty" in problems[1]
    assert "text.jpg: not an image that can be decoded" in problems[2]
    assert "absent.jpg: cannot be read (No such file or directory)" in problems[3]
    assert len(faces.fingerprint) == 64


def test_a_dataset_without_images_says_so():
    faces = replace(toy_faces(3), images=NoImages(3, "there are none here"))
    with pytest.raises(DataError, match="there are none here"):
        faces.images[0]
    assert len(faces[1:].images) == 2


def test_kept_digests_are_those_of_the_content():
    base = toy_faces(6).images
    images = Counted(base)
    for part, rows in ((images, range(6)), (images[::-2], (5, 3, 1)), (images[1:][[0, 2, 2]], (1, 3, 3))):
        assert [part.digest_once(i) for i in range(len(part))] == [base.digest(i) for i in rows]
    assert images.hashed.tolist() == [1] * 6


def test_digests_of_arrays_follow_their_content():
    image = np.zeros((4, 4, 3), np.uint8)
    images = ImageArrays([image])
    before = images.digest_once(0)
    image[0, 0, 0] = 1
    assert images.digest_once(0) == images.digest(0) != before


def test_an_unreadable_file_is_looked_for_again(tmp_path):
    images = ImageFiles([tmp_path / "a.png"])
    assert images.digest_once(0) == b"unreadable: FileNotFoundError"
    (tmp_path / "a.png").write_bytes(b"here")
    assert images.digest_once(0) == images.digest(0) and len(images.digest(0)) == 32


def test_kept_digests_survive_pickling_and_many_threads():
    base = ImageArrays([np.full((2, 2, 3), i % 256, np.uint8) for i in range(300)])
    wanted = [base.digest(i) for i in range(300)]
    images = Counted(base)
    with ThreadPoolExecutor(8) as pool:
        order = [*range(300), *range(299, -1, -1)] * 2
        assert list(pool.map(images[:].digest_once, order)) == [wanted[i] for i in order]
    images.hashed[:] = 0
    there = pickle.loads(pickle.dumps(images[100:]))
    assert [there.digest_once(i) for i in range(200)] == wanted[100:] and not there._base.hashed.any()


def test_the_orientation_that_a_header_asks_for_is_not_applied(tmp_path):
    """Annotations were made on the pixels as they are stored."""
    rgb = np.zeros((16, 24, 3), np.uint8)
    rgb[:, 12:] = 255
    stored = cv2.imencode(".jpg", rgb)[1].tobytes()
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"  # Orientation = 6: turn by 90 degrees
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\x00" + entry + b"\0\0\0\0"
    turned = stored[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + stored[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (24, 16, 3)  # the header is sound
    for name, encoded in (("stored.jpg", stored), ("turned.jpg", turned)):
        (tmp_path / name).write_bytes(encoded)
    images = ImageFiles([tmp_path / "stored.jpg", tmp_path / "turned.jpg"])
    assert images[1].shape == (16, 24, 3) and np.array_equal(images[0], images[1])
