"""A trained network run by ONNX Runtime: the same answers as from torch to rounding, single faces in half of the time.

What torch spends on each of some forty layers hardly matters for a batch of 64 faces and is half of the time of one.
In whole numbers of 8 bits (`int8`) both are faster again, and answers move a little.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.heads import Output, as_output
from fldbench.cnn.int8 import measure_ranges, quantise
from fldbench.errors import MissingDependencyError

OPSET = 17
RUNTIMES = ("torch", "onnxruntime", "int8")


def check_runtime(runtime: str, label: str) -> None:
    """Raise MissingDependencyError for "onnxruntime" and "int8" without the packages onnx and onnxruntime."""
    if runtime != "torch" and not all(find_spec(name) for name in ("onnx", "onnxruntime")):
        raise MissingDependencyError(
            f"{label}: runtime={runtime!r} needs the packages onnx and onnxruntime; install fldbench[onnx]"
        )


class OnnxRunner:
    """A network for prediction: normalised crops (b, C, H, W) float32 -> `heads.Output`.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode.
    crop : tuple of int
        C, H, W.
    label : str
        Of the method, for messages.
    ranges : ndarray of shape (k, 2), optional
        As `ranges_of` returns them: the convolutions are computed in 8 bits.

    Raises
    ------
    MissingDependencyError
        Without the packages onnx and onnxruntime.
    DataError
        For ranges of another network.
    """

    def __init__(self, network: nn.Module, crop: tuple[int, int, int], label: str, ranges: np.ndarray | None = None):
        check_runtime("onnxruntime", label)
        import onnxruntime

        options: Any = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        # Its threads would wait in a loop for the next layer, on cores that torch and OpenCV use between two faces.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with tempfile.TemporaryDirectory() as folder:
            path, self.names = _written(network, crop, Path(folder))
            if ranges is not None:
                quantise(path, ranges, path, label)
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, crops: torch.Tensor) -> Output:
        answers = self.session.run(None, {"crops": crops.numpy(force=True)})
        return {name: torch.from_numpy(answer) for name, answer in zip(self.names, answers, strict=True)}


def ranges_of(
    network: nn.Module, crop: tuple[int, int, int], batches: Iterable[torch.Tensor], label: str
) -> np.ndarray:
    """Return the ranges (k, 2) that a network's numbers have for crops (b, C, H, W): see `int8.measure_ranges`."""
    check_runtime("int8", label)
    with tempfile.TemporaryDirectory() as folder:
        path, _ = _written(network, crop, Path(folder))
        return measure_ranges(path, (batch.numpy(force=True) for batch in batches))


def _written(network: nn.Module, crop: tuple[int, int, int], folder: Path) -> tuple[Path, list[str]]:
    """Write a network as an ONNX file in a folder; return its path and the names of its answers."""
    sample, path = torch.zeros(2, *crop), folder / "network.onnx"
    with torch.inference_mode():
        names = list(as_output(network(sample)))
    write_onnx(_Tuple(network), sample, path, "crops", names)
    return path, names


class _Tuple(nn.Module):
    """The parts of a network's answer one after another, as ONNX has them."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(as_output(self.network(crops)).values())


def write_onnx(network: nn.Module, sample: torch.Tensor, path: str | Path, name: str, outputs: list[str]) -> None:
    """Write a network with one input and these outputs as an ONNX file; the first axis of each is free."""
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that is to replace this one needs a further package, onnxscript.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (sample,),
            str(path),
            input_names=[name],
            output_names=outputs,
            dynamic_axes={one: {0: "batch"} for one in (name, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
