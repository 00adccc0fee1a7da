"""A program in any language as a method: it gets a folder of crops, and prints a line of points for each.

python docs/examples/shell_command.py    # synthetic faces, seconds; writes points.sh, mean.txt and runs/shell
"""

from pathlib import Path

import fldbench

# The program: 00000.png, x0, y0, x1, y1, ... in px of the crop. It knows one answer, the mean shape. A crop for which
# it prints no line is a missed face.
Path("points.sh").write_text('for crop in "$1"/*.png; do echo "$(basename "$crop"), $(cat "$2")"; done\n')
train = fldbench.load_dataset("synthetic", split="train", faces=60)
mean = fldbench.crop_faces(train.images, train.boxes, 48).to_crop(train.landmarks).mean(axis=0)
Path("mean.txt").write_text(", ".join(f"{value:.2f}" for value in mean.ravel()))

# The content of files that a command names is part of the key: a changed program is another method.
command = ["sh", "points.sh", "{crops}", "mean.txt"]
method = fldbench.wrap(command, "ibug-68", crop=48, output="crop", trained_on=["synthetic-train"], name="my-program")
suite = {
    "name": "shell",
    "train": [{"dataset": "synthetic", "options": {"faces": 60}}],
    "methods": ["mean-shape", method],
    "protocols": ["synthetic-test@first=20"],
}
fldbench.run_suite(suite, out="runs/shell")
print(fldbench.leaderboard("runs/shell"))
