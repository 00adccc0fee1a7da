"""A network in training is measured as in prediction: on validation faces, and on some of those that it learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from fldbench.attribute_metrics import balanced_accuracy
from fldbench.cnn.heads import LOGITS, as_output
from fldbench.cnn.losses import masked_mean, point_losses
from fldbench.cnn.training.augment import Ranges
from fldbench.cnn.training.batches import Batch, make_batch, plain_batch
from fldbench.cnn.training.side_tasks import means_of, side_losses
from fldbench.cnn.training.training_run import TrainingRun
from fldbench.cnn.view import normalised

VAL_BATCH = 64
SETTLING = 512  # training faces, at most, from which is measured what does not change with the look of a face


class Validation(NamedTuple):
    """What the validation faces say of a network.

    Attributes
    ----------
    nme : float or None
        In percent; None without validation faces.
    losses, balanced_accuracies : tuple of float
        Of each side task, the latter in percent; NaN where no validation face has the attribute.
    """

    nme: float | None
    losses: tuple[float, ...] = ()
    balanced_accuracies: tuple[float, ...] = ()


@torch.inference_mode()
def validate(network: nn.Module, run: TrainingRun) -> Validation:
    """Measure the validation faces, in single precision as in prediction."""
    if run.val is None:
        return Validation(None)
    network.eval()
    device = next(network.parameters()).device
    errors, outputs = [], []
    for rows in np.array_split(np.arange(len(run.val)), -(-len(run.val) // VAL_BATCH)):
        images = normalised(plain_batch(run.val, rows).to(device), run.normalise)
        output = as_output(network(images))
        points = output["points"].float().cpu().numpy()
        errors.append(np.linalg.norm(points - run.val.points[rows], axis=-1))
        outputs.append({LOGITS + task.name: output[LOGITS + task.name].float().cpu() for task in run.side_tasks})
    per_face = np.nanmean(np.concatenate(errors), axis=1) / run.val_scale
    nme = float(100 * per_face.mean())
    if not run.side_tasks:
        return Validation(nme)
    logits = {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
    codes = torch.from_numpy(run.val.codes)
    values, counted = side_losses(run.side_tasks, logits, codes, torch.ones(len(codes)))
    losses = means_of(values, counted, counted.sum(0))
    known = (run.val.codes >= 0).any(0)
    shares = [
        balanced_accuracy(run.val.codes[:, i], logits[LOGITS + task.name].softmax(1).numpy())
        for i, task in enumerate(run.side_tasks)
    ]
    return Validation(
        nme,
        tuple(float(loss) if there else np.nan for loss, there in zip(losses, known, strict=True)),
        tuple(100 * share if there else np.nan for share, there in zip(shares, known, strict=True)),
    )


@torch.inference_mode()
def unseen_loss(network: nn.Module, run: TrainingRun, layout: torch.memory_format) -> float:
    """Return the loss of the points of a network that was not trained yet: about that of the mean shape."""
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    sums = torch.zeros(2)
    for batch in settling_batches(run):
        images, target, weight, visible = (part.to(device) for part in batch[:4])
        output = as_output(network(normalised(images, run.normalise).contiguous(memory_format=layout)))
        values = point_losses(run.loss, output, target, visible)
        sums += torch.stack([masked_mean(values, weight) * weight.sum(), weight.sum()]).float().cpu()
    network.train(training)
    return float(sums[0] / sums[1])


def settling_batches(run: TrainingRun) -> Iterator[Batch]:
    """Yield training faces as prediction sees them, spread over the set, the same in every epoch and process."""
    rows = np.unique(np.linspace(0, len(run.train) - 1, SETTLING).astype(int))
    for part in np.array_split(rows, -(-len(rows) // VAL_BATCH)):
        yield make_batch(run.train, part, Ranges(), run.mirror, (run.random_state, 0))


def settling_crops(run: TrainingRun, device: torch.device, layout: torch.memory_format) -> Iterator[torch.Tensor]:
    """Yield the crops of `settling_batches` as the network sees them."""
    for batch in settling_batches(run):
        yield normalised(batch.images.to(device), run.normalise).contiguous(memory_format=layout)
