"""Plan -> fit -> predict -> score -> record; only here and in `outside` do truth and prediction meet."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from fldbench import registry
from fldbench.dataset import data_root
from fldbench.errors import DatasetNotFoundError, FldbenchError
from fldbench.faces import FaceSet
from fldbench.method import Method, load_method, predict_checked
from fldbench.plan import Job, Loaded, Plan, make_plan, method_facts
from fldbench.protocols import Protocol, Score, boxes_from, ids_hash
from fldbench.store import Record, Store
from fldbench.suite import Suite, load_suite

BLOCK = 256  # faces predicted at once: bounds memory, and is the batch that ms_per_face is measured at
WARM_UP = 8  # faces predicted before the clock starts
ALONE = 20  # faces predicted one by one, for ms_one_face
REASONS_KEPT = 20

OnEvent = Callable[[str, int, int], None]  # what was done; steps done, steps in all


def run_suite(
    suite: str | Path | dict[str, Any] | Suite,
    out: str | Path,
    data: str | Path | None = None,
    jobs: int = 1,
    fresh: bool = False,
    on_event: OnEvent | None = None,
) -> list[Record]:
    """Runs what is not done yet and returns the records of the whole suite, in its order.

    suite   a YAML file, a dict of its shape, or a Suite
    out     folder of records and models; a second call with the same one reuses them
    data    data root, default the environment variable FLDBENCH_DATA
    jobs    models fitted at the same time, in processes of their own
    fresh   forget earlier records and models of this suite first

    A model that fails becomes a record with status failed and its reason; the others go on. Raises SuiteError,
    StoreError, and DatasetNotFoundError when no training set of the suite is there.
    """
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    data_root(data)  # before anything is created
    store = Store(out)
    plan = make_plan(suite, data)
    keys = [key for job in plan.jobs for key, _ in job.runs]
    if fresh:
        own = [job.model_key for job in plan.jobs]
        store.forget([*keys, *own])
        for job in plan.jobs:  # members that another suite fitted are earlier results too
            job.member_keys = job.member_keys if set(job.member_keys) <= set(own) else []
    todo = [job for job in plan.jobs if not all(store.has_record(key) for key, _ in job.runs)]
    if todo:
        _drop_unreadable(plan, todo)
        _run_jobs(todo, plan, store, jobs, on_event or (lambda what, done, total: None))
    return [_as_planned(store.read(key), job) for job in plan.jobs for key, _ in job.runs]


def _as_planned(record: Record, job: Job) -> Record:
    """The record under the labels that this suite gives its method and training set; keys do not depend on them."""
    method, train = record.method | {"label": job.spec.label}, record.train | {"label": job.train_spec.label}
    return replace(record, method=method, train=train)


def _drop_unreadable(plan: Plan, todo: list[Job]) -> None:
    trains = {job.train_spec.label for job in todo}
    tests = {(protocol.dataset, protocol.split) for job in todo for _, protocol in job.runs}
    for loaded in (*(plan.train[key] for key in trains), *(plan.test[key] for key in tests)):
        loaded.drop_unreadable()


def _run_jobs(todo: list[Job], plan: Plan, store: Store, jobs: int, on_event: OnEvent) -> None:
    on_event("", 0, len(todo))
    work = (delayed(_run_job)(job, plan, store, jobs) for job in todo)
    for done, what in enumerate(Parallel(n_jobs=jobs, return_as="generator_unordered")(work), start=1):
        on_event(what, done, len(todo))


def _run_job(job: Job, plan: Plan, store: Store, jobs: int) -> str:
    """Fits one model unless it is there, and writes the record of every protocol that is not done."""
    for name, target in job.targets.items():
        registry.register("method", name, target)
    runs = [(key, protocol) for key, protocol in job.runs if not store.has_record(key)]
    started = now()
    problems: dict[str, None] = {}

    def fail(key: str, protocol: Protocol, error: Exception) -> None:
        problems[_reason(error)] = None
        store.write(_record(job, key, protocol, plan, started, **_failure(error)))

    try:
        method, fit = _fitted(job, plan.train[job.train_spec.label], store, jobs)
    except Exception as error:
        for key, protocol in runs:
            fail(key, protocol, error)
        return "; ".join([job.label, *problems])
    for group in _by_boxes(runs):
        loaded = plan.test[group[0][1].dataset, group[0][1].split]
        try:
            row_of, predictions, speed = _predict_for([protocol for _, protocol in group], method, loaded)
        except Exception as error:
            for key, protocol in group:
                fail(key, protocol, error)
            continue
        for key, protocol in group:
            try:
                faces = _faces_of(protocol, loaded)
                answers = predictions[[row_of[face] for face in faces.ids.tolist()]]
                score = protocol.score(answers, faces)
            except Exception as error:
                fail(key, protocol, error)
                continue
            fit_facts = {name: fit[name] for name in ("fit_seconds", "device", "threads")}
            test = test_facts(protocol, faces, score, loaded.problems_in(protocol), plan.test_prints[protocol.name])
            record = _record(
                job,
                key,
                protocol,
                plan,
                started,
                status="ok",
                test=test,
                metrics=json_metrics(score),
                timings=fit_facts | speed,
            )
            record.method.update({name: fit[name] for name in ("parameters", "multiply_adds", "model_bytes")})
            store.write(record, {"ids": faces.ids, "errors": score.errors, "predictions": answers})
    return "; ".join([job.label, *problems])


def _fitted(job: Job, train: Loaded, store: Store, jobs: int) -> tuple[Method, dict[str, Any]]:
    """The model as it was saved, so that a resumed run measures exactly what an unbroken one does."""
    if not store.has_model(job.model_key):
        seconds = _fit(job, train, store)
        fit = {
            "fit_seconds": round(seconds, 3),
            "device": job.method.device_,
            "threads": max(1, (os.cpu_count() or 1) // jobs),
            "parameters": int(job.method.n_parameters),
            "multiply_adds": job.method.multiply_adds,
        }
        store.write_model(job.model_key, job.method.save, fit)
    return load_method(store.model_path(job.model_key) / "model.safetensors"), store.read_fit(job.model_key)


def _fit(job: Job, train: Loaded, store: Store) -> float:
    """Fits the job's method, or takes the members that were fitted already; the seconds that fitting takes."""
    if job.member_keys and all(store.has_model(key) for key in job.member_keys):
        job.method.assemble([load_method(store.model_path(key) / "model.safetensors") for key in job.member_keys])
        return sum(store.read_fit(key)["fit_seconds"] for key in job.member_keys)
    faces = train.check_usable()
    start = time.perf_counter()
    job.method.fit(faces)
    return time.perf_counter() - start


def _by_boxes(runs: Iterable[tuple[str, Protocol]]) -> list[list[tuple[str, Protocol]]]:
    """Runs that can share one prediction: same test split, same boxes."""
    groups: dict[tuple, list] = {}
    for key, protocol in runs:
        groups.setdefault((protocol.dataset, protocol.split, protocol.box_source), []).append((key, protocol))
    return list(groups.values())


def _faces_of(protocol: Protocol, loaded: Loaded) -> FaceSet:
    """The protocol's faces; raises DatasetNotFoundError that says which parts are absent when there is none."""
    faces = protocol.select(loaded.check_usable())
    if not len(faces):
        absent = ", ".join(part for part, (found, _) in faces.parts.items() if not found)
        raise DatasetNotFoundError(f"0 of {protocol.n_expected} faces of {protocol.name} are there (absent: {absent})")
    return faces


def _predict_for(
    protocols: list[Protocol], method: Method, loaded: Loaded
) -> tuple[dict[str, int], np.ndarray, dict[str, float]]:
    """Predicts every face that some protocol wants, once: face id -> row, predictions (n, L, 2) px, speed."""
    faces = boxes_from(loaded.check_usable(), protocols[0].box_source)
    wanted = {face for protocol in protocols for face in protocol.select(faces).ids.tolist()}
    faces = faces[np.isin(faces.ids, sorted(wanted))]
    predictions, speed = _predict(method, faces) if len(faces) else (np.empty((0, *faces.landmarks.shape[1:])), {})
    return {face: row for row, face in enumerate(faces.ids.tolist())}, predictions, speed


def _predict(method: Method, faces: FaceSet) -> tuple[np.ndarray, dict[str, float]]:
    """Predictions (n, L, 2) px; milliseconds a face in large batches and alone, without the decoding of images."""
    answers, seconds, alone = [], 0.0, []
    points = faces.landmarks.shape[1]
    for start in range(0, len(faces), BLOCK):
        block = faces[start : start + BLOCK]
        images = list(block.images)
        if start == 0:
            predict_checked(method, images[:WARM_UP], block.boxes[:WARM_UP], points)
            for i in range(min(ALONE, len(block))):
                clock = time.perf_counter()
                predict_checked(method, images[i : i + 1], block.boxes[i : i + 1], points)
                alone.append(time.perf_counter() - clock)
        clock = time.perf_counter()
        answers.append(predict_checked(method, images, block.boxes, points))
        seconds += time.perf_counter() - clock
    speed = {"ms_per_face": 1000 * seconds / len(faces), "ms_one_face": 1000 * float(np.median(alone))}
    return np.concatenate(answers), {name: round(ms, 3) for name, ms in speed.items()}


def json_metrics(score: Score) -> dict[str, float | None]:
    """The metrics as JSON has them: null where no face was found."""
    return {name: None if np.isnan(value) else value for name, value in score.metrics.items()}


def test_facts(
    protocol: Protocol, faces: FaceSet, score: Score, left_out: list[str], fingerprint: str
) -> dict[str, Any]:
    """What a record says of the faces it was measured on."""
    ids = ids_hash(faces)
    return {
        "n": len(faces),
        "missed": score.missed,
        "left_out": len(left_out),
        "left_out_reasons": left_out[:REASONS_KEPT],
        "complete": protocol.is_complete(faces),
        "ids_sha256": ids,
        "fingerprint": fingerprint,
        "parts": {part: list(counts) for part, counts in faces.parts.items()},
    }


def _record(job: Job, key: str, protocol: Protocol, plan: Plan, started: str, **fields: Any) -> Record:
    train, spec = plan.train[job.train_spec.label], job.train_spec
    return Record(
        key=key,
        method=method_facts(job.method, job.spec) | {"label": job.spec.label},
        train={
            "label": spec.label,
            "dataset": spec.dataset,
            "split": spec.split,
            "faces": 0 if train.faces is None else len(train.faces),
            "n_expected": train.n_expected,
            "parts": {} if train.faces is None else {part: list(counts) for part, counts in train.faces.parts.items()},
            "left_out": len(train.problems),
            "left_out_reasons": list(train.problems.values())[:REASONS_KEPT],
            "fingerprint": plan.train_prints[spec.label],
        },
        protocol=protocol.to_dict() | {"hash": protocol.hash},
        seed=job.seed,
        machine=machine_facts(),
        started=started,
        ended=now(),
        **fields,
    )


def machine_facts() -> dict[str, str]:
    """Platform, cores and the versions of the libraries that numbers depend on."""
    facts = {"platform": platform.platform(), "python": platform.python_version(), "cores": str(os.cpu_count())}
    for name in ("fldbench", "numpy", "scipy", "opencv-contrib-python-headless", "dlib-bin", "torch"):
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "absent"
    return facts


def _failure(error: Exception) -> dict[str, str]:
    status = "skipped" if isinstance(error, DatasetNotFoundError) else "failed"
    trace = "" if isinstance(error, FldbenchError) else "".join(traceback.format_exception(error))
    return {"status": status, "reason": _reason(error), "traceback": trace}


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, FldbenchError) else f"{type(error).__name__}: {text}"


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
