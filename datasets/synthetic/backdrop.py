"""Backdrops behind the head: gradients, clouds, blurred shapes and walls, from a few random numbers."""

import numpy as np


def muted(rng, count, low, high):
    """Return colours (count, 3) in [low, high], mostly dark and close to grey, as most surroundings are."""
    colours = low + (high - low) * rng.uniform(0, 1, size=(count, 3)) ** 2.4
    return colours + rng.uniform(0.4, 0.97, size=(count, 1)) * (colours.mean(1, keepdims=True) - colours)


def clouds(rng, size, roughness):
    """Return noise of five octaves, (size, size, 3) float32 with mean about 0.5; the same picture at every size."""
    import cv2

    out = np.zeros((3, 3, 3), np.float32)
    for octave in range(5):
        cells = 3 * 2**octave
        grid = rng.normal(0, 1, size=(cells, cells, 3)).astype(np.float32)
        grid = 0.15 * grid + 0.85 * grid.mean(2, keepdims=True)
        out = cv2.resize(out, (cells, cells), interpolation=cv2.INTER_CUBIC) + np.float32(roughness**octave) * grid
    return 0.5 + 0.25 * cv2.resize(out, (size, size), interpolation=cv2.INTER_LINEAR)


def gradient(rng, size):
    """Return a smooth ramp between two colours in a random direction, (size, size, 3) float32."""
    first, second = muted(rng, 2, 0.01, 0.9).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    t = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    ramp = 0.5 + 0.7 * (np.float32(np.cos(angle)) * t[None, :] + np.float32(np.sin(angle)) * t[:, None])
    return first + np.clip(ramp, 0, 1)[..., None] * (second - first)


def shapes(rng, base, count):
    """Paint `count` boxes, discs and bars over `base` (size, size, 3), at places that scale with the size."""
    import cv2

    size = len(base)
    out = np.ascontiguousarray(base)
    for _ in range(count):
        x, y, w, h = (rng.uniform([-0.1, -0.1, 0.03, 0.05], [1.1, 1.1, 0.35, 0.6]) * size).tolist()
        kind, angle = int(rng.integers(3)), float(rng.uniform(-25, 25))
        colour = muted(rng, 1, 0.005, 0.85)[0].tolist()
        if kind == 0:
            cv2.circle(out, (int(x), int(y)), int(w / 2) + 1, colour, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints(((x, y), (w, h if kind == 1 else 3 * h), angle))
            cv2.fillConvexPoly(out, (corners * 16).astype(np.int32), colour, cv2.LINE_AA, 4)
    return out


def backdrop(rng, kind, size):
    """Return one backdrop, (size, size, 3) float32, linear RGB >= 0.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : int
        0 ramp, 1 clouds, 2 shapes out of focus, 3 sharp shapes.
    size : int
        Side of the picture, px.
    """
    import cv2

    fine = size if kind == 3 else max(size // 2, 8)  # blurred backdrops are drawn at half the size
    out = gradient(rng, fine)
    if kind >= 2:
        out = shapes(rng, out, int(rng.integers(6, 18)))
    if kind >= 1:
        out = out * (0.35 + 1.1 * clouds(rng, fine, rng.uniform(0.4, 0.95)))
    if kind == 2:
        out = cv2.GaussianBlur(out, (0, 0), fine * rng.uniform(0.006, 0.03))
    if fine != size:
        out = cv2.resize(out, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.maximum(out, 0.0)
