"""How often an environment may fail and be made anew before the run ends."""

from __future__ import annotations

import logging
from collections import deque

from rlvision.core.errors import EnvCrashError, EnvError

Faults = dict[int, EnvCrashError]
"""What went wrong, by environment."""
WITHIN = 1_000
"""Steps of an environment within which its failures are counted together."""


class Restarts:
    """Tells of every failure in one line, and ends what fails again and again.

    ::

        failure   f         f f                f         limit 3, WITHIN 1,000
        step      10        700 701            1,500     the first is forgotten: the run goes on

    Args:
        num_envs: N.
        limit: failures within `WITHIN` steps after each of which the environment is made anew; the next is an error.
    """

    def __init__(self, num_envs: int, limit: int) -> None:
        self._limit = limit
        self._steps = 0
        self._failed_at: list[deque[int]] = [deque(maxlen=limit + 1) for _ in range(num_envs)]

    def count_step(self) -> None:
        """All environments took one more step, or were to."""
        self._steps += 1

    def note(self, faults: Faults) -> None:
        """Take note of the environments that failed in a step or a reset.

        Raises:
            EnvError: one of them failed too often; it has the environment's own words.
        """
        for index, fault in faults.items():
            failed_at = self._failed_at[index]
            failed_at.append(self._steps)
            if len(failed_at) > self._limit and self._steps - failed_at[0] < WITHIN:
                raise self._verdict(fault)
        for words in dict.fromkeys(map(str, faults.values())):
            logging.getLogger("rlvision").warning(
                "%s; it is made anew: the game it played is dropped, another begins", words
            )

    def _verdict(self, fault: EnvCrashError) -> EnvError:
        """The error that ends the run; a full traceback shows the environment's own, too."""
        often = f", {self._limit + 1} times within {WITHIN:,} steps" if self._limit else ""
        error = EnvError(f"{fault}{often}: mend the environment, or raise env.max_restarts ({self._limit})")
        for note in getattr(fault, "__notes__", ()):
            error.add_note(note)
        return error
