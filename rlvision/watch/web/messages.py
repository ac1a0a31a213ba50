"""What the page may ask for: one JSON object a message.

===========  =======================================  ==================================================
``do``       with                                     what
===========  =======================================  ==================================================
``pause``    ``on``                                   hold the game, or let it go on
``step``     ``action`` or null                       pause and make one decision
``next``                                              go to the next game
``speed``    ``value``                                times the game's own speed
``epsilon``  ``value``                                probability of a random action
``take``                                              take over
``hold``     ``action`` or null                       what the person does from now on
``give``                                              give the game back to the agent
``look``     ``index``, ``maps``, ``saliency``,       what this viewer sees; index null: the newest, action
             ``action``                               null: the one taken
===========  =======================================  ==================================================
"""

import json

from rlvision.core.errors import ConfigError
from rlvision.watch.web.client import Viewer
from rlvision.watch.web.inspector import Look


def obey(message: str | bytes, viewer: Viewer) -> None:
    """Do what a viewer asks for.

    Raises:
        ConfigError: it makes no sense.
    """
    player, number = viewer.player, viewer.number
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
        case {"do": "give"}:
            player.give_back(number)
        case {
            "do": "look",
            "index": int() | None as index,
            "maps": bool(maps),
            "saliency": "none" | "gradient" | "occlusion" as saliency,
            "action": int() | None as action,
        }:
            player.check_action(action)
            viewer.look(Look(index, maps, saliency, action))
        case _:
            raise ConfigError(
                f"expected an order of rlvision.watch.web.messages, got {message[:80]!r}: reload the page"
            )


def _parse(message: str | bytes) -> object:
    try:
        order: object = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected JSON, got {message[:80]!r}: {error}") from error
    return order
