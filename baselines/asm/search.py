"""Compiled kernels of the active shape model: what the image shows at a position, and which position fits best.

Two kinds of search. *Descriptors*: a field of square-rooted orientation histograms (`descriptor_field` in
`asm.descriptor`), patches of grid x grid cells of it with length 1, and a linear filter for every landmark, whose dot
product with the patch at each position of a window is the response there. *Profiles*: normalised grey differences along
a line through the landmark, judged by their Mahalanobis distance. Positions are px of the image that is searched,
(x, y).
"""

from __future__ import annotations

import numpy as np

from fldbench.baselines.parts.compiled import compiled, within

FLAT = 0.05  # a cell with less gradient than this share of the image's mean counts as flat and is not amplified


@compiled
def gather_patches(field, energy, points, offsets, out):
    """Write the patches at points (m, 2) int px to out (m, cells * bins) float32; a cell's centre is point + offset.

    field (bins, h, w), energy (h, w), offsets (cells, 2) int. A cell's centre outside the image is moved to its border.
    """
    bins, h, w = field.shape
    cells = len(offsets)
    for i in range(len(points)):
        total = np.float32(FLAT * cells)
        for c in range(cells):
            x, y = points[i, 0] + offsets[c, 0], points[i, 1] + offsets[c, 1]
            total += energy[min(max(y, 0), h - 1), min(max(x, 0), w - 1)]
        factor = np.float32(1.0) / np.sqrt(total)
        for c in range(cells):
            x, y = points[i, 0] + offsets[c, 0], points[i, 1] + offsets[c, 1]
            x, y = min(max(x, 0), w - 1), min(max(y, 0), h - 1)
            for k in range(bins):
                out[i, c * bins + k] = field[k, y, x] * factor


@compiled
def response_maps(field, energy, corners, side, offsets, filters, out):
    """Write the responses in the windows of all landmarks to out (L, side, side) float32.

    out[l, i, j] is the response at corner + (j, i). Cells that lie outside the image are moved into it.

    field (bins, h, w), energy (h, w), corners (L, 2) int the windows' first positions, offsets (cells, 2) int, filters
    (L, cells * bins) float32. A response is the dot product of filter and patch. The innermost loop runs along a row of
    the window, where the compiler can take many positions at once without reordering a sum.
    """
    bins, h, w = field.shape
    cells = len(offsets)
    total = np.empty((side, side), np.float32)
    for point in range(len(corners)):
        total[:] = np.float32(FLAT * cells)
        response = out[point]
        response[:] = np.float32(0.0)
        for c in range(cells):
            x, y = corners[point, 0] + offsets[c, 0], corners[point, 1] + offsets[c, 1]
            x, y = min(max(x, 0), w - side), min(max(y, 0), h - side)
            for i in range(side):
                total[i] += energy[y + i, x : x + side]
            for k in range(bins):
                f = filters[point, c * bins + k]
                for i in range(side):
                    row = field[k, y + i, x : x + side]
                    target = response[i]
                    for j in range(side):
                        target[j] += f * row[j]
        for i in range(side):
            for j in range(side):
                response[i, j] /= np.sqrt(total[i, j])


@compiled
def peaks(responses, corners, sharpness, near, width, spread, centres, precision):
    """Write where each landmark is taken to be, and how surely, to centres (L, 2) px and precision (L, 2, 2) px^-2.

    responses (L, side, side), corners (L, 2). The probability of a position y of the window is taken as
    exp(sharpness_l response - |y - near_l|^2 / (2 width^2)), near (L, 2) px; the centre is its mean, the precision the
    inverse of its covariance plus spread^2 on the diagonal.
    """
    side = responses.shape[1]
    pull = 0.5 / (width * width)
    logs = np.empty((side, side))
    for point in range(len(responses)):
        best = -np.inf
        for i in range(side):
            dy = corners[point, 1] + i - near[point, 1]
            for j in range(side):
                dx = corners[point, 0] + j - near[point, 0]
                logs[i, j] = sharpness[point] * responses[point, i, j] - pull * (dx * dx + dy * dy)
                best = max(best, logs[i, j])
        total = mx = my = xx = xy = yy = 0.0
        for i in range(side):
            for j in range(side):
                p = np.exp(logs[i, j] - best)
                total += p
                mx += p * j
                my += p * i
                xx += p * j * j
                xy += p * i * j
                yy += p * i * i
        mx, my = mx / total, my / total
        xx = max(xx / total - mx * mx, 0.0) + spread * spread
        yy = max(yy / total - my * my, 0.0) + spread * spread
        xy = xy / total - mx * my
        det = xx * yy - xy * xy
        centres[point, 0], centres[point, 1] = corners[point, 0] + mx, corners[point, 1] + my
        precision[point, 0, 0], precision[point, 1, 1] = yy / det, xx / det
        precision[point, 0, 1] = precision[point, 1, 0] = -xy / det


@compiled
def profiles(image, points, normals, half, out):
    """Write the grey differences along the normals to out (L, 2 half + 1).

    image (h, w) float32, points (L, 2) px, normals (L, 2) of length 1. Entry t is I(p + (t - half + 1/2) n) -
    I(p + (t - half - 1/2) n), bilinear, the border repeated. Not normalised: that depends on the part used.
    """
    h, w = image.shape
    values = np.empty(2 * half + 2)
    for point in range(len(points)):
        for t in range(2 * half + 2):
            step = t - half - 0.5
            x = within(points[point, 0] + step * normals[point, 0], w - 1.0)
            y = within(points[point, 1] + step * normals[point, 1], h - 1.0)
            x0, y0 = int(x), int(y)
            x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
            fx, fy = x - x0, y - y0
            top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
            bottom = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
            values[t] = top * (1 - fy) + bottom * fy
        for t in range(2 * half + 1):
            out[point, t] = values[t + 1] - values[t]


@compiled
def best_offsets(long, means, precisions, out):
    """Write the step along its normal at which each landmark's profile is nearest to the mean profile to out (L,) int.

    long (L, k + 2 m) differences, means (L, k), precisions (L, k, k); a step s in -m..m looks at k of them from m + s,
    divided by the sum of their absolute values, g, and costs (g - mean)' precision (g - mean). The first of equals
    counted from the middle outwards wins, so a flat image moves nothing; nor does a cost that is not a number.
    """
    k = means.shape[1]
    m = (long.shape[1] - k) // 2
    d = np.empty(k)
    for point in range(len(long)):
        best = np.inf
        out[point] = 0
        for rank in range(2 * m + 1):
            step = (rank + 1) // 2 if rank % 2 else -(rank // 2)
            total = 0.0
            for t in range(k):
                total += abs(long[point, m + step + t])
            scale = 1.0 / total if total > 1e-6 else 0.0
            for t in range(k):
                d[t] = long[point, m + step + t] * scale - means[point, t]
            cost = 0.0
            for t in range(k):
                row = 0.0
                for u in range(k):
                    row += precisions[point, t, u] * d[u]
                cost += d[t] * row
            if cost < best:
                best = cost
                out[point] = step
