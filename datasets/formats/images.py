"""Images found by their names, for datasets with one annotation file for each image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fldbench.errors import DataError
from fldbench.faces import ImageFiles, NoImages

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")


def index_images(folders: Iterable[str | Path]) -> dict[str, str]:
    """Return name without ending -> path, of the images in the folders; the first folder wins, absent ones are empty.

    Folders are listed once, which is far quicker than to ask for each file.
    """
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending.lower() in ENDINGS:
                found.setdefault(stem, os.path.join(folder, name))
    return found


def images_of(annotations: Sequence[str | Path], stems: Sequence[str], folders: Sequence[str | Path]) -> ImageFiles:
    """Return the image of every annotation file, by name; none is opened.

    Raises
    ------
    DataError
        It names an annotation without an image in any of the folders.
    """
    index = index_images(folders)
    for annotation, stem in zip(annotations, stems, strict=True):
        if stem not in index:
            where = ", ".join(map(str, folders))
            raise DataError(
                f"no image {stem[-200:]!r} with {', '.join(ENDINGS)} in {where}; restore it or remove the annotation",
                annotation,
            )
    return ImageFiles([index[stem] for stem in stems])


def images_beside(annotations: Sequence[Path]) -> ImageFiles:
    """Return the image beside every annotation file, with the same name; raise DataError for a file without one."""
    index = {folder: index_images([folder]) for folder in {path.parent for path in annotations}}
    for path in annotations:
        if path.stem not in index[path.parent]:
            raise DataError(f"no image beside it; looked for {path.stem} with {', '.join(ENDINGS)}", path)
    return ImageFiles([index[path.parent][path.stem] for path in annotations])


def no_images(n: int, dataset: str, absent: str) -> NoImages:
    """Return the images of n faces that came without any.

    >>> no_images(2, "muct", "folder jpg/").why
    'muct has no folder jpg/ here: predictions can be scored, methods cannot run'
    """
    return NoImages(n, f"{dataset} has no {absent} here: predictions can be scored, methods cannot run")
