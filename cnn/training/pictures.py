"""Pictures of a training: curves, predictions over the truth, the first layer's filters and its feature maps.

They show faces, so they go into a folder that the user chose and nowhere else.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.training.objective import BALANCED
from fldbench.errors import StoreError
from fldbench.faces import FaceSet
from fldbench.files import written_whole
from fldbench.geometry import crop_matrix, transform, warp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FACES = 16  # on the sheet, at most
TILE = 160  # side of a face on the sheet, px
CONTEXT = 0.25  # around its box
MAPS = 32  # filters and feature maps shown at most
TRUTH, FOUND = (60, 220, 60), (235, 40, 40)  # RGB


def write_pictures(
    folder: str | Path,
    history: Sequence[dict[str, Any]],
    faces: FaceSet,
    predictions: np.ndarray,
    network: nn.Module,
    crop: torch.Tensor,
) -> list[Path]:
    """Write curves.csv, curves.png, sheet.png, filters.png and feature_maps.png.

    The last two are written for a network that has a convolution.

    Parameters
    ----------
    folder : str or Path
    history : sequence of dict
        One row per epoch, see `training_run.Trained`.
    faces : FaceSet
        The faces of the sheet, see `shown`.
    predictions : ndarray, (n, L, 2)
        For these faces, px of the photos.
    network : nn.Module
        In evaluation.
    crop : Tensor, (1, C, H, W)
        The network's view of the face for the feature maps.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    StoreError
        Where the folder cannot be written.
    """
    folder = Path(folder)
    paths = [_write_csv(history, folder / "curves.csv"), _write_figure(curves(history), folder / "curves.png")]
    sheet = prediction_sheet(list(faces.images), faces.boxes, faces.landmarks, predictions)
    paths.append(_write_png(sheet, folder / "sheet.png"))
    first = first_convolution(network)
    if first is not None:
        paths.append(_write_png(filter_tiles(first), folder / "filters.png"))
        paths.append(_write_png(map_tiles(feature_maps(network, crop)), folder / "feature_maps.png"))
    return paths


def shown(n: int) -> np.ndarray:
    """Return the rows, of n faces, that the sheet shows: spread over all of them.

    >>> shown(3).tolist(), len(shown(1000))
    ([0, 1, 2], 16)
    """
    return np.unique(np.linspace(0, n - 1, min(FACES, n)).astype(int))


def curves(history: Sequence[dict[str, Any]]) -> Figure:
    """Draw loss (logarithmic), validation NME, learning rate and the attributes' balanced accuracy over the epochs.

    What the training did not have is left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {"loss": "loss", "val_nme": "validation NME, %", "learning_rate": "learning rate"}
    shown = {key: name for key, name in shown.items() if any(row[key] is not None for row in history)}
    sides = [key for key in history[0] if key.startswith(BALANCED) and any(row[key] is not None for row in history)]
    n_panels = len(shown) + bool(sides)
    figure = Figure(figsize=(4 * n_panels, 3), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] for row in history]
    *panels, last = figure.subplots(1, n_panels, squeeze=False)[0]
    if sides:
        for key in sides:
            last.plot(epochs, [row[key] for row in history], label=key.removeprefix(BALANCED))
        last.legend()
        last.set(xlabel="epoch", title="validation balanced accuracy, %")
        last.grid(alpha=0.3)
    else:
        panels.append(last)
    for axes, (key, name) in zip(panels, shown.items(), strict=True):
        values = [row[key] for row in history]
        axes.plot(epochs, values, marker="." if len(epochs) < 30 else "")
        if key == "val_nme":
            best = int(np.argmin(values))
            axes.plot(epochs[best], values[best], "o", label=f"{values[best]:.2f} in epoch {epochs[best]}")
            axes.legend()
        if key == "loss" and min(values) > 0:
            axes.set_yscale("log")
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
    return figure


def prediction_sheet(
    images: Sequence[np.ndarray], boxes: np.ndarray, truth: np.ndarray, found: np.ndarray
) -> np.ndarray:
    """Draw faces in rows of four, the truth in green and the prediction above it in red.

    Parameters
    ----------
    images : sequence of ndarray of uint8
        n grey or RGB photos.
    boxes : ndarray, (n, 4)
        px.
    truth, found : ndarray, (n, L, 2)
        px of the photos. Points that are NaN are left out.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
        RGB.
    """
    import cv2

    matrices = crop_matrix(boxes, TILE, CONTEXT)
    tiles = []
    for image, matrix, points, answer in zip(images, matrices, truth, found, strict=True):
        tile = warp(image, matrix, TILE)
        tile = np.repeat(tile[..., None], 3, 2) if tile.ndim == 2 else np.ascontiguousarray(tile)
        for places, colour in ((points, TRUTH), (answer, FOUND)):
            for x, y in transform(places, matrix):
                if np.isfinite(x + y) and max(abs(x), abs(y)) < 4 * TILE:
                    cv2.circle(tile, (round(x * 16), round(y * 16)), 24, colour, -1, cv2.LINE_AA, 4)
        tiles.append(tile)
    return _grid(np.stack(tiles), 4)


def first_convolution(network: nn.Module) -> nn.Conv2d | None:
    """Return the first two-dimensional convolution, in the order of the modules; None without one."""
    return next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)


def filter_tiles(convolution: nn.Conv2d, zoom: int = 12) -> np.ndarray:
    """Draw kernels as tiles, uint8 (h, w) or, over three colours, (h, w, 3); each from its lowest to highest weight."""
    kernels = convolution.weight.detach().float().cpu()[:MAPS]
    kernels = kernels.movedim(1, -1) if kernels.shape[1] == 3 else kernels.mean(1)
    tiles = np.stack([_stretched(kernel.numpy()) for kernel in kernels])
    return _grid(tiles.repeat(zoom, axis=1).repeat(zoom, axis=2), 8)


@torch.inference_mode()
def feature_maps(network: nn.Module, crop: torch.Tensor) -> np.ndarray:
    """Return the output of the first convolution for one crop: (1, C, H, W) -> (channels, h, w) float32."""
    network, kept = copy.deepcopy(network).to(crop.device), []
    first_convolution(network).register_forward_hook(lambda _, __, out: kept.append(out[0]))
    network(crop)
    return kept[0].float().cpu().numpy()


def map_tiles(maps: np.ndarray) -> np.ndarray:
    """Draw feature maps (channels, h, w) as tiles, uint8; each map from its lowest to its highest value."""
    return _grid(np.stack([_stretched(part) for part in maps[:MAPS]]), 8)


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return np.rint((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8)


def _grid(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Join tiles (n, h, w) or (n, h, w, 3) uint8 into one image, with a white line of 2 px between them."""
    n, h, w = tiles.shape[:3]
    columns = min(columns, n)
    rows = -(-n // columns)
    out = np.full((rows * (h + 2) - 2, columns * (w + 2) - 2, *tiles.shape[3:]), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (h + 2) * (i // columns), (w + 2) * (i % columns)
        out[y : y + h, x : x + w] = tile
    return out


def _write_csv(history: Sequence[dict[str, Any]], path: Path) -> Path:
    with written_whole(path) as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    return path


def _write_figure(figure: Figure, path: Path) -> Path:
    with written_whole(path, "wb") as file:
        figure.savefig(file, dpi=110, format="png")
    return path


def _write_png(image: np.ndarray, path: Path) -> Path:
    import cv2

    done, encoded = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    if not done:
        raise StoreError(f"{path}: the picture cannot be encoded")
    with written_whole(path, "wb") as file:
        file.write(encoded)
    return path
