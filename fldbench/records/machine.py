"""The facts about the machine in a record: what it has, and what the process may use."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fldbench.digest import LIBRARIES
from fldbench.params import usable_cores
from fldbench.records.record import Machine


@lru_cache(maxsize=1)
def machine_facts() -> Machine:
    """Return the facts about this machine and process, read once."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count(),
        cores_usable=usable_cores(),
        memory_gb=_memory_gb(),
        blas=_blas(),
        gpu=_gpu(),
        platform=platform.platform(),
        python=platform.python_version(),
        libraries={"fldbench": _version("fldbench")} | {names[0]: _first(names) for names in LIBRARIES.values()},
        commit=_commit(),
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _blas() -> str:
    """The library that numpy multiplies matrices with, the kernel that it chose, and its threads."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # OpenCV and scipy bring libraries of their own; numpy's lies in numpy.libs where it came with numpy.
    pools.sort(key=lambda pool: "numpy" not in str(pool["filepath"]))
    for pool in pools:
        words = pool["internal_api"], pool["version"], pool.get("architecture")
        return f"{' '.join(word for word in words if word)}, {pool['num_threads']} threads"
    return ""


def _gpu() -> str:
    """The name of the first GPU; only looked up if torch is loaded already."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name(0) if torch is not None and torch.cuda.is_available() else ""


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"


def _first(distributions: tuple[str, ...]) -> str:
    return next((found for name in distributions if (found := _version(name)) != "absent"), "absent")


def _commit() -> str:
    """The git commit of fldbench's own checkout, with a plus if files differ from it; empty without one."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    # An installed copy may be inside another repository.
    if not git("ls-files", "--error-unmatch", str(Path(__file__).resolve())):
        return ""
    return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
