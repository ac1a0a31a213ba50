"""Learners on frames of 29x29, with everything fixed by seeds, and what can be seen of their networks.

`Kernels` does on the CPU what a CUDA graph does: it notes the kernels of a function, then runs them again over the same
tensors. No Python runs again, every kernel reads and writes the very tensors it did, and waiting for the device is
refused: what holds for these recordings of a function's kernels holds for a graph of them.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rlvision.core.devices import make_autocast
from rlvision.core.types import Batch, Schedule, Transition
from rlvision.learning.augmentation import Augmentation
from rlvision.learning.learner import QLearner
from rlvision.learning.registry import find_agent
from rlvision.learning.schedules import Constant
from rlvision.learning.settings import OptimiserSettings
from rlvision.learning.targets import make_targets
from rlvision.nn.cuda_graphs import CaptureFn
from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import LinearHead
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor

SIZE, ACTIONS, ROWS, CALIBRATION = 29, 3, 8, 4
QUANTILES = 5


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
    variant: str = "renorm",
    *,
    agent: str = "dqn",
    online: QNetwork | None = None,
    memory: FakeMemory | None = None,
    optimiser: str = "adam",
    learning_rate: float | Schedule = 0.01,
    weight_decay: float = 0.0,
    precision: str = "float32",
    calibration_batches: int = 0,
    seed: int = 0,
    max_grad_norm: float | None = 10.0,
    augmentation: Augmentation | None = None,
    capture: CaptureFn | None = None,
    target_period: int = 500,
    target_tau: float | None = None,
    **settings: Any,
) -> QLearner:
    """The learner of an agent, by its TD rule; ``settings`` are the agent's."""
    quantiles = QUANTILES if agent == "qr_dqn" else 1
    networks = OnlineTargetActor(
        network(NORM_VARIANTS[variant].layer, seed=seed, quantiles=quantiles) if online is None else online
    )
    algorithm = find_agent(agent)
    autocast = make_autocast(precision, torch.device("cpu"))
    memory = memory or FakeMemory()
    measured = {"sample": lambda: memory.sample().transition.observation, "calibration_batches": calibration_batches}
    return QLearner(
        networks=networks,
        targets=make_targets(
            networks, NORM_VARIANTS[variant], period=target_period, tau=target_tau, autocast=autocast, **measured
        ),
        td_rule=algorithm(algorithm.Settings(**settings)).td_loss,
        settings=OptimiserSettings(
            name=optimiser,
            learning_rate=1.0,
            epsilon=1e-8,
            momentum=0.0,
            weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
        ),
        learning_rate=learning_rate if callable(learning_rate) else Constant(learning_rate),
        autocast=autocast,
        augmentation=augmentation,
        capture=capture,
        **measured,
    )


@contextmanager
def forwards(networks: OnlineTargetActor) -> Iterator[list[tuple[str, set[bool], Tensor]]]:
    """Every forward of a whole network: whose weights, the modes of all its modules, what it saw."""
    seen: list[tuple[str, set[bool], Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(module, QNetwork):
            owner = "target" if module.head.q.weight is networks.target.head.q.weight else "online"
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


WAITS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default, torch.ops.aten.nonzero.default}


class Kernels(TorchDispatchMode):
    """Runs kernels, and notes them."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[Callable[..., Any], Any, Any, Any]] = []

    def __torch_dispatch__(self, kernel: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if kernel in WAITS:
            raise RuntimeError(f"{kernel} waits for the device: no graph can be made of it")
        result = kernel(*args, **(kwargs or {}))
        self.taken.append((kernel, args, kwargs or {}, result))
        return result

    def launch(self) -> None:
        """All kernels again; what they return is put where it was put the first time."""
        with torch.no_grad():
            for kernel, args, kwargs, result in self.taken:
                for kept, new in zip(tree_leaves(result), tree_leaves(kernel(*args, **kwargs)), strict=True):
                    if isinstance(kept, Tensor) and kept.data_ptr() != new.data_ptr():
                        kept.copy_(new)


def record_kernels(function: Callable[[], tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
    """A `rlvision.nn.cuda_graphs.CaptureFn` of the CPU."""
    with Kernels() as kernels:
        outputs = function()
    return outputs, kernels.launch


@pytest.fixture(scope="session")
def capture():
    """How the CPU captures kernels."""
    return record_kernels


@pytest.fixture(scope="session", name="frames")
def _frames():
    """(seed, rows) -> observations [rows, 1, SIZE, SIZE]."""
    return frames


@pytest.fixture(scope="session", name="batch")
def _batch():
    """(seed, discount, weight) -> a batch of ROWS transitions."""
    return batch


@pytest.fixture(scope="session", name="fake_memory")
def _fake_memory():
    """() -> a memory that counts what is drawn."""
    return FakeMemory


@pytest.fixture(scope="session", name="network")
def _network():
    """(norm, seed, actions, momentum, quantiles) -> DN with a linear head."""
    return network


@pytest.fixture(scope="session", name="learner")
def _learner():
    """(variant, agent, …) -> a learner."""
    return learner


@pytest.fixture(scope="session", name="forwards")
def _forwards():
    """A context in which every forward of a learner's networks is noted."""
    return forwards


@pytest.fixture(scope="session", name="snapshot")
def _snapshot():
    """A copy of a module's state."""
    return snapshot


@pytest.fixture(scope="session", name="statistics")
def _statistics():
    """A copy of a module's buffers."""
    return statistics


@pytest.fixture(scope="session", name="equal")
def _equal():
    """Whether two states are the same, bit for bit."""
    return equal


@pytest.fixture(scope="session")
def values_of():
    """(online_tm1, target_t, online_t) -> what a TD rule asks for, given outright."""
    return lambda online_tm1, target_t, online_t: SimpleNamespace(
        online_tm1=online_tm1, target_t=target_t, online_t=online_t
    )


@pytest.fixture(scope="session")
def td_rule():
    """(agent, settings) -> the TD rule of an agent."""
    return lambda agent, **settings: find_agent(agent)(find_agent(agent).Settings(**settings)).td_loss


@pytest.fixture(scope="session")
def transition_of():
    """(action, reward, discount) -> a transition whose observations are of no interest."""

    def of_numbers(action: Tensor, reward: Tensor, discount: Tensor) -> Transition:
        unseen = torch.zeros(len(action), 1, 1, 1, dtype=torch.uint8)
        return Transition(unseen, action, reward, discount, unseen)

    return of_numbers
