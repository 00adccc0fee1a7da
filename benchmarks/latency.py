"""What each network costs at its default size: weights, multiply-adds, and milliseconds a crop on the CPU.

    python benchmarks/latency.py

For 68 landmarks, with the weights that the networks begin with, as prediction runs them: norms folded in. Medians over
two seconds each; cutting the crop, some 0.1 ms, is not counted. Needs no data. Nothing else may run beside it.
"""

import torch

import fldbench
from fldbench.cnn.cost import cost, fused

NAMES = ("mobilenet-0.3", "five-conv", "cnn-small", "heatmap", "fld-net", "naimish-net", "resnet50-wing", "alexnet-elu")
POINTS = 68


def main() -> None:
    print(
        "| network | crop, px | parameters | multiply-adds | weights, MB | 1 crop, 1 thread | 2 threads | each of 64 |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in NAMES:
        method = fldbench.make_method(name)
        network = method.build(POINTS, torch.zeros(POINTS, 2)).eval()
        width, height = method.input_size
        shape = (method.channels, height, width)
        torch.set_num_threads(1)
        single, plain = cost(fused(network), shape), cost(network, shape, seconds=0.0)
        torch.set_num_threads(2)
        double = cost(fused(network), shape)
        print(
            f"| {name} | {width} x {height} | {plain.parameters:,} | {plain.multiply_adds / 1e6:.1f} M "
            f"| {plain.weight_bytes / 1e6:.2f} | {single.ms_one:.2f} ms | {double.ms_one:.2f} ms "
            f"| {double.ms_each_of_64:.2f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    main()
