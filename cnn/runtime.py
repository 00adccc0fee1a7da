"""A trained network run by ONNX Runtime: the same answers as from torch to rounding, single faces in half of the time.

What torch spends on each of some forty layers hardly matters for a batch of 64 faces and is half of the time of one.
"""

from __future__ import annotations

import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fldbench.cnn.heads import Output, as_output
from fldbench.errors import MissingDependencyError

OPSET = 17
RUNTIMES = ("torch", "onnxruntime")


def check_runtime(runtime: str, label: str) -> None:
    """Raise MissingDependencyError for "onnxruntime" without the packages onnx and onnxruntime."""
    if runtime == "onnxruntime" and not all(find_spec(name) for name in ("onnx", "onnxruntime")):
        raise MissingDependencyError(
            f"{label}: runtime='onnxruntime' needs the packages onnx and onnxruntime; install fldbench[onnx]"
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

    Raises
    ------
    MissingDependencyError
        Without the packages onnx and onnxruntime.
    """

    def __init__(self, network: nn.Module, crop: tuple[int, int, int], label: str):
        check_runtime("onnxruntime", label)
        import onnxruntime

        sample = torch.zeros(2, *crop)
        with torch.inference_mode():
            self.names = list(as_output(network(sample)))
        options: Any = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            write_onnx(_Tuple(network), sample, path, "crops", self.names)
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, crops: torch.Tensor) -> Output:
        answers = self.session.run(None, {"crops": crops.numpy(force=True)})
        return {name: torch.from_numpy(answer) for name, answer in zip(self.names, answers, strict=True)}


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
