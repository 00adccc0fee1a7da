"""300-VW: 68 points on every frame of 114 clips.

Shen et al., "The First Facial Landmark Tracking in-the-Wild Challenge: Benchmark and Results", ICCV Workshops 2015.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.images import ImageIndex, no_images
from fldbench.datasets.formats.pts import read_pts
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import ImageFiles

N_POINTS, N_CLIPS = 68, 114
ANNOTATIONS, FRAMES = "annot", ("imgs", "frames", "images")
# The clips of test, by category: 1 well lit, 2 unconstrained light, 3 everything, occlusion included.
CATEGORIES = {
    "category-1": (
        *(114, 124, 125, 126, 150, 158, 401, 402, 505, 506, 507, 508, 509, 510, 511, 514, 515, 518, 519, 520, 521, 522),
        *(524, 525, 537, 538, 540, 541, 546, 547, 548),
    ),
    "category-2": (*(203, 208, 211, 212, 213, 214, 218, 224, 403, 404, 405, 406, 407, 408, 409, 412, 550, 551, 553),),
    "category-3": (410, 411, 516, 517, 526, 528, 529, 530, 531, 533, 557, 558, 559, 562),
}
TEST = {f"{clip:03d}" for clips in CATEGORIES.values() for clip in clips}
# Frames of test clips, from 1, whose annotation is wrong: 2,127 numbers, those of the list broken_frames.npy that
# MMPose's converter of this dataset leaves out. The numbers of frames in `expected` are those that papers print, such
# as Dong et al., Supervision-by-Registration, CVPR 2018 (quoted in issue 72 of github.com/d-x-y/landmark-detection).
# That they are the frames without the broken ones was not counted here: nobody had the whole dataset.
BROKEN = {
    401: (
        "722-724 727-731 788-789 792 795 810-811 850-891 897-898 902-903 910-911 913-923 1122-1137 1140 "
        "1143-1158 1160-1164 1381 1543-1545 1605-1606 1614-1615 1618"
    ),
    402: "677-678 682 686-695 805-814 1015-1042 1068 1075-1078 1080 1082-1096 1664 1666-1701",
    410: (
        "148 150 176 178-180 182-184 186-188 190-192 194-196 198-200 202-204 206-208 283-284 286-288 290-292 "
        "294 316-344 542-543 626 686-688 690-692 694-695 700 816 823-832 834-835 1058-1059 1118-1132 "
        "1183-1192 1194 1218-1230 1232 1234-1235 1239-1240 1242-1243 1282-1284 1286-1288 1290-1292 1294"
    ),
    411: ("19-20 60 80 82-120 231-232 234-370 454-475 480 486-517 522-573 578 627-631 702-703 707 1271-1272 1274-1289"),
    508: (
        "14 147-150 267-274 367-368 370-373 382 613 618 831-832 870 930-935 1029 1086-1088 1175-1176 "
        "1179-1184 1186-1192 1280-1293 1316 1501-1502 1927-1928 1930-1935 1973-1974 1987 1989 2008 2036 "
        "2039-2040 2042-2046 2239 2382 2404-2405 3018 3123-3128"
    ),
    518: (
        "392 475-480 482-512 514-518 633 670-671 780-784 786 1607-1624 1626-1632 1634-1640 1706-1744 "
        "1746-1752 1754-1760 1762-1767 1954-1968 1970-1997 2003-2008 2028 2046 2055-2068"
    ),
    529: (
        "90-96 133 139 605 644-648 650-656 659 661 691-692 1340-1344 1346-1349 1357 1367-1368 1370-1376 "
        "1422-1424 1483 1824 1908-1912 1914-1920 1922 2058-2063 2075-2080 2226-2228 2248 2250-2256 2258-2264 "
        "2266-2268 2288 2290 2422-2424 2426-2432 2434-2440 2442-2444 2484 2487 2498-2503 2834-2840 3007"
    ),
    530: (
        "554-556 720 726-728 730-736 738-744 828-832 834-840 842-848 874-880 882-888 890-896 898-901 927-928 "
        "935-936 1186-1188 1247-1248 1250 1276 1296 1356-1361 1426-1427 1802-1803 1820 2074-2080 2082-2088 "
        "2090-2096"
    ),
    531: "109 279-287 322-325",
    533: ("1062-1188 1232-1240 1245-1255 1257-1326 1379-1380 1403-1407 1424 1426-1427 1484-1485 1498-1500 1504-1505"),
    540: "744 746-750",
    547: "111-112 114-120 122-128 130-135 959 978 1050-1055",
    548: (
        "429-432 434-440 442-448 450 582-584 586-592 594-600 602 624 626 642 804-808 898-904 906-912 914-920 "
        "922-924 1170-1207 1260-1288 1394 1488 1490"
    ),
    551: "180-181 298-302 494 506-509 516 562-568 675-680 682-684 686-688 690 790-792",
    553: "551-560 713 761-763 775-776 778-780 783-784 786-792 808-809 1366",
    557: (
        "22 32-49 57 75 177 180-231 345-379 412-469 524 536 538-539 544 546 621-623 778-780 785 793 801 809 "
        "820-822 994-995 1009 1017 1036 1096-1097 1105 1156-1189 1305 1308-1357 1532-1563 1587 1593 1601 1604 "
        "1609 1614 1617 1622-1623 1625-1651 1653 1657 1671-1715"
    ),
}


class IBug300VW(Dataset):
    """Splits train (50 clips) and test (64; subsets category-1, category-2, category-3).

    `CLIP/annot/NUMBER.pts`, one file for each frame, and the frames as `CLIP/imgs/NUMBER.jpg` (also in `frames/` or
    `images/`, also .png): extract them from `CLIP/vid.avi`. A frame without an annotation is left out, and so are the
    frames of test clips whose annotation is known to be broken. If no clip has frames, predictions can be scored but no
    method can run. Points are 1-based in the files and zero-based here; boxes are their tight boxes. Ids are
    `CLIP/NUMBER`, groups are clips, `parts` counts clips, and a note says how many broken frames were left out.
    """

    name = "300vw"
    scheme = "ibug-68"
    splits = ("train", "test")
    folder = "300vw"
    holds = (*(f"{clip:03d}" for clip in (1, 2, 3, 4)), "114", "203", "401", "410", "300VW_Dataset_2015_12_14")
    expected = {"test": 121_278, "category-1": 62_135, "category-2": 32_805, "category-3": 26_338}
    licence = "research only; the videos may not be redistributed"
    citation = "Shen et al., The First Facial Landmark Tracking in-the-Wild Challenge, ICCV Workshops 2015"
    url = "https://ibug.doc.ic.ac.uk/resources/300-VW/"

    def read(self, folder: Path, split: str) -> Columns:
        """Return the frames of a split, clip by clip."""
        place = folder / self.holds[-1] if (folder / self.holds[-1]).is_dir() else folder
        clips = [path.parent for path in sorted(place.glob(f"*/{ANNOTATIONS}")) if _is_of(path.parent.name, split)]
        annotated = [path for clip in clips for path in sorted((clip / ANNOTATIONS).glob("*.pts"))]
        paths = [path for path in annotated if not _is_broken(path)]
        if not paths:
            raise DatasetNotFoundError(f"no CLIP/{ANNOTATIONS}/NUMBER.pts of the split {split!r}", place)
        frames = {clip: ImageIndex([clip / name for name in FRAMES], "frame") for clip in clips}
        with_frames = any(frames.values())

        def face(path: Path) -> tuple[str, str, np.ndarray, str]:
            clip = path.parent.parent
            points = read_pts(path, N_POINTS)
            return clip.name, path.stem, points, frames[clip].of(path.stem, path) if with_frames else ""

        clip_of, stems, points, files = self.faults.columns(face, paths)
        members = {name: {f"{clip:03d}" for clip in numbers} for name, numbers in CATEGORIES.items()}
        broken = len(annotated) - len(paths)
        found, wanted = len(set(clip_of)), len(TEST) if split == "test" else N_CLIPS - len(TEST)
        return Columns(
            ids=[f"{clip}/{stem}" for clip, stem in zip(clip_of, stems, strict=True)],
            images=ImageFiles(files) if with_frames else no_images(len(stems), "300vw", f"frames in CLIP/{FRAMES[0]}/"),
            landmarks=np.stack(points),
            subsets={}
            if split == "train"
            else {name: np.array([clip in numbers for clip in clip_of]) for name, numbers in members.items()},
            groups=clip_of,
            parts={"clips": (found, wanted)},
            notes=[f"frames whose annotation is known to be broken, left out: {broken}"] if broken else [],
        )


@cache
def broken_frames(clip: str) -> frozenset[int]:
    """Return the numbers of a clip's frames, from 1, whose annotation is broken.

    >>> sorted(broken_frames("540")), len(broken_frames("557")), len(broken_frames("001"))
    ([744, 746, 747, 748, 749, 750], 394, 0)
    """
    spans = (span.split("-") for span in BROKEN.get(int(clip), "").split())
    return frozenset(number for span in spans for number in range(int(span[0]), int(span[-1]) + 1))


def _is_broken(path: Path) -> bool:
    """Return whether the frame of an annotation file is broken; a name that is no number names none."""
    return path.stem.isdecimal() and int(path.stem) in broken_frames(path.parent.parent.name)


def _is_of(clip: str, split: str) -> bool:
    """Return whether a folder is a clip of the split."""
    return len(clip) == 3 and clip.isascii() and clip.isdigit() and (clip in TEST) == (split == "test")
