"""Outputs of networks and the layers that compute them: points directly, or points read from maps.

The layer that answers is called `head` in every network. Points lie in the frame where the crop covers [-1, 1] in x
and in y.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from fldbench.errors import MethodError

# "points" (b, L, 2), and perhaps "variance" (b, L), and "maps" (b, L, h, w), or "shares" where each map sums to one.
# For each attribute its logits (b, k), under LOGITS and its name.
Output = dict[str, torch.Tensor]
LOGITS = "logits:"

MAP_SIGMA = 1.5  # cells of the map: standard deviation of the Gaussian that a heat map is trained on
# A map that was trained to be 1 at its point and 0 elsewhere (heatmap-mse, adaptive-wing) must outweigh the sum of a
# thousand other cells when its softmax is taken: e^15 is 3 million.
SHARPNESS = 15.0
SURE = 0.1  # standard deviation, in the frame, at which the confidence is one half
RARE = 1e-3  # probability that an attribute's class begins with if no training face has it
EXPECTED = 0.25  # standard deviation of the prior, in the frame: wider than that of real points, to decide nothing


def as_output(answer: torch.Tensor | Output) -> Output:
    """Return what a network's forward gave as a dict: a tensor becomes its "points"."""
    return {"points": answer} if isinstance(answer, torch.Tensor) else answer


class PointHead(nn.Linear):
    """A dense layer that outputs the points relative to their mean: (b, width) -> (b, L, 2).

    Every network begins near the mean shape. It can compute the same functions as with any other initial bias, and
    saves the epochs that finding the mean would take. With features of size one, the first outputs are a twentieth of
    the frame from the mean; smaller weights would hold the gradient back from the layers below.

    Parameters
    ----------
    width : int
        Number of features.
    mean : Tensor, (L, 2)
        Mean shape in the frame.
    """

    def __init__(self, width: int, mean: torch.Tensor):
        super().__init__(width, mean.numel())
        self.register_buffer("mean", mean.clone().float())
        nn.init.normal_(self.weight, std=0.05 / math.sqrt(width))
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).unflatten(1, self.mean.shape) + self.mean


class AttributeHead(nn.Linear):
    """A dense layer that outputs the logits of the k classes of an attribute: (b, width) -> (b, k).

    It begins near what its bias says; training sets that to the frequencies of the classes (`begin_at`).

    Parameters
    ----------
    width : int
        Number of features.
    n_classes : int
    """

    def __init__(self, width: int, n_classes: int):
        super().__init__(width, n_classes)
        nn.init.normal_(self.weight, std=0.05 / math.sqrt(width))
        nn.init.zeros_(self.bias)

    @torch.no_grad()
    def begin_at(self, frequencies: torch.Tensor) -> None:
        """Answer with these probabilities (k,) at first; a class without any begins as one in a thousand."""
        self.bias.copy_(frequencies.clamp(min=RARE).log())


class MapHead(nn.Conv2d):
    """A map for each point, and the points and their variance read from it.

    A point is read from the softmax of its map times a prior, a wide Gaussian about its mean. So an untrained network
    outputs about the mean shape, and so does any network for a point that it cannot see.

    Parameters
    ----------
    width : int
        Channels of the features (b, width, side, side).
    mean : Tensor, (L, 2)
        Mean shape in the frame.
    side : int
        Cells of the maps in x and in y.
    """

    def __init__(self, width: int, mean: torch.Tensor, side: int):
        super().__init__(width, len(mean), 1)
        sigma = EXPECTED * side / 2  # cells
        self.register_buffer("expected", heat_maps(mean.float(), side, side, sigma).clamp(min=1e-12).log(), False)
        nn.init.normal_(self.weight, std=0.1 / (SHARPNESS * math.sqrt(width)))
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> Output:
        maps = super().forward(x)
        points, variance, _ = soft_argmax(SHARPNESS * maps + self.expected)
        return {"points": points, "variance": variance, "maps": maps}


def soft_argmax(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Read points from maps: the expected place of each map's softmax.

    Nibali et al., "Numerical coordinate regression with convolutional neural networks", 2018. A cell stands for its
    centre.

    Parameters
    ----------
    logits : Tensor, (b, L, h, w)

    Returns
    -------
    points : Tensor, (b, L, 2)
        In the frame.
    variance : Tensor, (b, L)
        The mean of the variances of x and y, in squared units of the frame.
    shares : Tensor, (b, L, h, w)
        The softmax; each map sums to one.

    Examples
    --------
    >>> points, variance, _ = soft_argmax(torch.tensor([[[[-50.0, 50.0], [-50.0, -50.0]]]]))
    >>> points.tolist(), round(variance.item(), 6)
    ([[[0.5, -0.5]]], 0.0)
    """
    height, width = logits.shape[-2:]
    single = torch.promote_types(logits.dtype, torch.float32)  # half precision would lose the position
    shares = functional.softmax(logits.flatten(-2).to(single), dim=-1).view(logits.shape)
    columns, rows = shares.sum(-2), shares.sum(-1)
    x, y = cell_centres(width, shares), cell_centres(height, shares)
    # Sums, not matrix products, which autocast would compute in half precision.
    mean_x, mean_y = (columns * x).sum(-1), (rows * y).sum(-1)
    spread_x = (columns * (x - mean_x[..., None]).square()).sum(-1)
    spread_y = (rows * (y - mean_y[..., None]).square()).sum(-1)
    return torch.stack([mean_x, mean_y], -1), (spread_x + spread_y) / 2, shares


def heat_maps(target: torch.Tensor, height: int, width: int, sigma: float = MAP_SIGMA) -> torch.Tensor:
    """Draw Gaussians of height one about the targets.

    Parameters
    ----------
    target : Tensor, (..., 2)
        Points in the frame.
    height, width : int
        Cells of each map.
    sigma : float
        Standard deviation, cells.

    Returns
    -------
    Tensor, (..., height, width)

    Examples
    --------
    >>> heat_maps(torch.tensor([[[0.0, 0.0]]]), 3, 3, 1.0)[0, 0, 1].round(decimals=4).tolist()
    [0.6065000295639038, 1.0, 0.6065000295639038]
    """
    x = (cell_centres(width, target) - target[..., :1]) * width / 2
    y = (cell_centres(height, target) - target[..., 1:]) * height / 2
    return torch.exp(-(y.square()[..., :, None] + x.square()[..., None, :]) / (2 * sigma**2))


def cell_centres(n: int, like: torch.Tensor) -> torch.Tensor:
    """Return the centres (n,) of n cells that cover [-1, 1], with the type and the device of `like`.

    >>> cell_centres(2, torch.zeros(1)).tolist()
    [-0.5, 0.5]
    """
    return (torch.arange(n, dtype=like.dtype, device=like.device) + 0.5) * 2 / n - 1


def confidence(output: Output, label: str) -> torch.Tensor:
    """Return the confidence of a network in each point, (b, L) in [0, 1].

    From the variance v of a point's map, 1 / (1 + v / SURE^2); without a variance, the highest value of the map.

    Raises
    ------
    MethodError
        For an output that has neither; the message begins with `label`.

    Examples
    --------
    >>> confidence({"maps": torch.tensor([[[[0.25, 0.0]]]])}, "a-net").tolist()
    [[0.25]]
    """
    if output.get("variance") is not None:
        return 1 / (1 + output["variance"].double() / SURE**2)
    if output.get("maps") is not None:
        return output["maps"].double().amax((-2, -1)).clamp(0, 1)
    raise MethodError(f"{label} gives points alone; a network with maps or a variance has confidences")
