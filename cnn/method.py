"""NetworkMethod: the base of every method that is a network; it handles crops, files and settings, but no layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from fldbench.cnn.attribute_losses import check_attribute_loss
from fldbench.cnn.cost import fused
from fldbench.cnn.fitted import FittedNetwork
from fldbench.cnn.layers import Network
from fldbench.cnn.losses import check_loss
from fldbench.cnn.runtime import RUNTIMES, check_runtime
from fldbench.cnn.training import pictures
from fldbench.cnn.training.augment import AUGMENTATION, get_ranges
from fldbench.cnn.training.batches import cut_crops
from fldbench.cnn.training.loop import train_network
from fldbench.cnn.training.preparation import (
    error_scale,
    lost_to_mirroring,
    mean_shape,
    mirror_and_ranges,
    validation_part,
)
from fldbench.cnn.training.settings import CHANGE_NOTHING, Settings
from fldbench.cnn.training.side_tasks import begin_heads, side_tasks
from fldbench.cnn.training.state import CHECKPOINT
from fldbench.cnn.training.task_stopping import check_task_stopping
from fldbench.cnn.training.training_run import TrainingRun
from fldbench.cnn.view import NORMALISATIONS, View
from fldbench.cnn.weighting.choice import check_weighting
from fldbench.cnn.weights import load_weights
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.files import temporary_folder
from fldbench.method import Method
from fldbench.params import (
    LANDMARKS,
    SEED,
    TASKS,
    Rule,
    check_attributes,
    check_rules,
    check_sample_weight,
    count_threads,
    kind,
    one_of,
    optional,
    real,
    whole,
)
from fldbench.records.keys import fit_key
from fldbench.schemes import get_scheme

LARGEST_CROP = 2048  # px
FACES_FOR_SHIFT = 1000  # at most: their mean error is known to a thirtieth of one face's


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkMethod(FittedNetwork):
    """A network that sees a square crop around the box and outputs points in [-1, 1] of it.

    A family writes `build`, and states where it differs: new defaults and further parameters as fields of a dataclass
    (`@dataclass(kw_only=True, eq=False, repr=False)`), their `rules`, the class's `normalise` and `defaults` (of
    `training`), and `input_size`. It removes a parameter by fixing it: `channels: ClassVar[int] = 1`. A default without
    an annotation, or in a class without the decorator, changes nothing.

    Parameters
    ----------
    size : int
        Side of the crop, px.
    channels : {1, 3}
        Grey or RGB.
    padding : float
        Context around the box on each side, as a share of its longer side.
    loss : str
        One of `losses`: of coordinates for every network, of maps for those that have them.
    augmentation : str or dict
        A preset ("standard", "none", "random-crop", "course", "mtfl"), or a dict of `augment.Ranges`.
    epochs, batch_size : int
        Of the training.
    learning_rate : float
        The peak of its schedule.
    flip_test : bool
        Average predictions with those of the mirrored crop.
    runtime : {"torch", "onnxruntime", "int8"}
        What computes predictions. "onnxruntime" takes about half of the time for single faces on a CPU, and answers the
        same to rounding. "int8" is ONNX Runtime with the convolutions in whole numbers of 8 bits: again half of the
        time or less, on processors with instructions for it, and answers that are a little off (results/limit). Both
        need fldbench[onnx].
    tasks : sequence of str
        "landmarks", and the attributes that are trained with them and answered by `predict_attributes`. The training
        faces must have them, with classes (`FaceSet.attribute_types`).
    attribute_loss : str or dict
        "cross-entropy", "balanced" or "focal" for all attributes, or attribute -> one of them; see
        `fldbench.cnn.attribute_losses`.
    weighting : str or dict
        How the losses of the tasks become one step: a name, or a dict of "name" and settings; see
        `fldbench.cnn.weighting`.
    task_stopping : dict, optional
        Settings by which attributes stop being trained when their training has settled; see
        `fldbench.cnn.training.task_stopping`. By default none stops.
    weights : str, optional
        A local file of weights to begin with. By default training begins from the network's own initialisation.
    frozen : int
        How many of the first convolutions keep the weights they begin with; -1 for all.
    training : dict, optional
        The other settings of the loop, see `settings.Settings`.
    random_state : int

    Attributes
    ----------
    scheme_ : str
    mean_ : ndarray of float32, (L, 2)
        Mean shape of the training faces, in the frame.
    shift_ : ndarray of float32, (L, 2)
        Added to answers, in the frame: the mean error of the training faces that mirrored faces hide from the training
        (`preparation.lost_to_mirroring`); zeros where none are mirrored.
    ranges_ : ndarray of float64, (k, 2)
        Of the network's numbers on training faces; with `runtime="int8"`, or after `calibrate`.
    history_ : list of dict
        One row per epoch, see `training_run.Trained`.
    best_epoch_ : int
    device_ : str
    network_ : nn.Module
    classes_ : dict of str to list of str
        Names of the classes of each attribute among the tasks.
    mirrored_ : list of str
        The attributes whose classes change sides in the mirror image.
    """

    version = 2
    files = ("weights",)
    of_tasks = ("attribute_loss", "weighting", "task_stopping")
    weighs_faces = True
    validates = True
    keeps_training = True
    exports = True
    rules: ClassVar[Mapping[str, Rule]] = {
        "size": whole(1, LARGEST_CROP),
        "channels": one_of((1, 3)),
        "padding": real(above=-0.5, high=10),
        "augmentation": AUGMENTATION,
        "epochs": whole(1),
        "batch_size": whole(1),
        "learning_rate": real(above=0),
        "runtime": one_of(RUNTIMES),
        "weights": optional(kind(str, allowed="the path of a file")),
        "frozen": whole(-1),
        "training": optional(kind(dict, allowed="a dict of settings")),
        "random_state": SEED,
        "normalise": one_of(NORMALISATIONS),
        "tasks": TASKS,
        "attribute_loss": kind(str, dict, allowed="the name of a loss, or a dict of attributes and names"),
        "weighting": kind(str, dict, allowed="the name of a weighting, or a dict with its name and settings"),
        "task_stopping": optional(kind(dict, allowed="a dict of settings")),
    }
    normalise: ClassVar[str] = "instance"
    any_size: ClassVar[bool] = False  # whether the network answers crops of any multiple of 16 px, as `growth` needs
    defaults: ClassVar[Mapping[str, Any]] = {}

    size: int = 128
    channels: int = 1
    padding: float = 0.15
    loss: str = "wing"
    augmentation: str | dict[str, Any] = "standard"
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    flip_test: bool = False
    runtime: str = "torch"
    tasks: Sequence[str] = (LANDMARKS,)
    attribute_loss: str | dict[str, str] = "cross-entropy"
    weighting: str | dict[str, Any] = "equal"
    task_stopping: dict[str, Any] | None = None
    weights: str | None = None
    frozen: int = 0
    training: dict[str, Any] | None = None
    random_state: int = 0

    def build(self, n_points: int, mean: torch.Tensor) -> nn.Module:
        """Return a new network.

        Parameters
        ----------
        n_points : int
        mean : Tensor, (n_points, 2)
            Mean shape in the frame.

        Returns
        -------
        nn.Module
            Its forward takes (b, C, H, W) float32 and answers with points (b, L, 2) in the frame, or with a dict, see
            `heads.Output`. It must be a `layers.Network` for the parameters `weights` and `frozen`.
        """
        raise NotImplementedError

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network's input, px: the square crop is stretched to them."""
        return self.size, self.size

    @property
    def view(self) -> View:
        """How the network sees a face."""
        return View(*self.input_size, self.channels, self.padding)

    def check_params(self) -> None:
        """Check the parameters, what the family fixes, and the dicts `augmentation` and `training`."""
        super().check_params()
        check_rules(self.label, {"normalise": self.normalise}, self.rules, {})
        check_loss(self.loss, self.label)
        check_runtime(self.runtime, self.label)
        get_ranges(self.augmentation, self.label)
        settings = self._settings()
        if settings.growth and not self.any_size:
            raise MethodError(
                f"{self.label}: its network answers crops of one size, so they cannot grow; leave `growth` out of "
                "`training`"
            )
        check_attribute_loss(self.attribute_loss, self.tasks, self.label)
        check_weighting(self.weighting, self.tasks, self.label, settings.precision)
        check_task_stopping(self.task_stopping, self.weighting, self.label)

    def key_params(self) -> dict[str, Any]:
        """Return the parameters that can change the numbers, `training` merged with the family's defaults."""
        params = super().key_params()
        if self.training is None or isinstance(self.training, Mapping):
            settings = vars(Settings()) | dict(self.defaults) | dict(self.training or {})
            params["training"] = {name: value for name, value in settings.items() if name not in CHANGE_NOTHING}
        return params

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        folder: str | Path | None = None,
    ) -> NetworkMethod:
        """Train on the faces of `train`; points that are missing are left out.

        Parameters
        ----------
        train : FaceSet
        val : FaceSet, optional
            Chooses the epoch. By default a part of `train`, whole groups, by the setting val_share.
        sample_weight : ndarray, (n,), optional
            How much each face counts; a face of weight 0 is left out.
        folder : str or Path, optional
            Keeps a checkpoint while the training runs; after an interruption, the same fit continues from it.
            Afterwards it holds curves and pictures (`pictures.write_pictures`).

        Raises
        ------
        DataError, MethodError
            For faces that cannot be used; for parameters, divergence or too little memory.
        """
        self.check_params()
        settings, ranges = self._settings(), get_ranges(self.augmentation, self.label)
        weight = check_sample_weight(sample_weight, train)
        key = "" if folder is None else fit_key(self, train, val, sample_weight)
        train, weight = train[weight > 0], weight[weight > 0]
        rows = np.arange(len(train))
        if val is None:
            rows, val = validation_part(train, settings.val_share, self.random_state)
        scheme = get_scheme(train.scheme)
        attributes = check_attributes(train[rows], self.tasks, self.label)
        if val is not None and val.scheme != scheme.name:
            raise DataError(f"{val.label} has the scheme {val.scheme}, {train.label} has {scheme.name}; convert one")
        mirror, ranges = mirror_and_ranges(scheme, ranges, self.flip_test, self.label)
        threads = max(count_threads(settings.threads, least=0), 1)
        with temporary_folder() as work:
            table = cut_crops(train[rows], self.view, ranges.margin, weight[rows], work, threads, attributes)
            val = None if val is None else val[np.isfinite(val.landmarks).all(-1).any(-1)]
            if self.task_stopping is not None and attributes and (val is None or not len(val)):
                raise MethodError(f"{self.label}: task_stopping needs validation faces; set val_share, or pass `val`")
            seen = None
            if val is not None and len(val):
                seen = cut_crops(val, self.view, 1.0, None, work, threads, attributes)
            self.mean_ = mean_shape(table.points, table.weight, train.label)
            self.classes_ = {name: list(attribute.classes) for name, attribute in attributes.items()}
            self.mirrored_ = [name for name, attribute in attributes.items() if attribute.mirrored]
            losses = check_attribute_loss(self.attribute_loss, self.tasks, self.label)
            side = side_tasks(table, attributes, losses)
            network = self._begun(scheme.n_points)
            begin_heads(network, side)
            run = TrainingRun(
                name=self.label,
                network=network,
                train=table,
                val=seen,
                val_scale=None if seen is None else error_scale(seen.points, scheme, self.padding),
                ranges=ranges,
                mirror=mirror,
                normalise=self.normalise,
                loss=self.loss,
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                random_state=self.random_state,
                settings=settings,
                side_tasks=side,
                weighting=self.weighting,
                task_stopping=self.task_stopping,
                folder=None if folder is None else Path(folder),
                key=key,
            )
            trained = train_network(run)
        self.scheme_, self.history_ = scheme.name, trained.history
        self.best_epoch_, self.device_ = trained.best_epoch, trained.device
        run.network.load_state_dict(trained.weights)
        self.network_ = run.network.cpu().eval()
        self.shift_ = np.zeros_like(self.mean_)
        if ranges.flip:
            self.shift_ = self._lost_to_mirroring(train[rows], weight[rows], mirror)
        if self.runtime == "int8":
            self.calibrate(train)
        if folder is not None:
            self.write_pictures(train if seen is None else val, folder)
            (Path(folder) / CHECKPOINT).unlink(missing_ok=True)
        return self

    def _lost_to_mirroring(self, faces: FaceSet, weight: np.ndarray, mirror: np.ndarray) -> np.ndarray:
        """Return the mean error that training with mirrored faces left, in the frame; see `lost_to_mirroring`."""
        every = -(-len(faces) // FACES_FOR_SHIFT)
        some, weight = faces[::every], weight[::every, None, None]
        answers = [
            (output["points"].double().cpu().numpy(), matrices)
            # Not decoded at once: photos are large. By torch: the shift is the same for every runtime.
            for _, matrices, output in self._run(some.images, some.boxes, fused(self.network_))
        ]
        points, matrices = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        error = self.view.to_frame(some.landmarks, matrices) - points
        seen = np.isfinite(error)
        total = (weight * seen).sum(0)
        mean = (weight * np.where(seen, error, 0)).sum(0) / np.where(total > 0, total, 1)
        return lost_to_mirroring(mean, mirror).astype(np.float32)

    @property
    def members_alone(self) -> dict[str, Method]:
        """The same network without what changes its answers alone: a run that has fitted it need not fit it again."""
        params = self.get_params()
        plain = params | {"flip_test": False, "runtime": "torch"}
        return {} if plain == params else {self.label: type(self)(**plain)}

    def assemble(self, members: Sequence[Method], train: FaceSet) -> None:
        """Take what the network of `members_alone` has learned."""
        self.check_params()
        scheme, ranges = get_scheme(train.scheme), get_ranges(self.augmentation, self.label)
        mirror_and_ranges(scheme, ranges, self.flip_test, self.label)  # refuses flip_test without mirror pairs
        (member,) = members
        self.restore(member.learned())
        if self.runtime == "int8":
            self.calibrate(train)
        self._fitted_on = member.fitted_on

    def write_pictures(self, faces: FaceSet, folder: str | Path) -> list[Path]:
        """Write the training's curves and pictures, with some of the faces; see `pictures.write_pictures`."""
        network, some = self.fitted_network, faces[pictures.shown(len(faces))]
        images = list(some.images)
        crop, _, _ = next(self._run(images[:1], some.boxes[:1]))
        return pictures.write_pictures(folder, self.history_, some, self.predict(images, some.boxes), network, crop)

    def _begun(self, n_points: int) -> nn.Module:
        """Return the network at the start of training, with weights from a file and frozen layers if requested."""
        network = self._built(n_points)
        if (self.weights is not None or self.frozen) and not isinstance(network, Network):
            raise MethodError(
                f"{self.label}: the parameters weights and frozen need a network that `build` derives from "
                "fldbench.cnn.layers.Network; leave them at their defaults, or derive it"
            )
        if self.weights is not None:
            load_weights(network, self.weights)
        if self.frozen:
            network.freeze(self.frozen)
        return network
