"""A method cannot change what later methods of the same suite are measured on."""

import pytest
from toys import Noisy

import fldbench


class WritesTruth(Noisy):
    def fit(self, train, val=None):
        train.landmarks[:] += 5
        return super().fit(train)


class WritesPixels(Noisy):
    def predict(self, images, boxes):
        for image in images:
            image[:] = 0
        return super().predict(images, boxes)


class WritesBoxes(Noisy):
    def predict(self, images, boxes):
        boxes -= 20
        return super().predict(images, boxes)


@pytest.mark.parametrize("train", [{"dataset": "toy"}, {"dataset": "toy", "boxes": "official"}])
def test_the_next_method_s_numbers_stay_what_they_are(toy, tmp_path, train):
    names = {"writes-truth": WritesTruth, "writes-pixels": WritesPixels, "writes-boxes": WritesBoxes}
    for name, method in names.items():
        fldbench.register_method(name, method)
    suite = toy | {"train": [train], "protocols": ["toy-test", "toy-even"]}
    alone = fldbench.run_suite(suite, tmp_path / "alone")
    records = fldbench.run_suite(suite | {"methods": [*names, "noisy"]}, tmp_path / "all")
    by_name = {}
    for record in records:
        by_name.setdefault(record.method.name, []).append(record)
    assert [record.metrics for record in by_name["noisy"]] == [record.metrics for record in alone]
    assert [record.test.fingerprint for record in by_name["noisy"]] == [record.test.fingerprint for record in alone]
    for name in names:
        assert {record.status for record in by_name[name]} == {"failed"}
        (why,) = {record.reason for record in by_name[name]}
        assert why.startswith(
            f"{name} tried to change what it was given, which others use too (test_read_only_faces.py, l"
        )
