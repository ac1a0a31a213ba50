"""A policy that a person can take over from the agent."""

import numpy as np

from rlvision.core.action_masks import act_legally, replace_illegal
from rlvision.core.types import BoolArray, IntArray, Policy, UInt8Array

IDLE = "NOOP"


class MutableSchedule:
    """A schedule whose value can be set at any time."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, step: int) -> float:
        """Return the current value."""
        return self.value


class HumanPolicy:
    """The agent's policy, until a person takes over.

    Args:
        agent: the agent's policy.
        action_meanings: A names.
    """

    def __init__(self, agent: Policy, action_meanings: tuple[str, ...]) -> None:
        self._agent = agent
        self._idle = action_meanings.index(IDLE) if IDLE in action_meanings else None
        self._held = self._idle or 0
        self._once: int | None = None
        self.person: int | None = None  # the viewer who is playing
        self.was_person = False  # whether a person made the last decision

    def take_over(self, person: int) -> None:
        """Let a viewer choose the actions."""
        self.person, self._once, self._held = person, None, self._idle or 0

    def release(self) -> None:
        """Let the agent choose the actions again."""
        self.person = None

    def hold(self, action: int | None) -> None:
        """Set the person's action from now on; None: ``NOOP``, or no change in games without it."""
        if action is not None:
            self._held = action
        elif self._idle is not None:
            self._held = self._idle

    def do_once(self, action: int) -> None:
        """Set the person's action for the next decision only."""
        self._once = action

    def act(self, observation: UInt8Array, first: BoolArray, env_steps: int, mask: BoolArray | None = None) -> IntArray:
        """Return the actions [N] int64; an illegal one of a person is replaced by the first that ``mask`` allows."""
        self.was_person = self.person is not None
        if not self.was_person:
            return act_legally(self._agent, mask, observation, first, env_steps)
        action, self._once = self._held if self._once is None else self._once, None
        return replace_illegal(np.full(len(observation), action, dtype=np.int64), mask)
