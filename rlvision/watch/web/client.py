"""One viewer of the page: the messages that it will receive next, and the commands that it sends.

A command is one JSON object:

===========  =======================================  ==================================================
``do``       with                                     effect
===========  =======================================  ==================================================
``pause``    ``on``                                   pause the game, or continue it
``step``     ``action`` or null                       pause and make one decision
``next``                                              go to the next game
``speed``    ``value``                                multiple of the game's own speed
``epsilon``  ``value``                                probability of a random action
``take``                                              play instead of the agent
``hold``     ``action`` or null                       the person's action from now on
``release``                                           let the agent play again
``inspect``  ``index``, ``maps``, ``saliency``,       show a decision (null: the newest), with its maps and
             ``action``                               saliency (action null: the one taken)
===========  =======================================  ==================================================
"""

import json
from typing import Any

from rlvision.core.errors import ConfigError
from rlvision.watch.controls import SPEEDS
from rlvision.watch.drawing.overlay import readable_action
from rlvision.watch.web.history import FrameRecord
from rlvision.watch.web.inspector import Inspector, InspectRequest
from rlvision.watch.web.player import Player
from rlvision.watch.web.protocol import pack

Message = bytes


class Client:
    """An open page. A slow one gets fewer messages, not late ones: each message has the newest state.

    Args:
        player: plays the game.
        inspector: computes maps and saliency.
        about: data of the run for the page: title, run, and the part of the screen that the network sees.
    """

    def __init__(self, player: Player, inspector: Inspector, about: dict[str, Any]) -> None:
        self.player = player
        self.number = player.enter()
        self._inspector = inspector
        self._about = about
        self._request = InspectRequest()
        self._told = -1  # index of the last decision sent in a trail
        self._status: dict[str, Any] = {}
        self._frame_record: FrameRecord | None = None
        self._asked: tuple[Any, ...] = ()

    def hello(self) -> Message:
        """Return the first message."""
        spec = self.player.spec
        fixed = {
            "actions": spec.action_meanings,
            "names": [readable_action(name) for name in spec.action_meanings],
            "stack": spec.stack,
            "keep": self.player.history.keep,
            "speeds": SPEEDS,
            "fps": self.player.fps,
        }
        return pack("hello", {**self._about, **fixed})

    def inspect(self, request: InspectRequest) -> None:
        """Choose the decision, maps and saliency that the viewer sees."""
        with self.player.changed:
            self._request = request
            self.player.changed.notify_all()

    def updates(self, timeout: float) -> list[Message]:
        """Wait up to ``timeout`` seconds for changes since the last call, and return their newest messages."""
        with self.player.changed:
            self.player.changed.wait_for(self._has_updates, timeout)
            messages = [*self._status_updates(), *self._trail_updates(), *self._frame_updates()]
            self._ask()
            answer = self._inspector.answer(self.number)
        return messages if answer is None else [*messages, answer]

    def close(self) -> None:
        """Leave the game."""
        self._inspector.forget(self.number)
        self.player.leave(self.number)

    def _has_updates(self) -> bool:
        return (
            self._looked_at() is not self._frame_record
            or self.player.history.next_index > self._told + 1
            or self._inspector.has_answer(self.number)
            or self._question() != self._asked
            or self.player.status(self.number) != self._status
        )

    def _looked_at(self) -> FrameRecord | None:
        history = self.player.history
        return history.newest if self._request.index is None else history.at(self._request.index)

    def _status_updates(self) -> list[Message]:
        before, self._status = self._status, self.player.status(self.number)
        return [pack("status", self._status)] if self._status != before else []

    def _trail_updates(self) -> list[Message]:
        history = self.player.history
        entries = list(history.trail(self._told + 1))
        if not entries:
            return []
        self._told = history.next_index - 1
        return [pack("trail", {"entries": entries, "oldest": history.oldest})]

    def _frame_updates(self) -> list[Message]:
        before, self._frame_record = self._frame_record, self._looked_at()
        if self._frame_record is None or self._frame_record is before:
            return []
        header = {**self._frame_record.facts, "live": self._request.index is None}
        return [pack("step", header, (*self._frame_record.pictures, self._frame_record.stack))]

    def _question(self) -> tuple[Any, ...]:
        """Return the request for the inspector; empty if there is none."""
        checkpoint, frame_record = self.player.checkpoint, self._looked_at()
        return (
            (checkpoint, frame_record, self._request) if checkpoint and frame_record and self._request.is_deep else ()
        )

    def _ask(self) -> None:
        before, self._asked = self._asked, self._question()
        if self._asked and self._asked != before:
            self._inspector.ask(self.number, *self._asked)


def dispatch(message: str | bytes, client: Client) -> None:
    """Execute a viewer's command.

    Raises:
        ConfigError: the message is not a valid command.
    """
    player, number = client.player, client.number
    match _parse(message):
        case {"do": "pause", "on": bool(on)}:
            player.pause(on)
        case {"do": "step", "action": int() | None as action}:
            player.step(number, action)
        case {"do": "next"}:
            player.next_game()
        case {"do": "speed", "value": int() | float() as speed}:
            player.set_speed(speed)
        case {"do": "epsilon", "value": int() | float() as epsilon}:
            player.set_epsilon(epsilon)
        case {"do": "take"}:
            player.take_over(number)
        case {"do": "hold", "action": int() | None as action}:
            player.hold(number, action)
        case {"do": "release"}:
            player.release(number)
        case {
            "do": "inspect",
            "index": int() | None as index,
            "maps": bool(maps),
            "saliency": "none" | "gradient" | "occlusion" as saliency,
            "action": int() | None as action,
        }:
            player.check_action(action)
            client.inspect(InspectRequest(index, maps, saliency, action))
        case _:
            raise ConfigError(f"expected a command of rlvision.watch.web.client, got {message[:80]!r}: reload the page")


def _parse(message: str | bytes) -> object:
    try:
        order: object = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected JSON, got {message[:80]!r} ({error}): reload the page") from error
    return order
