"""A network's convolutions in whole numbers of 8 bits, by ONNX Runtime.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018:
a tensor's numbers are multiples of one step, from the range that it had on training faces; the weights of a convolution
have a step for each channel. What convolutions are given, their weights and their answers are rounded so; everything
else, the means over maps among it, is computed as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError, must_be

QUANTISED = "Conv"  # the layers that take the time; adding up and resizing in 8 bits gained nothing, and cost precision


def tensors_of(model: Any) -> list[str]:
    """Return the names of what the convolutions of an ONNX model are given and answer, in the order of the graph."""
    found = [name for node in model.graph.node if node.op_type == QUANTISED for name in (node.input[0], node.output[0])]
    return list(dict.fromkeys(found))


def measure_ranges(path: Path, batches: Iterable[np.ndarray]) -> np.ndarray:
    """Return the least and the greatest number of each of `tensors_of` over all batches, (k, 2) float64.

    Parameters
    ----------
    path : Path
        An ONNX file with one input.
    batches : iterable of ndarray
        Inputs, at least one.
    """
    import onnx
    import onnxruntime

    model = onnx.load(path)
    names = tensors_of(model)
    known = {one.name for one in (*model.graph.output, *model.graph.input)}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (entry,) = (one.name for one in session.get_inputs())
    asked = [name for name in names if name != entry]
    lowest, highest = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for batch in batches:
        answers = dict(zip(asked, session.run(asked, {entry: batch}), strict=True)) | {entry: batch}
        lowest = np.minimum(lowest, [answers[name].min() for name in names])
        highest = np.maximum(highest, [answers[name].max() for name in names])
    return np.stack([lowest, highest], axis=1)


def quantise(path: Path, ranges: np.ndarray, out: Path, label: str) -> None:
    """Write the model of an ONNX file to the file `out`, its convolutions in 8 bits.

    Weights have 7 of their 8 bits: processors without instructions for such sums (VNNI) would cut them off at 16 bits.

    Parameters
    ----------
    path : Path
    ranges : ndarray of shape (k, 2)
        As `measure_ranges` returns them.
    out : Path
    label : str
        Of the method, for messages.

    Raises
    ------
    DataError
        When there are not as many ranges as the model has tensors, as after a change of the network's code.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load(path)
    names = tensors_of(model)
    if len(ranges) != len(names):
        text = must_be(label, "the number of ranges in the model", len(ranges), f"{len(names)}, that of this network")
        raise DataError(f"{text}; calibrate it again")
    pairs = {name: tuple(np.float32(pair)) for name, pair in zip(names, ranges, strict=True)}
    quantizer: Any = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, pairs),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=[QUANTISED],
        extra_options={},
    )
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, out)
