"""Compiled loops of the HOG around landmarks: binning, and sampling in the frame of the shape."""

import numpy as np

from fldbench.baselines.parts.compiled import compiled, within


@compiled
def bin_directions(magnitude, place, bins):
    """Share magnitude (h, w) between the bins around place (h, w), finite, in [0, bins]: (h, w, bins) float32."""
    h, w = magnitude.shape
    out = np.zeros((h, w, bins), np.float32)
    for y in range(h):
        for x in range(w):
            low = int(place[y, x])
            share = (place[y, x] - low) * magnitude[y, x]
            out[y, x, low % bins] = magnitude[y, x] - share
            out[y, x, (low + 1) % bins] = share
    return out


@compiled
def halve(channels):
    """Return the means of 2 x 2 pixels: (h, w, bins) -> (h // 2, w // 2, bins)."""
    h, w, bins = channels.shape
    out = np.empty((h // 2, w // 2, bins), np.float32)
    for y in range(h // 2):
        for x in range(w // 2):
            for b in range(bins):
                out[y, x, b] = np.float32(0.25) * (
                    channels[2 * y, 2 * x, b]
                    + channels[2 * y, 2 * x + 1, b]
                    + channels[2 * y + 1, 2 * x, b]
                    + channels[2 * y + 1, 2 * x + 1, b]
                )
    return out


@compiled
def sample_patches(field, shapes, linear, spacing, grid, clip, flat):
    """Return clipped, normalised histograms of grid x grid cells around landmarks, in the frame of each shape.

    Beyond the border the field repeats its outermost pixel.

    Parameters
    ----------
    field : ndarray of shape (h, w, bins), float32
        Smoothed channels.
    shapes : ndarray of shape (m, L, 2)
        Pixels of the field.
    linear : ndarray of shape (m, 2)
        (a, b): the frame of a shape, and with it the cells' offsets, are turned and scaled by [[a, -b], [b, a]], and
        direction t of the frame is direction t + atan2(b, a) of the field.
    spacing : float
        Pixels between cells where a = 1, b = 0.
    grid : int
    clip, flat : float
        See `hog.CLIP` and `hog.FLAT`.

    Returns
    -------
    ndarray of shape (m, L * grid * grid * bins), float32
    """
    h, w, bins = field.shape
    m, n_points = shapes.shape[:2]
    d = grid * grid * bins
    out = np.empty((m, n_points * d), np.float32)
    values = np.empty(bins, np.float32)
    for s in range(m):
        a, b = linear[s, 0], linear[s, 1]
        turn = np.arctan2(b, a) * bins / (2 * np.pi)
        low = int(within(np.floor(turn) + bins, 2.0 * bins)) - bins
        share = np.float32(turn - low)
        for p in range(n_points):
            power = np.float32(0.0)
            at = p * d
            for row in range(grid):
                v = (row - (grid - 1) / 2) * spacing
                for column in range(grid):
                    u = (column - (grid - 1) / 2) * spacing
                    x = within(shapes[s, p, 0] + a * u - b * v, w - 1.0)
                    y = within(shapes[s, p, 1] + b * u + a * v, h - 1.0)
                    x0, y0 = min(int(x), max(w - 2, 0)), min(int(y), max(h - 2, 0))
                    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
                    fx, fy = np.float32(x - x0), np.float32(y - y0)
                    w00 = (1 - fx) * (1 - fy)
                    w01, w10, w11 = fx * (1 - fy), (1 - fx) * fy, fx * fy
                    for k in range(bins):
                        values[k] = (
                            w00 * field[y0, x0, k]
                            + w01 * field[y0, x1, k]
                            + w10 * field[y1, x0, k]
                            + w11 * field[y1, x1, k]
                        )
                    for k in range(bins):
                        value = (1 - share) * values[(k + low) % bins] + share * values[(k + low + 1) % bins]
                        out[s, at + k] = value
                        power += value * value
                    at += bins
            start = p * d
            scale = np.float32(1.0 / np.sqrt(power + flat * flat * d))
            power = np.float32(0.0)
            for k in range(start, start + d):
                value = min(out[s, k] * scale, np.float32(clip))
                out[s, k] = value
                power += value * value
            scale = np.float32(1.0 / np.sqrt(power + 1e-6))
            for k in range(start, start + d):
                out[s, k] *= scale
    return out
