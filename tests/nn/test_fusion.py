"""The fast path computes what the slow one does."""

import copy
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rlvision.core.errors import ConfigError
from rlvision.nn.fusion import (
    FusedConv2d,
    FusedTrainConv2d,
    channels_last,
    fuse_conv_bn,
    fuse_conv_bn_train,
    fuse_conv_bn_weights,
    to_channels_last_float,
)
from rlvision.nn.heads import LinearHead
from rlvision.nn.normalisation import NORMS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import build_encoder
from rlvision.nn.target_network import OnlineTargetActor, recalibrate

SHAPE = (4, 44, 40)
COUNTS = {"dn": 3, "nature": 3, "impala": 15, "vgg": 8, "inception": 13, "bottleneck": 15}


def frames(seed: int = 0, batch: int = 6) -> Tensor:
    return torch.randint(256, (batch, *SHAPE), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def network(name: str = "dn", **options: object) -> QNetwork:
    torch.manual_seed(0)
    encoder = build_encoder(name, SHAPE, **options)
    return QNetwork(encoder, LinearHead(encoder.features, 6))


def learned(
    v: OnlineTargetActor, updates: int = 3, kind: type[Optimizer] = torch.optim.Adam, **options: bool
) -> OnlineTargetActor:
    optimizer = kind(v.online.parameters(), lr=0.02, **options)
    for seed in range(updates):
        optimizer.zero_grad()
        (v.online(frames(seed)).q_values - 1).square().mean().backward()
        optimizer.step()
    return v


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_prepared_are_the_same_pixels_in_another_layout(channels: int) -> None:
    observation = frames()[:, :channels].contiguous()
    pixels = to_channels_last_float(observation)
    assert torch.equal(pixels, observation.float() / 255)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(to_channels_last_float(pixels), pixels)


def test_prepared_wants_a_batch() -> None:
    with pytest.raises(ConfigError, match=r"\[B, C, H, W\], got shape \(4, 44, 40\)"):
        to_channels_last_float(frames()[0])


@pytest.mark.parametrize("norm", NORMS)
def test_channels_last_trains_alike(norm: str) -> None:
    slow, fast = network(norm=norm), channels_last(network(norm=norm))
    expected, output = slow(frames()).q_values, fast(to_channels_last_float(frames())).q_values
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    expected.square().sum().backward(), output.square().sum().backward()
    for (name, mine), theirs in zip(fast.named_parameters(), slow.parameters(), strict=True):
        if "conv" not in name or "weight" in name:  # a bias before batch statistics has rounding for a gradient
            assert (mine.grad - theirs.grad).norm() <= 1e-4 * theirs.grad.norm(), name
    torch.testing.assert_close(fast.state_dict(), slow.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("norm", ["renorm", "batch", "fixed", "frozen"])
def test_folded_equals_evaluation_mode(name: str, norm: str) -> None:
    v = learned(OnlineTargetActor(channels_last(network(name, norm=norm))))
    shortcut = fuse_conv_bn(v.actor)
    with torch.no_grad():
        torch.testing.assert_close(shortcut(frames()).q_values, v.actor(frames()).q_values, rtol=1e-4, atol=1e-4)
    assert sum(isinstance(module, FusedConv2d) for module in shortcut.modules()) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_folded_to_learn_has_the_gradients_of_training(name: str) -> None:
    slow, fast = (OnlineTargetActor(channels_last(network(name, norm="fixed"))) for _ in range(2))
    shortcut = fuse_conv_bn_train(fast.online)
    for v in (slow, fast):
        v.calibrate([frames(3), frames(4)])
    expected, output = (
        slow.online(to_channels_last_float(frames())).q_values,
        shortcut(to_channels_last_float(frames())).q_values,
    )
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-4)
    for q_values in (expected, output):
        (q_values - 1).square().mean().backward()
    for (parameter, mine), theirs in zip(fast.online.named_parameters(), slow.online.parameters(), strict=True):
        assert (mine.grad - theirs.grad).norm() <= 5e-3 * theirs.grad.norm(), parameter  # ReLUs at their kink
    assert sum(isinstance(module, FusedTrainConv2d) for module in shortcut.modules()) >= 3


def test_folded_to_learn_learns_alike() -> None:
    slow, fast = (OnlineTargetActor(channels_last(network(norm="fixed"))) for _ in range(2))
    for v, learns in ((slow, slow.online), (fast, fuse_conv_bn_train(fast.online))):
        v.calibrate([frames(3), frames(4)])
        optimiser = torch.optim.SGD(v.online.parameters(), lr=1e-3)
        for seed in range(20):
            optimiser.zero_grad()
            (learns(to_channels_last_float(frames(seed))).q_values - 1).square().mean().backward()
            optimiser.step()
    torch.testing.assert_close(fast.state_dict(), slow.state_dict(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("norm", [norm for norm in NORMS if norm != "fixed"])
def test_what_is_not_fixed_learns_bit_for_bit(norm: str) -> None:
    v = OnlineTargetActor(network(norm=norm))
    twin = copy.deepcopy(v)
    assert torch.equal(fuse_conv_bn_train(v.online)(frames()).q_values, twin.online(frames()).q_values)
    torch.testing.assert_close(v.state_dict(), twin.state_dict(), rtol=0, atol=0)


def test_folded_to_learn_drops_features_as_training_does() -> None:
    v = OnlineTargetActor(network(norm="fixed", dropout=0.5))
    v.calibrate([frames(3)])
    torch.manual_seed(1)
    expected = v.online(frames()).q_values
    torch.manual_seed(1)
    torch.testing.assert_close(fuse_conv_bn_train(v.online)(frames()).q_values, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "norm"), [("dn", "layer"), ("dn", "group"), ("dn", "none"), ("mlp", None)])
def test_what_cannot_be_folded_stays_bit_for_bit(name: str, norm: str | None) -> None:
    v = OnlineTargetActor(network(name, **({"norm": norm} if norm else {})))
    with torch.no_grad():
        assert torch.equal(fuse_conv_bn(v.actor)(frames()).q_values, v.actor(frames()).q_values)


def assert_fresh(v: OnlineTargetActor, actor: QNetwork, target: QNetwork) -> None:
    with torch.no_grad():
        for shortcut, view in ((actor, v.actor), (target, v.target)):
            torch.testing.assert_close(shortcut(frames()).q_values, view(frames()).q_values, rtol=1e-4, atol=1e-4)


WRITES = {
    "hard sync": lambda v: v.sync_target(),
    "soft sync": lambda v: v.sync_target(0.5),
    "training forward": lambda v: v.online(frames(9)),
    "calibration": lambda v: v.calibrate([frames(5)]),
    "recalibration": lambda v: recalibrate(v.target, [frames(6)]),
    "loading": lambda v: v.load_state_dict(learned(OnlineTargetActor(network()), 5).state_dict()),
    "update by fused Adam": lambda v: learned(v, 1, torch.optim.Adam, fused=True),
    "update by foreach Adam": lambda v: learned(v, 1, torch.optim.Adam, foreach=True),
    "update by plain Adam": lambda v: learned(v, 1, torch.optim.Adam, foreach=False),
    "update by fused SGD": lambda v: learned(v, 1, torch.optim.SGD, fused=True),
    "update by RMSprop": lambda v: learned(v, 1, torch.optim.RMSprop),
}


@pytest.mark.parametrize(
    ("norm", "write"),
    [
        *product(("renorm", "batch"), WRITES),
        *(("fixed", write) for write in WRITES if write != "training forward"),  # by which it stays what it is
    ],
)
def test_folded_notices_every_write(write: str, norm: str) -> None:
    v = learned(OnlineTargetActor(network(norm=norm)))
    actor, target = fuse_conv_bn(v.actor), fuse_conv_bn(v.target)
    assert_fresh(v, actor, target)
    with torch.no_grad():
        before = torch.cat([view(frames()).q_values for view in (v.actor, v.target)])
    WRITES[write](v)
    assert_fresh(v, actor, target)
    with torch.no_grad():
        after = torch.cat([view(frames()).q_values for view in (v.actor, v.target)])
    assert (after - before).abs().max() > 1e-3  # the write was one that matters


def test_folding_happens_once_between_writes() -> None:
    v = OnlineTargetActor(network())
    actor = fuse_conv_bn(v.actor)
    with torch.no_grad():
        actor(frames())
        kept = actor.encoder.conv2._kept
        actor(frames(1))
        assert actor.encoder.conv2._kept is kept
        v.online.encoder.bn2.bias.add_(1)
        actor(frames())
    assert actor.encoder.conv2._kept is not kept


def test_fold_by_hand() -> None:
    convolution, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    with torch.no_grad():
        convolution.weight.fill_(3.0), convolution.bias.fill_(5.0)
        norm.weight.fill_(2.0), norm.bias.fill_(7.0), norm.running_mean.fill_(1.0), norm.running_var.fill_(4.0)
    # 2 * (3 x + 5 - 1) / 2 + 7 = 3 x + 11
    weight, bias = fuse_conv_bn_weights(convolution, norm)
    assert (weight.item(), bias.item()) == (3.0, 11.0)


def test_folded_changes_nothing_of_the_views_it_was_made_from() -> None:
    v = learned(OnlineTargetActor(network()))
    before, keys = copy.deepcopy(v.state_dict()), list(v.actor.state_dict())
    shortcut = fuse_conv_bn(v.actor)
    with torch.no_grad():
        shortcut.train()(frames())
    assert list(v.actor.state_dict()) == list(v.online.state_dict()) == keys
    assert all(torch.equal(v.online.state_dict()[key], before["online"][key]) for key in keys)
    assert not any(module.training for module in shortcut.modules())
    own = {tensor.data_ptr() for tensor in (*v.online.parameters(), *v.online.buffers())}
    assert {tensor.data_ptr() for tensor in (*shortcut.parameters(), *shortcut.buffers())} == own


def test_levels_of_a_folded_network_read_the_same_features() -> None:
    v = learned(OnlineTargetActor(network()))
    seen: dict[tuple[str, int], Tensor] = {}
    for i, view in enumerate((v.actor, fuse_conv_bn(v.actor))):
        for name, level in view.levels.items():
            module = view.get_submodule(level.module)
            module.register_forward_hook(lambda _, __, output, key=(name, i): seen.update({key: output.clone()}))
        with torch.no_grad():
            view(frames())
    for name in ("low", "mid", "high"):
        torch.testing.assert_close(seen[name, 0], seen[name, 1], rtol=1e-4, atol=1e-4)
