"""Measure plain dlib and the classical methods in one process: NME, time, memory, and their growth with the faces.

    FLDBENCH_DATA=ROOT python benchmarks/classical.py --out results/300w
    FLDBENCH_DATA=ROOT python benchmarks/classical.py --faces 500 --methods linear,dlib-plain

The methods train on random subsets of 300-W's training faces (each subset contains the smaller ones) and are measured
under 300w-helen, with tight and jittered boxes. `dlib-plain` is dlib's trainer used as in its own example: photos as
they are, boxes and points in whole pixels, default options, 10 start shapes per face. Memory is the peak of resident
memory above that at the start, child processes included. The script writes growth.csv and growth.png, and prints the
table of the largest training set.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import fldbench
from fldbench.protocols import boxes_from

PROTOCOLS = ("300w-helen", "300w-helen@boxes=jittered")
METHODS = ("dlib-plain", "ert", "hog-ridge", "lbf", "asm", "linear")
FACES = (250, 500, 1000, 2012)
THREADS = 2
COLUMNS = ("method", "faces", "nme", "nme_jittered", "fit_seconds", "ms_per_face", "fit_mb", "model_mb")


class PlainDlib:
    """dlib's shape predictor, used as in its example train_shape_predictor.py."""

    def fit(self, train):
        import cv2
        import dlib

        with tempfile.TemporaryDirectory() as folder:
            entries = []
            for i, (image, box, shape) in enumerate(zip(train.images, train.boxes, train.landmarks, strict=True)):
                cv2.imwrite(f"{folder}/{i}.png", cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
                x0, y0, x1, y1 = (round(v) for v in box.tolist())
                parts = "".join(
                    f"<part name='{k:02d}' x='{round(x)}' y='{round(y)}'/>" for k, (x, y) in enumerate(shape.tolist())
                )
                place = f"top='{y0}' left='{x0}' width='{x1 - x0 + 1}' height='{y1 - y0 + 1}'"
                entries.append(f"<image file='{i}.png'><box {place}>{parts}</box></image>")
            Path(folder, "faces.xml").write_text(f"<dataset><images>{''.join(entries)}</images></dataset>")
            options = dlib.shape_predictor_training_options()
            options.oversampling_amount = 10
            options.num_threads = THREADS
            dlib.train_shape_predictor(f"{folder}/faces.xml", f"{folder}/model.dat", options)
            self._bytes = Path(folder, "model.dat").stat().st_size
            self._predictor = dlib.shape_predictor(f"{folder}/model.dat")
        return self

    def predict(self, images, boxes):
        import cv2
        import dlib

        found = []
        for image, box in zip(images, boxes, strict=True):
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            shape = self._predictor(grey, dlib.rectangle(*(round(v) for v in box.tolist())))
            found.append([(part.x, part.y) for part in shape.parts()])
        return np.array(found, float)

    def save(self, path):
        Path(path).write_bytes(bytes(self._bytes))
        return Path(path)


class PeakMemory:
    """The peak of resident memory of this process and its children, in MB, above that at the start."""

    def __enter__(self):
        self._stop, self._start, self.peak = threading.Event(), self._now(), 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.02):
            self.peak = max(self.peak, self._now() - self._start)

    def _now(self):
        page = os.sysconf("SC_PAGE_SIZE") / 1e6
        total, pending = 0.0, [os.getpid()]
        while pending:
            process = Path("/proc") / str(pending.pop())
            try:
                total += int((process / "statm").read_text().split()[1]) * page
                for task in (process / "task").iterdir():
                    pending += (task / "children").read_text().split()
            except OSError:  # the process has just ended
                continue
        return total


def measure(name, train, tests):
    """Return one row: fit, save, predict all test faces at once (after eight as a warm-up), score."""
    with PeakMemory() as memory:
        start = time.perf_counter()
        method = (PlainDlib() if name == "dlib-plain" else fldbench.make_method(name)).fit(train)
        fit_seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        size = method.save(Path(folder) / "model.safetensors").stat().st_size
    errors, seconds = [], []
    for protocol, (faces, images) in tests.items():
        method.predict(images[:8], faces.boxes[:8])
        start = time.perf_counter()
        answers = method.predict(images, faces.boxes)
        seconds.append(time.perf_counter() - start)
        errors.append(fldbench.evaluate(answers, faces, protocol).metrics["nme"])
    ms = 1000 * min(seconds) / len(images)
    return dict(zip(COLUMNS, (name, len(train), *errors, fit_seconds, ms, memory.peak, size / 1e6), strict=True))


def table(rows):
    """Return the rows as Markdown; if plain dlib is among them, with ratios to it for time, memory and size."""
    plain = next((row for row in rows if row["method"] == "dlib-plain"), None)
    lines = [
        "| method | NME % | NME %, jittered boxes | fit s | ms per face | memory to fit, MB | model, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [f"{row['nme']:.2f}", f"{row['nme_jittered']:.2f}"]
        for name, digits in (("fit_seconds", 1), ("ms_per_face", 2), ("fit_mb", 0), ("model_mb", 1)):
            ratio = f" ({row[name] / plain[name]:.2f} x)" if plain is not None else ""
            cells.append(f"{row[name]:.{digits}f}{ratio}")
        lines.append(f"| {row['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows, path):
    """Draw fit time and NME against the number of training faces, one line per method."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = sorted((row for row in rows if row["method"] == name), key=lambda row: row["faces"])
        faces = [row["faces"] for row in mine]
        for axis, key in zip(axes, ("fit_seconds", "nme"), strict=True):
            axis.plot(faces, [row[key] for row in mine], marker="o", markersize=4, label=name)
    sizes = sorted({row["faces"] for row in rows})
    for axis, label in zip(axes, ("fit, seconds (2 cores)", "NME %, 300w-helen, tight boxes"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="training faces", ylabel=label)
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    ticks = [3, 4, 5, 6, 8, 10]
    axes[1].set_yticks(ticks, [str(t) for t in ticks])
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", default=",".join(map(str, FACES)), help="sizes of the training sets")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--out", type=Path, help="folder for growth.csv and growth.png")
    arguments = parser.parse_args()
    if not os.environ.get("FLDBENCH_DATA"):
        raise SystemExit("set FLDBENCH_DATA to the folder that holds 300w")
    train = boxes_from(fldbench.load_dataset("300w", split="train"), "tight")
    order = np.random.default_rng(0).permutation(len(train))
    test = fldbench.load_dataset("300w", split="test")
    tests = {}
    for name in PROTOCOLS:
        faces = fldbench.get_protocol(name).select(test)
        tests[name] = (faces, list(faces.images))
    rows = []
    for size in sorted(int(n) for n in arguments.faces.split(",")):
        for name in arguments.methods.split(","):
            rows.append(measure(name, train[np.sort(order[:size])], tests))
            print(
                ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{v}" for k, v in rows[-1].items()), flush=True
            )
    largest = max(row["faces"] for row in rows)
    print(table([row for row in rows if row["faces"] == largest]))
    if arguments.out:
        lines = [",".join(COLUMNS)]
        lines += [",".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()) for row in rows]
        (arguments.out / "growth.csv").write_text("\n".join(lines) + "\n")
        draw(rows, arguments.out / "growth.png")


if __name__ == "__main__":
    main()
