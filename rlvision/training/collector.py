"""The collector: steps the environments with a policy, feeds the memory and keeps the scores."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rlvision.core.types import (
    BoolArray,
    EnvStep,
    Episode,
    Memory,
    Policy,
    RewardTransform,
    Schedule,
    State,
    Stateful,
    VectorEnv,
)


class Recorder(Stateful, Protocol):
    """Keeps the games so that they can be watched afterwards."""

    def add(self, step: EnvStep, games: Sequence[tuple[int, Episode]], number: int, env_steps: int) -> None:
        """Take a row, and the (environment, game) that ended before its ``first`` rows, counted from ``number``."""


class Collector:
    """One step of all environments, split in two so that learning happens while the emulators run.

    ``send`` chooses actions and hands them over; ``recv`` waits, gives the row to memory and returns the games
    that ended. ``env_steps`` counts N a row: the row of a game's last observation, whose action is ignored, too.
    """

    def __init__(
        self,
        env: VectorEnv,
        policy: Policy,
        memory: Memory,
        returns: "DiscountedReturns",
        recorder: Recorder | None = None,
    ) -> None:
        self.env = env
        self.env_steps = 0
        self.episodes = 0
        self._policy = policy
        self._memory = memory
        self._returns = returns
        self._recorder = recorder
        self._episode_stats = EpisodeStats(env.spec.num_envs, env.spec.frameskip)

    @property
    def frames(self) -> int:
        """Emulator frames so far."""
        return self.env_steps * self.env.spec.frameskip

    def send(self) -> None:
        """Choose actions by the newest weights and let the environments begin."""
        self.env.send(self._policy.act(self.env.observation, self.env.first, self.env_steps))

    def recv(self) -> list[Episode]:
        """Wait for the environments, remember the row, and return the games that are over."""
        step = self.env.recv()
        self._memory.add(step)
        self._returns.add(step, self.env_steps)
        self.env_steps += len(step.action)
        games = self._episode_stats.add(step, self.env.seeds())
        if self._recorder is not None:
            self._recorder.add(step, games, self.episodes + 1, self.env_steps)
        self.episodes += len(games)
        return [episode for _, episode in games]

    def metrics(self) -> dict[str, float]:
        """The discounted return actually seen since the last call, to be held against the mean Q-value."""
        return self._returns.metrics()

    def state_dict(self) -> State:
        """Environments, counters and the scores of the games that are on."""
        return {
            "env": self.env.state_dict(),
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "scores": self._episode_stats.state_dict(),
            "returns": self._returns.state_dict(),
            "recorder": None if self._recorder is None else self._recorder.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Bring the environments back by their action logs, and the counters."""
        self.env.load_state_dict(state["env"])
        self.env_steps = state["env_steps"]
        self.episodes = state["episodes"]
        self._episode_stats.load_state_dict(state["scores"])
        self._returns.load_state_dict(state["returns"])
        if self._recorder is not None and state.get("recorder") is not None:
            self._recorder.load_state_dict(state["recorder"])


class EpisodeStats:
    """Sums raw rewards over whole games of N environments, whatever lives or clipping the learner sees.

    A game is known to be over when the next one begins, a lost life or not::

        row       t     t+1    t+2      t+3
        reward    1     2      0        ...
        ended     -     yes    -
        first     -     -      -        yes: the game before it scored 3 in t+1 decisions

    A game that was cut (``first`` without an end two rows before) is dropped.
    """

    def __init__(self, num_envs: int, frameskip: int) -> None:
        self._frameskip = frameskip
        self._score = np.zeros(num_envs)
        self._length = np.zeros(num_envs, np.int64)
        self._ended = np.zeros((2, num_envs), np.bool_)  # of the last row and the one before
        self._seeds = np.zeros(num_envs, np.int64)

    def add(self, step: EnvStep, seeds: tuple[int, ...]) -> list[tuple[int, Episode]]:
        """Take a row; return (environment, game) for the games that ended before its ``first`` rows."""
        episodes = self._finish(step.first) if step.first.any() else []
        self._seeds[step.first] = np.asarray(seeds)[step.first]
        self._score += step.reward
        self._length += 1
        self._ended = np.stack([step.terminated | step.truncated, self._ended[0]])
        return episodes

    def state_dict(self) -> State:
        """Sums so far."""
        arrays = (self._score, self._length, self._ended, self._seeds)
        return dict(zip(("score", "length", "ended", "seeds"), map(torch.tensor, arrays), strict=True))

    def load_state_dict(self, state: State) -> None:
        """Go on from saved sums."""
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
        length = int(self._length[i]) - 1  # the row of the last observation was no decision
        return Episode(float(self._score[i]), length, length * self._frameskip, int(self._seeds[i]))


class DiscountedReturns:
    """Mean over the decisions of finished games of the discounted return that followed, as the learner counts it.

    With rewards r_0 .. r_{L-1} of one game the mean of ``G_t = sum_{k>=t} γ^(k-t) r_k`` is
    ``1/L sum_k w_k r_k`` with ``w_k = 1 + γ w_{k-1}``: one pass forwards, two numbers per environment. A lost life that
    terminates ends a game here; a truncation does, too, without what would have followed.
    """

    def __init__(self, num_envs: int, gamma: Schedule, reward_transform: RewardTransform | None) -> None:
        self._gamma = gamma
        self._transform = reward_transform
        self._weight = torch.zeros(num_envs, dtype=torch.float64)
        self._sum = torch.zeros(num_envs, dtype=torch.float64)  # of the games that are on
        self._length = torch.zeros(num_envs, dtype=torch.float64)
        self._finished = torch.zeros(2, dtype=torch.float64)  # sum of returns and number of decisions

    def add(self, step: EnvStep, env_steps: int) -> None:
        """Take a row, made after ``env_steps``: γ is that of the moment."""
        self._restart(torch.from_numpy(step.first))
        reward = torch.from_numpy(step.reward)  # [N]
        self._weight = 1.0 + self._gamma(env_steps) * self._weight
        self._sum += self._weight * (self._transform(reward) if self._transform else reward)
        self._length += 1
        self._finish(torch.from_numpy(step.terminated | step.truncated))

    def metrics(self) -> dict[str, float]:
        """The mean since the last call; nothing where no game was finished."""
        total, decisions = self._finished.tolist()
        self._finished.zero_()
        return {"q/discounted_return": total / decisions} if decisions else {}

    def state_dict(self) -> State:
        """Sums so far."""
        sums = {"weight": self._weight, "sum": self._sum, "length": self._length, "finished": self._finished}
        return {name: value.clone() for name, value in sums.items()}

    def load_state_dict(self, state: State) -> None:
        """Go on from saved sums."""
        self._weight, self._sum, self._length, self._finished = (
            state[name].clone() for name in ("weight", "sum", "length", "finished")
        )

    def _finish(self, ended: Tensor) -> None:
        if ended.any():
            self._finished += torch.stack([self._sum[ended].sum(), self._length[ended].sum()])
            self._restart(ended)

    def _restart(self, where: Tensor) -> None:
        for numbers in (self._weight, self._sum, self._length):
            numbers[where] = 0.0
