"""Evaluation: whole games, raw scores, published scores."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.evaluation.atari_scores import USUAL as USUAL
    from rlvision.evaluation.atari_scores import Published as Published
    from rlvision.evaluation.atari_scores import human_normalised as human_normalised
    from rlvision.evaluation.atari_scores import millions as millions
    from rlvision.evaluation.atari_scores import published_agents as published_agents
    from rlvision.evaluation.atari_scores import reference as reference
    from rlvision.evaluation.episode_limits import EpisodeLimits as EpisodeLimits
    from rlvision.evaluation.games import Abandoned as Abandoned
    from rlvision.evaluation.games import evaluate as evaluate
    from rlvision.evaluation.report import Conditions as Conditions
    from rlvision.evaluation.report import Report as Report
    from rlvision.evaluation.result import Evaluation as Evaluation
    from rlvision.evaluation.settings import EvaluationSettings as EvaluationSettings

__getattr__, __all__ = public_names(
    __name__,
    {
        "atari_scores": ["Published", "USUAL", "human_normalised", "millions", "published_agents", "reference"],
        "episode_limits": ["EpisodeLimits"],
        "games": ["Abandoned", "evaluate"],
        "report": ["Conditions", "Report"],
        "result": ["Evaluation"],
        "settings": ["EvaluationSettings"],
    },
)
