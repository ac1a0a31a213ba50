"""The collector steps the environments with a policy, fills the memory and counts the scores."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rlvision.core.action_masks import act_legally, mask_of
from rlvision.core.types import (
    BoolArray,
    EnvStep,
    Episode,
    IntArray,
    Memory,
    RewardTransform,
    Schedule,
    State,
    TrainingPolicy,
    UInt8Array,
    VectorEnv,
)
from rlvision.envs.split_env import Act, SplitEnv, play_double_buffered

if TYPE_CHECKING:
    from rlvision.envs.game_archive import GameRecorder


LARGE_REWARD = 10.0
"""Size of a reward, as it is learned, beyond which a warning proposes a scale."""


class Collector:
    """Collector of experience, whose steps have two halves so that learning happens while the emulators run.

    ``send`` chooses actions and hands them over. ``recv`` waits, stores the row in the memory and returns the finished
    games. ``env_steps`` counts N per row, including the row of a game's last observation, whose action is ignored.

    Attributes:
        last_step: the newest row, if there is one.
        is_ahead: whether one half of the environments may be a step ahead of the memory, so that nothing can be saved.
    """

    def __init__(
        self,
        env: VectorEnv,
        policy: TrainingPolicy,
        memory: Memory,
        returns: "DiscountedReturns",
        recorder: "GameRecorder | None" = None,
    ) -> None:
        self.env = env
        self.env_steps = 0
        self.episodes, self.is_ahead = 0, False
        self.last_step: EnvStep | None = None
        self._policy = policy
        self._memory = memory
        self._returns = returns
        self._recorder = recorder
        self._episode_stats = EpisodeStats(env.spec.num_envs, env.spec.frameskip)

    @property
    def frames(self) -> int:
        """Return the number of emulator frames so far."""
        return self.env_steps * self.env.spec.frameskip

    def send(self) -> None:
        """Choose actions with the newest weights, and start the step of the environments."""
        seen = self.env.observation, self.env.first, self.env_steps
        self.env.send(act_legally(self._policy, mask_of(self.env), *seen))

    def recv(self) -> list[Episode]:
        """Wait for the environments, store the row and return the finished games."""
        return self._add(self.env.recv())

    def collect(self, rows: int) -> Iterator[list[Episode]]:
        """Make ``rows`` steps with the weights as they are, and yield the finished games of each.

        While one half of the environments steps, the policy acts for the other, if the environments are split.
        """
        if isinstance(self.env, SplitEnv):
            self.is_ahead = True
            yield from map(self._add, play_double_buffered(self.env, self._acting_in_turn(), rows))
            self.is_ahead = False
        else:
            for _ in range(rows):
                self.send()
                yield self.recv()

    def _acting_in_turn(self) -> Act:
        """Return a function that acts for one half, in the env steps that all environments will have made by then."""
        num_envs, env_steps = self.env.spec.num_envs, [self.env_steps, self.env_steps]
        parts = slice(0, num_envs // 2), slice(num_envs // 2, num_envs)

        def act(half: int, observation: UInt8Array, first: BoolArray) -> IntArray:
            action = self._policy.act(observation, first, env_steps[half], parts[half])
            env_steps[half] += num_envs
            return action

        return act

    def _add(self, step: EnvStep) -> list[Episode]:
        """Store a row and return the finished games."""
        self._memory.add(step)
        self.last_step = step
        self._returns.add(step, self.env_steps)
        self.env_steps += len(step.action)
        games = self._episode_stats.add(step, self.env.seeds())
        if self._recorder is not None:
            self._recorder.add(step, games, self.episodes + 1, self.env_steps)
        self.episodes += len(games)
        return [episode for _, episode in games]

    def metrics(self) -> dict[str, float]:
        """Return the discounted return observed since the last call, to compare with the mean Q-value."""
        return self._returns.metrics()

    def state_dict(self) -> State:
        """Return the state of the environments, the counters and the scores of unfinished games."""
        return {
            "env": self.env.state_dict(),
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "scores": self._episode_stats.state_dict(),
            "returns": self._returns.state_dict(),
            "recorder": None if self._recorder is None else self._recorder.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Restore the counters, and the environments by replaying their action logs."""
        self.env.load_state_dict(state["env"])
        self.env_steps = state["env_steps"]
        self.episodes = state["episodes"]
        self._episode_stats.load_state_dict(state["scores"])
        self._returns.load_state_dict(state["returns"])
        if self._recorder is not None and state.get("recorder") is not None:
            self._recorder.load_state_dict(state["recorder"])


class EpisodeStats:
    """Raw scores of whole games in N environments, regardless of lives and reward clipping for the learner.

    A lost life may end an episode, so a game counts as finished only when the next one begins::

        row       t     t+1    t+2      t+3
        reward    1     2      0        ...
        ended     -     yes    -
        first     -     -      -        yes: the game before it scored 3 in t+1 decisions

    A game that was cut off (``first`` without an end two rows before) is dropped.
    """

    def __init__(self, num_envs: int, frameskip: int) -> None:
        self._frameskip = frameskip
        self._score = np.zeros(num_envs)
        self._length = np.zeros(num_envs, np.int64)
        self._ended = np.zeros((2, num_envs), np.bool_)  # of the last row and the one before
        self._seeds = np.zeros(num_envs, np.int64)

    def add(self, step: EnvStep, seeds: tuple[int, ...]) -> list[tuple[int, Episode]]:
        """Add a row; return (environment, game) for each game that ended before it."""
        episodes = self._finish(step.first) if step.first.any() else []
        self._seeds[step.first] = np.asarray(seeds)[step.first]
        self._score += step.reward
        self._length += 1
        self._ended = np.stack([step.terminated | step.truncated, self._ended[0]])
        return episodes

    def state_dict(self) -> State:
        """Return the sums so far."""
        arrays = (self._score, self._length, self._ended, self._seeds)
        return dict(zip(("score", "length", "ended", "seeds"), map(torch.tensor, arrays), strict=True))

    def load_state_dict(self, state: State) -> None:
        """Restore saved sums."""
        self._score, self._length, self._ended, self._seeds = (
            state[name].numpy().copy() for name in ("score", "length", "ended", "seeds")
        )

    def _finish(self, first: BoolArray) -> list[tuple[int, Episode]]:
        over = np.flatnonzero(first & self._ended[1])
        episodes = [(int(i), self._episode(int(i))) for i in over]
        self._score[first] = 0.0
        self._length[first] = 0
        return episodes

    def _episode(self, i: int) -> Episode:
        length = int(self._length[i]) - 1  # the row of the last observation is not a decision
        return Episode(float(self._score[i]), length, length * self._frameskip, int(self._seeds[i]))


class DiscountedReturns:
    """Mean discounted return over the decisions of finished games, with the rewards that the learner sees.

    For the rewards r_0 .. r_{L-1} of one game, the mean of ``G_t = sum_{k>=t} γ^(k-t) r_k`` is ``1/L sum_k w_k r_k``
    with ``w_k = 1 + γ w_{k-1}``. One forward pass therefore needs only two numbers per environment. A lost life that
    terminates ends a game here. So does a truncation; the rewards after it are missing from the return.
    """

    def __init__(self, num_envs: int, gamma: Schedule, reward_transform: RewardTransform | None) -> None:
        self._gamma = gamma
        self._transform = reward_transform
        self._weight = torch.zeros(num_envs, dtype=torch.float64)
        self._sum = torch.zeros(num_envs, dtype=torch.float64)  # of unfinished games
        self._length = torch.zeros(num_envs, dtype=torch.float64)
        self._finished = torch.zeros(2, dtype=torch.float64)  # sum of returns and number of decisions
        self._noted = False  # whether a large reward has been warned of

    def add(self, step: EnvStep, env_steps: int) -> None:
        """Add a row made after ``env_steps``, which determine γ."""
        self._restart(torch.from_numpy(step.first))
        reward = torch.from_numpy(step.reward)  # [N]
        if self._transform:
            reward = self._transform(reward)
        self._note_large(float(reward.abs().max()))
        self._weight = 1.0 + self._gamma(env_steps) * self._weight
        self._sum += self._weight * reward
        self._length += 1
        self._finish(torch.from_numpy(step.terminated | step.truncated))

    def metrics(self) -> dict[str, float]:
        """Return the mean since the last call; empty if no game has finished."""
        total, decisions = self._finished.tolist()
        self._finished.zero_()
        return {"q/discounted_return": total / decisions} if decisions else {}

    def state_dict(self) -> State:
        """Return the sums so far."""
        sums = {"weight": self._weight, "sum": self._sum, "length": self._length, "finished": self._finished}
        return {name: value.clone() for name, value in sums.items()}

    def load_state_dict(self, state: State) -> None:
        """Restore saved sums."""
        self._weight, self._sum, self._length, self._finished = (
            state[name].clone() for name in ("weight", "sum", "length", "finished")
        )

    def _note_large(self, reward: float) -> None:
        """Warn, once, of a reward whose size makes learning slow."""
        if reward > LARGE_REWARD and not self._noted:
            self._noted = True
            logging.getLogger("rlvision").warning(
                "a reward of size %g is learned from, and returns are larger still: learning may be slow; scale "
                "rewards to about 1, here by agent.reward_scale=%.1g, or bound them by agent.reward_clip",
                reward,
                1 / reward,
            )

    def _finish(self, ended: Tensor) -> None:
        if ended.any():
            self._finished += torch.stack([self._sum[ended].sum(), self._length[ended].sum()])
            self._restart(ended)

    def _restart(self, where: Tensor) -> None:
        for numbers in (self._weight, self._sum, self._length):
            numbers[where] = 0.0
