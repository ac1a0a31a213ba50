"""N environments as an agent sees them, behind Gymnasium's interface of vectors.

Observations are uint8 pictures [N, C, H, W], the oldest of the stacked frames first. Rewards are raw. A game ends when
it is over: a lost life ends nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec as GymnasiumSpec
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode

from rlvision.core.action_masks import mask_of
from rlvision.core.errors import ConfigError, EnvError, describe_value
from rlvision.core.types import BoolArray, EnvSpec, IntArray, UInt8Array
from rlvision.envs.action_log import ActionLog
from rlvision.envs.atari_env import AtariEnv
from rlvision.envs.factory import is_atari, make
from rlvision.envs.pixel_screens import PixelScreens, steps_per_second
from rlvision.envs.settings import EnvSettings

PICTURES = "rgb_array"
ENTRY_POINT = "rlvision.envs.pixel_env:PixelEnv"
SEED_LIMIT = 2**31
"""Seeds that are drawn are below this."""
Info = dict[str, Any]
Rewards = npt.NDArray[np.float64]
VectorStep = tuple[UInt8Array, Rewards, BoolArray, BoolArray, Info]


class PixelVectorEnv(gymnasium.vector.VectorEnv[UInt8Array, IntArray, npt.NDArray[Any]]):
    """N environments as a `gymnasium.vector.VectorEnv`.

    A seed s starts environment i with seed s + i, as Gymnasium's own vectors do. So environment i plays the games of
    one `PixelEnv` with the seed s + i. An environment that fails is replaced, and its game is truncated there::

        step          t-1   t                 t+1
        observation   o1    o1 (once more)    o0', a reset's
        reward        r1    0                 0
        truncated     -     yes               -

    Args:
        settings: of each environment.
        num_envs: N.

    Attributes:
        rows: the environments by rlvision's own interface.

    Raises:
        RLVisionError: there is no such environment, it does not support the settings, or ``env.life_loss`` is on.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (as Gymnasium declares it)
        "render_modes": [PICTURES],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }
    render_mode = PICTURES

    def __init__(self, settings: EnvSettings, num_envs: int) -> None:
        settings = whole_games(settings)
        self.rows, self._game = make(settings, num_envs), settings.game
        self._screens = PixelScreens(self.rows, partial(make, settings, 1))
        self.num_envs, self.spec = num_envs, gymnasium_spec(settings)
        self.single_observation_space = Box(0, 255, self.rows.spec.observation_shape, np.uint8)
        self.observation_space = Box(0, 255, (num_envs, *self.rows.spec.observation_shape), np.uint8)
        self.single_action_space = Discrete(self.rows.spec.num_actions)
        self.action_space = MultiDiscrete([self.rows.spec.num_actions] * num_envs)
        self.metadata = with_fps(type(self).metadata, steps_per_second(self.rows))
        self._over, self._failed = np.zeros((2, num_envs), dtype=np.bool_)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[UInt8Array, Info]:
        """Begin a game in every environment.

        Args:
            seed: s, for environment i the seed s + i; or N seeds. None: each one's next seed, or one at random if there
                has been none.
            options: ``reset_mask`` [N] resets only these environments.

        Raises:
            EnvError: a seed or the mask cannot be used, or a step failed and no seed is given.
        """
        seeds, mask = self._seeds(seed), self._mask(options)
        super().reset(seed=seeds[0])
        if self.rows_begun and (seed is None or not mask.all()):
            self._begin_games(mask, seeds)
        else:
            self._begin_all(seeds)
        self._over, self._failed = self._over & ~mask, self._failed & ~mask
        self._screens.forget()
        return self.rows.observation.copy(), self._info()

    def step(self, actions: IntArray) -> VectorStep:
        """Act in every environment; one whose game is over ignores its action and begins the next game.

        Raises:
            EnvError: an action is not one of the A, or an environment fails too often.
        """
        row = self.rows.step(np.asarray(actions))
        self._screens.follow(row)
        known, self._failed = self._failed, self.rows.first & ~self._over & ~self._failed
        self._begin_games(known, [None] * self.num_envs)
        reward = np.where(known, 0.0, row.reward.astype(np.float64))
        terminated, truncated = row.terminated & ~known, (row.truncated & ~known) | self._failed
        self._over = terminated | (truncated & ~self._failed)
        seen = np.where(self._failed[:, None, None, None], row.observation, self.rows.observation)
        return seen, reward, terminated, truncated, self._info()

    def render(self) -> tuple[UInt8Array, ...]:
        """Return the games' screens in full colour, N pictures [H, W, 3].

        Raises:
            EnvError: the environments are in worker processes, or not reset yet.
        """
        if not self.rows_begun:
            raise EnvError("expected environments in play to render, got none yet: reset(seed) first")
        return self._screens.pictures()

    @property
    def rows_begun(self) -> bool:
        """Whether there has been a reset."""
        return bool(self.rows.action_logs)

    def close_extras(self, **kwargs: Any) -> None:
        """Release processes and emulators."""
        self.rows.close()

    def __repr__(self) -> str:
        """Return the game, N, and what an agent sees and does."""
        return f"{type(self).__name__}({self._game}, num_envs={self.num_envs}, {describe(self.rows.spec)})"

    def _begin_all(self, seeds: Sequence[int | None]) -> None:
        """Begin all games by these seeds, and let the seeds of each one's later games derive from its own."""
        known = [self._drawn() if seed is None else seed for seed in seeds]
        actions = self.rows.spec.num_actions
        fresh = [ActionLog(seed, 0, actions) for seed in known]
        self.rows.rewind([action_log.seed for action_log in fresh])
        for place, action_log in enumerate(fresh):
            if self.rows.action_logs[place].count == 0:  # else no game could begin with its seed
                self.rows.action_logs[place] = action_log

    def _begin_games(self, mask: BoolArray, seeds: Sequence[int | None]) -> None:
        """Begin games in the masked environments, by these seeds or by the next ones."""
        places = np.flatnonzero(mask).tolist()
        for place in places:
            if (seed := seeds[place]) is not None:
                self.rows.action_logs[place] = ActionLog(seed, 0, self.rows.spec.num_actions)
        if places:
            logs = self.rows.action_logs
            self.rows.begin_games({i: logs[i].next_seed if seeds[i] is None else logs[i].seed for i in places})
            self._screens.forget()

    def _seeds(self, seed: object) -> list[int | None]:
        """Return N checked seeds, None where there is none."""
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, list | tuple | np.ndarray) and len(seed) == self.num_envs:
            return [None if each is None else check_seed(each) for each in seed]
        first = check_seed(seed)
        return list(range(first, first + self.num_envs))

    def _mask(self, options: Mapping[str, Any] | None) -> BoolArray:
        """Return which environments to reset, [N]."""
        every = np.ones(self.num_envs, dtype=np.bool_)
        mask = (options or {}).get("reset_mask", every)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != every.shape or not mask.any():
            raise EnvError(
                f"expected reset_mask to be a numpy array of {self.num_envs} bools, one of them True, got "
                f"{describe_value(mask)}: name the environments to reset"
            )
        return mask

    def _drawn(self) -> int:
        return int(self.np_random.integers(SEED_LIMIT))

    def _info(self) -> Info:
        """Return the seeds of the last seeded resets, lives and frame numbers of Atari games, and masks [N, A]."""
        info: Info = {"seed": np.array(self.rows.seeds(), dtype=np.int64)}
        if isinstance(self.rows, AtariEnv):
            info |= {"lives": self.rows.lives, "frame_number": self.rows.frame_number}
        if (mask := mask_of(self.rows)) is not None:
            info["action_mask"] = mask
        return info | {f"_{name}": np.ones(self.num_envs, dtype=np.bool_) for name in info}


def whole_games(settings: EnvSettings) -> EnvSettings:
    """Return the settings with which a game goes on after a lost life.

    Raises:
        ConfigError: ``env.life_loss`` is on, which Gymnasium's interface cannot express.
    """
    if settings.life_loss:
        raise ConfigError(
            "expected env.life_loss unset or False for an environment of Gymnasium, where the end of an episode is "
            "followed by a reset, got True: leave it out, or use Stable-Baselines3's EpisodicLifeEnv"
        )
    return replace(settings, life_loss=False) if is_atari(settings.game) else settings


def gymnasium_spec(settings: EnvSettings) -> GymnasiumSpec:
    """Return the recipe by which Gymnasium makes one environment of the settings again."""
    name = re.sub(r"[^\w:.-]+", "-", settings.game)
    return GymnasiumSpec(f"rlvision/{name}", entry_point=ENTRY_POINT, kwargs={"settings": settings})


def describe(spec: EnvSpec) -> str:
    """Return what an agent sees and does, such as ``4x84x84 uint8, 6 actions``."""
    return f"{'x'.join(map(str, spec.observation_shape))} uint8, {spec.num_actions} actions"


def check_seed(seed: object) -> int:
    """Return a seed as an int.

    Raises:
        EnvError: it is not a whole number of at least 0.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise EnvError(
            f"expected a whole number of at least 0 as seed, got {describe_value(seed)}: choose another (a vector "
            "also takes one for each environment)"
        )
    return int(seed)


def with_fps(metadata: Mapping[str, Any], fps: float | None) -> dict[str, Any]:
    """Return metadata with the pictures per second; without pictures if there are none."""
    return {**metadata, "render_modes": []} if fps is None else {**metadata, "render_fps": fps}
