"""Limits of a game in an evaluation: a game that would not end is cut, and counts with the score it has.

::

    frames        0 ........ reward ............ reward ........................... cut: no reward for 18,000 frames
    frames        0 .... reward .... reward .... reward .... (108,000 frames) ..... cut: not over
"""

from dataclasses import dataclass
from typing import Self

from rlvision.evaluation.settings import EvaluationSettings

HALF_AN_HOUR = 108_000
"""Frames of half an hour at 60 a second, at which both published protocols of Atari cut a game."""


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """The limits of every game of an evaluation.

    The defaults are half an hour of play and five minutes without a reward.
    """

    max_frames: int = HALF_AN_HOUR  # emulator frames of a game
    max_idle_frames: int | None = 18_000  # emulator frames since its last reward; None: any number

    @classmethod
    def of_settings(cls, settings: EvaluationSettings, max_episode_frames: int | None) -> Self:
        """Make the limits of an evaluation.

        Args:
            settings: of the evaluation.
            max_episode_frames: at which the environment itself truncates a game; the limit where the settings have
                none.
        """
        return cls(settings.max_frames or max_episode_frames or HALF_AN_HOUR, settings.max_idle_frames)

    def reason_to_stop(self, frames: int, idle_frames: int) -> str | None:
        """Return why a game is cut now, or None.

        Args:
            frames: of the game so far.
            idle_frames: since its last reward.
        """
        if frames >= self.max_frames:
            return f"not over after {self.max_frames:,} frames"
        if self.max_idle_frames is not None and idle_frames >= self.max_idle_frames:
            return f"no reward for {self.max_idle_frames:,} frames"
        return None
