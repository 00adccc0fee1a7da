"""fldbench: honest benchmarks of facial landmark detectors.

The public names are resolved when they are first used, so that `import fldbench` stays cheap: it loads none of torch,
cv2, dlib, pandas or matplotlib. Pure functions live in fldbench.metrics and fldbench.geometry.
"""

from importlib import import_module

_PUBLIC = {
    "load_dataset": "dataset",
    "Dataset": "dataset",
    "make_method": "method",
    "load_method": "method",
    "Method": "method",
    "get_protocol": "protocols",
    "list_protocols": "protocols",
    "register_protocol": "protocols",
    "evaluate": "protocols",
    "Protocol": "protocols",
    "Score": "protocols",
    "get_scheme": "schemes",
    "list_schemes": "schemes",
    "Scheme": "schemes",
    "list_methods": "registry",
    "list_datasets": "registry",
    "register_method": "registry",
    "register_dataset": "registry",
    "Face": "faces",
    "FaceSet": "faces",
    "ImageArrays": "faces",
    "ImageFiles": "faces",
    "run_suite": "run.runner",
    "evaluate_file": "run.prediction_files",
    "Record": "records.record",
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


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("fldbench")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'fldbench' has no attribute {name!r}")
    return getattr(import_module(f"fldbench.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
