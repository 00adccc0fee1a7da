"""Pictures: landmarks drawn on images, contact sheets, the numbering of a scheme.

Images are RGB uint8 (h, w, 3); landmarks are px of the image, the centre of the top-left pixel at (0, 0). Drawing is
sub-pixel accurate (1/16 px) and never changes its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fldbench.errors import DataError, must_be
from fldbench.faces.images import encode_image
from fldbench.files import written_whole
from fldbench.schemes import Scheme, get_scheme

_SHIFT = 4  # cv2 draws at px * 2**_SHIFT
_FAR = 2.0**15  # px; a wild prediction beyond it is left out, as cv2 counts in 32 bits
BOX = (255, 210, 60)  # RGB
DENSE = 120  # points of a scheme from which a chart's numbers are written smaller


def as_rgb(image) -> np.ndarray:
    """Return a new RGB uint8 image (h, w, 3) of an RGB or a grey one.

    Parameters
    ----------
    image : array_like
        uint8 (h, w, 3) RGB, or grey (h, w) or (h, w, 1).

    Raises
    ------
    DataError
        For anything else.

    >>> as_rgb(np.full((2, 3), 7, np.uint8)).shape
    (2, 3, 3)
    """
    pixels = np.asarray(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or pixels.size == 0:
        got = f"{pixels.dtype} {pixels.shape}"
        raise DataError(must_be("image", "the array", got, "uint8 (h, w, 3) RGB or (h, w) grey"))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))).copy()


def _label_directions(points: np.ndarray, scheme: Scheme | None) -> np.ndarray:
    """Return (L, 2) unit vectors that lead numbers off the lines: outwards from an outline, else to the right."""
    away = np.tile([1.0, 0.0], (len(points), 1))
    lines = set(scheme.edges) if scheme else set()
    for region in scheme.regions.values() if scheme else ():
        breaks = [k for k in range(1, len(region)) if (region[k - 1], region[k]) not in lines]
        for chain in np.split(np.array(region), breaks):
            line = points[chain]
            after, before = np.roll(line, -1, axis=0), np.roll(line, 1, axis=0)
            area = np.sum(line[:, 0] * after[:, 1] - after[:, 0] * line[:, 1]) / 2  # > 0: clockwise on the screen
            if len(chain) < 3 or abs(area) < 0.01 * np.ptp(line, axis=0).max() ** 2:
                continue
            along = after - before
            if (chain[-1], chain[0]) not in lines:
                along[0], along[-1] = line[1] - line[0], line[-1] - line[-2]
            away[chain] = np.sign(area) * np.stack([along[:, 1], -along[:, 0]], axis=1)
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return np.where(length > 1e-9, away / np.maximum(length, 1e-9), [1.0, 0.0])


def _write_number(canvas: np.ndarray, text: str, at: np.ndarray, away: np.ndarray, gap: float, height: float, colour):
    """Write a string so that its box touches the point `gap` px from `at` towards `away`; height in px."""
    import cv2

    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(height / 14))
    scale = cv2.getFontScaleFromHeight(font, max(4, round(height)), thick)
    (w, h), _ = cv2.getTextSize(text, font, scale, thick)
    centre = at + away * (gap + np.abs(away) @ [w / 2, h / 2])
    corner = (round(float(centre[0] - w / 2)), round(float(centre[1] + h / 2)))
    dark = np.dot(colour, (0.299, 0.587, 0.114)) < 128
    cv2.putText(canvas, text, corner, font, scale, (255,) * 3 if dark else (0,) * 3, thick + 2, cv2.LINE_AA)
    cv2.putText(canvas, text, corner, font, scale, colour, thick, cv2.LINE_AA)


def _paint(canvas, points, shown, scheme, colour, line_colour, numbers, radius, text=None) -> None:
    """Draw the points of one face, (L, 2) px, into canvas: lines, then numbers (`text` px high), then points."""
    import cv2

    there = np.isfinite(points).all(axis=1)
    there[there] = np.abs(points[there]).max(axis=1) < _FAR
    if not there.any():
        return
    size = float(np.ptp(points[there], axis=0).max())
    dot = max(1.0, size / 150) if radius is None else float(radius)
    thick = max(1, round(dot / 2))
    at = {int(i): tuple(int(v) for v in np.round(points[i] * 2**_SHIFT)) for i in np.flatnonzero(there)}
    for a, b in scheme.edges if scheme else ():
        if a in at and b in at:
            cv2.line(canvas, at[a], at[b], line_colour, thick, cv2.LINE_AA, _SHIFT)
    if numbers:
        text = max(7.0, size / 50) if text is None else text
        away = _label_directions(np.where(there[:, None], points, points[there].mean(axis=0)), scheme)
        for i in at:
            _write_number(canvas, str(i), points[i], away[i], dot + 2, text, colour)
    for i, centre in at.items():
        fill = cv2.FILLED if shown[i] else thick
        cv2.circle(canvas, centre, round(dot * 2**_SHIFT), colour, fill, cv2.LINE_AA, _SHIFT)


def draw_landmarks(
    image,
    landmarks,
    scheme: Scheme | str | None = None,
    visible=None,
    colour: tuple[int, int, int] = (0, 255, 0),
    numbers: bool = False,
    radius: float | None = None,
    upscale: int = 1,
) -> np.ndarray:
    """Return a new RGB image with the landmarks on it.

    Parameters
    ----------
    image : array_like
        uint8, RGB (h, w, 3) or grey (h, w).
    landmarks : array_like
        (L, 2), or (n, L, 2) for n faces; px of `image`. A point that is not finite is left out, and so are its lines.
    scheme : Scheme or str, optional
        Its lines are drawn too, and numbers are placed beside them.
    visible : array_like of bool, optional
        Shaped like the landmarks without their last axis: hidden points are drawn as rings.
    colour : (int, int, int)
        RGB of points, lines and numbers.
    numbers : bool
        Write the index of each point.
    radius : float, optional
        Of a point, px of the result; by default 1/150 of the face's size, at least 1.
    upscale : int
        Enlarge the image this many times first, so that small faces can be read.

    Returns
    -------
    ndarray
        uint8 (upscale h, upscale w, 3), RGB.

    Raises
    ------
    DataError
        For an image, landmarks or flags of a wrong shape.

    >>> image = np.zeros((5, 7, 3), np.uint8)
    >>> drawn = draw_landmarks(image, [[3, 2]], radius=1)
    >>> int(drawn[2, 3, 1]), int(drawn[0, 0, 1]), int(image.max())
    (255, 0, 0)
    """
    import cv2

    canvas = as_rgb(image)
    scheme = get_scheme(scheme) if isinstance(scheme, str) else scheme
    faces = np.array(landmarks, dtype=np.float64)
    faces = faces[None] if faces.ndim == 2 else faces
    if faces.ndim != 3 or faces.shape[2] != 2 or (scheme and faces.shape[1] != scheme.n_points):
        wanted = f"({scheme.n_points}, 2) for {scheme.name}" if scheme else "(L, 2) or (n, L, 2)"
        raise DataError(must_be("landmarks", "the shape", np.shape(landmarks), wanted))
    seen = np.ones(faces.shape[:2], bool) if visible is None else np.asarray(visible, bool)
    if seen.size != faces.shape[0] * faces.shape[1]:
        allowed = f"{faces.shape[0] * faces.shape[1]}, one for each point"
        raise DataError(must_be("visible", "the number of flags", seen.size, allowed))
    seen = seen.reshape(faces.shape[:2])
    if upscale != 1:
        canvas = cv2.resize(canvas, None, fx=upscale, fy=upscale, interpolation=cv2.INTER_LINEAR)
        faces = (faces + 0.5) * upscale - 0.5  # pixel centres, as cv2.resize has them
    for points, shown in zip(faces, seen, strict=True):
        _paint(canvas, points, shown, scheme, colour, colour, numbers, radius)
    return canvas


def draw_box(canvas: np.ndarray, box: np.ndarray, colour: tuple[int, int, int] = BOX) -> None:
    """Draw a box (4,) px into canvas, RGB uint8 (h, w, 3); its lines are a hundredth of its size, and at least 1 px.

    >>> canvas = np.zeros((9, 9, 3), np.uint8)
    >>> draw_box(canvas, np.array([2.0, 3.0, 6.0, 7.0]))
    >>> canvas[..., 0].nonzero()[0].min(), canvas[..., 0].nonzero()[1].max()
    (np.int64(3), np.int64(6))
    """
    import cv2

    corners = np.clip(np.asarray(box, float), -_FAR, _FAR)
    low, high = (tuple(int(v) for v in np.round(corners[k : k + 2] * 2**_SHIFT)) for k in (0, 2))
    thick = max(1, round(float(np.max(corners[2:] - corners[:2])) / 100))
    cv2.rectangle(canvas, low, high, colour, thick, cv2.LINE_AA, _SHIFT)


def contact_sheet(images: Sequence, columns: int = 8, cell: int = 160, below: Sequence | None = None) -> np.ndarray:
    """Return one RGB image with all images in rows, on dark grey.

    Parameters
    ----------
    images : sequence of array_like
        uint8, RGB or grey, of any sizes.
    columns : int
        Images in a row.
    cell : int
        Each image is fitted into cell x cell px; its aspect is kept.
    below : sequence of array_like, optional
        One more image for each, `cell` px wide and drawn below it as it is, such as `fldbench.media.bar_panel` makes.

    Raises
    ------
    DataError
        When there is no image, and for images below them that are too many, too few or of another width.

    >>> face, bars = np.zeros((30, 20, 3), np.uint8), np.zeros((10, 32, 3), np.uint8)
    >>> contact_sheet([face] * 5, columns=4, cell=32).shape, contact_sheet([face], cell=32, below=[bars]).shape
    ((64, 128, 3), (42, 32, 3))
    """
    import cv2

    if len(images) == 0:
        raise DataError("a contact sheet needs at least one image")
    panels = [] if below is None else [as_rgb(one) for one in below]
    shapes = {panel.shape[1] for panel in panels}
    if below is not None and (len(panels) != len(images) or shapes != {cell}):
        got = f"{len(panels)} of {' and '.join(map(str, sorted(shapes)))} px"
        raise DataError(must_be("contact sheet", "the images below", got, f"{len(images)} of {cell} px width"))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    tall = cell + max((panel.shape[0] for panel in panels), default=0)
    sheet = np.full((rows * tall, columns * cell, 3), 32, np.uint8)
    for i, image in enumerate(images):
        picture = as_rgb(image)
        factor = cell / max(picture.shape[:2])
        h, w = (max(1, round(side * factor)) for side in picture.shape[:2])
        kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        y, x = (i // columns) * tall, (i % columns) * cell
        top, left = y + (cell - h) // 2, x + (cell - w) // 2
        sheet[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=kind)
        if panels:
            sheet[y + cell : y + cell + panels[i].shape[0], x : x + cell] = panels[i]
    return sheet


def numbering_chart(scheme: Scheme | str, size: int = 900) -> np.ndarray:
    """Return the scheme's template on white, size x size px, with lines, points and their numbers; RGB.

    >>> numbering_chart("mtfl-5", size=200).shape
    (200, 200, 3)
    """
    scheme = get_scheme(scheme) if isinstance(scheme, str) else scheme
    canvas = np.full((size, size, 3), 255, np.uint8)
    shown = np.ones(scheme.n_points, bool)
    letters = size / (75 if scheme.n_points < DENSE else 95)
    _paint(canvas, chart_points(scheme, size), shown, scheme, (0, 0, 160), (190, 190, 190), True, size / 300, letters)
    return canvas


def chart_points(scheme: Scheme, size: int = 900) -> np.ndarray:
    """Return (L, 2) px: where `numbering_chart` of that size puts the points; raise DataError without a template."""
    if scheme.template is None:
        raise DataError(f"scheme {scheme.name!r} has no template to draw; `fldbench data preview` draws its faces")
    return (0.04 + 0.92 * scheme.template) * (size - 1)


def write_png(path: str | Path, image) -> Path:
    """Write an RGB (or grey) uint8 image as PNG, whole or not at all, and return its path.

    Raises
    ------
    StoreError
        When the file cannot be written.
    """
    with written_whole(path, "wb") as file:
        file.write(encode_image(as_rgb(image), ".png"))
    return Path(path)
