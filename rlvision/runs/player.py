"""Q-values and actions of a trained network, for observations of one or of many environments."""

from dataclasses import replace

import numpy as np
import torch

from rlvision.config.schema import Config
from rlvision.core.action_masks import greedy_actions, random_actions
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.seeding import generator
from rlvision.core.types import BoolArray, EnvSpec, FloatArray, IntArray, UInt8Array
from rlvision.envs.split_env import ReplayableEnv
from rlvision.learning.policies import EpsilonGreedy
from rlvision.learning.schedules import Constant
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders
from rlvision.runs.stored_spec import require_same_spec


class Player:
    """A network that plays.

    Args:
        config: of the run that trained it.
        spec: of the environments that it was trained in.
        network: with its weights, in evaluation mode.
    """

    def __init__(self, config: Config, spec: EnvSpec, network: QNetwork) -> None:
        self.config, self.spec, self.network = config, spec, network
        self._q_function = builders.make_q_function(config, spec, network)
        self._draws = generator(config.seed, "predictions")

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Return Q-values [N, A] for observations [N, C, H, W] uint8, or [A] for one observation [C, H, W]."""
        batch, is_one = as_batch(observation, self.spec)
        values: FloatArray = self._q_function(batch).numpy()
        return values[0] if is_one else values

    def act(self, observation: UInt8Array, mask: BoolArray | None = None) -> IntArray:
        """Return greedy actions [N] for observations [N, C, H, W] uint8, or one action [] for one observation.

        Args:
            observation: [N, C, H, W] uint8, or one [C, H, W].
            mask: the legal actions, [N, A] or [A]; None: all.
        """
        return self.predict(observation, action_masks=mask)[0]

    def predict(
        self,
        observation: UInt8Array,
        state: None = None,
        episode_start: object = None,
        deterministic: bool = True,
        action_masks: BoolArray | None = None,
    ) -> tuple[IntArray, None]:
        """Return actions and no state, as the agents of Stable-Baselines3 do.

        Args:
            observation: [N, C, H, W] uint8, or one [C, H, W].
            state: None, because this agent has no memory between steps.
            episode_start: ignored, for the same reason.
            deterministic: take the best actions; else explore with the run's ``evaluation.epsilon``.
            action_masks: the legal actions, [N, A] or [A]; None: all.

        Returns:
            Actions [N] int64, or [] for one observation; and None.
        """
        batch, is_one = as_batch(observation, self.spec)
        mask = None if action_masks is None else as_mask(action_masks, len(batch), self.spec.num_actions)
        actions = greedy_actions(self._q_function(batch), mask)
        if not deterministic:
            drawn = random_actions(self.spec.num_actions, len(batch), self._draws, mask)
            explores = torch.rand(len(batch), generator=self._draws) < self.config.evaluation.epsilon
            actions = drawn.where(explores, actions)
        return actions.numpy()[0 if is_one else slice(None)], None

    def _policy(self, epsilon: float | None, seed: int) -> EpsilonGreedy:
        draws = generator(seed, "watching")
        return EpsilonGreedy(self._q_function, self.spec.num_actions, Constant(self._epsilon(epsilon)), draws)

    def _make_env(self, config: Config, num_envs: int, *, split: bool = False) -> ReplayableEnv:
        """Make environments, perhaps under another protocol, and check that the network was trained for them."""
        env = builders.make_env(config, num_envs, split=split)
        self._require_same_spec(env)
        return env

    def _make_one(self) -> ReplayableEnv:
        """Make one environment to look at."""
        env = builders.make_one(self.config)
        self._require_same_spec(env)
        return env

    def _require_same_spec(self, env: ReplayableEnv) -> None:
        """Close environments for which the network was not trained, and refuse them."""
        try:
            require_same_spec(replace(self.spec, num_envs=env.spec.num_envs), env.spec)
        except CheckpointError:
            env.close()
            raise

    def _epsilon(self, epsilon: float | None) -> float:
        return self.config.evaluation.epsilon if epsilon is None else epsilon


def as_batch(observation: object, spec: EnvSpec) -> tuple[UInt8Array, bool]:
    """Return observations [N, C, H, W], and whether it was one observation [C, H, W].

    Raises:
        ConfigError: these are no observations of the agent's.
    """
    if isinstance(observation, tuple):
        raise ConfigError(f"expected observations, got a tuple of {len(observation)}: hand over the first of it alone")
    array = np.asarray(observation)
    if array.shape[-3:] != spec.observation_shape or array.ndim not in (3, 4) or array.dtype != np.uint8:
        raise ConfigError(
            f"expected observations uint8 {list(spec.observation_shape)}, or N of them, got {array.dtype} "
            f"{list(array.shape)}: take them from make_env() of this agent, which prepares pictures as in training"
        )
    return (array[None], True) if array.ndim == 3 else (array, False)


def as_mask(mask: object, count: int, num_actions: int) -> BoolArray:
    """Return a mask [N, A].

    Raises:
        ConfigError: it is of another shape, or allows nothing.
    """
    array = np.asarray(mask, dtype=np.bool_)
    if array.shape not in ((num_actions,), (count, num_actions)) or not array.any(axis=-1).all():
        raise ConfigError(
            f"expected a mask [{count}, {num_actions}] with a legal action in each row, got {list(array.shape)}: take "
            'it from info["action_mask"]'
        )
    return np.broadcast_to(array, (count, num_actions)).copy()
