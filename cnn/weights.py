"""Weights from a local file for a network's trunk: saved models of fldbench, torchvision's and VGG-Face's key names.

Nothing is downloaded, and no pickle runs: .safetensors is read as it is, anything else by torch with `weights_only`.
"""

from __future__ import annotations

import pickle
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fldbench.cnn.layers import ATTRIBUTE_HEADS, Network, in_head
from fldbench.errors import DataError
from fldbench.files import listed
from fldbench.model_file import Learned

WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training programs keep the weights
PREFIX = "network."  # of the weights' names in a saved model of fldbench
NAMED = 3  # weights that a message names
PICKLES = 5  # with which a file of torch before 1.6 begins; the numbers follow
LONGEST_WORD = 2000  # letters


def load_weights(network: Network, path: str | Path) -> list[str]:
    """Put the weights of a file into the network, in place.

    The heads may keep their own initialisation: a file of a classifier has no weights for them, and a file of another
    scheme has them in another shape. Heads of attributes that the network does not answer are left out. Everything else
    must be in the file, and the file must hold nothing that the network does not know. A first convolution for RGB is
    summed over the colours if the network is grey: its output for a grey picture stays the same.

    Returns
    -------
    list of str
        Names of the heads' weights that keep their own initialisation.

    Raises
    ------
    DataError
        It names what is missing, unknown or of another shape; the network is then unchanged.
    """
    found = network.own_names(read_weights(path))
    wanted = network.state_dict()
    first = next((f"{name}.weight" for name, m in network.named_modules() if isinstance(m, nn.Conv2d)), "")
    if first in found and wanted[first].shape[1] == 1 and found[first].shape[1:2] == (3,):
        found[first] = found[first].sum(1, keepdim=True)

    left = [n for n in wanted if in_head(n) and (n not in found or found[n].shape != wanted[n].shape)]
    # Batch norm's counter has no part in the answer, and files from before torch 0.4.1 have none.
    missing = [n for n in wanted if n not in found and n not in left and not n.endswith("num_batches_tracked")]
    unknown = [n for n in found if n not in wanted and ATTRIBUTE_HEADS not in n.split(".")]
    shapes = [
        f"{n} is {_shape(found[n])}, must be {_shape(wanted[n])}"
        for n in wanted
        if n in found and n not in left and found[n].shape != wanted[n].shape
    ]
    faults = [("missing", missing), ("not known here", unknown), ("of another shape", shapes)]
    if any(names for _, names in faults):
        text = "; ".join(f"{what}: {listed(names, NAMED)}" for what, names in faults if names)
        kind = type(network).__name__
        raise DataError(f"not the weights of this {kind} ({text}); give a file of the same network and settings", path)
    try:
        network.load_state_dict({n: found[n] for n in wanted if n in found and n not in left}, strict=False)
    except RuntimeError as error:  # tensors that are sparse, quantised or complex
        raise DataError(f"holds tensors that are no plain numbers ({_line(error)})", path) from error
    return left


def built_with(build: Callable[[], nn.Module], state: Mapping[str, np.ndarray], label: str) -> nn.Module:
    """Return a new network with the weights and statistics of a saved model, names without their prefix.

    Raises
    ------
    DataError
        For a network that has others, or others of another shape or type; nothing is allocated for it.
    """
    weights = Learned(label, state)
    try:
        with torch.device("meta"):  # shapes alone: a damaged size must not ask for memory
            wanted = build().state_dict()
        for name, value in wanted.items():
            weights.array(name, str(value.dtype).removeprefix("torch."), tuple(value.shape))
        weights.end()
        network = build()
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    except RuntimeError as error:
        raise DataError(f"the weights do not fit {label}: {' '.join(str(error).split())}") from error
    return network


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a weight file by name, on the CPU, without the prefixes of wrappers and saved models.

    Raises
    ------
    DataError
        For a file that is absent, cannot be read without running code, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such weight file", path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            _check_folded(path)
            _check_words(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            "holds more than weights, and would run code when read; save its state_dict alone", path
        ) from error
    except Exception as error:  # safetensors raises its own type; torch RuntimeError, EOFError, KeyError and others
        raise DataError(
            f"cannot be read as weights ({_line(error)}); give a .safetensors or .pth file", path
        ) from error
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not (isinstance(content, dict) and content and all(isinstance(v, torch.Tensor) for v in content.values())):
        raise DataError("holds no table of names and tensors; save a state_dict", path)
    content = {str(name).removeprefix("module."): value for name, value in content.items()}
    own = {name.removeprefix(PREFIX): value for name, value in content.items() if name.startswith(PREFIX)}
    return own or content


def _check_folded(path: Path) -> None:
    """Raise ValueError for an archive that unfolds to more than it holds: torch keeps numbers as they are."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            claimed, size = sum(member.file_size for member in archive.infolist()), path.stat().st_size
        if claimed > size:
            raise ValueError(f"its members claim {claimed} bytes, and it has {size}")


def _check_words(path: Path) -> None:
    """Raise ValueError for a pickle with an endless word: torch would look through it once for each of its letters."""
    with open(path, "rb") as file:
        pickles = [file] * PICKLES
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                pickles = [BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith(".pkl")]
        for one in pickles:
            for _, argument, _ in pickletools.genops(one):
                words = argument.split() if isinstance(argument, str | bytes) else []
                if any(len(word) > LONGEST_WORD for word in words):
                    raise ValueError(f"it has a word of more than {LONGEST_WORD} letters")


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
