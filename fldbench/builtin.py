"""The model that comes with fldbench, so that photos can be tried without data and training: its name and its files."""

from __future__ import annotations

from pathlib import Path

NAME = "builtin"
FILE = Path(__file__).parent / "models" / "builtin.safetensors"
ABOUT = FILE.with_suffix(".txt")  # what it is, what it was trained on, and its licence


def model_path(model: str | Path) -> Path:
    """Return the file of a model: that of the package for the name "builtin", and what is given otherwise.

    A file of one's own that is called so has a folder in its path, as in `folder/builtin`.

    >>> model_path("builtin").name, model_path("runs/builtin").as_posix()
    ('builtin.safetensors', 'runs/builtin')
    """
    return FILE if str(model) == NAME else Path(model)
