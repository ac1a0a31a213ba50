"""Train a run, and continue one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rlvision.config.continuing import AUTO
from rlvision.core.devices import determinism
from rlvision.core.errors import ConfigError
from rlvision.core.memory import keep_freed_memory
from rlvision.core.paths import AnyPath
from rlvision.core.signals import interrupt_program
from rlvision.core.user_code import refuse_while_imported
from rlvision.core.wording import is_shell
from rlvision.runs import builders
from rlvision.runs.find import find_agent, find_run
from rlvision.runs.memory_estimate import estimate_memory
from rlvision.runs.python_settings import config_of
from rlvision.runs.reservation import reserved
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.session import Session
from rlvision.runs.weight_reader import read_old_weights
from rlvision.tracking.console import say
from rlvision.tracking.own_tracker import guard_trackers
from rlvision.training.callback_list import check_callbacks

if TYPE_CHECKING:
    from rlvision.config.schema import Config
    from rlvision.core.types import Tracker
    from rlvision.runs.python_settings import World
    from rlvision.training.callbacks import Callback


def train(
    world: World,
    settings: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    callbacks: Sequence[Callback] = (),
    trackers: Sequence[Tracker] = (),
    **changes: Any,
) -> Run:
    """Train, or continue the run in the folder ``out``, until it is finished or interrupted.

    Example::

        train("pong", env_steps=100_000)                          # a preset, or the name of a world
        train(Catch, agent={"n_step": 5}, network=MyEncoder)      # classes of your own
        train(lambda: Catch(size=7), preset="quick", out="runs/catch")

    Args:
        world: a preset or a world: by name, as an environment class, as a function that makes an environment, or as one
            environment; or a complete `Config`.
        settings: by dotted or nested name, as in `rlvision.load_config`.
        preset: the preset for the world; None: ``pixels``, or ``atari`` for Atari games.
        callbacks: called at the events of training; see `rlvision.Callback`.
        trackers: objects with ``log(metrics, env_steps)`` and ``close()`` that also get each row.
        changes: settings by keyword, which win over ``settings``: ``env_steps=1e6``, ``agent={"n_step": 5}``. A class
            or a name may stand for ``agent`` and ``network``.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when the run is saved; the same call continues it. SIGTERM ends the program,
            unless the program has a handler of its own.
        MemoryBudgetError: the run needs more memory than is free; nothing was created.
        RLVisionError: the settings cannot be used, or the folder has a run with other settings.
    """
    refuse_while_imported("trains")
    check_callbacks(callbacks)
    guarded = guard_trackers(trackers)
    load = partial(config_of, world, settings, preset, changes)
    is_auto = AUTO in (changes.get("out"), settings.get("out") if isinstance(settings, Mapping) else None)
    with reserved(load, is_auto=is_auto) as config:
        return _train(builders.complete(config), callbacks, guarded)


def _train(config: Config, callbacks: Sequence[Callback], trackers: Mapping[str, Tracker]) -> Run:
    if config.out is None:
        raise ConfigError("expected a run folder in config.out, got none: set out, or use rlvision.load_config")
    folder = RunFolder(
        Path(config.out).absolute(), config.checkpoint.keep, trusts=lambda agent: agent == config.agent.name
    )
    folder.check_writable()
    if folder.exists and (ended := folder.finished(config)):
        if config.tracking.console:
            say(ended)
        return Run(folder.path, weights="best", device=config.device, trust_imports=True)
    keep_freed_memory()
    torch.set_num_threads(config.threads or torch.get_num_threads())
    estimate = estimate_memory(config)
    estimate.check_available()
    env = builders.make_env(config, config.env.num_envs, split=not config.agent.uses_replay)
    read_weights = partial(read_old_weights, config, find_agent)
    with closing(env), determinism(config.deterministic):
        ended = Session(config, folder, env, estimate.summary(), read_weights, callbacks, trackers).run()
    if not is_shell():
        interrupt_program(ended)
    return Run(folder.path, weights="best", device=config.device, trust_imports=True)


def resume(
    folder: AnyPath,
    *,
    env_steps: int | None = None,
    trust_imports: bool = False,
    callbacks: Sequence[Callback] = (),
    trackers: Sequence[Tracker] = (),
) -> Run:
    """Continue a run with its own settings, perhaps to a new length; the rest is as in `Run` and `train`.

    Raises:
        RLVisionError: there is no run, it cannot be continued, or it would import code that is not trusted.
    """
    run = find_run(folder, trust_imports=trust_imports, trains=True)
    config = run.config()
    config = replace(config, out=str(run.path), env_steps=env_steps or config.env_steps)
    return train(config, callbacks=callbacks, trackers=trackers)
