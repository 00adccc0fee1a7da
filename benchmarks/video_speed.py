"""Frames a second of a whole video, from the file to the drawn file, and what each stage costs.

    python benchmarks/video_speed.py MODEL... [--seconds 4] [--detector dlib-hog] [--every 15]

MODEL is a model file, or builtin. The video has 640 x 368 px, 25 frames a second and one synthetic face that turns to
and fro, about 150 px wide. A line of a Markdown table is printed for each model as soon as it is measured: frames a
second on the clock, which need an idle machine, and per second of processor time of all threads together, which need
it less; then the median milliseconds of a call of each stage. Ten frames are played before that, so that nothing is
compiled while the clock runs. Networks have one thread, unless OMP_NUM_THREADS says otherwise: on a machine with more
work than cores several wait for each other, and a frame takes many times as long.
"""

import argparse
import os
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded

import av
import numpy as np

from fldbench import builtin
from fldbench.datasets.synthetic.motion import motion_clip
from fldbench.errors import FldbenchError
from fldbench.method import load_method
from fldbench.run.videos import predict_video

WIDTH, HEIGHT, HEAD, RATE, STREAM = 640, 368, 320, 25, 2
WARM = 0.4  # seconds of video
STAGES = ("decode", "detect", "predict", "attributes", "draw", "encode")


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


def line(name, done, passed, spent):
    """Return the line of a table: rates, and the median of each stage in ms; nothing for a stage that never came."""
    median = {stage: f"{middle:.1f}" for stage, _, middle, *_ in done.stages.rows()}
    rates = f"{done.frames / passed:.1f}", f"{done.frames / spent:.1f}"
    cells = name, f"{done.with_faces} of {done.frames}", *rates, *(median.get(stage, "") for stage in STAGES)
    return f"| {' | '.join(cells)} |"


def main(names, seconds, detector, every) -> None:
    models = [(name, load_method(name)) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        warm, video, out = (Path(folder) / name for name in ("warm.mp4", "video.mp4", "out.mp4"))
        began = time.perf_counter()
        write_video(warm, WARM)
        write_video(video, seconds)
        print(f"the video was made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        print(f"| model | with a face | frames/s | per core second | {', ms | '.join(STAGES)}, ms |")
        print("|---|" + "---:|" * (3 + len(STAGES)), flush=True)
        for name, model in models:
            predict_video(model, warm, out, detector, every=every)
            before, clock = time.process_time(), time.perf_counter()
            done = predict_video(model, video, out, detector, every=every)
            shown = name if name == builtin.NAME else model.label
            print(line(shown, done, time.perf_counter() - clock, time.process_time() - before), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--detector", default="dlib-hog")
    parser.add_argument("--every", type=int, default=15)
    given = parser.parse_args()
    try:
        main(given.models, given.seconds, given.detector, given.every)
    except FldbenchError as error:
        sys.exit(str(error))
