"""Draw the training curves of the networks of a finished suite: curves.csv and curves.png.

    python benchmarks/curves.py runs/300w

Each model file holds its history, so nothing is trained. Left: the NME of the validation part, for the networks that
choose their epoch by it. Right: the training loss of all networks, as a share of the loss of the first epoch.
"""

import csv
import json
import sys
from itertools import accumulate
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from safetensors import safe_open

COLUMNS = ("method", "epoch", "seconds", "loss", "val_nme", "learning_rate")


def histories(folder: Path) -> dict[str, list[dict]]:
    """Return "method, N epochs" -> one row per epoch, for every network among the models of a folder."""
    found = {}
    for path in folder.glob("models/*/model.safetensors"):
        with safe_open(str(path), framework="np") as file:
            header = json.loads(file.metadata()["fldbench"])
        if "history_" in header["learned"]:
            rows = header["learned"]["history_"]
            found[f"{header['method']}, {len(rows)} epochs"] = rows
    return dict(sorted(found.items()))


def main(folder: Path) -> None:
    found = histories(folder)
    if not found:
        sys.exit(f"{folder} holds no model of a network; run the suite into it first")
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    with open(folder / "curves.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for k, (name, rows) in enumerate(found.items()):
            spent = list(accumulate(row["seconds"] for row in rows))
            minutes = [seconds / 60 for seconds in spent]
            if rows[0]["val_nme"] is not None:
                left.plot(minutes, [row["val_nme"] for row in rows], color=f"C{k}", label=name)
            right.plot(minutes, [row["loss"] / rows[0]["loss"] for row in rows], color=f"C{k}", label=name)
            for row, seconds in zip(rows, spent, strict=True):
                values = [row[column] for column in COLUMNS[3:]]
                texts = ["" if value is None else f"{value:.5g}" for value in values]
                writer.writerow([name, row["epoch"], round(seconds, 1), *texts])
    left.set(xlabel="minutes on 2 cores", title="validation NME, %", yscale="log", ylim=(2.5, 30))
    left.set_yticks([3, 4, 5, 7, 10, 20], ["3", "4", "5", "7", "10", "20"])
    left.yaxis.set_minor_formatter(NullFormatter())
    right.set(xlabel="minutes on 2 cores", title="training loss / that of the first epoch", yscale="log")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.legend(*right.get_legend_handles_labels(), loc="outside right center", fontsize="small")
    figure.savefig(folder / "curves.png", dpi=120)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/300w"))
