"""Weight files: names of torchvision and VGG-Face, saved models of fldbench, wrappers, and every kind of wrong file."""

import functools
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fldbench.cnn.nets.resnet_wing import ResidualNetwork
from fldbench.cnn.nets.vggface import VGGNetwork
from fldbench.cnn.weights import load_weights, read_weights
from fldbench.errors import DataError

SIZES = {"0": (64, 3), "2": (64, 64), "5": (128, 64), "7": (128, 128), "10": (256, 128), "12": (256, 256)}
SIZES |= {"14": (256, 256), "17": (512, 256), "19": (512, 512), "21": (512, 512)}
SIZES |= {"24": (512, 512), "26": (512, 512), "28": (512, 512)}
CAFFE = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mean(n_points):
    return torch.zeros(n_points, 2)


def filled(shape, value):
    return torch.full(shape, float(value))


@functools.cache
def torchvision_resnet(depth, counters=True):
    """A state_dict with torchvision's names and shapes, written out from its published architecture."""
    state, value = {}, iter(range(1, 10_000))

    def conv(name, outputs, inputs, kernel):
        state[f"{name}.weight"] = filled((outputs, inputs, kernel, kernel), next(value))

    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = filled((channels,), next(value))
        if counters:
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    expansion, inputs = (4 if depth == 50 else 1), 64
    for i, blocks in enumerate({18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]):
        width = 64 * 2**i
        for j in range(blocks):
            name = f"layer{i + 1}.{j}"
            widths = [(inputs, width, 3), (width, width, 3)]
            if depth == 50:
                widths = [(inputs, width, 1), (width, width, 3), (width, 4 * width, 1)]
            for k, (a, b, kernel) in enumerate(widths, 1):
                conv(f"{name}.conv{k}", b, a, kernel)
                norm(f"{name}.bn{k}", b)
            if inputs != width * expansion:
                conv(f"{name}.downsample.0", width * expansion, inputs, 1)
                norm(f"{name}.downsample.1", width * expansion)
            inputs = width * expansion
    state["fc.weight"], state["fc.bias"] = filled((1000, inputs), next(value)), filled((1000,), next(value))
    return state


def vgg(names, classifier):
    """The trunk of VGG-16 by 13 names of layers, and its classifier's by three."""
    state = {}
    for i, (name, (outputs, inputs)) in enumerate(zip(names, SIZES.values(), strict=True), 1):
        state[f"{name}.weight"] = filled((outputs, inputs, 3, 3), i)
        state[f"{name}.bias"] = filled((outputs,), -i)
    for name in classifier:
        state[f"{name}.weight"] = torch.zeros(2, 2)
    return state


@pytest.fixture(scope="module")
def resnet():
    return ResidualNetwork(mean(4), 18)


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_torchvisions_resnets_fit(depth, tmp_path):
    state = torchvision_resnet(depth)
    torch.save(state, tmp_path / "resnet.pth")
    network = ResidualNetwork(mean(4), depth)
    assert load_weights(network, tmp_path / "resnet.pth") == ["head.weight", "head.bias", "head.mean"]
    got = network.state_dict()
    assert {n for n in got if not n.startswith("head")} == {n for n in state if not n.startswith("fc.")}
    assert all(torch.equal(got[n], v) for n, v in state.items() if not n.startswith("fc."))


@pytest.mark.parametrize(
    ("names", "classifier"),
    [
        ([f"features.{n}" for n in SIZES], ("classifier.0", "classifier.3", "classifier.6")),
        ([f"conv{n}" for n in CAFFE], ("fc6", "fc7", "fc8")),
        ([f"conv_{n}" for n in CAFFE], ("fc6", "fc7", "fc8")),
        (list(SIZES), ("32", "35", "38")),
    ],
    ids=["torchvision", "caffe", "caffe with underscores", "torch"],
)
def test_vgg_by_all_its_names(names, classifier, tmp_path):
    save_file(vgg(names, classifier), tmp_path / "vgg.safetensors")
    network = VGGNetwork(mean(3), 32)
    left = load_weights(network, tmp_path / "vgg.safetensors")
    assert all(name.startswith("head.") for name in left) and len(left) == 5
    convolutions = [m for m in network.features if isinstance(m, nn.Conv2d)]
    for i, conv in enumerate(convolutions, 1):
        assert conv.weight.eq(i).all() and conv.bias.eq(-i).all()


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", None])
def test_wrappers_and_prefixes(wrapper, resnet, tmp_path):
    state = {f"module.{name}": value for name, value in torchvision_resnet(18, counters=False).items()}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "w.pt")
    load_weights(resnet, tmp_path / "w.pt")
    assert resnet.conv1.weight.eq(1).all()


def test_half_precision_is_read(resnet, tmp_path):
    torch.save({n: v.half() for n, v in torchvision_resnet(18, counters=False).items()}, tmp_path / "w.pth")
    load_weights(resnet, tmp_path / "w.pth")
    assert resnet.conv1.weight.dtype == torch.float32 and resnet.conv1.weight.eq(1).all()


def test_a_grey_network_sums_the_colours(tmp_path):
    state = dict(torchvision_resnet(18))
    state["conv1.weight"] = torch.randn(64, 3, 7, 7)
    torch.save(state, tmp_path / "w.pth")
    grey, coloured = ResidualNetwork(mean(2), 18, 1), ResidualNetwork(mean(2), 18)
    load_weights(grey, tmp_path / "w.pth")
    load_weights(coloured, tmp_path / "w.pth")
    x = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        assert torch.allclose(grey.conv1(x), coloured.conv1(x.expand(-1, 3, -1, -1)), atol=1e-4)


def test_saved_models_bring_their_head_where_it_fits(tmp_path):
    first = VGGNetwork(mean(3), 32)
    saved = {f"network.{name}": value for name, value in first.state_dict().items()}
    save_file(saved | {"mean_": torch.zeros(3, 2)}, tmp_path / "m.safetensors")
    same, other = VGGNetwork(mean(3), 32), VGGNetwork(mean(5), 32)
    assert load_weights(same, tmp_path / "m.safetensors") == []
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(same.eval()(x), first.eval()(x))
    assert load_weights(other, tmp_path / "m.safetensors") == ["head.2.weight", "head.2.bias", "head.2.mean"]
    assert torch.equal(other.head[0].weight, first.head[0].weight)


def test_a_file_of_another_network_says_what_is_wrong(resnet, tmp_path):
    before = {name: value.clone() for name, value in resnet.state_dict().items()}
    save_file(vgg([f"features.{n}" for n in SIZES], ()), tmp_path / "vgg.safetensors")
    with pytest.raises(DataError, match=r"not the weights of this ResidualNetwork") as caught:
        load_weights(resnet, tmp_path / "vgg.safetensors")
    assert "missing: conv1.weight, bn1.weight, bn1.bias and 97 more" in str(caught.value)
    assert "not known here: features.0.bias, features.0.weight" in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "vgg.safetensors"))
    torch.save(torchvision_resnet(34), tmp_path / "r34.pth")
    with pytest.raises(DataError, match=r"not known here: layer1\.2\.conv1\.weight"):
        load_weights(resnet, tmp_path / "r34.pth")
    assert all(torch.equal(value, before[name]) for name, value in resnet.state_dict().items())


def test_one_wrong_shape_is_named(resnet, tmp_path):
    state = torchvision_resnet(18) | {"layer2.0.conv1.weight": torch.zeros(128, 64, 5, 5)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        DataError, match=r"of another shape: layer2\.0\.conv1\.weight is 128 x 64 x 5 x 5, must be 128 x 64 x 3 x 3"
    ):
        load_weights(resnet, tmp_path / "w.pth")


def test_one_missing_name_is_named(resnet, tmp_path):
    state = dict(torchvision_resnet(18))
    del state["bn1.running_var"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"\(missing: bn1\.running_var\); give a file of the same network"):
        load_weights(resnet, tmp_path / "w.pth")


class Evil:
    def __reduce__(self):
        return print, ("code ran",)


def test_code_is_never_run(tmp_path, capsys):
    torch.save({"conv1.weight": torch.zeros(1), "more": Evil()}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="holds more than weights, and would run code when read; save its state_dict"):
        read_weights(tmp_path / "w.pth")
    assert "code ran" not in capsys.readouterr().out


def test_files_that_hold_no_weights(tmp_path):
    with pytest.raises(DataError, match="there is no such weight file"):
        read_weights(tmp_path / "absent.pth")
    for name in ("bad.safetensors", "bad.pth", "bad.bin"):
        (tmp_path / name).write_bytes(b"no weights at all")
        with pytest.raises(DataError, match=name):
            read_weights(tmp_path / name)
    for content in ({}, [torch.zeros(2)], {"a": 1}):
        torch.save(content, tmp_path / "odd.pth")
        with pytest.raises(DataError, match="holds no table of names and tensors; save a state_dict"):
            read_weights(tmp_path / "odd.pth")


def test_an_archive_that_unfolds_is_no_weight_file(tmp_path):
    torch.save({"w": torch.zeros(10_000)}, tmp_path / "kept.pth")
    assert read_weights(tmp_path / "kept.pth")["w"].shape == (10_000,)
    with (
        zipfile.ZipFile(tmp_path / "kept.pth") as kept,
        zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as folded,
    ):
        for name in kept.namelist():
            folded.writestr(name, kept.read(name))
    with pytest.raises(DataError, match=r"a\.pth: cannot be read as weights \(its members claim \d+ bytes, and it has"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("ending", ["pt", "pth"])
def test_an_endless_word_is_refused_before_torch_looks_through_it(ending, tmp_path):
    torch.save({"a" * 3000: torch.zeros(2)}, tmp_path / f"w.{ending}", _use_new_zipfile_serialization=ending == "pth")
    with pytest.raises(DataError, match=rf"w\.{ending}: cannot be read as weights \(it has a word of more than 2000"):
        read_weights(tmp_path / f"w.{ending}")
