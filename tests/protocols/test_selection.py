"""Which faces a protocol selects, and in which boxes."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

from fldbench import protocols
from fldbench.geometry import box_centre, box_size, jitter_box, tight_box


def test_select_takes_the_subset_and_makes_the_boxes():
    faces = toy_faces(6).with_boxes(np.tile([0.0, 0, 9, 9], (6, 1)))
    official = toy_protocol("o", box_source="official", subset="odd").select(faces)
    assert official.ids.tolist() == ["test1", "test3", "test5"] and (official.boxes == [0, 0, 9, 9]).all()
    tight = toy_protocol("t").select(faces)
    assert np.array_equal(tight.boxes, tight_box(faces.landmarks))
    jittered = toy_protocol("j", box_source="jittered").select(faces)
    assert (jittered.boxes != tight.boxes).all()
    shift = (box_centre(jittered.boxes) - box_centre(tight.boxes)) / box_size(tight.boxes)
    assert np.abs(shift).max() < 0.25


def test_first_takes_the_first_by_id_whatever_the_order_of_the_files():
    faces = toy_faces(12)  # test0 ... test11
    protocol = toy_protocol("p", first=3)
    assert protocol.select(faces).ids.tolist() == ["test0", "test1", "test10"]
    assert protocol.select(faces[::-1]).ids.tolist() == ["test10", "test1", "test0"]
    assert toy_protocol("p", first=3, subset="odd").select(faces).ids.tolist() == ["test1", "test3", "test11"]


def test_the_jitter_is_that_of_the_first_version_and_depends_on_the_id_alone():
    faces = toy_faces(8)
    boxes = protocols.boxes_from(faces, "jittered:0.05").boxes
    for face, box, tight in zip(faces.ids, boxes, tight_box(faces.landmarks), strict=True):
        seed = int.from_bytes(hashlib.sha256(f"0:{face}".encode()).digest()[:8], "big")
        assert np.array_equal(box, jitter_box(tight, np.random.default_rng(seed), 0.05, 0.05))
    for name in ("jittered", "truth-jittered", "jittered:.05"):
        assert np.array_equal(protocols.boxes_from(faces, name).boxes, boxes)
    assert np.array_equal(protocols.boxes_from(faces[::-1][2:5], "jittered").boxes, boxes[::-1][2:5])
    renamed = replace(faces, ids=np.array([f"x{i}" for i in range(8)]))
    assert (protocols.boxes_from(renamed, "jittered").boxes != boxes).all()


@pytest.mark.parametrize("spread", [0.05, 0.1])
def test_jittered_boxes_have_the_stated_spread(spread):
    many = toy_faces(4000)
    boxes, tight = protocols.boxes_from(many, f"jittered:{spread}").boxes, tight_box(many.landmarks)
    shift = (box_centre(boxes) - box_centre(tight)) / box_size(tight)
    scale = box_size(boxes) / box_size(tight)
    assert shift.std(0) == pytest.approx([spread, spread], rel=0.05) and abs(shift.mean()) < 0.06 * spread
    assert scale.std() == pytest.approx(spread, rel=0.05) and scale.mean() == pytest.approx(1, abs=0.06 * spread)
