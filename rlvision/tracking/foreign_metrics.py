"""Metrics in the words of CleanRL or Stable-Baselines3, for dashboards that exist: the setting ``tracking.names``.

W&B and TensorBoard then get these names; ``metrics.jsonl`` keeps ours. A metric without a word there keeps its own.

=========================  =====================  =======================
here                       cleanrl                sb3
=========================  =====================  =======================
episode/score              charts/episodic_return
episode/score_mean_20                             rollout/ep_rew_mean
episode/length             charts/episodic_length rollout/ep_len_mean
counters/episodes                                 time/episodes
policy/epsilon             charts/epsilon         rollout/exploration_rate
loss/td                    losses/td_loss         train/loss
q/mean                     losses/q_values
optimiser/learning_rate    charts/learning_rate   train/learning_rate
counters/updates                                  train/n_updates
time/env_steps_per_second  charts/SPS             time/fps
evaluate/mean              eval/episodic_return   eval/mean_reward
=========================  =====================  =======================

sb3's ``rollout`` names are means over 100 games there: here over 20, and ``ep_len_mean`` is the length of each game.
"""

from collections.abc import Mapping
from typing import Literal

NamesOf = Literal["rlvision", "cleanrl", "sb3"]
STEP = "global_step"
"""Name of the env steps in W&B's rows of both libraries, besides our own."""
WORDS: Mapping[str, Mapping[str, str]] = {
    "rlvision": {},
    "cleanrl": {
        "episode/score": "charts/episodic_return",
        "episode/length": "charts/episodic_length",
        "policy/epsilon": "charts/epsilon",
        "loss/td": "losses/td_loss",
        "q/mean": "losses/q_values",
        "optimiser/learning_rate": "charts/learning_rate",
        "time/env_steps_per_second": "charts/SPS",
        "evaluate/mean": "eval/episodic_return",
    },
    "sb3": {
        "episode/score_mean_20": "rollout/ep_rew_mean",
        "episode/length": "rollout/ep_len_mean",
        "counters/episodes": "time/episodes",
        "policy/epsilon": "rollout/exploration_rate",
        "loss/td": "train/loss",
        "optimiser/learning_rate": "train/learning_rate",
        "counters/updates": "train/n_updates",
        "time/env_steps_per_second": "time/fps",
        "evaluate/mean": "eval/mean_reward",
    },
}
"""Library -> our name -> its word."""


def in_words_of(names: NamesOf, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return a row with the words of a library; its env steps, if it has them, under both names."""
    words = WORDS[names]
    row = {words.get(name, name): value for name, value in metrics.items()}
    return {**row, STEP: row["env_steps"]} if words and "env_steps" in row else row
