"""How good a method is with few labelled faces: trained on random parts of 300-W's training faces, tested on HELEN.

    FLDBENCH_DATA=ROOT python benchmarks/few_labels.py asm --faces 50 200 630 [--draws 10] [--params '{...}']

Draw i of n faces is the same for every method. Each draw is a training of its own, and the interval of 95 % is over
draws and test faces (`fldbench.stats.summary_interval`).
"""

import argparse
import json
import sys

import numpy as np

import fldbench
from fldbench.errors import must_be
from fldbench.stats import summary_interval

PROTOCOL = "300w-helen"


def main(name: str, params: dict, sizes: list[int], draws: int) -> None:
    protocol = fldbench.get_protocol(PROTOCOL)
    train = fldbench.load_dataset("300w", split="train")
    test = protocol.select(fldbench.load_dataset("300w", split="test"))
    images = list(test.images)
    if max(sizes) > len(train):
        sys.exit(must_be("few_labels.py", "--faces", max(sizes), f"at most the {len(train)} training faces there are"))
    for n in sizes:
        scores = []
        for i in range(draws):
            part = np.sort(np.random.default_rng([i, n]).permutation(len(train))[:n])
            answer = fldbench.make_method(name, **params).fit(train[part]).predict(images, test.boxes)
            scores.append(fldbench.evaluate(answer, test, protocol))
            print(f"{name}, {n} faces, draw {i}: {scores[-1].metrics['nme']:.2f}", flush=True)
        found = summary_interval(np.array([score.errors for score in scores])).times(100)
        failed = np.mean([score.metrics["fr10"] for score in scores])  # in which missed faces are failures
        spread = np.array([score.metrics["nme"] for score in scores])
        told = f"NME {found.value:.2f} [{found.low:.2f}, {found.high:.2f}], FR@10 {failed:.1f}"
        print(f"{name}, {n} faces: {told}; draws {spread.min():.2f} to {spread.max():.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("--params", type=json.loads, default={}, help="a JSON object of parameters")
    parser.add_argument("--faces", type=int, nargs="+", default=[50, 200, 630])
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    try:
        main(given.method, given.params, given.faces, given.draws)
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
