"""Frames a second of a whole video, from the file to the drawn file, and what each stage costs.

    python benchmarks/video_speed.py MODEL... [--seconds 8] [--detector dlib-hog] [--every 15]

The video has 640 x 368 px, 25 frames a second and one synthetic face that turns to and fro, about 150 px wide. Times on
the clock need an idle machine; the seconds of processor time, of all threads together, need it less. The first second
of the video is played once before anything is measured, so that nothing is compiled while the clock runs.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from fldbench.datasets.synthetic.motion import motion_clip
from fldbench.method import load_method
from fldbench.run.videos import predict_video

WIDTH, HEIGHT, HEAD, RATE, STREAM = 640, 368, 320, 25, 2


def write_video(path, seconds):
    """Write the video: the head of the clip "turn" on grey, and noise everywhere."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in enumerate(motion_clip("turn", STREAM, 0, seconds=seconds, rate=RATE, size=HEAD)):
            image = np.full((HEIGHT, WIDTH, 3), 110, np.uint8) + rng.integers(0, 8, (HEIGHT, WIDTH, 1), np.uint8)
            image[24 : 24 + HEAD, 160 : 160 + HEAD] = frame.image
            shown = av.VideoFrame.from_ndarray(image, format="rgb24")
            shown.pts, shown.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--detector", default="dlib-hog")
    parser.add_argument("--every", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warm, video, out = (Path(folder) / name for name in ("warm.mp4", "video.mp4", "out.mp4"))
        write_video(warm, 1.0)
        write_video(video, given.seconds)
        for path in given.models:
            model = load_method(path)
            predict_video(model, warm, out, given.detector, every=given.every)
            began, clock = time.process_time(), time.perf_counter()
            done = predict_video(model, video, out, given.detector, every=given.every)
            spent, passed = time.process_time() - began, time.perf_counter() - clock
            per = f"{done.frames / passed:.1f} frames/s, {done.frames / spent:.1f} frames per second of processor time"
            print(
                f"\n{model.label}: {done.frames} frames, {done.with_faces} with a face; {per}\n{done.stages}",
                flush=True,
            )


if __name__ == "__main__":
    main()
