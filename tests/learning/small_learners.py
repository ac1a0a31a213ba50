"""Learners on frames of 29x29, with everything fixed by seeds, and what can be seen of their networks."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from rlvision.agents.dqn import dqn
from rlvision.agents.qr_dqn import qr_dqn
from rlvision.core.devices import make_autocast
from rlvision.core.types import Batch, Transition
from rlvision.learning.agent import Agent, Ingredients
from rlvision.learning.learner import QLearner
from rlvision.learning.optimisers import decay_groups, make_optimiser
from rlvision.learning.schedules import Constant, Schedule
from rlvision.nn.cuda_graphs import Record
from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import LinearHead
from rlvision.nn.norm_variants import ARMS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import Views

SIZE, ACTIONS, ROWS, CALIBRATION = 29, 3, 8, 4
QUANTILES = 5

Recipe = Callable[..., Agent]


def frames(seed: int, rows: int = ROWS) -> Tensor:
    return torch.randint(256, (rows, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def batch(seed: int = 0, *, discount: float = 0.9, weight: float = 1.0) -> Batch:
    draws = torch.Generator().manual_seed(seed)
    transition = Transition(
        observation=frames(2 * seed),
        action=torch.randint(ACTIONS, (ROWS,), generator=draws),
        reward=torch.randn(ROWS, generator=draws),
        discount=torch.full((ROWS,), discount),
        next_observation=frames(2 * seed + 1),
    )
    return Batch(transition, torch.arange(ROWS), torch.full((ROWS,), weight))


class FakeMemory:
    """Hands out batches number 100, 101, .., and counts them."""

    def __init__(self) -> None:
        self.drawn: list[Tensor] = []

    def sample(self) -> Batch:
        drawn = batch(100 + len(self.drawn))
        self.drawn.append(drawn.transition.observation)
        return drawn


def network(
    norm: str = "renorm", *, seed: int = 0, actions: int = ACTIONS, momentum: float = 0.1, quantiles: int = 1
) -> QNetwork:
    torch.manual_seed(seed)
    encoder = DNEncoder(1, SIZE, SIZE, norm=norm, momentum=momentum)
    return QNetwork(encoder, LinearHead(encoder.features, actions, quantiles=quantiles))


def learner(
    arm: str = "renorm",
    *,
    online: QNetwork | None = None,
    memory: FakeMemory | None = None,
    optimiser: str = "adam",
    learning_rate: float | Schedule = 0.01,
    weight_decay: float = 0.0,
    precision: str = "float32",
    calibration_batches: int = 0,
    seed: int = 0,
    max_grad_norm: float | None = 10.0,
    record: Record | None = None,
    recipe: Recipe = dqn,
    **settings: Any,
) -> QLearner:
    """The learner that the recipe composes."""
    quantiles = QUANTILES if recipe is qr_dqn else 1
    views = Views(network(ARMS[arm].layer, seed=seed, quantiles=quantiles) if online is None else online)
    schedule = learning_rate if callable(learning_rate) else Constant(learning_rate)
    ingredients = Ingredients(
        views=views,
        arm=ARMS[arm],
        q_function=None,
        policy=None,
        memory=memory or FakeMemory(),
        optimiser=make_optimiser(
            optimiser, decay_groups(views.online, weight_decay), learning_rate=1.0, epsilon=1e-8, momentum=0.0
        ),
        learning_rate=schedule,
        autocast=make_autocast(precision, torch.device("cpu")),
        beta=Constant(1.0),
        calibration_batches=calibration_batches,
        max_grad_norm=max_grad_norm,
        record=record,
    )
    return recipe(ingredients, **settings).learner


@contextmanager
def forwards(views: Views) -> Iterator[list[tuple[str, set[bool], Tensor]]]:
    """Every forward of a whole network: whose weights, the modes of all its modules, what it saw."""
    seen: list[tuple[str, set[bool], Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(module, QNetwork):
            owner = "target" if module.head.q.weight is views.target.head.q.weight else "online"
            seen.append((owner, {part.training for part in module.modules()}, inputs[0]))

    handle = register_module_forward_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one | other)


def statistics(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()}
