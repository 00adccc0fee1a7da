"""The lists of HRNet's facial landmark detection, which many projects exchange: 300-W, WFLW, COFW and AFLW as CSV.

Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", 2019.
"""

from __future__ import annotations

from pathlib import Path

from fldbench.datasets.yours.csv_table import CSVTable


class HRNetTable(CSVTable):
    """A list with the columns image_name, scale, center_w, center_h, original_0_x, original_0_y, ...

    Points are counted from 1, as in the .pts files that the lists of 300-W repeat. Boxes are the tight boxes of the
    points: centre and scale were made from the points too, and AFLW's box_size has no place of its own. 300-W's lists
    without images are the dataset `300w-labels`.

    Parameters
    ----------
    file, scheme, images
        As in CSVTable.
    first : {0, 1}
        The number of the first pixel; 0 for lists that were made from another source than HRNet's.
    """

    name = "hrnet"
    url = "https://github.com/HRNet/HRNet-Facial-Landmark-Detection"

    def __init__(
        self,
        file: str | Path | None = None,
        scheme: str | None = None,
        images: str | Path | None = None,
        first: int = 1,
    ):
        columns = {"image": "image_name", "points": "original_{point}_{axis}"}
        super().__init__(file, scheme, images, columns, first=first)
