"""An agent of your own: DQN whose target is a soft maximum, in one file.

Run it from this folder, by this script or by the command line; it trains, resumes, evaluates and exports as DQN does::

    python own_agent.py
    rlvision train cartpole-dqn --agent.name=own_agent:Mellowmax --agent.omega=5 --out=runs/mellowmax
    rlvision watch runs/mellowmax --trust-imports --video=mellowmax.mp4
"""

import argparse
from dataclasses import dataclass

import torch

import rlvision
from rlvision import learning
from rlvision.core import Agent, Transition
from rlvision.nn import QNetwork


@dataclass(frozen=True, kw_only=True)
class MellowmaxSettings(learning.QLearningSettings):
    """What is learned."""

    omega: float = 5.0
    """The larger, the nearer the soft maximum is to the maximum."""


class Mellowmax:
    """DQN with the mellowmax operator in the place of the maximum (Asadi and Littman 2017; Kim et al. 2019).

    ``mm(q) = log(mean_a exp(ω q_a)) / ω`` lies between the mean (ω = 0) and the maximum (ω = ∞), and its slope never
    exceeds 1. So Q-learning with it settles, and Kim et al. leave the target network out: ``--agent.target-period=1``.
    """

    Settings = MellowmaxSettings

    def __init__(self, settings: MellowmaxSettings) -> None:
        self._settings = settings

    def make_network(self, setup: learning.Setup) -> QNetwork:
        """Make an encoder with a head of one Q-value an action."""
        return learning.make_network(setup)

    def make_agent(self, setup: learning.Setup) -> Agent:
        """Put together the network and its target, the replay memory, the gradient step and the exploration."""
        return learning.replay_agent(setup, self._settings, self.make_network(setup), self.td_loss)

    def td_loss(self, values: learning.Values, transition: Transition) -> learning.TDLoss:
        """Return the loss of ``Q(s, a)`` against ``r + γ^n mm(Q'(s', ·))``, [B]; ask for the values of s' first."""
        omega, q_t = self._settings.omega, values.target_t.q_values  # [B, A]
        soft_maximum = torch.logsumexp(omega * q_t, dim=1).sub(torch.tensor(q_t.shape[1]).log()) / omega  # [B]
        target = transition.reward + transition.discount * soft_maximum  # [B]
        prediction = learning.of_action(values.online_tm1.q_values, transition.action)  # [B]
        return learning.TDLoss(learning.huber(prediction, target), target - prediction.detach())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train it on CartPole from pixels.")
    parser.add_argument("--env-steps", type=int, default=24_000)
    parser.add_argument("--out", default="runs/mellowmax")
    arguments = parser.parse_args()
    config = rlvision.load_config(
        "cartpole-dqn", {"agent.name": "own_agent:Mellowmax", "env_steps": arguments.env_steps, "out": arguments.out}
    )
    run = rlvision.train(config)
    print(f"mean score of 10 games: {run.evaluate(games=10).mean:.1f}")
