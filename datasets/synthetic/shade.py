"""Colour of each fragment: light at vertices, then skin, eyes, mouth, hair and cloth. Linear RGB throughout.

Every function is pure, except `lens`: arrays over fragments (P, ...) and a `Look` in, colours (P, 3) out.
"""

import numpy as np

from fldbench.datasets.synthetic.deform import smoothstep
from fldbench.datasets.synthetic.textures import feature_maps, sample_map, sample_tile

LONG_FRINGE = 0.26  # radians: a longer fringe hangs over the brows
IRIS_RADIUS, PUPIL_RADIUS, EYEBALL = 5.9, 2.1, 12.0  # mm
CHANNELS = (
    "u",
    "v",
    "x",
    "y",
    "red",
    "green",
    "blue",
    "shine",
    "scalp",
    "facing",
)  # passed from vertices to fragments


def light(normals, sight, look):
    """Return the light that arrives at vertices, (V, 3), and the share that a smooth surface would mirror, (V,).

    Light: sky and ground by the normal's height, plus wrapped Lambert, max(0, (n.l + w) / (1 + w)), for each lamp.
    Mirrored: Blinn's (n.h)^18.

    Parameters
    ----------
    normals, sight : (V, 3) array
        Unit vectors outwards, and from the surface to the camera; camera axes.
    look : Look
    """
    up = 0.5 - 0.5 * normals[:, 1:2]
    out = look.ground + up * (look.sky - look.ground)
    soft = 0.12
    cosine = np.maximum((normals @ look.lights.T + soft) / (1 + soft), 0)
    out = out + cosine @ look.light_colours
    half = look.lights[0] + sight
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = np.maximum((normals * half).sum(1), 0) ** 18 * look.light_colours[0].mean()
    return out, shine


def mix(base, colour, share):
    """Move `base` (P, 3) towards `colour`, (3,) or (P, 3), by `share` (P,).

    >>> mix(np.zeros((1, 3)), np.ones(3), np.array([0.25])).tolist()
    [[0.25, 0.25, 0.25]]
    """
    return base + share[:, None] * (colour - base)


def skin(f, maps, noise, look):
    """Return the colours of skin with lips, brows, beard, folds and nostrils.

    Parameters
    ----------
    f : (P, 10) array
        The channels of `CHANNELS`.
    maps : pair of (P, 4) arrays
        Samples of the two maps of `feature_maps`.
    noise : (P, 4) array
        Samples of `noise_tiles`.
    look : Look
    """
    features, tints = maps
    lips, brow, lines, lash = features.T
    shade, blush, beard, crease = tints.T
    tone = 1 + look.pores * noise[:, 0] + look.blotches * noise[:, 1]
    out = look.skin * tone[:, None]
    redder = look.skin * np.array([1.05, 0.72, 0.70], np.float32)
    out = mix(out, redder, blush * look.blush)
    grain = np.clip(0.72 + 0.22 * noise[:, 0] + 0.15 * noise[:, 1], 0, 1)
    out = mix(out, look.stubble, beard * grain * look.beard)
    out = mix(out, look.lips, 0.9 * lips * (1 + 0.06 * noise[:, 0]))
    hairs = smoothstep(brow + 0.07 * noise[:, 2], 0.62 - look.brow_width, 0.95 - look.brow_width)
    out = mix(out, look.brow, hairs * look.brow_strength)
    if look.eyeshadow[3] > 0:
        lid = np.exp(-(((np.abs(f[:, 0]) - 0.37) / 0.15) ** 4) - ((f[:, 1] + 0.175) / 0.075) ** 4)
        out = mix(out, look.eyeshadow[:3], lid * look.eyeshadow[3] * (1 - hairs))
    dark = (
        (1 - 0.9 * lines)
        * (0.55 + 0.45 * np.sqrt(np.clip(f[:, 9], 0, 1)))
        * (1 - look.creases * 0.8 * crease)
        * (1 - shade)
    )
    out = out * (f[:, 4:7] * dark[:, None])
    out = out + (f[:, 7] * look.gloss * (1 - 0.8 * hairs) * (1 - lines))[:, None]
    return mix(out, 0.02 * look.skin, lash * look.liner)


def eyes(f, look, centres):
    """Return the colours of sclera, iris, pupil and catchlight.

    The centres of the irises are (2, 2) mm in the head frame, image-left first.
    """
    side = (f[:, 2] > 0).astype(int)
    at = f[:, 2:4] - centres[side]
    turned = np.sqrt(1 - np.minimum((look.gaze / EYEBALL) ** 2, 0.5))  # the eyeball turns, so the iris looks narrower
    r = np.hypot(at[:, 0] / turned[0], at[:, 1] / turned[1])
    out = (
        np.broadcast_to(np.array([0.56, 0.50, 0.47]), (len(f), 3))
        * (1 - 0.55 * smoothstep(np.abs(at[:, 0]), 4, 13))[:, None]
    )
    iris = look.iris * (0.6 + 0.7 * smoothstep(r, 2, 5) - 0.75 * smoothstep(r, 4.6, 6.2))[:, None]
    out = mix(out, iris, 1 - smoothstep(r, IRIS_RADIUS - 0.5, IRIS_RADIUS + 0.5))
    out = mix(out, np.full(3, 0.004), 1 - smoothstep(r, PUPIL_RADIUS - 0.5, PUPIL_RADIUS + 0.5))
    out = out * (0.35 + 0.55 * smoothstep(at[:, 1], -5.5, 0))[:, None]  # shadow of the upper lid
    out = out * f[:, 4:7]
    spark = np.hypot(at[:, 0] - 2.6 * look.lights[0, 0], at[:, 1] - 2.6 * look.lights[0, 1])
    return out + (1 - smoothstep(spark, 0.5, 1.5))[:, None] * 0.7 * look.light_colours[0]


def mouth(f, look, teeth):
    """Return the colours of teeth, tongue and the dark between the lips; `teeth` is the result of `teeth_edges`."""
    x, y = f[:, 2], f[:, 3]
    upper, lower = teeth
    out = np.full((len(f), 3), (0.035, 0.006, 0.006))
    out = mix(
        out, np.array([0.20, 0.05, 0.05]), smoothstep(y, upper + 8, upper + 18) * (1 - smoothstep(np.abs(x), 10, 18))
    )
    ivory = np.array([0.75, 0.69, 0.60]) * (1 - 0.75 * smoothstep(np.abs(x), 9, 24))[:, None]
    gaps = 0.85 + 0.15 * np.abs(np.cos(x * (np.pi / 8.5)))
    out = mix(out, ivory * gaps[:, None], 1 - smoothstep(y + 0.004 * x * x, upper - 0.6, upper + 0.6))
    out = mix(out, 0.6 * ivory, smoothstep(y - 0.006 * x * x, lower - 0.6, lower + 0.6))
    return out * np.minimum(f[:, 4:7], 1.0)


def hair(f, noise, look, gloss=0.35):
    """Return the colours of hair: strands by noise, a sheen where light is mirrored, darker inside."""
    strand = np.clip(1 + look.strands * noise[:, 2] + 0.12 * noise[:, 1], 0.25, 2.2)
    out = look.hair * strand[:, None] * f[:, 4:7]
    return out + (gloss * f[:, 7] * np.clip(0.5 + 0.5 * noise[:, 2], 0, 1))[:, None] * (0.25 + 0.75 * look.hair)


def hairline_shift(u, v, look):
    """Return how far the hairline of the look lies in front of the mean's at uv (P,): radians, > 0 towards the face."""
    line, corners, fringe = look.hairline
    top = smoothstep(-v, 0.35, 0.6)
    out = line - corners * 2.2 * top * np.exp(-(((np.abs(u) - 0.38) / 0.2) ** 2)) if corners else line + 0 * top
    if fringe:
        low = fringe > LONG_FRINGE
        hang = smoothstep(-v, 0.04, 0.2) if low else top
        out = out + fringe * hang * np.exp(-((u / (0.62 if low else 0.5)) ** 4))
    if look.sideburn:
        out = out + look.sideburn * np.exp(-(((np.abs(u) - 1.55) / 0.22) ** 2)) * smoothstep(v, -0.25, 0.0)
    return out


def scalp_share(f, noise, look):
    """Return the share of hair in each fragment, (P,).

    It follows the signed distance from the hairline, moved by the look, with ragged ends.
    """
    shift = hairline_shift(f[:, 0], f[:, 1], look)
    return smoothstep(f[:, 8] + shift + 0.018 * noise[:, 2] + 0.008 * noise[:, 0], -0.02, 0.035)


def cloth(f, uv, look, colour):
    """Return the colours of woven or knitted cloth at tile coordinates uv (P, 2): (P, 3)."""
    noise = sample_tile(uv + look.tile)
    return colour * (1 + 0.10 * noise[:, 3] + 0.06 * noise[:, 0])[:, None] * f[:, 4:7]


def head(f, look, worn):
    """Return the colours of skin, hair and hat on the head's surface, (P, 3)."""
    if not worn.hat:
        return _bare_head(f, look)
    out = np.zeros((len(f), 3), np.float32)
    hat = f[:, 1] < worn.hat_line
    g = f[hat]
    rib = 0.86 + 0.14 * np.cos(g[:, 0] * 55) * (worn.hat == 1)
    out[hat] = cloth(g, g[:, :2] * 90, look, worn.cloth) * rib[:, None]
    g = f[~hat]
    face = _bare_head(g, look)
    if worn.hat > 1:  # a brim shades forehead and eyes from the sky
        face *= (0.5 + 0.5 * smoothstep(g[:, 1] - worn.hat_line, 0.0, 0.006 * worn.brim))[:, None]
    out[~hat] = face
    return out


def _bare_head(f, look):
    out = np.zeros((len(f), 3), np.float32)
    hairy = np.flatnonzero(f[:, 8] + look.hairline[0] + max(look.hairline[2], look.sideburn) > -0.15)
    g = f[hairy]
    # strands run away from the crown at v = -1.5
    strands = np.stack([np.arctan2(g[:, 0], g[:, 1] + 1.5) * 90, np.hypot(g[:, 0], g[:, 1] + 1.5) * 45], 1)
    strands = sample_tile(strands + look.tile)
    share = np.zeros(len(f), np.float32)
    share[hairy] = scalp_share(g, strands, look)
    bare = np.flatnonzero(share < 0.99)
    skin_f = f[bare]
    uv = skin_f[:, :2]
    features, tints = feature_maps()
    noise = sample_tile(uv * 110 + look.tile)
    out[bare] = skin(skin_f, (sample_map(features, uv), sample_map(tints, uv)), noise, look)
    covered = np.flatnonzero(share[hairy] > 0.01)
    at, share = hairy[covered], share[hairy[covered]]
    colour = hair(g[covered], strands[covered], look)
    out[at] = np.where((share < 0.99)[:, None], mix(out[at], colour, share), colour)
    return out


def hand(f, look):
    """Return the colours of the hand's skin, redder than the face."""
    noise = sample_tile(f[:, 2:4] * 1.5 + look.tile)
    tone = 1 + look.pores * noise[:, 0] + 1.5 * look.blotches * noise[:, 1]
    edge = 0.45 + 0.55 * np.sqrt(np.clip(f[:, 9], 0, 1))
    return look.skin * np.array([0.98, 0.86, 0.84], np.float32) * (tone * edge)[:, None] * f[:, 4:7]


def lens(picture, pixels, f, look, worn):
    """Tint `picture` (P', 3) at `pixels` as behind a lens, with the sky mirrored in its upper part.

    The picture is changed.
    """
    mirrored = (0.10 + 0.25 * (worn.glasses == 2)) * smoothstep(f[:, 1], 0.3, 1.0)[:, None] * look.sky
    tint = np.float32(worn.tint)
    colour = worn.frame * 0.12 if worn.glasses == 2 else 0.3 * look.sky
    picture[pixels] = (1 - tint) * picture[pixels] + tint * colour + mirrored


def body(f, look):
    """Return the colours of the neck's skin, in the shadow of the chin, and of cloth below the neckline.

    Here the channels x, y are in mm from the top of the neck.
    """
    noise = sample_tile(f[:, 2:4] * 1.2 + look.tile)
    x, y = f[:, 2], f[:, 3]
    bare = look.skin * (1 + look.blotches * noise[:, 1])[:, None] * (0.22 + 0.55 * smoothstep(y, 25, 120))[:, None]
    edge = look.neckline - 22 * np.exp(-((x / 45) ** 2) * 0.5) * (look.neckline < 80)
    worn = look.cloth * (1 + 0.10 * noise[:, 3] + 0.05 * noise[:, 0])[:, None]
    return mix(bare, worn, smoothstep(y + 0 * edge, edge - 1.5, edge + 1.5)) * f[:, 4:7]
