"""A trained network as ONNX: pixels of the crop in, landmarks in pixels of the crop out; nothing else is needed.

The file holds the normalisation and the change of units besides the network, so that a program in any language has to
cut the crop and no more. How to cut it stands in the file's metadata.
"""

from __future__ import annotations

import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from fldbench.cnn.cost import fused
from fldbench.cnn.losses import as_output
from fldbench.cnn.training.batches import normalised
from fldbench.errors import MethodError, MissingDependencyError, StoreError

if TYPE_CHECKING:
    from fldbench.cnn.method import NetworkMethod

OPSET = 17


class PixelNetwork(nn.Module):
    """Crops (b, C, H, W) float32, 0 to 255 -> landmarks (b, L, 2) px of the crop, pixel centres at whole numbers."""

    def __init__(self, method: NetworkMethod):
        super().__init__()
        self.network = fused(method.network_).cpu()
        self.kind = method.normalise
        width, height = method.input_size
        self.register_buffer("half_sides", torch.tensor([width / 2, height / 2]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        crops = _instance(image) if self.kind == "instance" else normalised(image, self.kind)
        return (as_output(self.network(crops))["points"] + 1) * self.half_sides - 0.5


def _instance(image: torch.Tensor) -> torch.Tensor:
    """`normalised` by "instance", each sum taken axis by axis.

    A runtime that adds up all pixels one after another in single precision loses four of its seven digits.
    """
    n = image.shape[1] * image.shape[2] * image.shape[3]
    centred = image - image.mean(3, keepdim=True).mean(2, keepdim=True).mean(1, keepdim=True)
    square = centred.square().sum(3, keepdim=True).sum(2, keepdim=True).sum(1, keepdim=True)
    return centred / ((square / (n - 1)).sqrt() + 1.0)


def export_onnx(method: NetworkMethod, path: str | Path) -> Path:
    """Writes the method's network as an ONNX file and gives its path.

    Input "image" (batch, C, H, W) float32, 0 to 255, RGB or grey; output "landmarks" (batch, L, 2) px of the crop. The
    batch is free. Metadata "fldbench": JSON with scheme, width, height, channels and padding: the crop is the square
    around the box whose side is (1 + 2 padding) times the box's longer side, stretched to width x height. The answer is
    that of one look at the crop, also where the method averages with the mirrored one (`flip_test`).

    Raises MethodError for a method that is no network or not fitted, MissingDependencyError without the package onnx,
    StoreError when the file cannot be written.
    """
    if not callable(getattr(method, "build", None)):
        raise MethodError(f"{type(method).__name__} is no network; only networks can be exported to ONNX")
    if not hasattr(method, "network_"):
        raise MethodError(f"{type(method).__name__} has not been fitted; call fit first, or load a model")
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("export needs the package onnx; install fldbench[onnx]") from error
    width, height = method.input_size
    sample = torch.zeros(2, method.channels, height, width)
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that is to replace this one needs a further package, onnxscript.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                PixelNetwork(method).eval(),
                (sample,),
                str(part),
                input_names=["image"],
                output_names=["landmarks"],
                dynamic_axes={"image": {0: "batch"}, "landmarks": {0: "batch"}},
                opset_version=OPSET,
                dynamo=False,
            )
            model = onnx.load(part)
            facts = {"scheme": method.scheme_, "width": width, "height": height, "channels": method.channels}
            entry = model.metadata_props.add()
            entry.key, entry.value = "fldbench", json.dumps(facts | {"padding": method.padding})
            onnx.save(model, part)
            os.replace(part, path)
        except OSError as error:
            raise StoreError(f"{path}: the network cannot be written ({error}); choose a folder that can") from error
        finally:
            with suppress(OSError):
                part.unlink()
    return path
