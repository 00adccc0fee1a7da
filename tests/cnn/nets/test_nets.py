"""The projects' networks: exact counts, shapes, single layers by a second route, freezing, impossible sizes."""

import copy

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from toy_networks import QUICK
from toys import toy_faces

import fldbench
from fldbench.cnn.heads import PointHead
from fldbench.cnn.layers import BatchNorm1d, BatchNorm2d, Network
from fldbench.cnn.nets.alexnet_elu import AlexNetwork
from fldbench.cnn.nets.five_conv import FiveConv, FiveConvNetwork
from fldbench.cnn.nets.heatmap import Heatmap, HeatmapNetwork
from fldbench.cnn.nets.mobilenet import MobileNet, MobileNetwork
from fldbench.cnn.nets.naimish_net import NaimishNet, NaimishNetwork, NaimishNetworks
from fldbench.cnn.nets.nose_net import NoseNet, NoseNetwork, nose_tip
from fldbench.cnn.nets.resnet_wing import ResidualNetwork, ResNetWing
from fldbench.cnn.nets.small import LandmarkNet
from fldbench.cnn.nets.tcdcn import TCDCNetwork
from fldbench.cnn.nets.vggface import VGGFaceTransfer, VGGNetwork
from fldbench.errors import MethodError
from fldbench.schemes import get_scheme, list_schemes


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Nets this small are slower on many threads, and far slower where other processes use the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mean(n_points):
    return torch.linspace(-0.5, 0.5, 2 * n_points).view(n_points, 2)


def weights(network):
    return sum(p.numel() for p in network.parameters())


def with_statistics(network):
    """As Keras counts: the running means and variances too."""
    return weights(network) + sum(b.numel() for name, b in network.named_buffers() if "running_" in name)


def shapes(network, size):
    """Shape of the answer of every layer of network.body to one grey crop of size (H, W)."""
    x, found = torch.zeros(1, 1, *size, device="meta"), []
    for layer in copy.deepcopy(network.body).to("meta").eval():
        x = layer(x)
        found.append(tuple(x.shape[1:]))
    return found


COUNTS = {
    "five-conv 160 x 120": (lambda: FiveConvNetwork(mean(58)), 188_624),
    "five-conv 240 x 180": (lambda: FiveConvNetwork(mean(58), 240, 180), 581_840),
    "nose-net": (lambda: NoseNetwork(mean(58), 52), 129_842),
    "naimish-net, one point": (lambda: NaimishNetwork(mean(1)), 7_488_962),
    "naimish-net, a net for each point": (lambda: NaimishNetworks(mean(3)), 3 * 7_488_962),
    "naimish-net, 15 points": (lambda: NaimishNetwork(mean(15)), 7_516_990),
    "naimish-net, 68 points": (lambda: NaimishNetwork(mean(68)), 7_623_096),
    "naimish-net, 68 points at 224": (lambda: NaimishNetwork(mean(68), 224), 44_487_096),
    "alexnet-elu": (lambda: AlexNetwork(mean(68)), 58_824_168),
    "resnet 50": (lambda: ResidualNetwork(mean(98)), 23_909_636),
    # torchvision's 11,689,512 and 21,797,672 without their classifiers of 1000 x 513, and with ours
    "resnet 34": (lambda: ResidualNetwork(mean(98), 34), 21_797_672 - 513_000 + 513 * 196),
    "resnet 18": (lambda: ResidualNetwork(mean(98), 18), 11_689_512 - 513_000 + 513 * 196),
    "vggface": (lambda: VGGNetwork(mean(88)), 28_003_312),
    "mobilenet 0.3 shallow, trained": (lambda: MobileNetwork(mean(88)), 228_222),
    "mobilenet 0.3 full, trained": (lambda: MobileNetwork(mean(88), shallow=False), 355_212),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_projects(name):
    build, expected = COUNTS[name]
    with torch.device("meta"):  # shapes only: 58 million weights need neither time nor memory
        assert weights(build()) == expected


@pytest.mark.parametrize(
    ("alpha", "shallow", "expected"),
    [(0.3, True, 231_700), (0.3, False, 361_750), (1.0, True, 2_055_024), (1.0, False, 3_409_264)],
)
def test_counts_of_the_mobilenets(alpha, shallow, expected):
    with torch.device("meta"):
        assert with_statistics(MobileNetwork(mean(88), alpha, shallow)) == expected


def test_counts_of_the_transfer():
    with torch.device("meta"):
        network = VGGNetwork(mean(88)).freeze(-1)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert (weights(network) - trained, trained) == (14_714_688, 13_108_224 + 180_400)


def test_the_layers_of_the_report():
    pooled = shapes(FiveConvNetwork(mean(58)), (120, 160))
    assert [pooled[i] for i in (2, 5, 8, 10, 13)] == [(6, 58, 78), (12, 27, 37), (12, 12, 17), (24, 10, 15), (24, 4, 6)]
    pooled = shapes(NoseNetwork(mean(58), 52), (60, 80))
    assert [pooled[i] for i in (2, 5, 8)] == [(12, 27, 37), (24, 11, 16), (32, 4, 7)]
    pooled = shapes(AlexNetwork(mean(2)), (227, 227))
    assert pooled[-1] == (9216,) and pooled[0] == (96, 56, 56) and pooled[2] == (96, 27, 27) and (256, 13, 13) in pooled
    pooled = shapes(NaimishNetwork(mean(1)), (96, 96))
    assert [s[1] for s in pooled[2:16:4]] == [46, 22, 10, 5]


NETWORKS = {
    "five-conv": (lambda m: FiveConvNetwork(m, 96, 90), (1, 90, 96)),
    "five-conv, coloured": (lambda m: FiveConvNetwork(m, 80, 80, 3), (3, 80, 80)),
    "nose-net": (lambda m: NoseNetwork(m, 1, 48, 40), (1, 40, 48)),
    "naimish-net": (lambda m: NaimishNetwork(m, 32), (1, 32, 32)),
    "naimish-nets": (lambda m: NaimishNetworks(m, 31, 3), (3, 31, 31)),
    "alexnet-elu": (lambda m: AlexNetwork(m, 63), (1, 63, 63)),
    "resnet 18": (lambda m: ResidualNetwork(m, 18), (3, 64, 64)),
    "resnet 50, grey": (lambda m: ResidualNetwork(m, 50, 1), (1, 33, 33)),
    "vggface": (lambda m: VGGNetwork(m, 32), (3, 32, 32)),
    "mobilenet": (lambda m: MobileNetwork(m, 0.25, size=50), (3, 50, 50)),
    "mobilenet, full, grey": (lambda m: MobileNetwork(m, 0.5, False, 64, 1), (1, 64, 64)),
    "heatmap": (lambda m: HeatmapNetwork(m, 32, width=8), (1, 32, 32)),
    "cnn-small": (lambda m: LandmarkNet(32, m), (1, 32, 32)),
    "tcdcn": (lambda m: TCDCNetwork(m, 40), (1, 40, 40)),
    "tcdcn, local filters": (lambda m: TCDCNetwork(m, 36, shared=False), (1, 36, 36)),
}


@pytest.fixture(scope="module", params=NETWORKS)
def built(request):
    build, shape = NETWORKS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(mean(5)), torch.randn(2, *shape)


def answer(network, crops):
    out = network(crops)
    return out["points"] if isinstance(out, dict) else out


def test_every_point_of_every_crop_is_answered(built):
    network, crops = built
    for n in (2, 1):  # one crop alone has no statistics for a norm, but must work
        found = answer(network.train(), crops[:n])
        assert found.shape == (n, 5, 2) and torch.isfinite(found).all()
    with torch.no_grad():
        whole = answer(network.eval(), crops)
        assert torch.allclose(answer(network, crops[:1]), whole[:1], atol=1e-5)


def test_every_weight_learns(built):
    network, crops = built
    network.train().zero_grad()
    answer(network, crops).square().sum().backward()
    grads = {name: p.grad for name, p in network.named_parameters()}
    assert all(grad is not None and torch.isfinite(grad).all() for grad in grads.values())
    # Softmax does not depend on a map's own height, and a norm takes away the bias of the layer before it.
    assert not [name for name, grad in grads.items() if name.endswith("weight") and not grad.any()]


def test_networks_begin_near_the_mean_shape(built):
    network, crops = built
    with torch.no_grad():
        assert (answer(network.eval(), crops) - mean(5)).abs().mean() < 0.2


def test_a_network_by_its_state(built):
    network, crops = built
    again = copy.deepcopy(network).eval()
    with torch.no_grad():
        for p in again.parameters():
            p.zero_()
        again.load_state_dict(network.state_dict())
        assert torch.equal(answer(again, crops), answer(network.eval(), crops))


def test_a_separable_block_by_scipy():
    """ZeroPad, depthwise with stride 2, norm, ReLU6, pointwise, norm, ReLU6, as TensorFlow's "same" would have it."""
    network = MobileNetwork(mean(2), 0.25, size=20, channels=1).eval()
    start = 10  # the second block's depthwise part begins with its padding
    block = network.body[start : start + 7]
    depthwise, norm1, pointwise, norm2 = block[1], block[2], block[4], block[5]
    rng = np.random.default_rng(0)
    for norm in (norm1, norm2):
        for tensor in (norm.running_mean, norm.weight.data, norm.bias.data):
            tensor.copy_(torch.from_numpy(rng.normal(size=len(tensor))))
        norm.running_var.copy_(torch.from_numpy(rng.uniform(0.5, 2, len(norm.running_var))))
    x = rng.normal(size=(depthwise.in_channels, 10, 10))

    def normed(y, norm):
        factor = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + 1e-3)
        moved = (y - norm.running_mean.numpy()[:, None, None]) * factor[:, None, None]
        return np.clip(moved + norm.bias.detach().numpy()[:, None, None], 0, 6)

    padded = np.pad(x, ((0, 0), (0, 1), (0, 1)))  # right and bottom only
    kernels = depthwise.weight.detach().numpy()[:, 0]
    y = np.stack([correlate2d(p, k, "valid")[::2, ::2] for p, k in zip(padded, kernels, strict=True)])
    y = np.tensordot(pointwise.weight.detach().numpy()[:, :, 0, 0], normed(y, norm1), 1)
    with torch.no_grad():
        found = block(torch.from_numpy(x).float()[None])[0].numpy()
    assert found.shape == (pointwise.out_channels, 5, 5)
    np.testing.assert_allclose(found, normed(y, norm2), atol=1e-5)


def test_a_residual_block_adds_its_shortcut():
    block = ResidualNetwork(mean(2), 50).layer1[1].eval()
    for norm in (block.bn1, block.bn2):
        norm.weight.data.normal_()
        norm.bias.data.normal_()
    x = torch.randn(1, 256, 4, 4)
    with torch.no_grad():
        block.bn3.weight.zero_()
        block.bn3.bias.zero_()
        assert torch.equal(block(x), x.relu())
        block.bn3.bias.fill_(0.5)
        assert torch.equal(block(x), (x + 0.5).relu())


def test_the_nose_moves_the_mean_shape_and_only_its_weights_learn():
    network = NoseNetwork(mean(5), 3, 48, 40)
    crops = torch.randn(4, 1, 40, 48)
    with torch.no_grad():
        network.head.point.weight.normal_()
        found = network(crops)
        assert torch.allclose(found - found[:, 3:4], (mean(5) - mean(5)[3]).expand(4, -1, -1), atol=1e-5)
        assert found.std(0).min() > 0.01
    others = network(crops)[:, [0, 1, 2, 4]].sum()
    assert not others.requires_grad or not torch.autograd.grad(others, network.head.point.weight)[0].any()


@pytest.mark.parametrize("name", list_schemes())
def test_every_scheme_has_a_nose_on_the_middle_line(name):
    scheme = get_scheme(name)
    point = nose_tip(scheme)
    assert scheme.mirror[point] == point
    group = next(group for group, points in scheme.regions.items() if point in points)
    assert group.startswith("nose")


def test_frozen_layers_stay_as_they_are():
    network = ResidualNetwork(mean(2), 18).freeze(2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimiser.step()
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    still = {name for name in before if name.startswith(("conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1"))}
    assert not moved & still
    assert {"layer1.0.conv2.weight", "layer1.0.bn2.running_mean", "head.weight"} <= moved


def test_all_of_the_trunk_frozen():
    network = HeatmapNetwork(mean(3), 32, width=8).freeze(-1)
    assert {name for name, p in network.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    assert not network.train().stem[1].training and network.head.training
    with pytest.raises(
        MethodError,
        match="frozen is 6; must be a whole number from -1 to 5, the number of its",
    ):
        FiveConvNetwork(mean(2)).freeze(6)


def test_norms_of_one_value():
    for norm, shape in ((BatchNorm1d(3), (1, 3)), (BatchNorm2d(3), (1, 3, 1, 1))):
        norm.running_mean.fill_(2.0)
        assert torch.allclose(norm.train()(torch.full(shape, 2.0)), torch.zeros(shape))
        assert norm.running_mean.eq(2.0).all()
        assert norm(torch.randn(4, *shape[1:])).mean().abs() < 1e-6


TOO_SMALL = {
    "five-conv": lambda: FiveConvNetwork(mean(2), 40, 40),
    "nose-net": lambda: NoseNetwork(mean(2), 0, 20, 20),
    "naimish-net": lambda: NaimishNetwork(mean(2), 16),
    "alexnet-elu": lambda: AlexNetwork(mean(2), 40),
    "vggface-transfer": lambda: VGGNetwork(mean(2), 31),
    "tcdcn": lambda: TCDCNetwork(mean(2), 20),
    "cnn-small": lambda: LandmarkNet(8, mean(2)),
}


@pytest.mark.parametrize("name", TOO_SMALL)
def test_crops_that_are_too_small(name):
    with pytest.raises(MethodError, match=f"{name}: a crop of .* x .* px .*choose a larger size"):
        TOO_SMALL[name]()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ResNetWing(depth=101), "resnet50-wing: depth is 101; must be one of 18, 34, 50"),
        (ResNetWing(normalise="sined"), "normalise is 'sined'; must be one of 'instance', 'unit', 'half', 'signed'"),
        (MobileNet(alpha=0.01), "mobilenet-0.3: alpha is 0.01; must be a number from 0.03125"),
        (Heatmap(size=40), "heatmap: size is 40; must be a whole number from 32 to 2048 and a multiple of 16"),
        (Heatmap(size=16), "heatmap: size is 16; must be a whole number from 32 to 2048 and a multiple of 16"),
        (Heatmap(width=0), "heatmap: width is 0; must be a whole number from 1"),
        (FiveConv(height=0), "five-conv: height is 0; must be a whole number from 1"),
        (NoseNet(landmark="nose"), "nose-net: landmark is 'nose'; must be None or a whole number from 0"),
        (NaimishNet(joint=1), "naimish-net: joint is 1; must be true or false"),
    ],
)
def test_impossible_parameters(method, message):
    with pytest.raises(MethodError, match=message):
        method.fit(toy_faces(2))


def test_the_least_alpha_leaves_one_channel():
    assert MobileNetwork(mean(2), 1 / 32).body[1].out_channels == 1


def test_the_head_is_called_head(built):
    network, _ = built
    assert isinstance(network, Network)
    heads = [m for name, m in network.named_modules() if "head" in name.split(".")]
    assert any(isinstance(m, PointHead) for m in heads) or isinstance(network, (HeatmapNetwork, LandmarkNet))
    assert not any(isinstance(m, PointHead) for m in set(network.modules()) - set(heads))


# as methods, for what their families add


def test_the_nose_by_number(tmp_path, toy):
    fldbench.register_method("nose", NoseNet)
    faces = toy_faces(6)
    method = NoseNet(width=48, height=40, epochs=1, training=QUICK).fit(faces)
    assert method.landmark_ == 2  # of mtfl-5
    answer = method.predict(faces.images, faces.boxes)
    shape = (answer - answer[:, 2:3]) / np.ptp(answer, axis=1)[:, None]
    assert np.allclose(shape, shape[0])  # the mean shape, the box's size in each
    again = fldbench.load_method(method.save(tmp_path / "m.safetensors"))
    assert again.landmark_ == 2 and np.array_equal(again.predict(faces.images, faces.boxes), answer)
    with pytest.raises(MethodError, match="landmark is 5; must be a point of mtfl-5, 0 to 4"):
        NoseNet(landmark=5).fit(faces)
    with pytest.raises(MethodError, match="landmark is -1; must be None or a whole number from 0"):
        NoseNet(landmark=-1).fit(faces)


def test_a_crop_that_is_not_square():
    faces = toy_faces(4)
    method = FiveConv(width=96, height=72, epochs=1, training=QUICK).fit(faces)
    assert method.network_.dense.in_features == 24 * 2 * 1
    assert np.isfinite(method.predict(faces.images, faces.boxes)).all()
    with pytest.raises(MethodError, match="five-conv: a crop of 40 x 72 px"):
        FiveConv(width=40, height=72).fit(faces)


def test_transferred_weights_are_frozen_and_without_a_file_all_learn(tmp_path):
    faces, quick = toy_faces(4), {"size": 32, "epochs": 1, "learning_rate": 1e-2, "training": QUICK}
    source = VGGNetwork(mean(5), 32)
    path = tmp_path / "vgg.pth"
    torch.save({name: value for name, value in source.state_dict().items() if name.startswith("features")}, path)
    moved, alone = (VGGFaceTransfer(weights=w, **quick).fit(faces).network_ for w in (str(path), None))
    assert all(
        torch.equal(a, b) for a, b in zip(moved.features.parameters(), source.features.parameters(), strict=True)
    )
    assert not any(p.requires_grad for p in moved.features.parameters())
    assert all(p.requires_grad for p in alone.parameters())


def test_one_network_for_each_landmark():
    method = NaimishNet(joint=False, size=32, epochs=1, training=QUICK).fit(toy_faces(4))
    assert isinstance(method.network_, NaimishNetworks) and len(method.network_.nets) == 5
