"""ONNX against torch, costs by hand, norms folded in, and the metadata of the files."""

import copy
import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from fldbench.baselines.mean_shape import MeanShape
from fldbench.cnn.cost import cost, fused, latency, multiply_adds, weight_bytes
from fldbench.cnn.export import export_onnx
from fldbench.cnn.heads import PointHead, as_output
from fldbench.cnn.layers import BatchNorm2d
from fldbench.cnn.nets.alexnet_elu import AlexNetELU
from fldbench.cnn.nets.five_conv import FiveConv, FiveConvNetwork
from fldbench.cnn.nets.fld_net import FldNet, FldNetwork
from fldbench.cnn.nets.heatmap import Heatmap, HeatmapNetwork
from fldbench.cnn.nets.mobilenet import MobileNet, MobileNetwork
from fldbench.cnn.nets.mtfld import MTFLD
from fldbench.cnn.nets.naimish_net import NaimishNet
from fldbench.cnn.nets.nose_net import NoseNet
from fldbench.cnn.nets.resnet_wing import ResidualNetwork, ResNetWing
from fldbench.cnn.nets.small import LandmarkNet, SmallCNN
from fldbench.cnn.nets.tcdcn import TCDCN, TCDCNetwork
from fldbench.cnn.nets.vggface import VGGFaceTransfer
from fldbench.cnn.view import normalised
from fldbench.errors import MethodError, MissingDependencyError, StoreError

METHODS = {
    "five-conv": FiveConv(width=96, height=90),
    "nose-net": NoseNet(width=64, height=48),
    "naimish-net": NaimishNet(size=32),
    "naimish-net, a net for each point": NaimishNet(joint=False, size=31, channels=3),
    "alexnet-elu": AlexNetELU(size=63),
    "resnet 18": ResNetWing(depth=18, size=64, normalise="imagenet"),
    "resnet 50": ResNetWing(size=96, channels=1),
    "vggface-transfer": VGGFaceTransfer(size=32),
    "mobilenet-0.3": MobileNet(),
    "heatmap": Heatmap(size=64),
    "fld-net": FldNet(size=64, width=8, head=16),
    "cnn-small": SmallCNN(size=32),
    "tcdcn": TCDCN(),
    "tcdcn, local filters": TCDCN(shared=False),
    "mtfld": MTFLD(),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def as_if_fitted(method, n_points=5):
    """The method with a network whose norms have seen crops and whose answers differ from face to face."""
    rng = np.random.default_rng(0)
    method.mean_ = rng.uniform(-0.6, 0.6, (n_points, 2)).astype(np.float32)
    method.shift_ = rng.uniform(-0.02, 0.02, (n_points, 2)).astype(np.float32)
    method.scheme_, method.landmark_ = "mtfl-5", 2
    method.network_ = network = method._built(n_points)
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the mean over the batches
    x = normalised(torch.from_numpy(crops(method, 4)), method.normalise)
    with torch.no_grad():
        network.train()(x)
        network.eval()
        if isinstance(network, (HeatmapNetwork, FldNetwork)):
            return method
        if isinstance(network, LandmarkNet):
            network.head[-1].weight.mul_(20)  # begins with answers that hardly differ
            return method
        spread = (network(x) - torch.from_numpy(method.mean_)).std()
        for module in network.modules():
            if isinstance(module, PointHead):
                module.weight.mul_(0.02 / spread)  # a hundredth of the crop; more would magnify the rounding of both
    return method


def crops(method, n):
    width, height = method.input_size
    rng = np.random.default_rng(1)
    coarse = rng.uniform(0, 255, (n, method.channels, 4, 4))
    return np.kron(coarse, np.ones((1, 1, -(-height // 4), -(-width // 4))))[..., :height, :width].astype(np.float32)


@pytest.mark.parametrize("name", METHODS)
def test_onnx_answers_as_torch_does(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    method = as_if_fitted(METHODS[name])
    width, height = method.input_size
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    path = export_onnx(method, tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        for n in (3, 1):  # the batch is free
            images = crops(method, n)
            # In double precision: the rounding of fifty layers, some 7e-5 px each here, counts once and not twice.
            x = normalised(torch.from_numpy(images), method.normalise).double()
            points = as_output(copy.deepcopy(method.network_).double()(x))["points"].numpy()
            expected = (points + method.shift_ + 1) / 2 * (width, height) - 0.5
            (found,) = session.run(["landmarks"], {"image": images})
            assert found.shape == (n, 5, 2) and found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
            if n > 1:
                assert np.ptp(found, axis=0).max() > 0.03  # px: the faces differ, so the network is what was compared
    facts = json.loads(session.get_modelmeta().custom_metadata_map["fldbench"])
    assert facts == {
        "scheme": "mtfl-5",
        "width": width,
        "height": height,
        "channels": method.channels,
        "padding": method.padding,
    }


def test_what_cannot_be_exported(tmp_path, monkeypatch):
    with pytest.raises(MethodError, match="mean-shape is not a network; only networks can be exported"):
        export_onnx(MeanShape(), tmp_path / "m.onnx")
    with pytest.raises(MethodError, match="five-conv has not been fitted; call fit first"):
        export_onnx(FiveConv(), tmp_path / "m.onnx")
    method = as_if_fitted(NoseNet())
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        export_onnx(method, tmp_path / "file" / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"export needs the package onnx; install fldbench\[onnx\]"):
        export_onnx(method, tmp_path / "m.onnx")


def test_multiply_adds_by_hand():
    network = FiveConvNetwork(torch.zeros(58, 2))
    convolutions = (
        156 * 116 * 6 * 25  # 160 x 120 -> 156 x 116
        + 74 * 54 * 12 * 6 * 25  # pooled to 78 x 58
        + 35 * 25 * 12 * 12 * 9  # 37 x 27
        + 15 * 10 * 24 * 12 * 9  # 17 x 12
        + 13 * 8 * 24 * 24 * 9
    )
    assert multiply_adds(network, (1, 120, 160)) == convolutions + 576 * 256 + 256 * 116


@pytest.mark.parametrize(
    ("alpha", "shallow", "millions"), [(0.3, True, 16.2), (0.3, False, 28.6), (1.0, True, 156), (1.0, False, 290)]
)
def test_multiply_adds_of_the_mobilenets(alpha, shallow, millions):
    with torch.device("meta"):
        network = MobileNetwork(torch.zeros(88, 2), alpha, shallow)
    assert multiply_adds(network, (3, 160, 160)) / 1e6 == pytest.approx(millions, rel=5e-3)


def test_multiply_adds_of_local_filters_are_their_weights():
    local, shared = (TCDCNetwork(torch.zeros(5, 2), shared=shared) for shared in (False, True))
    weights = sum(p.numel() for name, p in local.named_parameters() if name.endswith("weight"))
    assert multiply_adds(local, (1, 40, 40)) == weights
    assert multiply_adds(shared, (1, 40, 40)) == multiply_adds(local, (1, 40, 40))


def test_weight_bytes_and_the_projects_size():
    network = MobileNetwork(torch.zeros(88, 2))
    counters = 8 * 17  # of the norms
    assert weight_bytes(network) == 4 * (231_700 + 176) + counters
    assert weight_bytes(network) <= 1_000_000
    assert weight_bytes(fused(network)) < weight_bytes(network)


def test_cost_has_all_its_parts():
    network = FiveConvNetwork(torch.zeros(5, 2), 80, 80).train()
    found = cost(network, (1, 80, 80), seconds=0.0)
    assert found.parameters == sum(p.numel() for p in network.parameters())
    assert found.multiply_adds == multiply_adds(network, (1, 80, 80))
    assert found.weight_bytes == weight_bytes(network) and found.threads == 1
    assert found.ms_one > 0 and found.ms_each_of_64 > 0
    assert network.training  # as it was


def test_latency_is_a_median(monkeypatch):
    ticks = iter([0.0, 0.1, 1.0, 1.3, 2.0, 2.2])
    monkeypatch.setattr("fldbench.cnn.cost.time.perf_counter", lambda: next(ticks))
    assert latency(nn.Linear(3, 1), (3,), 2, seconds=0.0) == pytest.approx(200.0)


FUSED = {
    "mobilenet": (lambda: MobileNetwork(torch.zeros(3, 2), size=64), (3, 64, 64), 17),
    "resnet 18": (lambda: ResidualNetwork(torch.zeros(3, 2), 18), (3, 48, 48), 20),
    "resnet 50": (lambda: ResidualNetwork(torch.zeros(3, 2), 50), (3, 33, 33), 53),
    "heatmap": (lambda: HeatmapNetwork(torch.zeros(3, 2), 32, width=8), (1, 32, 32), 11),
    # stem; two in each of seven residual blocks; three shortcuts; two behind the pyramid
    "fld-net": (lambda: FldNetwork(3, width=8, head=8), (3, 32, 32), 1 + 2 * 7 + 3 + 2),
    "cnn-small": (lambda: LandmarkNet(32, torch.zeros(3, 2)), (1, 32, 32), 6),
}


@pytest.mark.parametrize("name", FUSED)
def test_folding_the_norms_changes_no_answer(name):
    build, shape, n_norms = FUSED[name]
    network = build()
    x = torch.randn(4, *shape)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BatchNorm2d):
                module.momentum = None
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
        network.train()(x)
        network.eval()
        names = set(network.state_dict())
        quick = fused(network)
        old, new = (as_output(n(x))["points"] for n in (network, quick))
    assert torch.allclose(old, new, atol=1e-5)
    assert sum(isinstance(m, BatchNorm2d) for m in network.modules()) == n_norms
    assert not any(isinstance(m, BatchNorm2d) for m in quick.modules())
    assert set(network.state_dict()) == names  # a copy: the network can still be trained and saved
    assert not any(p.requires_grad for p in quick.parameters())


def test_a_norm_after_its_activation_is_left_alone():
    method = as_if_fitted(AlexNetELU(size=63))
    quick = fused(method.network_)
    x = torch.randn(2, 1, 63, 63)
    with torch.no_grad():
        assert torch.allclose(quick(x), method.network_(x), atol=1e-5)
    assert sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in quick.modules()) == 6
