"""Video files: frames as they are shown, with their times; and a new file with other frames and the same sound.

PyAV (the extra `media`) reads and writes them. Frames are RGB uint8 (h, w, 3), turned as the file says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fldbench.errors import DataError, MissingDependencyError, must_be
from fldbench.files import open_regular, written_whole

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
ENCODER = "libx264"
COPIED = ("aac", "mp3", "ac3", "eac3", "alac")  # sound that these files can hold; other sound becomes AAC
FINE = 90000  # ticks a second, for videos whose own clock does not tell


class Frame(NamedTuple):
    """One frame: RGB uint8 (h, w, 3) as it is shown, its number from 0, and its time in seconds."""

    image: np.ndarray
    number: int
    time: float


def _library() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("videos need PyAV; pip install 'fldbench[media]'") from error
    return av


def is_video(path: str | Path) -> bool:
    """Return whether a name ends as those of videos that are read usually do."""
    return Path(path).suffix.lower() in (*FORMATS, ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp")


class Clip:
    """A video that is being read; `open_clip` makes it.

    Attributes
    ----------
    notes : list of str
        What was wrong while reading, in words.
    """

    def __init__(self, container: Any, path: Path):
        self.path, self.notes = path, list[str]()
        self._container = container
        self._video = container.streams.video[0]
        self._video.thread_type = "AUTO"

    @property
    def n_frames(self) -> int | None:
        """How many frames the file says it has; None if it does not."""
        return self._video.frames or None

    @property
    def clock(self) -> Fraction:
        """Seconds of one tick of the times."""
        return Fraction(self._video.time_base or Fraction(1, FINE))

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        return Fraction(self._video.average_rate or 25)

    @property
    def sound(self) -> Any:
        """The stream of the sound, or None."""
        return next((one for one in self._container.streams.audio if one.codec_context is not None), None)

    def packets(self) -> Iterator[tuple[Frame | None, Any]]:
        """Yield (frame, None) and (None, packet of the sound) in the order of the file.

        A part that cannot be decoded is left out, and counted in the notes.

        Raises
        ------
        DataError
            When not one frame can be decoded.
        """
        av, broken, number, last = _library(), 0, 0, -np.inf
        step = float(1 / self.rate)
        wanted = [self._video, *([self.sound] if self.sound else [])]
        packets = self._container.demux(wanted)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode() if packet.stream is self._video else []
            except StopIteration:
                break
            except av.error.EOFError:
                continue
            except av.error.FFmpegError:
                broken += 1
                if broken > 1000:
                    break
                continue
            if packet.stream is not self._video:
                if packet.dts is not None:
                    yield None, packet
                continue
            for frame in frames:
                time = frame.time if frame.time is not None else (last + step if number else 0.0)
                if time <= last:  # times that stand still would leave a player without an order
                    time = last + step / 2
                last = time
                yield Frame(upright(frame.to_ndarray(format="rgb24"), frame.rotation), number, time), None
                number += 1
        if number == 0:
            raise DataError("not one frame of this video can be decoded", self.path)
        if broken:
            self.notes.append(f"{self.path}: {broken} part(s) of the video could not be decoded and are left out")
        if self.n_frames and number < 0.9 * self.n_frames:
            self.notes.append(f"{self.path}: {number} of the {self.n_frames} frames that it names are there")


def upright(image: np.ndarray, degrees: int) -> np.ndarray:
    """Return an image turned counterclockwise by a multiple of 90 degrees.

    >>> upright(np.array([[1, 2]]), 90).tolist(), upright(np.array([[1, 2]]), -90).tolist()
    ([[2], [1]], [[1], [2]])
    """
    return np.ascontiguousarray(np.rot90(image, round(degrees / 90)))


@contextmanager
def open_clip(path: str | Path) -> Iterator[Clip]:
    """Open a video file for reading.

    Raises
    ------
    DataError
        For a file that is not there, or is no video that can be decoded; it says why.
    MissingDependencyError
        Without PyAV.
    """
    av, path = _library(), Path(path)
    try:
        opened = open_regular(path)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", path) from error
    with opened as file:
        try:
            container = av.open(file, metadata_errors="ignore")
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            raise DataError(f"not a video that can be read ({_why(error)})", path) from error
        with container:
            if not container.streams.video:
                raise DataError("no video in this file", path)
            if container.streams.video[0].codec_context is None:
                raise DataError("the codec of this video is not known to PyAV; convert it, for example to H.264", path)
            yield Clip(container, path)


class Writer:
    """A video that is being written; `written_clip` makes it."""

    def __init__(self, container: Any, clip: Any, encoder: str):
        self._container, self._clock, self._encoder = container, clip.clock, encoder
        self._video: Any = None
        self._size = (0, 0)
        self._rate = clip.rate
        self._source, self._sound = clip.sound, None  # type: Any, Any
        self._resampler: Any = None
        self._waiting: list[Any] = []

    def _begin(self, image: np.ndarray) -> None:
        """Make the streams, once the size of the frames is known; sides become even, as H.264 wants them."""
        h, w = image.shape[:2]
        self._size = (w + w % 2, h + h % 2)
        self._video = self._container.add_stream(self._encoder, rate=self._rate)
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = self._clock
        if self._encoder == ENCODER:
            self._video.options = {"crf": "20", "preset": "veryfast"}
        if self._source is not None:
            if self._source.codec_context.name in COPIED:
                self._sound = self._container.add_stream_from_template(self._source)
            else:
                self._sound = self._container.add_stream("aac", rate=self._source.codec_context.sample_rate)
                self._resampler = _library().AudioResampler(
                    "fltp", self._source.codec_context.layout.name, self._source.codec_context.sample_rate
                )

        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.sound(packet)

    def frame(self, image: np.ndarray, time: float) -> None:
        """Append a frame, RGB uint8 (h, w, 3), shown from `time` in seconds on."""
        if self._video is None:
            self._begin(image)
        h, w = image.shape[:2]
        wide, high = self._size
        if (w, h) != self._size:
            if (w + w % 2, h + h % 2) != self._size:
                got = f"{w} x {h}"
                raise DataError(must_be("video", "the size of a frame", got, f"that of the first, {wide} x {high}"))
            image = np.pad(image, ((0, high - h), (0, wide - w), (0, 0)), mode="edge")
        frame = _library().VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.time_base, frame.pts = self._clock, round(time / self._clock)
        self._container.mux(self._video.encode(frame))

    def sound(self, packet: Any) -> None:
        """Append a packet of the sound, copied where the file can hold it, else encoded as AAC."""
        if self._video is None:
            self._waiting.append(packet)  # the streams are made with the first frame, whose size tells theirs
        elif self._resampler is None:
            packet.stream = self._sound
            self._container.mux(packet)
        else:
            for heard in packet.decode():
                for part in self._resampler.resample(heard):
                    self._container.mux(self._sound.encode(part))

    def end(self) -> None:
        """Write what the encoders still hold."""
        if self._video is not None:
            self._container.mux(self._video.encode(None))
        if self._resampler is not None:
            self._container.mux(self._sound.encode(None))


@contextmanager
def written_clip(path: str | Path, clip: Any, encoder: str = ENCODER) -> Iterator[Writer]:
    """Open a video file for writing that appears whole, when the block ends without an error, or not at all.

    It has the clock and the sound of `clip`, so that frames keep their times.

    Parameters
    ----------
    path : str or Path
        .mp4, .mov or .mkv.
    clip : Clip or Camera
        What the frames come from.
    encoder : str
        Of the picture, as FFmpeg names it.

    Raises
    ------
    DataError
        For another ending, and a video that cannot be encoded.
    MissingDependencyError
        Without PyAV, or when it lacks the encoder.
    StoreError
        When the file cannot be written.
    """
    av, path = _library(), Path(path)
    ending = check_ending(path)
    try:
        av.codec.Codec(encoder, "w")
    except ValueError as error:
        raise MissingDependencyError(f"this PyAV has no encoder {encoder!r}; install one from PyPI") from error
    with written_whole(path, "wb") as file:
        try:
            with av.open(file, "w", format=FORMATS[ending]) as container:
                writer = Writer(container, clip, encoder)
                yield writer
                writer.end()
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise DataError(f"the video cannot be encoded ({_why(error)})", path) from error


def check_ending(path: str | Path) -> str:
    """Return the ending of a video to write; raise DataError for one that is not known."""
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise DataError(must_be("video", "the ending of the file", ending, f"one of {', '.join(FORMATS)}"), path)
    return ending


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).partition(": '")[0]
