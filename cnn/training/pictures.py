"""Pictures of a training: curves, predictions over the truth, the first layer's filters and its feature maps.

They show faces, so they go into a folder of the user's choice and nowhere else.
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

from fldbench.errors import MethodError, StoreError
from fldbench.faces import FaceSet
from fldbench.geometry import crop_matrix, transform, warp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fldbench.cnn.method import NetworkMethod

FACES = 16  # on the sheet
TILE = 160  # px of a face on the sheet
CONTEXT = 0.25  # around its box
MAPS = 32  # filters and feature maps shown at most
TRUTH, FOUND = (60, 220, 60), (235, 40, 40)  # RGB


def write_pictures(method: NetworkMethod, faces: FaceSet, folder: str | Path) -> list[Path]:
    """Writes curves.csv, curves.png, sheet.png, filters.png and feature_maps.png of a fitted method; their paths.

    faces  some are shown: those that validated, or the training ones
    The last two are written for a network that begins with a convolution. Raises StoreError where the folder cannot be
    written.
    """
    if not hasattr(method, "network_"):
        raise MethodError(f"{type(method).__name__} has not been fitted; call fit first, or load a model")
    folder = Path(folder)
    some = faces[np.unique(np.linspace(0, len(faces) - 1, min(FACES, len(faces))).astype(int))]
    images = list(some.images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [_write_csv(method.history_, folder / "curves.csv")]
        paths.append(_save(curves(method.history_), folder / "curves.png"))
        sheet = prediction_sheet(images, some.boxes, some.landmarks, method.predict(images, some.boxes))
        paths.append(_write_png(sheet, folder / "sheet.png"))
        first = first_convolution(method.network_)
        if first is not None:
            paths.append(_write_png(filter_tiles(first), folder / "filters.png"))
            maps = feature_maps(method, images[0], some.boxes[:1])
            paths.append(_write_png(map_tiles(maps), folder / "feature_maps.png"))
    except OSError as error:
        raise StoreError(f"{folder}: pictures cannot be written ({error}); give another folder") from error
    return paths


def curves(history: Sequence[dict[str, Any]]) -> Figure:
    """Loss (logarithmic), validation NME where there is one, and learning rate, over the epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = {"loss": "loss", "val_nme": "validation NME, %", "learning_rate": "learning rate"}
    shown = {key: name for key, name in shown.items() if any(row[key] is not None for row in history)}
    figure = Figure(figsize=(4 * len(shown), 3), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [row["epoch"] for row in history]
    for axes, (key, name) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
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
    """Faces in rows of four, the truth in green and above it the prediction in red: RGB uint8.

    n images, boxes (n, 4) px, truth and found (n, L, 2) px; points that are NaN are left out.
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
    """The first two-dimensional convolution, in the order of the modules; None without one."""
    return next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)


def filter_tiles(convolution: nn.Conv2d, zoom: int = 12) -> np.ndarray:
    """The kernels as tiles, uint8 (h, w) or, over three colours, RGB; each from its lowest to its highest weight."""
    kernels = convolution.weight.detach().float().cpu()[:MAPS]
    kernels = kernels.movedim(1, -1) if kernels.shape[1] == 3 else kernels.mean(1)
    tiles = np.stack([_stretched(kernel.numpy()) for kernel in kernels])
    return _grid(tiles.repeat(zoom, axis=1).repeat(zoom, axis=2), 8)


@torch.inference_mode()
def feature_maps(method: NetworkMethod, image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What the first convolution makes of one face: image RGB uint8, box (1, 4) px -> (channels, h, w) float32."""
    crops, _, _ = next(method._run([image], box))
    # Prediction runs a copy whose norms are folded into the convolutions; shown is the layer itself.
    network, kept = copy.deepcopy(method.network_).to(crops.device), []
    first_convolution(network).register_forward_hook(lambda _, __, out: kept.append(out[0]))
    network(crops)
    return kept[0].float().cpu().numpy()


def map_tiles(maps: np.ndarray) -> np.ndarray:
    """Feature maps as tiles, uint8 (h, w); each from its lowest to its highest value."""
    return _grid(np.stack([_stretched(part) for part in maps[:MAPS]]), 8)


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return np.rint((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8)


def _grid(tiles: np.ndarray, columns: int) -> np.ndarray:
    """(n, h, w[, 3]) uint8 -> one image, a white line of 2 px between the tiles."""
    n, h, w = tiles.shape[:3]
    columns = min(columns, n)
    rows = -(-n // columns)
    out = np.full((rows * (h + 2) - 2, columns * (w + 2) - 2, *tiles.shape[3:]), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (h + 2) * (i // columns), (w + 2) * (i % columns)
        out[y : y + h, x : x + w] = tile
    return out


def _write_csv(history: Sequence[dict[str, Any]], path: Path) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)
    return path


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=110)
    return path


def _write_png(image: np.ndarray, path: Path) -> Path:
    import cv2

    done, encoded = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    if not done:
        raise StoreError(f"{path}: the picture cannot be encoded")
    path.write_bytes(encoded)
    return path
