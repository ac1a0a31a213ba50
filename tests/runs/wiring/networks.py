"""Settings found in a network, and in what it computes with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.learning.registry import find_agent
from rlvision.learning.targets import CrossQTargets
from rlvision.nn.encoder_base import Activation, make_activation
from rlvision.nn.noisy import noisy_layers
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import ENCODERS
from rlvision.nn.statistics import statistics_layers
from rlvision.runs import builders
from tests.runs.wiring import Table, without
from tests.runs.wiring.parts import BASE, SPEC, experienced, made_batch

VGG = {"network.encoder": "vgg"}
DN_SETTINGS = ("network.momentum", "network.r_max", "network.d_max", "network.dropout")
OTHERS = without(BASE, *DN_SETTINGS)
NATURE = {**OTHERS, "network.encoder": "nature", "network.kwargs": {"hidden": 40, "norm": "layer"}}

table = Table(BASE)
finds = table.finds


def network_of(config: Config) -> QNetwork:
    """The network as it is built."""
    return builders.make_network(config, SPEC)


@finds("network.encoder", base=OTHERS, each=tuple(ENCODERS))
def class_of_the_encoder(config: Config) -> str:
    return {kind: name for name, kind in ENCODERS.items()}[type(network_of(config).encoder)]


@finds("network.kwargs", base=NATURE)
def options_of_an_encoder(config: Config) -> dict[str, Any]:
    encoder = network_of(config).encoder
    return {"hidden": encoder.features, "norm": {nn.GroupNorm: "layer"}[type(encoder.norm1)]}


@finds("network.norm", each=("renorm", "fixed", "frozen", "layer", "group", "none"))
def layer_of_a_normalisation(config: Config) -> str:
    layer = network_of(config).encoder.bn1
    if isinstance(layer, nn.GroupNorm):
        return {1: "layer", 4: "group"}[layer.num_groups]
    names = {"BatchRenorm2d": "renorm", "FixedBatchNorm2d": "fixed", "FrozenBatchNorm2d": "frozen", "Identity": "none"}
    return names[type(layer).__name__]


@finds("network.norm", each=("running", "batch", "joint", "recalibrated"))
@finds("network.norm", VGG, each=("running", "batch", "joint", "recalibrated"))
def how_bootstrap_values_are_normalised(config: Config) -> str:
    learner = experienced(config).learner
    assert type(statistics_layers(learner.networks.online)[0]) is nn.BatchNorm2d
    if isinstance(learner._targets, CrossQTargets):
        return "joint"
    before = statistics_layers(learner.networks.target)[0].running_mean.clone()
    transition = made_batch().transition
    alone, together = (
        learner._targets.values(part).target_t.q_values[0]
        for part in (replace(transition, next_observation=transition.next_observation[:2]), transition)
    )
    assert torch.equal(before, statistics_layers(learner.networks.target)[0].running_mean)
    if not torch.allclose(alone, together, atol=1e-4):
        return "batch"
    learner.networks.sync_target()
    learner._targets.update_target(config.agent.target_period)
    synced = (
        statistics_layers(learner.networks.target)[0].running_mean,
        statistics_layers(learner.networks.online)[0].running_mean,
    )
    return "running" if torch.equal(*synced) else "recalibrated"


@finds("network.momentum")
@finds("network.momentum", {"network.norm": "batch"})
@finds("network.momentum", {"network.norm": "frozen"})
def momentum_of_the_statistics(config: Config) -> float:
    (momentum,) = {layer.momentum for layer in statistics_layers(network_of(config))}
    return momentum


def corrections(config: Config) -> tuple[Tensor, Tensor]:
    """r and d of a batch whose moments are far from the running ones."""
    layer = network_of(config).encoder.bn1.train()
    layer(torch.linspace(1e4, 9e4, 16 * 32).view(2, 16, 4, 4))
    _, r, _, d = layer._last
    return r, d


@finds("network.r_max")
def largest_correction_of_the_scale(config: Config) -> float:
    return float(corrections(config)[0].max())


@finds("network.d_max")
def largest_correction_of_the_shift(config: Config) -> float:
    return float(corrections(config)[1].max())


@finds("network.calibration_batches")
@finds("network.calibration_batches", {"network.norm": "fixed"})
def forwards_before_the_first_update(config: Config) -> int:
    learner = experienced(config).learner
    learner.update(made_batch())
    (forwards,) = {int(layer.num_batches_tracked) for layer in statistics_layers(learner.networks.online)}
    return forwards - 1


@finds("network.calibration_batches", {"network.norm": "recalibrated", "agent.target_period": 1})
def forwards_at_each_copy(config: Config) -> int:
    learner = experienced(config).learner
    learner.update(made_batch())
    (forwards,) = {int(layer.num_batches_tracked) for layer in statistics_layers(learner.networks.target)}
    return forwards


@finds("network.activation", each=get_args(Activation))
def class_of_the_activation(config: Config) -> str:
    kinds = {type(make_activation(name)): name for name in get_args(Activation)}
    return kinds[type(network_of(config).encoder.act2)]


@finds("network.activation", VGG, each=get_args(Activation))
def class_of_the_activation_of_another_network(config: Config) -> str:
    kinds = {type(make_activation(name)): name for name in get_args(Activation)}
    (kind,) = {type(module) for module in network_of(config).encoder.modules()} & set(kinds)
    return kinds[kind]


@finds("network.negative_slope", {"network.activation": "leaky_relu"}, each=(0.2, 0.3))
@finds("network.negative_slope", {"network.activation": "leaky_relu", **VGG}, each=(0.2,))
def slope_below_zero(config: Config) -> float:
    slopes = {one.negative_slope for one in network_of(config).encoder.modules() if isinstance(one, nn.LeakyReLU)}
    (slope,) = slopes
    return slope


@finds("network.max_pool", each=(True, False))
def whether_pooling_halves(config: Config) -> bool:
    encoder = network_of(replace(config, network=replace(config.network, hidden=0))).encoder
    return isinstance(encoder.pool3, nn.MaxPool2d) and encoder.conv1.stride == (1, 1)


@finds("network.hidden")
def width_before_the_values(config: Config) -> int:
    network = network_of(config)
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return linear[-1].in_features if len(linear) == 2 else 0


@finds("network.hidden", base=NATURE)
def width_of_the_layer_in_a_head(config: Config) -> int:
    return network_of(config).head.q[0].out_features


@finds("network.dropout")
def part_of_the_features_that_is_dropped(config: Config) -> float:
    torch.manual_seed(1)
    dropout = network_of(config).encoder.dropout.train()
    return round(float((dropout(torch.ones(100_000)) == 0).float().mean()), 2)


@finds("network.dueling", each=(True, False))
def whether_there_are_two_streams(config: Config) -> bool:
    return {2: True, 1: False}[len(list(network_of(config).head.children()))]


@finds("network.zero_init_head", each=(True, False))
def whether_all_values_begin_at_zero(config: Config) -> bool:
    return not network_of(config).eval()(made_batch().transition.observation).q_values.any()


@finds("network.noisy", each=(True, False))
def whether_weights_carry_noise(config: Config) -> bool:
    return bool(noisy_layers(network_of(config)))


# what it computes with


def precisions(act: Callable[[], object]) -> set[torch.dtype]:
    """Of all outputs of modules meanwhile."""
    seen: set[torch.dtype] = set()

    def note(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            seen.add(output.dtype)

    with nn.modules.module.register_module_forward_hook(note):
        act()
    return seen


@finds("precision", each=("float32", "bfloat16"))
def precision_of_an_update(config: Config) -> str:
    learner = experienced(config).learner
    return "bfloat16" if torch.bfloat16 in precisions(lambda: learner.update(made_batch())) else "float32"


@finds("precision", {"exploration.start": 0.0, "exploration.end": 0.0}, each=("float32", "bfloat16"))
def precision_of_an_action(config: Config) -> str:
    policy, observation = experienced(config).policy, made_batch().transition.observation.numpy()
    seen = precisions(lambda: policy.act(observation, np.zeros(6, np.bool_), 0))
    return "bfloat16" if torch.bfloat16 in seen else "float32"


@finds("device")
def device_on_a_machine_with_a_gpu(config: Config) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        setup = builders.make_setup(config, SPEC)
    agent = find_agent(config.agent.name)(config.agent).make_agent(setup)
    tensors = [*agent.network.parameters(), agent.memory._ring.action, setup.device]
    (device,) = {getattr(tensor, "device", tensor) for tensor in tensors}
    return str(device)


@finds("cuda_graphs", each=(True, False))
def whether_a_gpu_is_asked_for(config: Config) -> bool:
    try:
        builders.make_agent(config, SPEC)
    except ConfigError as error:
        return "for cuda_graphs=True" in str(error)
    return False


@finds("cuda_graphs", each=(True, False))
def whether_kernels_are_captured(config: Config) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        gpu = torch.device("cuda")
        patch.setattr(builders, "resolve_device", lambda name: gpu)
        patch.setattr(builders, "cuda_graph", lambda function: (function(), lambda: None))
        setup = replace(builders.make_setup(config, SPEC), device=torch.device("cpu"))
    agent = find_agent(config.agent.name)(config.agent).make_agent(setup)
    return agent.learner._graphed is not None
