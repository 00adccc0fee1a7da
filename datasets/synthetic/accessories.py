"""Glasses, the brims of hats, and hands: small meshes on or before the head, and the draw of what a face wears."""

from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.backdrop import muted
from fldbench.datasets.synthetic.body import grid_faces
from fldbench.datasets.synthetic.pose import rotation

RIM, TUBE = 28, 8  # points around a lens, around a finger
HATS = ("none", "beanie", "cap", "brimmed")
# Targets of a hand: a point of the 68, lean of the arm in degrees, and its side (0: either).
TARGETS = (
    (57, 55, 0), (8, 45, 0), (3, 25, -1), (13, 25, 1), (37, 40, -1), (44, 40, 1), (19, 35, -1), (24, 35, 1),
)  # fmt: skip


class Worn(NamedTuple):
    """What one face wears, or holds before itself; `draw_worn` draws it.

    Attributes
    ----------
    glasses : int
        0 none, 1 clear, 2 dark.
    lens : (3,) array
        Half width and half height of a lens in mm, and its squareness.
    frame : (3,) array
        Colour of the frame, linear RGB.
    thick : float
        Thickness of the frame, mm.
    tint : float
        Opacity of the lenses, 0 to 1.
    hat : int
        Index into `HATS`.
    hat_line : float
        The hat covers the head above this v of the uv map, radians.
    brim : float
        Length of the brim, mm.
    cloth : (3,) array
        Colour of the hat, linear RGB.
    hand : int
        The landmark of the 68 that the finger tips reach, or -1 for no hand.
    hand_turn : float
        Turn of the hand, degrees; at 0 the arm is below.
    offset : (2,) array
        From that landmark to the finger tips, mm.
    hand_side : int
        Side of the thumb, +1 or -1.
    """

    glasses: int
    lens: np.ndarray
    frame: np.ndarray
    thick: float
    tint: float
    hat: int
    hat_line: float
    brim: float
    cloth: np.ndarray
    hand: int
    hand_turn: float
    offset: np.ndarray
    hand_side: int


def draw_worn(rng, kind):
    """Draw one `Worn`.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : str
        "" for a face outside the occlusion subset, else "hand", "dark", "fringe" or "hat". A face outside the subset
        has clear glasses in 14 % and a hat above the brows in 6 % of the cases; it has no hand and no dark glasses.
    """
    glasses = int(rng.random() < 0.14)
    hat = int(rng.integers(1, 4)) if rng.random() < 0.06 or kind == "hat" else 0
    target, lean, side = TARGETS[rng.integers(len(TARGETS))]
    low, high = rng.uniform(-0.33, -0.25), rng.uniform(-0.62, -0.50)
    dark = kind == "dark"
    return Worn(
        glasses=2 if dark else glasses,
        lens=np.array([rng.uniform(21, 27), rng.uniform(13, 22) + 3 * dark, rng.uniform(2.0, 4.5)]),
        frame=muted(rng, 1, 0.004, 0.5)[0] if rng.random() < 0.5 else np.full(3, rng.uniform(0.004, 0.03)),
        thick=rng.uniform(0.9, 4.2),
        tint=rng.uniform(0.86, 0.99) if dark else rng.uniform(0.03, 0.14),
        hat=hat,
        hat_line=low if kind == "hat" else high,
        brim=rng.uniform(45, 85),
        cloth=muted(rng, 1, 0.005, 0.7)[0],
        hand=target if kind == "hand" else -1,
        hand_turn=rng.normal(0, 12) + lean * (side or rng.choice([-1, 1])),
        offset=rng.normal(0, 7, size=2),
        hand_side=int(rng.choice([-1, 1])),
    )


def both_sides(faces):
    """Return triangles (F, 3) and their reverse, (2F, 3), so that both sides are visible."""
    return np.concatenate([faces, faces[:, ::-1]])


def ribbon(first, second, closed):
    """Return a strip between two lines of points (n, 3): vertices (2n, 3) and faces visible from both sides."""
    return np.concatenate([first, second]), both_sides(grid_faces(2, len(first), closed))


def join(parts):
    """Join meshes [(vertices, faces), ...] into one: vertices and faces."""
    offset, vertices, faces = 0, [], []
    for v, f in parts:
        vertices.append(v)
        faces.append(f + offset)
        offset += len(v)
    return np.concatenate(vertices), np.concatenate(faces).astype(np.int32)


def lens_outline(worn, sign, grow):
    """Return the outline of a lens, (RIM, 2) mm about its centre: a superellipse that droops outwards."""
    a = 2 * np.pi * np.arange(RIM) / RIM
    half_w, half_h, power = worn.lens
    c, s = np.cos(a), np.sin(a)
    x = (half_w + grow) * np.sign(c) * np.abs(c) ** (2 / power)
    y = (half_h + grow) * np.sign(s) * np.abs(s) ** (2 / power)
    return np.stack([x, y + 0.06 * sign * x * (y > 0)], 1)


def glasses(head, worn):
    """Return frame and lenses of the glasses in the head frame: two meshes (vertices mm, faces).

    The lenses stand before the eyes, clear of lids and brows, and bend around the face. The temples run to the ears.

    Parameters
    ----------
    head : (V, 3) array
        Vertices in mm, the landmarks first.
    worn : Worn
    """
    eyes = 0.5 * (head[[36, 42]] + head[[39, 45]])
    front = min(head[28, 2], head[27, 2], head[21:23, 2].min()) - 1.5
    frame, lenses = [], []
    spots = []
    for k, sign in ((0, -1.0), (1, 1.0)):
        inner_limit = 7.0 + worn.lens[0]
        centre = np.array([sign * max(abs(eyes[k, 0]), inner_limit), eyes[k, 1] + 2.5])

        def place(flat, centre=centre):
            xy = flat + centre
            return np.column_stack([xy, front + 0.0042 * xy[:, 0] ** 2])

        rim, edge = place(lens_outline(worn, sign, 0.0)), place(lens_outline(worn, sign, worn.thick))
        frame.append(ribbon(rim, edge, True))
        middle = place(np.zeros((1, 2)))
        fan = np.stack([np.zeros(RIM, int), 1 + np.arange(RIM), 1 + (np.arange(RIM) + 1) % RIM], 1)
        lenses.append((np.concatenate([middle, rim]), both_sides(fan)))
        inner, outer = (RIM // 2, 0) if sign > 0 else (0, RIM // 2)
        spots.append(edge[inner] + [0, -0.3 * worn.lens[1], 0])
        hinge = edge[outer] + [0.0, -0.4 * worn.lens[1], 0.0]
        ear = np.array([sign * (np.abs(head[[0, 16], 0]).max() + 2.0), 0.0, 106.0])
        t = np.linspace(0, 1, 9)[:, None]
        temple = hinge + t * (ear - hinge) + [sign * 7.0, 0, 0] * np.sin(np.pi * t)
        half = np.array([0.0, max(0.8 * worn.thick, 1.2), 0.0])
        frame.append(ribbon(temple - half, temple + half, False))
    t = np.linspace(0, 1, 6)[:, None]
    bridge = spots[0] + t * (spots[1] - spots[0]) - [0, 2.5, 1.5] * np.sin(np.pi * t)
    half = np.array([0.0, max(0.5 * worn.thick, 0.8), 0.0])
    frame.append(ribbon(bridge - half, bridge + half, False))
    return join(frame), join(lenses)


def brim(head, worn):
    """Return the visor of a cap or the brim of a hat, a flat ring around the skull.

    The result is (vertices in mm in the head frame, faces); head (V, 3) mm is the head with its hat.
    """
    spokes = 33
    cap = HATS[worn.hat] == "cap"
    a = np.linspace(-1.15, 1.15, spokes) if cap else np.linspace(-np.pi, np.pi, spokes)
    base = 10.0 + 95.0 * np.tan(worn.hat_line)  # mm, height of the line on the forehead
    width = max(np.abs(head[:, 0]).max() * 0.92, 70.0)
    rings = []
    for grow in (0.0, 0.5, 1.0):
        reach = worn.brim * grow * (np.cos(a / 1.15 * np.pi / 2) ** 0.5 if cap else 1.0)
        x = (width + 2 + (0.35 * reach if cap else reach)) * np.sin(a)
        z = 95 - (100 + reach) * np.cos(a)
        y = (
            base
            + 10.0 * (1 - np.cos(a)) * (not cap)
            + 0.22 * reach
            - 0.0016 * x**2 * cap * grow
            + 14 * (1 - np.cos(a)) * cap
        )
        rings.append(np.stack([x, y, z], 1))
    return np.concatenate(rings), both_sides(grid_faces(3, spokes, False))


def capsule(start, end, first, last, flat=1.0, rings=7):
    """Return a rounded tube from `start` to `end`: (vertices, faces).

    Parameters
    ----------
    start, end : (3,) array
        Ends of the axis, mm.
    first, last : float
        Radius at the start and at the end, mm.
    flat : float
        Depth over width of the cross-section.
    rings : int
        Rings between the two round ends.
    """
    axis = end - start
    length = np.linalg.norm(axis)
    axis = axis / length
    side = np.cross(axis, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, axis)
    t = np.concatenate([[-0.98, -0.7], np.linspace(0, 1, rings), [1.7, 1.98]])
    radius = first + (last - first) * np.clip(t, 0, 1)
    bulge = np.sqrt(np.clip(1 - np.where(t < 0, -t, np.maximum(t - 1, 0)) ** 2, 0.02, 1))
    place = np.clip(t, 0, 1) * length + np.where(t < 0, t * first, np.where(t > 1, (t - 1) * last, 0))
    a = 2 * np.pi * np.arange(TUBE) / TUBE
    ring = (radius * bulge)[:, None, None] * (np.cos(a)[:, None] * side + flat * np.sin(a)[:, None] * up)
    vertices = (start + place[:, None] * axis)[:, None] + ring
    return vertices.reshape(-1, 3), grid_faces(len(t), TUBE, True)


def hand(points, worn):
    """Return a flat hand before the face, in camera axes: (vertices mm, faces); points (V, 3) mm, landmarks first."""
    aim = points[worn.hand, :2] + worn.offset
    near = points[np.linalg.norm(points[:, :2] - aim, axis=1) < 48, 2]
    depth = near.min() - 6.0
    parts = []
    for k, (length, spread) in enumerate(((58, -7), (68, -2), (64, 3), (48, 9))):
        root = np.array([(k - 1.5) * 18.0, 26.0, 0.0])
        lean = np.radians(spread * worn.hand_side)
        tip = root + np.array([np.sin(lean) * length, -np.cos(lean) * length, 3.0])
        knuckle = root + 0.5 * (tip - root) - [0, 0, 4.0]
        root[0], tip[0], knuckle[0] = (v * worn.hand_side for v in (root[0], tip[0], knuckle[0]))
        parts += [capsule(root, knuckle, 9.4, 8.4), capsule(knuckle, tip, 8.3, 6.8)]
    side = worn.hand_side
    parts.append(capsule(np.array([0.0, 46.0, 2.0]), np.array([0.0, 84.0, 2.0]), 38.0, 31.0, 0.36, 9))
    parts.append(capsule(np.array([-26.0 * side, 78.0, 0.0]), np.array([-56.0 * side, 38.0, -4.0]), 12.0, 8.5))
    parts.append(capsule(np.array([0.0, 110.0, 4.0]), np.array([0.0, 420.0, 30.0]), 25.0, 38.0, 0.8, 14))
    vertices, faces = join(parts)
    turned = vertices @ rotation(0, 0, worn.hand_turn).T
    return turned + np.append(aim, depth), faces
