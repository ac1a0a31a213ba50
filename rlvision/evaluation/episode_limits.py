"""Limits of the games in an evaluation: a game that reaches one is cut, and its score so far counts.

::

    frames        0 ........ reward ............ reward ........................... cut: no reward for 18,000 frames
    frames        0 .... reward .... reward .... reward .... (108,000 frames) ..... cut: not over
    decisions     0 .... reward .... (10,000 decisions) ... cut: not over, in a world that declares no limit of its own
"""

from dataclasses import dataclass
from typing import Self

from rlvision.evaluation.settings import EvaluationSettings

HALF_AN_HOUR = 108_000
"""Frames in half an hour at 60 per second; both published Atari protocols cut a game there."""
MOST_DECISIONS = 10_000
"""Decisions of a game in a world that declares no limit, such as one without an end: ten times Gymnasium's usual limit.

It is a constant, so that every evaluation of a world has the same one: in training, on resume and afterwards.
"""


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """The limits of every game of an evaluation.

    The defaults are half an hour of play and five minutes without a reward.
    """

    max_frames: int = HALF_AN_HOUR  # emulator frames of a game
    max_idle_frames: int | None = 18_000  # emulator frames since its last reward; None: no limit
    max_decisions: int | None = None  # decisions of a game; None: no limit

    @classmethod
    def of_settings(
        cls, settings: EvaluationSettings, max_episode_frames: int | None, *, is_limited: bool = True
    ) -> Self:
        """Make the limits of an evaluation.

        Args:
            settings: of the evaluation.
            max_episode_frames: frames at which the environment itself truncates a game; the limit if the settings
                have none.
            is_limited: whether the environment limits its games itself. If not, `MOST_DECISIONS` do, unless the
                settings have a limit.
        """
        frames = settings.max_frames or max_episode_frames or HALF_AN_HOUR
        most = None if is_limited or settings.max_frames else MOST_DECISIONS
        return cls(frames, settings.max_idle_frames, most)

    def reason_to_stop(self, decisions: int, idle_decisions: int, frameskip: int) -> str | None:
        """Return the reason to cut a game now, or None.

        Args:
            decisions: of the game so far.
            idle_decisions: since its last reward.
            frameskip: emulator frames of a decision.
        """
        frames, idle_frames = decisions * frameskip, idle_decisions * frameskip
        if frames >= self.max_frames:
            return f"not over after {self.max_frames:,} frames"
        if self.max_idle_frames is not None and idle_frames >= self.max_idle_frames:
            return f"no reward for {self.max_idle_frames:,} frames"
        if self.max_decisions is not None and decisions >= self.max_decisions:
            return f"not over after {self.max_decisions:,} decisions"
        return None
