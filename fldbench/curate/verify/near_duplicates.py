"""Nearly the same picture twice: a perceptual hash finds candidates, a comparison of the pixels confirms them.

The hash of a face crop is the sign of its brightness steps to the right and downwards on a 17 x 17 grid, 544 bits
(dHash): brightness, contrast, resizing and JPEG leave most of them as they are. Boxes that differ by a few per cent do
not, so candidates are compared by their best correlation under a shift, after the slow changes of light are removed.
"""

from __future__ import annotations

import numpy as np

CROP = 64  # px, grey
PADDING = 0.75  # of the box's longer side, on each end: the surroundings help to distinguish pictures
LIMIT = 0.66  # correlation from which two crops are one picture; measured in results/verify
# Of crops that were mirrored or turned upright, and within one set: there are more pairs of strangers, some of which
# reach 0.73 (MTFL's images of 80 px), while copies have 0.8 or more.
STRICT = 0.8
_GRID, _BLUR, _SHIFT = 17, 4.0, 6  # cells; px; px
_CANDIDATES, _BITS = 3, 0.25  # nearest hashes, with at most this share of other bits
_COMPARED_AT_ONCE = 2048  # faces: 2048 x 2048 distances are 16 MB
_FLAT = 1.0  # grey levels; a crop that varies less is flat


def picture_hash(crop: np.ndarray) -> np.ndarray:
    """Return the hash, (544,) bool, of a grey uint8 crop.

    >>> crop = np.random.default_rng(0).integers(0, 200, (64, 64)).astype(np.uint8)
    >>> bool((picture_hash(crop) == picture_hash(crop // 2 + 20)).mean() > 0.95)
    True
    """
    import cv2

    small = cv2.resize(crop, (_GRID, _GRID), interpolation=cv2.INTER_AREA).astype(int)
    return np.concatenate([(np.diff(small, axis=1) > 0).ravel(), (np.diff(small, axis=0) > 0).ravel()])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest correlation of two grey uint8 crops under shifts up to 6 px, slow changes removed; -1 to 1.

    0 if one of them is flat.
    """
    import cv2

    a, b = (_details(crop) for crop in (first, second))
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    inner = a[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    return float(np.nan_to_num(cv2.matchTemplate(b, inner, cv2.TM_CCOEFF_NORMED)).clip(-1, 1).max())


def _details(crop: np.ndarray) -> np.ndarray:
    import cv2

    picture = crop.astype(np.float32)
    return picture - cv2.GaussianBlur(picture, (0, 0), _BLUR)


def near_duplicates(
    crops: np.ndarray,
    others: np.ndarray,
    limit: float = LIMIT,
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[tuple[int, int, float]]:
    """Find the crops that show the same picture as one of the others.

    Time grows with n m (a second for 20,000 x 20,000), memory with n + m.

    Parameters
    ----------
    crops, others : ndarray
        (n, 64, 64) and (m, 64, 64), grey uint8.
    limit : float
        The correlation from which two crops are one picture.
    groups : pair of ndarray, optional
        (n,) and (m,) int: crops of one group are not compared.

    Returns
    -------
    list of (int, int, float)
        Row of `crops`, row of its best match among the others, their correlation.
    """
    if not (len(crops) and len(others)):
        return []
    mine, theirs = (np.stack([picture_hash(crop) for crop in side]) for side in (crops, others))
    found = []
    for start in range(0, len(mine), _COMPARED_AT_ONCE):
        some = slice(start, start + _COMPARED_AT_ONCE)
        apart = None if groups is None else (groups[0][some], groups[1])
        for row, nearest in enumerate(_nearest(mine[some], theirs, apart), start):
            candidates = [other for other in nearest.tolist() if (mine[row] != theirs[other]).mean() <= _BITS]
            if groups is not None:
                candidates = [other for other in candidates if groups[0][row] != groups[1][other]]
            matches = [(correlation(crops[row], others[other]), other) for other in candidates]
            value, other = max(matches, default=(-1.0, -1))
            if value >= limit:
                found.append((row, other, value))
    return found


def _nearest(mine: np.ndarray, theirs: np.ndarray, groups: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """Return the rows of the nearest hashes by equal bits: (n, bits), (m, bits) bool -> (n, up to 3).

    Those of the same group come last.
    """
    signs = np.where(mine, np.float32(1), np.float32(-1))
    rows, equal = [], []
    for start in range(0, len(theirs), _COMPARED_AT_ONCE):
        agree = signs @ np.where(theirs[start : start + _COMPARED_AT_ONCE], np.float32(1), np.float32(-1)).T
        if groups is not None:
            agree[groups[0][:, None] == groups[1][start : start + _COMPARED_AT_ONCE]] = -np.inf
        count = min(_CANDIDATES, agree.shape[1])
        best = np.argpartition(-agree, count - 1, axis=1)[:, :count]
        rows.append(best + start)
        equal.append(np.take_along_axis(agree, best, axis=1))
    order = np.argsort(-np.hstack(equal), axis=1, kind="stable")[:, :_CANDIDATES]
    return np.take_along_axis(np.hstack(rows), order, axis=1)
