"""Atari games on ale-py's native vector environment: C++ threads, no Python between the emulators and the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ale_py import ALEInterface, LoggerMode, roms
from ale_py.vector_env import AtariVectorEnv

from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.types import BoolArray, EnvSpec, IntArray, Progress, UInt8Array
from rlvision.envs.atari_games import resolve_game
from rlvision.envs.frame_stack import choose_frames
from rlvision.envs.preprocessing import Crop, View
from rlvision.envs.vector_env import Outcome, TapedVectorEnv

Info = dict[str, IntArray]


@dataclass(frozen=True, slots=True)
class Emulation:
    """What an emulator runs, and how it is driven."""

    game: str  # rom id
    frameskip: int
    maxpool: bool
    noop_max: int
    fire_on_reset: bool
    sticky: float
    full_action_space: bool
    life_loss: bool
    max_episode_frames: int

    def __post_init__(self) -> None:
        if self.frameskip < 1 or self.noop_max < 0 or self.max_episode_frames < 1 or not 0 <= self.sticky <= 1:
            raise ConfigError(
                "expected frameskip and max_episode_frames of at least 1, noop_max of at least 0 and sticky in [0, 1], "
                f"got {self}"
            )

    @property
    def rom(self) -> str:
        """Path of the game's ROM.

        Raises:
            EnvError: if it is missing or damaged.
        """
        try:
            return str(roms.get_rom_path(self.game))
        except OSError as error:
            raise EnvError(
                f"expected the ROM of {self.game}, got: {' '.join(str(error).split())}: install ale-py anew, or unset "
                "ALE_ROMS_DIR, which takes the ROMs from another folder"
            ) from error

    def screen_size(self) -> tuple[int, int]:
        """Height and width of the game's screen: 210x160, with a few exceptions."""
        ALEInterface.setLoggerMode(LoggerMode.Error)
        emulator = ALEInterface()
        emulator.loadROM(self.rom)
        height, width = emulator.getScreenDims()
        return height, width


class AtariEnv(TapedVectorEnv):
    """N games of one Atari title, stepped by native threads.

    ::

        screens -> max over the last two -> [crop] -> resize (INTER_AREA) -> stack of the newest, zeros at a reset

    A game begins with fewer than ``noop_max`` idle frames, the first of which is FIRE where the game has that action.
    With ``life_loss`` a lost life sets ``terminated`` while the game goes on: the next row is not ``first``.

    Args:
        game: ``pong``, ``ALE/Pong-v5``, ``Pong-v5`` or ``PongNoFrameskip-v4``.
        num_envs: N.
        height: of a frame; None keeps the (cropped) screen's.
        width: of a frame; None keeps the (cropped) screen's.
        crop: the part (top, bottom, left, right) of the screen to keep, before resizing; None is the fastest.
        stack: frames in one observation.
        frameskip: emulator frames per action.
        maxpool: take the brighter of the last two frames, pixel by pixel (sprites flicker).
        noop_max: a game begins with fewer idle frames than this, by chance.
        fire_on_reset: press FIRE at the start of a game.
        sticky: probability, each frame, that the emulator repeats its last action.
        full_action_space: all 18 actions, not the game's own few.
        life_loss: a lost life terminates for the learner.
        gray: one channel a frame instead of three.
        max_episode_frames: emulator frames after which a game is truncated.
        actions: names of the game's actions that there are, such as NOOP, RIGHT, LEFT; None, all.
        num_threads: 0 is one a core, at most N.
        reseed_after: env steps of tape after which the next game begins with a seeded reset (0.14 s).

    Attributes:
        game_actions: names of all actions of the game.

    Raises:
        ConfigError: if there is no such game, or a setting is impossible.
    """

    def __init__(
        self,
        game: str,
        num_envs: int,
        *,
        height: int | None = 84,
        width: int | None = 84,
        crop: Crop | None = None,
        stack: int = 4,
        frameskip: int = 4,
        maxpool: bool = True,
        noop_max: int = 30,
        fire_on_reset: bool = True,
        sticky: float = 0.0,
        full_action_space: bool = False,
        life_loss: bool = False,
        gray: bool = True,
        max_episode_frames: int = 108_000,
        actions: Sequence[str] | None = None,
        num_threads: int = 0,
        reseed_after: int = 10_000,
    ) -> None:
        if num_envs < 1:
            raise ConfigError(f"expected at least 1 environment, got num_envs={num_envs}")
        self.emulation = Emulation(
            game=resolve_game(game),
            frameskip=frameskip,
            maxpool=maxpool,
            noop_max=noop_max,
            fire_on_reset=fire_on_reset,
            sticky=sticky,
            full_action_space=full_action_space,
            life_loss=life_loss,
            max_episode_frames=max_episode_frames,
        )
        view = View(height=height, width=width, crop=crop, gray=gray, stack=stack)
        self._frames = choose_frames(view, self.emulation.screen_size)
        self._native = make_native(self.emulation, num_envs, num_threads, self._frames.size, self._frames.stack, gray)
        self.game_actions = tuple(action.name for action in self._native.ale.get_action_set())
        self._codes = choose_actions(self.game_actions, actions)
        super().__init__(self._describe(num_envs, view), reseed_after)
        self._game_start: IntArray = np.full(num_envs, -1)
        self._info: Info = {}

    @property
    def frame_number(self) -> IntArray:
        """Emulator frames since the last seeded reset, [N]."""
        return self._info["frame_number"].copy()

    @property
    def lives(self) -> IntArray:
        """Lives left, [N]; always 0 in games without lives."""
        return self._info["lives"].copy()

    def _describe(self, num_envs: int, view: View) -> EnvSpec:
        names = tuple(self.game_actions[code] for code in self._codes)
        shape = (view.stack * view.channels, *self._frames.frame_size)
        return EnvSpec(num_envs, shape, view.channels, names, self.emulation.frameskip)

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
        """Reset again, by seed, what has just reset itself: still one ignored action per game."""
        return self._restart(due, self._tape_seeds())

    def _replay(self, progress: Progress) -> UInt8Array:
        """Step all games, the shorter tapes starting later, so that all end together."""
        lengths = np.array([len(tape) for tape in self.tapes])
        total, seeds = int(lengths.max()), self._tape_seeds()
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
        """Actions [total, N] that end all tapes together; before a tape starts, any action will do."""
        schedule = np.zeros((total, len(self.tapes)), dtype=np.int64)
        for index, tape in enumerate(self.tapes):
            schedule[total - len(tape) :, index] = tape.to_numpy()
        return schedule

    def _absorb(self, info: dict[str, Any]) -> BoolArray:
        """Keep the emulators' counters; which games have begun since the last time?

        A game's start, on the emulator's clock of all frames, moves with every reset and with nothing else. (The frame
        number within the game need not fall: a game may last fewer frames than the no-ops of the next one.)
        """
        game_start = info["frame_number"] - info["episode_frame_number"]
        begun = game_start != self._game_start
        self._info, self._game_start = info, game_start
        return np.asarray(begun, dtype=np.bool_)

    def _release(self) -> None:
        if self._pending is not None:
            self._native.recv()
        del self._native


def make_native(
    emulation: Emulation, num_envs: int, num_threads: int, size: tuple[int, int], stack: int, gray: bool
) -> AtariVectorEnv:
    """ale-py's vector environment, rewards raw, NEXT_STEP.

    Raises:
        EnvError: if the game's ROM is missing or damaged.
    """
    _ = emulation.rom  # ale-py would end in an error of its own, or end the process
    return AtariVectorEnv(
        emulation.game,
        num_envs,
        num_threads=num_threads,
        img_height=size[0],
        img_width=size[1],
        stack_num=stack,
        grayscale=gray,
        frameskip=emulation.frameskip,
        maxpool=emulation.maxpool,
        noop_max=emulation.noop_max,
        use_fire_reset=emulation.fire_on_reset,
        repeat_action_probability=emulation.sticky,
        full_action_space=emulation.full_action_space,
        life_loss_info=emulation.life_loss,
        max_num_frames_per_episode=emulation.max_episode_frames,
        reward_clipping=False,
    )


def choose_actions(game_actions: Sequence[str], names: Sequence[str] | None) -> IntArray:
    """Which of the game's actions there are, [A], in the order of ``names``.

    Raises:
        ConfigError: the game has no such action, or there are fewer than two, or one of them twice.
    """
    chosen = list(game_actions if names is None else names)
    if not set(chosen) <= set(game_actions) or len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise ConfigError(
            f"expected two or more different actions out of {', '.join(game_actions)}, got {', '.join(chosen)}: "
            "choose some of these, or leave them out for all"
        )
    return np.array([game_actions.index(name) for name in chosen])
