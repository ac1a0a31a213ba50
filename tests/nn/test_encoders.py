"""The controls, and encoders by name."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from rlvision.core.errors import ConfigError
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import ENCODERS, build_encoder, find_encoder
from rlvision.nn.standard_encoders import MLP, ImpalaCNN, NatureCNN

SHAPE = (4, 52, 44)
SOURCE = """
from torch import nn

class Mine(nn.Module):
    def __init__(self, in_channels, height, width, *, size=7):
        super().__init__()
        self.features = size
        self.layer = nn.Linear(in_channels * height * width, size)
    def forward(self, observation):
        return self.layer(observation.flatten(1))

class Failing(nn.Module):
    def __init__(self, in_channels, height, width):
        raise KeyError("weights")

class Nameless(nn.Module):
    def __init__(self, in_channels, height, width):
        super().__init__()

class TooWide(Mine):
    def __init__(self, in_channels, height, width):
        super().__init__(in_channels, height, width)
        self.features = 12

class Unflattened(nn.Module):
    features = 4
    def forward(self, observation):
        return observation[:, :1]
    def __init__(self, in_channels, height, width):
        super().__init__()

class Mismatched(Mine):
    def forward(self, observation):
        return self.layer(observation.flatten(1)[:, 1:])

class Listed(Unflattened):
    def forward(self, observation):
        return [observation]

class Counted(Mine):
    def __init__(self, in_channels, height, width):
        super().__init__(in_channels, height, width)
        self.norm, self.calls = nn.BatchNorm1d(7), 0
    def forward(self, observation):
        self.calls += 1
        return self.norm(nn.functional.dropout(super().forward(observation), training=True))

class NoModule:
    pass
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_encoders.py").write_text(SOURCE)
    (tmp_path / "own_torn.py").write_text("class Mine(")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_encoders", raising=False)
    return "own_encoders"


def frames(batch: int = 2) -> torch.Tensor:
    return torch.randint(256, (batch, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_keeps_its_word_on_features_and_levels(name: str) -> None:
    network = QNetwork(build_encoder(name, SHAPE), nn.Identity())
    seen: dict[str, torch.Tensor] = {}
    slack = {"lenet5": 9, "ciresan": 7}.get(name, 5)  # cells that unpadded convolutions of stride one cut off
    for level_name, level in network.levels.items():
        module = network.get_submodule(level.module)
        module.register_forward_hook(lambda _, __, output, key=level_name: seen.update({key: output}))
    assert network(frames()).shape == (2, network.encoder.features)
    assert list(seen) == list(network.levels)
    for level_name, level in network.levels.items():
        assert seen[level_name].shape[:2] == (2, level.channels)
        if level.reduction:
            rows, columns = seen[level_name].shape[2:]
            assert abs(52 / level.reduction - rows) < slack
            assert abs(44 / level.reduction - columns) < slack


@pytest.mark.parametrize("name", ENCODERS)
def test_under_autocast_bytes_give_the_features_of_their_float32_pixels(name: str) -> None:
    encoder = build_encoder(name, SHAPE)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder.eval()(frames()), encoder(frames() / 255))


@pytest.mark.parametrize(
    ("encoder", "count"),
    [
        (NatureCNN(4, 84, 84), 8224 + 32832 + 36928 + (3136 + 1) * 512),
        (ImpalaCNN(3, 64, 64), 448 + 4 * 2320 + 4640 + 4 * 9248 + 9248 + 4 * 9248 + (2048 + 1) * 256),
        (MLP(1, 10, 10, hidden=(20, 5)), 101 * 20 + 21 * 5),
    ],
)
def test_parameters_are_as_many_as_the_papers(encoder: nn.Module, count: int) -> None:
    assert sum(parameter.numel() for parameter in encoder.parameters()) == count


def test_nature_by_hand() -> None:
    encoder = NatureCNN(4, 52, 44)
    x = frames() / 255
    for layer, stride in ((encoder.conv1, 4), (encoder.conv2, 2), (encoder.conv3, 1)):
        x = nn.functional.conv2d(x, layer.weight, layer.bias, stride=stride).relu()
    torch.testing.assert_close(encoder(frames()), encoder.hidden[0](x.flatten(1)).relu())


def test_nature_names_its_smallest_frame() -> None:
    assert NatureCNN(1, 36, 36)(torch.zeros(1, 1, 36, 36)).shape == (1, 512)
    with pytest.raises(ConfigError, match=r"at least 36x36.*got 35x84"):
        NatureCNN(1, 35, 84)


def test_impala_residuals_pass_their_input_through() -> None:
    encoder = ImpalaCNN(4, 52, 44)
    block = encoder.stage2.blocks[0]
    for convolution in (block.conv1, block.conv2):
        nn.init.zeros_(convolution[0].weight), nn.init.zeros_(convolution[0].bias)
    x = torch.randn(1, 32, 9, 9)
    assert torch.equal(block(x), x)


def test_impala_width_multiplies_channels_but_not_features() -> None:
    encoder = ImpalaCNN(1, 9, 5, width_multiplier=3)
    assert [level.channels for level in encoder.levels.values()] == [48, 96, 96]
    assert encoder(torch.zeros(2, 1, 9, 5)).shape == (2, 256)


@pytest.mark.parametrize("name", ["nature", "impala"])
@pytest.mark.parametrize("norm", ["renorm", "layer", "group", "batch"])
def test_controls_take_norms_and_learn_through_them(name: str, norm: str) -> None:
    encoder = build_encoder(name, SHAPE, norm=norm)
    encoder(frames()).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_mlp_by_hand_and_without_layers() -> None:
    encoder = MLP(*SHAPE, hidden=(8, 5))
    first, second = encoder.layers[0][0], encoder.layers[1][0]
    torch.testing.assert_close(encoder(frames()), second(first(frames().flatten(1) / 255).relu()).relu())
    with pytest.raises(ConfigError, match="at least one hidden layer"):
        MLP(*SHAPE, hidden=())


def test_own_encoder_by_import_path(own_module: str) -> None:
    encoder = build_encoder(f"{own_module}:Mine", SHAPE, size=9)
    assert encoder(frames().float()).shape == (2, 9)
    assert QNetwork(encoder, nn.Identity()).levels == {}


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("natur", {}, r"bottleneck, nature, impala, mlp, got 'natur': did you mean 'nature'\?"),
        ("transformer", {}, r"got 'transformer': write your own as 'package.module:Class'"),
        ("no_such_module:Mine", {}, r"importable, got ModuleNotFoundError.*no_such_module.*install it"),
        ("own_encoders:Yours", {}, r"class 'Yours' in 'own_encoders', got none"),
        ("own_encoders:NoModule", {}, r"subclass of torch.nn.Module"),
        ("own_encoders:nn", {}, r"subclass of torch.nn.Module"),
        ("own_encoders:Nameless", {}, r"no integer attribute 'features'"),
        (
            "own_encoders:TooWide",
            {},
            r"return \[2, 12\] for pixels \[2, 4, 52, 44\].*got \[2, 7\]: correct self.features",
        ),
        ("own_encoders:Unflattened", {}, r"got \[2, 1, 52, 44\]: correct self.features, or flatten the output"),
        ("own_encoders:Listed", {}, r"return \[2, 4\].*got <class 'list'>"),
        ("own_encoders:Mismatched", {}, r"to take pixels \[2, 4, 52, 44\], got RuntimeError \(.*\): change its layers"),
        ("own_encoders:Mine", {"depth": 3}, r"unexpected keyword argument 'depth'"),
        ("dn", {"width_multiplier": 3}, r"encoder 'dn' to take .*'width_multiplier'"),
        ("impala", {"width_multiplier": 0}, r"at least 1, got 0"),
        ("mlp", {"hidden": 64}, r"build encoder 'mlp' .* with {'hidden': 64}, got TypeError .*: change its options"),
        ("nature", {"hidden": -1}, r"build encoder 'nature' .*, got RuntimeError"),
        ("own_encoders:Failing", {}, r"got KeyError \('weights'\): change its options or its constructor"),
        ("own_torn:Mine", {}, r"importable, got SyntaxError"),
        (":Mine", {}, r"importable, got ValueError"),
        (".own:Mine", {}, r"importable, got TypeError"),
    ],
)
@pytest.mark.usefixtures("own_module")
def test_what_cannot_be_built_is_refused(path: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_encoder(path, SHAPE, **options)


def test_the_trial_of_an_own_encoder_leaves_no_trace(own_module: str) -> None:
    torch.manual_seed(0)
    find_encoder(f"{own_module}:Counted")(*SHAPE)
    after = torch.rand(3)
    torch.manual_seed(0)
    encoder = build_encoder(f"{own_module}:Counted", SHAPE)
    torch.testing.assert_close(torch.rand(3), after, rtol=0, atol=0)
    assert encoder.calls == 0
    assert encoder.training
    assert encoder.norm.num_batches_tracked == 0


def test_find_encoder_returns_classes(own_module: str) -> None:
    assert find_encoder("nature") is NatureCNN
    assert find_encoder(f"{own_module}:Mine").__name__ == "Mine"
