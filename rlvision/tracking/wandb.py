"""Weights & Biases, as a guest that never disturbs training."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from rlvision.types import State

if TYPE_CHECKING:
    from wandb import Run

Mode = Literal["auto", "online", "offline", "disabled"]
"""auto: WANDB_MODE where it is set, else online where a key is configured, else offline."""

CONNECT_SECONDS = 20.0
UPLOAD_SECONDS = 60.0
FLUSH_SECONDS = 1.0

_log = logging.getLogger(__name__)


class WandbTracker:
    """Sends every row to a W&B run, online or into an offline file for ``wandb sync``.

    It never asks for a key, waits for the network only for so long, and never raises: what fails is
    warned of once, and training and the other trackers go on. Where a run cannot be begun online it
    is begun offline. Rows carry their ``env_steps``, which every chart has on its x-axis; W&B's own
    step is left alone, because it drops rows that go back. At most a second of rows is lost to SIGKILL.

    The run begins with the first row, so that a checkpoint loaded before it decides which run goes on.

    Args:
        mode: see `Mode`.
        folder: the run folder; W&B's files go to ``folder/wandb``.
        config: the resolved configuration, nested.
        project: name of the project.
        entity: user or team; the key's default if None.
        name: name of the run; W&B invents one if None.
        group: what the run is compared with: runs of one group differ in their seed.
        tags: words to find the run by.
        notes: a longer description.
        run_id: the run to continue; a new one if None.
    """

    def __init__(
        self,
        mode: Mode,
        folder: Path,
        config: Mapping[str, Any],
        project: str = "rlvision",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: tuple[str, ...] = (),
        notes: str | None = None,
        run_id: str | None = None,
    ) -> None:
        self._mode = mode
        self._folder = folder
        self._about: dict[str, Any] = {
            "config": dict(config),
            "project": project,
            "entity": entity,
            "name": name,
            "group": group,
            "tags": tags,
            "notes": notes,
        }
        self.run_id = run_id or uuid4().hex[:8]
        self._run: Run | None = None
        self._begun = mode == "disabled"
        self._warned = False

    def log(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """One row; the first one begins the run, which may take `CONNECT_SECONDS`."""
        if not self._begun:
            self._begun = True
            self._run = self._begin()
        if self._run is not None:
            self._try_to_log(self._run, {"env_steps": env_steps, **metrics})

    def state_dict(self) -> State:
        """Which run it is: online, the continued training goes on in it."""
        return {"run_id": self.run_id}

    def load_state_dict(self, state: State) -> None:
        """Continue the run of ``state``; to be called before the first row."""
        self.run_id = str(state["run_id"])

    def close(self) -> None:
        """Finish the run, waiting `UPLOAD_SECONDS` at most, and end W&B's process; may be called twice."""
        if not self._begun or self._mode == "disabled":
            return
        import wandb

        run, self._run = self._run, None
        try:
            if run is not None:
                run.finish()
            wandb.teardown()
        except Exception as error:  # what W&B may raise is not documented, and none of it is worth a run
            self._warn(f"could not finish its run ({error}); `wandb sync {self._folder / 'wandb'}/*run-*` uploads it")

    def _begin(self) -> "Run | None":
        """The run, in the wanted mode or else offline, or None where not even that works."""
        import wandb

        for mode in self._modes():
            try:
                return self._init(mode)
            except Exception as error:
                self._warn(f"could not begin an {mode} run ({_first_line(error)})")
                wandb.teardown()  # or the failed run keeps its id in use
        return None

    def _modes(self) -> tuple[Literal["online", "offline", "disabled"], ...]:
        """What to try, in this order."""
        wanted = os.environ.get("WANDB_MODE", "online") if self._mode == "auto" else self._mode
        if wanted == "disabled":
            return ("disabled",)
        if wanted == "offline" or not self._has_key():
            return ("offline",)
        return ("online", "offline")

    def _has_key(self) -> bool:
        """Whether a key is configured, in the environment, in a netrc file or in W&B's settings."""
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
        self._folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(**self._about, mode=mode, dir=self._folder, id=self.run_id, resume="allow", settings=settings)
        run.define_metric("*", step_metric="env_steps")
        return run

    def _try_to_log(self, run: "Run", row: dict[str, float]) -> None:
        try:
            run.log(row)
        except Exception as error:
            self._warn(f"dropped a row ({_first_line(error)})")

    def _warn(self, what: str) -> None:
        """The first thing that goes wrong is said; the rest would only repeat it."""
        if not self._warned:
            self._warned = True
            _log.warning("W&B %s: training goes on, and metrics.jsonl is complete", what)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
