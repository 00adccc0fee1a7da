"""OblongMethod: the base of networks whose crop may be oblong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fldbench.cnn.method import LARGEST_CROP, NetworkMethod
from fldbench.params import whole


@dataclass(kw_only=True, eq=False, repr=False)
class OblongMethod(NetworkMethod):
    """A network with a crop that may be oblong; its parameters are those of `NetworkMethod`, without `size`.

    Parameters
    ----------
    width, height : int
        Of the crop, px: the square around the box is stretched to them.
    """

    rules = {**NetworkMethod.rules, "width": whole(1, LARGEST_CROP), "height": whole(1, LARGEST_CROP)}
    size: ClassVar[None] = None

    width: int = 128
    height: int = 128

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the crop, px."""
        return self.width, self.height
