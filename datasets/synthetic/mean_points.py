"""The points of a scheme on the neutral mean head, in 3-D: where `fldbench/schemes/head.csv` comes from."""

import numpy as np

from fldbench.datasets.synthetic.anchors import read_points
from fldbench.datasets.synthetic.head import coefficients, head_vertices
from fldbench.datasets.synthetic.pose import PIVOT, to_camera
from fldbench.datasets.synthetic.scene import iris_centres

DISTANCE = 1000.0  # mm: the points of the jaw are those of the outline that a camera sees from here


def mean_points(scheme):
    """Return the points of a scheme on the neutral mean head, (L, 3) mm in the head frame of `template`.

    >>> mean_points("ibug-68")[27].round(6).tolist()
    [0.0, 0.0, 0.0]
    """
    head = head_vertices(coefficients())
    depth = head[[[37, 38, 40, 41], [43, 44, 46, 47]], 2].mean(1)
    pupils = np.column_stack([iris_centres(head, np.zeros(2)), depth])
    upright = np.eye(3)
    return read_points(scheme, to_camera(head, upright), DISTANCE, 0.0, to_camera(pupils, upright)) + PIVOT
