"""Damaged model files of every family of methods, loaded and run in a process of its own: `model_fuzz.py N NAME ...`.

Prints a line for every exception that is no error of fldbench; a crash is seen by whoever started the process.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from random import Random

import numpy as np
from fuzz import change_value, mutate
from safetensors import safe_open
from safetensors.numpy import save

import fldbench
from fldbench.checks import quick_faces

CASCADE = {"stages": 1, "grid": 2, "bins": 4, "starts": 2, "crop_size": 60}
FAMILIES = {
    "mean-shape": ("mean-shape", {}),
    "hog-ridge": ("hog-ridge", {**CASCADE, "stages": 2}),
    "lbf": ("lbf", {"stages": 2, "trees": 2, "depth": 2, "candidates": 9, "pool": 20, "crop_size": 48, "folds": 2}),
    "asm": ("asm", {"levels": 2, "first_size": 16.0, "last_size": 24.0, "grid": 3, "cell": 3, "crop_size": 48}),
    "asm-profile": ("asm", {"search": "profile", "levels": 1, "crop_size": 48}),
    "linear": ("linear", {"crop_size": 24, "copies": 1}),
    "linear-rbf": ("linear", {"crop_size": 24, "copies": 1, "kernel": "rbf", "supports": 6}),
    "ert": ("ert", {"stages": 2, "trees": 4, "depth": 2, "pool": 20, "copies": 1, "crop_size": 60}),
    "average": ("average", {"methods": ["mean-shape", "linear"], "params": {"linear": {"crop_size": 24, "copies": 1}}}),
    "hog-heads": ("hog-heads", {"tasks": ("landmarks", "smile"), "landmark_params": CASCADE, "crop_size": 24}),
    "hybrid": ("hybrid", {"first": "mean-shape", "second_params": CASCADE, "folds": 2}),
    "cnn-small": ("cnn-small", {"size": 16, "epochs": 1}),
    "nose-net": ("nose-net", {"width": 32, "height": 32, "epochs": 1}),
    "heatmap": ("heatmap", {"size": 32, "width": 4, "epochs": 1}),
    "heatmap-int8": ("heatmap", {"size": 32, "width": 4, "epochs": 1}),
}
BAD = (np.nan, np.inf, -1.0, 1e30, 1e308, 0.0)


def damaged(content, header, arrays, draw):
    """The bytes of a model file with something wrong in its bytes, its header or its arrays."""
    kind = draw.randrange(4)
    if kind == 0:
        return mutate(content, draw)
    header, arrays = json.loads(json.dumps(header)), dict(arrays)
    if kind == 1:
        header = change_value(header, draw)
    else:
        for _ in range(draw.choice([1, 1, 2])):
            change_array(arrays, draw)
    return save(arrays, {"fldbench": json.dumps(header)})


def change_array(arrays, draw):
    """Drop, rename, cut, turn, cast or spoil one array."""
    if not arrays:
        return
    name = draw.choice(sorted(arrays))
    value, kind = arrays.pop(name), draw.randrange(8)
    if kind == 0:
        return
    if kind == 1:
        name = draw.choice(["predict", "__class__", "_secret", "x_", f"{name}x", "1/x_", "9/mean_shape_"])
    elif kind == 2:
        axis = draw.randrange(max(value.ndim, 1))
        value = np.take(value, range(value.shape[axis] // 2), axis) if value.ndim else value
    elif kind == 3:
        value = value.T
    elif kind == 4:
        with np.errstate(all="ignore"):
            value = value.astype(draw.choice(["float32", "float64", "int64", "uint8", "float16", "int16", "bool"]))
    elif kind == 5:
        value = np.resize(value, (*value.shape, 2))
    elif value.size:
        value = value.copy()
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bad = np.array(draw.choice(BAD)).astype(value.dtype)
        if kind == 6:
            value[...] = bad
        else:
            value.flat[draw.randrange(value.size)] = bad
    arrays[name] = np.ascontiguousarray(value)


def foreign(path, images, boxes):
    """What went wrong when a file was loaded and run, in words; empty if nothing but errors of fldbench did."""
    step = "load"
    try:
        method = fldbench.load_method(path)
        step = "predict"
        np.asarray(method.predict(images, boxes))
        step = "predict_attributes"
        method.predict_attributes(images, boxes)
        _ = method.n_parameters, method.multiply_adds, repr(method)
    except fldbench.FldbenchError:
        return ""
    except Exception as error:
        return f"{step}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def main(count, names):
    """Damage each family's file `count` times."""
    warnings.simplefilter("ignore")
    train, test = quick_faces()
    train, images, boxes = train[:12], list(test.images[:2]), test.boxes[:2]
    with tempfile.TemporaryDirectory() as folder:
        for family in names or FAMILIES:
            name, params = FAMILIES[family]
            weights = "int8" if family.endswith("int8") else "float32"
            path = fldbench.make_method(name, **params).fit(train).save(Path(folder) / "m.safetensors", weights)
            content = path.read_bytes()
            with safe_open(path, "np") as file:
                header = json.loads(file.metadata()["fldbench"])
                arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            whole = foreign(path, images, boxes)
            assert not whole, whole
            for seed in range(count):
                path.write_bytes(damaged(content, header, arrays, Random(f"{family} {seed}")))
                found = foreign(path, images, boxes)
                if found:
                    print(f"{family} {seed}: {found}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
