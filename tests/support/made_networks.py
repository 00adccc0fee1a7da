"""ONNX files whose answers are constants: what a real detector network would say of one known face."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 320
STEPS = (8, 16, 32)


def write_constants(path, answers, side=SIDE):
    """Write a network that answers any image of side x side with the given arrays, by name."""
    size = [1, 3, side, side]
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "nothing"], ["zero"]),
    ]
    weights = [numpy_helper.from_array(np.zeros((3 * side * side, 1), np.float32), "nothing")]
    outputs = []
    for name, value in answers.items():
        value = np.asarray(value, np.float32)
        weights.append(numpy_helper.from_array(value, f"{name}_value"))
        weights.append(numpy_helper.from_array(np.ones(value.ndim, np.int64), f"{name}_ones"))
        nodes.append(helper.make_node("Reshape", ["zero", f"{name}_ones"], [f"{name}_zero"]))
        nodes.append(helper.make_node("Add", [f"{name}_value", f"{name}_zero"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape)))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, size)
    graph = helper.make_graph(nodes, "constants", [image], outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def scrfd_answers(cell, distances, score=0.9, anchors=2, points=True):
    """Return SCRFD's answers with one face: in grid level, row, column, distances in steps of the grid."""
    level, row, column = cell
    answers, n = {}, [anchors * (SIDE // step) ** 2 for step in STEPS]
    at = anchors * (row * (SIDE // STEPS[level]) + column)
    for kind, wide in (("score", 1), ("box", 4), *([("points", 10)] if points else [])):
        for k, step in enumerate(STEPS):
            value = np.zeros((n[k], wide))
            if k == level and kind != "points":
                value[at] = score if kind == "score" else distances
            answers[f"{kind}{step}"] = value
    return answers


def yunet_answers(row, column, log_size, score=0.81):
    """Return YuNet's answers with one face in the grid of 8 px: its centre is that of the cell's corner."""
    answers = {}
    for kind, wide in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for step in STEPS:
            answers[f"{kind}_{step}"] = np.zeros((1, (SIDE // step) ** 2, wide))
    at = row * (SIDE // 8) + column
    answers["cls_8"][0, at], answers["obj_8"][0, at] = score, score
    answers["bbox_8"][0, at, 2:] = log_size
    return answers
