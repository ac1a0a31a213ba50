"""The cost of each encoder on this machine: weights, multiply-adds, and the times of an act and of an update."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import torch
from torch.utils.flop_counter import FlopCounterMode

from rlvision.core.devices import Autocast
from rlvision.core.types import EnvSpec
from rlvision.nn.fusion import channels_last, fuse_conv_bn, to_channels_last_float
from rlvision.nn.registry import ENCODERS, make_q_network
from rlvision.nn.settings import NetworkSettings

BATCH = 32
"""Observations of an update."""
STACK, ACTIONS = 4, 6
"""Frames of an observation, and actions, as in Pong."""
ROUNDS = 5
"""Times that each work is timed. The shortest counts, since other programs can only add to it."""


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """A Q-network with a built-in encoder, for frames of the encoder's own size."""

    encoder: str
    idea: str
    paper: str
    size: int  # height and width of a frame
    parameters: int
    multiply_adds: int  # of one observation
    act: float  # seconds of a forward of one observation, as an agent acts
    update: float  # seconds of a forward and a backward pass of `BATCH` observations


def network_costs(device: torch.device, autocast: Autocast) -> Iterator[NetworkCost]:
    """Yield the cost of every built-in encoder with its default settings.

    Args:
        device: Of the network.
        autocast: The precision of the encoder in an update.
    """
    for name in ENCODERS:
        yield network_cost(NetworkSettings(encoder=name), device, autocast)


def network_cost(settings: NetworkSettings, device: torch.device, autocast: Autocast) -> NetworkCost:
    """Measure the network of the settings; torch's global random state is kept."""
    size = settings.own_size
    spec = EnvSpec(1, (STACK, size, size), 1, tuple(map(str, range(ACTIONS))), 4)
    with torch.random.fork_rng([]):
        network = channels_last(make_q_network(settings, spec)).to(device)
    observation = to_channels_last_float(torch.zeros(BATCH, STACK, size, size, dtype=torch.uint8, device=device))
    actor = fuse_conv_bn(network)

    @torch.no_grad()
    def act() -> None:
        actor(observation[:1])

    def update() -> None:
        with autocast():
            q_values = network(observation).q_values
        q_values.sum().backward()

    with FlopCounterMode(display=False) as counter:
        act()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    kind = ENCODERS[settings.encoder]
    return NetworkCost(
        settings.encoder,
        kind.idea,
        kind.paper,
        size,
        parameters,
        counter.get_total_flops() // 2,
        _seconds(act, device),
        _seconds(update, device),
    )


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    """Return the shortest time of the work, after one run that does not count."""
    times = []
    for _ in range(ROUNDS + 1):
        start = perf_counter()
        work()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        times.append(perf_counter() - start)
    return min(times[1:])
