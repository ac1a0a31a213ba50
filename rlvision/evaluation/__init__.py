"""Evaluation: whole games, raw scores, published scores."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.evaluation.atari_scores import DEFAULT_BASELINES as DEFAULT_BASELINES
    from rlvision.evaluation.atari_scores import Published as Published
    from rlvision.evaluation.atari_scores import format_frames as format_frames
    from rlvision.evaluation.atari_scores import human_normalised as human_normalised
    from rlvision.evaluation.atari_scores import published_agents as published_agents
    from rlvision.evaluation.atari_scores import reference as reference
    from rlvision.evaluation.episode_limits import MOST_DECISIONS as MOST_DECISIONS
    from rlvision.evaluation.episode_limits import EpisodeLimits as EpisodeLimits
    from rlvision.evaluation.games import EvaluationCancelled as EvaluationCancelled
    from rlvision.evaluation.games import evaluate as evaluate
    from rlvision.evaluation.report import EvalConditions as EvalConditions
    from rlvision.evaluation.report import Report as Report
    from rlvision.evaluation.result import Evaluation as Evaluation
    from rlvision.evaluation.settings import EvaluationSettings as EvaluationSettings

__getattr__, __all__ = public_names(
    __name__,
    {
        "atari_scores": [
            "DEFAULT_BASELINES",
            "Published",
            "format_frames",
            "human_normalised",
            "published_agents",
            "reference",
        ],
        "episode_limits": ["MOST_DECISIONS", "EpisodeLimits"],
        "games": ["EvaluationCancelled", "evaluate"],
        "report": ["EvalConditions", "Report"],
        "result": ["Evaluation"],
        "settings": ["EvaluationSettings"],
    },
)
