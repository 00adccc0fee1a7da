"""The table of the mean head is that of the synthetic head."""

import numpy as np
import pytest

from fldbench.datasets.synthetic.anchors import SCHEMES
from fldbench.datasets.synthetic.mean_points import mean_points
from fldbench.schemes.head import mean_head


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_table_is_the_mean_head(scheme):
    assert np.allclose(mean_head(scheme), mean_points(scheme), atol=0.0501)
