"""The memory of the last steps of all environments, with λ-returns, for agents without a replay."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from rlvision.core.action_masks import act_legally, legal_values, mask_in, with_masks
from rlvision.core.errors import CheckpointError
from rlvision.core.memory import check_budget
from rlvision.core.types import (
    ALL,
    Batch,
    BoolArray,
    EnvSpec,
    EnvStep,
    IntArray,
    Progress,
    QFunction,
    RewardTransform,
    Rows,
    State,
    TrainingPolicy,
    Transition,
    UInt8Array,
)
from rlvision.learning.losses import lambda_returns
from rlvision.learning.settings import RolloutSettings
from rlvision.nn.qnetwork import QNetwork

_BYTES_BESIDE_PIXELS = 8 + 4 + 4 + 1 + 1
"""Bytes of an action, a reward, a value and two flags."""


class RecordingPolicy:
    """A policy that keeps the values of the states in which it acts, ``max_a Q(s, a)``, until a memory takes them.

    The maximum is over the legal actions.

    Args:
        q_function: makes the Q-function of a view of the network.
        make_policy: makes the policy that acts, from a function that makes the Q-function of a view.
        num_envs: N.
    """

    respects_masks = True

    def __init__(
        self,
        q_function: Callable[[QNetwork], QFunction],
        make_policy: Callable[[Callable[[QNetwork], QFunction]], TrainingPolicy],
        num_envs: int,
    ) -> None:
        self._num_envs = num_envs
        self._make_q_function = q_function
        self._latest: list[Tensor] = []  # the Q-values of the present action
        self._values: deque[Tensor] = deque()  # of the rows that no memory has taken, oldest first
        self._policy = make_policy(self._recording)

    def act(
        self,
        observation: UInt8Array,
        first: BoolArray,
        env_steps: int,
        part: slice = ALL,
        mask: BoolArray | None = None,
    ) -> IntArray:
        """Return actions [n] int64 for the environments of ``part``, and record the values of their states.

        The parts of a row come in the order of the environments.
        """
        self._latest.clear()
        action = act_legally(self._policy, mask, observation, first, env_steps, part)
        if not self._latest:  # all actions are random
            self._q_function(observation)
        self._values.append(legal_values(self._latest[-1], mask).amax(dim=1))
        return action

    def take_values(self) -> Tensor:
        """Return the values [N] of the oldest row, and forget them."""
        row = [self._values.popleft()]
        while sum(map(len, row)) < self._num_envs:
            row.append(self._values.popleft())
        return torch.cat(row)

    def metrics(self, env_steps: int) -> Mapping[str, float]:
        """Return those of the policy."""
        return self._policy.metrics(env_steps)

    def state_dict(self) -> State:
        """Return the state of the policy; the values that no memory has taken are of a step that failed."""
        return self._policy.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Restore a saved state."""
        self._policy.load_state_dict(state)

    def _recording(self, view: QNetwork) -> QFunction:
        acts = self._make_q_function(view)

        def q_function(observation: UInt8Array) -> Tensor:
            self._latest.append(acts(observation))
            return self._latest[-1]

        self._q_function = q_function
        return q_function


class RolloutBuffer:
    """A `Memory` of the last T steps of N environments: learned from in epochs of minibatches, then forgotten.

    A rollout of T steps needs T + 1 rows, because the value of the last row's state ends the returns. That row is the
    first one of the next rollout; its action was chosen before the updates in between::

        T = 3      rows   0 1 2 3        batches of 0 1 2
                                3 4 5 6  batches of 3 4 5

    It stores whole observations, since it is small and read at once; a replay stores each frame once.

    A row that starts no transition (the row of an episode's last observation) has no return. It stays in its minibatch
    with an importance weight of 0, so that all minibatches have one size and its frame counts in their statistics.

    Args:
        settings: T, γ, λ, epochs and the size of a minibatch, which divides T * N.
        spec: of the environments.
        take_values: returns the values [N] of the states of a row, called once for each row.
        reward_transform: applied to raw rewards, such as clipping.
        generator: CPU generator of the order in minibatches; `state_dict` holds its state.
        device: of the rows.

    Raises:
        MemoryBudgetError: The rows would not fit into the free memory.
    """

    respects_masks = True

    def __init__(
        self,
        settings: RolloutSettings,
        spec: EnvSpec,
        *,
        take_values: Callable[[], Tensor],
        generator: torch.Generator,
        reward_transform: RewardTransform | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        device, rows, num_envs = torch.device(device), settings.rollout_steps + 1, spec.num_envs
        check_budget(rollout_bytes(settings, spec), device, f"a rollout of {rows} rows", "lower agent.rollout_steps")
        self._settings, self._num_envs, self._device = settings, num_envs, device
        self._take_values, self._transform = take_values, reward_transform
        self._generator = generator
        self._count = 0  # complete rows
        self._observation = torch.zeros(rows, num_envs, *spec.observation_shape, dtype=torch.uint8, device=device)
        self._action = torch.zeros(rows, num_envs, dtype=torch.int64)
        self._reward, self._value = torch.zeros(2, rows, num_envs).unbind()  # raw rewards
        self._terminated, self._first = torch.zeros(2, rows, num_envs, dtype=torch.bool).unbind()
        self._mask = torch.zeros(rows, num_envs, spec.mask_size, dtype=torch.bool)

    def add(self, step: EnvStep) -> None:
        """Store the next row."""
        row = self._count
        self._observation[row] = torch.from_numpy(step.observation).to(self._device)
        self._action[row] = torch.from_numpy(step.action)
        self._reward[row] = torch.from_numpy(step.reward)
        self._terminated[row] = torch.from_numpy(step.terminated)
        self._first[row] = torch.from_numpy(step.first)
        self._value[row] = self._take_values()
        if self._mask.numel():
            self._mask[row] = torch.from_numpy(mask_in(step, self._mask.shape[2]))
        self._count += 1

    def rows_until_due(self) -> int:
        """Return the number of rows that complete the rollout."""
        return self._settings.rollout_steps + 1 - self._count

    def batches(self) -> Iterator[Batch]:
        """Yield the minibatches of all epochs once the rollout is complete, then forget it."""
        if self.rows_until_due():
            return
        returns, weight = self.returns()
        size = returns.numel()
        for _ in range(self._settings.epochs):
            order = torch.randperm(size, generator=self._generator)
            for index in order.view(-1, self._settings.batch_size):
                yield self._batch(index, returns.flatten(), weight.flatten())
        self._forget()

    def sample(self) -> Tensor:
        """Return observations [B, C, H, W] of random rows."""
        index = torch.randint(self._count * self._num_envs, (self._settings.batch_size,), generator=self._generator)
        return self._observation.flatten(0, 1)[index.to(self._device)]

    def returns(self) -> tuple[Tensor, Tensor]:
        """Return the λ-returns [T, N] of a complete rollout, and which of its rows have one, as 1 or 0 [T, N].

        Row t starts a transition unless row t + 1 is a reset's. Its return continues with that of row t + 1 only if
        that one starts a transition, too; otherwise it ends with the value of row t + 1::

            row          t    t+1    t+2 (last)    t+3
            first        -    -      -             yes
            λ            λ    0      any           ..     0: the last observation's value, or nothing if terminated
            has return   yes  yes    -             yes
        """
        starts = ~self._first[1:]  # [T, N] row t starts a transition
        follows = torch.cat([starts[1:], starts.new_ones(1, self._num_envs)])  # [T, N] and so does row t + 1
        reward = self._reward[:-1]
        returns = lambda_returns(
            self._transform(reward) if self._transform else reward,
            self._settings.gamma * (~self._terminated[:-1]).float(),
            self._value[1:].contiguous(),
            self._settings.return_lambda * follows.float(),
        )
        return torch.where(starts, returns, self._value[:-1]), starts.float()

    def update_priorities(self, index: Tensor, priority: Tensor) -> None:
        """Do nothing: all rows count alike."""

    def metrics(self) -> dict[str, float]:
        """Return nothing: a rollout is always full when it is learned from."""
        return {}

    def state_dict(self) -> State:
        """Return the rows so far, and the state of the generator."""
        rows = {name: tensor[: self._count].cpu().clone() for name, tensor in self._rows.items()}
        return {"rows": rows, "generator": self._generator.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Restore saved rows.

        Raises:
            CheckpointError: The rows are those of another rollout.
        """
        for name, tensor in self._rows.items():
            saved = state["rows"][name]
            if saved.shape[1:] != tensor.shape[1:] or len(saved) > len(tensor):
                raise CheckpointError(
                    f"expected at most {len(tensor)} rows of {name} {list(tensor.shape[1:])}, got {list(saved.shape)}: "
                    "resume with the settings of the run"
                )
            tensor[: len(saved)] = saved.to(tensor.device)
        self._count = len(state["rows"]["action"])
        self._generator.set_state(state["generator"])

    def save_rows(self, folder: Path) -> Rows:
        """Write nothing: a rollout is small enough for the checkpoint."""
        return []

    def load_rows(self, folder: Path, rows: Rows, progress: Progress) -> None:
        """Read nothing."""

    @property
    def _rows(self) -> dict[str, Tensor]:
        names = ("observation", "action", "reward", "value", "terminated", "first", "mask")
        return {name: rows for name in names if (rows := getattr(self, f"_{name}")).numel()}

    def _batch(self, index: Tensor, returns: Tensor, weight: Tensor) -> Batch:
        """Return the rows of ``index`` [B] as transitions with a λ-return as their reward and nothing after it."""
        observation = self._observation.flatten(0, 1)[index.to(self._device)]
        action, reward = self._action.flatten()[index], returns[index]
        fields = (action, reward, torch.zeros_like(reward))
        action, reward, discount = (field.to(self._device) for field in fields)
        transition = Transition(observation, action, reward, discount, observation)
        if self._mask.numel():
            mask = self._mask.flatten(0, 1)[index].to(self._device)
            transition = with_masks(transition, mask, mask)
        return Batch(transition, index, weight[index].to(self._device))

    def _forget(self) -> None:
        """Keep the last row alone."""
        for tensor in self._rows.values():
            tensor[0] = tensor[-1]
        self._count = 1


def rollout_bytes(settings: RolloutSettings, spec: EnvSpec) -> int:
    """Return the bytes of a rollout's rows, without allocating them."""
    row = math.prod(spec.observation_shape) + _BYTES_BESIDE_PIXELS + spec.mask_size
    return (settings.rollout_steps + 1) * spec.num_envs * row
