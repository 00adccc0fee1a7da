"""The state of a training on disk: tensors and a JSON header in one sealed safetensors file, never pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fldbench.errors import CheckpointError
from fldbench.files import open_regular, parse_json, written_whole

FORMAT = 2  # since the digest
Tensors = dict[str, torch.Tensor]


def write_checkpoint(path: Path, parts: Mapping[str, Tensors], facts: Mapping[str, Any]) -> None:
    """Write named sets of tensors and JSON values to a file, whole or not at all.

    An interruption during writing keeps the earlier file.

    Raises
    ------
    StoreError
        When the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {f"{part}/{name}": _own(value) for part, values in parts.items() for name, value in values.items()}
    text = json.dumps({"format": FORMAT, **facts})
    with written_whole(path, "wb") as file:
        file.write(save(tensors, {"fldbench": text, "digest": _digest(tensors, text)}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """Return the sets of tensors and the JSON values of a file that `write_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        For a file that is not such a checkpoint, or is damaged.
    """
    from safetensors import safe_open

    parts: dict[str, Tensors] = {}
    try:
        open_regular(path).close()  # a pipe would block
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is no mapping
        if metadata["digest"] != _digest(tensors, metadata["fldbench"]):
            raise ValueError("it does not fit its digest")
        facts = parse_json(metadata["fldbench"])
        if facts.pop("format") != FORMAT:
            raise ValueError("another format")
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts.setdefault(part, {})[name] = value
    except Exception as error:  # safetensors raises its own type, and OSError; json and the keys theirs
        raise CheckpointError(
            f"{path} is not a checkpoint that can be resumed ({error}); delete it to restart"
        ) from error
    return parts, facts


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> Tensors:
    """Return the optimiser's memory of each parameter, by the parameter's number; its settings are not part of it."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, memory in state.items() for name, value in memory.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimiser_tensors` returned, for the same parameters."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        # Laid out in memory as the parameter, which fused optimisers take for granted.
        value = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _digest(tensors: Tensors, text: str) -> str:
    """Return the SHA-256 of tensors and header."""
    total = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name, value in sorted(tensors.items()):
        total.update(f"\0{name} {value.dtype} {tuple(value.shape)}\0".encode("utf-8", "surrogatepass"))
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _own(value: torch.Tensor) -> torch.Tensor:
    """Return a contiguous copy in main memory: safetensors refuses tensors that share their memory."""
    return value.detach().to("cpu", copy=True).contiguous()
