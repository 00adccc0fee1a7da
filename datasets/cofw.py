"""COFW: 29 points with occlusion on faces that are half hidden.

Burgos-Artizzu, Perona and Dollar, "Robust Face Landmark Estimation under Occlusion", ICCV 2013.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.text import refusal
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.faces import Images

if TYPE_CHECKING:
    import h5py

N_POINTS = 29
FILES = {"train": "COFW_train_color.mat", "test": "COFW_test_color.mat"}
ENDS = {"train": "Tr", "test": "T"}  # of the variables: IsTr, phisTr, bboxesTr; IsT, phisT, bboxesT
LARGEST = 2**28  # bytes of one array
MOST_FOLDED = 1032  # bytes that zlib makes of one at most
N_LFPW = 845  # of the training faces; they come first


class COFW(Dataset):
    """Splits train (1,345 faces: 845 of LFPW, then 500 of COFW) and test (507), each a Matlab 7.3 file with its images.

    Points are counted from 1 in the files and from 0 here; so are the boxes (x, y, width, height there), which may have
    negative corners or reach beyond the image. Occluded points are annotated: they keep their place and have visible
    False. Images, grey and RGB mixed, come back as RGB. Ids are `SPLIT/NUMBER`, from 1 in the file's order: the test
    numbers are those of cofw68. Subsets of train: lfpw, cofw.
    """

    name = "cofw"
    scheme = "cofw-29"
    splits = ("train", "test")
    expected = {"train": 1345, "test": 507, "lfpw": N_LFPW, "cofw": 1345 - N_LFPW}
    folder = "cofw"
    holds = tuple(FILES.values())
    licence = "research only"
    citation = "Burgos-Artizzu, Perona and Dollar, Robust Face Landmark Estimation under Occlusion, ICCV 2013"
    url = "https://data.caltech.edu/records/bc0bf-nc666"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the faces of a split."""
        path, end = folder / FILES[split], ENDS[split]
        if not path.is_file():
            raise DatasetNotFoundError("this file of cofw is absent", path)
        cells, phi, boxes = _read_variables(path, f"Is{end}", f"phis{end}", f"bboxes{end}")
        n = phi.shape[1] if phi.ndim == 2 else 0
        if n == 0 or phi.shape != (3 * N_POINTS, n) or boxes.shape != (4, n) or cells != n:
            got, wanted = (phi.shape, boxes.shape, cells), f"({3 * N_POINTS}, n), (4, n), n for n > 0 faces"
            raise refusal(f"the size of phis{end}, bboxes{end}, images", got, wanted, path)
        x, y, occluded = phi.reshape(3, N_POINTS, n)
        finite = np.isfinite(phi).all(axis=0) & np.isfinite(boxes).all(axis=0)
        good = finite & (boxes[2:] > 0).all(axis=0)
        for face in np.flatnonzero(~good):
            what = "a box without a size" if finite[face] else "a coordinate that is not finite"
            self.faults.add(DataError(f"face {face + 1} has {what}; fetch the file again", path))
        self.faults.check_some(int(good.sum()))
        corner = boxes[:2].T - 1.0
        first = np.flatnonzero(good) < N_LFPW
        images = COFWImages(path, f"Is{end}", n)
        return Columns(
            ids=[f"{split}/{number + 1}" for number in np.flatnonzero(good)],
            images=images if good.all() else images[good],
            boxes=np.concatenate([corner, corner + boxes[2:].T], axis=1)[good],
            landmarks=(np.stack([x.T, y.T], axis=2) - 1.0)[good],
            visible=(occluded.T == 0)[good],
            subsets={"lfpw": first, "cofw": ~first} if split == "train" else {},
        )


class COFWImages(Images):
    """The n images in a cell array of a Matlab 7.3 file, read on access.

    HDF5 keeps Matlab's arrays transposed: an RGB image is (3, w, h) in the file, a grey one (w, h).
    """

    def __init__(self, path: str | Path, name: str, n: int):
        self.path, self.name, self._n = str(path), name, n

    def __len__(self) -> int:
        return self._n

    def decode(self, i: int) -> np.ndarray:
        image = self._read(i)
        return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image

    def digest(self, i: int) -> bytes:
        try:
            image = self._read(i)
        except DataError as error:
            return f"unreadable: {type(error).__name__}".encode()
        return hashlib.sha256(str(image.shape).encode() + image.tobytes()).digest()

    def _read(self, i: int) -> np.ndarray:
        """Return image i as it is stored: uint8 (h, w, 3) or (h, w)."""
        import h5py

        try:
            with h5py.File(self.path, "r") as file:
                cells = file[self.name]
                image = _array(file, cells[np.unravel_index(i, cells.shape)]).T
        except Exception as error:  # HDF5 raises many types for a damaged file
            raise DataError(f"image {i + 1} cannot be read ({error}); fetch the file again", self.path) from error
        if image.dtype != np.uint8 or image.size == 0 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
            got = f"{image.dtype} {image.shape}"
            raise refusal(f"image {i + 1}", got, "uint8 (h, w) or (h, w, 3), not empty", self.path)
        return np.ascontiguousarray(image)


def _read_variables(path: Path, images: str, phis: str, bboxes: str) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the number of images, and phis and bboxes as they are stored, float."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file[images].size, _array(file, phis).astype(float), _array(file, bboxes).astype(float)
    except Exception as error:  # HDF5 raises many types for a damaged file
        names = ", ".join((images, phis, bboxes))
        raise DataError(f"not a Matlab 7.3 file with {names} ({error}); fetch it again", path) from error


def _array(file: h5py.File, name: str | h5py.Reference) -> np.ndarray:
    """Return an array of the file; raise ValueError for one that is not in it as large as it claims to be.

    HDF5 gives zeros for what was never written, and reads arrays that lie in other files, whatever these are.
    """
    found = file[name]
    stored = found.id.get_storage_size()
    if found.is_virtual or found.external or found.file.filename != file.filename:
        raise ValueError("an array lies in another file")
    if found.nbytes > min(LARGEST, MOST_FOLDED * stored):
        raise ValueError(f"an array claims {found.nbytes} bytes, and {stored} are stored")
    return np.asarray(found)
