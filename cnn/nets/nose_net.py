"""nose-net: three small convolutions that find one landmark, the tip of the nose.

The course report's first part: convolutions of 12, 24 and 32 channels with kernels 7, 5 and 3, without padding, a ReLU
and 2 x 2 max pooling after each, then dense 128, ReLU, dense 2. Its crops are 80 px wide and 60 px high.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.layers import Network, PointHead, flat_width, for_relu
from fldbench.cnn.method import NetworkMethod
from fldbench.errors import MethodError
from fldbench.faces import FaceSet
from fldbench.schemes import Scheme, get_scheme


def nose_tip(scheme: Scheme) -> int:
    """The point of a scheme that is the tip of the nose, or stands for it.

    The group `nose_tip` where there is one; else the last point of the bridge; else the middle of the nose's outline,
    which is the base of the column. Raises MethodError for a scheme without a nose.

    >>> from fldbench.schemes import get_scheme
    >>> [nose_tip(get_scheme(name)) for name in ("mtfl-5", "ibug-68", "imm-58")]
    [2, 30, 52]
    """
    if "nose_tip" in scheme.groups:
        return scheme.groups["nose_tip"][0]
    if "nose_bridge" in scheme.groups:
        return scheme.groups["nose_bridge"][-1]
    if "nose" in scheme.groups:
        outline = scheme.groups["nose"]
        return outline[len(outline) // 2]
    raise MethodError(f"nose-net: the scheme {scheme.name} has no nose; give the number of a point as `landmark`")


class NoseNet(NetworkMethod):
    """Finds one landmark, and answers with the mean shape of the training faces moved onto it.

    So only that landmark is looked for. The rest of the answer is the mean shape, as large and as upright as it lies in
    the box; the loss and the NME that training reports are over all points, but only the one landmark teaches.

    landmark        its number in the scheme; None is the tip of the nose (`nose_tip`)
    width, height   of the crop, px: the square around the box is stretched to them
    The rest as in `NetworkMethod`. As in the report: mean squared error, Adam at 1e-3, small batches; added are turns
    and shifts, and a rate that comes down.
    """

    normalise = "half"
    defaults = {"optimiser": "adam", "weight_decay": 0.0}

    def __init__(
        self,
        landmark: int | None = None,
        width: int = 80,
        height: int = 60,
        channels: int = 1,
        padding: float = 0.15,
        loss: str = "l2",
        augmentation: str | dict = "course",
        epochs: int = 50,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        flip_test: bool = False,
        weights: str | None = None,
        frozen: int = 0,
        training: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        self.landmark = landmark
        self.width = width
        self.height = height
        self.channels = channels
        self.padding = padding
        self.loss = loss
        self.augmentation = augmentation
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.flip_test = flip_test
        self.weights = weights
        self.frozen = frozen
        self.training = training
        self.random_state = random_state

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the crop, px."""
        return self.width, self.height

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        folder: str | Path | None = None,
    ) -> NoseNet:
        """As in `NetworkMethod`; learns landmark_ besides."""
        landmark = nose_tip(get_scheme(train.scheme)) if self.landmark is None else self.landmark
        if type(landmark) is not int or not 0 <= landmark < train.landmarks.shape[1]:
            last = train.landmarks.shape[1] - 1
            raise MethodError(f"nose-net: landmark is {landmark!r}; {train.scheme} has the points 0 to {last}")
        self.landmark_ = landmark
        super().fit(train, val, sample_weight, folder)
        return self

    def learned(self) -> dict[str, Any]:
        """What was learned, and which landmark it was."""
        learned = super().learned()
        return learned and learned | {"landmark_": self.landmark_}

    def build(self, n_points: int, mean: torch.Tensor) -> NoseNetwork:
        """The network, which begins as the mean shape."""
        return NoseNetwork(mean, self.landmark_, self.width, self.height, self.channels)


class NoseNetwork(Network):
    """(b, C, H, W) -> (b, L, 2); 129,842 weights at 80 x 60, grey, for whatever number of points."""

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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dense(self.body(x)).relu())


class OnePointHead(nn.Module):
    """(b, width) -> (b, L, 2): one landmark is found, and the mean shape (L, 2) is moved onto it.

    The other points take no part in training: no gradient flows through them.
    """

    def __init__(self, width: int, mean: torch.Tensor, landmark: int):
        super().__init__()
        self.point = PointHead(width, mean[landmark : landmark + 1])
        # Not persistent: both follow from mean shape and landmark, and are not to be taken over from a weight file.
        self.register_buffer("shape", (mean - mean[landmark]).float(), False)  # relative to the landmark
        self.register_buffer("is_it", torch.arange(len(mean), device=mean.device)[:, None] == landmark, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.point(x)
        return torch.where(self.is_it, found, found.detach() + self.shape)
