"""The error of each landmark: by hand, and as the mean that is the error of the face under every rule."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

from fldbench.protocols.landmark_errors import landmark_errors


def test_by_hand():
    faces = toy_faces(2)
    predictions = faces.landmarks.copy()
    predictions[0, 3] += (3.0, 4.0)
    predictions[1, 0, 0] = np.nan
    eyes = np.hypot(*(faces.landmarks[0, 0] - faces.landmarks[0, 1]))
    found = landmark_errors(toy_protocol("p", n_expected=2), predictions, faces)
    assert found[0] == pytest.approx([0, 0, 0, 5 / eyes, 0]) and np.isnan(found[1]).all()


@pytest.mark.parametrize(
    "rules",
    [{}, {"points": (0, 2, 4)}, {"integer": True}, {"clipped": True, "box_source": "jittered"}, {"visible": True}],
)
def test_their_mean_is_the_error_of_the_face(rules):
    protocol = toy_protocol("p", **rules)
    rng = np.random.default_rng(0)
    faces = toy_faces(8, 3)
    visible = rng.random((8, 5)) < 0.7
    visible[:, 0] = True
    faces = protocol.select(replace(faces, visible=visible))
    predictions = faces.landmarks + rng.normal(size=faces.landmarks.shape)
    predictions[5] = np.nan
    found = landmark_errors(protocol, predictions, faces)
    score = protocol.score(predictions, faces)
    known = np.delete(found, 5, axis=0)
    assert np.nanmean(known, axis=1) == pytest.approx(np.delete(score.errors, 5))
    assert np.isnan(found[5]).all() and np.isfinite(found).sum(axis=1)[:5].tolist() == score.counts[:5].tolist()
