"""Shapes of faces as arrays: in the frame of their boxes, aligned, modelled; and folds of faces."""

from fldbench.shapes.folds import fold_of
from fldbench.shapes.frame import fill_missing, from_box_frame, mean_in_box, mirrored, symmetric, to_box_frame
from fldbench.shapes.model import (
    ShapeModel,
    align,
    align_to,
    clip,
    fit_model,
    fit_shapes,
    noise_of,
    principal_axes,
    principal_modes,
    shapes_of,
    unit_size,
)

__all__ = [
    "ShapeModel",
    "align",
    "align_to",
    "clip",
    "fill_missing",
    "fit_model",
    "fit_shapes",
    "fold_of",
    "from_box_frame",
    "mean_in_box",
    "mirrored",
    "noise_of",
    "principal_axes",
    "principal_modes",
    "shapes_of",
    "symmetric",
    "to_box_frame",
    "unit_size",
]
