"""Augmentation: one affine map a face that crops, turns, scales, shifts and mirrors at once, then its light and damage.

Everything is drawn from a generator of the face's own (`generator`), keyed by seed, epoch and the face's number: what
a face looks like depends on no other face, no thread and no interruption.

Frame: the network's crop covers [-1, 1] in x and y. The pixels come from a wider square crop about the same centre,
whose side is `margin` times the network's, so that a turned or shifted face still has pixels to its corners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from fldbench.errors import MethodError, near_miss

LARGEST_MARGIN = 2.0  # of a wide crop; beyond it, border pixels are repeated


@dataclass(frozen=True)
class Ranges:
    """What may happen to a face. Symmetric ranges are given by their half width; 0 switches a part off.

    rotation     degrees, +-
    scale        the face grows by e^u, u in +-scale
    shift        in x and in y, +-, as a share of the crop's side
    geometry     probability that the three above are drawn for a face at all
    flip         probability of the mirror image
    brightness   added to every pixel, +-, as a share of 255
    contrast     differences from middle grey are multiplied by e^u, u in +-contrast
    colour       each channel of a coloured crop is multiplied by e^u, u in +-colour
    blur         largest standard deviation of a Gaussian, px; with the probability blur_share
    noise        largest standard deviation of Gaussian noise, levels of 255; with noise_share
    jpeg         lowest quality of a JPEG encoding, 1 to 100; with jpeg_share
    blocks       most occluding blocks, each with sides of at most block_side of the crop; with block_share
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    geometry: float = 1.0
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    blur: float = 0.0
    blur_share: float = 0.2
    noise: float = 0.0
    noise_share: float = 0.2
    jpeg: int = 40
    jpeg_share: float = 0.0
    blocks: int = 0
    block_side: float = 0.35
    block_share: float = 0.3

    @property
    def margin(self) -> float:
        """Side of the part of the photo that may be seen, in sides of the network's crop."""
        turn = math.radians(min(abs(self.rotation), 45.0))
        reach = math.exp(self.scale) * (math.cos(turn) + math.sin(turn) + 2 * self.shift)
        return min(reach, LARGEST_MARGIN)


PRESETS = {
    "none": Ranges(),
    "standard": Ranges(
        rotation=20.0,
        scale=0.12,
        shift=0.05,
        flip=0.5,
        brightness=0.15,
        contrast=0.3,
        colour=0.1,
        blur=1.0,
        noise=8.0,
        jpeg_share=0.1,
        blocks=2,
    ),
    # a window of 227 px somewhere in 250 px; at prediction it is in the middle
    "random-crop": Ranges(shift=11.5 / 227),
    # 10 px of the 160 px that this project's network saw
    "course": Ranges(rotation=15.0, shift=10 / 160, brightness=0.2),
    "mtfl": Ranges(rotation=30.0, shift=0.2, geometry=0.5),
}


def get_ranges(augmentation: str | dict | Ranges) -> Ranges:
    """A preset by its name; a dict of ranges, which may begin from a preset by the key "preset"; or Ranges as they are.

    Raises MethodError for a name, key or value that is not allowed.

    >>> get_ranges({"preset": "course", "flip": 0.5}).rotation
    15.0
    """
    if isinstance(augmentation, Ranges):
        return augmentation
    if not isinstance(augmentation, (str, dict)):
        raise MethodError(f"augmentation is {augmentation!r}; allowed is a preset's name or a dict of ranges")
    given = {"preset": augmentation} if isinstance(augmentation, str) else dict(augmentation)
    preset = given.pop("preset", "none")
    if preset not in PRESETS:
        raise MethodError(f"no augmentation is named {preset!r}; {near_miss(str(preset), PRESETS)}")
    known = {field.name for field in fields(Ranges)}
    for name, value in given.items():
        if name not in known:
            raise MethodError(f"augmentation has no range {name!r}; {near_miss(name, known)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise MethodError(f"augmentation: {name} is {value!r}; allowed is a number from 0")
    ranges = replace(PRESETS[preset], **given)
    if not 1 <= ranges.jpeg <= 100:
        raise MethodError(f"augmentation: jpeg is {ranges.jpeg!r}; allowed is a quality from 1 to 100")
    return ranges


def generator(random_state: int, epoch: int, face: int) -> np.random.Generator:
    """The face's own numbers in this epoch (Philox, by key and counter: no state to keep)."""
    return np.random.Generator(np.random.Philox(key=[random_state, epoch], counter=[0, 0, 0, face]))


@dataclass(frozen=True)
class Placement:
    """Where the network looks: a map of the frame, p -> linear p + move, after it the mirror image if `flipped`."""

    cos: float = 1.0  # times the scale
    sin: float = 0.0
    x: float = 0.0
    y: float = 0.0
    flipped: bool = False

    def matrix(self, wide: int, margin: float, width: int, height: int) -> np.ndarray:
        """px of a wide crop of `wide` px, which is `margin` crops wide -> px of the network's input: (2, 3).

        >>> Placement(x=0.5).matrix(64, 1.0, 64, 64).round().tolist()
        [[1.0, -0.0, 16.0], [0.0, 1.0, 0.0]]
        """
        k = 2 * margin / wide  # the frame's units a pixel, and the frame's place of pixel 0
        c = k / 2 - margin
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


def draw_placement(ranges: Ranges, rng: np.random.Generator) -> Placement:
    """A random placement; always seven numbers of the generator, so that no range moves what comes after."""
    wanted, turn, grow, x, y, flip, _ = rng.random(7).tolist()
    flipped = flip < ranges.flip
    if wanted >= ranges.geometry:
        return Placement(flipped=flipped)
    angle = math.radians((2 * turn - 1) * ranges.rotation)
    factor = math.exp((2 * grow - 1) * ranges.scale)
    move = 2 * ranges.shift  # the frame is two units wide
    return Placement(
        factor * math.cos(angle), factor * math.sin(angle), (2 * x - 1) * move, (2 * y - 1) * move, flipped
    )


def seen_through(crop: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """The wide crop uint8 (s, s[, 3]) through a map to the network's input: uint8 (height, width[, 3]); bilinear."""
    import cv2

    return cv2.warpAffine(crop, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def relit(image: np.ndarray, ranges: Ranges, rng: np.random.Generator) -> np.ndarray:
    """Light, colour, blur, noise, JPEG and blocks, in this order: uint8 (h, w[, 3]) -> the same shape, uint8."""
    import cv2

    draws = rng.random(12).tolist()
    if ranges.brightness or ranges.contrast or (ranges.colour and image.ndim == 3):
        image = cv2.LUT(image, _levels(ranges, draws, image.ndim == 3))
    if ranges.blur and draws[5] < ranges.blur_share and draws[6] * ranges.blur > 0.1:
        image = cv2.GaussianBlur(image, (0, 0), draws[6] * ranges.blur, borderType=cv2.BORDER_REPLICATE)
    if ranges.noise and draws[7] < ranges.noise_share:
        noise = rng.standard_normal(image.shape, np.float32) * (draws[8] * ranges.noise)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if draws[9] < ranges.jpeg_share:
        quality = round(ranges.jpeg + draws[10] * (100 - ranges.jpeg))
        done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if done else image
    if ranges.blocks and draws[11] < ranges.block_share:
        image = _occluded(image, ranges, rng)
    return image


def _levels(ranges: Ranges, draws: list[float], coloured: bool) -> np.ndarray:
    """What becomes of each of the 256 levels: uint8 (256,), or (256, 1, 3) for a coloured image."""
    gain = math.exp((2 * draws[0] - 1) * ranges.contrast)
    levels = (np.arange(256, dtype=np.float32) - 127.5) * gain + 127.5 + 255 * (2 * draws[1] - 1) * ranges.brightness
    if coloured:
        levels = levels[:, None, None] * np.exp((2 * np.array(draws[2:5], np.float32) - 1) * ranges.colour)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _occluded(image: np.ndarray, ranges: Ranges, rng: np.random.Generator) -> np.ndarray:
    """One to `blocks` rectangles of one colour each, somewhere in the image, cut off at its border."""
    image = image.copy()
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(1, ranges.blocks + 1))):
        y, x, tall, broad, *colour = rng.random(7).tolist()
        high, wide = tall * ranges.block_side * h, broad * ranges.block_side * w
        rows = slice(max(round(y * h - high / 2), 0), max(round(y * h + high / 2), 0))
        columns = slice(max(round(x * w - wide / 2), 0), max(round(x * w + wide / 2), 0))
        image[rows, columns] = [255 * v for v in colour] if image.ndim == 3 else 255 * colour[0]
    return image
