"""Every setting of a run: its name, type, default and help, in one place.

The dataclasses below *are* the command line (``--agent.double=False``), the preset files
(``agent: {double: false}``) and the ``config.yaml`` of a run folder. Only the front reads them (`rlvision.runs.builders`,
`rlvision.runs.session` and what is above); the parts themselves take numbers. A type says which values can be used; what
cannot be used *together* is in `rlvision.config.validation`.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

Positive = Annotated[int, Gt(0)]
Count = Annotated[int, Ge(0)]
Seed = Annotated[int, Ge(0), Lt(2**32)]
Share = Annotated[float, Ge(0), Le(1)]
ShareAboveZero = Annotated[float, Gt(0), Le(1)]
ShareBelowOne = Annotated[float, Ge(0), Lt(1)]
AboveZero = Annotated[float, Gt(0)]
Ratio = Annotated[float, Gt(0), Le(1e6)]
AtLeastZero = Annotated[float, Ge(0)]
AtLeastOne = Annotated[float, Ge(1)]
Text = Annotated[str, MinLen(1)]
Frames = Annotated[int, Gt(0), Le(2**31 - 1)]  # as many as the emulator counts
Threads = Annotated[int, Gt(0), Le(1024)]  # far beyond, libraries fail to load for want of threads
Few = Annotated[int, Gt(0), Le(100)]  # of what is done at every single step
Pixels = Annotated[int, Gt(0), Le(4096)]  # far beyond, libraries fail without a word of ours
Many = Annotated[int, Gt(0), Le(65_536)]
Quantiles = Annotated[int, Gt(1), Le(1024)]
Units = Annotated[int, Ge(0), Le(65_536)]
Noops = Annotated[int, Ge(0), Le(10_000)]
Crop = tuple[Count, Count, Count, Count]


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """The world the agent sees."""

    game: Text = "CartPole-v1"
    """An Atari rom id (pong, ALE/Pong-v5, PongNoFrameskip-v4), a Gymnasium id, or package.module:EnvClass."""
    num_envs: Many = 8
    """Environments stepped together."""
    num_workers: Count = 0
    """Processes that step them; 0 steps them in this process (not for Atari, which has native threads)."""
    step_timeout: AtLeastZero = 60.0
    """Gymnasium: seconds a worker may take for one step or reset before it is ended and replaced; 0, any."""
    max_restarts: Count = 3
    """Gymnasium: failures of one environment within 1,000 steps that cost a game each; the next ends the run."""
    height: Pixels = 84
    """Rows of the network's input, in pixels."""
    width: Pixels = 84
    """Columns of the network's input, in pixels."""
    crop: Crop | None = None
    """Part of the screen to keep before resizing, in screen pixels: top, bottom, left, right."""
    stack: Few = 4
    """Frames in one observation; 1 is the chapter's single frame."""
    gray: bool = True
    """One gray channel per frame instead of three colours."""
    frameskip: Few = 4
    """Emulator frames per decision."""
    max_pool: bool = True
    """Take the brighter of the last two frames of a decision, pixel by pixel."""
    protocol: Literal["nature", "machado"] = "nature"
    """Atari: nature (no-op starts, a lost life terminates) or machado (sticky actions, whole games)."""
    sticky: Share | None = None
    """Atari: probability that the last action repeats; unset, as the protocol says."""
    noop_max: Noops | None = None
    """Atari: a game begins with fewer no-ops than this; unset, as the protocol says."""
    life_loss: bool | None = None
    """Atari: a lost life terminates for the learner, the game goes on; unset, as the protocol says."""
    fire_on_reset: bool | None = None
    """Atari: press FIRE at the start of a game that needs it; unset, as the protocol says."""
    full_action_space: bool | None = None
    """Atari: all 18 actions instead of the game's minimal set; unset, as the protocol says."""
    actions: tuple[Text, ...] | None = None
    """Atari: only these of the game's actions, such as [NOOP, RIGHT, LEFT]; unset, all of them."""
    max_episode_frames: Frames | None = None
    """Atari: emulator frames after which a game is truncated; unset, as the protocol says."""
    max_episode_steps: Positive | None = None
    """Gymnasium: the environment's own steps after which a game is truncated; unset, as registered."""
    reseed_after: Positive = 10_000
    """Atari: an environment is re-seeded at the first reset after this many steps, so tapes stay short."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Gymnasium: further arguments of the environment, as YAML or JSON: '{continuous: false}'."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The Q-network."""

    encoder: Text = "dn"
    """dn (the chapter's network), nature, impala, mlp, or package.module:EncoderClass."""
    norm: Literal[
        "renorm", "running", "batch", "joint", "fixed", "frozen", "recalibrated", "layer", "group", "none"
    ] = "renorm"
    """How DN normalises (docs/network.md). renorm is BatchNorm whose training forward equals its evaluation."""
    momentum: ShareAboveZero | None = None
    """Weight of a new batch in the running statistics (PyTorch's convention); unset, the norm's own: 0.9 for running
    and batch, 0.1 for the others (docs/network.md)."""
    r_max: AtLeastOne = 3.0
    """BatchRenorm: bound of the scale correction."""
    d_max: AtLeastZero = 5.0
    """BatchRenorm: bound of the shift correction."""
    calibration_batches: Count = 50
    """Replay batches that set the running statistics before the first update."""
    activation: Literal["relu", "leaky_relu", "tanh", "sigmoid"] = "relu"
    """Non-linearity after each normalisation (DN)."""
    max_pool: bool = False
    """Max-pooling after each convolution (DN)."""
    hidden: Units = 0
    """Units of a hidden linear layer before the Q-values; 0 for none."""
    dropout: ShareBelowOne = 0.0
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

    capacity: Positive = 100_000
    """Transitions kept."""
    compression: Literal["none", "lz4"] = "none"
    """Pack frames in memory (CPU only): a million of Pong take 0.4 GB instead of 7, and batches stay the same."""
    batch_size: Many = 32
    """Transitions per update."""
    samples_per_env_step: Ratio = 8.0
    """Replay ratio: transitions learned from per env step, exact for any number of environments."""
    learning_starts: Count = 5_000
    """Env steps before the first update."""
    prioritised: bool = False
    """Sample in proportion to the TD error (Schaul et al. 2016)."""
    alpha: AtLeastZero = 0.5
    """Prioritised: exponent of the priority."""
    beta: Share = 0.4
    """Prioritised: exponent of the importance weights at the start; it grows to 1 over the run."""
    priority_epsilon: AboveZero = 1e-6
    """Prioritised: added to every |TD error| before alpha."""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What is learned."""

    name: Literal["dqn", "qr_dqn"] = "dqn"
    """dqn (Mnih et al. 2015), or qr_dqn, which learns quantiles of the return (Dabney et al. 2018)."""
    quantiles: Quantiles = 32
    """QR-DQN: quantiles of each action's return; their mean is its Q-value."""
    gamma: Share = 0.99
    """Discount per env step."""
    n_step: Positive = 3
    """Rewards summed before the bootstrap."""
    double: bool = True
    """Choose the bootstrap action with the online network (van Hasselt et al. 2016)."""
    loss: Literal["huber", "mse"] = "huber"
    """DQN: loss of the TD error."""
    reward_scale: AboveZero = 1.0
    """Factor of each reward as learned from, before the bound: TD errors beyond 1 teach the Huber loss only a sign."""
    reward_clip: AboveZero | None = 1.0
    """Bound of each reward as learned from; unset, there is none. Scores are neither scaled nor clipped."""
    target_period: Positive = 500
    """Updates between hard copies into the target network."""
    target_tau: ShareAboveZero | None = None
    """Soft target: weight of the online network at every update, instead of hard copies."""


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad"] = "adam"
    """The optimiser of the chapter to use."""
    learning_rate: AboveZero = 2.5e-4
    """Step size at the start."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls to final_learning_rate over the run."""
    final_learning_rate: AtLeastZero = 0.0
    """Step size at the end of a linear or cosine schedule."""
    warmup_updates: Count = 0
    """Updates over which the learning rate rises from zero."""
    epsilon: AboveZero = 1.5e-4
    """Added to the denominator (Adam, AdamW, RMSProp, Adagrad)."""
    momentum: ShareBelowOne = 0.9
    """SGD and RMSProp: momentum; Adam and AdamW: beta1."""
    weight_decay: AtLeastZero = 0.0
    """L2 penalty (AdamW: decoupled) on weights; never on scale, shift or bias."""
    max_grad_norm: AboveZero | None = 10.0
    """Gradients longer than this are scaled down; unset, never."""


@dataclass(frozen=True, kw_only=True)
class ExplorationConfig:
    """How actions are chosen while training."""

    kind: Literal["epsilon_greedy", "ladder", "softmax"] = "epsilon_greedy"
    """epsilon_greedy; ladder (each environment its own epsilon, Horgan et al. 2018); softmax (Boltzmann)."""
    start: AtLeastZero = 1.0
    """Epsilon (or the softmax temperature) at the start."""
    end: AtLeastZero = 0.01
    """Epsilon (or the softmax temperature) after decay_env_steps."""
    decay_env_steps: Positive = 50_000
    """Env steps over which it falls linearly."""
    final: AtLeastZero | None = None
    """Epsilon (or the softmax temperature) to which it goes on falling from end; unset, it stays at end."""
    final_env_steps: Positive | None = None
    """Env steps of the run at which it is final; unset, at the end of the run."""
    ladder_alpha: AtLeastZero = 7.0
    """Ladder: environment i of N acts with epsilon^(1 + i/(N-1) * ladder_alpha)."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """The periodic exam and what follows from it."""

    games: Positive = 10
    """Whole games per evaluation."""
    epsilon: Share = 0.001
    """Exploration while evaluating."""
    max_frames: Frames | None = None
    """Frames after which a game is cut; unset, env.max_episode_frames where that is set, else 108,000."""
    max_idle_frames: Positive | None = 18_000
    """Frames without a reward after which a game is cut, for it may never end; none, never."""
    patience: Positive | None = None
    """Early stopping: evaluations without a new best score before the run ends; unset, never."""
    target_score: float | None = None
    """The run ends once the mean of the last 20 training games reaches this raw score; unset, never."""


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What is kept."""

    keep: Positive = 2
    """Checkpoints kept besides the best."""
    replay: bool = True
    """Save the replay too, so that a continued run equals an undisturbed one; otherwise it is refilled."""
    tapes: Count = 64
    """Megabytes of training games kept for rlvision replay (a million env steps take about one); 0: none."""


@dataclass(frozen=True, kw_only=True)
class TrackingConfig:
    """What is measured, and where it goes."""

    log_every: Positive = 2_000
    """Env steps between rows of training metrics."""
    project: Text = "rlvision"
    """W&B project."""
    entity: Text | None = None
    """W&B entity."""
    name: Text | None = None
    """W&B run name; unset, the name of the run folder."""
    group: Text | None = None
    """W&B group."""
    tags: tuple[Text, ...] = ()
    """W&B tags."""
    job_type: Text = "train"
    """W&B job type."""
    notes: Text | None = None
    """W&B notes."""
    video_every: Count = 10
    """Every so many evaluations one game becomes a video, and after all env_steps, too; 0 for never."""
    video_steps: Positive = 300
    """Decisions after which the game in a video is cut short, for recording takes time."""
    artifacts: bool = True
    """Keep the best and the last checkpoint as W&B artifacts; never the replay."""
    tensorboard: bool = False
    """Write TensorBoard's event files too: pip install 'rlvision[tensorboard]'."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A run."""

    out: Text | None = None
    """Run folder; unset, runs/PRESET-seedSEED. The same command continues a run that is there."""
    seed: Seed = 1
    """One seed gives one run, bit for bit (CPU, one number of threads)."""
    env_steps: Positive = 1_000_000
    """Length of the run in agent decisions, summed over the environments."""
    device: Text = "auto"
    """cpu, cuda, cuda:1, mps; auto takes the GPU when there is one."""
    threads: Threads | None = None
    """CPU threads of torch; unset, torch's own choice: OMP_NUM_THREADS, or as many as there are cores."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the encoder in training; auto takes bfloat16 where the hardware has it. Evaluation, Q and losses: float32."""
    cuda_graphs: bool = False
    """On an NVIDIA GPU, launch the kernels of an update, and of an action, as one: for networks as small as DN."""
    deterministic: bool = False
    """On a GPU, only kernels that give the same bits every time: slower. A CPU's always do."""
    evaluate_every: Count = 50_000
    """Env steps between evaluations; 0 for none but the last."""
    checkpoint_every: Count = 50_000
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
