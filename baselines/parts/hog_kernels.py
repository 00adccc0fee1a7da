"""Compiled loops of the HOG around landmarks: binning, and sampling in the frame of the shape.

Where `lanes` is asked for, it is a tuple with an element for each bin: its length is known when the loop is compiled,
so that the bins of a pixel are one vector of the processor (`_window`).
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from fldbench.baselines.parts.compiled import compiled, within


@compiled
def bin_directions(magnitude, place, lanes):
    """Share magnitude (h, w) between the bins around place (h, w), finite, in [0, bins]: (h, w, bins) float32."""
    h, w = magnitude.shape
    bins = len(lanes)
    out = np.zeros((h, w, bins), np.float32)
    for y in range(h):
        for x in range(w):
            low = np.int32(place[y, x])
            share = (place[y, x] - np.float32(low)) * magnitude[y, x]
            out[y, x, low if low < bins else low - bins] = magnitude[y, x] - share
            out[y, x, low + 1 if low + 1 < bins else low + 1 - bins] = share
    return out


@compiled
def halve(channels):
    """Return the means of 2 x 2 pixels: (h, w, bins) -> (h // 2, w // 2, bins)."""
    h, w, bins = channels.shape
    out = np.empty((h // 2, w // 2, bins), np.float32)
    for y in range(h // 2):
        for x in range(w // 2):
            for b in range(bins):
                out[y, x, b] = np.float32(0.25) * (
                    channels[2 * y, 2 * x, b]
                    + channels[2 * y, 2 * x + 1, b]
                    + channels[2 * y + 1, 2 * x, b]
                    + channels[2 * y + 1, 2 * x + 1, b]
                )
    return out


@compiled
def sample_patches(field, shapes, linear, spacing, grid, clip, flat, tent, lanes):
    """Return clipped, normalised histograms of grid x grid cells around landmarks, in the frame of each shape.

    Beyond the border the field repeats its outermost pixel. A cell is sampled between the pixels, linearly.

    Parameters
    ----------
    field : ndarray of shape (h, w, bins), float32
        Channels, C-contiguous.
    shapes : ndarray of shape (m, L, 2)
        Pixels of the field.
    linear : ndarray of shape (m, 2)
        (a, b): the frame of a shape, and with it the cells' offsets, are turned and scaled by [[a, -b], [b, a]], and
        direction t of the frame is direction t + atan2(b, a) of the field.
    spacing : float
        Pixels between cells where a = 1, b = 0.
    grid : int
    clip, flat : float
        See `hog.CLIP` and `hog.FLAT`.
    tent : ndarray of shape (2 r + 1,), float32
        By which the field is smoothed along both axes, where it is sampled; [1] for a field that is smooth already.
    lanes : tuple of length bins

    Returns
    -------
    ndarray of shape (m, L * grid * grid * bins), float32
    """
    h, w, _ = field.shape
    m, n_points = shapes.shape[:2]
    bins = len(lanes)
    d = grid * grid * bins
    out = np.empty((m, n_points * d), np.float32)
    twice = np.empty(2 * d, np.float32)  # each histogram and again, so that its directions can be turned
    n, reach = len(tent) + 1, len(tent) // 2
    columns, rows = np.empty(n, np.int64), np.empty(n, np.int64)
    across, down = np.empty(n, np.float32), np.empty(n, np.float32)
    for s in range(m):
        a, b = linear[s, 0], linear[s, 1]
        turn = np.arctan2(b, a) * bins / (2 * np.pi)
        low = int(within(np.floor(turn) + bins, 2.0 * bins)) - bins
        share = np.float32(turn - low)
        low = low % bins
        for p in range(n_points):
            at = 0
            for row in range(grid):
                v = (row - (grid - 1) / 2) * spacing
                for column in range(grid):
                    u = (column - (grid - 1) / 2) * spacing
                    x = within(shapes[s, p, 0] + a * u - b * v, w - 1.0)
                    y = within(shapes[s, p, 1] + b * u + a * v, h - 1.0)
                    x0, y0 = int(x), int(y)
                    fx, fy = np.float32(x - x0), np.float32(y - y0)
                    before = np.float32(0.0)
                    for i in range(n):
                        # The tents about x0 and x0 + 1, in shares of 1 - fx and fx, are one window of n pixels.
                        here = tent[i] if i < n - 1 else np.float32(0.0)
                        columns[i] = min(max(x0 - reach + i, 0), w - 1)
                        rows[i] = min(max(y0 - reach + i, 0), h - 1)
                        across[i] = here * (1 - fx) + before * fx
                        down[i] = here * (1 - fy) + before * fy
                        before = here
                    _window(field, rows, columns, down, across, twice, at, lanes)
                    for k in range(bins):
                        twice[at + bins + k] = twice[at + k]
                    at += 2 * bins
            patch = out[s, p * d : (p + 1) * d]
            for cell in range(grid * grid):
                for k in range(bins):
                    first = 2 * cell * bins + low + k
                    patch[cell * bins + k] = (1 - share) * twice[first] + share * twice[first + 1]
            _normalise(patch, np.float32(clip), np.float32(flat))
    return out


@compiled(fastmath={"reassoc", "contract", "nsz"})  # a sum in the order of the lanes is several times as fast
def _normalise(patch, clip, flat):
    """Give a patch (d,) its clipped L2 norm, in place: see `hog.normalise`."""
    power = np.float32(0.0)
    for k in range(len(patch)):
        power += patch[k] * patch[k]
    scale = np.float32(1.0 / np.sqrt(power + flat * flat * len(patch)))
    power = np.float32(0.0)
    for k in range(len(patch)):
        value = min(patch[k] * scale, clip)
        patch[k] = value
        power += value * value
    scale = np.float32(1.0 / np.sqrt(power + 1e-6))
    for k in range(len(patch)):
        patch[k] *= scale


@intrinsic
def _window(context, field, rows, columns, down, across, out, at, lanes):
    """Write to out[at : at + bins] the sum over i, j of down[i] across[j] field[rows[i], columns[j]].

    numba makes scalar code of loops over so few bins; here they are one vector, which stays in a register. The arrays
    are C-contiguous; rows, columns int64 (n,); down, across float32 (n,).
    """
    bins = len(lanes)
    signature = types.void(field, rows, columns, down, across, out, at, lanes)
    vector, index = ir.VectorType(ir.FloatType(), bins), ir.IntType(32)
    unset, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(index, bins), [0] * bins)

    def build(context, builder, signature, args):
        arrays = [make_array(kind)(context, builder, one) for kind, one in zip(signature.args[:6], args, strict=False)]
        pixels, ys, xs, ws_down, ws_across, result = (one.data for one in arrays)
        width, n = builder.extract_value(arrays[0].shape, 1), builder.extract_value(arrays[1].shape, 0)

        def element(data, i):
            return builder.load(builder.gep(data, [i]))

        def add_scaled(total, vector_value, weight):
            spread = builder.shuffle_vector(builder.insert_element(unset, weight, index(0)), unset, first)
            product = builder.fmul(vector_value, spread, flags=["contract"])
            builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)

        zero = ir.Constant(vector, [0.0] * bins)
        total, line = cgutils.alloca_once(builder, vector), cgutils.alloca_once(builder, vector)
        builder.store(zero, total)
        with cgutils.for_range(builder, n) as i:
            start = builder.mul(element(ys, i.index), width)
            builder.store(zero, line)
            with cgutils.for_range(builder, n) as j:
                place = builder.mul(builder.add(start, element(xs, j.index)), width.type(bins))
                pixel = builder.bitcast(builder.gep(pixels, [place]), vector.as_pointer())
                add_scaled(line, builder.load(pixel, align=4), element(ws_across, j.index))
            add_scaled(total, builder.load(line), element(ws_down, i.index))
        target = builder.bitcast(builder.gep(result, [args[6]]), vector.as_pointer())
        builder.store(builder.load(total), target, align=4)
        return context.get_dummy_value()

    return signature, build
