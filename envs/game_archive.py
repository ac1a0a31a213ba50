"""An archive of training games as action logs, at most one byte per step, from which any game can be replayed.

::

    RUN/games/00000000.games   entry entry entry ...      the oldest kept
              00000001.games   entry entry                grows

    entry  = header, zlib of the actions                  CRC-32 of both in the header
    action log of one environment:  seed | game 1 | game 2 | game 3 ...
                                   start=0  start=317  start=702

An emulator is seeded again only once in many games. The replay of a game in the middle of an action log first plays
the games before it, which have the same environment and seed.
"""

import logging
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch

from rlvision.core.append_log import AppendLog
from rlvision.core.errors import CheckpointError
from rlvision.core.files import read_bytes
from rlvision.core.folders import list_folder
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import EnvStep, Episode, State
from rlvision.envs.split_env import ReplayableEnv
from rlvision.envs.vector_env import observation_hash

GAMES_FOLDER = "games"
SUFFIX = ".games"
NUM_FILES = 8
"""Number of files that share the space for action logs; the oldest is deleted when another one starts."""
LARGEST = 2**32
"""Largest size of a file in bytes."""

_HEADER = struct.Struct("<2sHIIIIQd16sI")  # magic, item size, number, env, seed, start, env steps, score, hash, length
_LENGTHS = struct.Struct("<II")  # bytes of the packed actions, CRC-32 of all before and after
_MAGIC = b"RT"
_log = logging.getLogger("rlvision")


@dataclass(frozen=True, slots=True)
class RecordedGame:
    """A training game and its part of the action log."""

    number: int  # 1, 2, ... in the order in which they ended
    env: int  # which environment played it
    seed: int  # of the reset that its action log starts from
    start: int  # steps of the action log before it
    env_steps: int  # of the run, at its end
    score: float  # raw
    length: int  # decisions
    last_observation: str  # hash of the game's last observation
    item_size: int  # bytes of an action
    compressed: bytes  # the actions, compressed

    def __repr__(self) -> str:
        """Return its number, score and length, and who played it when."""
        return (
            f"RecordedGame({self.number}: score {self.score:,g} in {self.length:,} decisions, environment {self.env}, "
            f"after {self.env_steps:,} env steps)"
        )

    @property
    def actions(self) -> "array[int]":
        """All ``length + 1`` actions: the decisions, and the ignored action of the step that reset the game."""
        return array(_typecode(self.item_size), zlib.decompress(self.compressed))

    @property
    def stop(self) -> int:
        """Steps of the action log up to its end."""
        return self.start + self.length + 1


class GameArchive:
    """A folder of recorded games that keeps the newest files.

    Its state is the write position. Loading a checkpoint removes the games that a killed run wrote after it, so that a
    continued run has each game once. With nothing loaded, the first game empties the folder.

    Args:
        folder: of the action logs; created at the first game.
        limit: approximate size of the folder in bytes; the oldest games are deleted.
    """

    def __init__(self, folder: AnyPath, limit: int) -> None:
        self._folder = as_path(folder)
        self._file_limit = min(max(1, limit // NUM_FILES), LARGEST // 2)
        self._number = 0
        self._entries: AppendLog | None = None

    def append(self, game: RecordedGame) -> None:
        """Add a game."""
        if self._entries is None:
            self._drop(lambda number: True)
            self._entries = AppendLog(self._path(0))
        elif self._entries.size >= self._file_limit:
            self._turn_over()
        self._entries.append(encode(game))

    def state_dict(self) -> State:
        """Flush the newest file to disk, and return its number and size.

        Raises:
            OSError: it cannot be written.
        """
        return {"number": self._number, "size": 0 if self._entries is None else self._entries.sync()}

    def load_state_dict(self, state: State) -> None:
        """Remove the games that came after ``state``; if a file is missing, warn and start a new one."""
        self.close()
        self._number = int(state["number"])
        self._drop(lambda number: number > self._number)
        self._entries = AppendLog(self._path(self._number))
        try:
            self._entries.truncate(int(state["size"]))
        except CheckpointError as error:
            _log.warning("some recorded training games are gone: %s", error)
            self._turn_over()

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._entries is not None:
            self._entries.close()

    def _turn_over(self) -> None:
        self.close()
        self._number += 1
        self._entries = AppendLog(self._path(self._number))
        self._drop(lambda number: number <= self._number - NUM_FILES)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}{SUFFIX}"

    def _drop(self, unwanted: Callable[[int], bool]) -> None:
        for path in archive_files(self._folder):
            if unwanted(int(path.stem)):
                path.unlink()


class GameRecorder:
    """A recorder that adds every finished game of N environments to an archive.

    Args:
        env: the environments, which keep action logs.
        archive: receives the games.
    """

    def __init__(self, env: ReplayableEnv, archive: GameArchive) -> None:
        self._env = env
        self._archive = archive
        self._typecode = _typecode(1 if env.spec.num_actions <= 256 else 4)
        self._starts = [-1] * env.spec.num_envs  # of the games in progress; -1: not seen from their beginning
        self._actions = [array(self._typecode) for _ in self._starts]
        self._last = [""] * env.spec.num_envs

    def add(self, step: EnvStep, games: Sequence[tuple[int, Episode]], number: int, env_steps: int) -> None:
        """Record the games that ended with a row.

        Args:
            step: the row that the environments have just returned.
            games: (environment, game) of each game that ended before a ``first`` of this row.
            number: number of the first of these games.
            env_steps: of the run.
        """
        for number_of_it, (i, episode) in zip(count(number), games, strict=False):
            self._keep(i, episode, number_of_it, env_steps)
        for i in np.flatnonzero(step.first).tolist():
            self._starts[i] = len(self._env.action_logs[i]) - 1  # the log already holds this row's action
            self._actions[i] = array(self._typecode)
        for actions, action in zip(self._actions, step.action.tolist(), strict=True):
            actions.append(action)
        for i in np.flatnonzero(step.terminated | step.truncated).tolist():
            self._last[i] = observation_hash(self._env.observation[i])

    def state_dict(self) -> State:
        """Return the games in progress, and the archive's position."""
        actions = [torch.from_numpy(np.array(taken)) for taken in self._actions]
        games = {"starts": list(self._starts), "actions": actions, "last": list(self._last)}
        return {**games, "archive": self._archive.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Continue the games that were in progress."""
        self._starts, self._last = list(state["starts"]), list(state["last"])
        self._actions = [array(self._typecode, taken.tolist()) for taken in state["actions"]]
        self._archive.load_state_dict(state["archive"])

    def close(self) -> None:
        """Close the archive; may be called twice."""
        self._archive.close()

    def _keep(self, i: int, episode: Episode, number: int, env_steps: int) -> None:
        if self._starts[i] >= 0:
            actions = self._actions[i]
            game = RecordedGame(
                number=number,
                env=i,
                seed=episode.seed,
                start=self._starts[i],
                env_steps=env_steps,
                score=episode.score,
                length=episode.length,
                last_observation=self._last[i],
                item_size=actions.itemsize,
                compressed=zlib.compress(actions.tobytes()),
            )
            self._archive.append(game)


def encode(game: RecordedGame) -> bytes:
    """Return a game as an entry of a file."""
    numbers = (game.number, game.env, game.seed, game.start, game.env_steps, game.score)
    fingerprint = bytes.fromhex(game.last_observation)
    header = _HEADER.pack(_MAGIC, game.item_size, *numbers, fingerprint, game.length)
    checksum = zlib.crc32(game.compressed, zlib.crc32(header))
    return header + _LENGTHS.pack(len(game.compressed), checksum) + game.compressed


def read_games(folder: AnyPath) -> list[RecordedGame]:
    """Return the games in a folder, in the order in which they ended, without entries that a kill cut short.

    Raises:
        CheckpointError: an entry is damaged.
    """
    return [game for path in archive_files(as_path(folder)) for game in _decode(path)]


def prefix_games(game: RecordedGame, games: Sequence[RecordedGame]) -> list[RecordedGame]:
    """Return the games to be played before ``game``, from the seeded reset on.

    Raises:
        CheckpointError: the beginning of its action log is not kept.
    """
    before = [other for other in games if (other.env, other.seed) == (game.env, game.seed) and other.start < game.start]
    before.sort(key=lambda other: other.start)
    stops = [0, *(other.stop for other in before)]
    if stops != [*(other.start for other in before), game.start]:
        raise CheckpointError(
            f"expected the action log of game {game.number} from its seeded reset on, got one whose beginning was "
            "deleted: choose a later game, or train with a larger --checkpoint.game_archive_mb"
        )
    return before


def archive_files(folder: Path) -> list[Path]:
    """Return the files, oldest first."""
    return list_folder(folder, "[0-9]" * 8 + SUFFIX)


def _decode(path: Path) -> Iterator[RecordedGame]:
    content = read_bytes(path, LARGEST)
    place, head = 0, _HEADER.size + _LENGTHS.size
    while place + head <= len(content):
        size, checksum = _LENGTHS.unpack_from(content, place + _HEADER.size)
        compressed = content[place + head : place + head + size]
        if len(compressed) < size and content[place : place + 2] == _MAGIC:
            return  # cut short by a kill
        header = content[place : place + _HEADER.size]
        if checksum != zlib.crc32(compressed, zlib.crc32(header)):
            raise CheckpointError(f"expected undamaged games in {path}, got other bytes at {place}: delete the file")
        yield _game(header, compressed)
        place += head + size


def _game(header: bytes, compressed: bytes) -> RecordedGame:
    _, item_size, number, env, seed, start, env_steps, score, fingerprint, length = _HEADER.unpack(header)
    return RecordedGame(
        number,
        env,
        seed,
        start,
        env_steps,
        score,
        length,
        fingerprint.hex(),
        item_size=item_size,
        compressed=compressed,
    )


def _typecode(item_size: int) -> str:
    return {1: "B", 4: "i"}[item_size]
