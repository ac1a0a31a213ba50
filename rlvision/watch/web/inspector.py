"""An inspector, which computes feature maps and saliency of a decision in its own thread."""

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
from rlvision.watch.web.history import FrameRecord
from rlvision.watch.web.protocol import pack
from rlvision.watch.web.weights import LoadedCheckpoint

Saliency = Literal["none", "gradient", "occlusion"]
SALIENCIES: dict[str, Callable[[QNetwork, UInt8Array, int], FloatArray]] = {
    "gradient": gradient_saliency,
    "occlusion": lambda network, observation, action: occlusion_saliency(network, observation, action, stride=STRIDE),
}
STRIDE = 7
"""Pixels between the places that occlusion blurs: half as many places as by default, to keep up with the game."""
MAX_MAPS = 64
"""Largest number of maps of a level on the page."""
LISTEN = 0.5
"""Seconds between two checks for the end."""


@dataclass(frozen=True, slots=True)
class InspectRequest:
    """The choices of a viewer.

    Attributes:
        index: of the decision; None: the newest.
        maps: whether feature maps are shown.
        saliency: the method, if any.
        action: whose Q-value the saliency explains; None: that of the decision.
    """

    index: int | None = None
    maps: bool = True
    saliency: Saliency = "none"
    action: int | None = None

    @property
    def is_deep(self) -> bool:
        """Whether feature maps or saliency must be computed."""
        return self.maps or self.saliency != "none"


def inspect(checkpoint: LoadedCheckpoint, frame_record: FrameRecord, request: InspectRequest) -> bytes:
    """Compute the message with the maps and the saliency that a viewer shows."""
    observation, action = (
        frame_record.observation[None],
        frame_record.action if request.action is None else request.action,
    )
    levels = feature_maps(checkpoint.network, observation) if request.maps else {}
    header: dict[str, Any] = {
        "index": frame_record.index,
        "levels": [{"name": name, "shape": maps[:MAX_MAPS].shape, "of": len(maps)} for name, maps in levels.items()],
        "saliency": request.saliency,
        "action": action,
        "env_steps": checkpoint.env_steps,
    }
    blobs = [np.rint(maps[:MAX_MAPS] * 127).astype(np.int8).tobytes() for maps in levels.values()]
    if request.saliency != "none":
        saliency = SALIENCIES[request.saliency](checkpoint.network, observation, action)
        header["shape"] = saliency.shape
        blobs.append(np.rint(saliency * 255).astype(np.uint8).tobytes())
    return pack("inspection", header, blobs)


class Inspector:
    """A thread's work: answer the viewers' requests one by one, with a pause as long as each took.

    The pauses leave the processor to the game.

    Args:
        changed: notified of each answer.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._questions: dict[int, tuple[LoadedCheckpoint, FrameRecord, InspectRequest]] = {}
        self._answers: dict[int, bytes] = {}
        self._inspect = lru_cache(maxsize=8)(inspect)  # several viewers ask the same

    def ask(
        self, viewer: int, checkpoint: LoadedCheckpoint, frame_record: FrameRecord, request: InspectRequest
    ) -> None:
        """Replace the viewer's last request by this one."""
        with self._changed:
            self._questions[viewer] = checkpoint, frame_record, request
            self._changed.notify_all()

    def answer(self, viewer: int) -> bytes | None:
        """Return the answer to the viewer's request once, or None if there is none."""
        return self._answers.pop(viewer, None)

    def has_answer(self, viewer: int) -> bool:
        """Return whether there is an answer for the viewer."""
        return viewer in self._answers

    def forget(self, viewer: int) -> None:
        """Drop the requests and answers of a viewer that has left."""
        with self._changed:
            self._questions.pop(viewer, None)
            self._answers.pop(viewer, None)

    def work(self, stop: threading.Event) -> None:
        """Answer requests until ``stop`` is set."""
        while not stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._questions or stop.is_set(), LISTEN)
                asked = dict(self._questions)
            for viewer, question in asked.items():
                started = time.monotonic()
                self._reply(viewer, question)
                stop.wait(time.monotonic() - started)

    def _reply(self, viewer: int, question: tuple[LoadedCheckpoint, FrameRecord, InspectRequest]) -> None:
        try:
            reply = self._inspect(*question)
        except Exception as error:  # from a user's network, or out of memory: the next request may succeed
            reply = pack("inspection", {"index": question[1].index, "problem": str(error)})
        with self._changed:
            if viewer in self._questions:  # otherwise it has left
                self._answers[viewer] = reply
            if self._questions.get(viewer) == question:  # otherwise it has asked another one
                del self._questions[viewer]
            self._changed.notify_all()
