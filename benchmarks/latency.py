"""Measure what each network costs at its default size: weights, multiply-adds, and milliseconds per crop on the CPU.

    python benchmarks/latency.py
    python benchmarks/latency.py MODEL ...     # fitted models: megabytes, and predict with 1 and 2 threads

For 68 landmarks, with the initial weights, and with norms folded in as in prediction. Each time is the median over two
seconds. The last column is `predict` for one face in an image of 80 px, crop included, of a method that was trained for
a moment. Of fitted models also the faces a second, in calls of 256 such images. No data is needed. Run nothing else at
the same time.
"""

import os
import sys
import time

import numpy as np
import torch

import fldbench
from fldbench.checks import quick_faces
from fldbench.cnn.cost import cost, fused

NETWORKS = {
    "tcdcn": ("tcdcn", {}),
    "tcdcn, local filters": ("tcdcn", {"shared": False}),
    **{
        name: (name, {})
        for name in (
            *("mobilenet-0.3", "five-conv", "cnn-small", "heatmap", "fld-net", "naimish-net", "resnet50-wing"),
            "alexnet-elu",
        )
    },
}
POINTS = 68
SIDE = 80  # px, of the image that predict gets
FACES = 256  # in a call, for the faces a second


def trained_for_a_moment(name: str, params: dict) -> fldbench.Method:
    """Return the method, fitted to four synthetic faces."""
    training = {"val_share": 0.0, "threads": 0}
    return fldbench.make_method(name, **params, epochs=1, training=training).fit(quick_faces()[0][:4])


def predict_ms(fitted: fldbench.Method, faces: int = 1, seconds: float = 2.0) -> float:
    """Return the median milliseconds of predict for so many faces, with the threads that torch has now."""
    images = list(np.random.default_rng(0).integers(0, 256, (faces, SIDE, SIDE, 3)).astype(np.uint8))
    boxes = np.tile([20.0, 20, 60, 60], (faces, 1))
    spent: list[float] = []
    while len(spent) < 4 or sum(spent) < seconds:
        begin = time.perf_counter()
        fitted.predict(images, boxes)
        spent.append(time.perf_counter() - begin)
    return 1000 * float(np.median(spent[1:]))


def measure_models(paths: list[str]) -> None:
    """Print a row for each file of a fitted model."""
    print("| model | MB | one face, 1 thread | 2 threads | faces a second, 1 thread | 2 threads |")
    print("|---|---:|---:|---:|---:|---:|")
    for path in paths:
        single, many = [], []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            fitted = fldbench.load_method(path)
            single.append(f"{predict_ms(fitted):.2f} ms")
            many.append(f"{1000 * FACES / predict_ms(fitted, FACES):.0f}")
        print(f"| {path} | {os.path.getsize(path) / 1e6:.2f} | {' | '.join(single + many)} |", flush=True)


def main() -> None:
    """Print a row for each network."""
    print(
        "| network | crop, px | parameters | multiply-adds | weights, MB | 1 crop, 1 thread | 2 threads | each of 64 "
        "| predict, 1 thread |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for label, (name, params) in NETWORKS.items():
        method = fldbench.make_method(name, **params)
        network = method.build(POINTS, torch.zeros(POINTS, 2)).eval()
        width, height = method.input_size
        shape = (method.channels, height, width)
        torch.set_num_threads(1)
        whole = predict_ms(trained_for_a_moment(name, params))
        single, plain = cost(fused(network), shape), cost(network, shape, seconds=0.0)
        torch.set_num_threads(2)
        double = cost(fused(network), shape)
        print(
            f"| {label} | {width} x {height} | {plain.parameters:,} | {plain.multiply_adds / 1e6:.1f} M "
            f"| {plain.weight_bytes / 1e6:.2f} | {single.ms_one:.2f} ms | {double.ms_one:.2f} ms "
            f"| {double.ms_each_of_64:.2f} ms | {whole:.2f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        try:
            measure_models(sys.argv[1:])
        except fldbench.FldbenchError as error:
            sys.exit(str(error))
