"""A camera as a video without an end: frames with the times at which they came, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import cv2

from fldbench.errors import DataError
from fldbench.media.clip import FINE, Frame

USUAL = 25  # frames a second, of a camera that does not tell


class Camera:
    """A camera that is being read; `open_camera` makes it. It has what `fldbench.media.clip.Clip` has."""

    sound = None
    n_frames = None
    clock = Fraction(1, FINE)

    def __init__(self, capture: Any, name: str):
        self.notes: list[str] = []
        self._capture, self._name, self._ended = capture, name, threading.Event()

    @property
    def rate(self) -> Fraction:
        """Frames a second that the camera says it gives."""
        told = float(self._capture.get(cv2.CAP_PROP_FPS) or 0)
        return Fraction(told).limit_denominator(1001) if 1 <= told <= 1000 else Fraction(USUAL)

    def end(self, *_: Any) -> None:
        """Let the frame that is being worked on be the last one; raise KeyboardInterrupt when it is called again."""
        if self._ended.is_set():
            raise KeyboardInterrupt
        self._ended.set()

    def packets(self) -> Iterator[tuple[Frame, None]]:
        """Yield (frame, None) until `end` is called or the camera gives no more.

        Raises
        ------
        DataError
            When it gives not one.
        """
        began, number, last = time.perf_counter(), 0, -1.0
        while not self._ended.is_set():
            there, image = self._capture.read()
            if not there:
                if number == 0:
                    raise DataError(f"{self._name} gives no frame; is it used by another program?")
                self.notes.append(f"{self._name} gave no more frames")
                return
            last = max(time.perf_counter() - began if number else 0.0, last + float(self.clock))
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), number, last), None
            number += 1


@contextmanager
def open_camera(index: int) -> Iterator[Camera]:
    """Open a camera by its number, from 0. In the block Ctrl-C ends its frames, and the program only if it comes twice.

    Raises
    ------
    DataError
        When there is no such camera.
    """
    name = f"camera {index}"
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its own words about a camera that is not there
    try:
        capture = cv2.VideoCapture(index)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        capture.release()
        raise DataError(f"there is no {name}, or it may not be read")
    camera = Camera(capture, name)
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, camera.end) if main else None
    try:
        yield camera
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
        capture.release()
