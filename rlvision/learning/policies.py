"""Policies, which choose actions by Q-values."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from rlvision.core.action_masks import are_legal, greedy_actions, legal_values, random_actions
from rlvision.core.devices import Autocast
from rlvision.core.types import (
    ALL,
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
from rlvision.nn.target_network import OnlineActor

LONGEST = 10_000
"""Largest number of decisions that repeat one random action."""


def make_q_function(
    actor: nn.Module, device: torch.device, autocast: Autocast, capture: CaptureFn | None = None
) -> QFunction:
    """Return the Q-function of a network, always by the network's current weights.

    Args:
        actor: observations [N, C, H, W] uint8 -> `QOutput`.
        device: device of its tensors.
        autocast: the precision of its encoder.
        capture: captures the kernels of a forward to launch them at once; None launches them one by one.
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


class _RandomPolicy:
    """A base class with a random generator whose state checkpoints save."""

    respects_masks = True

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    def state_dict(self) -> State:
        """Return the state of the generator."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Restore the state of the generator."""
        self._generator.set_state(state["generator"])


class EpsilonGreedy(_RandomPolicy):
    """A policy of greedy actions, or with probability epsilon of random ones, drawn for each environment alone.

    Args:
        q_function: the network that acts.
        num_actions: A.
        epsilon: the probability of a random action as a function of env steps.
        generator: the CPU generator of all draws.
        exponents: [N], so that environment i acts with ``epsilon ** exponents[i]``, the ladder of Ape-X (Horgan et
            al. 2018); None: all environments act with epsilon.
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

    def act(
        self,
        observation: UInt8Array,
        first: BoolArray,
        env_steps: int,
        part: slice = ALL,
        mask: BoolArray | None = None,
    ) -> IntArray:
        """Return actions [n] int64 for the environments of ``part``, each legal by its ``mask`` [n, A]."""
        count = len(observation)
        explores = torch.rand(count, generator=self._generator) < self._epsilons(env_steps, part)  # [n]
        action = random_actions(self._num_actions, count, self._generator, mask)  # [n]
        if not explores.all():
            action = torch.where(explores, action, greedy_actions(self._q_function(observation), mask))
        return action.numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return the mean epsilon of the environments."""
        return {"policy/epsilon": float(self._epsilons(env_steps).mean())}

    def _epsilons(self, env_steps: int, part: slice = ALL) -> Tensor:
        epsilon = torch.tensor(self._epsilon(env_steps))
        return epsilon if self._exponents is None else epsilon ** self._exponents[part]


class PersistentEpsilonGreedy(_RandomPolicy):
    """ε-greedy with repeated random actions (εz-greedy: Dabney, Ostrovski and Barreto 2021, algorithm 1).

    A random action is repeated for k decisions, with probability in proportion to ``k ** -exponent``. A greedy action
    is chosen again at each decision. A new game ends the repetition, and so does a state where it is illegal::

        random draw       no   yes  -    -    no   yes  -
        first             -    -    -    -    -    -    yes
        action            g    a    a    a    g    b    g or a new one

    Args:
        q_function: the network that acts.
        spec: of the environments.
        epsilon: the probability that a random action begins while none is repeated.
        exponent: µ of the zeta distribution of durations, above 1; 2 in the paper.
        generator: the CPU generator of all draws.
    """

    def __init__(
        self, q_function: QFunction, spec: EnvSpec, epsilon: Schedule, exponent: float, generator: torch.Generator
    ) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._num_actions = spec.num_actions
        self._epsilon = epsilon
        share = torch.arange(1, LONGEST + 1, dtype=torch.float64) ** -exponent
        self._cumulated = share.cumsum(0) / share.sum()  # [LONGEST]
        self._action = torch.zeros(spec.num_envs, dtype=torch.int64)  # [N] the last random action
        self._left = torch.zeros(spec.num_envs, dtype=torch.int64)  # [N] decisions that still repeat it

    def act(
        self,
        observation: UInt8Array,
        first: BoolArray,
        env_steps: int,
        part: slice = ALL,
        mask: BoolArray | None = None,
    ) -> IntArray:
        """Return actions [n] int64 for the environments of ``part``, each legal by its ``mask`` [n, A]."""
        count = len(observation)
        left = self._left[part].where(self._can_repeat(first, part, mask), 0)
        begins = (torch.rand(count, generator=self._generator) < self._epsilon(env_steps)) & (left == 0)
        drawn = random_actions(self._num_actions, count, self._generator, mask)
        action = torch.where(begins, drawn, self._action[part])
        left = torch.where(begins, self._durations(count), left)
        lasts = left > 0
        self._action[part], self._left[part] = action, (left - 1).clamp_min(0)
        if not lasts.all():
            action = torch.where(lasts, action, greedy_actions(self._q_function(observation), mask))
        return action.numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return epsilon."""
        return {"policy/epsilon": self._epsilon(env_steps)}

    def state_dict(self) -> State:
        """Return the state of the generator, and the actions that are being repeated."""
        return {**super().state_dict(), "action": self._action.clone(), "left": self._left.clone()}

    def load_state_dict(self, state: State) -> None:
        """Restore a saved state."""
        super().load_state_dict(state)
        self._action.copy_(state["action"])
        self._left.copy_(state["left"])

    def _can_repeat(self, first: BoolArray, part: slice, mask: BoolArray | None) -> Tensor:
        goes_on = ~torch.from_numpy(first)
        return goes_on if mask is None else goes_on & are_legal(self._action[part], mask)

    def _durations(self, count: int) -> Tensor:
        uniform = torch.rand(count, dtype=torch.float64, generator=self._generator)
        return torch.searchsorted(self._cumulated, uniform).clamp_max(LONGEST - 1) + 1


class Softmax(_RandomPolicy):
    """Boltzmann exploration: actions drawn in proportion to ``exp(q / temperature)``.

    Args:
        q_function: the network that acts.
        temperature: above zero, as a function of env steps; a lower temperature is greedier.
        generator: the CPU generator of all draws.
    """

    def __init__(self, q_function: QFunction, temperature: Schedule, generator: torch.Generator) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._temperature = temperature

    def act(
        self,
        observation: UInt8Array,
        first: BoolArray,
        env_steps: int,
        part: slice = ALL,
        mask: BoolArray | None = None,
    ) -> IntArray:
        """Return actions [n] int64 for the environments of ``part``, each legal by its ``mask`` [n, A]."""
        q_values = legal_values(self._q_function(observation), mask)  # [n, A]
        probability = torch.softmax(q_values / self._temperature(env_steps), dim=1)
        return torch.multinomial(probability, 1, generator=self._generator).squeeze(1).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return the temperature."""
        return {"policy/temperature": self._temperature(env_steps)}


class NoisyGreedy(_RandomPolicy):
    """A policy of greedy actions by noisy weights, with new noise at every step (Fortunato et al. 2018).

    Args:
        q_function: the network that explores, with its noise.
        resample: draws new noise from a generator.
        generator: the CPU generator of the noise.
    """

    def __init__(
        self, q_function: QFunction, resample: Callable[[torch.Generator], None], generator: torch.Generator
    ) -> None:
        super().__init__(generator)
        self._q_function = q_function
        self._resample = resample

    def act(
        self,
        observation: UInt8Array,
        first: BoolArray,
        env_steps: int,
        part: slice = ALL,
        mask: BoolArray | None = None,
    ) -> IntArray:
        """Return actions [n] int64 for the environments of ``part``, each legal by its ``mask`` [n, A]."""
        self._resample(self._generator)
        return greedy_actions(self._q_function(observation), mask).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """Return nothing: each layer learns its own amount of exploration."""
        return {}


def ladder_exponents(num_envs: int, alpha: float) -> Tensor:
    """Return the exponents [N] of Ape-X's epsilons, ``1 + i / (N - 1) * alpha`` (Horgan et al. 2018, section 4)."""
    return 1.0 + torch.arange(num_envs) / max(num_envs - 1, 1) * alpha


def make_policy(
    settings: ExplorationSettings,
    schedule: Schedule,
    networks: OnlineActor,
    spec: EnvSpec,
    q_function: Callable[[QNetwork], QFunction],
    draws: torch.Generator,
) -> TrainingPolicy:
    """Make the policy that explores.

    Args:
        settings: the kind of policy and its parameters.
        schedule: epsilon or the temperature as a function of env steps.
        networks: the views of the network; noisy exploration uses the explorer, all others the actor.
        spec: of the environments.
        q_function: makes the Q-function of a view.
        draws: the CPU generator of all draws.
    """
    if settings.kind == "noisy":
        return NoisyGreedy(q_function(networks.explorer), partial(resample_noise, networks.explorer), draws)
    acts = q_function(networks.actor)
    if settings.kind == "softmax":
        return Softmax(acts, schedule, draws)
    if settings.kind == "persistent":
        return PersistentEpsilonGreedy(acts, spec, schedule, settings.persistence, draws)
    exponents = ladder_exponents(spec.num_envs, settings.ladder_alpha) if settings.kind == "ladder" else None
    return EpsilonGreedy(acts, spec.num_actions, schedule, draws, exponents)
