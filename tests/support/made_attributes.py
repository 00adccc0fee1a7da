"""Records of methods that answer attributes, made by hand, with answers whose numbers can be counted."""

import numpy as np
from made_records import NUMBERS, made_record, metrics_of

import fldbench
from fldbench.attribute_metrics import AttributeFacts, count_answers, measure_attribute
from fldbench.records.record import Metrics

N = 330
POSES = ("left", "frontal", "right")
EVEN, RARE = np.arange(N) % 2, (np.arange(N) % 10 == 0).astype(int)
POSE = np.repeat([0, 1, 2], N // 3)


def sure(codes, k, wrong=0, lost=0):
    """Right answers but for the first `wrong`, which are the next class, and `lost` last ones without any."""
    answers = np.eye(k)[np.where(np.arange(len(codes)) < wrong, (codes + 1) % k, codes)]
    answers[len(codes) - lost :] = np.nan
    return answers


def answering(method, answers, nme=4.0, seed=0, codes=None, left_out=None, **fields):
    """A record of a method with answers for attributes: name -> (codes, probabilities, classes)."""
    values = list(metrics_of(NUMBERS | {"nme": nme}, fldbench.get_protocol("300w-helen")).values_)
    measured = {}
    for name, (truth, probabilities, classes) in answers.items():
        ordered = name == "pose"
        values += measure_attribute(name, truth, probabilities, ordered)
        measured[name] = count_answers(truth, probabilities, classes, ordered)
    facts = AttributeFacts(measured, left_out or {})
    return made_record(method, seed=seed, metrics=Metrics(tuple(values)), attributes=facts, **fields)


def moods(wrong, lost=0):
    return {
        "smile": (EVEN, sure(EVEN, 2, wrong, lost), ("no", "yes")),
        "glasses": (RARE, sure(RARE, 2, wrong), ("no", "yes")),
        "pose": (POSE, sure(POSE, 3, wrong), POSES),
    }
