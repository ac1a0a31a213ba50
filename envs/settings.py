"""Settings of the environments, and the names of those that only one kind of environment has."""

from dataclasses import dataclass, field
from typing import Any, Literal

from rlvision.core.ranges import (
    EnvCount,
    FrameCount,
    FramesPerStep,
    NonEmptyStr,
    NonNegativeFloat,
    NonNegativeInt,
    NoopCount,
    Pixels,
    PositiveInt,
    Probability,
)

ProtocolName = Literal["nature", "machado"]
"""The two published protocols of Atari games: Mnih et al. (2015), and Machado et al. (2018)."""
FRAME_SIZE = 84
"""Height and width of frames in the literature, for environments that are made without an encoder and a size."""
ATARI_FRAMESKIP, OTHER_FRAMESKIP = 4, 1
"""Frames per decision of Atari games (Mnih et al. 2015), and of other worlds, where the setting is unset."""
Crop = tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt]
"""The part of a screen to keep: rows top to bottom, columns left to right, the ends excluded."""


@dataclass(frozen=True, kw_only=True)
class EnvSettings:
    """The environments."""

    game: NonEmptyStr = "CartPole-v1"
    """An Atari rom id (pong, ALE/Pong-v5, PongNoFrameskip-v4), a Gymnasium id, or package.module:EnvClass."""
    num_envs: EnvCount = 8
    """Environments stepped together."""
    num_workers: NonNegativeInt = 0
    """Processes that step them; 0 steps them in this process (not for Atari, which has native threads)."""
    step_timeout: NonNegativeFloat = 60.0
    """Gymnasium: seconds for one step or reset before a worker is killed and replaced; 0 for no limit."""
    max_restarts: NonNegativeInt = 3
    """Gymnasium: failures of one environment within 1,000 steps that lose one game each; the next ends the run."""
    height: Pixels | None = None
    """Rows of the network's input; unset, the encoder's own size: 77 for dn (84 with max_pool), 84 for others."""
    width: Pixels | None = None
    """Columns of the network's input; unset, the encoder's own size: 77 for dn (84 with max_pool), 84 for others."""
    crop: Crop | None = None
    """Part of the screen to keep before resizing, in screen pixels: top, bottom, left, right."""
    stack: FramesPerStep = 4
    """Frames in one observation."""
    gray: bool = True
    """One gray channel per frame instead of three colours."""
    frameskip: FramesPerStep | None = None
    """Frames per decision, in which the action is repeated; unset, 4 for Atari games and 1 for other worlds."""
    max_pool: bool | None = None
    """Take the brighter of the last two frames of a decision, pixel by pixel; unset, for Atari games alone."""
    protocol: ProtocolName = "nature"
    """Atari: nature (no-op starts, a lost life terminates) or machado (sticky actions, whole games)."""
    sticky: Probability | None = None
    """Atari: probability that the last action repeats; unset, the protocol's."""
    noop_max: NoopCount | None = None
    """Atari: a game begins with fewer no-ops than this; unset, the protocol's."""
    life_loss: bool | None = None
    """Atari: a lost life terminates for the learner, and the game goes on; unset, the protocol's."""
    fire_on_reset: bool | None = None
    """Atari: press FIRE at the start of a game that needs it; unset, the protocol's."""
    full_action_space: bool | None = None
    """Atari: all 18 actions instead of the game's minimal set; unset, the protocol's."""
    actions: tuple[NonEmptyStr, ...] | None = None
    """Atari: only these of the game's actions, such as [NOOP, RIGHT, LEFT]; unset, all of them."""
    max_episode_frames: FrameCount | None = None
    """Atari: emulator frames after which a game is truncated; unset, the protocol's."""
    max_episode_steps: PositiveInt | None = None
    """Gymnasium: the environment's own steps after which a game is truncated; unset, as registered."""
    image_key: NonEmptyStr | None = None
    """Gymnasium: the picture in a Dict or Tuple observation, such as image, or render for render(); unset, found."""
    reseed_after: PositiveInt = 10_000
    """Atari: an environment is seeded again at the first reset after this many steps; action logs stay short."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Gymnasium: further arguments of the environment, as YAML or JSON: '{continuous: false}'."""


ATARI_ONLY = (
    "protocol",
    "sticky",
    "noop_max",
    "life_loss",
    "fire_on_reset",
    "full_action_space",
    "actions",
    "max_episode_frames",
    "reseed_after",
)
"""Settings of `EnvSettings` that only Atari games have."""
GYMNASIUM_ONLY = ("num_workers", "step_timeout", "max_restarts", "max_episode_steps", "image_key", "kwargs")
"""Settings of `EnvSettings` that only Gymnasium environments have."""
