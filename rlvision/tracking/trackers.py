"""Several trackers as one."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, runtime_checkable

from rlvision.core.types import FloatArray, State, Stateful, Tracker

Media = Path | FloatArray
"""A picture (.png) or video (.mp4) by its file, or numbers [n] whose distribution is of interest."""


@runtime_checkable
class MediaTracker(Protocol):
    """A tracker that also takes what is no number."""

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Pictures, videos and distributions by name, to be seen with the row that comes next."""

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Store a version of some files, by their names in it, until there is a newer one called ``name``."""


class MultiTracker:
    """Hands every row to each of its trackers, in their order; an empty group tracks nothing.

    Args:
        trackers: name -> tracker; a checkpoint keeps the states of those that have one by name, so
            that a run may be continued with more trackers or fewer.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._trackers = dict(trackers)

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """One row of metrics, to all."""
        for tracker in self._trackers.values():
            tracker.log(metrics, env_steps)

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Pictures, videos and distributions, to those that take them."""
        for media_tracker in self._media_trackers():
            media_tracker.log_media(media, env_steps)

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Files to store, to those that take them."""
        for media_tracker in self._media_trackers():
            media_tracker.log_artifact(name, files)

    def state_dict(self) -> State:
        """Name -> state, of the trackers that have one."""
        return {name: tracker.state_dict() for name, tracker in self._stateful().items()}

    def load_state_dict(self, state: State) -> None:
        """Load what ``state`` has of these trackers; the others stay as they are."""
        for name, tracker in self._stateful().items():
            if name in state:
                tracker.load_state_dict(state[name])

    def close(self) -> None:
        """Close all, the later ones also when an earlier one fails; may be called twice."""
        with ExitStack() as stack:  # unwinds the last one first
            for tracker in reversed(self._trackers.values()):
                stack.callback(tracker.close)

    def _stateful(self) -> dict[str, Stateful]:
        return {name: tracker for name, tracker in self._trackers.items() if isinstance(tracker, Stateful)}

    def _media_trackers(self) -> list[MediaTracker]:
        return [tracker for tracker in self._trackers.values() if isinstance(tracker, MediaTracker)]
