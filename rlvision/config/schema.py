"""Every setting of a run: the groups that stand with the rooms, put together, and what concerns the run as a whole.

The dataclasses *are* the command line (``--agent.double=False``), the preset files (``agent: {double: false}``) and the
``config.yaml`` of a run folder. A type says which values can be used; what cannot be used *together* is in
`rlvision.config.validation`. The settings of ``agent`` are those of the agent that is named there.
"""

from dataclasses import dataclass, field
from typing import Literal

from rlvision.core.ranges import NonEmptyStr, NonNegativeInt, PositiveInt, Seed, ThreadCount
from rlvision.envs.settings import EnvSettings
from rlvision.evaluation.settings import EvaluationSettings
from rlvision.learning.registry import default_settings
from rlvision.learning.settings import AgentSettings, ExplorationSettings, OptimiserSettings
from rlvision.nn.settings import NetworkSettings
from rlvision.replay.settings import ReplaySettings
from rlvision.tracking.settings import TrackingSettings

CheckpointName = Literal["best", "last"]
"""The checkpoint whose weights are used: the best by evaluation, or the newest."""


def default_agent() -> AgentSettings:
    """Return the settings of the agent that is trained unless another is named."""
    return default_settings(AgentSettings().name)


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """What is kept."""

    keep: PositiveInt = 2
    """Checkpoints kept besides the best."""
    replay: bool = True
    """Save the replay too, so that a continued run equals an undisturbed one; otherwise it is refilled."""
    game_archive_mb: NonNegativeInt = 64
    """Megabytes of training games kept for rlvision replay (a million env steps take about one); 0: none."""


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
    network: NetworkSettings = field(default_factory=NetworkSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    agent: AgentSettings = field(default_factory=default_agent)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    exploration: ExplorationSettings = field(default_factory=ExplorationSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)


def defaults_for(agent: AgentSettings) -> Config:
    """Return all defaults, those of the agent's own settings among them."""
    return Config(agent=type(agent)(name=agent.name))
