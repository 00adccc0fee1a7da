"""The training loop of every network, from top to bottom.

`train_network` brings a training to its devices (Lightning Fabric: CPUs or GPUs, one or many), and `_loop` trains.
Everything random comes from random_state, the epoch and the number of the face or process, and the learning rate from
the number of the step. So a checkpoint at the end of an epoch holds the whole state, and a resumed training gives
the same weights, bit for bit, as one that was never interrupted. (The exception is precision "16-mixed", whose gradient
scaler starts again.)

`batch_size` counts the faces of one step on all devices together: more devices make the same training faster. (The
exception is batch norm, whose statistics are those of each device's own faces.)
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.heads import Output
from fldbench.cnn.layers import Network
from fldbench.cnn.losses import PIXEL_LOSSES, masked_mean, pixel_loss, point_losses
from fldbench.cnn.training.batches import Batch, batches, order
from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.cnn.training.norms import needs_settling, settle_norms
from fldbench.cnn.training.objective import Objective
from fldbench.cnn.training.settings import Settings
from fldbench.cnn.training.state import State, weights_of
from fldbench.cnn.training.training_run import Trained, TrainingRun
from fldbench.cnn.training.validation import settling_crops, validate
from fldbench.cnn.view import normalised
from fldbench.errors import CheckpointError, MethodError
from fldbench.params import count_threads
from fldbench.progress import say_progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

START, END = 1 / 25, 1e-4 / 25  # of the one cycle, as shares of the peak rate (Smith & Topin 2018, as in PyTorch)
FAR = 4.0  # in the frame, two widths of the crop: a larger mean error means that the training has diverged


def train_network(run: TrainingRun) -> Trained:
    """Train `run.network`.

    With several devices, processes are started here, unless they run already (torchrun, SLURM).

    Raises
    ------
    MethodError
        When the training diverges or memory runs out, and for devices that are not there.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    settings = run.settings
    alone = settings.devices * settings.num_nodes == 1
    started = not alone and (SLURMEnvironment.detect() or TorchElasticEnvironment.detect())
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            precision=settings.precision,
            strategy="auto" if alone else "ddp" if started else "ddp_spawn",
        )
    except Exception as error:  # Fabric's own, ValueError and RuntimeError among them
        raise MethodError(f"{run.name}: {error}; change accelerator, devices or precision in `training`") from error
    if not (alone or started):
        return _spawned(fabric, run)
    fabric.launch()
    return _guarded(fabric, run, say_progress if fabric.is_global_zero else lambda *line: None)


def _loop(fabric: Fabric, run: TrainingRun, say: Callable[[str, int, int], None]) -> Trained:
    """Train, in every process."""
    settings, n, threads = run.settings, len(run.train), count_threads(run.settings.threads, least=0)
    steps = len(order(n, run.batch_size, 0, 0))
    layout = run.network.memory_format if isinstance(run.network, Network) else torch.contiguous_format
    plain = run.network.to(memory_format=layout)
    objective = Objective(run)
    optimiser = _optimiser(plain, settings, run.learning_rate, objective.parameters)
    average = copy.deepcopy(plain).to(fabric.device) if settings.ema else plain  # the weights to validate and keep
    network, optimiser = fabric.setup(plain, optimiser)
    objective.begin(plain, fabric, layout)
    state = State()
    if run.folder is not None:
        state = State.resumed(run.folder, run.key, plain, average, optimiser, objective)
    saved = time.monotonic()

    for epoch in range(len(state.history), run.epochs):
        if state.stale(settings.patience):
            break
        say(_news(state.history), epoch, run.epochs)
        torch.manual_seed(_seed(run.random_state, epoch, fabric.global_rank))
        began, totals = time.monotonic(), torch.zeros(4, device=fabric.device)  # see _totals
        mine = [_share(rows, fabric) for rows in order(n, run.batch_size, run.random_state, epoch)]
        table = run.train
        if settings.growth:
            table = replace(table, view=table.view.grown(epoch / (settings.growth * run.epochs)))
        network.train()
        for i, batch in enumerate(batches(table, mine, run.ranges, run.mirror, (run.random_state, epoch), threads)):
            step = epoch * steps + i
            share = rate((step + 0.5) / (run.epochs * steps), settings.schedule, settings.warm_up)
            for group in optimiser.param_groups:
                group["lr"] = run.learning_rate * share
            batch = Batch(*(fabric.to_device(part) for part in batch))
            total = fabric.all_reduce(batch.weight.sum(), reduce_op="sum")  # of all processes: the whole batch's mean
            crops = normalised(batch.images, run.normalise).contiguous(memory_format=layout)
            look = partial(_looked, objective, network, plain, run, crops, batch, total)
            loss, output, *more = look()
            optimiser.zero_grad()
            objective.backward(loss, output, *more)
            if settings.clip:
                fabric.clip_gradients(network, optimiser, max_norm=settings.clip, error_if_nonfinite=False)
            optimiser.step()
            objective.after_step(look)
            if settings.ema:
                _follow(average, plain, min(settings.ema, (1 + step) / (10 + step)))
            totals += _totals(run, loss.detach() * total, output["points"].detach(), batch)

        *sums, weight = fabric.all_reduce(totals, reduce_op="sum").tolist()
        loss, loss_px, distance = (value / max(weight, 1e-6) for value in sums)
        seconds = time.monotonic() - began
        if needs_settling(average) and n > 1:
            settle_norms(average, settling_crops(run, fabric.device, layout))
        found = fabric.broadcast(validate(average, run) if fabric.is_global_zero else None)
        side = objective.after_epoch(loss, found)
        if not (math.isfinite(loss) and distance < FAR and math.isfinite(found.nme or 0)):
            raise MethodError(
                f"{run.name} diverged in epoch {epoch + 1} (loss {loss:.3g}, answers {distance / 2:.3g} crops off the "
                "truth in the mean); lower learning_rate"
            )
        state.add(
            {
                "epoch": epoch + 1,
                "loss": loss,
                "loss_px": loss_px if run.loss in PIXEL_LOSSES else None,
                "val_nme": found.nme,
                "learning_rate": run.learning_rate * share,
                "seconds": round(seconds, 3),
                "images_per_second": round(n / seconds, 1),
                **side,
            },
            average,
        )
        if side.get("stopped"):
            say(side["stopped"], epoch + 1, run.epochs)
        if run.folder is not None and fabric.is_global_zero and time.monotonic() - saved >= settings.save_seconds:
            state.keep(run.folder, run.key, plain, average, optimiser, objective)
            saved = time.monotonic()

    say(_news(state.history), run.epochs, run.epochs)
    return Trained(state.best or weights_of(average), state.history, state.best_epoch, str(fabric.device))


def rate(done: float, schedule: str, warm_up: float) -> float:
    """Return the learning rate as a share of its peak, when a share `done` of all steps is done.

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


def _guarded(fabric: Fabric, run: TrainingRun, say: Callable[[str, int, int], None]) -> Trained:
    """Run the loop, put torch's generators back as they were, and put into words that memory ran out."""
    try:
        with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
            return _loop(fabric, run, say)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MethodError) or not _out_of_memory(error):
            raise
        raise MethodError(
            f"{run.name} ran out of memory on {fabric.device} with batch_size {run.batch_size}; lower batch_size"
        ) from error


def _spawned(fabric: Fabric, run: TrainingRun) -> Trained:
    """Run the loop in processes that are started for it; what they learn comes back in a file beside the crops."""
    out = Path(run.train.path).with_name("trained.safetensors")
    news = torch.multiprocessing.get_context("spawn").SimpleQueue()
    relay = threading.Thread(target=copy_context().run, args=(_relay, news), daemon=True)
    relay.start()
    try:
        # A partial, because Fabric takes arguments apart, which a frozen dataclass does not allow.
        fabric.launch(partial(_child, run=run, news=news, out=out))
    except torch.multiprocessing.ProcessRaisedException as error:
        line = str(error).strip().splitlines()[-1]
        for kind in (CheckpointError, MethodError):
            if known := line.partition(f"{kind.__name__}: ")[2]:
                raise kind(known) from error
        raise MethodError(f"{run.name}: a process failed: {line}") from error
    finally:
        news.put(None)
        relay.join()
    parts, facts = read_checkpoint(out)
    return Trained(parts["weights"], **facts)


def _child(fabric: Fabric, run: TrainingRun, news: Any, out: Path) -> None:
    """Run the loop in one of several processes, and write what it learned to a file."""
    # A copy, because all of them were given the same memory for the network.
    run = replace(run, network=copy.deepcopy(run.network))
    trained = _guarded(fabric, run, lambda *line: news.put(line) if fabric.is_global_zero else None)
    if fabric.local_rank == 0:  # of each machine, since each has its own file
        facts = {"history": trained.history, "best_epoch": trained.best_epoch, "device": trained.device}
        write_checkpoint(out, {"weights": trained.weights}, facts)
    # All leave together: a process whose peers are gone when its threads of communication end may abort.
    fabric.barrier()
    torch.distributed.destroy_process_group()


def _out_of_memory(error: Exception) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(w in str(error).lower() for w in words)


def _relay(news: Any) -> None:
    """Repeat the progress of the training processes in this process."""
    while (line := news.get()) is not None:
        say_progress(*line)


def _optimiser(
    network: nn.Module, settings: Settings, learning_rate: float, more: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters that are not frozen, and of more; only weights decay.

    Biases, norms and the further parameters do not.
    """
    free = [p for p in network.parameters() if p.requires_grad]
    if not free:
        raise MethodError("every weight of the network is frozen; nothing is left to train")
    sets = [
        {"params": [p for p in free if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [*(p for p in free if p.ndim <= 1), *more], "weight_decay": 0.0},
    ]
    sets = [part for part in sets if part["params"]]
    # One kernel per parameter takes a sixth of the time for 50 million weights, but it would unscale 16-bit gradients
    # a second time.
    fused = settings.precision != "16-mixed"
    if settings.optimiser == "sgd":
        nesterov = settings.momentum > 0
        return torch.optim.SGD(sets, learning_rate, momentum=settings.momentum, nesterov=nesterov, fused=fused)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimiser](sets, learning_rate, fused=fused)


def _share(rows: np.ndarray, fabric: Fabric) -> np.ndarray:
    """Return this process's faces of a batch."""
    if len(rows) < fabric.world_size:
        raise MethodError(
            f"a batch of {len(rows)} face(s) cannot be shared out to {fabric.world_size} processes; "
            "raise batch_size, or lower devices"
        )
    return rows[fabric.global_rank :: fabric.world_size]


def _looked(
    objective: Objective,
    network: nn.Module,
    plain: nn.Module,
    run: TrainingRun,
    crops: torch.Tensor,
    batch: Batch,
    total: torch.Tensor,
) -> tuple[torch.Tensor, Output, torch.Tensor, torch.Tensor]:
    """Return what `Objective.backward` takes, of a batch as the network answers now."""
    output = objective.answer(network, plain, crops)
    loss = masked_mean(point_losses(run.loss, output, batch.target, batch.visible), batch.weight, total)
    return loss, output, batch.codes, batch.face_weight


def _totals(run: TrainingRun, loss: torch.Tensor, points: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return sums over the points: the loss, the loss in px where it has one, the distances, the weights."""
    target, weight = batch.target, batch.weight
    own = weight.sum()
    px = loss.new_zeros(())
    if run.loss in PIXEL_LOSSES:
        view = run.train.view
        px = pixel_loss(run.loss, points.float(), target, weight, view.width, view.height) * own
    distances = torch.linalg.vector_norm(points.float() - target, dim=-1)
    return torch.stack([loss, px, (distances * weight).sum(), own])


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Set average = decay average + (1 - decay) network, weights and running statistics; copy the counts."""
    for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _news(history: Iterable[dict[str, Any]]) -> str:
    """Return the last epoch in one line, for progress reports."""
    *_, last = (None, *history)
    if last is None:
        return "epoch"
    nme = "" if last["val_nme"] is None else f", NME {last['val_nme']:.2f} %"
    px = "" if last["loss_px"] is None else f" ({last['loss_px']:.4g} in px)"
    return f"epoch (loss {last['loss']:.4g}{px}{nme}, {last['images_per_second']:.0f} images/s)"
