"""NetworkMethod: the base of every method that is a network; it knows crops, files and settings, and no layer."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.cost import fused, multiply_adds
from fldbench.cnn.losses import Output, as_output, check_loss
from fldbench.cnn.training.augment import get_ranges
from fldbench.cnn.training.batches import NORMALISATIONS, View, make_store, normalised, to_tensor
from fldbench.cnn.training.loop import Job, train_network
from fldbench.cnn.training.settings import Training, get_training
from fldbench.cnn.training.state import CHECKPOINT
from fldbench.code_digest import code_digest
from fldbench.errors import DataError, MethodError, UnknownNameError, near_miss
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.metrics import centre_distance
from fldbench.params import check_kinds, check_sample_weight, count_threads
from fldbench.registry import method_name
from fldbench.schemes import Scheme, get_scheme

BATCH = 64  # faces that go through the network at once in prediction
PREFIX = "network."  # of the weights' names in a saved model
SURE = 0.1  # standard deviation, in the frame, at which predict_confidence says one half


class NetworkMethod(Method):
    """A network that sees a square crop around the box and answers with points in [-1, 1] of it.

    size, channels   px of the crop's sides; 1 channel is grey, 3 are RGB
    padding          context around the box on each end, as a share of its longer side
    loss             one of `losses`: of coordinates for every network, of maps for those that have them
    augmentation     a preset ("standard", "none", "random-crop", "course", "mtfl") or a dict of `augment.Ranges`
    epochs, batch_size, learning_rate   of the training; the rate is the peak of its schedule
    flip_test        predictions are averaged with those of the mirrored crop
    weights          a local file of weights to begin with; None begins from the network's own initialisation
    frozen           how many of the first convolutions keep the weights they begin with; -1 is all
    training         a dict of the other settings of the loop, see `settings.Training`

    A family writes `build`, and overrides the class's `normalise` (see `inputs.normalised`), `defaults` (of
    `training`) and `input_size` where it differs. Learned: scheme_, mean_ (L, 2) in the frame, history_ (a row an
    epoch, see `train.Result`), best_epoch_, device_, network_.
    """

    files = ("weights",)
    weighs_faces = True
    validates = True
    keeps_training = True
    exports = True
    normalise = "instance"
    defaults: dict[str, Any] = {}

    def __init__(
        self,
        size: int = 128,
        channels: int = 1,
        padding: float = 0.15,
        loss: str = "wing",
        augmentation: str | dict = "standard",
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        flip_test: bool = False,
        weights: str | None = None,
        frozen: int = 0,
        training: dict[str, Any] | None = None,
        random_state: int = 0,
    ):
        self.size = size
        self.channels = channels
        self.padding = padding
        self.loss = loss
        self.augmentation = augmentation
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.flip_test = flip_test
        self.weights = weights
        self.frozen = frozen
        self.training = training
        self.random_state = random_state

    def build(self, n_points: int, mean: torch.Tensor) -> nn.Module:
        """A new network for n_points whose mean place in the frame is `mean` (n_points, 2).

        Its forward takes (b, C, H, W) float32 and answers with points (b, L, 2) in [-1, 1], or with a dict that holds
        them as "points", and perhaps "variance" (b, L), and "maps" (b, L, h, w), or "shares" if they sum to one.
        """
        raise NotImplementedError

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of what the network sees, px: the square crop stretched to them."""
        return self.size, self.size

    @property
    def view(self) -> View:
        """How the network sees a face."""
        return View(*self.input_size, self.channels, self.padding)

    def fit(
        self,
        train: FaceSet,
        val: FaceSet | None = None,
        sample_weight: np.ndarray | None = None,
        folder: str | Path | None = None,
    ) -> NetworkMethod:
        """Trains on the faces of `train`, points that are missing left out.

        val     chooses the epoch; by default a part of `train`, whole groups, by the setting val_share
        sample_weight  (n,) how much each face counts; one of weight 0 is left out
        folder  keeps a checkpoint while the training runs, from which the same fit goes on after an interruption; and
                afterwards holds its curves and pictures (`pictures.write_pictures`)

        Raises DataError for faces that cannot be used, MethodError for parameters, divergence or too little memory.
        """
        settings, ranges = self._check_params(), get_ranges(self.augmentation)
        weight = check_sample_weight(sample_weight, train)
        key = "" if folder is None else self._key(train, val, weight, settings)
        train, weight = train[weight > 0], weight[weight > 0]
        rows = np.arange(len(train))
        if val is None:
            rows, val = _split(train, settings.val_share, self.random_state)
        scheme = get_scheme(train.scheme)
        if val is not None and val.scheme != scheme.name:
            raise DataError(f"{val.label} has the scheme {val.scheme}, {train.label} has {scheme.name}; convert one")
        threads = max(count_threads(settings.threads, least=0), 1)
        with tempfile.TemporaryDirectory(prefix="fldbench-") as work:
            store = make_store(train[rows], self.view, ranges.margin, weight[rows], work, threads)
            val = None if val is None else val[np.isfinite(val.landmarks).all(-1).any(-1)]
            seen = make_store(val, self.view, 1.0, None, work, threads) if val is not None and len(val) else None
            self.mean_ = _mean(store.points, store.weight, train.label)
            job = Job(
                name=self._name,
                network=self._begun(scheme.n_points),
                train=store,
                val=seen,
                val_scale=None if seen is None else _scale(seen.points, scheme, self.padding),
                ranges=ranges,
                mirror=np.array(scheme.mirror),
                normalise=self.normalise,
                loss=self.loss,
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                random_state=self.random_state,
                settings=settings,
                folder=None if folder is None else Path(folder),
                key=key,
            )
            result = train_network(job)
        self.scheme_, self.history_ = scheme.name, result.history
        self.best_epoch_, self.device_ = result.best_epoch, result.device
        job.network.load_state_dict(result.weights)
        self.network_ = job.network.cpu().eval()
        if folder is not None:
            from fldbench.cnn.training.pictures import write_pictures

            write_pictures(self, train if val is None or not len(val) else val, folder)
            (Path(folder) / CHECKPOINT).unlink(missing_ok=True)
        return self

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """n images, boxes (n, 4) px -> (n, L, 2) px in each image's frame."""
        answers = [
            self.view.to_photo(self._points(crops, output), matrices)
            for crops, matrices, output in self._run(images, boxes)
        ]
        return np.concatenate(answers) if answers else np.empty((0, *self.mean_.shape))

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """How sure the network is of each point, (n, L) in [0, 1].

        From the variance v of a point's map, 1 / (1 + v / 0.1^2), the crop being 2 wide; without one, the highest value
        of the map. Raises MethodError for a network that has neither.
        """
        answers = [_confidence(output, self._name) for _, _, output in self._run(images, boxes)]
        return np.concatenate(answers) if answers else np.empty((0, len(self.mean_)))

    def learned(self) -> dict[str, Any]:
        """What was learned, the network as its weights and statistics."""
        if not hasattr(self, "network_"):
            return {}
        names = ("scheme_", "mean_", "history_", "best_epoch_", "device_")
        weights = {PREFIX + name: value.cpu().numpy() for name, value in self.network_.state_dict().items()}
        return {name: getattr(self, name) for name in names} | weights

    def restore(self, learned: dict[str, Any]) -> None:
        """Builds the network anew and puts the weights in; raises DataError where they do not fit it."""
        state = {name.removeprefix(PREFIX): v for name, v in learned.items() if name.startswith(PREFIX)}
        super().restore({name: v for name, v in learned.items() if not name.startswith(PREFIX)})
        network = self._built(len(self.mean_))
        try:
            network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        except RuntimeError as error:
            raise DataError(f"the weights do not fit {self!r}: {' '.join(str(error).split())}") from error
        self.network_ = network.eval()

    @property
    def n_parameters(self) -> int:
        """Weights of the network, frozen ones too."""
        return sum(p.numel() for p in self.network_.parameters()) if hasattr(self, "network_") else 0

    @property
    def multiply_adds(self) -> int | None:
        """Of the convolutions and dense layers for one face, twice as many with `flip_test`; None before `fit`."""
        if not hasattr(self, "network_"):
            return None
        width, height = self.input_size
        return multiply_adds(self.network_, (self.channels, height, width)) * (1 + bool(self.flip_test))

    @property
    def _name(self) -> str:
        """For messages: the registered name, or the class's."""
        try:
            return method_name(type(self))
        except UnknownNameError:
            return type(self).__name__

    def _built(self, n_points: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(self.random_state)  # not those of the GPUs, which are not forked
            return self.build(n_points, torch.from_numpy(np.asarray(self.mean_, np.float32)))

    def _begun(self, n_points: int) -> nn.Module:
        """The network as training begins: with the weights of a file, and frozen where that is wanted."""
        network = self._built(n_points)
        if self.weights is not None:
            from fldbench.cnn.weights import load_weights

            load_weights(network, self.weights)
        if self.frozen:
            network.freeze(self.frozen)
        return network

    @torch.inference_mode()
    def _run(
        self, images: Sequence[np.ndarray], boxes: np.ndarray
    ) -> Iterator[tuple[torch.Tensor, np.ndarray, Output]]:
        """A batch of faces at a time: what the network sees, photo -> crop (b, 2, 3), and its answer."""
        if not hasattr(self, "network_"):
            raise MethodError(f"{self._name} has not been fitted; call fit first, or load a model")
        view, settings = self.view, self._settings()
        matrices = view.square(boxes)
        threads = max(count_threads(settings.threads, least=0), 1)
        device = torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
        network = self._fused().to(device)
        with ThreadPoolExecutor(threads) as pool:
            for i in range(0, len(matrices), BATCH):
                rows = range(i, min(i + BATCH, len(matrices)))
                cut = pool.map if threads > 1 and len(rows) > 1 else map
                crops = to_tensor(list(cut(lambda j: view.cut(images[j], matrices[j]), rows)))
                crops = normalised(crops.to(device), self.normalise)
                yield crops, matrices[i : i + BATCH], as_output(network(crops))

    def _fused(self) -> nn.Module:
        """The network for prediction, its norms folded into the layers before them; made once for each network_."""
        if getattr(self, "_fast", (None,))[0] is not self.network_:
            self._fast = (self.network_, fused(self.network_))
        return self._fast[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_fast"}

    def _points(self, crops: torch.Tensor, output: Output) -> np.ndarray:
        """The answer's points (b, L, 2) in the frame, averaged with the mirrored crop's where that is wanted."""
        points = output["points"].double().cpu().numpy()
        if self.flip_test:
            with torch.inference_mode():
                mirrored = as_output(self._fused()(crops.flip(-1)))["points"].double().cpu().numpy()
            points = (points + mirrored[:, list(get_scheme(self.scheme_).mirror)] * (-1, 1)) / 2
        return points

    def _settings(self) -> Training:
        return get_training(self.defaults | (self.training or {}), self._name)

    def _check_params(self) -> Training:
        check_kinds(self, self._name, other=("augmentation",))
        for key, kind, allowed in (("training", dict, "a dict of settings"), ("weights", str, "the path of a file")):
            if not isinstance(getattr(self, key), kind | None):
                raise MethodError(f"{self._name}: {key} is {getattr(self, key)!r}; allowed is None or {allowed}")
        sides = [name for name in ("size", "width", "height", "head") if getattr(self, name, None) is not None]
        rules = {
            **{name: (getattr(self, name) >= 1, "a whole number from 1") for name in (*sides, "epochs", "batch_size")},
            "channels": (self.channels in (1, 3), "1, grey, or 3, RGB"),
            "padding": (-0.5 < self.padding < math.inf, "more than -0.5"),
            "learning_rate": (0 < self.learning_rate < math.inf, "above 0"),
            "frozen": (self.frozen >= -1, "a whole number from -1"),
            "random_state": (self.random_state >= 0, "a whole number from 0"),
        }
        for key, (fine, allowed) in rules.items():
            if not fine:
                raise MethodError(f"{self._name}: {key} is {getattr(self, key)!r}; allowed is {allowed}")
        kinds = ["instance", *NORMALISATIONS]
        if self.normalise not in kinds:
            raise MethodError(f"{self._name}: normalise is {self.normalise!r}; {near_miss(str(self.normalise), kinds)}")
        check_loss(self.loss)
        return self._settings()

    def _key(self, train: FaceSet, val: FaceSet | None, weight: np.ndarray, settings: Training) -> str:
        """Hash of all that decides the weights."""
        parts = [self._name, self.version, code_digest(type(self)), torch.__version__]
        parts += [self.get_params() | {"training": None}]
        parts += [(faces.fingerprint, faces.groups_fingerprint) for faces in (train, val) if faces is not None]
        parts += [_sha256(weight.tobytes())]
        parts += [{key: value for key, value in vars(settings).items() if key not in ("threads", "save_seconds")}]
        parts += [_sha256(Path(self.weights).read_bytes())] if self.weights and Path(self.weights).is_file() else []
        return _sha256(json.dumps(parts, sort_keys=True, default=str).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _split(train: FaceSet, share: float, random_state: int) -> tuple[np.ndarray, FaceSet | None]:
    """Rows to train on, and a part of whole groups to validate with; all rows and None where that cannot be cut."""
    everything = np.arange(len(train))
    if not share:
        return everything, None
    try:
        rest, val = train.split(share, random_state=random_state)
    except DataError:  # too few groups
        return everything, None
    return np.flatnonzero(np.isin(train.ids, rest.ids)), val


def _mean(points: np.ndarray, weight: np.ndarray, label: str) -> np.ndarray:
    """Mean of each point over the faces that have it, by the faces' weights: (n, L, 2) with NaN -> (L, 2) float32."""
    seen = np.isfinite(points).all(-1)
    never = np.flatnonzero(~seen.any(0))
    if never.size:
        raise DataError(
            f"{label}: no training face has point {never[0]} ({never.size} such point(s)); choose a scheme without it, "
            "or more faces"
        )
    share = seen * weight[:, None]
    return (np.einsum("nlc,nl->lc", np.nan_to_num(points), share) / share.sum(0)[:, None]).astype(np.float32)


def _scale(points: np.ndarray, scheme: Scheme, padding: float) -> np.ndarray:
    """What each face's error is divided by, in the frame: the distance of its eyes, else the longer side of its box.

    Eyes: the outer corners, or the eye centres of a scheme without corners; the box where a face lacks them.
    """
    box = np.full(len(points), 2 / (1 + 2 * padding))
    if scheme.outer_eye_corners is not None:
        eyes = [[i] for i in scheme.outer_eye_corners]
    elif scheme.eye_points is not None:
        eyes = [list(part) for part in scheme.eye_points]
    else:
        return box
    distance = centre_distance(points, *eyes)
    return np.where(np.isfinite(distance) & (distance > 0), distance, box)


def _confidence(output: Output, name: str) -> np.ndarray:
    if output.get("variance") is not None:
        return (1 / (1 + output["variance"].double() / SURE**2)).cpu().numpy()
    if output.get("maps") is not None:
        return output["maps"].double().amax((-2, -1)).clamp(0, 1).cpu().numpy()
    raise MethodError(f"{name} gives points alone; a network with maps or a variance has confidences")
