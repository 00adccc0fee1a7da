"""The pictures of the guide, drawn at build from synthetic faces."""

import io
from pathlib import Path

import cv2
import numpy as np

import fldbench
from fldbench.faces.images import encode_image
from fldbench.geometry import jitter_box
from fldbench.media import contact_sheet, draw_landmarks
from fldbench.media.draw import draw_box, numbering_chart

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ENLARGED = 3  # px of a picture for each px of a face
DOT = 2.5  # px, radius of a landmark
GREEN, RED, BLUE, YELLOW = (0, 230, 0), (255, 80, 60), (80, 160, 255), (255, 220, 0)


def pictures():
    """Return path -> PNG or SVG of each picture."""
    faces = fldbench.load_dataset("synthetic", split="test")[:8]
    return {
        "pictures/methods.png": (REPOSITORY / "results" / "demo" / "faces.png").read_bytes(),
        "pictures/boxes.png": encode_image(boxes(faces), ".png"),
        "pictures/normalisers.png": encode_image(normalisers(faces), ".png"),
        "pictures/pixels.svg": pixels(),
        "pictures/ced.svg": ced(),
        **{f"pictures/scheme-{name}.png": chart(name) for name in charted()},
    }


def enlarged(image, points):
    """Return a face and its points (..., 2), both larger; pixel centres stay where they are in the picture."""
    big = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LINEAR)
    return big, (np.asarray(points, float) + 0.5) * ENLARGED - 0.5


def boxes(faces):
    """Return one face three times: tight box, jittered box, and the box of a detector that draws more of the head."""
    rng = np.random.default_rng(4)
    x0, y0, x1, y1 = faces.boxes[0]
    head = np.array([x0 - 0.1 * (x1 - x0), y0 - 0.2 * (y1 - y0), x1 + 0.1 * (x1 - x0), y1 + 0.05 * (y1 - y0)])
    shown = []
    for box in (faces.boxes[0], jitter_box(faces.boxes[0], rng, 0.1, 0.1), head):
        big, corners = enlarged(faces.images[0], box.reshape(2, 2))
        canvas = draw_landmarks(big, enlarged(faces.images[0], faces.landmarks[0])[1], radius=DOT)
        draw_box(canvas, corners.reshape(4), YELLOW)
        shown.append(canvas)
    return contact_sheet(shown, columns=3, cell=300)


def normalisers(faces):
    """Return one face three times: with the line between the outer eye corners, between the eye centres, and a box."""
    eyes = fldbench.get_scheme("ibug-68")
    points = faces.landmarks[0]
    outer = points[list(eyes.outer_eye_corners)]
    centres = np.array([points[list(side)].mean(axis=0) for side in eyes.eye_points])
    low, high = points.min(axis=0), points.max(axis=0)
    shown = []
    for ends, colour, box in ((outer, RED, False), (centres, BLUE, False), (np.array([low, high]), YELLOW, True)):
        big, (first, last) = enlarged(faces.images[0], ends)
        canvas = draw_landmarks(big, enlarged(faces.images[0], points)[1], radius=DOT)
        cv2.line(canvas, tuple(map(round, first)), tuple(map(round, last)), colour, 3, cv2.LINE_AA)
        if box:
            draw_box(canvas, np.array([*first, *last]), colour)
        shown.append(canvas)
    return contact_sheet(shown, columns=3, cell=300)


def charted():
    """Return the schemes of which a numbered drawing can be made."""
    return [name for name in fldbench.list_schemes() if fldbench.get_scheme(name).template is not None]


def chart(name):
    """Return the numbered drawing of a scheme."""
    return encode_image(numbering_chart(name, 720), ".png")


def pixels():
    """Return the corner of an image as a grid: where (0, 0) is, and where a program that counts from 1 puts it."""
    cell = 60
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-90 -60 420 330" font-family="sans-serif" font-size="15">',
        '<rect x="-90" y="-60" width="420" height="330" fill="#fff"/>',
    ]
    for row in range(4):
        for column in range(5):
            lines.append(
                f'<rect x="{column * cell}" y="{row * cell}" width="{cell}" height="{cell}" '
                f'fill="{"#dde7ee" if (row + column) % 2 else "#eef3f7"}" stroke="#90a4ae"/>'
            )
    lines += [
        '<circle cx="30" cy="30" r="6" fill="#c62828"/>',
        '<text x="-80" y="-38">centre of the top-left pixel: (0, 0)</text>',
        '<path d="M -20 -32 L 24 22" stroke="#c62828" fill="none"/>',
        '<circle cx="150" cy="90" r="6" fill="#1565c0"/><text x="160" y="84">(2, 1)</text>',
        '<circle cx="0" cy="0" r="5" fill="#555"/><text x="-88" y="18">(-0.5, -0.5)</text>',
        '<text x="258" y="-12">x right</text><text x="-84" y="230">y down</text></svg>',
    ]
    return "\n".join(lines)


def ced():
    """Return a cumulative error distribution of ten faces, with its threshold, failures and area."""
    from matplotlib.figure import Figure

    errors = np.array([2.1, 2.6, 2.9, 3.2, 3.6, 4.1, 4.9, 6.0, 9.4, np.nan])
    edges = np.concatenate([[0], np.sort(errors[:9]), [12]])
    share = np.concatenate([np.arange(10), [9]]) / 10
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.step(edges, share, where="post", color="#00796b", lw=2)
    inside = np.linspace(0, 8, 801)
    heights = (errors[:, None] <= inside).mean(axis=0)
    axes.fill_between(inside, heights, color="#80cbc4", alpha=0.6, lw=0)
    axes.axvline(8, color="#c62828", ls="--")
    axes.annotate("", (8.2, 1.0), (8.2, 0.8), arrowprops={"arrowstyle": "<->", "color": "#c62828"})
    axes.text(8.4, 0.94, "FR@8%: 2 of 10 faces", color="#c62828")
    axes.text(3.9, 0.2, "AUC@8%: this area as a\nshare of the rectangle")
    axes.set(xlim=(0, 12), ylim=(0, 1.05), xlabel="error of a face, %", ylabel="share of the faces")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
