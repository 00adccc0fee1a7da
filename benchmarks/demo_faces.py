"""Draw results/demo/faces.png from the records of the demo: synthetic test faces with the landmarks of each method.

python benchmarks/demo_faces.py runs/demo
"""

import sys
from pathlib import Path

import numpy as np

import fldbench
from fldbench.media.draw import contact_sheet, draw_landmarks, write_png
from fldbench.records.store import read_records

FACES = (3, 10, 17, 22, 41, 57)
COLOURS = {"truth": (255, 255, 255), "mean-shape": (255, 120, 120), "ert": (255, 210, 60), "hog-ridge": (90, 230, 120)}


def main(folder: str) -> None:
    faces = fldbench.get_protocol("synthetic-test").select(fldbench.load_dataset("synthetic", split="test"))
    rows = {"truth": faces.landmarks}
    for record in sorted(read_records(folder), key=lambda r: -r.metrics["nme"]):
        with np.load(Path(folder) / "records" / record.key / "faces.npz") as kept:
            rows[record.method.label] = kept["predictions"]
    cells = [
        draw_landmarks(faces.images[i], points[i], "ibug-68", colour=COLOURS.get(name, (110, 190, 255)))
        for name, points in rows.items()
        for i in FACES
    ]
    path = Path(__file__).parent.parent / "results" / "demo" / "faces.png"
    write_png(path, contact_sheet(cells, columns=len(FACES)))
    print(path, "rows:", ", ".join(rows))


if __name__ == "__main__":
    main(sys.argv[1])
