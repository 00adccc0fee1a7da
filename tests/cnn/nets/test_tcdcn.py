"""TCDCN: its weights and shapes, and the layer of local filters against numpy and torch's convolution."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toy_networks import QUICK
from toy_tasks import TASKS, faces_with_attributes
from toys import toy_faces

import fldbench
from fldbench.cnn.nets.tcdcn import TCDCN, LocalConv2d, TCDCNetwork
from fldbench.datasets.mtfl import ATTRIBUTES


def weights(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("shared", "convolutions", "total"), [(True, 51_536, 79_357), (False, 3_384_320, 3_412_141)])
def test_counts(shared, convolutions, total):
    network = TCDCNetwork(torch.zeros(5, 2), shared=shared)
    attributes = [nn.Linear(100, classes) for classes in (2, 2, 2, 5)]
    assert weights(network.body) == convolutions
    assert weights(network) + sum(map(weights, attributes)) == total
    assert network(torch.zeros(3, 1, 40, 40)).shape == (3, 5, 2)


def test_the_maps_have_the_sizes_of_the_paper():
    x, sizes = torch.zeros(1, 1, 40, 40), []
    for layer in TCDCNetwork(torch.zeros(5, 2)).body:
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    assert list(dict.fromkeys(sizes)) == [
        *((16, 36, 36), (16, 18, 18)),
        *((48, 16, 16), (48, 8, 8)),
        *((64, 6, 6), (64, 3, 3)),
        (64, 2, 2),
        (256,),
    ]


@pytest.mark.parametrize("shared", [True, False])
def test_the_network_is_that_of_the_paper(shared):
    """There |tanh| comes before the pooling."""
    network = TCDCNetwork(torch.rand(5, 2), shared=shared).double()
    x = seen = torch.randn(2, 1, 40, 40, dtype=torch.float64)
    for convolution in [m for m in network.body if isinstance(m, (nn.Conv2d, LocalConv2d))]:
        seen = convolution(seen).tanh().abs()
        if seen.shape[-1] > 2:
            seen = nn.functional.max_pool2d(seen, 2)
    features = network.dense[0](seen.flatten(1)).tanh().abs()
    points = (features @ network.head.weight.T + network.head.bias).view(2, 5, 2) + network.head.mean
    assert torch.allclose(network(x), points)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_local_filters_are_a_loop_over_cells(layout):
    layer = LocalConv2d((2, 5, 6), 3, 2)
    x = torch.randn(4, 2, 5, 6)
    truth = np.empty((4, 3, 4, 5))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy().reshape(20, 3)
    for cell, (row, column) in enumerate(np.ndindex(4, 5)):
        patch = x[:, :, row : row + 2, column : column + 2].numpy().reshape(4, -1)
        truth[:, :, row, column] = patch @ weight[cell] + bias[cell]
    with torch.no_grad():
        np.testing.assert_allclose(layer(x.contiguous(memory_format=layout)).numpy(), truth, atol=1e-5)
        np.testing.assert_allclose(layer(x[:1]).numpy(), truth[:1], atol=1e-5)


def test_tied_local_filters_are_a_convolution():
    local, shared = LocalConv2d((3, 7, 6), 4, 3).double(), nn.Conv2d(3, 4, 3).double()
    with torch.no_grad():
        local.weight.copy_(shared.weight.flatten(1).T.expand_as(local.weight))
        local.bias.copy_(shared.bias.repeat(20))
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64, requires_grad=True)
    seen = x.detach().clone().requires_grad_()
    found, truth = local(x), shared(seen)
    assert torch.allclose(found, truth)
    direction = torch.randn_like(truth)
    found.backward(direction)
    truth.backward(direction)
    assert torch.allclose(x.grad, seen.grad)
    # A shared weight's gradient is the sum of those of its copies.
    assert torch.allclose(local.weight.grad.sum(0).T, shared.weight.grad.flatten(1))
    assert torch.allclose(local.bias.grad.view(20, 4).sum(0), shared.bias.grad)


def test_the_gradients_of_local_filters():
    layer = LocalConv2d((2, 4, 5), 3, 2).double()
    x = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)

    def answer(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(answer, (x, layer.weight, layer.bias))


def test_local_filters_begin_in_the_range_of_torchs_convolutions():
    layer, shared = LocalConv2d((16, 8, 8), 32, 3), nn.Conv2d(16, 32, 3)
    for ours, theirs in zip(layer.parameters(), shared.parameters(), strict=True):
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.3)
        assert ours.abs().max() <= 1 / 12


def test_the_places_of_the_inputs_are_not_saved():
    assert set(LocalConv2d((2, 5, 6), 3, 2).state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize(("shared", "rate"), [(True, 2e-3), (False, 1e-3)])
def test_it_overfits_a_handful(shared, rate):
    faces = toy_faces(8)
    settings = {"epochs": 120, "batch_size": 8, "learning_rate": rate, "augmentation": "none", "training": QUICK}
    method = TCDCN(shared=shared, **settings).fit(faces)
    error = np.linalg.norm(method.predict(faces.images, faces.boxes) - faces.landmarks, axis=-1)
    assert error.mean() / (faces.boxes[:, 2:] - faces.boxes[:, :2]).mean() < 0.06


def test_local_filters_are_saved_and_frozen_like_convolutions(tmp_path):
    faces = toy_faces(6)
    method = TCDCN(shared=False, epochs=1, frozen=2, training=QUICK).fit(faces)
    first, second, third = [m for m in method.network_.body if isinstance(m, LocalConv2d)][:3]
    assert [m.weight.requires_grad for m in (first, second, third)] == [False, False, True]
    again = fldbench.load_method(method.save(tmp_path / "model.safetensors"))
    assert again.get_params() == method.get_params() and again.tasks == ("landmarks",)
    assert np.array_equal(again.predict(faces.images, faces.boxes), method.predict(faces.images, faces.boxes))


@pytest.mark.parametrize(("shared", "total"), [(True, 79_357), (False, 3_412_141)])
def test_counts_with_the_attributes_of_mtfl(shared, total):
    faces = toy_faces(6)
    codes = {name: np.arange(6) % len(one.classes) for name, one in ATTRIBUTES.items()}
    faces = replace(faces, attributes=codes, attribute_types=ATTRIBUTES)
    method = TCDCN(tasks=("landmarks", *ATTRIBUTES), shared=shared, epochs=1, training=QUICK).fit(faces)
    assert method.n_parameters == total
    found = method.predict_attributes(faces.images, faces.boxes)
    assert {name: part.shape for name, part in found.items()} == {
        **{"gender": (6, 2), "smile": (6, 2), "glasses": (6, 2)},
        "pose": (6, 5),
    }


def test_attributes_are_learned_beside_the_landmarks():
    faces = faces_with_attributes(60)
    settings = {"epochs": 80, "batch_size": 12, "learning_rate": 2e-3, "augmentation": "none", "training": QUICK}
    found = TCDCN(tasks=TASKS, **settings).fit(faces).predict_attributes(faces.images, faces.boxes)
    for name, part in found.items():
        assert (part.argmax(1) == faces.attributes[name]).mean() > 0.9
