"""Every number that is tracked: its name, and what it is. ``docs/metrics.md`` shows the same table.

Rows differ in which metrics they hold; every row also says after how many ``env_steps`` it was
measured. A game's row is written when the game ends, an evaluation's when the evaluation ends, and
all else every ``tracking.log_every`` env steps; there "mean per update" is over the updates since the row before.
"""

METRICS: dict[str, str] = {
    # one row per finished game of training
    "episode/score": "sum of the raw rewards of one whole game of training, whatever the learner sees of it",
    "episode/length": "env steps of that game",
    "episode/frames": "emulator frames of that game: length * frameskip",
    "episode/seed": "seed of its environment's last seeded reset before it",
    "episode/score_mean_20": "mean score of the last 20 finished games, of fewer where there are not so many yet",
    "counters/episodes": "finished games so far",
    # one row per evaluation
    "evaluate/mean": "mean raw score of the evaluation's games",
    "evaluate/median": "median raw score of the evaluation's games",
    "evaluate/ci_low": "lower end of the 95 % bootstrap interval of evaluate/mean (percentiles of 10,000 resamples)",
    "evaluate/ci_high": "upper end of that interval",
    "evaluate/games": "games of the evaluation",
    "evaluate/best": "highest evaluate/mean so far; its weights are the ones kept as best",
    # learning
    "loss/td": "mean per update of mean_i w_i * loss(δ_i), w the importance weights and δ the TD errors of a batch; "
    "`qr_dqn`: the quantile Huber loss, summed over the quantiles and averaged over the targets",
    "td_error/mean_abs": "mean per update of mean_i |δ_i|, δ = return_n + discount * bootstrap - q(s, a); "
    "`qr_dqn`: both of them means over the quantiles",
    "q/mean": "mean per update of mean_i max_a q(s_i, a)",
    "q/max": "mean per update of max_i max_a q(s_i, a)",
    "q/discounted_return": "mean over the decisions of games finished since the row before of sum_k gamma^k r_(t+k), "
    "rewards as the learner counts them: what q/mean should come to",
    "policy/epsilon": "probability that an action is drawn at random, mean over the environments",
    "policy/temperature": "temperature of the softmax over Q-values that actions are drawn from",
    "optimiser/learning_rate": "step size of the next update",
    "optimiser/grad_norm": "mean per update of the L2 norm of the gradient before it is clipped",
    # replay
    "replay/size": "transitions that a batch may hold right now",
    "replay/n_step": "n, rewards summed before the bootstrap",
    "replay/gamma": "the discount per env step, gamma",
    "replay/beta": "exponent of the importance weights, w = (N P)^-β",
    "replay/priority_mean": "mean over the replay of the priority p = |δ| + ε",
    "replay/priority_max": "largest priority in the replay",
    # batch normalisation, on one batch
    "bn/gap": "mean |q_train - q_act| / std(q_act): the forward that learns beside the one that acts",
    "bn/greedy_disagreement": "share of states whose greedy action differs between the two",
    "bn/clipped": "share of channels whose r or d is clipped (BatchRenorm)",
    "bn/target_drift": "mean over the channels of |running mean of online - running mean of target|",
    "weights/<module>": "L2 norm of a module's own parameters; one metric per module",
    # counters, pace and machine
    "counters/updates": "gradient steps so far",
    "counters/frames": "emulator frames so far: env_steps * frameskip",
    "time/env_steps_per_second": "env steps per second since the row before, evaluations and saving left out",
    "time/updates_per_second": "gradient steps per second since the row before, evaluations and saving left out",
    "time/hours": "wall-clock hours of training, those before an interruption included",
    "system/memory_gb": "resident memory of the process, 10^9 bytes",
    "system/gpu_memory_gb": "memory of the GPU held by tensors, 10^9 bytes (CUDA)",
    "system/gpu_memory_peak_gb": "the most of it since the run began or went on (CUDA)",
    "system/gpu_memory_fraction": "share of the GPU's memory in use, by whatever process (CUDA)",
    "system/gpu_utilization": "share of the last second in which the GPU computed (CUDA, with nvidia-ml-py installed)",
}

MEDIA: dict[str, str] = {
    "evaluate/video": "one game of the agent with its Q-values beside it, `videos/` in the run folder",
    "evaluate/page": "the same game as a page with slider, Q-values and saliency, `videos/` in the run folder",
    "q/values": "distribution of q(s, a) over the states and actions of the last batch",
    "curve": "the learning curve, `curve.png` in the run folder",
}
"""What trackers are shown besides numbers."""

BEST_IS_HIGHEST = ("episode/score", "episode/score_mean_20", "evaluate/mean", "evaluate/median")
"""Metrics whose maximum, beside their last value, sums a run up."""
