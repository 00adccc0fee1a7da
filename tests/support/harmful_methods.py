"""A plug-in whose methods do to their process, each on purpose, what a method should not do."""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from toys import Toy, toy_protocol

from fldbench import Method, register_dataset, register_method, register_protocol
from fldbench.run.quiet import stood_still

register_dataset("harmful-dots", Toy)
register_protocol(toy_protocol("harmful-test", dataset="harmful-dots"))


class Harmful(Method):
    """Does harm when it is fitted, and answers with the mean points of the training faces."""

    def fit(self, train, val=None):
        """Do harm."""
        self.harm()
        self.scheme_, self.mean_ = train.scheme, train.landmarks.mean(0)
        return self

    def predict(self, images, boxes):
        """Answer the mean."""
        return np.repeat(self.mean_[None], len(images), 0)

    def harm(self):
        """Do none."""


@register_method("talks")
class Talks(Harmful):
    """Prints."""

    def harm(self):
        """Print on both streams, and from a process of its own."""
        print("to stdout")
        print("to stderr", file=sys.stderr)
        subprocess.run(["echo", "from a child"], check=True)


@register_method("segfault")
class Segfault(Harmful):
    """Reads address 0."""

    def harm(self):
        """Crash."""
        ctypes.string_at(0)


@register_method("exits")
class Exits(Harmful):
    """Ends its process."""

    def harm(self):
        """End with a status of success."""
        os._exit(0)


@register_method("hangs")
class Hangs(Harmful):
    """Takes for ever, and cannot be interrupted."""

    def harm(self):
        """Wait."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)


@register_method("grows")
class Grows(Harmful):
    """Takes all memory."""

    def harm(self):
        """Fill it."""
        kept = []
        while True:
            kept.append(np.ones(2_500_000))
            time.sleep(0.01)


@register_method("leaves-child")
class LeavesChild(Harmful):
    """Leaves a process behind, in a session of its own, whose parent has ended."""

    def harm(self):
        """Leave it, and a temporary file."""
        code = "import subprocess; print(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)"
        subprocess.run([sys.executable, "-c", code], check=True)
        tempfile.mkstemp(prefix="fldbench-left-behind-")


@register_method("kills-watcher")
class KillsWatcher(Harmful):
    """Kills the process that watches it."""

    def harm(self):
        """Kill."""
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)


@register_method("moves")
class Moves(Harmful):
    """Goes elsewhere, and takes all file handles."""

    def harm(self):
        """Change what belongs to the process."""
        os.chdir("/")
        os.environ.clear()
        self._files = []
        try:
            while True:
                self._files.append(open(os.devnull))  # noqa: SIM115
        except OSError:
            self._files.clear()


@register_method("waits")
class Waits(Harmful):
    """Says that it runs, and waits."""

    def harm(self):
        """Wait for two seconds."""
        print("waiting", os.getpid())
        time.sleep(2)


@register_method("ticks")
class Ticks(Harmful):
    """Works until another cell has measured its latency, and writes down when it did: a clock that must stand still."""

    def harm(self):
        """Write the time over and over, and at last for how long it stood still."""
        begin = time.monotonic()
        with open(os.environ["TICKS"], "a", buffering=1) as file:
            while not os.path.exists(os.environ["MEASURED"]) and time.monotonic() < begin + 60:
                file.write(f"{time.monotonic()}\n")
                time.sleep(0.002)
            file.write(f"{time.monotonic()}\nstood {stood_still()}\n")


@register_method("measures")
class Measures(Harmful):
    """Writes down when it is asked for faces one by one."""

    def harm(self):
        """Wait until the other cell works."""
        while not os.path.exists(os.environ["TICKS"]):
            time.sleep(0.01)

    def predict(self, images, boxes):
        """Take a moment for one face; say when that was, when several are asked for again."""
        if len(images) == 1:
            self.asked_ = [*getattr(self, "asked_", []), time.monotonic()]
            time.sleep(0.02)
        elif hasattr(self, "asked_") and not os.path.exists(os.environ["MEASURED"]):
            with open(os.environ["MEASURED"] + ".part", "w") as file:
                file.write(" ".join(map(str, self.asked_)))
            os.replace(file.name, os.environ["MEASURED"])
        return super().predict(images, boxes)


@register_method("dies-measuring")
class DiesMeasuring(Harmful):
    """Ends its process when it is asked for a single face."""

    def predict(self, images, boxes):
        """Die."""
        if len(images) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(images, boxes)
