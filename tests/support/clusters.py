"""A Dask scheduler and its workers on this machine, each a process of its own."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress


class Cluster:
    """A scheduler and its workers, until the block ends."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.file = folder / "scheduler.json"
        self._environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def __enter__(self):
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        try:
            self.address = self._its_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *why):
        self.stop()

    def _its_address(self):
        """Wait for the file and for all of it: the scheduler opens it before it writes."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(FileNotFoundError, json.JSONDecodeError):
                return json.loads(self.file.read_text())["address"]
            time.sleep(0.05)
        raise TimeoutError(f"the scheduler wrote no whole {self.file} within 60 s")

    def work(self, n):
        """Start n more workers and return them."""
        return [self._start("dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(n)]

    def _start(self, what, *words):
        command = [sys.executable, "-m", f"distributed.cli.{what}", "--scheduler-file", str(self.file), *words]
        log = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=self.folder, env=self._environ, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
