"""What bytes say about an image file: sizes from headers, and ends that are missing, against OpenCV's own files."""

import cv2
import numpy as np
import pytest

from fldbench.faces.image_files import header_size, is_cut_off

PICTURE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
KINDS = {
    ".jpg": [],
    ".jpg progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    ".jpg restart": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
    ".png": [],
    ".bmp": [],
    ".webp": [],
}


def encoded(kind, picture=PICTURE):
    return cv2.imencode(kind.split()[0], picture, KINDS[kind])[1].tobytes()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != ".webp"])
def test_sizes_stand_in_headers(kind):
    assert header_size(encoded(kind)) == (53, 37)
    assert header_size(encoded(kind, PICTURE[..., 0])) == (53, 37)
    assert header_size(encoded(kind)[:10]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_files_are_known_at_every_length(kind):
    whole = encoded(kind)
    assert not is_cut_off(whole) and not is_cut_off(whole + b"\0\0trailer")
    assert all(is_cut_off(whole[:length]) for length in range(40, len(whole) - 16, 7))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_file():
    thumbnail, whole = encoded(".jpg", PICTURE[:8, :8]), encoded(".jpg")
    header = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = whole[:2] + header + whole[2:]
    assert header_size(with_thumbnail) == (53, 37) and not is_cut_off(with_thumbnail)
    assert is_cut_off(with_thumbnail[:-40])


def test_other_bytes_are_nothing_known():
    rng = np.random.default_rng(1)
    for start in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF1234WEBP", b"GIF89a"):
        for length in (0, 1, 5, 30, 300):
            junk = start + rng.bytes(length)
            assert header_size(junk) is None or len(header_size(junk)) == 2
            assert is_cut_off(junk) in (True, False)
    assert not is_cut_off(b"GIF89a") and header_size(b"\xff\xd8\xff\xc0\x00\x00") is None
