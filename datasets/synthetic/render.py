"""Scene and look -> image: fragments, colours, then the camera's blur, grain and compression."""

import numpy as np

from fldbench.datasets.synthetic import shade
from fldbench.datasets.synthetic.backdrop import backdrop
from fldbench.datasets.synthetic.deform import IDENTITY
from fldbench.datasets.synthetic.head import head_landmarks
from fldbench.datasets.synthetic.pose import face_normals, to_pixels
from fldbench.datasets.synthetic.raster import interpolate, rasterise
from fldbench.datasets.synthetic.scene import (
    BODY,
    BODY_SIZE,
    BRIM,
    CURTAIN,
    EARS,
    FRAME,
    HAND,
    iris_centres,
    standing_faces,
)  # fmt: skip
from fldbench.datasets.synthetic.template import EAR, EYES, MOUTH, SKIN, template
from fldbench.datasets.synthetic.textures import scalp_field

OVERSAMPLING = 1.2  # the picture is drawn larger and reduced by area, for smooth outlines


def vertex_normals(scene):
    """Return unit normals (V, 3): smoothed on head, body and curtain, plain means on accessories."""
    standing, _, smoother = standing_faces()
    points, n = scene.points, smoother.shape[0]
    out = np.zeros((len(points), 3), np.float32)
    out[:n] = smoother @ face_normals(points, standing).astype(np.float32)
    worn = np.concatenate([scene.faces[scene.material > CURTAIN], scene.lens])
    if len(worn):
        flat = face_normals(points, worn)
        # a strip is visible from both sides: use the side towards the camera
        seen = (flat * (points[worn[:, 0]] + [0.0, 0.0, scene.camera.distance])).sum(1) < 0
        for axis in range(3):
            out[:, axis] += np.bincount(worn[seen].ravel(), np.repeat(flat[seen, axis], 3), len(points))
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def vertex_channels(scene, look):
    """Return the values that vertices pass to fragments, (V, 10), in the order of `shade.CHANNELS`."""
    points, head = scene.points, scene.head
    normals = vertex_normals(scene)
    sight = -(points + np.array([0.0, 0.0, scene.camera.distance]))
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    arriving, shine = shade.light(normals, sight, look)
    out = np.zeros((len(points), len(shade.CHANNELS)), np.float32)
    n = len(head)
    out[:n, :2], out[:n, 2:4], out[:n, 8] = template().uv, head[:, :2], scalp_field()
    out[n - EARS : n, 8] = -2.0  # no hair grows on ears
    out[n:, 2:4] = (points - scene.neck)[n:, :2]
    out[:, 4:7], out[:, 7], out[:, 9] = arriving, shine, (normals * sight).sum(1)
    if len(scene.lens):
        rows = np.unique(scene.lens)
        height = scene.points[rows, 1]
        out[rows, 1] = (height.max() - height) / max(np.ptp(height), 1e-9)  # 1 at the top of a lens
    return out


def teeth_edges(coef, landmarks):
    """Return the y (mm, head frame) of the lower edge of the upper teeth and of the upper edge of the lower teeth.

    The upper teeth stay with the skull; the lower teeth move with the jaw.
    """
    still = coef.copy()
    still[len(IDENTITY) :] = 0.0
    rest = head_landmarks(still)
    return float(rest[62, 1] + 2.2), float(landmarks[66, 1] - 2.4)


def paint(picture, fragments, scene, channels, coef, look, worn):
    """Paint the colours of the fragments over `picture` (n, n, 3), linear RGB; the picture is changed."""
    f = interpolate(channels, scene.faces, fragments)
    kind = scene.material[fragments.face]
    landmarks = head_landmarks(coef)
    colour = np.zeros((len(f), 3), np.float32)
    painters = (
        ((kind == SKIN) | (kind == EAR), lambda g: shade.head(g, look, worn)),
        (kind == EYES, lambda g: shade.eyes(g, look, iris_centres(landmarks, look.gaze))),
        (kind == MOUTH, lambda g: shade.mouth(g, look, teeth_edges(coef, landmarks))),
        (kind == BODY, lambda g: shade.body(g, look)),
        (kind == CURTAIN, lambda g: shade.hair(g, shade.sample_tile(g[:, 2:4] * [1.6, 0.5] + look.tile), look, 0.25)),
        (kind == FRAME, lambda g: worn.frame * g[:, 4:7] + 0.3 * g[:, 7:8]),
        (kind == BRIM, lambda g: shade.cloth(g, g[:, 2:4], look, worn.cloth)),
        (kind == HAND, lambda g: shade.hand(g, look)),
    )
    for mask, painter in painters:
        at = np.flatnonzero(mask)
        if len(at):
            colour[at] = painter(f[at])
    picture.reshape(-1, 3)[fragments.pixel] = colour
    return picture


def glaze(picture, xy, scene, channels, fragments, look, worn):
    """Paint the lenses of the glasses over the picture, wherever nothing is in front of them."""
    depth = scene.points[:, 2:].astype(np.float32)
    before = np.full(len(picture) ** 2, np.inf, np.float32)
    before[fragments.pixel] = interpolate(depth, scene.faces, fragments)[:, 0]
    seen = rasterise(xy, depth[:, 0], scene.lens, len(picture))
    keep = np.flatnonzero(interpolate(depth, scene.lens, seen)[:, 0] < before[seen.pixel] + 1.0)
    seen = type(seen)(*(part[keep] for part in seen))
    shade.lens(picture.reshape(-1, 3), seen.pixel, interpolate(channels, scene.lens, seen), look, worn)
    return picture


def streak(length, angle):
    """Return the kernel of a motion blur: a line of `length` px at `angle` degrees, with sum 1.

    >>> streak(3.0, 0.0).round(2).tolist()
    [[0.0, 0.0, 0.0], [0.33, 0.33, 0.33], [0.0, 0.0, 0.0]]
    """
    half = int(np.ceil((length - 1) / 2))
    t = np.linspace(-(length - 1) / 2, (length - 1) / 2, 8 * half + 1)
    x, y = t * np.cos(np.radians(angle)) + half, t * np.sin(np.radians(angle)) + half
    out = np.zeros((2 * half + 1, 2 * half + 1))
    np.add.at(out, (np.round(y).astype(int), np.round(x).astype(int)), 1.0)
    return out / out.sum()


def develop(picture, look, rng, size):
    """Simulate the camera: reduce to `size`, exposure and cast, square root, blur, grain, JPEG.

    Parameters
    ----------
    picture : (n, n, 3) array
        Linear RGB.
    look : Look
    rng : numpy.random.Generator
        For the grain.
    size : int
        Side of the image, px.

    Returns
    -------
    (size, size, 3) array of uint8
        RGB.
    """
    import cv2

    out = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    if look.shrink:
        few = max(round(look.shrink * size), 8)
        out = cv2.resize(cv2.resize(out, (few, few), interpolation=cv2.INTER_AREA), (size, size))
    if look.motion[0]:
        out = cv2.filter2D(out, -1, streak(look.motion[0] * size / 160, look.motion[1]))
    out = np.sqrt(np.maximum(out * look.gain.astype(np.float32), 0))
    out = 0.5 + np.float32(look.contrast) * (out - 0.5)
    if look.blur > 0.15:
        out = cv2.GaussianBlur(out, (0, 0), look.blur * size / 160)
    out = out * 255 + np.float32(look.grain) * rng.standard_normal(out.shape, dtype=np.float32)
    out = np.clip(out + 0.5, 0, 255).astype(np.uint8)
    if look.jpeg <= 95:
        _, packed = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])
        out = np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])
    return out


def render(scene, coef, look, worn, rng, size):
    """Render one picture, (size, size, 3) uint8 RGB.

    Parameters
    ----------
    scene : scene.Scene
    coef : (43,) array
        Coefficients of `head`.
    look : look.Look
    worn : accessories.Worn
    rng : numpy.random.Generator
        Draws backdrop and grain.
    size : int
        Side of the picture, px.
    """
    # single precision halves the work
    look, worn = (type(v)(*(w.astype(np.float32) if isinstance(w, np.ndarray) else w for w in v)) for v in (look, worn))
    channels = vertex_channels(scene, look)
    large = round(size * OVERSAMPLING)
    n, depth = len(scene.head), scene.points[:, 2].copy()
    depth[n : n + BODY_SIZE] += 50.0  # so that the underside of the chin, which is close, never mixes with the neck
    depth[np.unique(scene.faces[scene.material == FRAME])] -= 6.0  # and the frame not with the lids and brows behind it
    xy = to_pixels(scene.points, scene.camera, large)
    fragments = rasterise(xy, depth, scene.faces, large)
    picture = backdrop(rng, look.backdrop, large).astype(np.float32)
    picture = paint(picture, fragments, scene, channels, coef, look, worn)
    if len(scene.lens):
        picture = glaze(picture, xy, scene, channels, fragments, look, worn)
    return develop(picture, look, rng, size)
