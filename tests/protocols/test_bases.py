"""The built-in bases: known without an import, those of the field, their complete lists, and what fits on a screen."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from labels_300w import labels_300w

import fldbench
from fldbench.dataset import make_dataset
from fldbench.protocols import catalogue, ids_hash
from fldbench.schemes import list_schemes

COUNTS = {
    **{"300w-helen": 330, "300w-lfpw": 224, "300w-common": 554, "300w-challenging": 135, "300w-full": 689},
    **{"300w-private": 600, "300w-private-indoor": 300, "300w-private-outdoor": 300},
    **{"300vw": 121278, "300vw-category-1": 62135, "300vw-category-2": 32805, "300vw-category-3": 26338},
    **{"wflw": 2500, "wflw-pose": 326, "wflw-expression": 314, "wflw-illumination": 698, "wflw-makeup": 206},
    **{"wflw-occlusion": 736, "wflw-blur": 773, "cofw": 507, "cofw68": 507, "aflw19-full": 4386},
    **{"aflw19-frontal": 1314, "merl-rav": 3865, "jd106": 2000, "lapa": 2000, "mtfl-test": 2995},
    **{"mtfl-detected": 2995, "youtube-faces-test": 770, "youtube-faces-disjoint": 660, "imm-frontal": 120},
    **{"synthetic-test": 400, "synthetic-video": 675},
}


@pytest.mark.parametrize("ask", ["fldbench.list_protocols()", "fldbench.registry.names('protocol')"])
def test_the_names_are_known_before_anything_else_is_imported(ask):
    code = f"import fldbench, fldbench.registry; print(*{ask})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == list(COUNTS)


def test_a_protocol_is_made_without_the_heavy_libraries():
    heavy = ("torch", "cv2", "dlib", "pandas", "matplotlib")
    code = f"import sys, fldbench; fldbench.get_protocol('wflw@fan'); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_bases_are_those_of_the_field():
    bases = {name: fldbench.get_protocol(name) for name in fldbench.list_protocols()}
    assert {name: base.n_expected for name, base in bases.items()} == COUNTS
    assert len({base.hash for base in bases.values()}) == len(bases)
    assert all(name == base.name and base.scheme in list_schemes() for name, base in bases.items())
    assert not any(base.legacy for base in bases.values())


@pytest.mark.parametrize(
    ("name", "normaliser", "points"),
    [
        ("300w-full", "inter-ocular", ((36,), (45,))),
        ("wflw", "inter-ocular", ((60,), (72,))),
        ("wflw@interpupil", "inter-pupil", ((96,), (97,))),
        ("cofw", "inter-ocular", ((8,), (9,))),
        ("cofw@interpupil", "inter-pupil", ((16,), (17,))),
        ("lapa", "inter-ocular", ((66,), (79,))),
        ("jd106", "box", None),
        ("aflw19-full", "given-box", None),
        ("aflw19-full@norm=face-size", "face-size", None),
        ("merl-rav", "box", None),
        ("mtfl-detected", "inter-pupil", ((0,), (1,))),
    ],
)
def test_normalisers_are_those_that_papers_use(name, normaliser, points):
    protocol = fldbench.get_protocol(name)
    assert (protocol.normaliser, protocol.normaliser_points) == (normaliser, points)


def test_readers_have_the_subsets_and_as_many_faces():
    for name in fldbench.list_protocols():
        base = fldbench.get_protocol(name)
        reader = make_dataset(base.dataset)
        assert base.split in reader.splits and base.scheme == reader.scheme, name
        if base.subset != "detected":  # how many faces a detector finds is no fact of the dataset
            assert reader.expected[base.subset or base.split] == base.n_expected, name


def test_the_complete_lists_of_300w_have_these_hashes(data_root):
    for which, names in {
        "public": ("300w-helen", "300w-lfpw", "300w-common", "300w-challenging", "300w-full"),
        "private": ("300w-private", "300w-private-indoor", "300w-private-outdoor"),
    }.items():
        faces = labels_300w(data_root, which)
        for name in names:
            protocol = fldbench.get_protocol(name)
            chosen = protocol.select(faces)
            assert protocol.is_complete(chosen), name
            assert not protocol.is_complete(chosen[1:])
            other = np.array(["x", *chosen.ids[1:]])
            assert not protocol.is_complete(replace(chosen, ids=other))


def test_blanks_in_ids_do_not_matter_to_their_hash(data_root):
    faces = labels_300w(data_root)
    release = np.array([one.replace("image_092_01", "image_092 _01") for one in faces.ids.tolist()])
    assert (release != faces.ids).sum() == 1
    assert ids_hash(replace(faces, ids=release)) == ids_hash(faces) == fldbench.get_protocol("300w-full").ids_sha256


def test_the_catalogue_fits_on_a_screen():
    bases, modifiers = catalogue()
    assert len(bases) + len(modifiers) + 2 <= 48
    for rows in (bases, modifiers):
        width = max(len(name) for name, _ in rows)
        assert max(2 + width + 2 + len(text) for _, text in rows) <= 80
    assert dict(bases)["wflw-SUBSET"] == "pose expression illumination makeup occlusion blur"
    assert dict(bases)["cofw68"] == "  507 faces, ibug-68, inter-ocular, boxes official"
    named = {name for name, _ in bases if not name.endswith("-SUBSET")}
    assert named == {name for name in COUNTS if not name.startswith(("wflw-", "300vw-"))}
