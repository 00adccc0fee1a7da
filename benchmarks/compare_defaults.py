"""Compare a method's defaults with other values on a fifth of 300-W's training faces; no photo is in both parts.

    FLDBENCH_DATA=ROOT python benchmarks/compare_defaults.py hog-ridge '{"ridge": 600}' '{"starts": 12}'

The arguments are a method's name and any number of JSON objects of parameters. The defaults are measured first.
"""

import argparse
import json
import sys

import fldbench
from fldbench.protocols import boxes_from


def params(text: str) -> dict:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError
    return value


def main(name: str, choices: list[dict]) -> None:
    methods = [fldbench.make_method(name, **choice) for choice in choices]
    rest, part = fldbench.load_dataset("300w", split="train").split(0.2, random_state=0)
    images = list(part.images)
    print(f"{name}: trained on {len(rest)}, measured on {len(part)}; NME with tight, jittered boxes", flush=True)
    for choice, method in zip(choices, methods, strict=True):
        method.fit(rest)
        numbers = []
        for source in ("tight", "jittered"):
            faces = boxes_from(part, source)
            numbers.append(fldbench.evaluate(method.predict(images, faces.boxes), faces, "300w-helen").metrics["nme"])
        print(json.dumps(choice) if choice else "defaults", *(f"{number:.2f}" for number in numbers), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("params", nargs="*", type=params, help="a JSON object of parameters")
    given = parser.parse_args()
    try:
        main(given.method, [{}, *given.params])
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
