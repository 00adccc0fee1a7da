"""Measure packs and crops; the figures are in results/pack/README.md. Linux only: it reads /proc.

    python benchmarks/pack.py access     random access: the folder of 300-W against packs of it (FLDBENCH_DATA)
    python benchmarks/pack.py crops      crops with threads, with processes and from the cache (FLDBENCH_DATA)
    python benchmarks/pack.py million    a million synthetic entries; needs 8 GB of disk below --work

Everything is written into a temporary folder below --work (by default /tmp) and deleted.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import joblib
import numpy as np

import fldbench
from fldbench.faces import FaceSet, Images
from fldbench.faces.crops import FACES_PER_TASK, _cut_some, cached_crops, crop_image
from fldbench.faces.pack import open_pack, pack
from fldbench.geometry import crop_matrix

SIZE, PADDING = 160, 0.25
READS, ROUNDS = 1000, 7
MILLION = 1_000_000


def seconds(function, clock=time.perf_counter) -> float:
    start = clock()
    function()
    return clock() - start


def use(read, order: list[int]) -> None:
    for i in order:
        read(i)


def resident() -> float:
    """Return the MB of this process in memory, mapped files included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def forget(*paths: Path) -> None:
    """Drop files from the system's cache, so that the next read comes from the disk."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def access(work: Path) -> None:
    """Print median images per second of CPU time: random order, one thread, files in the system's cache."""
    cv2.setNumThreads(1)
    faces = fldbench.load_dataset("300w", split="train")
    matrices = crop_matrix(faces.boxes, SIZE, PADDING)
    readers = {
        "folder: decode": faces.images.__getitem__,
        "folder: decode and cut 160 px": lambda i: crop_image(faces.images[i], matrices[i], SIZE, grey=False),
    }
    kinds = {
        "pack of the files": {},
        "pack, 160 px raw": {"size": SIZE},
        "pack, 160 px JPEG 95": {"size": SIZE, "quality": 95},
    }
    print(f"{len(faces)} faces, {sum(map(os.path.getsize, faces.images.paths)) / 1e6:.1f} MB of image files")
    for name, options in kinds.items():
        out = work / name.replace(" ", "-")
        spent = seconds(lambda out=out, options=options: pack(faces, out, **options))
        index = out.with_name(out.name + ".index")
        sizes = out.stat().st_size / 1e6, index.stat().st_size / 1e6
        print(f"{name}: packed in {spent:.1f} s, {sizes[0]:.1f} MB and an index of {sizes[1]:.1f} MB")
        readers[name] = open_pack(out).images.__getitem__
    orders = np.random.default_rng(0).integers(0, len(faces), (ROUNDS + 1, READS)).tolist()
    spent = {name: [] for name in readers}
    for order in orders:
        for name, read in readers.items():
            spent[name].append(seconds(lambda read=read, order=order: use(read, order), time.process_time))
    rates = {name: READS / np.median(times[1:]) for name, times in spent.items()}  # the first round warms up
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} images/s, {rate / rates['folder: decode']:.1f} x decoding the folder")


def crops(work: Path) -> None:
    """Print faces per second: decoding and cutting to 160 px in colour, and opening crops that were cut before."""
    faces = fldbench.load_dataset("300w", split="train")
    matrices = crop_matrix(faces.boxes, SIZE, PADDING)
    print(f"{len(faces)} faces; fingerprint in {seconds(lambda: faces.fingerprint):.2f} s")
    parts = [slice(start, start + FACES_PER_TASK) for start in range(0, len(faces), FACES_PER_TASK)]

    def by_processes():
        tasks = (joblib.delayed(_cut_some)(faces.images[part], matrices[part], SIZE, False) for part in parts)
        joblib.Parallel(n_jobs=2)(tasks)

    by_processes()  # starts the processes
    for turn in range(5):
        for jobs in (1, 2):
            cache = work / f"{turn}-{jobs}"
            spent = seconds(lambda cache=cache, jobs=jobs: cached_crops(faces, SIZE, PADDING, False, cache, jobs))
            print(f"{jobs} thread(s): {len(faces) / spent:.0f} faces/s")
        print(f"2 processes: {len(faces) / seconds(by_processes):.0f} faces/s")
        again = seconds(lambda cache=cache: cached_crops(faces, SIZE, PADDING, False, cache))
        print(f"from the cache: {again * 1000:.1f} ms for all")


class FewFaces(Images):
    """n entries that show a few rendered faces in turn; each entry has its own digest, so that no image is shared."""

    def __init__(self, n: int):
        rendered = fldbench.load_dataset("synthetic", split="test").images[:8]
        self._n = n
        self._files = [cv2.imencode(".jpg", image[..., ::-1])[1].tobytes() for image in rendered]

    def __len__(self) -> int:
        return self._n

    def encoded(self, i: int) -> bytes:
        return self._files[i % len(self._files)]

    def digest(self, i: int) -> bytes:
        return hashlib.sha256(b"%d" % i).digest()


def million(work: Path) -> None:
    """Pack a million entries of 68 points; open and read them in fresh processes."""
    rng = np.random.default_rng(0)
    faces = FaceSet(
        ids=np.array([f"clip-{i // 100:05d}/frame-{i % 100:02d}" for i in range(MILLION)]),
        images=FewFaces(MILLION),
        boxes=np.tile([30.0, 30.0, 130.0, 130.0], (MILLION, 1)),
        landmarks=rng.uniform(30, 130, (MILLION, 68, 2)),
        scheme="ibug-68",
        attributes={"smile": rng.integers(0, 2, MILLION)},
        groups=np.array([f"clip-{i // 100:05d}" for i in range(MILLION)]),
    )
    out = work / "million"
    print(f"packed in {seconds(lambda: pack(faces, out)):.0f} s")
    print(f"fingerprint of the source in {seconds(lambda: faces.fingerprint):.1f} s")
    index = work / "million.index"
    print(f"files: {out.stat().st_size / 1e9:.2f} GB and an index of {index.stat().st_size / 1e9:.2f} GB")
    for turn in ("cold", "warm", "warm"):
        if turn == "cold":
            forget(out, index)
        subprocess.run([sys.executable, __file__, "read", "--work", str(work)], check=True)
    print("fingerprints agree:", open_pack(out).fingerprint == faces.fingerprint)


def read(work: Path) -> None:
    """Open the pack of a million entries in this fresh process, and use it."""
    before = resident()
    start = time.perf_counter()
    faces = open_pack(work / "million")
    opened = time.perf_counter() - start
    print(f"opened in {opened * 1000:.1f} ms, {resident() - before:.1f} MB more resident; {len(faces)} faces")
    print(f"first image in {seconds(lambda: faces.images[777_777]) * 1000:.0f} ms, with the check of their places")
    order = np.random.default_rng(1).integers(0, MILLION, 20_000).tolist()
    spent = seconds(lambda: use(faces.images.__getitem__, order))
    print(f"random access: {len(order) / spent:.0f} images/s; {resident() - before:.0f} MB more resident than at start")
    print(f"first use of all landmarks, with their check: {seconds(lambda: faces.landmarks) * 1000:.0f} ms")
    print(f"a whole face: {seconds(lambda: faces[123_456]) * 1000:.0f} ms the first time")
    print(f"{resident() - before:.0f} MB more resident than at start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("access", "crops", "million", "read"), help="read is called by million")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    chosen = parser.parse_args()
    if chosen.what == "read":
        read(chosen.work)
        return
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        {"access": access, "crops": crops, "million": million}[chosen.what](Path(folder))


if __name__ == "__main__":
    main()
