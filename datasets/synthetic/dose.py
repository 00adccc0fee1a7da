"""One cause varied, all else of the same face fixed: doses 0 to 4 of yaw, light, occlusion, skin or size.

yaw         degrees, to the side to which the face turned already
light       degrees by which one lamp, with little other light, stands beside the camera, on the side of the key light
occlusion   how far hair hangs down, from a bare forehead to over the brows
skin        tone, from very light to very dark
size        longer side of the landmarks' box over the side of the image: 96 to 19 px of 160

A face with a dose is in no subset of `conditions` and wears no occluder; everything else is drawn as without a dose, so
two doses of one face differ in the cause alone.
"""

from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.look import SKINS, between, unit

CAUSES = {
    "yaw": (0.0, 15.0, 30.0, 45.0, 60.0),
    "light": (0.0, 25.0, 50.0, 70.0, 85.0),
    "occlusion": (0.0, 0.35, 0.50, 0.58, 0.66),
    "skin": (0.0, 1.5, 3.0, 4.5, 6.0),
    "size": (0.60, 0.40, 0.27, 0.18, 0.12),
}
MOST = 4  # the greatest dose
LAMP, FILL, AMBIENT = 0.9, 0.25, 0.3  # of the lamp, and factors of the other lights


class Dose(NamedTuple):
    """A cause and a dose from 0 to MOST."""

    cause: str
    dose: int

    @property
    def amount(self):
        """Return what the dose means; the module states the units.

        >>> Dose("yaw", 2).amount
        30.0
        """
        return CAUSES[self.cause][self.dose]


def dosed_geometry(geometry, dose):
    """Return a `sample.Geometry` with a dose of yaw or size, and with any other dose as it is."""
    if dose.cause == "yaw":
        side = -1.0 if geometry.angles[0] < 0 else 1.0
        return geometry._replace(angles=np.array([side * dose.amount, *geometry.angles[1:]]))
    return geometry._replace(fill=dose.amount) if dose.cause == "size" else geometry


def dosed_look(look, dose):
    """Return a `look.Look` with a dose of light, occlusion or skin, and with any other dose as it is."""
    if dose.cause == "light":
        side = np.radians(dose.amount) * (-1.0 if look.lights[0, 0] < 0 else 1.0)
        key = unit(np.array([np.sin(side), -0.3, -np.cos(side)]))
        factors = np.array([LAMP / look.light_colours[0].mean(), FILL, FILL])
        return look._replace(
            lights=np.concatenate([key[None], look.lights[1:]]),
            light_colours=look.light_colours * factors[:, None],
            sky=look.sky * AMBIENT,
            ground=look.ground * AMBIENT,
        )
    if dose.cause == "occlusion":
        return look._replace(hairline=np.array([0.0, 0.0, dose.amount]), volume=max(look.volume, 5.0))
    if dose.cause == "skin":
        skin = between(SKINS, dose.amount)
        ratio = skin / look.skin  # lips and stubble change with the skin
        return look._replace(
            skin=skin, lips=np.clip(look.lips * ratio, 0, 1), stubble=np.clip(look.stubble * ratio, 0, 1)
        )
    return look
