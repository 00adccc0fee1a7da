"""fldbench: honest benchmarks of facial landmark detectors.

The public names are resolved when they are first used, so that `import fldbench` stays cheap: it does not load torch,
cv2, dlib, pandas or matplotlib. Pure functions are in fldbench.metrics and fldbench.geometry.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `_PUBLIC` says, for tools that read types
    from fldbench.dataset import Dataset as Dataset
    from fldbench.dataset import load_dataset as load_dataset
    from fldbench.detector import Detector as Detector
    from fldbench.detector import make_detector as make_detector
    from fldbench.errors import DataError as DataError
    from fldbench.errors import DatasetNotFoundError as DatasetNotFoundError
    from fldbench.errors import FldbenchError as FldbenchError
    from fldbench.errors import MethodError as MethodError
    from fldbench.errors import MissingDependencyError as MissingDependencyError
    from fldbench.errors import PredictionsError as PredictionsError
    from fldbench.errors import ProtocolError as ProtocolError
    from fldbench.errors import StoreError as StoreError
    from fldbench.errors import SuiteError as SuiteError
    from fldbench.errors import UnknownNameError as UnknownNameError
    from fldbench.faces import Face as Face
    from fldbench.faces import FaceSet as FaceSet
    from fldbench.faces import ImageArrays as ImageArrays
    from fldbench.faces import ImageFiles as ImageFiles
    from fldbench.faces.crops import crop_faces as crop_faces
    from fldbench.found import FoundFace as FoundFace
    from fldbench.kit.adapters import wrap as wrap
    from fldbench.media.photo import draw as draw
    from fldbench.method import Method as Method
    from fldbench.method import load_method as load_method
    from fldbench.method import make_method as make_method
    from fldbench.protocols import Protocol as Protocol
    from fldbench.protocols import Score as Score
    from fldbench.protocols import evaluate as evaluate
    from fldbench.protocols import get_protocol as get_protocol
    from fldbench.protocols import list_protocols as list_protocols
    from fldbench.protocols import register_protocol as register_protocol
    from fldbench.records.record import Record as Record
    from fldbench.registry import list_datasets as list_datasets
    from fldbench.registry import list_detectors as list_detectors
    from fldbench.registry import list_methods as list_methods
    from fldbench.registry import register_dataset as register_dataset
    from fldbench.registry import register_detector as register_detector
    from fldbench.registry import register_method as register_method
    from fldbench.report.ablation import Ablation as Ablation
    from fldbench.report.ablation import ablation as ablation
    from fldbench.report.leaderboard import Leaderboard as Leaderboard
    from fldbench.report.leaderboard import leaderboard as leaderboard
    from fldbench.run.ablate import ablate_suite as ablate_suite
    from fldbench.run.prediction_files import evaluate_file as evaluate_file
    from fldbench.run.runner import run_suite as run_suite
    from fldbench.schemes import Scheme as Scheme
    from fldbench.schemes import get_scheme as get_scheme
    from fldbench.schemes import list_schemes as list_schemes
    from fldbench.schemes import register_scheme as register_scheme

    __version__: str

_PUBLIC = {
    "load_dataset": "dataset",
    "Dataset": "dataset",
    "make_method": "method",
    "load_method": "method",
    "Method": "method",
    "make_detector": "detector",
    "Detector": "detector",
    "get_protocol": "protocols",
    "list_protocols": "protocols",
    "register_protocol": "protocols",
    "evaluate": "protocols",
    "Protocol": "protocols",
    "Score": "protocols",
    "get_scheme": "schemes",
    "list_schemes": "schemes",
    "register_scheme": "schemes",
    "Scheme": "schemes",
    "list_methods": "registry",
    "list_datasets": "registry",
    "list_detectors": "registry",
    "register_method": "registry",
    "register_dataset": "registry",
    "register_detector": "registry",
    "Face": "faces",
    "FaceSet": "faces",
    "ImageArrays": "faces",
    "ImageFiles": "faces",
    "crop_faces": "faces.crops",
    "FoundFace": "found",
    "draw": "media.photo",
    "wrap": "kit.adapters",
    "run_suite": "run.runner",
    "evaluate_file": "run.prediction_files",
    "Record": "records.record",
    "ablate_suite": "run.ablate",
    "ablation": "report",
    "Ablation": "report",
    "leaderboard": "report",
    "Leaderboard": "report",
    "FldbenchError": "errors",
    "UnknownNameError": "errors",
    "DataError": "errors",
    "DatasetNotFoundError": "errors",
    "PredictionsError": "errors",
    "ProtocolError": "errors",
    "MethodError": "errors",
    "SuiteError": "errors",
    "StoreError": "errors",
    "MissingDependencyError": "errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("fldbench")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'fldbench' has no attribute {name!r}")
    return getattr(import_module(f"fldbench.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
