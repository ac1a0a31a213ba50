"""Weights & Biases; its failures never interrupt training."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np

from rlvision.core.files import path_exists, read_text, write_atomically
from rlvision.core.folders import make_folder
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import State
from rlvision.tracking.foreign_metrics import WORDS, NamesOf, in_words_of
from rlvision.tracking.jsonl import read_metrics
from rlvision.tracking.metrics import BEST_IS_HIGHEST
from rlvision.tracking.trackers import Media
from rlvision.tracking.wandb_files import require_no_links, rows_on_disk
from rlvision.tracking.wandb_variables import spell_mode

if TYPE_CHECKING:
    from wandb import Run

Mode = Literal["auto", "online", "offline", "disabled"]
"""auto follows WANDB_MODE or W&B's saved settings; without these it is online if a key is configured, else offline."""

CONNECT_SECONDS = 10.0
UPLOAD_SECONDS = 60.0
FLUSH_SECONDS = 1.0
BINS = 64
"""Bins of a histogram."""
WANDB_FOLDER = "wandb"
LONGEST_ID = 1_000

_log = logging.getLogger(__name__)


class WandbTracker:
    """A tracker that mirrors ``metrics.jsonl`` in a W&B run, online or in an offline file for ``wandb sync``.

    It never asks for a key, never waits long for the network, and never raises: a failure is warned of
    once, and training and the other trackers continue. If a run cannot start online, it
    starts offline. Charts have ``env_steps`` on their x-axis.

    W&B's own step is the number of the row, so its last step tells how many rows W&B has. A continued run does not
    send those again. Rows that W&B lacks (from the second before a kill, or from a time without network) are sent
    from the file::

        metrics.jsonl, cut to the checkpoint    0 1 2 3 4 5
        W&B has                                 0 1 2 3 4 5 6 7     6 and 7 are played again, and not sent again
        or, after a power cut,                  0 1 2 3             4 and 5 are sent from the file

    The W&B run starts with the first row, so that a checkpoint loaded before it can choose the run to continue.

    Args:
        mode: see `Mode`.
        folder: the run folder; W&B's files go to ``folder/wandb``.
        config: the resolved configuration, nested; W&B also gets it with dotted names, as sweeps write them.
        about: further arguments of ``wandb.init``: project, entity, name, group, tags, job_type, notes.
        run_id: the run to continue; by default the W&B agent's, else the folder's, else a new one.
        names: words of the metrics.
    """

    def __init__(
        self,
        mode: Mode,
        folder: AnyPath,
        config: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        names: NamesOf = "rlvision",
    ) -> None:
        spell_mode()
        self._mode = mode
        self._folder = as_path(folder)
        self._names = names
        self._about = {"config": {**config, **flat(config)}, **(about or {})}
        self._id_path = self._folder / WANDB_FOLDER / "run-id"
        self.run_id = run_id or os.environ.get("WANDB_RUN_ID") or _read(self._id_path) or uuid4().hex[:8]
        self._rows = 0  # logged by the training run
        self._sent = 0  # rows that W&B has
        self._pending_media: dict[str, Media] = {}  # for the next row
        self._run: Run | None = None
        self._begun = mode == "disabled"
        self._warned = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Send a row; the first one starts the W&B run, which may take `CONNECT_SECONDS`."""
        self._begin_once()
        if self._run is not None and self._rows >= self._sent:
            self._send(self._run, self._rows, {"env_steps": env_steps, **metrics})
        self._rows += 1
        self._pending_media.clear()

    def log_media(self, media: Mapping[str, Media], env_steps: int) -> None:
        """Keep media for the next row; if no row follows, `close` puts them into the run's summary."""
        self._pending_media.update(media)

    def log_artifact(self, name: str, files: Mapping[str, Path]) -> None:
        """Store files as a version of the run's artifact, under the alias ``name``; W&B copies them at once."""
        self._begin_once()
        if (run := self._run) is not None:
            place = self._folder / WANDB_FOLDER
            self._attempt(f"could not keep the files of {name}", lambda: _store(run, name, files, place))

    def state_dict(self) -> State:
        """Return the id of the W&B run and the number of logged rows."""
        return {"run_id": self.run_id, "rows": self._rows}

    def load_state_dict(self, state: State) -> None:
        """Continue the run of ``state``; call this before the first row."""
        self.run_id, self._rows = str(state["run_id"]), int(state["rows"])

    def close(self) -> None:
        """Finish the run within `UPLOAD_SECONDS`, and end W&B's process; may be called twice."""
        if not self._begun or self._mode == "disabled":
            return
        import wandb

        run, self._run = self._run, None
        if run is not None:
            media = self._media()
            self._attempt("could not show all media", lambda: run.summary.update(media))
            self._finish(run)
        self._attempt("could not end its process", wandb.teardown)

    def _finish(self, run: "Run") -> None:
        begun, remedy = time.monotonic(), f"`wandb sync {quote(str(self._folder / 'wandb'))}/*run-*` uploads it"
        self._attempt("could not finish its run", run.finish, remedy)
        if time.monotonic() - begun >= UPLOAD_SECONDS:  # finish() gives up without an error
            self._warn("could not upload all of its run", remedy)

    def _begin_once(self) -> None:
        if not self._begun:
            self._begun = True
            self._run = self._begin()

    def _begin(self) -> "Run | None":
        """Start the W&B run in the wanted mode, else offline; return None if neither works."""
        import wandb

        for mode in self._modes():
            try:
                run = self._init(mode)
                self._catch_up(run, mode)
                return run
            except Exception as error:  # W&B does not document its errors, and none of them may end training
                self._warn(f"could not start an {mode} run ({_first_line(error)})")
                wandb.teardown()  # else the failed run keeps its id in use
        return None

    def _modes(self) -> tuple[Literal["online", "offline", "disabled"], ...]:
        """Return the modes to try, in this order."""
        wanted = self._wanted() if self._mode == "auto" else self._mode
        if wanted == "disabled":
            return ("disabled",)
        if wanted in ("offline", "dryrun") or not self._has_key():
            return ("offline",)
        return ("online", "offline")

    def _wanted(self) -> str:
        """Return the mode of WANDB_MODE, or the one saved by ``wandb offline`` or ``wandb disabled``; else online."""
        import wandb

        try:
            return wandb.setup(settings=wandb.Settings(silent=True)).settings.mode
        except Exception as error:
            self._warn(f"could not read its settings ({_first_line(error)})")
            return "offline"

    def _has_key(self) -> bool:
        """Return whether a key is configured in the environment, in a netrc file or in W&B's settings."""
        import wandb

        try:
            wandb.setup(settings=wandb.Settings(silent=True, mode="online"))
            found = wandb.login(prompt=False, verify=False)
        except Exception as error:
            self._warn(f"could not use the configured key ({_first_line(error)})")
            return False
        if not found and self._mode == "online":
            self._warn("has no key to go online with (`wandb login` stores one)")
        return found

    def _init(self, mode: Literal["online", "offline", "disabled"]) -> "Run":
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=CONNECT_SECONDS,
            finish_timeout=UPLOAD_SECONDS,
            x_transaction_log_flush_interval=FLUSH_SECONDS,
        )
        make_folder(self._id_path.parent)
        require_no_links(self._id_path.parent)
        run = wandb.init(**self._about, mode=mode, dir=self._folder, id=self.run_id, resume="allow", settings=settings)
        run.define_metric("*", step_metric="env_steps")
        for name in BEST_IS_HIGHEST:
            run.define_metric(WORDS[self._names].get(name, name), step_metric="env_steps", summary="max,last")
        return run

    def _catch_up(self, run: "Run", mode: str) -> None:
        """Count the rows that W&B has, and send the rows of the file that it lacks."""
        if mode == "disabled":
            return
        self.run_id = run.id
        self._sent = run.step if mode == "online" else rows_on_disk(self._id_path.parent, self.run_id)
        write_atomically(self._id_path, self.run_id.encode())
        if self._sent < self._rows:
            for number, row in enumerate(read_metrics(self._folder)[self._sent : self._rows], start=self._sent):
                self._send(run, number, row)

    def _send(self, run: "Run", number: int, row: Mapping[str, float]) -> None:
        shown = {**in_words_of(self._names, row), **self._media()}
        self._attempt("dropped a row", lambda: run.log(shown, step=number, commit=True))

    def _media(self) -> dict[str, Any]:
        """Convert the media of the next row to W&B's types, and leave out those that fail."""
        media: dict[str, Any] = {}

        def take(name: str, item: Media) -> None:
            media[name] = _to_wandb(item)

        for name, item in self._pending_media.items():
            self._attempt(f"could not show {name}", partial(take, name, item))
        return media

    def _attempt(self, failure: str, action: Callable[[], object], remedy: str = "") -> None:
        try:
            action()
        except Exception as error:
            self._warn(f"{failure} ({_first_line(error)})", remedy)

    def _warn(self, what: str, remedy: str = "") -> None:
        """Warn of the first failure only; later ones would repeat it."""
        if not self._warned:
            self._warned = True
            end = f"; {remedy}" if remedy else ""
            _log.warning("W&B %s: training goes on, and metrics.jsonl is complete%s", what, end)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten a configuration to dotted names: ``{"agent": {"double": True}}`` becomes ``{"agent.double": True}``."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        is_group = isinstance(value, Mapping) and value
        leaves |= flat(value, f"{prefix}{name}.") if is_group else {prefix + name: value}
    return leaves


def _to_wandb(item: Media) -> Any:
    """Convert media to W&B's types: videos, pictures and pages by file, distributions to histograms."""
    import wandb

    if not isinstance(item, Path):
        return wandb.Histogram(np_histogram=np.histogram(item, bins=BINS))
    if item.suffix == ".html":
        return wandb.Html(item, inject=False)  # W&B's injected style would need the network
    return wandb.Image(str(item)) if item.suffix == ".png" else wandb.Video(str(item))


def _store(run: "Run", alias: str, files: Mapping[str, Path], data_folder: Path) -> None:
    import wandb

    with _data_in(data_folder):
        artifact = wandb.Artifact(f"agent-{run.id}", type="model")
        for name, path in files.items():
            artifact.add_file(str(path), name=name, skip_cache=True)
        run.log_artifact(artifact, aliases=[alias])


@contextmanager
def _data_in(folder: Path) -> Iterator[None]:
    """Make W&B stage its uploads in ``folder`` instead of the home folder, unless the user has set WANDB_DATA_DIR."""
    is_ours = "WANDB_DATA_DIR" not in os.environ
    if is_ours:
        os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        if is_ours:
            del os.environ["WANDB_DATA_DIR"]


def _read(path: Path) -> str | None:
    return read_text(path, LONGEST_ID).strip() if path_exists(path) else None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
