"""Who plays: the agent, or a person."""

import numpy as np

from rlvision.core.types import BoolArray, IntArray, Policy, UInt8Array

IDLE = "NOOP"


class Dial:
    """A schedule that somebody turns."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, step: int) -> float:
        """The value now."""
        return self.value


class Pilot:
    """A policy that is the agent's until a person takes over.

    Args:
        agent: plays otherwise.
        action_meanings: A names.
    """

    def __init__(self, agent: Policy, action_meanings: tuple[str, ...]) -> None:
        self._agent = agent
        self._idle = action_meanings.index(IDLE) if IDLE in action_meanings else None
        self._held = self._idle or 0
        self._once: int | None = None
        self.person: int | None = None  # the viewer at the keys
        self.was_person = False  # whether a person made the last decision

    def take_over(self, person: int) -> None:
        """Hand the game to a viewer."""
        self.person, self._once, self._held = person, None, self._idle or 0

    def give_back(self) -> None:
        """Hand it to the agent."""
        self.person = None

    def hold(self, action: int | None) -> None:
        """What the person does from now on; None: nothing, or the same again in games without a ``NOOP``."""
        if action is not None:
            self._held = action
        elif self._idle is not None:
            self._held = self._idle

    def do_once(self, action: int) -> None:
        """What the person does in the next decision, whatever is held."""
        self._once = action

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int) -> IntArray:
        """Actions [N] int64."""
        self.was_person = self.person is not None
        if not self.was_person:
            return self._agent.act(observation, first, env_steps)
        action, self._once = self._held if self._once is None else self._once, None
        return np.full(len(observation), action, dtype=np.int64)
