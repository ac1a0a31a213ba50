"""rlvision: deep Q-learning from pixels.

::

    import rlvision

    run = rlvision.train(rlvision.load_config("quick", {"env_steps": 20_000}))
    print(run.evaluate(games=10).mean)

Names are imported when they are first used, so that ``import rlvision`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlvision.config import Config as Config
    from rlvision.nn.dn import DN as DN
    from rlvision.run import Run as Run
    from rlvision.run import train as train
    from rlvision.settings.store import load_config as load_config

_HOME = {
    "Config": "rlvision.config",
    "DN": "rlvision.nn.dn",
    "Run": "rlvision.run",
    "load_config": "rlvision.settings.store",
    "train": "rlvision.run",
}

__all__ = ["DN", "Config", "Run", "load_config", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rlvision' has no attribute {name!r}: it has {', '.join(_HOME)}")
    return getattr(import_module(_HOME[name]), name)
