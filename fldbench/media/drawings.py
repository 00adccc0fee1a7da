"""Two overlays of our own drawing, RGBA uint8: sunglasses and a moustache."""

from __future__ import annotations

from functools import cache

import numpy as np

FINE = 4  # drawn so many times larger, then averaged: smooth rims


def _shrunk(large: np.ndarray) -> np.ndarray:
    import cv2

    h, w = large.shape[:2]
    weight = large[..., 3:].astype(np.float32) / 255
    both = np.concatenate([large[..., :3] * weight, large[..., 3:].astype(np.float32)], axis=2)
    small = np.asarray(cv2.resize(both, (w // FINE, h // FINE), interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-6)
    picture = np.rint(small).clip(0, 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture


def _fill(canvas: np.ndarray, outline: np.ndarray, rgba: tuple[int, int, int, int]) -> None:
    import cv2

    cv2.fillPoly(canvas, [np.rint(outline * FINE * 16).astype(np.int32)], rgba, cv2.LINE_8, 4)


@cache
def sunglasses() -> np.ndarray:
    """Return dark glasses, (180, 480, 4), read-only; the eyes lie at x = 128 and 352, y = 82.

    >>> sunglasses().shape, int(sunglasses()[82, 128, 3]) > 200, int(sunglasses()[0, 0, 3])
    ((180, 480, 4), True, 0)
    """
    canvas = np.zeros((180 * FINE, 480 * FINE, 4), np.uint8)
    a = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    for sign in (-1, 1):
        c, s = np.cos(a) * sign, np.sin(a)
        x, y = np.sign(c) * np.abs(c) ** 0.62, np.sign(s) * np.abs(s) ** 0.62
        lens = np.stack([x * (1 - 0.12 * np.maximum(y, 0)), y], axis=1)
        centre = np.array([240 + sign * 112, 86])
        _fill(canvas, centre + lens * [102, 72], (18, 18, 20, 255))
        _fill(canvas, centre + lens * [92, 62], (30, 32, 38, 238))
        glint = np.array([[-50, -42], [-22, -42], [-46, 22], [-66, 10]])
        _fill(canvas, centre + glint, (92, 98, 108, 238))
        arm = np.array([[98, -46], [128, -40], [128, -18], [98, -14]]) * [sign, 1]
        _fill(canvas, centre + arm, (18, 18, 20, 255))
    t = np.linspace(-1, 1, 60)
    top, low = np.stack([240 + 20 * t, 62 + 8 * t**2], 1), np.stack([240 + 20 * t, 80 + 8 * t**2], 1)
    _fill(canvas, np.concatenate([top, low[::-1]]), (18, 18, 20, 255))
    return _shrunk(canvas)


@cache
def moustache() -> np.ndarray:
    """Return a moustache with curled ends, (110, 360, 4), read-only.

    >>> moustache().shape, int(moustache()[50, 130, 3]), int(moustache()[0, 0, 3])
    ((110, 360, 4), 255, 0)
    """
    canvas = np.zeros((110 * FINE, 360 * FINE, 4), np.uint8)
    t = np.linspace(0, 1, 160)
    along = np.stack([172 * t, 40 + 46 * np.sin(np.pi * t**0.9) * t - 34 * t**5], axis=1)
    thick = 25 * np.sin(np.pi * np.clip(0.18 + 0.82 * t, 0, 1)) ** 0.75
    normal = np.gradient(along, axis=0)[:, ::-1] * [-1, 1]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    upper, lower = along - normal * thick[:, None], along + normal * thick[:, None]
    for sign in (-1, 1):
        half = np.concatenate([upper, lower[::-1]]) * [sign, 1] + [180, 0]
        _fill(canvas, half, (52, 33, 22, 255))
        for share in (-0.55, -0.1, 0.35):
            strand = along + normal * (share * thick)[:, None]
            rim = np.concatenate([strand - normal * 1.6, (strand + normal * 1.6)[::-1]])[20:-20]
            _fill(canvas, rim * [sign, 1] + [180, 0], (84, 56, 38, 255))
    return _shrunk(canvas)
