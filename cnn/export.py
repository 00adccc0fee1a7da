"""A trained network as ONNX: pixels of the crop in, landmarks in pixels of the crop out.

Besides the network, the file holds the normalisation and the change of units. So a program in any language must only
cut the crop, and the file's metadata say how.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from fldbench.cnn.cost import fused
from fldbench.cnn.heads import LOGITS, as_output
from fldbench.cnn.method import NetworkMethod
from fldbench.cnn.runtime import write_onnx
from fldbench.cnn.view import normalised
from fldbench.errors import MethodError, MissingDependencyError
from fldbench.files import written_whole
from fldbench.method import Method
from fldbench.params import check_tasks


class PixelNetwork(nn.Module):
    """Crops (b, C, H, W) float32, 0 to 255 -> landmarks, px of the crop, and the probabilities of each attribute.

    Landmarks are (b, L, 2), with pixel centres at whole numbers, and probabilities (b, k).
    """

    def __init__(self, method: NetworkMethod):
        super().__init__()
        self.network = fused(method.fitted_network).cpu()
        self.kind, self.attributes = method.normalise, check_tasks(method.tasks, method.label)
        width, height = method.input_size
        self.register_buffer("half_sides", torch.tensor([width / 2, height / 2]))
        self.register_buffer("shift", torch.from_numpy(method.shift_))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        crops = _instance(image) if self.kind == "instance" else normalised(image, self.kind)
        output = as_output(self.network(crops))
        points = (output["points"] + self.shift + 1) * self.half_sides - 0.5
        return points, *(output[LOGITS + name].softmax(1) for name in self.attributes)


def _instance(image: torch.Tensor) -> torch.Tensor:
    """Return `normalised` by "instance", each sum taken axis by axis.

    A runtime that adds up all pixels one after another in single precision loses four of its seven digits.
    """
    n = image.shape[1] * image.shape[2] * image.shape[3]
    centred = image - image.mean(3, keepdim=True).mean(2, keepdim=True).mean(1, keepdim=True)
    square = centred.square().sum(3, keepdim=True).sum(2, keepdim=True).sum(1, keepdim=True)
    return centred / ((square / (n - 1)).sqrt() + 1.0)


def export_onnx(method: Method, path: str | Path) -> Path:
    """Write a method's network as an ONNX file.

    Input "image" (batch, C, H, W) float32, 0 to 255, RGB or grey; output "landmarks" (batch, L, 2), px of the crop, and
    for each attribute among the tasks its probabilities (batch, k) under its name. The batch is free. The metadata
    "fldbench" are JSON with scheme, width, height, channels and padding, and the names of the attributes' classes: the
    crop is the square around the box whose side is (1 + 2 padding) times the box's longer side, stretched to width x
    height. The network answers for the crop alone, also where the method averages with the mirrored crop (`flip_test`).

    Parameters
    ----------
    method : Method
        A fitted method that declares `exports`.
    path : str or Path

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MethodError
        For a method that is not a network or not fitted.
    MissingDependencyError
        Without the package onnx.
    StoreError
        When the file cannot be written.
    """
    if not method.exports:
        raise MethodError(f"{method.label} is not a network; only networks can be exported to ONNX")
    network = PixelNetwork(method).eval()
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("export needs the package onnx; install fldbench[onnx]") from error
    width, height = method.input_size
    outputs = ["landmarks", *network.attributes]
    sample = torch.zeros(2, method.channels, height, width)
    with written_whole(path, "wb") as file:
        write_onnx(network, sample, file.name, "image", outputs)
        model = onnx.load(file.name)
        facts = {"scheme": method.scheme_, "width": width, "height": height, "channels": method.channels}
        facts |= {"classes": method.classes_} if network.attributes else {}
        entry = model.metadata_props.add()
        entry.key, entry.value = "fldbench", json.dumps(facts | {"padding": method.padding})
        onnx.save(model, file.name)
    return Path(path)
