"""`fldbench new`: a plug-in to begin with, as a small package or as one file. It works before anything is changed."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from fldbench import builtin, registry
from fldbench.errors import DataError, must_be
from fldbench.files import folder_written_whole, write_text

KINDS = ("method", "dataset", "protocol", "detector")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TRY = {
    "method": "    fldbench check $name",
    "dataset": "    python $test.py sample    # writes a few synthetic faces in its format\n"
    "    fldbench check $name --data sample",
    "detector": "    fldbench check $name",
    "protocol": "    fldbench check $name",
}
_MORE = {
    "method": "Replace the ridge regression by your method, and raise `version` whenever its numbers change.\n",
    "dataset": "Replace the format by yours, and write the number of faces of each split into `expected`.\n",
    "detector": "Replace the cascade by your detector, and measure `frame`.\n",
    "protocol": "Rules under which somebody published a number must not change: give changed rules another name.\n",
}


def new_plugin(kind: str, name: str, output: str | Path | None = None, one_file: bool = False) -> Path:
    """Write a plug-in that installs, keeps its contract and runs in a suite as it is; return the folder or file.

    Parameters
    ----------
    kind : {"method", "dataset", "protocol", "detector"}
    name : str
        By which fldbench will know it: small letters and digits, with single hyphens between.
    output : str or Path, optional
        The folder or file to write; by default `fldbench-NAME`, or `NAME.py` (`NAME.yaml` for a protocol), here.
    one_file : bool
        Write one file instead of a package: for `--plugin`, or for `--protocols` if it is a protocol.

    Raises
    ------
    DataError
        For a kind or a name that cannot be, a name that fldbench knows already, and a place where something is.
    StoreError
        If it cannot be written.
    """
    if kind not in KINDS:
        raise DataError(must_be("new", "the kind of plug-in", kind, f"one of {', '.join(KINDS)}"))
    check_name(name)
    words = _words(kind, name)
    ending = ".yaml" if kind == "protocol" else ".py"
    default = f"{words['file_stem']}{ending}" if one_file else words["package"]
    path = Path(default if output is None else output)
    if path.exists() or path.is_symlink():
        raise DataError(must_be("new", "the place to write to", str(path), "free", "it is there already: name another"))
    if not one_file:
        with folder_written_whole(path) as folder:
            for file, text in _package(kind, words).items():
                write_text(folder / file, text)
        return path
    if path.suffix != ending:
        raise DataError(must_be("new", "the file", str(path), f"a name that ends in {ending}"))
    if ending == ".py":
        _check_hides_nothing(path)
        registers = {f"register_{one}": "" for one in KINDS} | {
            f"register_{kind}": f'@fldbench.register_{kind}("{name}")\n'
        }
        return write_text(path, _filled(kind, words | registers))
    return write_text(path, _filled("protocol_yaml", words | {"file": path.name}))


def next_commands(kind: str, name: str, path: Path) -> list[str]:
    """Return what to type next, one command or remark a line.

    >>> next_commands("protocol", "mine", Path("mine.yaml"))[0]
    'fldbench list protocols --protocols mine.yaml'
    """
    data = " --data ROOT" if kind == "dataset" else ""
    if path.suffix == ".yaml":
        return [
            f"fldbench list protocols --protocols {path}",
            f"fldbench check {name} --protocols {path}",
            f"fldbench run SUITE --protocols {path}    # protocols: [{name}]",
        ]
    if path.suffix == ".py":
        return [
            f"fldbench check {path}{data}",
            f"fldbench list {kind}s --plugin {path}",
            f"plugins: [{path}]    # in a suite",
        ]
    return [
        f"pip install -e {path}",
        f"fldbench list {kind}s",
        f"python -m pytest {path}",
        f"{path / 'README.md'} says more",
    ]


def check_name(name: str) -> None:
    """Raise DataError for a name that a plug-in cannot have, or that means something already."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(_class_name(name)):
        allowed = "small letters and digits that begin with a letter, with single hyphens between, such as my-method"
        raise DataError(must_be("new", "the name", name, allowed))
    known = {kind: registry.names(kind) for kind in registry.TABLES} | {"model": [builtin.NAME]}
    for kind, names in known.items():
        if name in names:
            then = f"see `fldbench show {name}`"
            raise DataError(must_be("new", "the name", name, f"no name of a {kind} that is known already", then))


def _check_hides_nothing(path: Path) -> None:
    """Raise DataError for a file whose name is that of a module that can be imported: one would hide the other."""
    if path.stem.isidentifier() and importlib.util.find_spec(path.stem) is not None:
        allowed = "a name that is no module's already"
        raise DataError(must_be("new", "the file", path.name, allowed, "name another with --output"))


def _words(kind: str, name: str) -> dict[str, str]:
    module = f"fldbench_{name.replace('-', '_')}"
    words = {
        "kind": kind,
        "name": name,
        "class_name": _class_name(name),
        "package": f"fldbench-{name}",
        "module": module,
        "test": f"test_{module}",
        "file_stem": name.replace("-", "_"),
    }
    return words | {"target": "PROTOCOL" if kind == "protocol" else words["class_name"]}


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _package(kind: str, words: dict[str, str]) -> dict[str, str]:
    """Return the files of a package: name -> text."""
    data = " --data sample" if kind == "dataset" else ""
    use = f"    fldbench run suite.yaml{data} --out runs/{words['name']}\n"
    filled = {key: Template(text[kind]).substitute(words) for key, text in (("try_it", _TRY), ("more", _MORE))}
    return {
        "pyproject.toml": _filled("pyproject", words),
        "README.md": _filled("readme", words | filled | {"use_it": use}),
        f"{words['module']}.py": _filled(kind, words | {f"register_{one}": "" for one in KINDS}),
        f"{words['test']}.py": _filled(f"test_{kind}", words),
        "suite.yaml": _filled(f"suite_{kind}", words),
    }


def _filled(template: str, words: dict[str, str]) -> str:
    text = files("fldbench.kit").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)
