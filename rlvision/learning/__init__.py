"""Learning: what agents share, from the gradient step to its targets, losses, policies and schedules."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.learning.agent import Setup as Setup
    from rlvision.learning.agent import make_network as make_network
    from rlvision.learning.agent import make_replay as make_replay
    from rlvision.learning.agent import playing_q_function as playing_q_function
    from rlvision.learning.agent import replay_agent as replay_agent
    from rlvision.learning.agent import reward_transform as reward_transform
    from rlvision.learning.agent import rollout_agent as rollout_agent
    from rlvision.learning.augmentation import RandomShift as RandomShift
    from rlvision.learning.finite_checks import require_finite as require_finite
    from rlvision.learning.finite_checks import require_finite_weights as require_finite_weights
    from rlvision.learning.learner import QLearner as QLearner
    from rlvision.learning.legal_values import LegalValues as LegalValues
    from rlvision.learning.losses import ELEMENTWISE_LOSSES as ELEMENTWISE_LOSSES
    from rlvision.learning.losses import TDLoss as TDLoss
    from rlvision.learning.losses import TDRule as TDRule
    from rlvision.learning.losses import check_quantiles as check_quantiles
    from rlvision.learning.losses import double_q_target as double_q_target
    from rlvision.learning.losses import huber as huber
    from rlvision.learning.losses import lambda_returns as lambda_returns
    from rlvision.learning.losses import mse as mse
    from rlvision.learning.losses import of_action as of_action
    from rlvision.learning.losses import online_selector as online_selector
    from rlvision.learning.losses import q_target as q_target
    from rlvision.learning.losses import quantile_huber as quantile_huber
    from rlvision.learning.losses import quantile_targets as quantile_targets
    from rlvision.learning.losses import target_selector as target_selector
    from rlvision.learning.optimisers import STATES as STATES
    from rlvision.learning.optimisers import decay_groups as decay_groups
    from rlvision.learning.optimisers import make_optimiser as make_optimiser
    from rlvision.learning.policies import EpsilonGreedy as EpsilonGreedy
    from rlvision.learning.policies import NoisyGreedy as NoisyGreedy
    from rlvision.learning.policies import PersistentEpsilonGreedy as PersistentEpsilonGreedy
    from rlvision.learning.policies import Softmax as Softmax
    from rlvision.learning.registry import Algorithm as Algorithm
    from rlvision.learning.registry import agent_names as agent_names
    from rlvision.learning.registry import default_settings as default_settings
    from rlvision.learning.registry import find_agent as find_agent
    from rlvision.learning.rollout import RecordingPolicy as RecordingPolicy
    from rlvision.learning.rollout import RolloutBuffer as RolloutBuffer
    from rlvision.learning.rollout import rollout_bytes as rollout_bytes
    from rlvision.learning.schedules import Constant as Constant
    from rlvision.learning.schedules import Cosine as Cosine
    from rlvision.learning.schedules import Every as Every
    from rlvision.learning.schedules import Geometric as Geometric
    from rlvision.learning.schedules import Linear as Linear
    from rlvision.learning.schedules import Then as Then
    from rlvision.learning.schedules import WarmUp as WarmUp
    from rlvision.learning.settings import AgentSettings as AgentSettings
    from rlvision.learning.settings import ExplorationSettings as ExplorationSettings
    from rlvision.learning.settings import OptimiserSettings as OptimiserSettings
    from rlvision.learning.settings import QLearningSettings as QLearningSettings
    from rlvision.learning.settings import ReturnSettings as ReturnSettings
    from rlvision.learning.settings import RolloutSettings as RolloutSettings
    from rlvision.learning.targets import CrossQTargets as CrossQTargets
    from rlvision.learning.targets import NoTargets as NoTargets
    from rlvision.learning.targets import TargetNetwork as TargetNetwork
    from rlvision.learning.targets import Values as Values
    from rlvision.learning.targets import make_targets as make_targets

__getattr__, __all__ = public_names(
    __name__,
    {
        "agent": [
            "Setup",
            "make_network",
            "make_replay",
            "playing_q_function",
            "replay_agent",
            "reward_transform",
            "rollout_agent",
        ],
        "augmentation": ["RandomShift"],
        "finite_checks": ["require_finite", "require_finite_weights"],
        "legal_values": ["LegalValues"],
        "learner": ["QLearner"],
        "losses": [
            "ELEMENTWISE_LOSSES",
            "TDLoss",
            "TDRule",
            "check_quantiles",
            "double_q_target",
            "huber",
            "lambda_returns",
            "mse",
            "of_action",
            "online_selector",
            "q_target",
            "quantile_huber",
            "quantile_targets",
            "target_selector",
        ],
        "optimisers": ["STATES", "decay_groups", "make_optimiser"],
        "policies": ["EpsilonGreedy", "NoisyGreedy", "PersistentEpsilonGreedy", "Softmax"],
        "registry": ["Algorithm", "agent_names", "default_settings", "find_agent"],
        "rollout": ["RecordingPolicy", "RolloutBuffer", "rollout_bytes"],
        "schedules": ["Constant", "Cosine", "Every", "Geometric", "Linear", "Then", "WarmUp"],
        "settings": [
            "AgentSettings",
            "ExplorationSettings",
            "OptimiserSettings",
            "QLearningSettings",
            "ReturnSettings",
            "RolloutSettings",
        ],
        "targets": ["CrossQTargets", "NoTargets", "TargetNetwork", "Values", "make_targets"],
    },
)
