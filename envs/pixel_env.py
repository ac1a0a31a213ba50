"""Environments as an agent sees them, behind Gymnasium's interfaces of one environment and of vectors.

Observations are uint8 pictures [N, C, H, W], the oldest of the stacked frames first. Rewards are raw. A game ends when
it is over: a lost life ends nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode

from rlvision.core.action_masks import mask_of
from rlvision.core.errors import ConfigError, EnvError, describe_value
from rlvision.core.types import BoolArray, IntArray, UInt8Array
from rlvision.envs.action_log import ActionLog
from rlvision.envs.factory import make
from rlvision.envs.pixel_contract import (
    PICTURES,
    check_action,
    check_seed,
    describe,
    gymnasium_spec,
    infos_of,
    merge_infos,
    whole_games,
    with_fps,
)
from rlvision.envs.screen import PixelScreens, decisions_per_second
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import Info

SEED_LIMIT = 2**31
"""Seeds that are drawn are below this."""
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
        self.metadata = with_fps(type(self).metadata, decisions_per_second(self.rows))
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
        row = self.rows.step(self._legal_where_ignored(np.asarray(actions)))
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
            EnvError: the environments are not reset yet, or cannot be drawn.
        """
        if not self.rows_begun:
            raise EnvError("expected environments in play to render, got none yet: reset(seed) first")
        return self._screens.pictures()

    def infos(self) -> list[Info]:
        """Return the info of each environment, [N]."""
        return infos_of(self.rows, self._failed)

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

    def _legal_where_ignored(self, actions: IntArray) -> IntArray:
        """Return the actions [N], with a legal one in place of each that is ignored because its game is over."""
        mask = mask_of(self.rows)
        if mask is None or not self._over.any():
            return actions
        return np.where(self._over, mask.argmax(axis=1), actions)

    def _drawn(self) -> int:
        return int(self.np_random.integers(SEED_LIMIT))

    def _info(self) -> Info:
        """Return the infos of all in Gymnasium's form for vectors."""
        return merge_infos(self._add_info, self.infos())


class PixelEnv(gymnasium.Env[UInt8Array, Any]):
    """One environment as a `gymnasium.Env`.

    Args:
        settings: of the environment.
        render_mode: of Gymnasium; pictures are the only one.

    Attributes:
        vector: the same environment as a vector of one.

    Raises:
        RLVisionError: as in `PixelVectorEnv`.
    """

    metadata: dict[str, Any] = {"render_modes": [PICTURES]}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(self, settings: EnvSettings, render_mode: str = PICTURES) -> None:
        if render_mode != PICTURES:
            raise EnvError(f"expected render_mode {PICTURES!r}, got {render_mode!r}: leave it out")
        self.vector, self.render_mode = PixelVectorEnv(settings, 1), render_mode
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self.metadata = with_fps(type(self).metadata, self.vector.metadata["render_fps"])
        self.spec = self.vector.spec
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[UInt8Array, Info]:
        """Begin a game.

        Args:
            seed: of this game, and of the later ones that begin without a seed. None: the next seed, or one at random
                if there has been none.
            options: ignored.

        Raises:
            EnvError: the seed cannot be used, or no game can begin.
        """
        seed = None if seed is None else check_seed(seed)
        super().reset(seed=seed)
        if seed is None and self._over and self.vector.rows_begun:
            observation, *_ = self.vector.step(np.zeros(1, dtype=np.int64))
        else:
            observation, _ = self.vector.reset(seed=seed)
        self._over = False
        return observation[0], self.vector.infos()[0]

    def step(self, action: Any) -> tuple[UInt8Array, float, bool, bool, Info]:
        """Act once.

        Raises:
            EnvError: the action is not one of the A, there is no game, or the environment fails too often.
        """
        if self._over:
            raise EnvError("expected reset() before a game's first step, got step(action): reset the environment")
        actions = np.array([check_action(action, self.vector.rows.spec.num_actions)])
        observation, reward, terminated, truncated, _ = self.vector.step(actions)
        self._over = bool(terminated[0] | truncated[0])
        info = self.vector.infos()[0]
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> UInt8Array:
        """Return the game's screen in full colour, a picture [H, W, 3].

        Raises:
            EnvError: there has been no reset.
        """
        return self.vector.render()[0]

    def close(self) -> None:
        """Release the emulator; may be called twice."""
        self.vector.close()

    def __repr__(self) -> str:
        """Return the game, and what an agent sees and does."""
        return repr(self.vector).replace(f"{type(self.vector).__name__}(", "PixelEnv(").replace(" num_envs=1,", "")


def make_pixel_env(settings: EnvSettings, num_envs: int | None) -> PixelEnv | PixelVectorEnv:
    """Make one environment in this process, or a vector of ``num_envs``.

    Raises:
        RLVisionError: as in `make_env`.
    """
    if num_envs is None:
        return PixelEnv(replace(settings, num_workers=0))
    if type(num_envs) is not int:
        raise ConfigError(f"expected num_envs to be a number or None, got {describe_value(num_envs)}: pass a number")
    return PixelVectorEnv(settings, num_envs)
