"""Face Research Lab London Set: 189 points on 102 neutral, frontal faces from a studio.

DeBruine and Jones, "Face Research Lab London Set", figshare, 2017.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fldbench.dataset import Columns, Dataset
from fldbench.datasets.formats.attributes import GENDER
from fldbench.datasets.formats.images import ImagesBeside
from fldbench.datasets.formats.tem import read_tem
from fldbench.datasets.formats.text import Unique, read_lines, refusal, split_columns
from fldbench.errors import DatasetNotFoundError
from fldbench.faces import Attribute, ImageFiles
from fldbench.faces.attributes import UNKNOWN
from fldbench.faults import Faults

N_POINTS = 189
TABLE = "london_info.csv"
HEADER = "face_id,face_age,face_gender,face_eth"
ETHNICITIES = ("black", "east_asian", "west_asian", "white")  # "mixed" follows: two of them with a slash between
OLDEST = 120
# Three of usual width, so that each has faces enough to learn from: 42, 41 and 17.
AGE_GROUPS = Attribute(("under 25", "25 to 34", "35 or more"), ordered=True)
OLDER_FROM = (25, 35)  # years, where the second and the third begin


class London(Dataset):
    """Split all: 102 faces, `NAME.tem` with the image of the same name beside it.

    There is no official split: call `faces.split(0.2)`. Boxes are the tight boxes of the points, which hold hair, ears
    and neck too. Ids are file names without ending, such as `001_03`: person, then the kind of image. Groups are
    persons.

    Attributes from london_info.csv, where it is there, -1 unknown: age in years, a plain number; age_group, made from
    it, 0 under 25, 1 25 to 34, 2 35 or more; gender 0 male, 1 female; ethnicity 0 black, 1 east_asian, 2 west_asian, 3
    white, 4 mixed, as the persons described themselves. One person alone is mixed.
    """

    name = "london"
    scheme = "webmorph-189"
    splits = ("all",)
    expected = {"all": 102}
    folder = "london"
    holds = (TABLE, "001_03.tem")
    attribute_types = {"age_group": AGE_GROUPS, "gender": GENDER, "ethnicity": Attribute((*ETHNICITIES, "mixed"))}
    licence = "CC-BY 4.0"
    citation = "DeBruine and Jones, Face Research Lab London Set, figshare 2017"
    url = "https://doi.org/10.6084/m9.figshare.5047666"

    def read(self, folder: Path, split: str) -> Columns:
        """Return all faces, in the order of their names."""
        paths = sorted(folder.glob("*.tem"))
        if not paths:
            raise DatasetNotFoundError("no .tem file in it", folder)
        images = ImagesBeside()
        ids, points, files = self.faults.columns(
            lambda path: (path.stem, read_tem(path, N_POINTS)[0], images.of(path)), paths
        )
        persons = [one.partition("_")[0] for one in ids]
        return Columns(
            ids=ids,
            images=ImageFiles(files),
            landmarks=np.stack(points),
            attributes=_attributes(folder / TABLE, persons, self.faults),
            groups=persons,
        )


def _attributes(path: Path, persons: list[str], faults: Faults) -> dict[str, np.ndarray]:
    """Return age, age group, gender and ethnicity of each face; empty without a table."""
    if not path.is_file():
        return {}
    (first, header), *rows = read_lines(path)
    if header != HEADER:
        raise refusal("the header", header[:40], repr(HEADER), path, first)
    table, unique = {}, Unique(path)
    for line, text in rows:
        with faults:  # a person of a faulty row has no attributes
            person, *words = split_columns(text, 4, HEADER, path, line, ",")
            unique.add(person, line)
            table[person] = _codes(words, path, line)
    age, gender, ethnicity = np.array([table.get(person, (UNKNOWN,) * 3) for person in persons]).T
    group = np.where(age == UNKNOWN, UNKNOWN, np.searchsorted(OLDER_FROM, age, side="right"))
    return {"age": age, "age_group": group, "gender": gender, "ethnicity": ethnicity}


def _codes(words: list[str], path: Path, line: int) -> tuple[int, int, int]:
    age, gender, ethnicity = words
    if age != "NA" and not (age.isascii() and age.isdigit() and int(age[:9]) <= OLDEST):
        raise refusal("face_age", age[:40], f"a whole number up to {OLDEST}, or NA", path, line)
    mixed = [word for word in ethnicity.split("/") if word in ETHNICITIES]
    if gender not in (*GENDER.classes, "NA"):
        raise refusal("face_gender", gender[:40], f"one of {', '.join(GENDER.classes)}, NA", path, line)
    if ethnicity != "NA" and len(mixed) != ethnicity.count("/") + 1:
        allowed = f"NA, or one or more of {', '.join(ETHNICITIES)} with slashes between"
        raise refusal("face_eth", ethnicity[:40], allowed, path, line)
    return (
        UNKNOWN if age == "NA" else int(age),
        UNKNOWN if gender == "NA" else GENDER.classes.index(gender),
        UNKNOWN if not mixed else ETHNICITIES.index(mixed[0]) if len(mixed) == 1 else len(ETHNICITIES),
    )
