"""What a training takes from its faces: mean shapes and scales by hand."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces

from fldbench.cnn.training.preparation import error_scale, mean_shape, validation_part
from fldbench.errors import DataError
from fldbench.schemes import get_scheme


def test_the_mean_of_each_point_is_over_the_faces_that_have_it():
    points = np.array([[[0.0, 1.0], [1.0, 1.0]], [[4.0, 1.0], [np.nan, np.nan]], [[2.0, 3.0], [3.0, 5.0]]])
    found = mean_shape(points, np.array([3.0, 1.0, 1.0]), "toy")
    assert found.dtype == np.float32
    assert np.allclose(found, [[6 / 5, (3 + 1 + 3) / 5], [6 / 4, 8 / 4]])
    points[:, 1] = np.nan
    with pytest.raises(DataError, match=r"toy: no training face has point 1 \(1 such point\(s\)\)"):
        mean_shape(points, np.ones(3), "toy")


def test_errors_are_divided_by_the_eyes_or_by_the_box():
    points = np.zeros((3, 68, 2))
    points[0, 45] = (0.3, 0.4)  # the outer corners are 36 and 45
    points[1, 36] = np.nan
    box = 2 / (1 + 2 * 0.25)  # the longer side of the box in a frame that is 2 wide
    assert error_scale(points, get_scheme("ibug-68"), 0.25).tolist() == pytest.approx([0.5, box, box])
    centres = np.zeros((1, 5, 2))
    centres[0, 1] = (0.6, 0.8)
    assert error_scale(centres, get_scheme("mtfl-5"), 0.25).tolist() == pytest.approx([1.0])


def test_too_few_groups_to_cut_a_part_from():
    rows, val = validation_part(replace(toy_faces(4), groups=np.repeat("one", 4)), 0.25, 0)
    assert rows.tolist() == [0, 1, 2, 3] and val is None
