"""rlvision: deep Q-learning from pixels.

::

    import rlvision

    run = rlvision.train("quick", env_steps=20_000)
    print(run.evaluate(games=10).mean)

==============================================  ========================================================
``train(world, ...)``, ``resume(folder)``       train an agent, or continue a run; return a `Run`
``load(agent)``                                 a trained agent: a run folder, an export or a bundled name
``Run``                                         acts, evaluates, watches, plots, replays and exports an agent
``make_env(world, num_envs)``                   a world as an agent sees it, by Gymnasium's interface
``load_config(preset, overrides)``, ``Config``  all settings of a run
``Callback``, ``StopAtScore``, ``LogMetric``    code of your own that a run calls at its events
``DN``                                          the network, as a `torch.nn.Module`
==============================================  ========================================================

Names are imported at their first use, so ``import rlvision`` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlvision.config.loading import load_config as load_config
    from rlvision.config.schema import Config as Config
    from rlvision.nn.dn import DN as DN
    from rlvision.runs.loading import load as load
    from rlvision.runs.pixel_envs import make_env as make_env
    from rlvision.runs.run import Run as Run
    from rlvision.runs.training import resume as resume
    from rlvision.runs.training import train as train
    from rlvision.training.callbacks import Callback as Callback
    from rlvision.training.callbacks import LogMetric as LogMetric
    from rlvision.training.callbacks import StopAtScore as StopAtScore

    __version__: str

_HOME = {
    "Callback": "rlvision.training.callbacks",
    "Config": "rlvision.config.schema",
    "DN": "rlvision.nn.dn",
    "LogMetric": "rlvision.training.callbacks",
    "Run": "rlvision.runs.run",
    "StopAtScore": "rlvision.training.callbacks",
    "load": "rlvision.runs.loading",
    "load_config": "rlvision.config.loading",
    "make_env": "rlvision.runs.pixel_envs",
    "resume": "rlvision.runs.training",
    "train": "rlvision.runs.training",
}

__all__ = [
    "DN",
    "Callback",
    "Config",
    "LogMetric",
    "Run",
    "StopAtScore",
    "load",
    "load_config",
    "make_env",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("rlvision")
    if name not in _HOME:
        raise AttributeError(f"module 'rlvision' has no attribute {name!r}: it has {', '.join(_HOME)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__")), "__version__"])
