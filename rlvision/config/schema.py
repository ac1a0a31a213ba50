"""Every setting of a run, put together: its name, type, default and help.

The dataclasses *are* the command line (``--agent.double=False``), the preset files (``agent: {double: false}``) and the
``config.yaml`` of a run folder. Those of a room stand in its ``settings.py``, and its parts take them whole. A type of
`rlvision.core.ranges` says which values can be used; settings that cannot be used *together* are refused by
`rlvision.config.validation`.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from rlvision.core.ranges import (
    BatchSize,
    CorrectionLimit,
    DecayRate,
    DropProbability,
    LayerWidth,
    NonEmptyStr,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    QuantileCount,
    ReplayRatio,
    Seed,
    ThreadCount,
    UnitInterval,
    UpdateWeight,
)
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation.settings import EvaluationSettings


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The Q-network."""

    encoder: NonEmptyStr = "dn"
    """dn (the chapter's network), nature, impala, mlp, or package.module:EncoderClass."""
    norm: Literal[
        "renorm", "running", "batch", "joint", "fixed", "frozen", "recalibrated", "layer", "group", "none"
    ] = "renorm"
    """How DN normalises (docs/network.md). renorm is BatchNorm whose training forward equals its evaluation."""
    momentum: UpdateWeight | None = None
    """Weight of a new batch in the running statistics (PyTorch's convention); unset, the norm's own: 0.9 for running
    and batch, 0.1 for the others (docs/network.md)."""
    r_max: CorrectionLimit = 3.0
    """BatchRenorm: bound of the scale correction."""
    d_max: NonNegativeFloat = 5.0
    """BatchRenorm: bound of the shift correction."""
    calibration_batches: NonNegativeInt = 50
    """Replay batches that set the running statistics before the first update."""
    activation: Literal["relu", "leaky_relu", "tanh", "sigmoid"] = "relu"
    """Non-linearity after each normalisation (DN)."""
    max_pool: bool = False
    """Max-pooling after each convolution (DN)."""
    hidden: LayerWidth = 0
    """Units of a hidden linear layer before the Q-values; 0 for none."""
    dropout: DropProbability = 0.0
    """Probability of dropping a feature before the head while training (DN)."""
    dueling: bool = False
    """Separate value and advantage streams (Wang et al. 2016)."""
    zero_head: bool = False
    """Start with all Q-values at zero."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the encoder, as YAML or JSON."""


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """The memory."""

    capacity: PositiveInt = 100_000
    """Transitions kept."""
    compression: Literal["none", "lz4"] = "none"
    """Pack frames in memory (CPU only): a million of Pong take 0.4 GB instead of 7, and batches stay the same."""
    batch_size: BatchSize = 32
    """Transitions per update."""
    samples_per_env_step: ReplayRatio = 8.0
    """Replay ratio: transitions learned from per env step, exact for any number of environments."""
    learning_starts: NonNegativeInt = 5_000
    """Env steps before the first update."""
    prioritised: bool = False
    """Sample in proportion to the TD error (Schaul et al. 2016)."""
    alpha: NonNegativeFloat = 0.5
    """Prioritised: exponent of the priority."""
    beta: UnitInterval = 0.4
    """Prioritised: exponent of the importance weights at the start; it grows to 1 over the run."""
    priority_epsilon: PositiveFloat = 1e-6
    """Prioritised: added to every |TD error| before alpha."""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What is learned."""

    name: Literal["dqn", "qr_dqn"] = "dqn"
    """dqn (Mnih et al. 2015), or qr_dqn, which learns quantiles of the return (Dabney et al. 2018)."""
    quantiles: QuantileCount = 32
    """QR-DQN: quantiles of each action's return; their mean is its Q-value."""
    gamma: UnitInterval = 0.99
    """Discount per env step."""
    n_step: PositiveInt = 3
    """Rewards summed before the bootstrap."""
    double: bool = True
    """Choose the bootstrap action with the online network (van Hasselt et al. 2016)."""
    loss: Literal["huber", "mse"] = "huber"
    """DQN: loss of the TD error."""
    reward_scale: PositiveFloat = 1.0
    """Factor of each reward as learned from, before the bound: TD errors beyond 1 teach the Huber loss only a sign."""
    reward_clip: PositiveFloat | None = 1.0
    """Bound of each reward as learned from; unset, there is none. Scores are neither scaled nor clipped."""
    target_period: PositiveInt = 500
    """Updates between hard copies into the target network."""
    target_tau: UpdateWeight | None = None
    """Soft target: weight of the online network at every update, instead of hard copies."""


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
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
class ExplorationConfig:
    """How actions are chosen while training."""

    kind: Literal["epsilon_greedy", "ladder", "softmax"] = "epsilon_greedy"
    """epsilon_greedy; ladder (each environment its own epsilon, Horgan et al. 2018); softmax (Boltzmann)."""
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


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What is kept."""

    keep: PositiveInt = 2
    """Checkpoints kept besides the best."""
    replay: bool = True
    """Save the replay too, so that a continued run equals an undisturbed one; otherwise it is refilled."""
    tapes: NonNegativeInt = 64
    """Megabytes of training games kept for rlvision replay (a million env steps take about one); 0: none."""


@dataclass(frozen=True, kw_only=True)
class TrackingConfig:
    """What is measured, and where it goes."""

    log_every: PositiveInt = 2_000
    """Env steps between rows of training metrics."""
    project: NonEmptyStr = "rlvision"
    """W&B project."""
    entity: NonEmptyStr | None = None
    """W&B entity."""
    name: NonEmptyStr | None = None
    """W&B run name; unset, the name of the run folder."""
    group: NonEmptyStr | None = None
    """W&B group."""
    tags: tuple[NonEmptyStr, ...] = ()
    """W&B tags."""
    job_type: NonEmptyStr = "train"
    """W&B job type."""
    notes: NonEmptyStr | None = None
    """W&B notes."""
    video_every: NonNegativeInt = 10
    """Every so many evaluations one game becomes a video, and after all env_steps, too; 0 for never."""
    video_steps: PositiveInt = 300
    """Decisions after which the game in a video is cut short, for recording takes time."""
    artifacts: bool = True
    """Keep the best and the last checkpoint as W&B artifacts; never the replay."""
    tensorboard: bool = False
    """Write TensorBoard's event files too: pip install 'rlvision[tensorboard]'."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A run."""

    out: NonEmptyStr | None = None
    """Run folder; unset, runs/PRESET-seedSEED. The same command continues a run that is there."""
    seed: Seed = 1
    """One seed gives one run, bit for bit (CPU, one number of threads)."""
    env_steps: PositiveInt = 1_000_000
    """Length of the run in agent decisions, summed over the environments."""
    device: NonEmptyStr = "auto"
    """cpu, cuda, cuda:1, mps; auto takes the GPU when there is one."""
    threads: ThreadCount | None = None
    """CPU threads of torch; unset, torch's own choice: OMP_NUM_THREADS, or as many as there are cores."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the encoder in training; auto takes bfloat16 where the hardware has it. Evaluation, Q and losses: float32."""
    cuda_graphs: bool = False
    """On an NVIDIA GPU, launch the kernels of an update, and of an action, as one: for networks as small as DN."""
    deterministic: bool = False
    """On a GPU, only kernels that give the same bits every time: slower. A CPU's always do."""
    evaluate_every: NonNegativeInt = 50_000
    """Env steps between evaluations; 0 for none but the last."""
    checkpoint_every: NonNegativeInt = 50_000
    """Env steps between checkpoints; 0 for none but the last."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Weights & Biases: auto is online when a key is configured and offline otherwise."""
    env: EnvSettings = field(default_factory=EnvSettings)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
