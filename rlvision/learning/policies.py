"""Policies: how Q-values become actions."""

import torch
from torch import Tensor, nn

from rlvision.core.devices import Autocast
from rlvision.core.types import IntArray, QFunction, QOutput, State, UInt8Array
from rlvision.learning.schedules import Schedule
from rlvision.nn.cuda_graphs import CapturedByShape, Record


def on_device(actor: nn.Module, device: torch.device, autocast: Autocast, record: Record | None = None) -> QFunction:
    """The Q-function of a network that lives on ``device``; it follows the network's weights.

    Args:
        actor: observations [N, C, H, W] uint8 -> `QOutput`.
        device: of its tensors.
        autocast: the precision of its encoder.
        record: how the kernels of a forward are taken down, to be launched as one; None: they are launched one by one.
    """

    @torch.no_grad()
    def forward(observation: Tensor) -> tuple[Tensor]:
        with autocast():
            output: QOutput = actor(observation)
        return (output.q_values,)

    launch = forward if record is None else CapturedByShape(forward, record)

    def q_function(observation: UInt8Array) -> Tensor:
        (q_values,) = launch(torch.from_numpy(observation).to(device))
        return q_values.cpu()

    return q_function


class EpsilonGreedy:
    """The greedy action, or with probability epsilon one at random: a coin of its own for every environment.

    Args:
        q_function: the network that acts.
        num_actions: A.
        epsilon: a probability for all environments or, as in the ladder of Ape-X (Horgan et al. 2018), exponents
            [N] let environment i act with ``epsilon ** exponent[i]``.
        generator: the CPU stream of coins and random actions; its state travels with `state_dict`.
    """

    def __init__(
        self,
        q_function: QFunction,
        num_actions: int,
        epsilon: Schedule,
        generator: torch.Generator,
        exponents: Tensor | None = None,
    ) -> None:
        self._q_function = q_function
        self._num_actions = num_actions
        self._epsilon = epsilon
        self._generator = generator
        self._exponents = exponents

    def act(self, observation: UInt8Array, env_steps: int) -> IntArray:
        """Actions [N] int64."""
        count = len(observation)
        explores = torch.rand(count, generator=self._generator) < self._epsilons(env_steps)  # [N]
        action = torch.randint(self._num_actions, (count,), generator=self._generator)  # [N]
        if not explores.all():
            action = torch.where(explores, action, self._q_function(observation).argmax(dim=1))
        return action.numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """The mean epsilon of the environments."""
        return {"policy/epsilon": float(self._epsilons(env_steps).mean())}

    def state_dict(self) -> State:
        """The stream of random numbers."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on with a saved stream."""
        self._generator.set_state(state["generator"])

    def _epsilons(self, env_steps: int) -> Tensor:
        epsilon = torch.tensor(self._epsilon(env_steps))
        return epsilon if self._exponents is None else epsilon**self._exponents


class Softmax:
    """Boltzmann exploration: an action with probability proportional to ``exp(q / temperature)``.

    Args:
        q_function: the network that acts.
        temperature: as a function of env steps, greater than zero; the smaller, the greedier.
        generator: the CPU stream of draws; its state travels with `state_dict`.
    """

    def __init__(self, q_function: QFunction, temperature: Schedule, generator: torch.Generator) -> None:
        self._q_function = q_function
        self._temperature = temperature
        self._generator = generator

    def act(self, observation: UInt8Array, env_steps: int) -> IntArray:
        """Actions [N] int64."""
        q_values = self._q_function(observation)  # [N, A]
        probability = torch.softmax(q_values / self._temperature(env_steps), dim=1)
        return torch.multinomial(probability, 1, generator=self._generator).squeeze(1).numpy()

    def metrics(self, env_steps: int) -> dict[str, float]:
        """The temperature."""
        return {"policy/temperature": self._temperature(env_steps)}

    def state_dict(self) -> State:
        """The stream of random numbers."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on with a saved stream."""
        self._generator.set_state(state["generator"])


def ladder_exponents(num_envs: int, alpha: float) -> Tensor:
    """Exponents [N] of Ape-X's epsilons, ``1 + i / (N - 1) * alpha`` (Horgan et al. 2018, section 4)."""
    return 1.0 + torch.arange(num_envs) / max(num_envs - 1, 1) * alpha
