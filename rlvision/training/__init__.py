"""Training: the collector, the trainer, running metrics."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.training.collector import Collector as Collector
    from rlvision.training.collector import DiscountedReturns as DiscountedReturns
    from rlvision.training.trainer import Hooks as Hooks
    from rlvision.training.trainer import Trainer as Trainer
    from rlvision.training.trainer import TrainPlan as TrainPlan

__getattr__, __all__ = public_names(
    __name__,
    {
        "collector": ["Collector", "DiscountedReturns"],
        "trainer": ["Hooks", "TrainPlan", "Trainer"],
    },
)
