"""TensorBoard, an optional extra."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from rlvision.core.errors import MissingExtraError
from rlvision.core.files import open_to_read
from rlvision.core.folders import list_folder, make_folder
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import State, UInt8Array
from rlvision.tracking.foreign_metrics import NamesOf, in_words_of
from rlvision.tracking.trackers import Media

if TYPE_CHECKING:
    from torch.utils.tensorboard import FileWriter, SummaryWriter

FLUSH_SECONDS = 1
TENSORBOARD_FOLDER = "tensorboard"

_log = logging.getLogger("rlvision")


class TensorboardTracker:
    """A tracker that writes scalars, distributions and pictures, but no videos, into ``folder/tensorboard``.

    A continued run hides the rows after its checkpoint by TensorBoard's ``purge_step``. SIGKILL loses at most one
    second of rows. While the disk fails, rows are lost, and one warning says so.

    Args:
        folder: the run folder.
        names: words of the metrics.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: AnyPath, names: NamesOf = "rlvision") -> None:
        self._names = names
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"expected TensorBoard for tracking.tensorboard, got no module {error.name}: "
                "pip install 'rlvision[tensorboard]', or leave the setting out"
            ) from error
        self._make_writer = SummaryWriter
        self._folder = as_path(folder) / TENSORBOARD_FOLDER
        self._writer: SummaryWriter | None = None
        self._after = -1  # env steps of the last row
        self._warned = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Write a row as one event, which is ten times as fast as one event for each metric."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        row = in_words_of(self._names, metrics)
        points = [Summary.Value(tag=name, simple_value=float(value)) for name, value in row.items()]
        with self._warn_on_os_error():
            cast("FileWriter", self._open().file_writer).add_summary(Summary(value=points), env_steps)
        self._after = env_steps

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Write pictures and distributions."""
        with self._warn_on_os_error():
            writer = self._open()
            for name, item in media.items():
                if not isinstance(item, Path) and len(item):
                    writer.add_histogram(name, item, env_steps)
                elif isinstance(item, Path) and item.suffix == ".png":
                    writer.add_image(name, _picture(item), env_steps, dataformats="HWC")

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Do nothing: TensorBoard stores no files."""

    def state_dict(self) -> State:
        """Flush the rows to disk, and return the env steps of the last one."""
        if self._writer is not None:
            with self._warn_on_os_error():
                self._writer.flush()
        return {"env_steps": self._after}

    def load_state_dict(self, state: State) -> None:
        """Hide the rows later than ``state``."""
        self.close()
        self._after = int(state["env_steps"])

    def close(self) -> None:
        """Close the file; may be called twice."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._warn_on_os_error():
                writer.close()

    @contextmanager
    def _warn_on_os_error(self) -> Iterator[None]:
        """Warn once when the disk fails, and drop the writer, which would raise the same error again at every row."""
        try:
            yield
        except OSError as error:
            self._writer = None
            if not self._warned:
                _log.warning("expected to write to %s, got %s: rows are lost there", self._folder, error.strerror)
            self._warned = True

    def _open(self) -> "SummaryWriter":
        if self._writer is None:
            make_folder(self._folder)
            if not self._warned:  # while the disk fails, a file is opened for each row
                _wait_for_a_later_name(self._folder)
            self._writer = self._make_writer(
                self._folder,
                purge_step=self._after + 1,
                flush_secs=FLUSH_SECONDS,
                filename_suffix=f".{token_hex(8)}",  # nobody can plant a link at a name that is not predictable
            )
        return self._writer


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait until a new file is named after those in the folder: TensorBoard reads them in the order of their names.

    A name begins with the second in which its file was made. Within a second other numbers decide, which are compared
    as text, so that the tenth file of a process is read before the ninth.
    """
    while any(_second_of(file) == int(time.time()) for file in list_folder(folder, "events.out.tfevents.*")):
        time.sleep(0.05)


def _second_of(file: Path) -> int:
    second = file.name.split(".")[3]
    return int(second) if second.isdecimal() else 0


def _picture(path: Path) -> UInt8Array:
    """Read the pixels [H, W, 3] of a picture."""
    with open_to_read(path) as file, Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
