"""pack: the faces in a file that `fldbench data pack` wrote, as a dataset that commands and suites can name."""

from __future__ import annotations

from pathlib import Path

from fldbench.dataset import Dataset, data_root
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import FaceSet
from fldbench.params import kind, optional


class Pack(Dataset):
    """Split all: every face of the pack, which knows its own dataset, split and scheme.

    Parameters
    ----------
    file : str or Path, optional
        Path of the pack, below the data root or absolute; None: the root itself is the pack.
    """

    name = "pack"
    scheme = "that of the packed faces"
    splits = ("all",)
    licence = "that of the packed faces"
    rules = {"file": optional(kind(str, Path, allowed="a path"))}

    def __init__(self, file: str | Path | None = None):
        self.file = file

    def load(self, root: str | Path | None, split: str = "all") -> FaceSet:
        """Return the packed faces, under the names that they were packed with."""
        self.check_split(split)
        self.check_options()
        from fldbench.faces.pack import open_pack  # `fldbench list` looks at every dataset, and opens no pack

        return open_pack(self.locate(root, split))

    def locate(self, root: str | Path | None, split: str) -> Path:
        """Return the file of the pack."""
        if self.file is None and root is None:
            raise DatasetNotFoundError("dataset 'pack' needs a file; give --option file=PATH, or --data PATH")
        path = Path(root if self.file is None else self.file)
        if self.file is not None and not path.is_absolute():
            path = (data_root(root) or Path()) / path
        if path.is_dir():
            raise DatasetNotFoundError(
                "a folder; dataset 'pack' needs the file of a pack: give --option file=PATH", path
            )
        return path
