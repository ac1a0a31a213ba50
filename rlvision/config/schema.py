"""All settings of a run: the groups that each package defines, and the settings of the run itself.

The dataclasses define the command line (``--agent.double=False``), the preset files (``agent: {double: false}``) and
the ``config.yaml`` of a run folder. A type defines the valid values of one setting, and `rlvision.config.validation`
refuses combinations. The settings in ``agent`` are those of the agent that ``agent.name`` chooses.
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
"""Checkpoint whose weights are used: the best by evaluation, or the newest."""


def default_agent() -> AgentSettings:
    """Return the settings of the default agent."""
    return default_settings(AgentSettings().name)


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """Checkpoints and recorded games."""

    keep: PositiveInt = 2
    """Number of checkpoints to keep, in addition to the best."""
    replay: bool = True
    """Save the replay too, so that a resumed run equals an uninterrupted one; otherwise it is filled again."""
    game_archive_mb: NonNegativeInt = 64
    """Megabytes of training games to keep for rlvision replay; 0 keeps none. A million env steps take about 1 MB."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of a run."""

    out: NonEmptyStr | None = None
    """Run folder; if unset, runs/PRESET-seedSEED; auto numbers that. The same command continues a run in its folder."""
    seed: Seed = 1
    """Seed of the run. On a CPU with the same number of threads, one seed gives one run, bit for bit."""
    env_steps: PositiveInt = 1_000_000
    """Length of the run in env steps: decisions of the agent, summed over the environments."""
    device: NonEmptyStr = "auto"
    """cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one."""
    threads: ThreadCount | None = None
    """CPU threads of torch; if unset, torch's own choice: OMP_NUM_THREADS, or the number of cores."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the encoder in training; auto uses bfloat16 if the hardware supports it. The rest is float32."""
    cuda_graphs: bool = False
    """On an NVIDIA GPU, launch all kernels of an update, or of an action, at once. Speeds up small networks like DN."""
    deterministic: bool = False
    """On a GPU, use only kernels that give the same bits every time, which is slower. On a CPU, all kernels do."""
    evaluate_every: NonNegativeInt = 50_000
    """Env steps between evaluations; 0 evaluates only at the end."""
    checkpoint_every: NonNegativeInt = 50_000
    """Env steps between checkpoints; 0 saves only at the end."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Mode of Weights & Biases; auto is online if an API key is configured, and offline otherwise."""
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
    """Return the default configuration of an agent, with the defaults of its own settings."""
    return Config(agent=type(agent)(name=agent.name))
