"""Checkpoints: written beside, flushed, then renamed; checked when read; never unpickled."""

import hashlib
import io
import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlvision.core.errors import CheckpointError
from rlvision.core.files import PART, read_bytes, write_atomically
from rlvision.core.folders import list_folder, make_folder
from rlvision.core.types import State

VERSION = 2
LARGEST = 2**34
"""Bytes of a checkpoint."""

_MAGIC = b"rlvision-checkpoint\n"
_DIGEST_SIZE = 32
_log = logging.getLogger("rlvision")


def write_state(path: Path, state: State) -> None:
    """Write tensors and plain values with a checksum: ``magic, BLAKE2b digest, torch.save's bytes``."""
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **state}, buffer)
    payload = buffer.getvalue()
    write_atomically(path, _MAGIC + _digest(payload) + payload)


def read_state(path: Path) -> State:
    """Read what `write_state` wrote.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind or of another version.
    """
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        raise CheckpointError(f"expected a checkpoint at {path}, got {error.strerror}: check the path") from error
    head = len(_MAGIC) + _DIGEST_SIZE
    payload = content[head:]
    if content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : head] != _digest(payload):
        raise CheckpointError(f"expected an undamaged checkpoint at {path}, got other bytes: use an earlier one")
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"expected tensors and plain values in {path}, got something that would run code: do not trust it"
        ) from error
    except Exception as error:  # a checksum can be made to fit whatever there is, and torch then raises whatever
        raise CheckpointError(f"expected a checkpoint at {path}, got something else: do not trust it") from error
    return _of_this_version(state, path)


def _of_this_version(state: object, path: Path) -> State:
    version = state.get("version") if isinstance(state, dict) else None
    if not isinstance(state, dict) or version != VERSION:
        raise CheckpointError(
            f"expected a checkpoint of version {VERSION}, got version {version} at {path}: "
            "use the release of rlvision that wrote it"
        )
    return state


class CheckpointFolder:
    """The checkpoints of one run: the newest few by env steps, and the best by evaluation.

    ::

        checkpoints/000000050000.ckpt  000000100000.ckpt  best.ckpt  replay/
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.replay_folder = folder / "replay"
        self._keep = keep
        self._replays: dict[Path, Any] = {}  # what each checkpoint known says of the replay's files

    @property
    def best_path(self) -> Path:
        """Where the best weights are, once there was an evaluation."""
        return self.folder / "best.ckpt"

    def paths(self) -> list[Path]:
        """All checkpoints but the best, oldest first."""
        return list_folder(self.folder, "[0-9]*.ckpt")

    def save(self, env_steps: int, state: State) -> None:
        """Write a checkpoint; then delete those too many, those of a future given up, and what a kill left half-way."""
        make_folder(self.folder)
        path = self.folder / f"{env_steps:012d}.ckpt"
        write_state(path, state)
        self._replays[path] = state.get("replay")
        kept = [earlier for earlier in self.paths() if earlier <= path][-self._keep :]
        for left in {*self.paths(), *list_folder(self.folder, f".*{PART}")}.difference(kept):
            left.unlink()

    def save_best(self, state: State) -> None:
        """Write the best weights."""
        make_folder(self.folder)
        write_state(self.best_path, state)

    def load_newest(self, load_extra: Callable[[State], None] = lambda state: None) -> State | None:
        """The newest undamaged checkpoint, or None where there is none at all.

        Args:
            load_extra: loads what a checkpoint has in other files; one of which it cannot counts as damaged.

        Raises:
            CheckpointError: there are checkpoints, and every one of them is damaged.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                state = read_state(path)
                load_extra(state)
            except CheckpointError as error:
                _log.warning("%s", error)
            else:
                self._replays[path] = state.get("replay")
                return state
        if paths:
            raise CheckpointError(
                f"expected an undamaged checkpoint in {self.folder}, got {len(paths)} damaged: "
                "--checkpoint.replay=false does without a damaged replay; else start anew with another --out"
            )
        return None

    def quarantine_newer(self, env_steps: int) -> None:
        """Rename the checkpoints after ``env_steps`` to ``NAME.damaged``, so that nobody comes back to them."""
        for path in self.paths():
            if int(path.stem) > env_steps:
                path.replace(path.with_name(f"{path.name}.damaged"))

    def replays(self) -> list[Any]:
        """The entry ``replay`` of every checkpoint but the best; each is read from the disk at most once.

        Raises:
            CheckpointError: one of them is damaged.
        """
        for path in self.paths():
            if path not in self._replays:
                self._replays[path] = read_state(path).get("replay")
        return [self._replays[path] for path in self.paths()]


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST_SIZE).digest()


def require_like(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that are not, by name, shape and kind, those that a network takes.

    Args:
        tensors: as they came.
        expected: as the network has them; only their shapes and kinds are looked at.
        source: where they come from, for the error message.

    Raises:
        CheckpointError: names the first that differs.
    """
    for name in sorted({*tensors, *expected}):
        came, due = (describe_tensor(side.get(name)) for side in (tensors, expected))
        if came != due:
            raise CheckpointError(
                f"expected {name} in {source} to be {due}, got {came}: the file is not of the network it is given for"
            )


def describe_tensor(tensor: Tensor | None) -> str:
    """Return kind and shape of a tensor in words."""
    return "none" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
