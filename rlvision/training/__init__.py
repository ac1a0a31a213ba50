"""Training: the collector, the trainer, callbacks, running metrics."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.training.active_run import ActiveRun as ActiveRun
    from rlvision.training.callback_list import CallbackList as CallbackList
    from rlvision.training.callback_list import check_callbacks as check_callbacks
    from rlvision.training.callbacks import Callback as Callback
    from rlvision.training.callbacks import LogMetric as LogMetric
    from rlvision.training.callbacks import StopAtScore as StopAtScore
    from rlvision.training.collector import LARGE_REWARD as LARGE_REWARD
    from rlvision.training.collector import Collector as Collector
    from rlvision.training.collector import DiscountedReturns as DiscountedReturns
    from rlvision.training.collector import EpisodeStats as EpisodeStats
    from rlvision.training.plan import TrainPlan as TrainPlan
    from rlvision.training.trainer import Hooks as Hooks
    from rlvision.training.trainer import Trainer as Trainer

__getattr__, __all__ = public_names(
    __name__,
    {
        "active_run": ["ActiveRun"],
        "callback_list": ["CallbackList", "check_callbacks"],
        "callbacks": ["Callback", "LogMetric", "StopAtScore"],
        "collector": ["LARGE_REWARD", "Collector", "DiscountedReturns", "EpisodeStats"],
        "plan": ["TrainPlan"],
        "trainer": ["Hooks", "Trainer"],
    },
)
