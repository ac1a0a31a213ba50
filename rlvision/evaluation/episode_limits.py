"""Limits of the games in an evaluation: a game that reaches one is cut, and its score so far counts.

::

    frames        0 ........ reward ............ reward ........................... cut: no reward for 18,000 frames
    frames        0 .... reward .... reward .... reward .... (108,000 frames) ..... cut: not over
"""

from dataclasses import dataclass
from typing import Self

from rlvision.evaluation.settings import EvaluationSettings

HALF_AN_HOUR = 108_000
"""Frames in half an hour at 60 per second; both published Atari protocols cut a game there."""


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """The limits of every game of an evaluation.

    The defaults are half an hour of play and five minutes without a reward.
    """

    max_frames: int = HALF_AN_HOUR  # emulator frames of a game
    max_idle_frames: int | None = 18_000  # emulator frames since its last reward; None: no limit

    @classmethod
    def of_settings(cls, settings: EvaluationSettings, max_episode_frames: int | None) -> Self:
        """Make the limits of an evaluation.

        Args:
            settings: of the evaluation.
            max_episode_frames: frames at which the environment itself truncates a game; the limit if the settings
                have none.
        """
        return cls(settings.max_frames or max_episode_frames or HALF_AN_HOUR, settings.max_idle_frames)

    def reason_to_stop(self, frames: int, idle_frames: int) -> str | None:
        """Return the reason to cut a game now, or None.

        Args:
            frames: emulator frames of the game so far.
            idle_frames: emulator frames since its last reward.
        """
        if frames >= self.max_frames:
            return f"not over after {self.max_frames:,} frames"
        if self.max_idle_frames is not None and idle_frames >= self.max_idle_frames:
            return f"no reward for {self.max_idle_frames:,} frames"
        return None
