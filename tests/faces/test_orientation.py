"""EXIF orientation and sizes by headers, against what OpenCV does with the same bytes."""

import struct

import cv2
import numpy as np
import pytest
from writers import with_orientation

from fldbench.errors import DataError
from fldbench.faces import FaceSet, ImageFiles
from fldbench.faces.image_files import ENDINGS, exif_orientation, header_size, read_header, turned
from fldbench.faces.images import decode_image

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
FORMATS = [".jpg", ".png", ".webp"]


def encoded(ending, pixels=PIXELS, *options):
    return cv2.imencode(ending, pixels, list(options))[1].tobytes()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_opencv_turns_it(tmp_path, ending, orientation):
    content = with_orientation(encoded(ending), orientation)
    assert exif_orientation(content) == orientation and header_size(content) == (24, 16)
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    assert read_header(path) == ((24, 16), orientation)
    stored, upright = ImageFiles([path]), ImageFiles([path]).upright()
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(upright[0], shown) and upright.turned_by(0) == orientation
    assert stored[0].shape == (16, 24, 3) and stored.turned_by(0) == 1 and stored.encoded(0) == content
    same = orientation == 1
    assert (upright.encoded(0) is None) == (not same) and (upright.digest(0) == stored.digest(0)) == same


def test_turning_six_by_hand():
    """Orientation 6: the first row of the file is the right-hand side of the picture."""
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert turned(image, 6)[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert turned(image, 8)[..., 0].tolist() == [[2, 5], [1, 4], [0, 3]]
    assert turned(image, 3)[..., 0].tolist() == [[5, 4, 3], [2, 1, 0]]


def test_digests_are_kept_by_file_and_orientation(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(encoded(".jpg"), 6))
    both = ImageFiles([path, path, path], [1, 6, 6])
    digests = [both.digest_once(i) for i in range(3)]
    assert digests[0] != digests[1] == digests[2] and both[1].shape == (24, 16, 3) and both[0].shape == (16, 24, 3)
    assert [both.digest(i) for i in range(3)] == digests
    assert [both[np.array([1, 0])].turned_by(i) for i in range(2)] == [6, 1]
    sets = [FaceSet(["a"], images, [[0, 0, 9, 9]], np.ones((1, 5, 2)), "mtfl-5") for images in (both[:1], both[1:2])]
    assert sets[0].fingerprint != sets[1].fingerprint


def test_opencv_turns_tiff_itself(tmp_path):
    whole = encoded(".tiff")
    at = whole.find(struct.pack("<HHI", 277, 3, 1))  # samples per pixel: its entry becomes the orientation's
    assert header_size(whole) == (24, 16) and exif_orientation(whole) == 1 and at > 0
    content = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 3)
    for tag, value in ((256, 24), (257, 16), (0x0112, 6)):
        content += struct.pack("<HHIHH", tag, 3, 1, value, 0)
    assert header_size(content) == (16, 24) and exif_orientation(content) == 1


@pytest.mark.parametrize("ending", [one for one in ENDINGS if one not in (".avif", ".pam", ".pfm", ".hdr", ".pic")])
def test_sizes_by_headers_are_those_of_the_decoded_image(ending):
    pixels = cv2.resize(PIXELS, (48, 40))  # JPEG 2000 wants a few pixels
    if ending in (".pbm", ".pgm"):
        pixels = pixels[..., 0]
    if ending == ".jfif":
        ending = ".jpg"
    if ending in (".jp2", ".pxm", ".gif") and not _writes(ending, pixels):
        pytest.skip(f"this OpenCV does not write {ending}")
    content = encoded(ending, pixels)
    assert header_size(content) == (48, 40) and decode_image(content, "a").shape == (40, 48, 3)
    assert all(header_size(content[:n]) in (None, (48, 40)) for n in range(0, 120))


def _writes(ending, pixels):
    try:
        return cv2.imencode(ending, pixels)[0]
    except cv2.error:
        return False


def test_lossy_and_lossless_webp_have_other_headers():
    for quality in (50, 101):
        content = encoded(".webp", PIXELS, cv2.IMWRITE_WEBP_QUALITY, quality)
        assert header_size(content) == (24, 16)


def test_damaged_exif_is_no_orientation():
    good = with_orientation(encoded(".jpg"), 6)
    rng = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(good)
        for at in rng.integers(2, 60, 3):
            damaged[at] = rng.integers(0, 256)
        assert 1 <= exif_orientation(bytes(damaged)) <= 8
    assert exif_orientation(with_orientation(encoded(".jpg"), 9)) == 1
    assert exif_orientation(b"") == 1 and read_header("/no/such/file") == (None, 1)


def test_every_kind_of_pixel_comes_back_as_rgb_bytes(tmp_path):
    bgr = np.zeros((40, 48, 3), np.uint8)
    bgr[:20] = (10, 20, 250)
    grey = bgr[..., 2]
    kinds = {
        "16 bits": (encoded(".png", bgr.astype(np.uint16) * 257), (250, 20, 10)),
        "16 bits, grey": (encoded(".png", grey.astype(np.uint16) * 257), (250, 250, 250)),
        "with opacity": (encoded(".png", np.dstack([bgr, np.full(grey.shape, 99, np.uint8)])), (250, 20, 10)),
        "grey": (encoded(".png", grey), (250, 250, 250)),
        "palette": (palette_png(), (250, 20, 10)),
        "16 bits, TIFF": (encoded(".tiff", bgr.astype(np.uint16) * 257), (250, 20, 10)),
        "portable": (encoded(".ppm", bgr), (250, 20, 10)),
    }
    assert cv2.imwritemulti(str(tmp_path / "pages.tiff"), [bgr, bgr[::-1].copy()])
    kinds["pages"] = (tmp_path / "pages.tiff").read_bytes(), (250, 20, 10)
    for kind, (content, colour) in kinds.items():
        image = decode_image(content, kind)
        assert image.dtype == np.uint8 and image.shape[2] == 3, kind
        assert image[5, 5].tolist() == list(colour), kind


def test_cmyk_and_animations_come_back_as_rgb_bytes():
    pil = pytest.importorskip("PIL.Image")
    import io

    red, blue = pil.new("RGB", (48, 40), (250, 20, 10)), pil.new("RGB", (48, 40), (10, 20, 250))
    file = io.BytesIO()
    red.convert("CMYK").save(file, "JPEG", quality=100)
    image = decode_image(file.getvalue(), "cmyk")
    assert image.dtype == np.uint8 and image.shape == (40, 48, 3)
    for form in ("GIF", "WEBP"):
        file = io.BytesIO()
        red.save(file, form, save_all=True, append_images=[blue], duration=100)
        try:
            image = decode_image(file.getvalue(), form)
        except DataError:
            assert form == "GIF"  # an older OpenCV
            continue
        assert np.abs(image[5, 5].astype(int) - (250, 20, 10)).max() < 12, form


def palette_png():
    """A PNG of 48 x 40 px with one colour in its palette."""
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(b"".join(b"\0" + bytes(48) for _ in range(40)))
    head = struct.pack(">IIBBBBB", 48, 40, 8, 3, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"PLTE", bytes((250, 20, 10))) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
