"""Atari games on ale-py's native vector environment, which steps and preprocesses in C++ threads."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from ale_py.vector_env import AtariVectorEnv

from rlvision.core.errors import ConfigError
from rlvision.core.types import BoolArray, EnvSpec, IntArray, Progress, UInt8Array
from rlvision.envs.atari_games import AtariProtocol, resolve_game, resolve_protocol, rom_path, screen_size
from rlvision.envs.frame_stack import choose_frames
from rlvision.envs.preprocessing import (
    frame_channels,
    frames_per_decision,
    observation_shape,
    require_sizes,
)
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import Info
from rlvision.envs.vector_env import Outcome, ReplayableVectorEnv

NativeInfo = dict[str, IntArray]


class AtariEnv(ReplayableVectorEnv):
    """N copies of one Atari game, stepped by native threads: one per core, at most N.

    ::

        screens -> max over the last two -> [crop] -> resize (INTER_AREA) -> stack of the newest, zeros at a reset

    A game begins with fewer than ``noop_max`` idle frames, the first of which is FIRE where the game has that action.
    With ``life_loss`` a lost life sets ``terminated`` while the game goes on: the next row is not ``first``.
    The first reset after ``reseed_after`` env steps is a seeded one, which takes 0.14 s.

    Args:
        settings: of the games; unset values are the protocol's.
        num_envs: N.
        first_index: as in `ReplayableVectorEnv`.

    Attributes:
        game: rom id.
        protocol: the protocol, with the values that the settings change.
        game_actions: names of all actions of the game.

    Raises:
        ConfigError: there is no such game, or a setting is impossible.
        EnvError: the game's ROM is missing or damaged.
    """

    def __init__(self, settings: EnvSettings, num_envs: int, first_index: int = 0) -> None:
        if num_envs < 1:
            raise ConfigError(f"expected at least 1 environment, got num_envs={num_envs}: raise it")
        require_sizes(settings)
        self.game = resolve_game(settings.game)
        self.protocol = resolve_protocol(settings)
        frameskip = frames_per_decision(settings, is_atari=True)
        require_playable(frameskip, self.protocol)
        self._frames = choose_frames(settings, partial(screen_size, self.game))
        self._native = make_native(settings, num_envs, self._frames.size, self._frames.stack)
        self.game_actions = tuple(action.name for action in self._native.ale.get_action_set())
        self._codes = choose_actions(self.game_actions, settings.actions)
        names = tuple(self.game_actions[code] for code in self._codes)
        spec = EnvSpec(num_envs, observation_shape(settings), frame_channels(settings), names, frameskip)
        super().__init__(spec, settings.reseed_after, first_index)
        self._game_start: IntArray = np.full(num_envs, -1)
        self._info: NativeInfo = {}

    @property
    def frame_number(self) -> IntArray:
        """Emulator frames since the last seeded reset, [N]."""
        return self._info["frame_number"].copy()

    @property
    def lives(self) -> IntArray:
        """Lives left, [N]; always 0 in games without lives."""
        return self._info["lives"].copy()

    def infos(self) -> list[Info]:
        """Return the lives and the frame number of each game, [N]."""
        both = zip(self.lives.tolist(), self.frame_number.tolist(), strict=True)
        return [{"lives": lives, "frame_number": frame} for lives, frame in both]

    def _begin(self, action: IntArray) -> None:
        self._native.send(self._codes[action])

    def _finish(self) -> Outcome:
        screens, reward, terminated, truncated, info = self._native.recv()
        first = self._absorb(info)
        observation = self._frames.advance(screens, first)
        return Outcome(observation, reward.astype(np.float32), terminated, truncated, first)

    def _restart(self, mask: BoolArray, seeds: Sequence[int]) -> UInt8Array:
        options = {"reset_mask": mask}
        screens, info = self._native.reset(seed=np.array(seeds, dtype=np.int64)[mask], options=options)
        self._absorb(info)
        return self._frames.replace(screens, mask)

    def _reseed(self, due: BoolArray, observation: UInt8Array) -> UInt8Array:
        """Reset the games ``due`` again, by seed; they have just reset themselves and ignored one action."""
        return self._restart(due, self._action_log_seeds())

    def _replay(self, progress: Progress) -> UInt8Array:
        """Step all games through their action logs; shorter logs start later, so that all end together."""
        lengths = np.array([len(action_log) for action_log in self.action_logs])
        total, seeds = int(lengths.max()), self._action_log_seeds()
        observation = self._restart(np.ones_like(lengths, dtype=np.bool_), seeds)
        for step, actions in enumerate(self._schedule(total)):
            self._begin(actions)
            observation = self._finish().observation
            due = lengths == total - step - 1
            if due.any():
                observation = self._restart(due, seeds)
            progress(step + 1, total)
        return observation

    def _schedule(self, total: int) -> IntArray:
        """Return actions [total, N] that end all action logs together; before a log starts they do not matter."""
        schedule = np.zeros((total, len(self.action_logs)), dtype=np.int64)
        for index, action_log in enumerate(self.action_logs):
            schedule[total - len(action_log) :, index] = action_log.to_numpy()
        return schedule

    def _absorb(self, info: dict[str, Any]) -> BoolArray:
        """Store the emulators' counters; return which games have begun since the last call, [N].

        The total frame number at which a game started changes with every reset and with nothing else. The frame number
        within the game need not fall: a game may last fewer frames than the no-ops of the next one.
        """
        game_start = info["frame_number"] - info["episode_frame_number"]
        begun = game_start != self._game_start
        self._info, self._game_start = info, game_start
        return np.asarray(begun, dtype=np.bool_)

    def _release(self) -> None:
        if self._pending is not None:
            self._native.recv()
        del self._native


def make_native(settings: EnvSettings, num_envs: int, size: tuple[int, int], stack: int) -> AtariVectorEnv:
    """Make ale-py's vector environment of the settings, with raw rewards and NEXT_STEP resets.

    Args:
        settings: of the games.
        num_envs: N.
        size: height and width of its frames; they differ from the settings' if frames are cropped later.
        stack: frames in its observations; the same holds.

    Raises:
        EnvError: the game's ROM is missing or damaged.
    """
    game, protocol = resolve_game(settings.game), resolve_protocol(settings)
    rom_path(game)  # without the ROM ale-py would raise another error, or end the process
    return AtariVectorEnv(
        game,
        num_envs,
        num_threads=0,
        img_height=size[0],
        img_width=size[1],
        stack_num=stack,
        grayscale=settings.gray,
        frameskip=frames_per_decision(settings, is_atari=True),
        maxpool=settings.max_pool is not False,  # unset, it is on
        noop_max=protocol.noop_max,
        use_fire_reset=protocol.fire_on_reset,
        repeat_action_probability=protocol.sticky,
        full_action_space=protocol.full_action_space,
        life_loss_info=protocol.life_loss,
        max_num_frames_per_episode=protocol.max_episode_frames,
        reward_clipping=False,
    )


def require_playable(frameskip: int, protocol: AtariProtocol) -> None:
    """Refuse values that an emulator cannot use.

    Raises:
        ConfigError: a value is out of range.
    """
    frames = protocol.max_episode_frames
    if frameskip < 1 or protocol.noop_max < 0 or frames < 1 or not 0 <= protocol.sticky <= 1:
        raise ConfigError(
            "expected frameskip and max_episode_frames of at least 1, noop_max of at least 0 and sticky in [0, 1], "
            f"got {frameskip}, {frames}, {protocol.noop_max} and {protocol.sticky}: change these settings"
        )


def choose_actions(game_actions: Sequence[str], names: Sequence[str] | None) -> IntArray:
    """Return the codes [A] of the actions called ``names``, in that order; None for all actions of the game.

    Raises:
        ConfigError: the game has no such action, there are fewer than two, or one occurs twice.
    """
    chosen = list(game_actions if names is None else names)
    if not set(chosen) <= set(game_actions) or len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise ConfigError(
            f"expected two or more different actions out of {', '.join(game_actions)}, got {', '.join(chosen)}: "
            "choose some of these, or leave them out for all"
        )
    return np.array([game_actions.index(name) for name in chosen])
