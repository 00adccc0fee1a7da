"""Videos with faces followed and drawn: frame by frame, the sound kept, and what each stage costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError
from fldbench.media.camera import open_camera
from fldbench.media.clip import Frame, check_ending, open_clip, written_clip
from fldbench.media.smooth import OneEuro
from fldbench.media.stages import Stages
from fldbench.media.track import Describe, Detect, Predict, Track, Tracker
from fldbench.progress import Listener

Draw = Callable[[np.ndarray, Sequence[Track]], np.ndarray]


@dataclass(frozen=True)
class Followed:
    """What `follow_faces` did.

    Attributes
    ----------
    frames, with_faces : int
        Frames of the video, and those with a face.
    identities : int
        Faces that were told apart.
    seconds : float
        Of the whole work.
    stages : Stages
        Seconds of decode, detect, predict, attributes, draw and encode.
    notes : tuple of str
        What was wrong with the video.
    """

    frames: int
    with_faces: int
    identities: int
    seconds: float
    stages: Stages
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the counts in one line."""
        faces = f"{self.with_faces} with a face, {self.identities} face{'' if self.identities == 1 else 's'} told apart"
        return f"{self.frames} frames, {faces}; {self.frames / max(self.seconds, 1e-9):.1f} frames/s"


def follow_faces(
    source: str | Path | int,
    target: str | Path | None,
    detect: Detect,
    predict: Predict,
    draw: Draw,
    every: int = 15,
    smoothing: Callable[[], OneEuro] | None = OneEuro,
    each: Callable[[Frame, list[Track]], None] | None = None,
    progress: Listener | None = None,
    describe: Describe | None = None,
) -> Followed:
    """Follow the faces of a video, draw them, and write the video with the times and the sound of the original.

    Parameters
    ----------
    source : str, Path or int
        The video, or the number of a camera, whose frames Ctrl-C ends.
    target : str or Path, optional
        .mp4, .mov or .mkv; without one nothing is drawn and written.
    detect, predict, every, smoothing, describe
        As for `fldbench.media.track.Tracker`.
    draw : callable
        draw(image, tracks) -> RGB uint8 of the same size.
    each : callable, optional
        Called as each(frame, tracks), for each frame.
    progress : callable, optional
        Called as progress(video, frames done, frames in all); all is 0 where the file does not tell.

    Raises
    ------
    DataError
        For a file that is no video or has no frame, another ending of the target, and a target that is the source.
    MissingDependencyError
        Without PyAV or the encoder.
    StoreError
        When the target cannot be written; nothing is left of it then.

    See Also
    --------
    fldbench.media.clip : what is read and written.
    """
    if target is not None:
        check_ending(target)
        video = None if isinstance(source, int) else Path(source)
        if video is not None and Path(target).exists() and video.exists() and Path(target).samefile(video):
            raise DataError("the drawn video would replace the video itself; give another output", target)
    stages = Stages()
    tracker = Tracker(
        _timed(stages, "detect", detect),
        _timed(stages, "predict", predict),
        every,
        smoothing,
        describe=None if describe is None else _timed(stages, "attributes", describe),
    )
    began, frames, with_faces = time.perf_counter(), 0, 0
    with ExitStack() as open_files:
        clip: Any = open_files.enter_context(open_camera(source) if isinstance(source, int) else open_clip(source))
        writer = None if target is None else open_files.enter_context(written_clip(target, clip))
        parts = clip.packets()
        while True:
            with stages("decode"):
                frame, sound = next(parts, (None, None))
            if frame is None:
                stages.seconds["decode"].pop()  # the end of the file, or a packet of sound: no frame
            if frame is None and sound is None:
                break
            if frame is None:
                if writer is not None:
                    writer.sound(sound)
                continue
            tracks = tracker.step(frame.image, frame.time)
            if each is not None:
                each(frame, tracks)
            if writer is not None:
                with stages("draw"):
                    drawn = draw(frame.image, tracks)
                with stages("encode"):
                    writer.frame(drawn, frame.time)
            frames, with_faces = frames + 1, with_faces + bool(tracks)
            if progress is not None:
                progress(str(source) if clip.n_frames else f"{frames} frames", frames, clip.n_frames or 0)
        notes = tuple(clip.notes)
    return Followed(frames, with_faces, tracker.identities, time.perf_counter() - began, stages, notes)


def _timed(stages: Stages, name: str, work: Callable) -> Callable:
    def timed(*given):
        with stages(name):
            return work(*given)

    return timed
