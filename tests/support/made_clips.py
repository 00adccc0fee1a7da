"""Small videos with sound, made here; and "faces" that are bright squares, which a detector and a method find."""

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

RATE, SOUND = 25, 44100


def squares(places, size=(96, 72), side=20):
    """A frame, (h, w, 3), with a bright square about each place (x, y) px."""
    image = np.full((size[1], size[0], 3), 30, np.uint8)
    for x, y in places:
        x0, y0 = round(x - side / 2), round(y - side / 2)
        image[max(y0, 0) : max(y0 + side, 0), max(x0, 0) : max(x0 + side, 0)] = 220
    return image


def find_squares(image):
    """Boxes (n, 4) and scores (n,) of the bright squares."""
    n, _, stats, _ = cv2.connectedComponentsWithStats((image.min(axis=2) > 120).astype(np.uint8))
    boxes = [(x, y, x + w - 1, y + h - 1) for x, y, w, h, area in stats[1:n] if area > 40]
    return np.array(boxes, float).reshape(-1, 4), np.ones(len(boxes))


def corners(image, boxes):
    """Five points of the square that lies in each box, grown a little; NaN where there is none."""
    out = np.full((len(boxes), 5, 2), np.nan)
    for row, (x0, y0, x1, y1) in enumerate(np.asarray(boxes)):
        grow = 0.25 * (x1 - x0)
        left, top = max(int(x0 - grow), 0), max(int(y0 - grow), 0)
        found, _ = find_squares(image[top : max(int(y1 + grow) + 1, 0), left : max(int(x1 + grow) + 1, 0)])
        if len(found):
            a, b, c, d = found[0] + [left, top, left, top]
            out[row] = [[a, b], [c, b], [(a + c) / 2, (b + d) / 2], [a, d], [c, d]]
    return out


def write_clip(path, frames, times=None, rotation=0, sound=None, encoder="libx264", kind=None):
    """Write frames, (h, w, 3) each, with a display rotation in degrees and sound of the codec `sound`."""
    import av

    clock = Fraction(1, 1000)
    with av.open(str(path), "w", format=kind) as container:
        video = container.add_stream(encoder, rate=RATE)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = clock
        heard = container.add_stream(sound, rate=SOUND) if sound else None
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base = clock
            frame.pts = round(1000 * (number / RATE if times is None else times[number]))
            container.mux(video.encode(frame))
        if heard is not None:
            form = heard.codec_context.format.name
            for k in range(20):
                tone = 0.3 * np.sin(2 * np.pi * 440 * (np.arange(1024) + 1024 * k) / SOUND)
                samples = tone.astype(np.float32) if form.startswith("flt") else (32767 * tone).astype(np.int16)
                part = av.AudioFrame.from_ndarray(samples[None], format=form, layout="mono")
                part.sample_rate, part.pts = SOUND, 1024 * k
                container.mux(heard.encode(part))
        for stream in (video, heard):
            if stream is not None:
                container.mux(stream.encode(None))
    if rotation:
        _turn(Path(path), rotation)
    return path


def _turn(path, degrees):
    """Write the display matrix of the first track of a .mov or .mp4, to the left; PyAV itself can since 18 only."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44  # behind version, times, number, duration, layer and volume
    cos, sin = round(65536 * np.cos(np.radians(degrees))), round(65536 * np.sin(np.radians(degrees)))
    data[matrix : matrix + 36] = struct.pack(">9i", cos, -sin, 0, sin, cos, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def read_clip(path):
    """The frames of a file, as they are stored, their times and rotations; and its sound, (samples,)."""
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        images = [frame.to_ndarray(format="rgb24") for frame in frames]
        about = [(round(float(frame.time), 4), frame.rotation) for frame in frames]
    with av.open(str(path)) as container:
        parts = (
            [part.to_ndarray().astype(float) for part in container.decode(audio=0)] if container.streams.audio else []
        )
    return images, about, np.concatenate([part[0] for part in parts]) if parts else np.empty(0)
