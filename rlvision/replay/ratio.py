"""How many batches are owed by now."""

from fractions import Fraction


class ReplayRatio:
    """Batches in exact proportion to experience, whatever the number of environments.

    After s env steps, floor(ratio * (s - learning_starts) / batch_size) batches are due in all.
    Rational arithmetic: no debt is lost to rounding, however long the run.

    Args:
        samples_per_env_step: transitions learned from for each transition collected; a float counts
            as the decimal it is written as.
        batch_size: B.
        learning_starts: env steps before the first batch.
    """

    def __init__(self, samples_per_env_step: Fraction | float, batch_size: int, learning_starts: int) -> None:
        self._batches_per_env_step = Fraction(str(samples_per_env_step)) / batch_size
        self._learning_starts = learning_starts
        self.made = 0

    def owed(self, env_steps: int) -> int:
        """Batches due after ``env_steps`` and not made yet."""
        due = self._batches_per_env_step * max(0, env_steps - self._learning_starts)
        return int(due) - self.made
