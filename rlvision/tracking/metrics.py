"""Names and meanings of all tracked metrics; ``docs/metrics.md`` shows the same table.

There are three kinds of rows: one when a training game ends, one when an evaluation ends, and one with all other
metrics every ``tracking.log_every`` env steps. Each row holds the ``env_steps`` at which it was measured. "Mean per
update" is over the updates since the previous row.
"""

METRICS: dict[str, str] = {
    # one row per finished game of training
    "episode/score": "sum of the raw rewards of one whole training game, before the learner scales and clips them",
    "episode/length": "env steps of that game",
    "episode/frames": "emulator frames of that game: length * frameskip",
    "episode/seed": "seed of its environment's last seeded reset before it",
    "episode/score_mean_20": "mean score of the last 20 finished games, or of all games while there are fewer",
    "counters/episodes": "finished games so far",
    # one row per evaluation
    "evaluate/mean": "mean raw score of the evaluation's games",
    "evaluate/median": "median raw score of the evaluation's games",
    "evaluate/ci_low": "lower end of the 95 % bootstrap interval of evaluate/mean (percentiles of 10,000 resamples)",
    "evaluate/ci_high": "upper end of that interval",
    "evaluate/games": "games of the evaluation",
    "evaluate/best": "highest evaluate/mean so far; its weights are kept as the best",
    # learning
    "loss/td": "mean per update of mean_i w_i * loss(δ_i), w the importance weights and δ the TD errors of a batch; "
    "`qr_dqn`: the quantile Huber loss, summed over the quantiles and averaged over the targets; "
    "`pqn`: δ is the λ-return minus q(s, a), and w is 0 for the row of an episode's last observation",
    "td_error/mean_abs": "mean per update of mean_i |δ_i|, δ = return_n + discount * bootstrap - q(s, a); "
    "`qr_dqn`: bootstrap and q are means over the quantiles; `pqn`: the rows of last observations count, too, with the "
    "value by which the policy acted as their return",
    "q/mean": "mean per update of mean_i max_a q(s_i, a)",
    "q/max": "mean per update of max_i max_a q(s_i, a)",
    "q/discounted_return": "mean of sum_k gamma^k r_(t+k) over the decisions of games finished since the previous row, "
    "with the learner's scaled and clipped rewards; q/mean should approach it",
    "policy/epsilon": "probability that an action is drawn at random, mean over the environments",
    "policy/temperature": "temperature of the softmax over Q-values that actions are drawn from",
    "optimiser/learning_rate": "step size of the next update",
    "optimiser/grad_norm": "mean per update of the L2 norm of the gradient before it is clipped",
    # replay
    "replay/size": "transitions that can be sampled now",
    "replay/n_step": "n, rewards summed before the bootstrap",
    "replay/gamma": "the discount per env step, gamma",
    "replay/beta": "exponent of the importance weights, w = (N P)^-β",
    "replay/priority_mean": "mean over the replay of the priority p = |δ| + ε",
    "replay/priority_max": "largest priority in the replay",
    # batch normalisation, on one batch
    "bn/gap": "mean |q_train - q_act| / std(q_act), between the training forward and the acting forward; over the "
    "legal actions",
    "bn/greedy_disagreement": "share of states whose greedy action differs between these two forwards",
    "bn/clipped": "share of channels whose r or d is clipped (BatchRenorm)",
    "bn/target_drift": "mean over the channels of |running mean of online - running mean of target|",
    "weights/<module>": "L2 norm of a module's own parameters; one metric per module",
    # health, on 32 states of the last batch
    "health/dormant": "share of units with s ≤ 0.025, s = mean |h| of a unit / mean over its layer",
    "health/dormant/<module>": "the same in one layer of activations",
    "health/weak_gradients": "share of units with g ≤ 0.025, g = root mean square gradient of a unit's weights / mean "
    "over its layer",
    "health/weak_gradients/<module>": "the same in one layer of weights",
    "health/saturated": "share of activations at a bound: ReLU at 0, |tanh| > 0.99, sigmoid < 0.01 or > 0.99",
    "health/effective_rank": "smallest k such that the k largest singular values of the features make 99 % of "
    "their sum",
    "health/churn": "share of states whose greedy action differs between the acting and the target network",
    "health/action_gap": "mean of the best minus the second best q(s, a) over the legal actions",
    "health/q_range": "mean of the best minus the worst q(s, a) over the legal actions",
    "health/distance": "L2 distance of the weights from their first values / L2 norm of those",
    # counters, pace and machine
    "counters/updates": "gradient steps so far",
    "counters/frames": "emulator frames so far: env_steps * frameskip",
    "time/env_steps_per_second": "env steps per second since the previous row, evaluations and saving excluded",
    "time/updates_per_second": "updates per second since the previous row, evaluations and saving excluded",
    "time/hours": "wall-clock hours of training, including those before an interruption",
    "system/memory_gb": "resident memory of the process, 10^9 bytes",
    "system/gpu_memory_gb": "memory of the GPU held by tensors, 10^9 bytes (CUDA)",
    "system/gpu_memory_peak_gb": "largest system/gpu_memory_gb since the run started or continued (CUDA)",
    "system/gpu_memory_fraction": "share of the GPU's memory in use by all processes (CUDA)",
    "system/gpu_utilization": "share of the last second in which the GPU computed (CUDA, with nvidia-ml-py installed)",
}

MEDIA: dict[str, str] = {
    "evaluate/video": "one game of the agent, drawn with its Q-values; `videos/` in the run folder",
    "evaluate/page": "the same game as a page with slider, Q-values and saliency; `videos/` in the run folder",
    "q/values": "distribution of q(s, a) over the states and legal actions of the last batch",
    "curve": "the learning curve; `curve.png` in the run folder",
}
"""Names and meanings of the media: videos, pages, pictures and distributions."""

BEST_IS_HIGHEST = ("episode/score", "episode/score_mean_20", "evaluate/mean", "evaluate/median")
"""Metrics whose maximum belongs in a run's summary, besides their last value."""
