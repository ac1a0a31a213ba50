"""Training: the collector, the trainer, running metrics."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.training.collector import LARGE_REWARD as LARGE_REWARD
    from rlvision.training.collector import Collector as Collector
    from rlvision.training.collector import DiscountedReturns as DiscountedReturns
    from rlvision.training.collector import EpisodeStats as EpisodeStats
    from rlvision.training.trainer import Hooks as Hooks
    from rlvision.training.trainer import Trainer as Trainer
    from rlvision.training.trainer import TrainPlan as TrainPlan

__getattr__, __all__ = public_names(
    __name__,
    {
        "collector": ["LARGE_REWARD", "Collector", "DiscountedReturns", "EpisodeStats"],
        "trainer": ["Hooks", "TrainPlan", "Trainer"],
    },
)
