"""The training loop of every network, from top to bottom.

`train_network` brings the job to its devices (Lightning Fabric: CPUs or GPUs, one or many), and `_loop` trains.
Everything random comes from random_state, the epoch and the number of the face or process, and the learning rate from
the number of the step; so a checkpoint at the end of an epoch holds all there is to know, and a resumed training gives
the same weights, bit for bit, as one that was never interrupted (but for precision "16-mixed", whose gradient scaler
begins anew).

`batch_size` counts the faces of one step on all devices together: more devices make the same training faster. (Batch
normalisation is the exception, as its statistics are those of each device's own faces.)
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.losses import PIXEL_LOSSES, as_output, masked_mean, pixel_loss, point_losses
from fldbench.cnn.training.augment import Ranges
from fldbench.cnn.training.batches import Store, batches, make_batch, normalised, order, plain_batch
from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.cnn.training.norms import needs_settling, settle_norms
from fldbench.cnn.training.settings import Training
from fldbench.cnn.training.state import State, weights_of
from fldbench.errors import MethodError
from fldbench.params import count_threads
from fldbench.progress import report

if TYPE_CHECKING:
    from lightning_fabric import Fabric

START, END = 1 / 25, 1e-4 / 25  # of the one cycle, as shares of the peak rate (Smith & Topin 2018, as in PyTorch)
VAL_BATCH = 64
FAR = 4.0  # in the frame, two widths of the crop: a training whose answers are so far off in the mean has diverged
SETTLING = 512  # training faces from which norms behind dropout take their statistics, at most


@dataclass
class Job:
    """One training, whole: what `train_network` needs, and all that another process needs to take part."""

    name: str  # of the method, for messages
    network: nn.Module
    train: Store
    val: Store | None
    val_scale: np.ndarray | None  # (n_val,) what each validation face's error is divided by, in the frame's units
    ranges: Ranges
    mirror: np.ndarray
    normalise: str
    loss: str
    epochs: int
    batch_size: int
    learning_rate: float
    random_state: int
    settings: Training
    folder: Path | None  # for the checkpoint; None keeps none
    key: str  # of all that decides the weights: a checkpoint under another key is refused


@dataclass
class Result:
    """What a training gave; the weights lie in main memory.

    history  one row an epoch: epoch, loss, loss_px (None for losses of maps), val_nme (percent, None without
             validation), learning_rate at its end, seconds and images_per_second of its training
    """

    weights: dict[str, torch.Tensor]
    history: list[dict[str, Any]]
    best_epoch: int
    device: str


def train_network(job: Job) -> Result:
    """Trains `job.network`; raises MethodError when it diverges or when memory runs out.

    Several devices: processes are started here, unless they run already (torchrun, SLURM).
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    settings = job.settings
    alone = settings.devices * settings.num_nodes == 1
    running = not alone and (SLURMEnvironment.detect() or TorchElasticEnvironment.detect())
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            precision=settings.precision,
            strategy="auto" if alone else "ddp" if running else "ddp_spawn",
        )
    except Exception as error:  # Fabric's own, ValueError and RuntimeError among them
        raise MethodError(f"{job.name}: {error}; change accelerator, devices or precision in `training`") from error
    if not (alone or running):
        return _spawned(fabric, job)
    fabric.launch()
    return _guarded(fabric, job, report if fabric.is_global_zero else lambda *line: None)


def _loop(fabric: Fabric, job: Job, say: Callable[[str, int, int], None]) -> Result:
    """The loop itself, in every process."""
    settings, n, threads = job.settings, len(job.train), count_threads(job.settings.threads, least=0)
    steps = len(order(n, job.batch_size, 0, 0))
    layout = getattr(job.network, "memory_format", torch.contiguous_format)
    plain = job.network.to(memory_format=layout)
    optimiser = _optimiser(plain, settings, job.learning_rate)
    average = copy.deepcopy(plain).to(fabric.device) if settings.ema else plain  # what is validated and kept
    network, optimiser = fabric.setup(plain, optimiser)
    state = State()
    if job.folder is not None:
        state = State.resumed(job.folder, job.key, plain, average, optimiser)
    saved = time.monotonic()

    for epoch in range(len(state.history), job.epochs):
        if state.stale(settings.patience):
            break
        say(_news(state.history), epoch, job.epochs)
        torch.manual_seed(_seed(job.random_state, epoch, fabric.global_rank))
        began, totals = time.monotonic(), torch.zeros(4, device=fabric.device)  # see _totals
        mine = [_share(rows, fabric) for rows in order(n, job.batch_size, job.random_state, epoch)]
        network.train()
        for i, batch in enumerate(batches(job.train, mine, job.ranges, job.mirror, (job.random_state, epoch), threads)):
            step = epoch * steps + i
            share = rate((step + 0.5) / (job.epochs * steps), settings.schedule, settings.warm_up)
            for group in optimiser.param_groups:
                group["lr"] = job.learning_rate * share
            images, target, weight, visible = (fabric.to_device(x) for x in batch)
            total = fabric.all_reduce(weight.sum(), reduce_op="sum")  # over all processes: the mean of the whole batch
            crops = normalised(images, job.normalise).contiguous(memory_format=layout)
            output = as_output(network(crops))
            loss = masked_mean(point_losses(job.loss, output, target, visible), weight, total)
            optimiser.zero_grad()
            fabric.backward(loss * fabric.world_size)  # Fabric takes the mean over the processes
            if settings.clip:
                fabric.clip_gradients(network, optimiser, max_norm=settings.clip, error_if_nonfinite=False)
            optimiser.step()
            if settings.ema:
                _follow(average, plain, min(settings.ema, (1 + step) / (10 + step)))
            totals += _totals(job, loss.detach() * total, output["points"].detach(), target, weight)

        *sums, weight = fabric.all_reduce(totals, reduce_op="sum").tolist()
        loss, loss_px, distance = (value / max(weight, 1e-6) for value in sums)
        seconds = time.monotonic() - began
        if needs_settling(average) and n > 1:
            settle_norms(average, _settling(job, fabric.device, layout))
        val_nme = validate(average, job) if fabric.is_global_zero else None
        val_nme = fabric.broadcast(val_nme)
        if not (math.isfinite(loss) and distance < FAR and math.isfinite(val_nme or 0)):
            raise MethodError(
                f"{job.name} diverged in epoch {epoch + 1} (loss {loss:.3g}, answers {distance / 2:.3g} crops off the "
                "truth in the mean); lower learning_rate"
            )
        state.add(
            {
                "epoch": epoch + 1,
                "loss": loss,
                "loss_px": loss_px if job.loss in PIXEL_LOSSES else None,
                "val_nme": val_nme,
                "learning_rate": job.learning_rate * share,
                "seconds": round(seconds, 3),
                "images_per_second": round(n / seconds, 1),
            },
            average,
        )
        if job.folder is not None and fabric.is_global_zero and time.monotonic() - saved >= settings.save_seconds:
            state.keep(job.folder, job.key, plain, average, optimiser)
            saved = time.monotonic()

    say(_news(state.history), job.epochs, job.epochs)
    return Result(state.best or weights_of(average), state.history, state.best_epoch, str(fabric.device))


def _settling(job: Job, device: torch.device, layout: torch.memory_format) -> Iterator[torch.Tensor]:
    """Training faces as prediction sees them, spread over the set, the same ones in every epoch and process."""
    rows = np.unique(np.linspace(0, len(job.train) - 1, SETTLING).astype(int))
    for part in np.array_split(rows, -(-len(rows) // VAL_BATCH)):
        images = make_batch(job.train, part, Ranges(), job.mirror, (job.random_state, 0)).images
        yield normalised(images.to(device), job.normalise).contiguous(memory_format=layout)


@torch.inference_mode()
def validate(network: nn.Module, job: Job) -> float | None:
    """NME of the validation faces, percent, in single precision, as prediction computes it; None without any."""
    if job.val is None:
        return None
    network.eval()
    device = next(network.parameters()).device
    errors = []
    for rows in np.array_split(np.arange(len(job.val)), -(-len(job.val) // VAL_BATCH)):
        images = normalised(plain_batch(job.val, rows).to(device), job.normalise)
        points = as_output(network(images))["points"].float().cpu().numpy()
        errors.append(np.linalg.norm(points - job.val.points[rows], axis=-1))
    per_face = np.nanmean(np.concatenate(errors), axis=1) / job.val_scale
    return float(100 * per_face.mean())


def rate(done: float, schedule: str, warm_up: float) -> float:
    """The learning rate as a share of its peak, when a share `done` of all steps lies behind.

    >>> [round(rate(t, "one-cycle", 0.5), 3) for t in (0.0, 0.5, 0.75, 1.0)]
    [0.04, 1.0, 0.5, 0.0]
    >>> [round(rate(t, "cosine", 0.1), 3) for t in (0.0, 0.05, 0.1, 1.0)]
    [0.0, 0.5, 1.0, 0.0]
    """
    if done < warm_up:
        share = done / warm_up
        return START + (1 - START) * (1 - math.cos(math.pi * share)) / 2 if schedule == "one-cycle" else share
    if schedule == "constant":
        return 1.0
    left = (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up))) / 2
    return END + (1 - END) * left if schedule == "one-cycle" else left


def _guarded(fabric: Fabric, job: Job, say: Callable[[str, int, int], None]) -> Result:
    """The loop with torch's generators put back as they were, and running out of memory in words."""
    try:
        with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
            return _loop(fabric, job, say)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MethodError) or not _out_of_memory(error):
            raise
        raise MethodError(
            f"{job.name} ran out of memory on {fabric.device} with batch_size {job.batch_size}; lower batch_size"
        ) from error


def _spawned(fabric: Fabric, job: Job) -> Result:
    """The loop in processes that are started for it; the result comes back in a file beside the crops."""
    out = Path(job.train.path).with_name("result.safetensors")
    news = torch.multiprocessing.get_context("spawn").SimpleQueue()
    relay = threading.Thread(target=copy_context().run, args=(_relay, news), daemon=True)
    relay.start()
    try:
        # A partial, because Fabric takes arguments apart, which a frozen dataclass does not allow.
        fabric.launch(partial(_child, job=job, news=news, out=out))
    except torch.multiprocessing.ProcessRaisedException as error:
        line = str(error).strip().splitlines()[-1]
        raise MethodError(line.partition("MethodError: ")[2] or f"{job.name}: a process failed: {line}") from error
    finally:
        news.put(None)
        relay.join()
    parts, facts = read_checkpoint(out)
    return Result(parts["weights"], **facts)


def _child(fabric: Fabric, job: Job, news: Any, out: Path) -> None:
    """What each of the processes does."""
    # A copy, because all of them were given the same memory for the network.
    job = replace(job, network=copy.deepcopy(job.network))
    result = _guarded(fabric, job, lambda *line: news.put(line) if fabric.is_global_zero else None)
    if fabric.local_rank == 0:  # of each machine, since each has its own file
        facts = {"history": result.history, "best_epoch": result.best_epoch, "device": result.device}
        write_checkpoint(out, {"weights": result.weights}, facts)


def _out_of_memory(error: Exception) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(w in str(error).lower() for w in words)


def _relay(news: Any) -> None:
    """Reports in this process what the training processes say."""
    while (line := news.get()) is not None:
        report(*line)


def _optimiser(network: nn.Module, settings: Training, learning_rate: float) -> torch.optim.Optimizer:
    """Over the parameters that are not frozen; weight decay on matrices and kernels alone."""
    free = [p for p in network.parameters() if p.requires_grad]
    if not free:
        raise MethodError("every weight of the network is frozen; nothing is left to train")
    groups = [
        {"params": [p for p in free if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in free if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    # One kernel a parameter: a sixth of the time for 50 million weights. It would unscale 16-bit gradients on its own.
    fused = settings.precision != "16-mixed"
    if settings.optimiser == "sgd":
        nesterov = settings.momentum > 0
        return torch.optim.SGD(groups, learning_rate, momentum=settings.momentum, nesterov=nesterov, fused=fused)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimiser](
        groups, learning_rate, fused=fused
    )


def _share(rows: np.ndarray, fabric: Fabric) -> np.ndarray:
    """This process's faces of a batch."""
    if len(rows) < fabric.world_size:
        raise MethodError(
            f"a batch of {len(rows)} face(s) cannot be shared out to {fabric.world_size} processes; "
            "raise batch_size, or lower devices"
        )
    return rows[fabric.global_rank :: fabric.world_size]


def _totals(
    job: Job, loss: torch.Tensor, points: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Sums over the points: of the loss, of the loss in px where it has one, of the distances, of the weights."""
    own = weight.sum()
    px = loss.new_zeros(())
    if job.loss in PIXEL_LOSSES:
        view = job.train.view
        px = pixel_loss(job.loss, points.float(), target, weight, view.width, view.height) * own
    distances = torch.linalg.vector_norm(points.float() - target, dim=-1)
    return torch.stack([loss, px, (distances * weight).sum(), own])


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average = decay average + (1 - decay) network, of weights and running statistics; counts are copied."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _news(history: Iterable[dict[str, Any]]) -> str:
    """The last epoch in a line, for whoever listens."""
    *_, last = (None, *history)
    if last is None:
        return "epoch"
    nme = "" if last["val_nme"] is None else f", NME {last['val_nme']:.2f} %"
    px = "" if last["loss_px"] is None else f" ({last['loss_px']:.4g} in px)"
    return f"epoch (loss {last['loss']:.4g}{px}{nme}, {last['images_per_second']:.0f} images/s)"
