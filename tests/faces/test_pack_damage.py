"""Damaged packs, with checksums that fit: what they claim is checked before it is allocated, and files are images."""

import json
import os
import random
import zlib
from dataclasses import replace

import numpy as np
import pytest
from fuzz import MUTATIONS, change_value
from mended_packs import mended, use
from toys import toy_faces

from fldbench.errors import DataError
from fldbench.faces import Attribute, ImageFiles
from fldbench.faces.pack import open_pack, pack
from fldbench.faces.pack_about import is_impossible


@pytest.mark.parametrize("content", [b"root:x:0:0:root:/root:/bin/sh\n", b"BM is no bitmap", b"\xff\xd8\xff secret"])
def test_a_file_that_is_no_image_is_not_packed(tmp_path, content):
    (tmp_path / "passwd").write_bytes(content)
    faces = replace(toy_faces(2), images=ImageFiles([tmp_path / "passwd"] * 2))
    with pytest.raises(DataError, match="passwd: not an image that can be decoded"):
        pack(faces, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["passwd"]


def written(tmp_path, size=None):
    attributes = {"smile": [0, 1, 1, -1], "age": [30, 3, 8, 99]}
    types = {"smile": Attribute(("no", "yes"), ordered=True)}
    faces = replace(toy_faces(4), attributes=attributes, attribute_types=types, parts={"all": (4, 5)})
    pack(faces, tmp_path / "a", size=size)
    return tmp_path / "a.index"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b'"n": 4', b'"n": 1000000000000', "the column .* of the shape"),
        (b'"n": 4', b'"n": "4"', "n: Input should be a valid integer"),
        (b'"n": 4', b'"m": 4', "n: Field required"),
        (b'"<f8", [4, 5, 2]', b'"<f8", [4, 6, 2]', r"its columns take \d+ bytes of \d+"),
        (b'"<f8", [4, 5, 2]', b'"|O", [4, 5, 2]', r"the column 'landmarks' is \|O"),
        (b'"ids", "<U5", [4]', b'"ids", "<U9999999999", [4]', "the column 'ids' is <U99"),
        (b'"boxes"', b'"foxes"', "an unknown column 'foxes'"),
        (b'"subsets/odd"', b'"subsets/even"', "the column .*subsets/even"),
        (b'"all": [4, 5]', b'"all": [4]', "parts must be faces found and expected"),
        (b'"smile": {', b'"pose": {', "no column attributes/pose"),
        (b'["no", "yes"]', b'["no", "no"]', "attribute_types.smile: Value error, an attribute: classes is"),
        (b'["no", "yes"]', b'"no"', "attribute_types.smile.classes: Input should be a valid list"),
        (b'"mirrored": false', b'"mirrored": 0', "attribute_types.smile.mirrored: Input should be a valid boolean"),
        (b'"ordered": true', b'"sorted": true', "attribute_types.smile.ordered: Field required"),
        (b"{", b"[" * 5000, "brackets are nested too deeply"),
    ],
)
def test_a_description_that_claims_another_content_is_refused_before_anything_is_allocated(tmp_path, old, new, text):
    index = written(tmp_path)
    assert old in index.read_bytes()
    data = mended(index, lambda about: about.replace(old, new, 1))
    with pytest.raises(DataError, match=rf"a\.index: damaged: its description is not that of a pack \({text}") as error:
        open_pack(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [None, 8])
def test_packs_with_mended_checksums_raise_nothing_but_data_errors(tmp_path, size):
    index = written(tmp_path, size)
    good = {path: path.read_bytes() for path in (index, tmp_path / "a")}
    draw, refused = random.Random(f"pack {size}"), 0
    for turn in range(MUTATIONS):
        for path, content in good.items():
            path.write_bytes(content)
        try:
            if turn % 2:
                use(mended(index, lambda about: json.dumps(change_value(json.loads(about), draw)).encode()))
            else:
                use(columns_mended(index, draw))
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > MUTATIONS // 4


def columns_mended(index, draw):
    """Change bytes of the columns and of an image, and make all checksums fit."""
    content = bytearray(index.read_bytes())
    start = 128 + int.from_bytes(content[52:60], "little")
    about, data = json.loads(content[128:start]), index.with_name("a")
    images = bytearray(data.read_bytes())
    for _ in range(draw.choice([1, 1, 3])):
        content[draw.randrange(start, len(content))] = draw.choice([0, 255, draw.randrange(256)])
    images[draw.randrange(128, len(images))] ^= 1 << draw.randrange(8)
    places, end = {}, start
    for name, kind, shape, _ in about["columns"]:
        begin, end = end, end + int(np.prod(shape)) * np.dtype(kind).itemsize
        places[name] = slice(begin, end)
    starts, sizes = (np.frombuffer(bytes(content[places[f"image/{key}"]]), "<u8") for key in ("start", "size"))
    crcs = [zlib.crc32(images[at : at + length]) for at, length in zip(starts.tolist(), sizes.tolist(), strict=True)]
    content[places["image/crc"]] = np.array(crcs, "<u4").tobytes()
    for column in about["columns"]:
        column[3] = zlib.crc32(content[places[column[0]]])
    data.write_bytes(images)
    index.write_bytes(content)
    text = json.dumps(about).encode()
    return mended(index, lambda _: text.ljust(-(-len(text) // 64) * 64))


def test_codes_that_have_no_class_are_refused(tmp_path):
    index = written(tmp_path)
    mended(index, lambda about: about.replace(b'"smile": {', b'"age": {', 1))
    faces = open_pack(tmp_path / "a")
    assert list(faces.attribute_types) == ["age"] and len(faces.boxes) == 4
    with pytest.raises(
        DataError, match=r"a\.index: damaged: the column 'attributes/age' holds values that no pack has"
    ):
        _ = faces.attributes


def test_an_older_pack_has_no_attribute_types(tmp_path):
    def older(text):
        about = json.loads(text)
        del about["attribute_types"]
        return json.dumps(about).encode().ljust(len(text))

    faces = open_pack(mended(written(tmp_path), older))
    assert faces.attribute_types == {} and faces.attributes["smile"].tolist() == [0, 1, 1, -1]
    assert faces[:2].attribute_types == {}


def test_letters_and_points_that_no_pack_has_are_refused(tmp_path):
    index = written(tmp_path)
    old = toy_faces(4).landmarks.tobytes()
    content = index.read_bytes()
    about = json.loads(content[128 : 128 + int.from_bytes(content[52:60], "little")])
    for column in about["columns"]:
        if column[0] == "landmarks":
            column[3] = zlib.crc32(np.full((4, 5, 2), 1e30).tobytes())
    assert content.count(old) == 1
    index.write_bytes(content.replace(old, np.full((4, 5, 2), 1e30).tobytes()))
    mended(index, lambda _: json.dumps(about).encode())
    with pytest.raises(DataError, match=r"a\.index: damaged: the column 'landmarks' holds values that no pack has"):
        _ = open_pack(tmp_path / "a").landmarks
    assert is_impossible("ids", "<U1", (0x110000).to_bytes(4, "little"))
    assert not is_impossible("ids", "<U1", "\U0010ffff".encode("utf-32-le"))
    assert not is_impossible("landmarks", "<f8", np.array([np.nan, -1e6]))
    assert is_impossible("landmarks", "<f8", np.array([-1.1e6]))


def test_a_pipe_is_no_pack(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(DataError, match=r"a: cannot be read \(not a regular file\)"):
        open_pack(tmp_path / "a")
