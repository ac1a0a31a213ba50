"""Settings that agents share: the agent itself, the optimiser, the exploration."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from rlvision.core.ranges import (
    DecayRate,
    NonEmptyStr,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
    UpdateWeight,
    ZetaExponent,
)


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """The agent; its settings depend on its name."""

    uses_replay: ClassVar[bool] = True
    """Whether the settings under ``replay.`` have an effect. Without a replay, an agent learns between rollouts."""

    name: NonEmptyStr = "dqn"
    """Name of a file in rlvision's agents/, or package.module:AgentClass of your own."""


@dataclass(frozen=True, kw_only=True)
class ReturnSettings(AgentSettings):
    """Settings of agents that learn discounted returns from pixels."""

    gamma: UnitInterval = 0.99
    """Discount per env step."""
    reward_scale: PositiveFloat = 1.0
    """Factor of each reward in learning, applied before reward_clip. Beyond TD errors of 1 the Huber loss is linear."""
    reward_clip: PositiveFloat | None = None
    """Bound of each reward in learning, 1 in the presets of Atari; unset, there is none. Scores are never clipped."""
    augmentation: Literal["none", "shift"] = "none"
    """shift moves each observation of a batch by up to four pixels at random before the loss (Yarats et al. 2021)."""


@dataclass(frozen=True, kw_only=True)
class RolloutSettings(ReturnSettings):
    """Settings of agents that learn from the last steps of all environments, and then forget them."""

    uses_replay: ClassVar[bool] = False

    return_lambda: UnitInterval = 0.65
    """λ of the λ-returns: 0 bootstraps after one step, 1 sums the rewards to the end of the rollout."""
    rollout_steps: PositiveInt = 32
    """Env steps of each environment between two phases of learning."""
    epochs: PositiveInt = 2
    """Passes over a rollout."""
    batch_size: PositiveInt = 128
    """Env steps of a rollout in one update; a divisor of rollout_steps * env.num_envs."""

    def updates(self, env_steps: int, num_envs: int) -> int:
        """Return the number of updates in ``env_steps`` of ``num_envs`` environments.

        The first rollout takes ``rollout_steps + 1`` rows, because its last state needs a value; the others take
        ``rollout_steps``.
        """
        rollouts = (-(-env_steps // num_envs) - 1) // self.rollout_steps
        return rollouts * self.epochs * (self.rollout_steps * num_envs // self.batch_size)


@dataclass(frozen=True, kw_only=True)
class QLearningSettings(ReturnSettings):
    """Settings of agents that learn Q-values from a replay."""

    n_step: PositiveInt = 3
    """Rewards summed before the bootstrap."""
    final_gamma: UnitInterval | None = None
    """Discount to which gamma moves over horizon_env_steps (Schwarzer et al. 2023); unset, it stays."""
    final_n_step: PositiveInt | None = None
    """Rewards to which n_step moves over horizon_env_steps (Schwarzer et al. 2023); unset, it stays."""
    horizon_env_steps: PositiveInt | None = None
    """Env steps over which gamma and n_step move; unset, over the whole run."""
    target_period: PositiveInt = 500
    """Updates between hard copies into the target network."""
    target_tau: UpdateWeight | None = None
    """Soft target: weight of the online network at every update, instead of hard copies."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """The optimiser of the network's weights."""

    name: Literal["adam", "adamw", "radam", "sgd", "rmsprop", "adagrad"] = "adam"
    """The optimiser."""
    learning_rate: PositiveFloat = 2.5e-4
    """Step size at the start."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Course of the learning rate over the run, from learning_rate to final_learning_rate."""
    final_learning_rate: NonNegativeFloat = 0.0
    """Step size at the end of a linear or cosine schedule."""
    warmup_updates: NonNegativeInt = 0
    """Updates over which the learning rate rises from zero."""
    epsilon: PositiveFloat = 1.5e-4
    """Added to the denominator (Adam, AdamW, RAdam, RMSProp, Adagrad)."""
    momentum: DecayRate = 0.9
    """SGD and RMSProp: momentum; Adam, AdamW and RAdam: beta1."""
    weight_decay: NonNegativeFloat = 0.0
    """L2 penalty (AdamW: decoupled) on weights; never on scale, shift or bias."""
    max_grad_norm: PositiveFloat | None = 10.0
    """Gradients longer than this are scaled down; unset, never."""


@dataclass(frozen=True, kw_only=True)
class ExplorationSettings:
    """The choice of actions in training."""

    kind: Literal["epsilon_greedy", "ladder", "persistent", "softmax", "noisy"] = "epsilon_greedy"
    """epsilon_greedy; ladder (one epsilon per environment, Horgan et al. 2018); persistent (random actions that are
    repeated, Dabney et al. 2021); softmax (Boltzmann); noisy (greedy with the noise of network.noisy)."""
    start: NonNegativeFloat = 1.0
    """Epsilon (or the softmax temperature) at the start."""
    end: NonNegativeFloat = 0.01
    """Epsilon (or the softmax temperature) after decay_env_steps."""
    decay_env_steps: PositiveInt = 50_000
    """Env steps over which it falls linearly."""
    final: NonNegativeFloat | None = None
    """Epsilon (or the softmax temperature) to which it falls further after end; unset, it stays at end."""
    final_env_steps: PositiveInt | None = None
    """Env steps at which it reaches final; unset, the end of the run."""
    ladder_alpha: NonNegativeFloat = 7.0
    """Ladder: environment i of N acts with epsilon^(1 + i/(N-1) * ladder_alpha)."""
    persistence: ZetaExponent = 2.0
    """Persistent: a random action lasts k decisions with probability in proportion to k^-persistence."""
