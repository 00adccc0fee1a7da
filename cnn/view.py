"""How a network sees a face: the square around the box, its frame of [-1, 1], and the values of its pixels.

Frame: the network's crop covers [-1, 1] in x and in y. A point p px of a crop that is n px wide lies at
(p + 0.5) / n * 2 - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from fldbench.faces.crops import crop_image
from fldbench.geometry import crop_matrix, invert, to_grey, transform

# (v / 255 - mean) / deviation for each channel
CHANNEL_STATISTICS = {
    "unit": ([0.0], [1.0]),
    "half": ([0.5], [1.0]),
    "signed": ([0.5], [0.5]),
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
}
GROWTH_STEP = 16  # px; networks that answer crops of any size halve them four times
NORMALISATIONS = ("instance", *CHANNEL_STATISTICS, "stretched")


@dataclass(frozen=True)
class View:
    """A square around the box, grown by its padding and stretched to the size of the network's input.

    Attributes
    ----------
    width, height : int
        Size of the network's input, px.
    channels : int
        1 for grey, 3 for RGB.
    padding : float
        Context around the box on each side, as a share of its longer side.
    """

    width: int
    height: int
    channels: int
    padding: float

    @property
    def side(self) -> int:
        """Side of the square before it is stretched, px; it has the finer of the two resolutions."""
        return max(self.width, self.height)

    def grown(self, done: float) -> View:
        """Return the view of a smaller crop of the same square, when a share `done` of its growth is done.

        Sides grow from half of their length to the whole, in steps of 16 px.

        Examples
        --------
        >>> [View(128, 128, 3, 0.0).grown(done).width for done in (0.0, 0.2, 0.5, 0.99, 1.0)]
        [64, 64, 96, 112, 128]
        """
        width, height = (
            side if done >= 1 else max(int(side * (1 + done) / 2) // GROWTH_STEP * GROWTH_STEP, min(GROWTH_STEP, side))
            for side in (self.width, self.height)
        )
        return replace(self, width=width, height=height)

    def wide(self, margin: float) -> int:
        """Return the side, px, of a crop that is `margin` times as wide and has the same resolution."""
        return max(round(self.side * margin), 1)

    def padded(self, margin: float) -> float:
        """Return the padding of that wider crop."""
        return ((1 + 2 * self.padding) * margin - 1) / 2

    def to_frame(self, points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """Map points from px of the photos into the frame.

        Parameters
        ----------
        points : ndarray, (n, L, 2)
            In px of the photos.
        matrices : ndarray, (n, 2, 3)
            As `square` returns them.

        Returns
        -------
        ndarray, (n, L, 2)
        """
        return (transform(points, matrices) + 0.5) / self.side * 2 - 1

    def to_photo(self, points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """Map points from the frame into px of the photos; the inverse of `to_frame`."""
        return transform((np.asarray(points, float) + 1) / 2 * self.side - 0.5, invert(matrices))

    def square(self, boxes: np.ndarray) -> np.ndarray:
        """Return the maps from px of the photos to px of the square before it is stretched: (n, 4) -> (n, 2, 3)."""
        return crop_matrix(boxes, self.side, self.padding)

    def cut(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Cut the network's input from a photo.

        Parameters
        ----------
        image : ndarray of uint8, (h, w) or (h, w, 3)
            Grey or RGB.
        matrix : ndarray, (2, 3)
            A row of what `square` returns.

        Returns
        -------
        ndarray of uint8, (height, width) or (height, width, 3)
        """
        coloured = np.repeat(image[..., None], 3, 2) if image.ndim == 2 and self.channels == 3 else image
        square = crop_image(coloured, matrix, self.side, grey=False)
        return self.stretched(to_grey(square) if self.channels == 1 else square)

    def stretched(self, square: np.ndarray) -> np.ndarray:
        """Return the square as the network sees it: stretched to width x height."""
        if self.width == self.height:
            return square
        matrix = Placement().matrix(self.side, 1.0, self.width, self.height)
        return seen_through(square, matrix, self.width, self.height)


@dataclass(frozen=True)
class Placement:
    """The placement of the network's view: a similarity map of the frame, then the mirror image if `flipped`.

    A point (u, v) of the frame goes to (cos u - sin v + x, sin u + cos v + y).

    Attributes
    ----------
    cos, sin : float
        Of the angle, times the scale.
    x, y : float
        The shift, in units of the frame.
    flipped : bool
        Whether the sign of x changes after the map.
    """

    cos: float = 1.0
    sin: float = 0.0
    x: float = 0.0
    y: float = 0.0
    flipped: bool = False

    def matrix(self, wide: int, margin: float, width: int, height: int) -> np.ndarray:
        """Return the map from px of a wide crop to px of the network's input.

        Parameters
        ----------
        wide : int
            Side of the wide crop, px.
        margin : float
            Its side, in sides of the network's crop.
        width, height : int
            Of the network's input, px.

        Returns
        -------
        ndarray, (2, 3)

        Examples
        --------
        >>> Placement(x=0.5).matrix(64, 1.0, 64, 64).round().tolist()
        [[1.0, -0.0, 16.0], [0.0, 1.0, 0.0]]
        """
        k = 2 * margin / wide  # units of the frame per pixel
        c = k / 2 - margin  # the frame's place of pixel 0
        side = -1.0 if self.flipped else 1.0
        half_w, half_h = width / 2, height / 2
        return np.array(
            [
                [
                    side * half_w * self.cos * k,
                    -side * half_w * self.sin * k,
                    half_w * (side * ((self.cos - self.sin) * c + self.x) + 1) - 0.5,
                ],
                [half_h * self.sin * k, half_h * self.cos * k, half_h * ((self.sin + self.cos) * c + self.y + 1) - 0.5],
            ]
        )


def seen_through(crop: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sample a square crop bilinearly through a map to the network's input.

    Parameters
    ----------
    crop : ndarray of uint8, (s, s) or (s, s, 3)
    matrix : ndarray, (2, 3)
        px of the crop -> px of the input. Beyond the crop, its border pixels are repeated.
    width, height : int
        Of the input, px.

    Returns
    -------
    ndarray of uint8, (height, width) or (height, width, 3)
    """
    import cv2

    return cv2.warpAffine(crop, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def to_tensor(images: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack n images (H, W) or (H, W, 3) uint8 into a tensor (n, C, H, W) uint8."""
    stacked = np.stack(images)
    # The strides of a plain tensor: torch would follow other strides and use kernels that are slower here.
    return torch.from_numpy(stacked[:, None] if stacked.ndim == 3 else np.moveaxis(stacked, -1, 1).copy())


def normalised(images: torch.Tensor, kind: str) -> torch.Tensor:
    """Normalise the values of pixels for the network.

    Parameters
    ----------
    images : Tensor of uint8, (b, C, H, W)
    kind : {"instance", "unit", "half", "signed", "imagenet", "stretched"}
        "instance": each image to zero mean and unit variance, a flat one to zeros; "unit": [0, 1]; "half":
        [-0.5, 0.5]; "signed": [-1, 1]; "imagenet": by the mean and deviation of ImageNet's channels; "stretched": the
        least and the greatest value of each image to 0 and 1, a flat one to zeros.

    Returns
    -------
    Tensor of float32, (b, C, H, W)

    Examples
    --------
    >>> normalised(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), "signed").flatten().tolist()
    [-1.0, 1.0]
    """
    if kind in CHANNEL_STATISTICS:
        mean, deviation = (torch.tensor(part, device=images.device)[:, None, None] for part in CHANNEL_STATISTICS[kind])
        return (images / 255).sub_(mean).div_(deviation)  # in place: new memory costs as much as the arithmetic
    images = images.float()
    if kind == "instance":
        centred = images - images.mean((-3, -2, -1), keepdim=True)
        return centred / (centred.std((-3, -2, -1), keepdim=True) + 1.0)
    least = images.amin((-3, -2, -1), keepdim=True)  # "stretched"
    return (images - least) / (images.amax((-3, -2, -1), keepdim=True) - least).clamp(min=1)
