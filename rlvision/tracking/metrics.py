"""Every number that is tracked: its name, and what it is.

Rows differ in which metrics they hold; every row also says after how many ``env_steps`` it was
measured. A game's row is written when the game ends, an evaluation's when the evaluation ends, and
all else every few seconds of training, averaged over the updates since the row before.
"""

METRICS: dict[str, str] = {
    # one row per finished game of training
    "episode/score": "raw rewards of one whole game of training, summed; unclipped, whatever the learner sees of it",
    "episode/length": "env steps of that game",
    "episode/frames": "emulator frames of that game",
    "episode/seed": "seed of its environment's last seeded reset before it",
    "episode/score_mean_20": "mean score of the last 20 finished games",
    # one row per evaluation
    "evaluate/mean": "mean raw score of an evaluation's games",
    "evaluate/median": "median raw score of an evaluation's games",
    "evaluate/low": "lower end of the 95 % interval of evaluate/mean",
    "evaluate/high": "upper end of the 95 % interval of evaluate/mean",
    "evaluate/games": "games of that evaluation",
    "evaluate/best": "highest evaluate/mean so far; its weights are the ones kept as best",
    # learning
    "loss/td": "loss per update: mean over the batch of importance_weight * loss(td_error)",
    "td_error/mean_abs": "mean |bootstrap target - q(observation, action)| of the batch",
    "q/mean": "mean over the batch of max_a q(observation, a)",
    "q/max": "greatest q(observation, a) in the batch",
    "q/return_seen": "mean discounted return really seen from the steps of finished games: what q/mean should come to",
    "policy/epsilon": "probability that an action is drawn at random, mean over the environments",
    "policy/temperature": "temperature of the softmax over Q-values that actions are drawn from",
    "optimiser/learning_rate": "step size of the update",
    "optimiser/grad_norm": "L2 norm of the gradient before it is clipped",
    # batch normalisation
    "bn/gap": "mean |q with batch statistics - q with running statistics| on one batch",
    "bn/disagree": "share of that batch whose greedy action differs between the two",
    "bn/clipped": "share of BatchRenorm's corrections r and d that hit their limits",
    "bn/target_drift": "distance of the target's running statistics from the online network's",
    "weights/<module>": "L2 norm of a module's weights; one metric per module",
    # counters and pace
    "counters/updates": "gradient steps so far",
    "counters/frames": "emulator frames so far",
    "counters/episodes": "finished games so far",
    "time/env_steps_per_second": "env steps per second of wall-clock since the row before",
    "time/updates_per_second": "gradient steps per second of wall-clock since the row before",
    "time/hours": "wall-clock hours of training, those before an interruption included",
    "replay/size": "env steps held in replay",
}
