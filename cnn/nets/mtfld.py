"""mtfld: TCDCN's network on whole images, with the reader of the project that followed the paper on MTFL.

That reader resized each image to 40 x 40 px, stretched its grey levels to their full range, and moved and turned half
of the training batches about the image's centre. Here each face is moved and turned with probability one half, also
right where the image is not square (its longer side fills the crop), and no face of an epoch is dropped. Beyond the
image its border is repeated, where the reader had black.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from fldbench.cnn.heads import Output
from fldbench.cnn.nets.tcdcn import TCDCN
from fldbench.faces import FaceSet
from fldbench.faces.frame import image_frames


@dataclass(kw_only=True, eq=False, repr=False)
class MTFLD(TCDCN):
    """TCDCN's network on the whole image, for images of one face each, such as those of MTFL; boxes are not used.

    As in the project: shifts of 20 % and turns of 30 degrees for half of the faces, no mirror images, squared error,
    Adam at 1e-3 in batches of 50. The loss is that of coordinates in the frame; in px of the crop it is 400 times as
    large, which Adam does not notice.

    Parameters are those of `tcdcn`, without padding: the view is the image.
    """

    uses_boxes = False
    normalise = "stretched"
    defaults = {"optimiser": "adam", "weight_decay": 0.0, "schedule": "constant", "warm_up": 0.0}
    padding: ClassVar[float] = 0.0

    loss: str = "l2"
    augmentation: str | dict[str, Any] = "mtfl"
    batch_size: int = 50
    learning_rate: float = 1e-3

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        folder: str | Path | None = None,
    ) -> MTFLD:
        """Train as `NetworkMethod` does, with the frame of each image in place of the box."""
        train, val = (None if faces is None else faces.with_boxes(image_frames(faces.images)) for faces in (train, val))
        super().fit(train, val, sample_weight, folder)
        return self

    def _run(
        self, images: Sequence[np.ndarray], boxes: np.ndarray
    ) -> Iterator[tuple[torch.Tensor, np.ndarray, Output]]:
        return super()._run(images, image_frames(images))
