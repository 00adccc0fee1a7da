"""FittedNetwork: what a trained network of any family does: it answers, is saved and read, and is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import nn

from fldbench.cnn.cost import fused, multiply_adds
from fldbench.cnn.heads import LOGITS, Output, as_output, confidence
from fldbench.cnn.layers import Network
from fldbench.cnn.runtime import OnnxRunner, ranges_of
from fldbench.cnn.training.settings import Settings, get_settings
from fldbench.cnn.view import normalised, to_tensor
from fldbench.cnn.weights import PREFIX, built_with
from fldbench.errors import DataError, MethodError
from fldbench.faces import FaceSet
from fldbench.method import Method
from fldbench.model_file import Learned
from fldbench.params import check_tasks, count_threads
from fldbench.schemes import get_scheme

BATCH = 64  # faces that go through the network at once in prediction
FACES_FOR_RANGES = 200  # at most: on so many, the ranges of a network's numbers are measured


class FittedNetwork(Method):
    """The half of `NetworkMethod` that works with a trained network; parameters and `fit` are there."""

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the landmarks (n, L, 2), px of each image, of n images and their boxes (n, 4) px."""
        answers = [
            self.view.to_photo(self._points(crops, output), matrices)
            for crops, matrices, output in self._run(images, boxes)
        ]
        return np.concatenate(answers) if answers else np.empty((0, *self.mean_.shape))

    def predict_confidence(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the network's mean confidence in the points of each face, (n,) in [0, 1]; see `confidence_of_points`.

        Raises
        ------
        MethodError
            For a network that answers with points alone.
        """
        return self.confidence_of_points(images, boxes).mean(axis=1)

    def confidence_of_points(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return the network's confidence in each point, (n, L) in [0, 1]; see `heads.confidence`.

        Raises
        ------
        MethodError
            For a network that answers with points alone.
        """
        answers = [confidence(output, self.label).cpu().numpy() for _, _, output in self._run(images, boxes)]
        return np.concatenate(answers) if answers else np.empty((0, len(self.mean_)))

    def predict_attributes(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probabilities of each attribute among the tasks: name -> (n, k), in the order of `classes_`.

        With `flip_test`, the mean of those of the crop and of its mirror image.
        """
        names = check_tasks(self.tasks, self.label)
        if not names:
            return {}
        found: dict[str, list[np.ndarray]] = {name: [np.empty((0, len(self.classes_[name])))] for name in names}
        for crops, _, output in self._run(images, boxes):
            mirrored = self._mirrored(crops)
            for name in names:
                answer = _probabilities(output, name)
                if mirrored is not None:
                    other = _probabilities(mirrored, name)
                    answer = (answer + (other[:, ::-1] if name in self.mirrored_ else other)) / 2
                found[name].append(answer)
        return {name: np.concatenate(answers) for name, answers in found.items()}

    def learned(self) -> dict[str, Any]:
        """Return what was learned, the network as its weights and statistics."""
        if not hasattr(self, "network_"):
            return {}
        names = ["scheme_", "mean_", "shift_", "history_", "best_epoch_", "device_"]
        if hasattr(self, "ranges_"):
            names.append("ranges_")
        if check_tasks(self.tasks, self.label):
            names += ["classes_", "mirrored_"]
        weights = {PREFIX + name: value.cpu().numpy() for name, value in self.network_.state_dict().items()}
        return {name: getattr(self, name) for name in names} | weights

    def restore(self, learned: dict[str, Any]) -> None:
        """Build the network again and load the weights; a family that learns more values checks them first.

        Raises
        ------
        DataError
            For other values than `learned` gives, and for weights that do not fit the network.
        """
        own = {name: value for name, value in learned.items() if not name.startswith(PREFIX)}
        if "shift_" not in own and isinstance(own.get("mean_"), np.ndarray):  # models of earlier versions have none
            own["shift_"] = np.zeros_like(own["mean_"])
        found = Learned(self.label, own)
        n_points = len(found.array("mean_", "float32", (None, 2)))
        found.array("shift_", "float32", (n_points, 2))
        found.scheme("scheme_", n_points)
        found.rows("history_")
        if attributes := check_tasks(self.tasks, self.label):
            found.classes("classes_", attributes)
            found.choice("mirrored_", attributes)
        found.index("best_epoch_", 10**9)
        found.text("device_")
        if found.has("ranges_"):
            ranges = found.array("ranges_", "float64", (None, 2))
            if (ranges[:, 0] > ranges[:, 1]).any():
                raise DataError(f"{self.label}: ranges_ must be pairs of a number and one that is not smaller")
        super().restore(own)
        state = {name.removeprefix(PREFIX): v for name, v in learned.items() if name.startswith(PREFIX)}
        self.network_ = built_with(lambda: self._built(n_points), state, self.label).eval()

    def calibrate(self, faces: FaceSet) -> None:
        """Measure the ranges of the network's numbers on faces, which `runtime="int8"` needs.

        `fit` does it with training faces. A network that was trained for another runtime needs it before it is asked
        for 8 bits: `model.runtime = "int8"; model.calibrate(faces)`.

        Parameters
        ----------
        faces : FaceSet
            200 of them at most are looked at, spread over all; never test faces. Only ranges are kept of them.

        Raises
        ------
        MethodError
            Before `fit`.
        MissingDependencyError
            Without the packages onnx and onnxruntime.
        """
        network, (width, height) = fused(self.fitted_network).cpu(), self.input_size
        some = faces[:: -(-len(faces) // FACES_FOR_RANGES)]
        batches = (part for crops, _, _ in self._run(some.images, some.boxes, network) for part in crops.split(8))
        self.ranges_ = ranges_of(network, (self.channels, height, width), batches, self.label)
        vars(self).pop("_fast", None)  # made with other ranges

    @property
    def fitted_network(self) -> nn.Module:
        """The trained network; raises MethodError before `fit`."""
        if not hasattr(self, "network_"):
            raise MethodError(f"{self.label} has not been fitted; call fit first, or load a model")
        return self.network_

    @property
    def n_parameters(self) -> int:
        """Number of weights of the network, frozen ones too; 0 before `fit`."""
        return sum(p.numel() for p in self.network_.parameters()) if hasattr(self, "network_") else 0

    @property
    def multiply_adds(self) -> int | None:
        """Of the convolutions and dense layers for one face, twice as many with `flip_test`; None before `fit`."""
        if not hasattr(self, "network_"):
            return None
        width, height = self.input_size
        return multiply_adds(self.network_, (self.channels, height, width)) * (1 + bool(self.flip_test))

    def _built(self, n_points: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(self.random_state)  # not those of the GPUs, which are not forked
            network = self.build(n_points, torch.from_numpy(np.asarray(self.mean_, np.float32)))
            if attributes := check_tasks(self.tasks, self.label):
                if not isinstance(network, Network):
                    raise MethodError(
                        f"{self.label}: tasks beyond landmarks need a network that `build` derives from "
                        "fldbench.cnn.layers.Network; leave them out, or derive it"
                    )
                width, height = self.input_size
                n_classes = {name: len(self.classes_[name]) for name in attributes}
                network.add_attributes(n_classes, (self.channels, height, width))
            return network

    @torch.inference_mode()
    def _run(
        self, images: Sequence[np.ndarray], boxes: np.ndarray, network: nn.Module | None = None
    ) -> Iterator[tuple[torch.Tensor, np.ndarray, Output]]:
        """Yield, batch by batch, what the network sees, the maps photo -> crop (b, 2, 3), and its answer.

        The network is that for prediction by default.
        """
        _, view, settings = self.fitted_network, self.view, self._settings()
        matrices = view.square(boxes)
        threads = max(count_threads(settings.threads, least=0), 1)
        runs = self._fused() if network is None else network
        device = torch.device("cpu")
        if isinstance(runs, nn.Module):
            if settings.accelerator != "cpu" and torch.cuda.is_available():
                device = torch.device("cuda")
            if next(runs.parameters()).device.type != device.type:  # asked first: `to` visits every module
                runs.to(device)
        with ThreadPoolExecutor(threads) as pool:
            for i in range(0, len(matrices), BATCH):
                rows = range(i, min(i + BATCH, len(matrices)))
                cut = pool.map if threads > 1 and len(rows) > 1 else map
                crops = to_tensor(list(cut(lambda j: view.cut(images[j], matrices[j]), rows)))
                crops = normalised(crops.to(device), self.normalise)
                yield crops, matrices[i : i + BATCH], as_output(runs(crops))

    def _fused(self) -> nn.Module | OnnxRunner:
        """Return the network for prediction, its norms folded into the layers before them; made once per network_."""
        made_of = (self.network_, self.runtime)
        if getattr(self, "_fast", (None,))[0] != made_of:
            network = fused(self.network_)
            if self.runtime != "torch":
                ranges = None
                if self.runtime == "int8":
                    ranges = getattr(self, "ranges_", None)
                    if ranges is None:
                        text = (
                            "runtime='int8' needs the ranges of the network's numbers; call calibrate(training faces)"
                        )
                        raise MethodError(f"{self.label}: {text}, or fit it with this runtime")
                width, height = self.input_size
                network = OnnxRunner(network.cpu(), (self.channels, height, width), self.label, ranges)
            self._fast = (made_of, network)
        return self._fast[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_fast"}

    def _points(self, crops: torch.Tensor, output: Output) -> np.ndarray:
        """Return the answer's points (b, L, 2) in the frame, with `flip_test` averaged with the mirrored crop's."""
        points = output["points"].double().cpu().numpy()
        mirrored = self._mirrored(crops)
        if mirrored is not None:
            others = mirrored["points"].double().cpu().numpy()
            points = (points + others[:, list(get_scheme(self.scheme_).mirror)] * (-1, 1)) / 2
        return points + self.shift_

    @torch.inference_mode()
    def _mirrored(self, crops: torch.Tensor) -> Output | None:
        """Return the answer for the mirrored crops with `flip_test`; None without it."""
        return as_output(self._fused()(crops.flip(-1))) if self.flip_test else None

    def _settings(self) -> Settings:
        return get_settings({**self.defaults, **(self.training or {})}, self.label)


def _probabilities(output: Output, name: str) -> np.ndarray:
    """Return the probabilities of an attribute's classes, (b, k)."""
    return output[LOGITS + name].double().softmax(1).cpu().numpy()
