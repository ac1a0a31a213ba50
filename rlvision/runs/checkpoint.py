"""Checkpoints: written atomically, verified by a checksum when read, and never unpickled."""

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
from rlvision.core.wording import as_written, shown

VERSION = 2
LARGEST = 2**34
"""Maximum size of a checkpoint in bytes."""

_MAGIC = b"rlvision-checkpoint\n"
_DIGEST_SIZE = 32
_log = logging.getLogger("rlvision")


def write_state(path: Path, state: State) -> None:
    """Write tensors and plain values as ``magic, BLAKE2b digest, bytes of torch.save``."""
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **state}, buffer)
    payload = buffer.getvalue()
    write_atomically(path, _MAGIC + _digest(payload) + payload)


def read_state(path: Path) -> State:
    """Read a file of `write_state`, and verify its checksum and version.

    Raises:
        CheckpointError: the file is missing, damaged, or of another kind or version.
    """
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        raise CheckpointError(
            f"expected a checkpoint at {shown(path)}, got {error.strerror}: check the path"
        ) from error
    head = len(_MAGIC) + _DIGEST_SIZE
    payload = content[head:]
    if content[: len(_MAGIC)] != _MAGIC or content[len(_MAGIC) : head] != _digest(payload):
        raise CheckpointError(f"expected an undamaged checkpoint at {shown(path)}, got other bytes: use an earlier one")
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"expected tensors and plain values in {shown(path)}, got something that would run code: do not trust it"
        ) from error
    except Exception as error:  # a forged file may have a valid checksum, and torch may then raise anything
        raise CheckpointError(f"expected a checkpoint at {shown(path)}, got something else: do not trust it") from error
    return _require_version(state, path)


def _require_version(state: object, path: Path) -> State:
    version = state.get("version") if isinstance(state, dict) else None
    if not isinstance(state, dict) or version != VERSION:
        raise CheckpointError(
            f"expected a checkpoint of version {VERSION}, got version {version} at {shown(path)}: "
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
        self._replays: dict[Path, Any] = {}  # the entry "replay" of each checkpoint that was read or written

    @property
    def best_path(self) -> Path:
        """Return the path of the best weights, which exist after the first evaluation."""
        return self.folder / "best.ckpt"

    def paths(self) -> list[Path]:
        """Return all checkpoints except the best, oldest first."""
        return list_folder(self.folder, "[0-9]*.ckpt")

    def save(self, env_steps: int, state: State) -> Path:
        """Write a checkpoint. Then delete surplus ones, those of more env steps, and files of killed processes.

        Returns:
            Its path.
        """
        make_folder(self.folder)
        path = self.folder / f"{env_steps:012d}.ckpt"
        write_state(path, state)
        self._replays[path] = state.get("replay")
        kept = [earlier for earlier in self.paths() if earlier <= path][-self._keep :]
        for surplus in {*self.paths(), *list_folder(self.folder, f".*{PART}")}.difference(kept):
            surplus.unlink()
        return path

    def save_best(self, state: State) -> None:
        """Write the best weights."""
        make_folder(self.folder)
        write_state(self.best_path, state)

    def load_newest(self, load_extra: Callable[[State], None] = lambda state: None) -> State | None:
        """Read the newest undamaged checkpoint; return None if there are no checkpoints.

        Args:
            load_extra: loads the other files of a checkpoint; if it raises CheckpointError, the checkpoint counts as
                damaged.

        Raises:
            CheckpointError: all checkpoints are damaged.
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
                f"expected an undamaged checkpoint in {self.folder}, got {len(paths)} damaged: set "
                f"{as_written('checkpoint.replay', False)} if there is a replay and only that is damaged, or "
                f"start again with another {as_written('out')}"
            )
        return None

    def quarantine_newer(self, env_steps: int) -> None:
        """Rename the checkpoints after ``env_steps`` to ``NAME.damaged``, so that none of them is loaded later."""
        for path in self.paths():
            if int(path.stem) > env_steps:
                path.replace(path.with_name(f"{path.name}.damaged"))

    def replays(self) -> list[Any]:
        """Return the entry ``replay`` of every checkpoint except the best; each file is read at most once.

        Raises:
            CheckpointError: a checkpoint is damaged.
        """
        for path in self.paths():
            if path not in self._replays:
                self._replays[path] = read_state(path).get("replay")
        return [self._replays[path] for path in self.paths()]


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST_SIZE).digest()


def require_like(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that do not have the names, shapes and types of a network's.

    Args:
        tensors: from a file.
        expected: those of the network; only their shapes and types matter.
        source: origin of the tensors, for the error message.

    Raises:
        CheckpointError: the message names the first tensor that differs.
    """
    for name in sorted({*tensors, *expected}):
        found, wanted = (describe_tensor(side.get(name)) for side in (tensors, expected))
        if found != wanted:
            raise CheckpointError(
                f"expected {name} in {source} to be {wanted}, got {found}: use the file that belongs to this network"
            )


def describe_tensor(tensor: Tensor | None) -> str:
    """Return the type and shape of a tensor for a message, such as "float32 [16, 4, 5, 5]"."""
    return "none" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
