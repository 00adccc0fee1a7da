"""The tables of the schemes are those that published numbers were measured with: a digest pins each of them."""

import hashlib
import json

import pytest

from fldbench.schemes import get_scheme, list_schemes, map_matrix

TABLES = {
    "ibug-68": "fc1ecece7234866f",
    "ibug-51": "8046219fd8d4a590",
    "ibug-49": "8dbbc55941c9ab49",
    "mtfl-5": "bddeabd81e838fcf",
    "wflw-98": "2e483d1a02821623",
    "imm-58": "48bf824ffedde2bf",
    "imm-frontal-73": "b36d721a071482f7",
    "youtu-88": "79935e3b4cefa49d",
    "cofw-29": "5e0a7d4f7ca3dac0",
    "aflw-19": "2bd78c197b7dc280",
    "kaggle-15": "33795ed15a76f3b6",
    "muct-76": "a7e92f3e7d067280",
    "helen-194": "0ae1fd85adf71763",
    "menpo-39": "fd87531001e04d02",
    "jd-106": "b3cbe3c0bfc2632e",
    "webmorph-189": "c5fcb84465864564",
    "dlib-5": "d695e2dc218d8dbc",
}
MAPS = {
    ("wflw-98", "ibug-68"): "25ffabb38de0b535",
    ("ibug-68", "ibug-51"): "4dc390eec2d90ff7",
    ("ibug-51", "ibug-49"): "95e177c706414583",
    ("ibug-49", "mtfl-5"): "d53dac801e30212f",
    ("ibug-49", "dlib-5"): "4bc83d7e3993a136",
    ("jd-106", "wflw-98"): "c22a5292f3708a44",
    ("imm-frontal-73", "mtfl-5"): "c8dd1c1789a66932",
    ("youtu-88", "mtfl-5"): "60d6193e113ca77a",
    ("cofw-29", "mtfl-5"): "4364a205e5c2ed09",
    ("aflw-19", "mtfl-5"): "560ebccd06becb13",
    ("kaggle-15", "mtfl-5"): "aac44acd2f238ce7",
    ("muct-76", "mtfl-5"): "f5426be31a0443b7",
}


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_of_a_scheme_are_unchanged(name):
    s = get_scheme(name)
    template = (s.template * 4096).round().astype(int).tolist()
    tables = [s.regions, s.eye_points, s.mirror, s.edges, s.outer_eye_corners, s.pupils, template]
    assert digest(tables) == TABLES[name]


@pytest.mark.parametrize("pair", MAPS, ids="->".join)
def test_the_weights_of_a_map_are_unchanged(pair):
    assert digest(map_matrix(*pair).round(12).tolist()) == MAPS[pair]


def test_every_scheme_is_pinned():
    assert set(TABLES) == set(list_schemes())
