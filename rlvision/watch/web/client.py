"""One viewer of the page: what it has been told, and what is news to it."""

from typing import Any

from rlvision.watch.controls import SPEEDS
from rlvision.watch.web.history import Shot
from rlvision.watch.web.inspector import Analyst, Look
from rlvision.watch.web.player import Player
from rlvision.watch.web.protocol import pack

Message = bytes


class Viewer:
    """Somebody with the page open. A slow one is told less often, never late: it always gets the newest.

    Args:
        player: of the game.
        analyst: of the network.
        about: what the page says of the run: title, and the part of the screen that the network sees.
    """

    def __init__(self, player: Player, analyst: Analyst, about: dict[str, Any]) -> None:
        self.player = player
        self.number = player.enter()
        self._analyst = analyst
        self._about = about
        self._look = Look()
        self._told = -1  # index of the last decision of the trail
        self._status: dict[str, Any] = {}
        self._shot: Shot | None = None
        self._asked: tuple[Any, ...] = ()

    def hello(self) -> Message:
        """The first message."""
        spec = self.player.spec
        fixed = {
            "actions": spec.action_meanings,
            "stack": spec.stack,
            "keep": self.player.history.keep,
            "speeds": SPEEDS,
            "fps": self.player.fps,
        }
        return pack("hello", {**self._about, **fixed})

    def look(self, look: Look) -> None:
        """Turn to something else."""
        with self.player.changed:
            self._look = look
            self.player.changed.notify_all()

    def news(self, timeout: float) -> list[Message]:
        """What is new since the last time, newest only; waits for it, for so many seconds at most."""
        with self.player.changed:
            self.player.changed.wait_for(self._is_news, timeout)
            messages = [*self._status_news(), *self._trail_news(), *self._shot_news()]
            self._ask()
            answer = self._analyst.answer(self.number)
        return messages if answer is None else [*messages, answer]

    def close(self) -> None:
        """Leave."""
        self._analyst.forget(self.number)
        self.player.leave(self.number)

    def _is_news(self) -> bool:
        return (
            self._looked_at() is not self._shot
            or self.player.history.next_index > self._told + 1
            or self._analyst.has_answer(self.number)
            or self._question() != self._asked
            or self.player.status(self.number) != self._status
        )

    def _looked_at(self) -> Shot | None:
        history = self.player.history
        return history.newest if self._look.index is None else history.at(self._look.index)

    def _status_news(self) -> list[Message]:
        before, self._status = self._status, self.player.status(self.number)
        return [pack("status", self._status)] if self._status != before else []

    def _trail_news(self) -> list[Message]:
        history = self.player.history
        entries = list(history.trail(self._told + 1))
        if not entries:
            return []
        self._told = history.next_index - 1
        return [pack("trail", {"entries": entries, "oldest": history.oldest})]

    def _shot_news(self) -> list[Message]:
        before, self._shot = self._shot, self._looked_at()
        if self._shot is None or self._shot is before:
            return []
        header = {**self._shot.facts, "live": self._look.index is None}
        return [pack("moment", header, (*self._shot.pictures, self._shot.stack))]

    def _question(self) -> tuple[Any, ...]:
        """What the analyst is to be asked; empty: nothing."""
        brain, shot = self.player.brain, self._looked_at()
        return (brain, shot, self._look) if brain and shot and self._look.is_deep else ()

    def _ask(self) -> None:
        before, self._asked = self._asked, self._question()
        if self._asked and self._asked != before:
            self._analyst.ask(self.number, *self._asked)
