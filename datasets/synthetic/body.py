"""The surroundings of the head as plain grids of vertices: neck, shoulders, and a curtain of long hair."""

import numpy as np

SPOKES = 28
# height below the top of the neck, half width, half depth, forward shift: mm
RINGS = np.array([
    (-40, 46, 44, 0), (0, 52, 50, 0), (35, 54, 52, 4), (62, 60, 58, 8), (82, 84, 68, 10), (98, 124, 78, 10),
    (114, 164, 86, 8), (145, 196, 94, 4), (200, 206, 100, 0), (420, 212, 104, 0.0),
])  # fmt: skip
HAIR_RINGS, HAIR_SPOKES = 9, 17


def grid_faces(rows, columns, closed):
    """Return the triangles of a grid of vertices, row after row; `closed` joins the last column to the first.

    >>> len(grid_faces(3, 4, True)), len(grid_faces(3, 4, False))
    (16, 12)
    """
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - (0 if closed else 1)), indexing="ij")
    a, b = (i * columns + j).ravel(), (i * columns + (j + 1) % columns).ravel()
    return np.concatenate([np.stack([a, a + columns, b], 1), np.stack([b, a + columns, b + columns], 1)]).astype(
        np.int32
    )


def body_vertices(neck, yaw, width=1.0):
    """Return neck and shoulders, upright for any pose of the head: (280, 3) mm in camera axes.

    Parameters
    ----------
    neck : (3,) array
        The top of the neck inside the head, mm in camera axes.
    yaw : float
        Yaw of the body, degrees.
    width : float
        Scale of the shoulders.

    Examples
    --------
    >>> body_vertices(np.zeros(3), 0.0).shape
    (280, 3)
    """
    a = 2 * np.pi * np.arange(SPOKES) / SPOKES
    y, half, deep, front = RINGS.T[:, :, None]
    half = np.where(y > 70, half * width, half)
    x, z = half * np.sin(a), -deep * np.cos(a) - front
    turn = np.radians(yaw)
    out = np.stack([x * np.cos(turn) - z * np.sin(turn), y + 0 * x, x * np.sin(turn) + z * np.cos(turn)], -1)
    return neck + out.reshape(-1, 3)


def body_faces():
    """Return the triangles of `body_vertices`, facing outwards."""
    return grid_faces(len(RINGS), SPOKES, True)


def curtain_vertices(length, spread, opening, wave, phase):
    """Return long hair as a shell around the sides and the back of the head: (153, 3) mm in the head frame.

    Parameters
    ----------
    length : float
        Length below the eyes, mm.
    spread : float
        Distance from the skull, mm.
    opening : float
        Angle from the front at which the hair begins, degrees.
    wave : float
        Size of the waves, mm.
    phase : float
        Phase of the waves, radians.
    """
    a = np.radians(np.linspace(opening, 360 - opening, HAIR_SPOKES))[None, :]
    t = np.linspace(0, 1, HAIR_RINGS)[:, None]
    ragged = 1 + 0.05 * np.sin(5 * a + phase) + 0.04 * np.sin(13 * a + 2 * phase)
    y = -62 + t * (length * ragged + 62)
    grow = np.sqrt(np.clip(t * 4, 0, 1)) * 0.25 + 0.75
    curl = wave * np.sin(9 * t + phase + 2 * a)
    r = grow * (1 + 0.12 * t)
    x = (80 + spread + curl) * r * np.sin(a)
    z = 98 - (88 + spread + curl) * r * np.cos(a)
    return np.stack([x, y, z], -1).reshape(-1, 3)


def curtain_faces():
    """Return the triangles of `curtain_vertices` for both sides of the shell, the outer side first."""
    out = grid_faces(HAIR_RINGS, HAIR_SPOKES, False)
    return np.concatenate([out, out[:, ::-1]])
