"""Everything before the camera: one set of vertices and triangles in camera axes, and the landmarks on it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic import accessories
from fldbench.datasets.synthetic.anchors import anchors, read_points
from fldbench.datasets.synthetic.body import RINGS, SPOKES, body_faces, body_vertices, curtain_faces, curtain_vertices
from fldbench.datasets.synthetic.deform import smoothstep
from fldbench.datasets.synthetic.head import head_vertices
from fldbench.datasets.synthetic.occlude import hidden
from fldbench.datasets.synthetic.pose import Camera, frame_camera, perspective, rotation, to_camera
from fldbench.datasets.synthetic.shade import hairline_shift
from fldbench.datasets.synthetic.template import CENTRE, template
from fldbench.datasets.synthetic.textures import scalp_field

BODY, CURTAIN, FRAME, BRIM, HAND = 4, 5, 6, 7, 8  # materials beside those of the head
BODY_SIZE = len(RINGS) * SPOKES  # vertices
EARS = 100  # vertices, the last ones of the head
# mm: a point less than this behind a surface counts as on it. Hair and skin are soft, and a point of the outline lies
# on the rim of the surface that turns away there.
MARGIN = {FRAME: 40.0, BRIM: 3.0, HAND: 3.0, CURTAIN: 2.0}
HEAD_MARGIN, DARK = 7.0, 0.6  # mm; opacity from which a lens hides the eye


class Scene(NamedTuple):
    """The scene of one face.

    Attributes
    ----------
    points : (V, 3) array
        Vertices, mm in camera axes; the first n_head are the head.
    head : (n_head, 3) array
        The same vertices of the head in the head frame, mm.
    skin : (n_head, 3) array
        The head without hair and hat, mm in camera axes; the points of the schemes lie on it.
    faces : (F, 3) array
        Triangles.
    material : (F,) array
        Material of each triangle.
    lens : (n, 3) array
        Triangles of the lenses of the glasses.
    neck : (3,) array
        Top of the neck, mm in camera axes.
    camera : Camera
    turn : (3, 3) array
        Rotation of the head.
    """

    points: np.ndarray
    head: np.ndarray
    skin: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    lens: np.ndarray
    neck: np.ndarray
    camera: Camera
    turn: np.ndarray


@lru_cache(maxsize=1)
def standing_faces():
    """Return the triangles of head, body and curtain in one numbering; they are built once.

    Returns
    -------
    faces : (F, 3) array
    material : (F,) array
    smoother : (V, F) sparse matrix
        Sums face normals into vertex normals and evens them out over the neighbours.
    """
    from scipy import sparse

    mean = template()
    n_head, n_body = len(mean.vertices), BODY_SIZE
    parts = mean.faces, body_faces() + n_head, curtain_faces() + n_head + n_body
    faces = np.concatenate(parts)
    material = np.concatenate([mean.material, np.full(len(parts[1]), BODY), np.full(len(parts[2]), CURTAIN)])
    n = faces.max() + 1
    first = len(faces) - len(parts[2]) // 2  # the inner side of the curtain has the normals of the outer side
    rows, columns = faces[:first].ravel(), np.repeat(np.arange(first), 3)
    gather = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, len(faces)))
    near = (gather @ gather.T > 0).astype(float)
    return faces, material, (near @ gather).tocsr().astype(np.float32)


def dressed_head(bare, look, worn):
    """Return the head with hair and hat raised from the skull, (V, 3) mm in the head frame; landmarks stay in place."""
    uv = template().uv
    out = bare - CENTRE
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    grown = look.volume * smoothstep(scalp_field() + look.hairline[0], 0.02, 0.35) * (uv[:, 1] < 0.55)
    if worn.hat:
        inside = smoothstep(worn.hat_line - uv[:, 1], -0.02, 0.09)
        grown = grown * (1 - inside) + 9.0 * inside
    grown[:68] = 0.0
    grown[-EARS:] = 0.0
    out = bare + out * grown[:, None]
    rise, size, off = look.ears
    ears = out[-EARS:]
    root = np.array([np.abs(ears[:, 0]).min(), ears[:, 1].mean(), ears[:, 2].mean()])
    stretch = np.array([max(off, 0.2), size, size])
    side = np.sign(ears[:, :1]) * [1, 0, 0] + [0, 1, 1]
    out[-EARS:] = (root + (np.abs(ears) * [1, 0, 0] + ears * [0, 1, 1] - root) * stretch + [0, rise, 0]) * side
    return out


def build_scene(geometry, look, worn):
    """Return the `Scene` of one face; `sample` draws the arguments."""
    bare = head_vertices(geometry.coef)
    head = dressed_head(bare, look, worn)
    turn = rotation(*geometry.angles)
    posed = to_camera(head, turn)
    skin = to_camera(bare, turn)
    framed = read_points("ibug-68", skin, geometry.distance, geometry.angles[2], None)
    camera = frame_camera(framed, geometry.distance, geometry.fill, geometry.shift)
    neck = to_camera(np.array([[0.0, 78.0, 118.0]]), turn)[0]
    curtain = curtain_vertices(*look.curtain[1:])
    curtain[:, 0] *= np.abs(head[:, 0]).max() / 92
    parts = [posed, body_vertices(neck, 0.3 * geometry.angles[0] + look.body_turn, look.shoulders)]
    parts.append(to_camera(curtain, turn))
    faces, material, _ = standing_faces()
    if not look.curtain[0]:
        keep = material != CURTAIN
        faces, material = faces[keep], material[keep]
    triangles, kinds, n = [faces], [material], sum(len(part) for part in parts)
    lens = np.zeros((0, 3), np.int32)

    def add(mesh, kind, points):
        nonlocal n
        parts.append(points)
        if kind is not None:
            triangles.append(mesh + n)
            kinds.append(np.full(len(mesh), kind))
        n += len(points)
        return mesh + n - len(points)

    if worn.glasses:
        (frame, frame_faces), (glass, glass_faces) = accessories.glasses(bare, worn)
        add(frame_faces, FRAME, to_camera(frame, turn))
        lens = add(glass_faces, None, to_camera(glass, turn))
    if worn.hat > 1:
        ring, ring_faces = accessories.brim(head, worn)
        add(ring_faces, BRIM, to_camera(ring, turn))
    if worn.hand >= 0:
        palm, palm_faces = accessories.hand(posed, worn)
        add(palm_faces, HAND, palm)
    faces, material = np.concatenate(triangles), np.concatenate(kinds)
    return Scene(np.concatenate(parts), head, skin, faces, material, lens, neck, camera, turn)


def iris_centres(landmarks, gaze):
    """Return the irises' centres, (2, 2) mm in the head frame: between the eye corners, a little up, plus the gaze.

    >>> iris_centres(np.zeros((68, 3)), np.array([1.0, 0.0])).tolist()
    [[1.0, -1.6], [1.0, -1.6]]
    """
    middle = 0.5 * (landmarks[[36, 42], :2] + landmarks[[39, 45], :2])
    return middle + np.array([0.0, -1.6]) + gaze


def scene_points(scene, scheme, roll, look, worn):
    """Return the points of a scheme in a scene: (points (L, 3) mm in camera axes, visible (L,) bool)."""
    depth = scene.head[[[37, 38, 40, 41], [43, 44, 46, 47]], 2].mean(1)
    pupils = np.column_stack([iris_centres(scene.head, look.gaze), depth])
    points = read_points(scheme, scene.skin, scene.camera.distance, roll, to_camera(pupils, scene.turn))
    flat = perspective(scene.points, scene.camera.distance)
    at = perspective(points, scene.camera.distance)
    solid = np.flatnonzero(scene.material != BODY)
    faces, margin = scene.faces[solid], np.full(9, HEAD_MARGIN)
    margin[list(MARGIN)] = list(MARGIN.values())
    margin = margin[scene.material[solid]]
    if len(scene.lens) and worn.tint > DARK:
        faces, margin = np.concatenate([faces, scene.lens]), np.concatenate([margin, np.full(len(scene.lens), 2.0)])
    covered = hidden(at, points[:, 2], flat, scene.points[:, 2], faces, margin)
    a = anchors(scheme)
    u, v = (a.weights @ template().uv[a.used]).T
    hair = a.weights @ scalp_field()[a.used] + hairline_shift(u, v, look) > 0.01
    covered |= hair & (v < -0.05) & (look.hairline[2] > 0)
    if worn.hat:
        covered |= v < worn.hat_line
    return points, ~covered
