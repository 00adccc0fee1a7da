"""Geometry and look -> image: scene, fragments, colours, then the camera's blur, grain and compression."""

from functools import lru_cache

import numpy as np

from fldbench.datasets.synthetic import shade
from fldbench.datasets.synthetic.backdrop import backdrop
from fldbench.datasets.synthetic.body import RINGS, SPOKES, body_faces, body_vertices, curtain_faces, curtain_vertices
from fldbench.datasets.synthetic.deform import IDENTITY, smoothstep
from fldbench.datasets.synthetic.head import head_landmarks, head_vertices
from fldbench.datasets.synthetic.pose import face_normals, rotation, to_camera, to_pixels
from fldbench.datasets.synthetic.raster import interpolate, rasterise
from fldbench.datasets.synthetic.template import CENTRE, EAR, EYES, MOUTH, SKIN, template
from fldbench.datasets.synthetic.textures import scalp_field

OVERSAMPLING = 1.25  # the picture is drawn larger and reduced by area, for smooth outlines
BODY, CURTAIN = 4, 5  # materials beside those of the head
BODY_SIZE = len(RINGS) * SPOKES  # vertices


@lru_cache(maxsize=1)
def scene_faces():
    """Triangles of head, body and curtain in one numbering: (faces (F, 3), material (F,), smoother), built once.

    smoother: sparse (V, F), which sums face normals into vertex normals and evens them out over the neighbours.
    """
    from scipy import sparse

    mean = template()
    n_head, n_body = len(mean.vertices), BODY_SIZE
    parts = mean.faces, body_faces() + n_head, curtain_faces() + n_head + n_body
    faces = np.concatenate(parts)
    material = np.concatenate([mean.material, np.full(len(parts[1]), BODY), np.full(len(parts[2]), CURTAIN)])
    n = faces.max() + 1
    first = len(faces) - len(parts[2]) // 2  # the inner side of the curtain borrows the outer's normals
    rows, columns = faces[:first].ravel(), np.repeat(np.arange(first), 3)
    gather = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, len(faces)))
    near = (gather @ gather.T > 0).astype(float)
    return faces, material, (near @ gather).tocsr().astype(np.float32)


def scene_vertices(coef, angles, look):
    """Vertices of the scene in camera axes (V, 3) mm, and the head's own in the head frame with its hair raised."""
    head = head_vertices(coef)
    scalp = scalp_field()
    out = head - CENTRE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    grown = look.volume * smoothstep(scalp + look.hairline[0], 0.02, 0.35) * (template().uv[:, 1] < 0.55)
    grown[:68] = 0.0
    grown[-100:] = 0.0  # ears
    head = head + out * grown[:, None]
    turn = rotation(*angles)
    neck = to_camera(np.array([[0.0, 78.0, 118.0]]), turn)[0]
    curtain = curtain_vertices(*look.curtain[1:])
    curtain[:, 0] *= np.abs(head[:, 0]).max() / 92
    parts = (
        to_camera(head, turn),
        body_vertices(neck, 0.3 * angles[0] + look.body_turn, look.shoulders),
        to_camera(curtain, turn),
    )
    return np.concatenate(parts), head, neck


def vertex_channels(points, head, neck, camera, look):
    """What vertices carry to fragments, (V, 10) in the order of `shade.CHANNELS`."""
    faces, _, smoother = scene_faces()
    normals = smoother @ face_normals(points, faces).astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    sight = -(points + np.array([0.0, 0.0, camera.distance]))
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    arriving, shine = shade.light(normals, sight, look)
    out = np.zeros((len(points), len(shade.CHANNELS)), np.float32)
    n = len(head)
    out[:n, :2], out[:n, 2:4], out[:n, 8] = template().uv, head[:, :2], scalp_field()
    out[n:, 2:4] = (points - neck)[n:, :2]
    out[:, 4:7], out[:, 7], out[:, 9] = arriving, shine, (normals * sight).sum(1)
    return out


def iris_centres(landmarks, gaze):
    """Where the irises stand, (2, 2) mm in the head frame: between the corners of each eye, a little up, plus the gaze.

    >>> iris_centres(np.zeros((68, 3)), np.array([1.0, 0.0])).tolist()
    [[1.0, -1.6], [1.0, -1.6]]
    """
    middle = 0.5 * (landmarks[[36, 42], :2] + landmarks[[39, 45], :2])
    return middle + np.array([0.0, -1.6]) + gaze


def teeth_edges(coef, landmarks):
    """y (mm, head frame) of the upper teeth's lower edge, which stays with the skull, and the lower teeth's upper
    edge."""
    still = coef.copy()
    still[len(IDENTITY) :] = 0.0
    rest = head_landmarks(still)
    return float(rest[62, 1] + 2.2), float(landmarks[66, 1] - 2.4)


def paint(picture, fragments, faces, material, channels, coef, look):
    """Colours the fragments into `picture` (n, n, 3), in place, and returns it."""
    f = interpolate(channels, faces, fragments)
    kind = material[fragments.face]
    landmarks = head_landmarks(coef)
    colour = np.empty((len(f), 3), np.float32)
    painters = (
        ((kind == SKIN) | (kind == EAR), lambda g: shade.head(g, look)),
        (kind == EYES, lambda g: shade.eyes(g, look, iris_centres(landmarks, look.gaze))),
        (kind == MOUTH, lambda g: shade.mouth(g, look, teeth_edges(coef, landmarks))),
        (kind == BODY, lambda g: shade.body(g, look)),
        (kind == CURTAIN, lambda g: shade.hair(g, shade.sample_tile(g[:, 2:4] * [1.6, 0.5] + look.tile), look, 0.25)),
    )
    for mask, painter in painters:
        at = np.flatnonzero(mask)
        if len(at):
            colour[at] = painter(f[at])
    picture.reshape(-1, 3)[fragments.pixel] = colour
    return picture


def develop(picture, look, rng, size):
    """The camera: reduce to `size`, exposure and cast, square root, blur, grain, JPEG. (n, n, 3) linear -> uint8
    RGB."""
    import cv2

    out = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
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


def render(coef, angles, camera, look, rng, size):
    """One picture, (size, size, 3) uint8 RGB.

    coef (42,) of `head`; angles (3,) degrees; camera, a `pose.Camera`; look, a `look.Look`; rng draws backdrop and
    grain.
    """
    faces, material, _ = scene_faces()
    look = type(look)(*(v.astype(np.float32) if isinstance(v, np.ndarray) else v for v in look))  # halves the work
    points, head, neck = scene_vertices(coef, angles, look)
    channels = vertex_channels(points, head, neck, camera, look)
    shown = faces if look.curtain[0] else faces[material != CURTAIN]
    large = round(size * OVERSAMPLING)
    depth = points[:, 2].copy()
    depth[len(head) : len(head) + BODY_SIZE] += 50.0  # the chin's underside, close by, never mixes with the neck
    fragments = rasterise(to_pixels(points, camera, large), depth, shown, large)
    picture = backdrop(rng, look.backdrop, large).astype(np.float32)
    picture = paint(picture, fragments, shown, material[: len(shown)], channels, coef, look)
    return develop(picture, look, rng, size)
