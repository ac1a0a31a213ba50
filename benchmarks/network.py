"""Time DN's training step and evaluation forwards, plain and fast, interleaved in one process.

    OMP_NUM_THREADS=1 python benchmarks/network.py --rounds 40
    OMP_NUM_THREADS=2 python benchmarks/network.py --precision bfloat16

One thread is timed by processor time, on which other load has little effect; more threads by the
wall clock. It prints the smallest, the lower-quartile and the median milliseconds of each case.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rlvision.core.devices import make_autocast
from rlvision.core.memory import keep_freed_memory
from rlvision.nn.dn import DNEncoder
from rlvision.nn.fusion import channels_last, fuse_conv_bn, fuse_conv_bn_train, to_channels_last_float
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor

SHAPE = (4, 84, 84)
Case = Callable[[], object]


def frames(batch: int) -> Tensor:
    return torch.randint(256, (batch, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def network(norm: str, *, fast: bool) -> QNetwork:
    encoder = DNEncoder(*SHAPE, norm=norm)
    built = QNetwork(encoder, LinearHead(encoder.features, 6))
    return channels_last(built) if fast else built


def training(
    norm: str, *, fast: bool, layout: Callable[[Tensor], Tensor] = torch.Tensor.detach, fold: bool = False
) -> Case:
    online, observation = network(norm, fast=fast), frames(32)
    learns = fuse_conv_bn_train(online) if fold else online
    optimiser = torch.optim.Adam(online.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        (learns(layout(observation)).q_values - 1).square().mean().backward()
        optimiser.step()

    return step


def prepared_in_float32(observation: Tensor) -> Tensor:
    """Return float32 pixels, which autocast converts later."""
    with torch.autocast("cpu", enabled=False):
        return to_channels_last_float(observation)


def online_forward() -> Case:
    online, observation = network("renorm", fast=True), frames(32)
    return lambda: online(to_channels_last_float(observation))


def target_forward() -> Case:
    target, observation = fuse_conv_bn(OnlineTargetActor(network("renorm", fast=True)).target), frames(32)
    return torch.no_grad()(lambda: target(to_channels_last_float(observation)))


def bootstrap(*, fast: bool, quick: bool) -> Case:
    networks, observation = OnlineTargetActor(network("renorm", fast=fast)), frames(32)
    target, actor = (
        (fuse_conv_bn(networks.target), fuse_conv_bn(networks.actor)) if quick else (networks.target, networks.actor)
    )

    @torch.no_grad()
    def both() -> None:
        s = to_channels_last_float(observation) if quick else observation
        target(s), actor(s)

    return both


def acting(batch: int, norm: str = "renorm", *, quick: bool) -> Case:
    actor, observation = OnlineTargetActor(network(norm, fast=True)).actor, frames(batch)
    actor = fuse_conv_bn(actor) if quick else actor

    @torch.no_grad()
    def act() -> None:
        actor(to_channels_last_float(observation) if quick else observation)

    return act


def cases() -> dict[str, Case]:
    return {
        "train batch norm": training("batch", fast=False),
        "train renorm": training("renorm", fast=False),
        "train batch norm, channels_last": training("batch", fast=True),
        "train renorm, channels_last": training("renorm", fast=True),
        "train renorm, channels_last, prepared": training("renorm", fast=True, layout=to_channels_last_float),
        "train renorm, channels_last, prepared in float32": training("renorm", fast=True, layout=prepared_in_float32),
        "train fixed, channels_last, prepared": training("fixed", fast=True, layout=to_channels_last_float),
        "train fixed, channels_last, prepared, folded": training(
            "fixed", fast=True, layout=to_channels_last_float, fold=True
        ),
        "train layer norm, channels_last, prepared": training("layer", fast=True, layout=to_channels_last_float),
        "train no norm, channels_last, prepared": training("none", fast=True, layout=to_channels_last_float),
        "online forward of training, renorm": online_forward(),
        "target on s', folded, prepared": target_forward(),
        "target + actor on s'": bootstrap(fast=False, quick=False),
        "target + actor on s', channels_last": bootstrap(fast=True, quick=False),
        "target + actor on s', folded, prepared": bootstrap(fast=True, quick=True),
        "act on 8, channels_last": acting(8, quick=False),
        "act on 8, folded, prepared": acting(8, quick=True),
        "act on 1, channels_last": acting(1, quick=False),
        "act on 1, folded, prepared": acting(1, quick=True),
        "act on 1, no norm, channels_last": acting(1, "none", quick=False),
    }


def measure(timed: dict[str, Case], rounds: int, precision: str) -> dict[str, list[float]]:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    milliseconds: dict[str, list[float]] = {name: [] for name in timed}
    autocast = make_autocast(precision, torch.device("cpu"))
    for case in timed.values():
        case(), case()
    for _ in range(rounds):
        for name, case in timed.items():
            start = clock()
            with autocast():
                case()
            milliseconds[name].append(1e3 * (clock() - start))
    return milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    keep_freed_memory()  # as training does
    print(f"{torch.get_num_threads()} threads, ms {'min':>34} {'q25':>7} {'median':>7}")
    for name, values in measure(cases(), options.rounds, options.precision).items():
        print(f"{name:50s}", *(f"{np.quantile(values, q):7.2f}" for q in (0, 0.25, 0.5)))


if __name__ == "__main__":
    main()
