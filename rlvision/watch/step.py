"""One decision, with all there is to see of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rlvision.core.types import EnvSpec, FloatArray, UInt8Array


@dataclass(frozen=True, slots=True)
class Moment:
    """What the network saw, what it thought of it, what was done, and what the screen showed then.

    ``frames`` are what came of the action, one RGB screen [H, W, 3] per emulator frame; in front of those of a
    game's first moment stands the screen that the game began with.
    """

    frames: tuple[UInt8Array, ...]
    observation: UInt8Array  # [C, H, W] what was acted on, oldest frame first
    action: int
    q_values: FloatArray  # [A]
    score: float  # raw, of this game so far, the reward of this decision included
    length: int  # decisions of this game so far, this one included
    lives: int | None  # left after it; None in games without lives
    game: int  # 1, 2, ...
    seed: int  # what the game was reset with
    first: bool  # the first of its game
    last: bool  # the last of its game: the game is over, or was cut short
    over: bool  # the game is over


@dataclass(frozen=True, slots=True)
class Game:
    """How a game that was watched came out."""

    score: float  # raw; so far, where the game was cut short
    length: int  # decisions
    seed: int
    over: bool  # False: it was cut short


class Moments(Protocol):
    """Games to be looked at, moment by moment."""

    @property
    def spec(self) -> EnvSpec:
        """Of the environment."""

    def __iter__(self) -> Iterator[Moment]:
        """The moments, in order."""


def game_of(moment: Moment) -> Game:
    """The game that ends with this moment."""
    return Game(moment.score, moment.length, moment.seed, moment.over)
