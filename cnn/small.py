"""cnn-small: a small CNN that regresses the landmarks from a grey crop, with its training loop in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.geometry import crop_matrix, invert, to_grey, transform, warp
from fldbench.method import Method
from fldbench.schemes import get_scheme

MARGIN = 1.25  # training crops are kept this much larger, so that augmentation does not run out of pixels


class SmallCNN(Method):
    """Direct regression of all landmarks from one grey crop around the box.

    The network answers in units of the crop's side, relative to the mean shape of the training faces. Training: L1 on
    the annotated points, AdamW with a one-cycle learning rate, each face rotated, scaled, shifted, mirrored and lit
    anew every epoch. The weights after the last epoch are kept: nothing is chosen, no validation part is needed.

    size            side of the crop, px
    padding         context around the box on each end, as a share of its longer side
    epochs, batch_size, learning_rate    of the training; the rate is the peak of the cycle
    rotation        degrees, scale and shift as shares of the crop: widths of the uniform augmentation
    """

    def __init__(
        self,
        size: int = 64,
        padding: float = 0.15,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        rotation: float = 25.0,
        scale: float = 0.12,
        shift: float = 0.06,
        random_state: int = 0,
    ):
        self.size = size
        self.padding = padding
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.random_state = random_state

    def fit(self, train: FaceSet, val: FaceSet | None = None) -> SmallCNN:
        """Trains on all faces of `train`; `val` is not needed. Raises DataError and MethodError."""
        if not len(train):
            raise DataError("cnn-small needs at least one face to train on")
        scheme = get_scheme(train.scheme)
        wide = round(self.size * MARGIN)
        matrices = self._matrices(train.boxes, wide, MARGIN)
        crops = torch.from_numpy(_crops(train.images, matrices, wide))
        truth = (transform(train.landmarks, matrices) + 0.5) / wide * 2 - 1  # crop covers [-1, 1]
        seen = torch.from_numpy(np.isfinite(truth).all(axis=-1))
        truth = torch.from_numpy(np.nan_to_num(truth)).float()
        mirror = torch.tensor(scheme.mirror)

        counts = seen.sum(0).clamp(min=1)[:, None]
        self.scheme_ = scheme.name
        self.mean_ = ((truth * seen[..., None]).sum(0) / counts * MARGIN).numpy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.network_ = LandmarkNet(self.size, torch.from_numpy(self.mean_))
        generator = torch.Generator().manual_seed(self.random_state)
        optimiser = torch.optim.AdamW(self.network_.parameters(), lr=self.learning_rate, weight_decay=1e-3)
        batches = -(-len(train) // self.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.learning_rate, total_steps=self.epochs * batches + 1, pct_start=0.2
        )
        self.losses_ = []

        self.network_.train()
        for _ in range(self.epochs):
            total = 0.0
            for rows in torch.randperm(len(train), generator=generator).split(self.batch_size):
                images, target, mask = self._augmented(crops[rows], truth[rows], seen[rows], mirror, generator)
                error = (self.network_(images) - target).abs().sum(-1)
                loss = (error * mask).sum() / mask.sum().clamp(min=1)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network_.parameters(), 5.0)
                optimiser.step()
                schedule.step()
                total += float(loss.detach()) * len(rows)
            self.losses_.append(total / len(train))
            if not np.isfinite(total):
                raise MethodError(f"cnn-small diverged in epoch {len(self.losses_)}; lower learning_rate")
        self.network_.eval()
        return self

    @torch.no_grad()
    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """(n, L, 2) px in each image's frame."""
        matrices = self._matrices(boxes, self.size)
        if not len(matrices):
            return np.empty((0, *self.mean_.shape))
        crops = torch.from_numpy(_crops(images, matrices, self.size))
        found = [self.network_(_normalised(part[:, None].float())) for part in crops.split(64)]
        points = torch.cat(found).double().numpy()
        return transform((points + 1) / 2 * self.size - 0.5, invert(matrices))

    def learned(self) -> dict[str, Any]:
        """The mean shape, the losses of the epochs and the network's weights and statistics."""
        if not hasattr(self, "network_"):
            return {}
        weights = {f"network.{name}": value.numpy() for name, value in self.network_.state_dict().items()}
        return {"scheme_": self.scheme_, "mean_": self.mean_, "losses_": self.losses_} | weights

    def restore(self, learned: dict[str, Any]) -> None:
        """Builds the network anew and puts the weights in."""
        self.scheme_, self.mean_, self.losses_ = (learned[name] for name in ("scheme_", "mean_", "losses_"))
        with torch.random.fork_rng(devices=[]):
            self.network_ = LandmarkNet(self.size, torch.from_numpy(self.mean_))
        prefix = "network."
        state = {name.removeprefix(prefix): v for name, v in learned.items() if name.startswith(prefix)}
        self.network_.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        self.network_.eval()

    @property
    def n_parameters(self) -> int:
        """Trained weights of the network."""
        return sum(p.numel() for p in self.network_.parameters())

    def _matrices(self, boxes: np.ndarray, size: int, wider: float = 1.0) -> np.ndarray:
        """Image -> crop; the side is (1 + 2 padding) times the box's longer side, times `wider`."""
        return crop_matrix(boxes, size, ((1 + 2 * self.padding) * wider - 1) / 2)

    def _augmented(
        self, crops: torch.Tensor, truth: torch.Tensor, seen: torch.Tensor, mirror: torch.Tensor, g: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Wide crops (b, W, W) and points in them -> network inputs (b, 1, size, size), targets and their mask.

        With A the random map from the network's frame to the wide crop's frame, both [-1, 1]: the image is sampled at
        A q, and a point p goes to A^-1 p.
        """
        b = len(crops)
        angle = _uniform(b, self.rotation, g) * torch.pi / 180
        factor = torch.exp(_uniform(b, self.scale, g)) / MARGIN
        cos, sin = factor * angle.cos(), factor * angle.sin()
        flip = torch.where(torch.rand(b, generator=g) < 0.5, -1.0, 1.0)
        linear = torch.stack([torch.stack([cos * flip, -sin], -1), torch.stack([sin * flip, cos], -1)], -2)
        move = torch.stack([_uniform(b, 2 * self.shift, g), _uniform(b, 2 * self.shift, g)], -1)[..., None] / MARGIN

        grid = nn.functional.affine_grid(torch.cat([linear, move], -1), (b, 1, self.size, self.size), False)
        images = nn.functional.grid_sample(crops[:, None].float(), grid, padding_mode="border", align_corners=False)
        contrast = torch.exp(_uniform(b, 0.3, g))[:, None, None, None]
        images = (_normalised(images) * contrast) + _uniform(b, 0.3, g)[:, None, None, None]

        target = (torch.linalg.inv(linear) @ (truth.transpose(1, 2) - move)).transpose(1, 2)
        mirrored = (flip < 0)[:, None]
        target = torch.where(mirrored[..., None], target[:, mirror], target)
        return images, target, torch.where(mirrored, seen[:, mirror], seen)


class LandmarkNet(nn.Module):
    """Grey (b, 1, size, size) -> landmarks (b, L, 2) in [-1, 1] over the crop; starts as the mean shape (L, 2)."""

    def __init__(self, size: int, mean: torch.Tensor):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.body = nn.Sequential(
            *_block(1, 16, 5, stride=2),
            *_block(16, 32, 3),
            nn.MaxPool2d(2),
            *_block(32, 64, 3),
            *_block(64, 64, 3),
            nn.MaxPool2d(2),
            *_block(64, 128, 3),
            *_block(128, 128, 3),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        with torch.no_grad():
            width = self.body.eval()(torch.zeros(1, 1, size, size)).shape[1]
        self.head = nn.Sequential(nn.Linear(width, 256), nn.ReLU(inplace=True), nn.Linear(256, mean.numel()))
        nn.init.normal_(self.head[-1].weight, std=1e-3)
        nn.init.zeros_(self.head[-1].bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images)).view(len(images), *self.mean.shape) + self.mean


def _block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _crops(images: Sequence[np.ndarray], matrices: np.ndarray, size: int) -> np.ndarray:
    return np.stack([warp(to_grey(image), matrix, size) for image, matrix in zip(images, matrices, strict=True)])


def _normalised(images: torch.Tensor) -> torch.Tensor:
    """Each image to zero mean and unit variance; a flat one to zeros."""
    centred = images - images.mean((-2, -1), keepdim=True)
    return centred / (centred.std((-2, -1), keepdim=True) + 1.0)


def _uniform(n: int, width: float, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(n, generator=generator) * 2 - 1) * width
