"""What cuts games that never end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Cuts games that never end; they count with the score they have.

    The defaults are half an hour of play, as the protocols of Atari allow, and five minutes without a reward.
    """

    max_frames: int = 108_000  # emulator frames of a game
    max_idle_frames: int | None = 18_000  # emulator frames since its last reward; None: any number

    def verdict(self, frames: int, idle_frames: int) -> str | None:
        """Why a game is cut now, or None."""
        if frames >= self.max_frames:
            return f"not over after {self.max_frames:,} frames"
        if self.max_idle_frames is not None and idle_frames >= self.max_idle_frames:
            return f"no reward for {self.max_idle_frames:,} frames"
        return None


USUAL = Watchdog()
"""The one with the defaults."""
