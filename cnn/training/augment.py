"""Augmentation: one affine map per face crops, turns, scales, shifts and mirrors it; light and damage follow.

Everything is drawn from a generator of the face's own (`generator`), keyed by seed, epoch and the face's number. So
the look of a face does not depend on other faces, threads or interruptions.

Frame: the network's crop covers [-1, 1] in x and y. The pixels come from a wider square crop about the same centre,
whose side is `margin` times the network's, so that a turned or shifted face still has pixels to its corners.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from fldbench.cnn.view import Placement
from fldbench.errors import MethodError, must_be, near_miss
from fldbench.params import Rule, check_rules, kind, real, whole

LARGEST_MARGIN = 2.0  # of a wide crop; beyond it, border pixels are repeated


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """The ranges of the augmentation. A symmetric range is given by its half width; 0 switches a part off.

    Attributes
    ----------
    rotation : float
        Degrees, +-.
    scale : float
        The face grows by e^u, u in +-scale.
    shift : float
        In x and in y, +-, as a share of the crop's side.
    geometry : float
        Probability that the three above are drawn for a face at all.
    flip : float
        Probability of the mirror image.
    brightness : float
        Added to every pixel, +-, as a share of 255.
    contrast : float
        Differences from middle grey are multiplied by e^u, u in +-contrast.
    colour : float
        Each channel of a coloured crop is multiplied by e^u, u in +-colour.
    blur, blur_share : float
        Largest standard deviation of a Gaussian, px, and its probability.
    noise, noise_share : float
        Largest standard deviation of Gaussian noise, levels of 255, and its probability.
    jpeg, jpeg_share : float
        Lowest quality of a JPEG encoding, 1 to 100, and its probability.
    blocks : int
        Largest number of occluding blocks.
    block_side, block_share : float
        Largest side of a block, as a share of the crop's side, and the probability of blocks.
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


RULES: Mapping[str, Rule] = {
    **{field.name: real(0) for field in fields(Ranges)},
    "jpeg": real(1, 100),
    "blocks": whole(0),
}
AUGMENTATION = kind(str, dict, Ranges, allowed="the name of a preset or a dict of ranges")

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
    # A window of 227 px somewhere in 250 px; at prediction it is in the middle.
    "random-crop": Ranges(shift=11.5 / 227),
    # 10 px of the 160 px that this project's network saw.
    "course": Ranges(rotation=15.0, shift=10 / 160, brightness=0.2),
    "mtfl": Ranges(rotation=30.0, shift=0.2, geometry=0.5),
}


def get_ranges(augmentation: str | dict[str, Any] | Ranges, label: str = "parameters") -> Ranges:
    """Return the ranges that a parameter `augmentation` gives.

    Parameters
    ----------
    augmentation : str, dict or Ranges
        The name of a preset; a dict of ranges, which may begin from a preset by the key "preset"; or Ranges, which
        are returned as they are.
    label : str
        The beginning of messages.

    Raises
    ------
    MethodError
        For a name, key or value that is not allowed.

    Examples
    --------
    >>> get_ranges({"preset": "course", "flip": 0.5}).rotation
    15.0
    """
    if isinstance(augmentation, Ranges):
        return augmentation
    check_rules(label, {"augmentation": augmentation}, {"augmentation": AUGMENTATION}, {})
    given = {"preset": augmentation} if isinstance(augmentation, str) else dict(augmentation)
    preset = given.pop("preset", "none")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise MethodError(must_be(label, "augmentation", preset, AUGMENTATION.allowed, near_miss(str(preset), PRESETS)))
    for name in given:
        if name not in RULES:
            raise MethodError(f"{label}: augmentation has no range {name!r}; {near_miss(str(name), RULES)}")
    check_rules(f"{label}: augmentation", given, RULES, {})
    return replace(PRESETS[preset], **given)


def generator(random_state: int, epoch: int, face: int) -> np.random.Generator:
    """Return the face's own numbers in this epoch (Philox, by key and counter: there is no state to keep)."""
    return np.random.Generator(np.random.Philox(key=[random_state, epoch], counter=[0, 0, 0, face]))


def draw_placement(ranges: Ranges, rng: np.random.Generator) -> Placement:
    """Draw a placement; it always takes seven numbers of the generator, so that no range changes later draws."""
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


def relit(image: np.ndarray, ranges: Ranges, rng: np.random.Generator) -> np.ndarray:
    """Change light and colour, then add blur, noise, JPEG and blocks, in this order.

    Parameters
    ----------
    image : ndarray of uint8, (h, w) or (h, w, 3)
    ranges : Ranges
    rng : numpy Generator
        Of the face, after `draw_placement`.

    Returns
    -------
    ndarray of uint8
        Of the same shape; `image` is not changed.
    """
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
    """Return the new value of each of the 256 levels: uint8 (256,), or (256, 1, 3) for a coloured image."""
    gain = math.exp((2 * draws[0] - 1) * ranges.contrast)
    levels = (np.arange(256, dtype=np.float32) - 127.5) * gain + 127.5 + 255 * (2 * draws[1] - 1) * ranges.brightness
    if coloured:
        levels = levels[:, None, None] * np.exp((2 * np.array(draws[2:5], np.float32) - 1) * ranges.colour)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _occluded(image: np.ndarray, ranges: Ranges, rng: np.random.Generator) -> np.ndarray:
    """Draw one to `blocks` rectangles of one colour each, somewhere in the image, cut off at its border."""
    image = image.copy()
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(1, ranges.blocks + 1))):
        y, x, tall, broad, *colour = rng.random(7).tolist()
        high, wide = tall * ranges.block_side * h, broad * ranges.block_side * w
        rows = slice(max(round(y * h - high / 2), 0), max(round(y * h + high / 2), 0))
        columns = slice(max(round(x * w - wide / 2), 0), max(round(x * w + wide / 2), 0))
        image[rows, columns] = [255 * v for v in colour] if image.ndim == 3 else 255 * colour[0]
    return image
