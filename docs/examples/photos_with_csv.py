"""A folder of photos with a CSV of 21 points of one's own: looked at, cross-validated by person, ranked.

python docs/examples/photos_with_csv.py    # synthetic photos, seconds; writes photos/, points.csv and runs/photos
"""

import csv
from pathlib import Path

import fldbench
from fldbench.media import write_png

# Your photos and your table. Here synthetic faces with every third of their 68 points stand for them, two of a person.
faces = fldbench.load_dataset("synthetic", split="train", faces=40)
Path("photos").mkdir(exist_ok=True)
with open("points.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    table.writerow(["path", "group", *(f"{axis}{i}" for i in range(21) for axis in "xy")])
    for i, image in enumerate(faces.images):
        write_png(f"photos/{i:02d}.png", image)
        points = faces.landmarks[i, :63:3]  # px; the centre of the first pixel is (0, 0)
        table.writerow([f"photos/{i:02d}.png", f"person {i // 2}", *points.round(2).ravel().tolist()])

own = {"file": "points.csv", "scheme": "mine-21"}
suite = {
    "name": "photos",
    "schemes": {"mine-21": 21},
    "define": {
        "mine": {
            **{"dataset": "csv", "options": own, "split": "all", "n_expected": 40},
            "normaliser": "diagonal",  # of the box: nobody said which points are eyes
        }
    },
    # No split? Each face is answered by a model that never saw its person.
    "train": [{"dataset": "csv", "options": own, "split": "all", "folds": 4}],
    "methods": ["mean-shape", {"name": "linear", "params": {"crop_size": 48}}],
    "protocols": ["mine", "mine@boxes=jittered:0.10"],
}
fldbench.run_suite(suite, data=".", out="runs/photos")
print(fldbench.leaderboard("runs/photos"))
