"""What a trained network plays with: Q-values and actions for observations, of one or of many environments."""

import numpy as np

from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.seeding import derive, generator
from rlvision.core.types import EnvSpec, FloatArray, IntArray, UInt8Array
from rlvision.learning.policies import EpsilonGreedy
from rlvision.learning.schedules import Constant
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders


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
        self._draws = np.random.default_rng(derive(config.seed, "predictions"))

    def q_values(self, observation: UInt8Array) -> FloatArray:
        """Return Q-values [N, A] for observations [N, C, H, W] uint8, or [A] for one observation [C, H, W]."""
        batch, is_one = as_batch(observation, self.spec)
        values: FloatArray = self._q_function(batch).numpy()
        return values[0] if is_one else values

    def act(self, observation: UInt8Array) -> IntArray:
        """Return greedy actions [N] for observations [N, C, H, W] uint8, or one action [] for one observation."""
        return self.predict(observation)[0]

    def predict(
        self, observation: UInt8Array, state: None = None, episode_start: object = None, deterministic: bool = True
    ) -> tuple[IntArray, None]:
        """Return actions and no state, as the agents of Stable-Baselines3 do.

        Args:
            observation: [N, C, H, W] uint8, or one [C, H, W].
            state: None, because this agent has no memory between steps.
            episode_start: ignored, for the same reason.
            deterministic: take the best actions; else explore with the run's ``evaluation.epsilon``.

        Returns:
            Actions [N] int64, or [] for one observation; and None.
        """
        batch, is_one = as_batch(observation, self.spec)
        actions = np.asarray(self._q_function(batch).argmax(dim=1))
        if not deterministic:
            explores = self._draws.random(len(batch)) < self.config.evaluation.epsilon
            actions = np.where(explores, self._draws.integers(self.spec.num_actions, size=len(batch)), actions)
        return (actions[0] if is_one else actions), None

    def _policy(self, epsilon: float | None, seed: int) -> EpsilonGreedy:
        draws = generator(seed, "watching")
        return EpsilonGreedy(self._q_function, self.spec.num_actions, Constant(self._epsilon(epsilon)), draws)

    def _epsilon(self, epsilon: float | None) -> float:
        return self.config.evaluation.epsilon if epsilon is None else epsilon


def as_batch(observation: object, spec: EnvSpec) -> tuple[UInt8Array, bool]:
    """Return observations [N, C, H, W], and whether it was one observation [C, H, W].

    Raises:
        ConfigError: these are no observations of the agent's.
    """
    array = np.asarray(observation)
    if array.shape[-3:] != spec.observation_shape or array.ndim not in (3, 4) or array.dtype != np.uint8:
        raise ConfigError(
            f"expected observations uint8 {list(spec.observation_shape)}, or N of them, got {array.dtype} "
            f"{list(array.shape)}: take them from make_env() of this agent, which prepares pictures as in training"
        )
    return (array[None], True) if array.ndim == 3 else (array, False)
