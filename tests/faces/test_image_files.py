"""What bytes say about an image file: sizes from headers, and ends that are missing, against OpenCV's own files."""

import struct

import cv2
import numpy as np
import pytest

from fldbench.faces.image_files import MOST_SEGMENTS, header_size, is_cut_off

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


RARE = {".tif": 0, ".gif": 0, ".avif": 0, ".pbm": 1, ".pgm": 1, ".ppm": 0, ".pam": 0, ".pfm": 0, ".hdr": 0, ".ras": 0}


@pytest.mark.parametrize("ending", RARE)
def test_sizes_of_all_formats_that_are_decoded_stand_in_headers(ending):
    picture = PICTURE[..., 0] if RARE[ending] else PICTURE
    picture = picture.astype(np.float32) / 255 if ending in (".pfm", ".hdr") else picture
    assert header_size(cv2.imencode(ending, picture)[1].tobytes()) == (53, 37)


def test_sizes_of_jpeg_2000_and_of_old_bitmaps():
    box = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x16jp2h\0\0\0\x0eihdr" + (37).to_bytes(4, "big") + (53).to_bytes(4, "big")
    code = b"\xff\x4f\xff\x51\0\x2f\0\0" + b"".join(n.to_bytes(4, "big") for n in (60, 40, 7, 3))
    assert header_size(box) == header_size(code) == header_size(box + code) == (53, 37)
    assert header_size(b"BM" + bytes(12) + (12).to_bytes(4, "little") + b"\x35\0\x25\0") == (53, 37)


def test_of_two_sizes_the_one_that_is_decoded_counts():
    def tags(*pairs):
        rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in pairs)
        return b"II*\0\x08\0\0\0" + struct.pack("<H", len(pairs)) + rows

    assert header_size(tags((256, 99999), (257, 5), (256, 2))) == (99999, 5)
    assert header_size(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 8\nFORMAT=32-bit_rle_rgbe\n\n-Y 7 +X 5\n") == (
        8,
        9,
    )
    assert header_size(b"P7\nWIDTH 2\nWIDTH 70000\nHEIGHT 3\nENDHDR\nWIDTH 90000\n") == (70000, 3)
    assert header_size(b"\0\0\0\x1cftypavif" + b"".join(b"ispe" + struct.pack(">III", 0, n, n) for n in (2, 9, 3))) == (
        9,
        9,
    )


def test_what_stands_between_the_segments_of_a_jpeg_is_skipped_and_no_file_is_searched_for_ever():
    whole = encoded(".jpg")
    for between in (b"\0\x01\x02", b"\xff" * 50, b"\xff\0\xff\0"):
        odd = whole[:20] + between + whole[20:]  # behind the first segment
        assert header_size(odd) == (53, 37) and not is_cut_off(odd)
        assert cv2.imdecode(np.frombuffer(odd, np.uint8), cv2.IMREAD_COLOR).shape == (37, 53, 3)
    assert header_size(b"\xff\xd8" + b"\xff\xd0" * 2 * MOST_SEGMENTS + whole[2:]) is None


def test_other_bytes_are_nothing_known():
    rng = np.random.default_rng(1)
    for start in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF1234WEBP", b"GIF89a"):
        for length in (0, 1, 5, 30, 300):
            junk = start + rng.bytes(length)
            assert header_size(junk) is None or len(header_size(junk)) == 2
            assert is_cut_off(junk) in (True, False)
    assert not is_cut_off(b"GIF89a") and header_size(b"\xff\xd8\xff\xc0\x00\x00") is None
