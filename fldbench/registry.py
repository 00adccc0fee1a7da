"""Names of methods, datasets, detectors, protocols and schemes: tables of strings, imported only on use.

Each table maps a name to "module:attribute" or to an object that was registered at run time. Installed packages add
theirs by the entry-point groups `fldbench.methods`, `fldbench.datasets`, `fldbench.detectors`, `fldbench.protocols` and
`fldbench.schemes`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points
from typing import Any

from fldbench.errors import MissingDependencyError, UnknownNameError, near_miss, text_of

TABLES: dict[str, dict[str, Any]] = {
    "method": {
        "mean-shape": "fldbench.baselines.mean_shape:MeanShape",
        "ert": "fldbench.baselines.ert.method:ERT",
        "hog-ridge": "fldbench.baselines.hog_ridge:HogRidge",
        "sdm": "fldbench.baselines.hog_ridge:HogRidge",
        "lbf": "fldbench.baselines.lbf.method:LBF",
        "asm": "fldbench.baselines.asm.method:ASM",
        "linear": "fldbench.baselines.linear:Linear",
        "average": "fldbench.baselines.average:Average",
        "stack": "fldbench.baselines.stack:Stack",
        "two-pass": "fldbench.baselines.two_pass:TwoPass",
        "upright": "fldbench.baselines.upright:Upright",
        "compact": "fldbench.baselines.compact:Compact",
        "profiled": "fldbench.baselines.profiled:Profiled",
        "hog-heads": "fldbench.baselines.hog_heads:HogHeads",
        "hybrid": "fldbench.baselines.hybrid:Hybrid",
        "dlib-68": "fldbench.baselines.pretrained.method:Dlib68",
        "dlib-5": "fldbench.baselines.pretrained.method:Dlib5",
        "opencv-lbf": "fldbench.baselines.pretrained.method:OpencvLBF",
        "opencv-kazemi": "fldbench.baselines.pretrained.method:OpencvKazemi",
        "mediapipe": "fldbench.baselines.mediapipe.method:MediaPipe",
        "cnn-small": "fldbench.cnn.nets.small:SmallCNN",
        "nose-net": "fldbench.cnn.nets.nose_net:NoseNet",
        "five-conv": "fldbench.cnn.nets.five_conv:FiveConv",
        "naimish-net": "fldbench.cnn.nets.naimish_net:NaimishNet",
        "alexnet-elu": "fldbench.cnn.nets.alexnet_elu:AlexNetELU",
        "resnet50-wing": "fldbench.cnn.nets.resnet_wing:ResNetWing",
        "vggface-transfer": "fldbench.cnn.nets.vggface:VGGFaceTransfer",
        "mobilenet-0.3": "fldbench.cnn.nets.mobilenet:MobileNet",
        "heatmap": "fldbench.cnn.nets.heatmap:Heatmap",
        "fld-net": "fldbench.cnn.nets.fld_net:FldNet",
        "tcdcn": "fldbench.cnn.nets.tcdcn:TCDCN",
        "mtfld": "fldbench.cnn.nets.mtfld:MTFLD",
    },
    "dataset": {
        "300w": "fldbench.datasets.ibug300w:IBug300W",
        "300w-labels": "fldbench.datasets.ibug300w:IBug300WLabels",
        "300vw": "fldbench.datasets.ibug300vw:IBug300VW",
        "wflw": "fldbench.datasets.wflw:WFLW",
        "mtfl": "fldbench.datasets.mtfl:MTFL",
        "imm": "fldbench.datasets.imm:IMM",
        "imm-frontal": "fldbench.datasets.imm_frontal:IMMFrontal",
        "kaggle": "fldbench.datasets.kaggle:KaggleKeypoints",
        "youtube-faces": "fldbench.datasets.youtube_faces:YouTubeFaces",
        "cofw": "fldbench.datasets.cofw:COFW",
        "aflw19": "fldbench.datasets.aflw19:AFLW19",
        "muct": "fldbench.datasets.muct:MUCT",
        "helen194": "fldbench.datasets.helen194:Helen194",
        "menpo2d": "fldbench.datasets.menpo2d:Menpo2D",
        "menpo2d-profile": "fldbench.datasets.menpo2d:Menpo2DProfile",
        "lapa": "fldbench.datasets.lapa:LaPa",
        "jd106": "fldbench.datasets.jd106:JD106",
        "youtu88": "fldbench.datasets.youtu88:YouTu88",
        "merl-rav": "fldbench.datasets.merl_rav:MERLRAV",
        "cofw68": "fldbench.datasets.cofw68:COFW68",
        "london": "fldbench.datasets.london:London",
        "celeba": "fldbench.datasets.celeba:CelebA",
        "dlib-xml": "fldbench.datasets.yours.dlib_xml:DlibXML",
        "pts": "fldbench.datasets.yours.pts_folder:PtsFolder",
        "webmorph": "fldbench.datasets.yours.pts_folder:TemFolder",
        "csv": "fldbench.datasets.yours.csv_table:CSVTable",
        "coco-face": "fldbench.datasets.yours.coco_face:CocoFace",
        "labelme": "fldbench.datasets.yours.labelme:Labelme",
        "ljson": "fldbench.datasets.yours.ljson:LJSON",
        "label-studio": "fldbench.datasets.yours.label_studio:LabelStudio",
        "cvat": "fldbench.datasets.yours.cvat:CVAT",
        "facepp": "fldbench.datasets.yours.facepp:FacePlusPlus",
        "hrnet": "fldbench.datasets.yours.hrnet:HRNetTable",
        "openface": "fldbench.datasets.yours.openface:OpenFace",
        "pack": "fldbench.datasets.yours.packed:Pack",
        "synthetic": "fldbench.datasets.synthetic.dataset:Synthetic",
        "synthetic-video": "fldbench.datasets.synthetic.video:SyntheticVideo",
    },
    "detector": {
        "dlib-hog": "fldbench.detectors.dlib_hog:DlibHOG",
        "haar": "fldbench.detectors.haar:Haar",
        "yunet": "fldbench.detectors.yunet:YuNet",
        "scrfd": "fldbench.detectors.scrfd:SCRFD",
        "mtcnn": "fldbench.detectors.mtcnn:MTCNN",
    },
    "protocol": {},  # what was registered at run time; the built-in ones are in BUILT_IN
    "scheme": {},
}
BUILT_IN = {
    "protocol": "fldbench.protocols.definitions:built_in",
    "scheme": "fldbench.schemes.table:built_in",
}  # a function that reads a kind's own names from a file
OWN = {
    "method": "register_method, --plugin or `plugins:` in a suite",
    "dataset": "register_dataset, --plugin or `plugins:` in a suite",
    "detector": "register_detector, --plugin or `plugins:` in a suite",
    "protocol": "register_protocol, --protocols or `define:` in a suite",
    "scheme": "register_scheme, --schemes or `schemes:` in a suite",
}  # what makes a user's own names known

_entry_points_read: set[str] = set()


def table(kind: str) -> dict[str, Any]:
    """Return a copy of the table of one kind (method, dataset, ...), with what installed packages add."""
    return {**(_imported(BUILT_IN[kind])() if kind in BUILT_IN else {}), **registered(kind)}


def registered(kind: str) -> dict[str, Any]:
    """Return the same without the names that a function of `BUILT_IN` reads; so nothing is imported."""
    if not _entry_points_read:
        _entry_points_read.update(TABLES)
        installed = entry_points()  # once for all kinds: each look goes through every installed package
        for one, own in TABLES.items():
            for point in installed.select(group=f"fldbench.{one}s"):
                own.setdefault(point.name, point.value)
    return dict(TABLES[kind])


def names(kind: str) -> list[str]:
    """Return the registered names of one kind; no plug-in is imported."""
    return list(table(kind))


def resolve(kind: str, name: str) -> Any:
    """Return the registered object, imported now if need be.

    Parameters
    ----------
    kind : {"method", "dataset", "detector", "protocol", "scheme"}
        The table to look in.
    name : str
        The registered name.

    Raises
    ------
    UnknownNameError
        With the nearest known name; or, if the plug-in itself is broken, with the error of its import.
    MissingDependencyError
        When the plug-in needs a package that is not installed.
    """
    known = table(kind)
    if name not in known:
        raise UnknownNameError(unknown(kind, name))
    target = known[name]
    if not isinstance(target, str):
        return target
    try:
        return _imported(target)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package and package != target.partition(":")[0].partition(".")[0]:
            text = f"{kind} {name!r} needs the package {package!r}, which is not installed; install it"
            raise MissingDependencyError(text) from error
        raise UnknownNameError(f"{kind} {name!r} is {target!r}, which cannot be imported: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the code of a plug-in may raise anything, and may call sys.exit
        raise UnknownNameError(f"{kind} {name!r} is {target!r}, which cannot be imported: {in_words(error)}") from error


def unknown(kind: str, name: object) -> str:
    """Return the message about a name that is not in the table of its kind.

    >>> unknown("scheme", "ibug68").partition(" (")[0]
    "no scheme named 'ibug68'; did you mean 'ibug-68'?"
    """
    near = near_miss(str(name), names(kind))
    return f"no {kind} named {name!r}; {near} (see `fldbench list {kind}s`); or bring your own with {OWN[kind]}"


def is_broken(error: UnknownNameError | MissingDependencyError) -> bool:
    """Return whether `resolve` found the name, and its plug-in cannot be imported."""
    return error.__cause__ is not None


def in_words(error: BaseException) -> str:
    """Return the error of an import in one line.

    >>> in_words(ImportError("no such name")), in_words(RuntimeError("no" + chr(10) + "cache")), in_words(SystemExit())
    ('no such name', 'RuntimeError: no cache', 'SystemExit')
    """
    text = text_of(error)
    if text and isinstance(error, (ImportError, AttributeError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _imported(target: str) -> Any:
    """The object that "module:attribute" names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def register(kind: str, name: str, target: Any = None) -> Any:
    """Add a name; a known one is replaced.

    Parameters
    ----------
    kind : {"method", "dataset", "detector", "protocol", "scheme"}
        The table.
    name : str
        What users write.
    target : str or object, optional
        "module:attribute", imported when it is asked for, or the object itself; without it, a decorator is returned.

    Raises
    ------
    UnknownNameError
        For a string that is not "module:attribute".
    """
    if target is None:
        return lambda decorated: register(kind, name, decorated)
    if isinstance(target, str) and not all(target.partition(":")):
        raise UnknownNameError(f"cannot register {target!r} as {kind} {name!r}; must be 'module:name' or an object")
    if kind == "method" and not isinstance(target, (str, type)):
        target = type(target)  # a method itself, such as a wrapped model
    TABLES[kind][name] = target
    return target


def method_name(cls: type) -> str:
    """Return the name under which a method class is registered; raise UnknownNameError when it is not."""
    where = f"{cls.__module__}:{cls.__qualname__}"
    known = table("method")
    for name, target in known.items():
        if target is cls or target == where:
            return name
    # A string may name the module that hands the class on, instead of the one that defines it.
    for name, target in known.items():
        if isinstance(target, str) and target.endswith(f":{cls.__qualname__}"):
            module = sys.modules.get(target.partition(":")[0])
            if getattr(module, cls.__qualname__, None) is cls:
                return name
    raise UnknownNameError(
        f"{where} is not registered; call fldbench.register_method('some-name', {cls.__qualname__}) first"
    )


def register_method(name: str, target: Any = None) -> Any:
    """Register a Method class, "module:Class", or a wrapped model; usable as a decorator."""
    return register("method", name, target)


def register_dataset(name: str, target: Any = None) -> Any:
    """Register a Dataset class, or "module:Class"; usable as a decorator."""
    return register("dataset", name, target)


def register_detector(name: str, target: Any = None) -> Any:
    """Register a Detector class, "module:Class", or a detector with its parameters; usable as a decorator."""
    return register("detector", name, target)


def list_methods() -> list[str]:
    """Return the names of the registered methods."""
    return names("method")


def list_datasets() -> list[str]:
    """Return the names of the registered datasets."""
    return names("dataset")


def list_detectors() -> list[str]:
    """Return the names of the registered face detectors."""
    return names("detector")
