"""What the network makes of a shot: computed beside the game, for those who look."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from rlvision.core.types import FloatArray, UInt8Array
from rlvision.features.maps import feature_maps
from rlvision.features.saliency import gradient_saliency, occlusion_saliency
from rlvision.nn.qnetwork import QNetwork
from rlvision.watch.web.history import Shot
from rlvision.watch.web.protocol import pack
from rlvision.watch.web.weights import Brain

Saliency = Literal["none", "gradient", "occlusion"]
SALIENCIES: dict[str, Callable[[QNetwork, UInt8Array, int], FloatArray]] = {
    "gradient": gradient_saliency,
    "occlusion": lambda network, observation, action: occlusion_saliency(network, observation, action, stride=STRIDE),
}
STRIDE = 7
"""Pixels between the places that occlusion blurs: half as many as usual, for it to keep up with the game."""
MOST_MAPS = 64
"""Of a level, on the page."""
LISTEN = 0.5
"""Seconds between two questions whether to stop."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a viewer looks at.

    Attributes:
        index: the decision; None: the newest.
        maps: whether the feature maps are wanted.
        saliency: which, if any.
        action: whose; None: that of the decision.
    """

    index: int | None = None
    maps: bool = True
    saliency: Saliency = "none"
    action: int | None = None

    @property
    def is_deep(self) -> bool:
        """Whether there is anything to compute."""
        return self.maps or self.saliency != "none"


def insight(brain: Brain, shot: Shot, look: Look) -> bytes:
    """The message with what the look asks for."""
    observation, action = shot.observation[None], shot.action if look.action is None else look.action
    levels = feature_maps(brain.network, observation) if look.maps else {}
    header: dict[str, Any] = {
        "index": shot.index,
        "levels": [{"name": name, "shape": maps[:MOST_MAPS].shape, "of": len(maps)} for name, maps in levels.items()],
        "saliency": look.saliency,
        "action": action,
        "env_steps": brain.env_steps,
    }
    blobs = [np.rint(maps[:MOST_MAPS] * 127).astype(np.int8).tobytes() for maps in levels.values()]
    if look.saliency != "none":
        saliency = SALIENCIES[look.saliency](brain.network, observation, action)
        header["shape"] = saliency.shape
        blobs.append(np.rint(saliency * 255).astype(np.uint8).tobytes())
    return pack("insight", header, blobs)


class Analyst:
    """Answers one question after the other; as long as it worked it rests, for the game's sake.

    Args:
        changed: notified when there is an answer.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._questions: dict[int, tuple[Brain, Shot, Look]] = {}
        self._answers: dict[int, bytes] = {}
        self._insight = lru_cache(maxsize=8)(insight)  # several viewers look at the same

    def ask(self, viewer: int, brain: Brain, shot: Shot, look: Look) -> None:
        """Put a question in the place of that viewer's last."""
        with self._changed:
            self._questions[viewer] = brain, shot, look
            self._changed.notify_all()

    def answer(self, viewer: int) -> bytes | None:
        """The message that viewer waits for, if it is there; given once."""
        return self._answers.pop(viewer, None)

    def has_answer(self, viewer: int) -> bool:
        """Whether it is there."""
        return viewer in self._answers

    def forget(self, viewer: int) -> None:
        """That viewer has left."""
        with self._changed:
            self._questions.pop(viewer, None)
            self._answers.pop(viewer, None)

    def work(self, stop: threading.Event) -> None:
        """Answer until somebody stops it."""
        while not stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._questions or stop.is_set(), LISTEN)
                asked = dict(self._questions)
            for viewer, question in asked.items():
                started = time.monotonic()
                self._reply(viewer, question)
                stop.wait(time.monotonic() - started)

    def _reply(self, viewer: int, question: tuple[Brain, Shot, Look]) -> None:
        try:
            reply = self._insight(*question)
        except Exception as error:  # a user's network may do whatever it does, or no memory be left: others ask, too
            reply = pack("insight", {"index": question[1].index, "problem": str(error)})
        with self._changed:
            if viewer in self._questions:  # else it has left
                self._answers[viewer] = reply
            if self._questions.get(viewer) == question:  # else it looks at something else by now
                del self._questions[viewer]
            self._changed.notify_all()
