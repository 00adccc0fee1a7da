"""The look of one face apart from its geometry: skin, hair, eyes, light, clothes, backdrop, camera; and its draw.

Colours are linear RGB in [0, 1] (the image is their square root). Light directions point from the face to the light, in
camera axes (x right, y down, z away). All draws come from the generator that is passed in.
"""

from typing import NamedTuple

import numpy as np

from fldbench.datasets.synthetic.backdrop import muted


class Look(NamedTuple):
    """The look of one face; `draw_look` states the distribution of each field."""

    skin: np.ndarray
    pores: float
    blotches: float
    blush: float
    creases: float
    gloss: float
    lips: np.ndarray
    beard: float
    stubble: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    brow_strength: float
    brow_width: float
    hairline: np.ndarray
    volume: float
    curtain: np.ndarray
    strands: float
    iris: np.ndarray
    gaze: np.ndarray
    liner: float
    lights: np.ndarray
    light_colours: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    cloth: np.ndarray
    neckline: float
    shoulders: float
    body_turn: float
    tile: np.ndarray
    backdrop: int
    blur: float
    grain: float
    gain: np.ndarray
    contrast: float
    jpeg: int
    eyeshadow: np.ndarray
    motion: np.ndarray
    shrink: float
    sideburn: float
    ears: np.ndarray


def linear(*rgb):
    """Convert 8-bit display RGB to linear by the square that the renderer undoes; arguments are numbers or triples.

    >>> linear(255, 0, 127.5).tolist()
    [1.0, 0.0, 0.25]
    """
    return (np.array(rgb, float) / 255) ** 2


SKINS = linear(
    (250, 218, 204), (238, 198, 180), (222, 174, 152), (192, 142, 120), (150, 106, 86), (108, 74, 61), (76, 54, 46),
)  # fmt: skip
HAIRS = linear(
    (28, 24, 24), (52, 36, 28), (92, 62, 42), (150, 108, 66), (206, 172, 120), (140, 70, 40), (170, 168, 165),
)  # fmt: skip
IRISES = linear((62, 38, 24), (88, 56, 32), (110, 92, 52), (92, 112, 92), (96, 124, 152), (120, 136, 148))


def between(table, position):
    """Interpolate linearly in a table of colours (n, 3) at `position` in [0, n - 1].

    >>> between(np.array([[0., 0., 0.], [1., 1., 1.]]), 0.25).tolist()
    [0.25, 0.25, 0.25]
    """
    i = min(int(position), len(table) - 2)
    return table[i] + (position - i) * (table[i + 1] - table[i])


def unit(v):
    """Return the vectors (..., 3), scaled to length one."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def draw_lights(rng):
    """Draw one key light, two fill lights, and soft light from above and below.

    The key stands anywhere in front and above (azimuth N(0, 38) degrees, 5 to 65 degrees up). Its share of the light is
    uniform; it decides whether shading is soft or hard.

    Returns
    -------
    directions : (3, 3) array
        Unit vectors to the key and the fills, camera axes.
    colours : (3, 3) array
        Their linear RGB.
    sky, ground : (3,) array
        Linear RGB of the soft light from above and below.
    """
    side = (
        np.radians(np.clip(rng.normal(0, 38), -85, 85)),
        np.radians(rng.uniform(-100, 100)),
        np.radians(rng.uniform(-170, 170)),
    )
    up = np.radians(rng.uniform(5, 65)), np.radians(rng.uniform(-20, 50)), np.radians(rng.uniform(0, 40))
    to = np.stack(
        [np.array([np.sin(s) * np.cos(u), -np.sin(u), -np.cos(s) * np.cos(u)]) for s, u in zip(side, up, strict=True)]
    )
    warm = rng.normal(0, 0.08, size=4)
    tint = np.stack([1 + warm, np.ones(4), 1 - warm], 1)
    key = rng.uniform(0.35, 1.05)
    strength = np.array([key, 0.45 * rng.uniform(0, 1) * (1 - 0.5 * key), 0.35 * rng.uniform(0, 1) ** 2])
    ambient = rng.uniform(0.25, 0.52) * (1.25 - 0.7 * key)
    return to, strength[:, None] * tint[:3], ambient * tint[3], ambient * rng.uniform(0.25, 0.7) * tint[3]


def draw_hair(rng, skin_position):
    """Draw hair, with styles from bald to long.

    Returns
    -------
    colour, brow : (3,) array
        Linear RGB of hair and brows.
    hairline : (3,) array
        Shifts of the whole line, of the corners of the forehead, and of a fringe, in radians of the uv map.
    volume : float
        Height of the hair over the skull, mm.
    curtain : (6,) array
        1 for long hair, else 0; then the arguments of `body.curtain_vertices`.
    """
    shade = rng.uniform(0, 4.4) if skin_position < 2.2 else rng.exponential(0.7)
    colour = (
        between(HAIRS, min(shade, 4.0))
        if rng.random() > 0.12
        else HAIRS[5 + int(rng.random() < 0.6 or skin_position > 2.2)]
    )
    colour = colour * rng.uniform(0.75, 1.25)
    brow = (0.5 * colour + 0.5 * HAIRS[0]) * rng.uniform(0.4, 1.0)
    kind = rng.choice(4, p=[0.08, 0.42, 0.2, 0.3])  # bald, short, full, long
    shift = np.array([rng.normal(0.0, 0.035), abs(rng.normal(0, 0.05)) * (kind < 2), 0.0])
    if kind == 0:
        shift[0] = -rng.uniform(0.5, 2.5)
    if kind > 1 and rng.random() < 0.4:
        shift[2] = rng.uniform(0.05, 0.24)
    volume = (rng.uniform(0, 1), rng.uniform(2, 11), rng.uniform(8, 24), rng.uniform(4, 14))[kind]
    curtain = (
        float(kind == 3),
        rng.uniform(60, 240),
        rng.uniform(2, 18),
        rng.uniform(68, 112),
        rng.uniform(0, 5),
        rng.uniform(0, 6),
    )
    return colour, brow, shift, volume, np.array(curtain)


def draw_look(rng):
    """Draw one `Look`. Skin tones are uniform from very light to very dark; the other distributions are stated here."""
    tone = rng.uniform(0, len(SKINS) - 1)
    skin = between(SKINS, tone) * np.exp(rng.normal(0, [0.05, 0.05, 0.08]))
    hair, brow, hairline, volume, curtain = draw_hair(rng, tone)
    long = bool(curtain[0])
    lights, light_colours, sky, ground = draw_lights(rng)
    paint = rng.random() < (0.5 if long else 0.05)
    lips = skin * np.array([0.88, 0.58, 0.60]) + np.array([0.02, 0.0, 0.004])
    if paint:
        lips = 0.4 * lips + 0.6 * linear(rng.uniform(130, 215), rng.uniform(20, 80), rng.uniform(40, 100))
    bearded = (not long) and rng.random() < 0.35
    iris = between(IRISES, rng.uniform(0, 5) if tone < 2.2 else rng.exponential(0.5) % 1.5)
    return Look(
        skin=skin,
        pores=rng.uniform(0.01, 0.06),
        blotches=rng.uniform(0.005, 0.035),
        blush=rng.uniform(0.0, 0.9),
        creases=rng.beta(2, 2),
        gloss=rng.uniform(0.01, 0.22),
        lips=np.clip(lips, 0, 1),
        beard=rng.uniform(0.3, 1.0) if bearded else rng.uniform(0, 0.25) * (not long),
        stubble=np.minimum(0.6 * hair + 0.4 * HAIRS[0], 0.6 * skin),
        hair=hair,
        brow=brow,
        brow_strength=rng.uniform(0.6, 1.0),
        brow_width=rng.uniform(0.1, 0.55),
        hairline=hairline,
        volume=volume,
        curtain=curtain,
        strands=rng.uniform(0.1, 0.4),
        iris=iris * rng.uniform(0.7, 1.3),
        gaze=np.clip(rng.normal(0, [1.6, 0.7]), -4, 4),
        liner=rng.uniform(0.6, 1.0) if paint else rng.uniform(0.45, 0.9),
        lights=lights,
        light_colours=light_colours,
        sky=sky,
        ground=ground,
        cloth=muted(rng, 1, 0.005, 0.8)[0],
        neckline=rng.uniform(48, 110),
        shoulders=rng.uniform(0.85, 1.1),
        body_turn=rng.normal(0, 12),
        tile=rng.uniform(0, 256, size=2),
        backdrop=int(rng.integers(4)),
        blur=max(0.0, rng.normal(0.45, 0.3)),
        grain=rng.exponential(2.0),
        gain=rng.uniform(0.8, 1.35) * np.exp(rng.normal(0, 0.05, size=3)),
        contrast=rng.uniform(0.95, 1.35),
        jpeg=int(rng.integers(55, 101)),
        eyeshadow=np.zeros(4),
        motion=np.zeros(2),
        shrink=0.0,
        sideburn=rng.uniform(0.0, 0.5) if rng.random() < (0.7 if long else 0.5) else 0.0,
        ears=rng.normal([0.0, 1.0, 1.0], [5.0, 0.1, 0.35]),
    )


def strengthen(look, conditions, occluder, rng):
    """Return the look under the conditions of `conditions`; with the occluder "fringe", hair hangs over the brows."""
    if conditions.illumination:
        look = _hard_light(look, rng)
    if conditions.make_up:
        rouge = linear(rng.uniform(110, 215), rng.uniform(10, 70), rng.uniform(30, 100))
        lid = linear(*rng.uniform((30, 20, 40), (150, 120, 190)))
        look = look._replace(
            lips=look.lips + rng.uniform(0.6, 1.0) * (rouge - look.lips),
            eyeshadow=np.append(lid, rng.uniform(0.6, 1.0)),
            liner=rng.uniform(0.85, 1.0),
            blush=rng.uniform(0.9, 1.6),
            beard=0.0,
            brow_strength=rng.uniform(0.85, 1.0),
        )
    if occluder == "fringe":
        line = np.array([0.0, 0.0, rng.uniform(0.52, 0.66)])
        look = look._replace(hairline=line, volume=max(look.volume, 5.0))
    if conditions.blur:
        kind = int(rng.integers(3))
        look = look._replace(
            blur=rng.uniform(1.5, 3.5) if kind == 0 else look.blur,
            motion=np.array([rng.uniform(5, 12), rng.uniform(0, 180)]) * (kind == 1),
            shrink=rng.uniform(35, 60) / 160 if kind == 2 else 0.0,
        )
    return look


def _hard_light(look, rng):
    kind, side, up = int(rng.integers(4)), np.radians(rng.uniform(60, 85)), np.radians(rng.uniform(-10, 35))
    side = side * rng.choice([-1, 1])
    if kind == 0:
        key = np.array([np.sin(side) * np.cos(up), -np.sin(up), -np.cos(side) * np.cos(up)])
    else:
        up = np.radians(rng.uniform(40, 70))
        key = np.array([0.3 * np.sin(side), np.sin(up), -np.cos(up)])
    if kind < 2:  # one lamp, little else
        colours = look.light_colours * np.array([[1.0], [0.25], [0.3]])
        colours[0] *= 1.0 / max(colours[0].mean(), 0.2)
        lights = np.concatenate([unit(key)[None], look.lights[1:]])
        fade = rng.uniform(0.2, 0.45)
        return look._replace(lights=lights, light_colours=colours, sky=look.sky * fade, ground=look.ground * fade)
    if kind == 2:
        return look._replace(gain=look.gain * rng.uniform(0.12, 0.35), grain=look.grain + rng.uniform(2, 7))
    return look._replace(gain=look.gain * rng.uniform(1.9, 2.8))
