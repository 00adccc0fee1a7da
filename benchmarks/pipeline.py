"""Measure the input pipeline of the networks; the figures are in results/pipeline/README.md.

    FLDBENCH_DATA=ROOT python benchmarks/pipeline.py [--size 128] [--colour] [--faces 640]

The script prints images per second of the pipeline alone, of a plain PyTorch Dataset with a DataLoader that reads the
file, crops, warps and augments, and of a network trained on either. It checks that both give the same images.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import fldbench
from fldbench.cnn.nets.small import LandmarkNet
from fldbench.cnn.training.augment import Ranges, generator, get_ranges
from fldbench.cnn.training.batches import CropTable, augment_crop, batches, cut_crops, order
from fldbench.cnn.view import View, normalised
from fldbench.faces import FaceSet
from fldbench.faces.crops import crop_image
from fldbench.geometry import crop_matrix

BATCH, PADDING, ROUNDS, SEED = 32, 0.15, 3, 0
TRAINED = 6  # batches per epoch that time the network
Batches = Callable[[int], Iterable[tuple[torch.Tensor, torch.Tensor]]]  # epoch -> (uint8 images, targets), ...


class PlainDataset(Dataset):
    """A Dataset as written without an engine: it reads every face from its file in every epoch."""

    def __init__(self, faces: FaceSet, table: CropTable, ranges: Ranges, mirror: np.ndarray):
        self.faces, self.table, self.ranges, self.mirror = faces, table, ranges, mirror
        self.side = table.view.wide(table.margin)
        self.matrices = crop_matrix(faces.boxes, self.side, table.view.padded(table.margin))
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        view, margin = self.table.view, self.table.margin
        crop = crop_image(self.faces.images[i], self.matrices[i], self.side, view.channels == 1)
        rng = generator(SEED, self.epoch, int(i))
        image, points, _ = augment_crop(crop, self.table.points[i], view, margin, self.ranges, self.mirror, rng)
        image = image[None] if image.ndim == 2 else np.ascontiguousarray(np.moveaxis(image, -1, 0))
        return torch.from_numpy(image), torch.from_numpy(np.nan_to_num(points).astype(np.float32))


def rate(run: Callable[[int], int]) -> str:
    """Return images per second of run(epoch) -> number of images: median and range of the rounds after a warm-up."""
    run(0)
    found = []
    for epoch in range(1, ROUNDS + 1):
        start = time.perf_counter()
        found.append(run(epoch) / (time.perf_counter() - start))
    return f"{statistics.median(found):.0f} images/s ({min(found):.0f} to {max(found):.0f})"


def drained(source: Batches) -> Callable[[int], int]:
    return lambda epoch: sum(len(images) for images, _ in source(epoch))


def trained(source: Batches, size: int, channels: int, n_points: int) -> Callable[[int], int]:
    """Return run(epoch), which trains cnn-small's network on some batches with L1 and AdamW."""
    torch.manual_seed(0)
    network = LandmarkNet(size, torch.zeros(n_points, 2))
    if channels == 3:
        network.body[0] = torch.nn.Conv2d(3, 16, 5, 2, 2, bias=False)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)

    def run(epoch: int) -> int:
        n = 0
        for images, target in itertools.islice(source(epoch), TRAINED):
            loss = (network(normalised(images, "instance")) - target).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            n += len(images)
        return n

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="of the pipeline, and workers of the DataLoader")
    parser.add_argument("--network-threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=128, help="px of the network's input")
    parser.add_argument("--colour", action="store_true")
    parser.add_argument("--faces", type=int, default=640)
    chosen = parser.parse_args()
    threads, channels = chosen.threads, 3 if chosen.colour else 1
    torch.set_num_threads(chosen.network_threads)
    try:
        faces = fldbench.load_dataset("300w", split="train")[: chosen.faces]
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
    scheme = fldbench.get_scheme(faces.scheme)
    view, ranges = View(chosen.size, chosen.size, channels, PADDING), get_ranges("standard")
    mirror = np.array(scheme.mirror)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        table = cut_crops(faces, view, ranges.margin, None, folder, threads)
        spent = time.perf_counter() - start
        print(f"{len(faces)} faces, {chosen.size} px, {channels} channel(s), batches of {BATCH}, {threads} threads")
        print(f"cut once: {spent:.1f} s, {len(faces) / spent:.0f} images/s, {table.crops.nbytes / 1e6:.0f} MB")

        plain = PlainDataset(faces, table, ranges, mirror)

        def engine(epoch: int) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
            rows = order(len(faces), BATCH, SEED, epoch)
            for batch in batches(table, rows, ranges, mirror, (SEED, epoch), threads):
                yield batch.images, batch.target

        def loader(epoch: int) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
            plain.epoch = epoch
            return DataLoader(plain, batch_sampler=order(len(faces), BATCH, SEED, epoch), num_workers=threads)

        pairs = zip(engine(3), loader(3), strict=True)
        same = all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in pairs)
        print(f"the plain Dataset gives the same images and targets: {same}")
        fixed = list(itertools.islice(engine(0), 1)) * (len(faces) // BATCH)
        shape = chosen.size, channels, scheme.n_points
        print(f"pipeline alone:        {rate(drained(engine))}")
        print(f"plain Dataset alone:   {rate(drained(loader))}")
        print(f"network alone:         {rate(trained(lambda _: fixed, *shape))}, on one batch again and again")
        print(f"network and pipeline:  {rate(trained(engine, *shape))}")
        print(f"network and plain:     {rate(trained(loader, *shape))}")


if __name__ == "__main__":
    main()
