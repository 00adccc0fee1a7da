"""What harm does to pixels: pure functions of an image, RGB uint8 (h, w, 3), that return a new one.

Lengths are in px of the image; `fldbench.faces.harm` takes them from the face. A point (x, y) of the image stays where
it is, except in `turned`, which moves it as `turn_matrix` says.
"""

from __future__ import annotations

import math

import numpy as np

from fldbench.faces.draws import rng_of
from fldbench.faces.images import decode_image, encode_image
from fldbench.faces.pixels import LONGEST

FINE = 8.0  # px: a Gaussian that is wider is computed on a smaller image
NOISE_CELLS = 100.0  # cells of noise along a face; a pixel is the smallest cell
JPEG_FACE = 128.0  # px: larger faces are compressed at this size


def turn_matrix(degrees: float, centre: tuple[float, float], margin: int) -> np.ndarray:
    """Return the map (2, 3) of a turn about a centre (x, y) px, clockwise as seen, into a frame with a margin.

    >>> turn_matrix(90.0, (10.0, 10.0), 5).round(6).tolist()
    [[0.0, -1.0, 25.0], [1.0, 0.0, 5.0]]
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = centre
    return np.array([[cos, -sin, x - cos * x + sin * y + margin], [sin, cos, y - sin * x - cos * y + margin]])


def turned(image: np.ndarray, degrees: float, x: float, y: float, margin: int) -> np.ndarray:
    """Turn an image about (x, y), in a frame that is `margin` px wider on each side; its border is repeated."""
    import cv2

    height, width = image.shape[:2]
    size = min(width + 2 * margin, LONGEST), min(height + 2 * margin, LONGEST)
    matrix = turn_matrix(degrees, (x, y), margin)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def covered(image: np.ndarray, x0: float, y0: float, x1: float, y1: float, grey: int) -> np.ndarray:
    """Paint the pixels whose centres lie in a rectangle; the rest of the image stays.

    >>> covered(np.zeros((3, 3, 3), np.uint8), 0.5, 1.0, 5.0, 1.9, 9)[..., 0].tolist()
    [[0, 0, 0], [0, 9, 9], [0, 0, 0]]
    """
    found = image.copy()
    left, top = (max(0, math.ceil(low)) for low in (x0, y0))
    right, bottom = (max(0, math.floor(high) + 1) for high in (x1, y1))
    found[top:bottom, left:right] = grey
    return found


def dimmed(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the values by a factor and round them.

    >>> dimmed(np.full((1, 1, 3), 100, np.uint8), 0.5).tolist()
    [[[50, 50, 50]]]
    """
    return tinted(image, factor, factor, factor)


def tinted(image: np.ndarray, red: float, green: float, blue: float) -> np.ndarray:
    """Multiply each channel by its factor; values beyond 255 are cut.

    >>> tinted(np.full((1, 1, 3), 100, np.uint8), 2.0, 1.0, 3.0).tolist()
    [[[200, 100, 255]]]
    """
    import cv2

    table = np.arange(256)[:, None] * np.array([red, green, blue])
    return cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None])


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve an image with a Gaussian of a standard deviation in px.

    A wide one is computed on an image that is smaller by a whole factor k. The mean over k px and the interpolation
    back have variances (k^2 - 1) / 12 and k^2 / 6, which the Gaussian there does without.
    """
    import cv2

    k = max(1, int(sigma / FINE * 2)) if sigma > FINE else 1
    if k == 1:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    # The frame is filled up to whole cells, so that the small image has no pixel of another size.
    framed = cv2.copyMakeBorder(image, 0, -height % k, 0, -width % k, cv2.BORDER_REPLICATE)
    small = cv2.resize(framed, (framed.shape[1] // k, framed.shape[0] // k), interpolation=cv2.INTER_AREA)
    left = math.sqrt(sigma**2 - (k**2 - 1) / 12 - k**2 / 6) / k
    small = cv2.GaussianBlur(small, (0, 0), left, borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(small, framed.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return large[:height, :width]


def coarsened(image: np.ndarray, factor: float) -> np.ndarray:
    """Shrink an image by a factor up to 1 and enlarge it again."""
    import cv2

    return cv2.resize(_shrunk(image, factor), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def noisy(image: np.ndarray, deviation: float, face_size: float, face_id: str) -> np.ndarray:
    """Add Gaussian noise, the same in all channels, with a standard deviation in grey levels.

    It has NOISE_CELLS cells along a face of `face_size` px. In smaller faces a cell is a pixel, and the deviation
    falls with the size, so that the noise has the same power for each part of the face.
    """
    cell = max(1.0, face_size / NOISE_CELLS)
    height, width = image.shape[:2]
    rows, columns = ((np.arange(side) / cell).astype(int) for side in (height, width))
    field = rng_of("noise", face_id).standard_normal((rows[-1] + 1, columns[-1] + 1), dtype=np.float32)
    field *= deviation * min(1.0, face_size / NOISE_CELLS)
    return np.clip(np.rint(image + field[rows[:, None], columns][..., None]), 0, 255).astype(np.uint8)


def compressed(image: np.ndarray, quality: int, face_size: float) -> np.ndarray:
    """Compress an image as JPEG, shrunk first so that the face has at most JPEG_FACE px, and decode it again."""
    import cv2

    small = _shrunk(image, min(1.0, JPEG_FACE / face_size))
    found = decode_image(encode_image(small, ".jpg", quality), "the compressed image")
    return found if small is image else cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _shrunk(image: np.ndarray, factor: float) -> np.ndarray:
    import cv2

    if factor >= 1:
        return image
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
