"""Losses of a landmark network, each per point, in the frame where the crop covers [-1, 1] in x and y.

A loss takes the network's answer (`heads.as_output`) and the targets (b, L, 2), and gives one number per point (b, L).
The training loop takes their mean over the annotated points (`masked_mean`). So a missing point (its target may be any
finite number) does not count, and a loss means the same for every size of the crop.

The widths of Wing are published in pixels of the authors' crops: here they are pixels of a crop of REFERENCE px.
`pixel_loss` gives the value that a project reported in pixels of its own crop.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from fldbench.cnn.heads import Output, cell_centres, heat_maps
from fldbench.errors import MethodError, must_be, near_miss

REFERENCE = 224  # px; the crop of the project that trained with Wing (5, 0.5)
SPREAD = 0.03  # target of a soft-argmax map's standard deviation; the crop is 2 wide
HIDDEN_SPREAD = 0.15  # the same for a hidden point: a confidence of about 0.3
SPREAD_WEIGHT = 0.1
MARGINALS_WEIGHT = 1 / 64


def masked_mean(values: torch.Tensor, weight: torch.Tensor, total: torch.Tensor | None = None) -> torch.Tensor:
    """Return the weighted mean of values.

    Parameters
    ----------
    values, weight : Tensor, (b, L)
        The weight is 0 for a missing point.
    total : Tensor, optional
        In place of the sum of the weights.

    Examples
    --------
    >>> masked_mean(torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 0.0]])).item()
    1.0
    """
    total = weight.sum() if total is None else total
    return (values * weight).sum() / total.clamp(min=1e-6)


def l1(difference: torch.Tensor) -> torch.Tensor:
    """Return |d|."""
    return difference.abs()


def l2(difference: torch.Tensor) -> torch.Tensor:
    """Return d^2: the mean squared error, without a half in front."""
    return difference.square()


def smooth_l1(difference: torch.Tensor, beta: float = 0.05) -> torch.Tensor:
    """Return d^2 / (2 beta) below beta, |d| - beta / 2 from there on (Girshick 2015, there with beta 1).

    >>> smooth_l1(torch.tensor([0.5, 3.0]), beta=1.0).tolist()
    [0.125, 2.5]
    """
    size = difference.abs()
    return torch.where(size < beta, difference.square() / (2 * beta), size - beta / 2)


def wing(difference: torch.Tensor, width: float = 10.0, curvature: float = 2.0) -> torch.Tensor:
    """Return w ln(1 + |d| / eps) below w, |d| - C from there on, C = w - w ln(1 + w / eps) (Feng et al. 2018, eq. 5).

    Width w, curvature eps and the differences are in one unit.

    >>> wing(torch.tensor([4.0, 10.0]), 5.0, 0.5).round(decimals=2).tolist()
    [10.989999771118164, 16.989999771118164]
    """
    size = difference.abs()
    constant = width - width * math.log(1 + width / curvature)
    return torch.where(size < width, width * torch.log1p(size / curvature), size - constant)


def _in_pixels(width: float, curvature: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return Wing on differences in the frame: scaled to px of the reference crop and back."""
    half = REFERENCE / 2
    return lambda difference: wing(difference * half, width, curvature) / half


COORDINATE_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "l1": l1,
    "l2": l2,
    "smooth-l1": smooth_l1,
    "wing": _in_pixels(10.0, 2.0),
    "wing-5": _in_pixels(5.0, 0.5),
}
PIXEL_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "l1": l1,
    "l2": l2,
    "smooth-l1": lambda difference: smooth_l1(difference, 1.0),
    "wing": wing,
    "wing-5": lambda difference: wing(difference, 5.0, 0.5),
}


def coordinate_loss(name: str, output: Output, target: torch.Tensor) -> torch.Tensor:
    """Return the mean over x and y of a loss of coordinates, (b, L)."""
    return COORDINATE_LOSSES[name](output["points"] - target).mean(-1)


def pixel_loss(
    name: str, points: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, width: int, height: int
) -> torch.Tensor:
    """Return the loss as the projects report it: the mean over the coordinates in px of their crop.

    Smooth L1 turns at 1 px.

    Parameters
    ----------
    name : str
        One of PIXEL_LOSSES; losses of maps have no such value.
    points, target : Tensor, (b, L, 2)
        In the frame.
    weight : Tensor, (b, L)
    width, height : int
        Of the crop, px.

    Examples
    --------
    >>> one = torch.ones(1, 1)
    >>> pixel_loss("l2", torch.zeros(1, 1, 2), torch.full((1, 1, 2), 0.1), one, 160, 160).item()
    64.0
    """
    half = points.new_tensor([width / 2, height / 2])
    return masked_mean(PIXEL_LOSSES[name]((points - target) * half).mean(-1), weight)


def soft_argmax_loss(output: Output, target: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
    """Return Wing on the points, and a tenth of how far the map's standard deviation is from SPREAD: (b, L).

    After Nibali et al. 2018, eq. 9, on the standard deviation in place of its square, so that both parts are lengths.
    Where a point is not `visible` (b, L), the deviation is drawn to HIDDEN_SPREAD: a wide map says that it is a guess.
    """
    spread = SPREAD if visible is None else torch.where(visible, SPREAD, HIDDEN_SPREAD).to(target)
    deviation = (_part(output, "variance", "soft-argmax") + 1e-10).sqrt()
    return coordinate_loss("wing", output, target) + SPREAD_WEIGHT * (deviation - spread).abs()


def heat_map_mse(output: Output, target: torch.Tensor) -> torch.Tensor:
    """Return the mean over the cells of the squared difference between the maps and Gaussians at the targets: (b, L).

    A point outside the crop is not on the map and costs nothing.
    """
    maps = _part(output, "maps", "heatmap-mse")
    difference = maps - heat_maps(target, *maps.shape[-2:])
    return difference.square().mean((-2, -1)) * _inside(target)


def adaptive_wing(
    maps: torch.Tensor,
    truth: torch.Tensor,
    omega: float = 14.0,
    theta: float = 0.5,
    epsilon: float = 1.0,
    alpha: float = 2.1,
) -> torch.Tensor:
    """Return adaptive Wing of each cell; maps and true maps have one shape (Wang, Bo & Li 2019, eq. 4).

    omega ln(1 + |d / epsilon|^(alpha - y)) where |d| < theta, A |d| - C elsewhere; A and C make both join smoothly.

    >>> adaptive_wing(torch.tensor([0.5]), torch.tensor([0.4])).round(decimals=4).tolist()
    [0.2766000032424927]
    """
    size = (maps - truth).abs()
    power = alpha - truth
    ratio = torch.pow(theta / epsilon, power)
    slope = omega / (1 + ratio) * power * torch.pow(theta / epsilon, power - 1) / epsilon
    constant = theta * slope - omega * torch.log1p(ratio)
    near = omega * torch.log1p(torch.pow(size.clamp(max=theta) / epsilon, power))
    return torch.where(size < theta, near, slope * size - constant)


def adaptive_wing_loss(output: Output, target: torch.Tensor, weight: float = 10.0) -> torch.Tensor:
    """Return the mean over the cells of adaptive Wing, (b, L); cells on and around a point count 1 + `weight` times.

    Around a point: where the true map, after a 3 x 3 maximum, is 0.2 or more (Wang, Bo & Li 2019, eq. 6 and 7).
    """
    maps = _part(output, "maps", "adaptive-wing")
    truth = heat_maps(target, *maps.shape[-2:])
    heavy = (functional.max_pool2d(truth, 3, 1, 1) >= 0.2).to(maps.dtype)
    return (adaptive_wing(maps, truth) * (1 + weight * heavy)).mean((-2, -1)) * _inside(target)


def marginals_loss(output: Output, target: torch.Tensor) -> torch.Tensor:
    """Return Wing on the points, and the cross-entropy between each map's marginals and narrow Gaussians: (b, L).

    The marginals of a map are its sums over columns and over rows, and the Gaussians are one cell wide. So the
    cross-entropy draws a map together about its point without a two-dimensional target (SimDR, Li et al. 2022, on
    maps). Its nats count as pixels of a crop of 128 px: the two parts then have one size from the first epoch to the
    last.
    """
    shares = _part(output, "shares", "marginals")
    entropy = torch.zeros_like(target[..., 0])
    for axis, sums in enumerate((shares.sum(-2), shares.sum(-1))):
        n = sums.shape[-1]
        wanted = torch.exp(-((cell_centres(n, target) - target[..., axis, None]) * n / 2).square() / 2)
        wanted = wanted / (wanted.sum(-1, keepdim=True) + 1e-6)  # a point far outside has no target
        entropy = entropy - (wanted * (sums + 1e-6).log()).sum(-1)
    return coordinate_loss("wing", output, target) + MARGINALS_WEIGHT * entropy


MAP_LOSSES: dict[str, Callable[[Output, torch.Tensor], torch.Tensor]] = {
    "soft-argmax": soft_argmax_loss,
    "marginals": marginals_loss,
    "heatmap-mse": heat_map_mse,
    "adaptive-wing": adaptive_wing_loss,
}


def check_loss(name: str, label: str = "parameters") -> None:
    """Raise MethodError, beginning with `label`, for the name of a loss that does not exist."""
    known = COORDINATE_LOSSES | MAP_LOSSES
    if name not in known:
        raise MethodError(must_be(label, "loss", name, "the name of a loss", near_miss(str(name), known)))


def point_losses(name: str, output: Output, target: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
    """Return the named loss of every point, (b, L).

    Parameters
    ----------
    name : str
        One of COORDINATE_LOSSES or MAP_LOSSES.
    output : dict of Tensor
        See `heads.Output`.
    target : Tensor, (b, L, 2)
        In the frame.
    visible : Tensor of bool, (b, L), optional
        Used by "soft-argmax" alone.

    Raises
    ------
    MethodError
        For a loss of maps if the network has no maps.
    """
    if name == "soft-argmax":
        return soft_argmax_loss(output, target, visible)
    if name in MAP_LOSSES:
        return MAP_LOSSES[name](output, target)
    return coordinate_loss(name, output, target)


def _inside(target: torch.Tensor) -> torch.Tensor:
    return (target.abs() <= 1).all(-1).to(target.dtype)


def _part(output: Output, key: str, loss: str) -> torch.Tensor:
    if output.get(key) is None:
        raise MethodError(f"the loss {loss!r} needs a network that answers with {key!r}; choose a loss of coordinates")
    return output[key]
