"""Policies: how Q-values become actions."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from rlvision.core.devices import Autocast
from rlvision.core.types import (
    BoolArray,
    EnvSpec,
    IntArray,
    QFunction,
    QOutput,
    Schedule,
    State,
    TrainingPolicy,
    UInt8Array,
)
from rlvision.learning.settings import ExplorationSettings
from rlvision.nn.cuda_graphs import CaptureFn, GraphedByShape
from rlvision.nn.noisy import resample_noise
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.target_network import OnlineTargetActor

LONGEST = 10_000
"""Decisions for which a random action may be repeated, at most."""


def make_q_function(
    actor: nn.Module, device: torch.device, autocast: Autocast, capture: CaptureFn | None = None
) -> QFunction:
    """Return the Q-function of a network that lives on ``device``; it follows the network's weights.

    Args:
        actor: observations [N, C, H, W] uint8 -> `QOutput`.
        device: of its tensors.
        autocast: the precision of its encoder.
        capture: how the kernels of a forward are captured, to be launched as one; None: they are launched one by one.
    """

    @torch.no_grad()
    def forward(observation: Tensor) -> tuple[Tensor]:
        with autocast():
            output: QOutput = actor(observation)
        return (output.q_values,)

    launch = forward if capture is None else GraphedByShape(forward, capture)

    def q_function(observation: UInt8Array) -> Tensor:
        (q_values,) = launch(torch.from_numpy(observation).to(device))
        return q_values.cpu()

    return q_function


class _Random:
    """A stream of random numbers that travels in a checkpoint."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def state_dict(self) -> State:
        """The stream of random numbers."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on with a saved stream."""
        self._generator.set_state(state["generator"])


class EpsilonGreedy(_Random):
    """The greedy action, or with probability epsilon one at random: a coin of its own for every environment.

    Args:
        q_function: the network that acts.
        num_actions: A.
        epsilon: a probability for all environments or, as in the ladder of Ape-X (Horgan et al. 2018), exponents
            [N] let environment i act with ``epsilon ** exponent[i]``.
        generator: the CPU stream of coins and random actions.
    """

    def __init__(
        self,
        q_function: QFunction,
        num_actions: int,
        epsilon: Schedule,
        generator: torch.Generator,
        exponents: Tensor | None = None,
    ) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._num_actions = num_actions
        self._epsilon = epsilon
        self._exponents = exponents

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N] int64."""
        count = len(observation)
        explores = torch.rand(count, generator=self._generator) < self._epsilons(env_steps)  # [N]
        action = torch.randint(self._num_actions, (count,), generator=self._generator)  # [N]
        if not explores.all():
            action = torch.where(explores, action, self._q_function(observation).argmax(dim=1))
        return action.numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return the mean epsilon of the environments."""
        return {"policy/epsilon": float(self._epsilons(env_steps).mean())}

    def _epsilons(self, env_steps: int) -> Tensor:
        epsilon = torch.tensor(self._epsilon(env_steps))
        return epsilon if self._exponents is None else epsilon**self._exponents


class PersistentEpsilonGreedy(_Random):
    """ε-greedy whose random actions last (εz-greedy: Dabney, Ostrovski and Barreto 2021, algorithm 1).

    A random action is repeated for k decisions, with probability in proportion to ``k ** -exponent``; the greedy one is
    chosen anew each time. A game that begins ends what was being repeated::

        epsilon's coin    no   yes  -    -    no   yes  -
        first             -    -    -    -    -    -    yes
        action            g    a    a    a    g    b    g or a new one

    Args:
        q_function: the network that acts.
        num_actions: A.
        epsilon: the probability that a random action begins, where none lasts.
        exponent: µ of the zeta distribution of durations, above 1; 2 in the paper.
        generator: the CPU stream of coins, actions and durations.
    """

    def __init__(
        self, q_function: QFunction, num_actions: int, epsilon: Schedule, exponent: float, generator: torch.Generator
    ) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._num_actions = num_actions
        self._epsilon = epsilon
        share = torch.arange(1, LONGEST + 1, dtype=torch.float64) ** -exponent
        self._cumulated = share.cumsum(0) / share.sum()  # [LONGEST]
        self._action = torch.zeros(0, dtype=torch.int64)  # [N] that is repeated
        self._left = torch.zeros(0, dtype=torch.int64)  # [N] decisions for which it lasts

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N] int64."""
        count = len(observation)
        if len(self._left) != count:
            self._action, self._left = torch.zeros(2, count, dtype=torch.int64).unbind()
        left = torch.where(torch.from_numpy(first), 0, self._left)
        begins = (torch.rand(count, generator=self._generator) < self._epsilon(env_steps)) & (left == 0)
        drawn = torch.randint(self._num_actions, (count,), generator=self._generator)
        self._action = torch.where(begins, drawn, self._action)
        left = torch.where(begins, self._durations(count), left)
        lasts = left > 0
        self._left = (left - 1).clamp_min(0)
        if lasts.all():
            return self._action.numpy().copy()
        return torch.where(lasts, self._action, self._q_function(observation).argmax(dim=1)).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return epsilon."""
        return {"policy/epsilon": self._epsilon(env_steps)}

    def state_dict(self) -> State:
        """The stream of random numbers, and what is being repeated."""
        return {**super().state_dict(), "action": self._action, "left": self._left}

    def load_state_dict(self, state: State) -> None:
        """Go on from a saved state."""
        super().load_state_dict(state)
        self._action, self._left = state["action"], state["left"]

    def _durations(self, count: int) -> Tensor:
        uniform = torch.rand(count, dtype=torch.float64, generator=self._generator)
        return torch.searchsorted(self._cumulated, uniform).clamp_max(LONGEST - 1) + 1


class Softmax(_Random):
    """Boltzmann exploration: an action with probability proportional to ``exp(q / temperature)``.

    Args:
        q_function: the network that acts.
        temperature: as a function of env steps, greater than zero; the smaller, the greedier.
        generator: the CPU stream of draws.
    """

    def __init__(self, q_function: QFunction, temperature: Schedule, generator: torch.Generator) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._temperature = temperature

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N] int64."""
        q_values = self._q_function(observation)  # [N, A]
        probability = torch.softmax(q_values / self._temperature(env_steps), dim=1)
        return torch.multinomial(probability, 1, generator=self._generator).squeeze(1).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return the temperature."""
        return {"policy/temperature": self._temperature(env_steps)}


class NoisyGreedy(_Random):
    """The greedy action of a network whose weights carry noise, drawn anew at every step (Fortunato et al. 2018).

    Args:
        q_function: the network that explores, with its noise.
        resample: draws new noise from a generator.
        generator: the CPU stream of noise.
    """

    def __init__(
        self, q_function: QFunction, resample: Callable[[torch.Generator], None], generator: torch.Generator
    ) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._resample = resample

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Return actions [N] int64."""
        self._resample(self._generator)
        return self._q_function(observation).argmax(dim=1).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return nothing: how much it explores is learned, layer by layer."""
        return {}


def ladder_exponents(num_envs: int, alpha: float) -> Tensor:
    """Exponents [N] of Ape-X's epsilons, ``1 + i / (N - 1) * alpha`` (Horgan et al. 2018, section 4)."""
    return 1.0 + torch.arange(num_envs) / max(num_envs - 1, 1) * alpha


def make_policy(
    settings: ExplorationSettings,
    schedule: Schedule,
    networks: OnlineTargetActor,
    spec: EnvSpec,
    q_function: Callable[[QNetwork], QFunction],
    draws: torch.Generator,
) -> TrainingPolicy:
    """Return the policy that explores.

    Args:
        settings: which one, and its numbers.
        schedule: epsilon or the temperature as a function of env steps.
        networks: the network that acts; noisy exploration has a view of its own.
        spec: of the environments.
        q_function: makes the Q-function of a view.
        draws: the CPU stream of its random numbers.
    """
    if settings.kind == "noisy":
        return NoisyGreedy(q_function(networks.explorer), partial(resample_noise, networks.explorer), draws)
    acts = q_function(networks.actor)
    if settings.kind == "softmax":
        return Softmax(acts, schedule, draws)
    if settings.kind == "persistent":
        return PersistentEpsilonGreedy(acts, spec.num_actions, schedule, settings.persistence, draws)
    exponents = ladder_exponents(spec.num_envs, settings.ladder_alpha) if settings.kind == "ladder" else None
    return EpsilonGreedy(acts, spec.num_actions, schedule, draws, exponents)
