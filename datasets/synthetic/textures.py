"""Maps over the face, painted once from the mean landmarks, and tiles of noise; all in the plane of `template.to_uv`.

The maps hold the places of lips, brows, folds and beard. Their strength and colour are decided for each face in
`shade`.
"""

from functools import lru_cache

import numpy as np

from fldbench.datasets.synthetic.template import MOUTH_INNER, MOUTH_OUTER, closed_curve, eye_curve, template, to_uv

MAP_SIZE, MAP_REACH = 512, 1.25  # pixels per side; the maps cover |u|, |v| < 1.25 radians
FEATURES = ("lips", "brow", "lines", "lash")
TINTS = ("shade", "blush", "beard", "crease")
TILE = 256

# The hairline at x >= 0, mm on the mean head: forehead, temple, sideburn, around the ear, nape.
HAIRLINE = (
    (0, -74, 12), (22, -74, 16), (42, -64, 26), (56, -50, 40), (60, -35, 42), (66, -18, 58), (71, -5, 76),
    (73, 14, 92), (75, 16, 102), (76, -18, 110), (76, -16, 130), (74, 20, 138), (68, 55, 138), (50, 85, 140),
    (40, 120, 120), (0, 140, 110),
)  # fmt: skip


def map_coordinates(uv):
    """Convert uv radians to pixels of the maps, zero-based centres, (..., 2).

    >>> map_coordinates(np.zeros(2)).tolist()
    [255.5, 255.5]
    """
    return (uv + MAP_REACH) * (MAP_SIZE / (2 * MAP_REACH)) - 0.5


def _polygon(uv, soft):
    """Return a filled polygon (n, 2) uv, edges blurred by `soft` map pixels: (MAP_SIZE, MAP_SIZE) float32 in [0, 1]."""
    import cv2

    out = np.zeros((MAP_SIZE, MAP_SIZE), np.uint8)
    cv2.fillPoly(out, [np.round(map_coordinates(uv) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(out.astype(np.float32) / 255, (0, 0), soft)


def _stroke(uv, width, soft):
    """Return an open line (n, 2) uv; `width` and the blur `soft` are in map pixels."""
    import cv2

    out = np.zeros((MAP_SIZE, MAP_SIZE), np.uint8)
    points = [np.round(map_coordinates(uv) * 16).astype(np.int32)]
    cv2.polylines(out, points, False, 255, max(int(width), 1), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(out.astype(np.float32) / 255, (0, 0), soft)


def _on_head(*xyz):
    return to_uv(np.array(xyz, float))


def _both(draw, uv, *args):
    """Draw the same on both halves of the face."""
    return np.maximum(draw(uv, *args), draw(uv * np.array([-1.0, 1.0]), *args))


def _brow(uv68):
    """Return a map that is 1 on the brow's centre line and falls to 0 about 5 mm away; it tapers outwards."""
    line = uv68[22:27] + np.array([0.0, 0.034])  # annotators mark the upper edge of the hair
    t = np.linspace(0, 4, 41)
    line = np.stack([np.interp(t, np.arange(5), line[:, k]) for k in (0, 1)], 1)
    grid = np.stack(np.meshgrid(*[np.arange(MAP_SIZE)] * 2), -1).reshape(-1, 2)
    uv = (grid + 0.5) * (2 * MAP_REACH / MAP_SIZE) - MAP_REACH
    near = (uv[:, 0] > 0) & (uv[:, 0] < 0.75) & (np.abs(uv[:, 1] + 0.3) < 0.2)
    gap = np.linalg.norm(uv[near, None] - line[None], axis=-1)
    k = gap.argmin(1)
    wide = 0.066 * (1 - 0.5 * (k / 40) ** 1.5) * np.minimum(1, 0.75 + k / 16)
    out = np.zeros(len(uv), np.float32)
    out[near] = np.clip(1 - gap[np.arange(len(gap)), k] / wide, 0, 1)
    out = out.reshape(MAP_SIZE, MAP_SIZE)
    return np.maximum(out, out[:, ::-1])


@lru_cache(maxsize=1)
def feature_maps():
    """Return (features, tints), each (MAP_SIZE, MAP_SIZE, 4) float32 in [0, 1]; see `FEATURES` and `TINTS`."""
    uv68 = template().uv[:68]
    eye = eye_curve(uv68, 1, 8)
    lips = _polygon(closed_curve(uv68[list(MOUTH_OUTER)], 6), 1.6)
    inner = closed_curve(uv68[list(MOUTH_INNER)], 4)
    lip_line = _stroke(np.concatenate([inner, inner[:1]]), 1, 0.9)
    corner = uv68[[54, 54]] + np.array([[-0.02, 0.0], [0.028, 0.008]])
    nostril = _on_head((4.5, 46.0, -10), (7, 44.7, -9), (10.5, 44.5, -4), (11, 46.1, -3), (7.5, 47.1, -6))
    wing = _on_head((15.5, 38, 3), (18.5, 42, 5), (18, 46.5, 4), (14.8, 47.5, 0))
    fold = _on_head((19, 44, 8), (24, 50, 10), (29, 58, 14), (33, 66, 20))
    under_eye = _on_head((19, 7, 18), (27, 11, 17), (36, 12, 18.5), (42, 10, 22))
    lines = (
        0.95 * np.minimum(_both(_polygon, nostril, 1.6) * 1.3, 1)
        + 0.5 * _both(_stroke, wing, 3, 2.2)
        + 0.65 * _both(_stroke, uv68[[31, 32, 33]] + [0, 0.004], 2, 2.0)
        + 0.9 * np.minimum(lip_line * 1.8, 1)
        + 0.7 * _both(_stroke, corner, 3, 2.4)
        + 0.25 * _stroke(_on_head((-13, 91, 11), (0, 92.5, 9), (13, 91, 11)), 6, 5)
    )
    upper_lid = eye[: len(eye) // 2 + 1]
    crease = 1.0 * np.minimum(_both(_stroke, upper_lid - [0, 0.036], 3, 2.0) * 1.3, 1) + 0.6 * _both(
        _stroke, fold, 3, 4
    )
    crease += 0.45 * _both(_stroke, under_eye, 3, 4)
    lashes = upper_lid + np.array([0, 0.010])
    lash = np.minimum(1.7 * _both(_stroke, lashes, 4, 1.6), 1) + 0.5 * _both(_stroke, eye[len(eye) // 2 :], 2, 1.3)

    socket = _on_head((13, 0, 12), (20, -9, 13), (34, -11, 16), (46, -7, 23), (46, 4, 26), (32, 10, 18), (18, 9, 16))
    nose_under = _on_head((-14, 46, 0), (0, 44, -18), (14, 46, 0), (8, 50, -4), (-8, 50, -4))
    lip_under = _on_head((-16, 86, 14), (16, 86, 14), (12, 94, 12), (-12, 94, 12))
    below = np.clip((np.arange(MAP_SIZE) - map_coordinates(np.array([0, 0.98]))[1]) / 60, 0, 1)[:, None]
    shade = 0.38 * _both(_polygon, socket, 7) + 0.38 * _polygon(nose_under, 4) + 0.18 * _polygon(lip_under, 6)
    shade = shade + 0.55 * np.broadcast_to(below.astype(np.float32), shade.shape)
    cheeks = _on_head((26, 26, 12), (44, 22, 24), (54, 34, 36), (40, 50, 20), (26, 42, 10))
    tip = _on_head((-12, 38, -6), (0, 28, -18), (12, 38, -6), (8, 47, -8), (-8, 47, -8))
    blush = np.maximum(_both(_polygon, cheeks, 16), 0.8 * _polygon(tip, 10))
    moustache = _on_head((-3, 53, -5), (14, 52, 0), (30, 62, 16), (33, 76, 26), (27, 71, 21), (12, 62, 3), (-3, 62, -1))
    chin_hair = _on_head(
        (-6, 87, 8), (16, 86, 14), (31, 76, 24), (38, 70, 24), (56, 62, 50), (72, 20, 84), (78, 30, 95),
        (70, 75, 95), (40, 125, 70), (-10, 135, 60),
    )  # fmt: skip
    beard = np.maximum(_both(_polygon, moustache, 4), _both(_polygon, chin_hair, 7))
    beard *= 1 - np.minimum(lips * 1.3, 1)
    across = np.abs(np.arange(MAP_SIZE) - (MAP_SIZE - 1) / 2) * (2 * MAP_REACH / MAP_SIZE)
    beard *= np.clip((1.2 - across) / 0.35, 0, 1)[None, :]  # thins out towards the ears
    features = np.stack([lips, _brow(uv68), np.minimum(lines, 1), np.minimum(lash, 1)], -1)
    tints = np.stack([np.minimum(shade, 1), np.minimum(blush, 1), beard, np.minimum(crease, 1)], -1)
    return features.astype(np.float32), tints.astype(np.float32)


@lru_cache(maxsize=1)
def noise_tiles():
    """Return (TILE, TILE, 4) float32 that wraps: pores, blotches, strands, clouds, each with mean 0 and deviation 1."""
    rng = np.random.default_rng(20)  # one fixed tile for all faces; a face shifts it
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE) * TILE, np.fft.fftfreq(TILE) * TILE, indexing="ij")
    r = np.hypot(fx, fy)
    bands = (
        np.exp(-(((r - 60) / 40) ** 2)),
        np.exp(-(((r - 9) / 7) ** 2)),
        np.exp(-((fy / 5) ** 2)) * np.exp(-(((np.abs(fx) - 38) / 30) ** 2)),  # long in y, thin in x
        1 / np.maximum(r, 1) ** 1.6,
    )
    out = []
    for band in bands:
        tile = np.fft.ifft2(np.fft.fft2(rng.normal(size=(TILE, TILE))) * band).real
        out.append((tile - tile.mean()) / tile.std())
    return np.stack(out, -1).astype(np.float32)


@lru_cache(maxsize=1)
def scalp_field():
    """Return the signed distance from the hairline at the mean's vertices, (V,) uv radians; > 0 where hair grows."""
    import cv2

    half = np.array(HAIRLINE, float)
    loop = to_uv(np.concatenate([half, (half * [-1, 1, 1])[-2:0:-1]])).astype(np.float32)
    return np.array([-cv2.pointPolygonTest(loop, (float(u), float(v)), True) for u, v in template().uv])


def sample_map(layers, uv):
    """Sample a map (MAP_SIZE, MAP_SIZE, 4) at uv (P, 2), bilinearly: (P, 4) float32, 0 outside."""
    return _remap(layers, map_coordinates(uv), wrap=False)


def sample_tile(xy):
    """Sample noise at tile coordinates xy (P, 2), in pixels of the tile, wrapping: (P, 4)."""
    return _remap(noise_tiles(), np.mod(xy, TILE), wrap=True)


def _remap(layers, at, wrap):
    """Call cv2.remap for a list of points (P, 2) instead of a picture: rows of 64, the last one padded."""
    import cv2

    if not len(at):
        return np.zeros((0, layers.shape[2]), np.float32)
    rows = np.zeros((-(-len(at) // 64), 64, 2), np.float32)
    rows.reshape(-1, 2)[: len(at)] = at
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_CONSTANT
    return cv2.remap(layers, rows, None, cv2.INTER_LINEAR, borderMode=border).reshape(-1, layers.shape[2])[: len(at)]
