"""Sweeps: runs of many settings on this machine."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.sweeps.results import Result as Result
    from rlvision.sweeps.results import summary_table as summary_table
    from rlvision.sweeps.runner import Runner as Runner
    from rlvision.sweeps.sweep_file import read_sweep as read_sweep
    from rlvision.sweeps.trials import make_trials as make_trials

__getattr__, __all__ = public_names(
    __name__,
    {
        "results": ["Result", "summary_table"],
        "runner": ["Runner"],
        "sweep_file": ["read_sweep"],
        "trials": ["make_trials"],
    },
)
