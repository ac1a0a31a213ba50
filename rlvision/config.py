"""Every setting of a run: its name, type, default and help, in one place.

The dataclasses below *are* the command line (``--agent.double=False``), the preset files
(``agent: {double: false}``) and the ``config.yaml`` of a run folder. Only `rlvision.build` reads them;
the parts themselves take numbers.
"""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """The world the agent sees."""

    game: str = "CartPole-v1"
    """An Atari rom id (pong, ALE/Pong-v5, PongNoFrameskip-v4), a Gymnasium id, or package.module:EnvClass."""
    num_envs: int = 8
    """Environments stepped together."""
    num_workers: int = 0
    """Processes that step them; 0 steps them in this process (Atari always uses native threads instead)."""
    height: int = 84
    """Rows of the network's input, in pixels."""
    width: int = 84
    """Columns of the network's input, in pixels."""
    crop: tuple[int, int, int, int] | None = None
    """Part of the screen to keep before resizing, in screen pixels: top, bottom, left, right."""
    stack: int = 4
    """Frames in one observation; 1 is the chapter's single frame."""
    gray: bool = True
    """One gray channel per frame instead of three colours."""
    frameskip: int = 4
    """Emulator frames per decision."""
    max_pool: bool = True
    """Take the brighter of the last two frames of a decision, pixel by pixel."""
    protocol: Literal["nature", "machado"] = "nature"
    """Atari: nature (no-op starts, a lost life terminates) or machado (sticky actions, whole games)."""
    sticky: float | None = None
    """Atari: probability that the last action repeats; unset, as the protocol says."""
    noop_max: int | None = None
    """Atari: most no-ops at the start of a game; unset, as the protocol says."""
    life_loss: bool | None = None
    """Atari: a lost life terminates for the learner, the game goes on; unset, as the protocol says."""
    fire_on_reset: bool | None = None
    """Atari: press FIRE at the start of a game that needs it; unset, as the protocol says."""
    full_action_space: bool | None = None
    """Atari: all 18 actions instead of the game's minimal set; unset, as the protocol says."""
    max_episode_frames: int | None = None
    """Atari: emulator frames after which a game is truncated; unset, as the protocol says."""
    reseed_after: int = 10_000
    """Atari: an environment is re-seeded at the first reset after this many steps, so tapes stay short."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Gymnasium: further arguments of the environment, as YAML or JSON: '{continuous: false}'."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The Q-network."""

    encoder: str = "dn"
    """dn (the chapter's network), nature, impala, mlp, or package.module:EncoderClass."""
    norm: Literal["renorm", "running", "batch", "joint", "frozen", "recalibrated", "layer", "group", "none"] = "renorm"
    """How DN normalises; see docs/network.md. renorm is BatchNorm whose training forward equals its evaluation."""
    momentum: float = 0.01
    """Weight of a new batch in the running statistics (PyTorch's convention)."""
    r_max: float = 3.0
    """BatchRenorm: bound of the scale correction."""
    d_max: float = 5.0
    """BatchRenorm: bound of the shift correction."""
    calibration_batches: int = 50
    """Replay batches that set the running statistics before the first update."""
    activation: Literal["relu", "leaky_relu", "tanh", "sigmoid"] = "relu"
    """Non-linearity after each normalisation (DN)."""
    max_pool: bool = False
    """Max-pooling after each convolution (DN)."""
    hidden: int = 0
    """Units of a hidden linear layer before the Q-values; 0 for none."""
    dropout: float = 0.0
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

    capacity: int = 100_000
    """Transitions kept."""
    batch_size: int = 32
    """Transitions per update."""
    samples_per_env_step: float = 8.0
    """Replay ratio: transitions learned from per env step, exact for any number of environments."""
    learning_starts: int = 5_000
    """Env steps before the first update."""
    prioritised: bool = False
    """Sample in proportion to the TD error (Schaul et al. 2016)."""
    alpha: float = 0.5
    """Prioritised: exponent of the priority."""
    beta: float = 0.4
    """Prioritised: exponent of the importance weights at the start; it grows to 1 over the run."""
    priority_epsilon: float = 1e-6
    """Prioritised: added to every |TD error| before alpha."""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What is learned."""

    name: Literal["dqn"] = "dqn"
    """The algorithm."""
    gamma: float = 0.99
    """Discount per env step."""
    n_step: int = 3
    """Rewards summed before the bootstrap."""
    double: bool = True
    """Choose the bootstrap action with the online network (van Hasselt et al. 2016)."""
    loss: Literal["huber", "mse"] = "huber"
    """Loss of the TD error."""
    reward_clip: float | None = 1.0
    """Bound of each reward as learned from; unset, rewards stay as they are. Scores are never clipped."""
    target_period: int = 500
    """Updates between hard copies into the target network."""
    target_tau: float | None = None
    """Soft target: weight of the online network at every update, instead of hard copies."""


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"] = "adam"
    """The optimiser of the chapter to use."""
    learning_rate: float = 2.5e-4
    """Step size at the start."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls to final_learning_rate over the run."""
    final_learning_rate: float = 0.0
    """Step size at the end of a linear or cosine schedule."""
    warmup_updates: int = 0
    """Updates over which the learning rate rises from zero."""
    epsilon: float = 1.5e-4
    """Added to the denominator (Adam, AdamW, RMSProp, Adagrad)."""
    momentum: float = 0.9
    """SGD and RMSProp: momentum; Adam and AdamW: beta1."""
    weight_decay: float = 0.0
    """L2 penalty (AdamW: decoupled) on weights; never on scale, shift or bias."""
    max_grad_norm: float | None = 10.0
    """Gradients longer than this are scaled down; unset, never."""


@dataclass(frozen=True, kw_only=True)
class ExplorationConfig:
    """How actions are chosen while training."""

    kind: Literal["epsilon_greedy", "ladder", "softmax"] = "epsilon_greedy"
    """epsilon_greedy; ladder (each environment its own epsilon, Horgan et al. 2018); softmax (Boltzmann)."""
    start: float = 1.0
    """Epsilon (or the softmax temperature) at the start."""
    end: float = 0.01
    """Epsilon (or the softmax temperature) after decay_env_steps."""
    decay_env_steps: int = 50_000
    """Env steps over which it falls linearly."""
    ladder_alpha: float = 7.0
    """Ladder: environment i of N acts with epsilon^(1 + i/(N-1) * ladder_alpha)."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """The periodic exam and what follows from it."""

    games: int = 10
    """Whole games per evaluation."""
    epsilon: float = 0.001
    """Exploration while evaluating."""
    patience: int | None = None
    """Early stopping: evaluations without a new best score before the run ends; unset, never."""
    target_score: float | None = None
    """The run ends once the mean of the last 20 training games reaches this raw score; unset, never."""


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What is kept."""

    keep: int = 2
    """Checkpoints kept besides the best."""
    replay: bool = True
    """Save the replay too, so that a continued run equals an undisturbed one; otherwise it is refilled."""


@dataclass(frozen=True, kw_only=True)
class TrackingConfig:
    """What is measured, and where it goes."""

    log_every: int = 2_000
    """Env steps between rows of training metrics."""
    project: str = "rlvision"
    """W&B project."""
    entity: str | None = None
    """W&B entity."""
    name: str | None = None
    """W&B run name; unset, the name of the run folder."""
    group: str | None = None
    """W&B group."""
    tags: tuple[str, ...] = ()
    """W&B tags."""
    notes: str | None = None
    """W&B notes."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A run."""

    out: str | None = None
    """Run folder; unset, runs/PRESET-seedSEED. The same command continues a run that is there."""
    seed: int = 1
    """One seed gives one run, bit for bit (CPU, one number of threads)."""
    env_steps: int = 1_000_000
    """Length of the run in agent decisions, summed over the environments."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes the GPU when there is one."""
    threads: int | None = None
    """CPU threads of torch; unset, as many as there are cores."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the encoder; auto takes bfloat16 where the hardware has it. Q-values and losses are always float32."""
    evaluate_every: int = 50_000
    """Env steps between evaluations; 0 for none but the last."""
    checkpoint_every: int = 50_000
    """Env steps between checkpoints; 0 for none but the last."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Weights & Biases: auto is online when a key is configured and offline otherwise."""
    env: EnvConfig = field(default_factory=EnvConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
