"""DQN on CartPole from pixels, from rlvision's parts: environment, network, replay, loss, loop and plot in one file.

    python examples/dqn.py                       about two minutes on a laptop: from 20 to over 100 of 500

It is the algorithm of Mnih et al. (2015) with a double-Q target (van Hasselt et al. 2016) and n-step returns. What
`rlvision train` adds to it: checkpoints, exact continuation, evaluation, tracking, and all the settings.
"""

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from rlvision.core import Batch, IntArray, UInt8Array, VectorEnv
from rlvision.envs import EnvSettings, make
from rlvision.learning import double_q_target, huber, of_action
from rlvision.nn import DN
from rlvision.replay import ReplayBuffer, ReplaySettings

NUM_ENVS = 8
GAMMA = 0.98  # discount per decision
N_STEP = 5  # rewards summed before the target network's value of what follows
REWARD_SCALE = 0.05  # CartPole pays 1 a frame: Q-values near 5 are easier to learn than Q-values near 100
TARGET_PERIOD = 200  # updates between copies into the target network
LEARNING_RATE = 5e-4


def make_env() -> VectorEnv:
    """Eight CartPoles, seen as two gray pictures [2, 37, 61] of the strip in which the pole moves."""
    settings = EnvSettings(
        game="CartPole-v1", crop=(160, 320, 0, 600), height=37, width=61, stack=2, frameskip=2, max_pool=False
    )
    return make(settings, NUM_ENVS)


def make_replay(env: VectorEnv, seed: int) -> ReplayBuffer:
    """The last 30,000 transitions; a batch of 32 is owed for every four env steps, once there are 1,000."""
    settings = ReplaySettings(capacity=30_000, batch_size=32, samples_per_env_step=8.0, learning_starts=1_000)
    return ReplayBuffer(
        settings,
        env.spec,
        n_step=lambda env_steps: N_STEP,
        gamma=lambda env_steps: GAMMA,
        beta=lambda env_steps: 0.0,  # transitions are drawn alike, so there is no bias to correct
        reward_transform=lambda reward: REWARD_SCALE * reward,
        generator=torch.Generator().manual_seed(seed),
    )


def epsilon(env_steps: int) -> float:
    """The chance of a random action: from 1 to 0.02 over 6,000 env steps."""
    return max(0.02, 1.0 - 0.98 * env_steps / 6_000)


def to_pixels(observation: Tensor) -> Tensor:
    """Pixels in [0, 1], [B, C, H, W] float32, of bytes."""
    return observation.float() / 255


def choose_actions(
    network: DN, observation: UInt8Array, num_actions: int, chance: float, random: np.random.Generator
) -> IntArray:
    """The action with the largest Q-value, or by chance any: [N] int64 of [N, C, H, W] uint8."""
    with torch.no_grad():
        greedy = network.eval()(to_pixels(torch.from_numpy(observation))).argmax(dim=1).numpy()
    explores = random.random(len(observation)) < chance
    return np.where(explores, random.integers(num_actions, size=len(observation)), greedy)


def td_loss(online: DN, target: DN, batch: Batch) -> Tensor:
    """The mean Huber loss of ``Q(s, a)`` against ``r + γ^n Q'(s', argmax_a' Q(s', a'))``, []."""
    transition = batch.transition
    with torch.no_grad():  # s' first, in evaluation mode: batch normalisation learns from s alone
        next_observation = to_pixels(transition.next_observation)
        q_t, selector_t = target(next_observation), online.eval()(next_observation)  # [B, A] both
    q_tm1 = online.train()(to_pixels(transition.observation))  # [B, A]
    target_tm1 = double_q_target(transition.reward, transition.discount, q_t, selector_t)  # [B]
    return huber(of_action(q_tm1, transition.action), target_tm1).mean()


def train(env_steps: int, seed: int) -> list[tuple[int, float]]:
    """Train, and return (env steps, score) of every game that was finished on the way."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    env = make_env()
    channels, height, width = env.spec.observation_shape
    online = DN(height, width, env.spec.num_actions, in_channels=channels, norm="renorm")
    target = copy.deepcopy(online).eval()
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=1.5e-4)
    replay = make_replay(env, seed)
    games: list[tuple[int, float]] = []
    score, updates = np.zeros(NUM_ENVS), 0

    env.reset(seed)
    for now in range(0, env_steps, NUM_ENVS):
        # Act. The step that ends a game returns its last picture; the next one ignores the action and begins anew.
        action = choose_actions(online, env.observation, env.spec.num_actions, epsilon(now), random)
        step = env.step(action)
        replay.add(step)

        # Keep scores: raw rewards, summed until the game is over.
        score = np.where(step.first, 0.0, score) + step.reward
        for i in np.flatnonzero(step.terminated | step.truncated):
            games.append((now, float(score[i])))

        # Learn: the replay knows how many batches it owes.
        for batch in replay.batches():
            loss = td_loss(online, target, batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            updates += 1
            if updates % TARGET_PERIOD == 0:
                target.load_state_dict(online.state_dict())

        if now % 2_000 < NUM_ENVS and games:
            recent = [score for _, score in games[-20:]]
            print(f"{now:7,} env steps, {updates:6,} updates, mean score of the last 20 games {np.mean(recent):6.1f}")
    env.close()
    return games


def plot(games: Sequence[tuple[int, float]], path: Path) -> None:
    """Draw the scores and their running mean over 20 games."""
    env_steps, scores = np.array(games).T
    mean = [scores[max(0, i - 19) : i + 1].mean() for i in range(len(scores))]
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(env_steps, scores, ".", color="0.8", label="a game")
    axes.plot(env_steps, mean, label="mean of 20 games")
    axes.set(xlabel="env steps", ylabel="score", title="DQN on CartPole from pixels")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env-steps", type=int, default=24_000, help="decisions, summed over the environments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=Path("dqn.png"), help="picture to write")
    arguments = parser.parse_args()
    plot(train(arguments.env_steps, arguments.seed), arguments.plot)
    print(f"written to {arguments.plot}")
