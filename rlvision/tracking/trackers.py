"""A tracker that combines several trackers, and the protocol for media."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, runtime_checkable

from rlvision.core.types import FloatArray, State, Stateful, Tracker

Media = Path | FloatArray
"""The file of a picture (.png), a video (.mp4) or a page (.html), or numbers [n] to show as a distribution."""


@runtime_checkable
class MediaTracker(Protocol):
    """A tracker that also takes media and files."""

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Log pictures, videos and distributions by name, together with the next row."""

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Store files, by their names within the artifact, as the newest version called ``name``."""


class MultiTracker:
    """A tracker that passes every row to each of its trackers, in their order; there may be none.

    Args:
        trackers: name -> tracker; a checkpoint keeps states by name, so that a run may continue
            with more trackers or fewer.
    """

    def __init__(self, trackers: Mapping[str, Tracker]) -> None:
        self._trackers = dict(trackers)

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Pass a row of metrics to all trackers."""
        for tracker in self._trackers.values():
            tracker.log(metrics, env_steps)

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Pass pictures, videos and distributions to the trackers that take them."""
        for media_tracker in self._media_trackers():
            media_tracker.log_media(media, env_steps)

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Pass files to the trackers that store them."""
        for media_tracker in self._media_trackers():
            media_tracker.log_artifact(name, files)

    def state_dict(self) -> State:
        """Return name -> state of the trackers that have a state."""
        return {name: tracker.state_dict() for name, tracker in self._stateful().items()}

    def load_state_dict(self, state: State) -> None:
        """Restore the trackers that ``state`` holds; the others stay unchanged."""
        for name, tracker in self._stateful().items():
            if name in state:
                tracker.load_state_dict(state[name])

    def close(self) -> None:
        """Close all trackers, even if one of them fails; may be called twice."""
        with ExitStack() as stack:  # closes in reverse order of registration
            for tracker in reversed(self._trackers.values()):
                stack.callback(tracker.close)

    def _stateful(self) -> dict[str, Stateful]:
        return {name: tracker for name, tracker in self._trackers.items() if isinstance(tracker, Stateful)}

    def _media_trackers(self) -> list[MediaTracker]:
        return [tracker for tracker in self._trackers.values() if isinstance(tracker, MediaTracker)]
