"""Train a run, and continue one."""

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from rlvision.config.schema import Config
from rlvision.core.devices import determinism
from rlvision.core.errors import ConfigError
from rlvision.core.memory import keep_freed_memory
from rlvision.runs import builders
from rlvision.runs.find import find_agent, find_run
from rlvision.runs.memory_estimate import estimate_memory
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.session import Session
from rlvision.runs.weight_reader import read_old_weights
from rlvision.tracking.console import say


def train(config: Config) -> Run:
    """Train, or continue the run in ``config.out``, until it is finished or interrupted.

    Raises:
        MemoryBudgetError: the run needs more memory than is free; nothing was created.
        RLVisionError: the settings cannot be used, or the folder has a run with other settings.
    """
    config = builders.complete(config)
    if config.out is None:
        raise ConfigError("expected a run folder in config.out, got none: set out, or use rlvision.load_config")
    folder = RunFolder(
        Path(config.out).absolute(), config.checkpoint.keep, trusts=lambda agent: agent == config.agent.name
    )
    folder.check_writable()
    if folder.exists and (ended := folder.finished(config)):
        say(ended)
        return Run(folder.path, weights="best", device=config.device, trust_imports=True)
    keep_freed_memory()
    torch.set_num_threads(config.threads or torch.get_num_threads())
    estimate = estimate_memory(config)
    estimate.check_available()
    env = builders.make_env(config, config.env.num_envs, split=not config.agent.uses_replay)
    with closing(env), determinism(config.deterministic):
        Session(config, folder, env, estimate.summary(), partial(read_old_weights, config, find_agent)).run()
    return Run(folder.path, weights="best", device=config.device, trust_imports=True)


def resume(folder: str | Path, *, env_steps: int | None = None, trust_imports: bool = False) -> Run:
    """Continue a run with its own settings, perhaps to a new length; ``trust_imports`` is as in `Run`.

    Raises:
        RLVisionError: there is no run, it cannot be continued, or it would import code that is not trusted.
    """
    run = find_run(Path(folder), trust_imports=trust_imports, trains=True)
    config = run.config()
    return train(replace(config, out=str(run.path), env_steps=env_steps or config.env_steps))
