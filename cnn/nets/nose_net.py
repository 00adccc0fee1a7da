"""nose-net: three small convolutions that find one landmark, the tip of the nose.

The course report's first part: convolutions of 12, 24 and 32 channels with kernels 7, 5 and 3, without padding, a ReLU
and 2 x 2 max pooling after each, then dense 128, ReLU, dense 2. Its crops are 80 px wide and 60 px high.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import Network, flat_width, for_relu
from fldbench.cnn.oblong import OblongMethod
from fldbench.errors import MethodError, must_be
from fldbench.faces import FaceSet
from fldbench.model_file import Learned
from fldbench.params import optional, whole
from fldbench.schemes import Scheme, get_scheme


def nose_tip(scheme: Scheme) -> int:
    """Return the point of a scheme at the tip of the nose, or the best substitute.

    It is the first point of the part `nose_tip`; without that part the last point of the bridge, if that lies on the
    middle line; else the middle of the nose's outline or of its base, at the base of the column.

    Raises
    ------
    MethodError
        For a scheme without a nose.

    Examples
    --------
    >>> from fldbench.schemes import get_scheme
    >>> [nose_tip(get_scheme(name)) for name in ("mtfl-5", "ibug-68", "imm-58")]
    [2, 30, 52]
    """
    if "nose_tip" in scheme.regions:
        return scheme.regions["nose_tip"][0]
    bridge = scheme.regions.get("nose_bridge")
    if bridge and scheme.mirror is not None and scheme.mirror[bridge[-1]] == bridge[-1]:
        return bridge[-1]
    for name in ("nose", "nose_base"):
        if name in scheme.regions:
            return scheme.regions[name][len(scheme.regions[name]) // 2]
    raise MethodError(f"nose-net: the scheme {scheme.name} has no nose; give the number of a point as `landmark`")


@dataclass(kw_only=True, eq=False, repr=False)
class NoseNet(OblongMethod):
    """Find one landmark, and predict the mean shape of the training faces moved onto it.

    The network looks only for that landmark. The rest of the prediction is the mean shape, with its size and rotation
    in the box. The loss and the NME that training reports are over all points, but only the one landmark teaches. As in
    the report: mean squared error, Adam at 1e-3, small batches. Added are turns and shifts, and a rate that falls.

    Parameters that are not named here are those of `OblongMethod`.

    Parameters
    ----------
    landmark : int, optional
        Its number in the scheme, from 0. By default the tip of the nose (`nose_tip`).

    Attributes
    ----------
    landmark_ : int
        The landmark that is looked for.
    """

    normalise = "half"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}
    rules = {**OblongMethod.rules, "landmark": optional(whole(0))}

    landmark: int | None = None
    width: int = 80
    height: int = 60
    loss: str = "l2"
    augmentation: str | dict[str, Any] = "course"
    epochs: int = 50
    batch_size: int = 16

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        folder: str | Path | None = None,
    ) -> NoseNet:
        """Train as `NetworkMethod` does, and choose the landmark."""
        self.check_params()
        last = train.landmarks.shape[1] - 1
        if self.landmark is not None and self.landmark > last:
            allowed = f"a point of {train.scheme}, 0 to {last}"
            raise MethodError(must_be(self.label, "landmark", self.landmark, allowed))
        self.landmark_ = nose_tip(get_scheme(train.scheme)) if self.landmark is None else self.landmark
        super().fit(train, val, sample_weight, folder)
        return self

    def learned(self) -> dict[str, Any]:
        """Return what was learned, and which landmark it was for."""
        learned = super().learned()
        return learned and learned | {"landmark_": self.landmark_}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take back what `learned` gave; raise DataError for values that do not fit each other."""
        Learned(self.label, learned).index("landmark_", len(learned.get("mean_", ())))
        super().restore(learned)

    def build(self, n_points: int, mean: torch.Tensor) -> NoseNetwork:
        """Return the network, which begins as the mean shape."""
        landmark = getattr(self, "landmark_", 0)  # which one it is changes no size, so `fldbench show` needs no fit
        return NoseNetwork(mean, landmark, self.width, self.height, self.channels)


class NoseNetwork(Network):
    """(b, C, H, W) -> (b, L, 2); 129,842 weights at 80 x 60, grey, for any number of points."""

    def __init__(self, mean: torch.Tensor, landmark: int, width: int = 80, height: int = 60, channels: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(channels, 12, 7), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(12, 24, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(24, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )
        self.dense = nn.Linear(flat_width(self.body, (channels, height, width), "nose-net"), 128)
        for_relu(self)
        self.head = OnePointHead(128, mean, landmark)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.body(x)).relu()

    def decode(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.head(encoded)


class OnePointHead(nn.Module):
    """(b, width) -> (b, L, 2): one landmark is found, and the mean shape (L, 2) is moved onto it.

    The other points take no part in training: no gradient flows through them.
    """

    def __init__(self, width: int, mean: torch.Tensor, landmark: int):
        super().__init__()
        self.point = PointHead(width, mean[landmark : landmark + 1])
        # Not persistent: both follow from mean shape and landmark, and must not be taken over from a weight file.
        self.register_buffer("shape", (mean - mean[landmark]).float(), False)  # relative to the landmark
        self.register_buffer("is_it", torch.arange(len(mean), device=mean.device)[:, None] == landmark, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.point(x)
        return torch.where(self.is_it, found, found.detach() + self.shape)
