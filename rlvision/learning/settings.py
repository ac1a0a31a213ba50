"""Settings that agents share: what is learned, how the weights move, how actions are chosen."""

from dataclasses import dataclass
from typing import Literal

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
    """What is learned; the rest of these settings is the agent's own."""

    name: NonEmptyStr = "dqn"
    """The name of a file in rlvision's agents/, or package.module:AgentClass of your own."""


@dataclass(frozen=True, kw_only=True)
class QLearningSettings(AgentSettings):
    """What agents that learn Q-values from a replay have in common."""

    gamma: UnitInterval = 0.99
    """Discount per env step."""
    n_step: PositiveInt = 3
    """Rewards summed before the bootstrap."""
    final_gamma: UnitInterval | None = None
    """Discount to which gamma moves over horizon_env_steps (Schwarzer et al. 2023); unset, it stays."""
    final_n_step: PositiveInt | None = None
    """Rewards to which n_step moves over horizon_env_steps (Schwarzer et al. 2023); unset, it stays."""
    horizon_env_steps: PositiveInt | None = None
    """Env steps over which gamma and n_step move; unset, over the whole run."""
    reward_scale: PositiveFloat = 1.0
    """Factor of each reward as learned from, before the bound: TD errors beyond 1 teach the Huber loss only a sign."""
    reward_clip: PositiveFloat | None = 1.0
    """Bound of each reward as learned from; unset, there is none. Scores are neither scaled nor clipped."""
    target_period: PositiveInt = 500
    """Updates between hard copies into the target network."""
    target_tau: UpdateWeight | None = None
    """Soft target: weight of the online network at every update, instead of hard copies."""
    augmentation: Literal["none", "shift"] = "none"
    """shift moves each observation of a batch by up to four pixels at random before the loss (Yarats et al. 2021)."""


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"] = "adam"
    """The optimiser of the chapter to use."""
    learning_rate: PositiveFloat = 2.5e-4
    """Step size at the start."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls to final_learning_rate over the run."""
    final_learning_rate: NonNegativeFloat = 0.0
    """Step size at the end of a linear or cosine schedule."""
    warmup_updates: NonNegativeInt = 0
    """Updates over which the learning rate rises from zero."""
    epsilon: PositiveFloat = 1.5e-4
    """Added to the denominator (Adam, AdamW, RMSProp, Adagrad)."""
    momentum: DecayRate = 0.9
    """SGD and RMSProp: momentum; Adam and AdamW: beta1."""
    weight_decay: NonNegativeFloat = 0.0
    """L2 penalty (AdamW: decoupled) on weights; never on scale, shift or bias."""
    max_grad_norm: PositiveFloat | None = 10.0
    """Gradients longer than this are scaled down; unset, never."""


@dataclass(frozen=True, kw_only=True)
class ExplorationSettings:
    """How actions are chosen while training."""

    kind: Literal["epsilon_greedy", "ladder", "persistent", "softmax", "noisy"] = "epsilon_greedy"
    """epsilon_greedy; ladder (each environment its own epsilon, Horgan et al. 2018); persistent (a random action is
    repeated for a while, Dabney et al. 2021); softmax (Boltzmann); noisy (greedy by the noise of network.noisy)."""
    start: NonNegativeFloat = 1.0
    """Epsilon (or the softmax temperature) at the start."""
    end: NonNegativeFloat = 0.01
    """Epsilon (or the softmax temperature) after decay_env_steps."""
    decay_env_steps: PositiveInt = 50_000
    """Env steps over which it falls linearly."""
    final: NonNegativeFloat | None = None
    """Epsilon (or the softmax temperature) to which it goes on falling from end; unset, it stays at end."""
    final_env_steps: PositiveInt | None = None
    """Env steps of the run at which it is final; unset, at the end of the run."""
    ladder_alpha: NonNegativeFloat = 7.0
    """Ladder: environment i of N acts with epsilon^(1 + i/(N-1) * ladder_alpha)."""
    persistence: ZetaExponent = 2.0
    """Persistent: a random action lasts k decisions with probability in proportion to k^-persistence."""
