"""Tianshou's DQN as a contender, as its Atari example runs it.

It uses `OffPolicyTrainer` over a `Collector` with EnvPool's Atari environments and a `VectorReplayBuffer` of single
frames. By design, its DQN evaluates the online network on s' even without Double. Its DQN has no gradient clipping;
here its own optimiser wrapper adds it.
"""

import logging
from typing import Any

import envpool
import numpy as np
import tianshou
import torch
from contenders.plain_networks import PlainQNetwork
from contenders.slices import serve
from contenders.work import Work
from tianshou.algorithm.algorithm_base import Algorithm
from tianshou.algorithm.modelfree.dqn import DQN, DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory, OptimizerFactory
from tianshou.data import Collector, CollectStats, VectorReplayBuffer
from tianshou.trainer import OffPolicyTrainerParams
from torch import Tensor, nn

MAX_GRAD_NORM = 10.0


class Net(nn.Module):
    """A model in Tianshou's sense: (observations, state) -> (values, state)."""

    def __init__(self, work: Work, actions: int) -> None:
        super().__init__()
        self.network = PlainQNetwork(work, actions).to(work.device)
        self._device = work.device

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Tensor, Any]:
        return self.network(torch.as_tensor(obs, device=self._device)), state


class Unsearched(VectorReplayBuffer):
    """A buffer without Tianshou's search for NaN, which would copy all stacks after every step."""

    def hasnull(self) -> bool:
        return False


class ClippedDQN(DQN):
    """DQN with gradients clipped by norm, as in the other contenders."""

    def _create_policy_optimizer(self, optim: OptimizerFactory) -> Algorithm.Optimizer:
        return self._create_optimizer(self.policy, optim, max_grad_norm=MAX_GRAD_NORM)


class TianshouLoop:
    """A warmed-up `contenders.slices.Loop` of Tianshou."""

    version = tianshou.__version__

    def __init__(self, work: Work) -> None:
        logging.disable(logging.WARNING)
        self._env = make_env(work)
        self._net = Net(work, int(self._env.action_space.n))
        self._algorithm = make_algorithm(work, self._net, self._env)
        buffer = Unsearched(work.capacity, work.num_envs, stack_num=4, ignore_obs_next=True, save_only_last_obs=True)
        collector = Collector[CollectStats](self._algorithm, self._env, buffer, exploration_noise=True)
        self._trainer = self._algorithm.create_trainer(plan(work, collector))
        self._trainer.reset()
        collector.collect(n_step=work.prefill, random=True)
        self.train(2 * work.num_envs)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._net.parameters())

    @property
    def updates(self) -> int:
        return self._algorithm._iter

    def train(self, env_steps: int) -> None:
        self._trainer.params.epoch_num_steps = env_steps
        self._trainer.execute_epoch()

    def close(self) -> None:
        self._env.close()


def make_env(work: Work) -> Any:
    game = work.game.replace("NoFrameskip-v4", "-v5")
    np.random.seed(1)
    return envpool.make_gymnasium(
        game, num_envs=work.num_envs, seed=1, stack_num=4, episodic_life=True, reward_clip=True, use_fire_reset=True
    )


def make_algorithm(work: Work, net: Net, env: Any) -> ClippedDQN:
    policy = DiscreteQLearningPolicy(model=net, action_space=env.action_space, eps_training=work.epsilon)
    return ClippedDQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=2.5e-4, eps=1.5e-4),
        target_update_freq=work.target_period,
        is_double=False,
        huber_loss_delta=1.0,
    )


def plan(work: Work, collector: "Collector[CollectStats]") -> OffPolicyTrainerParams:
    return OffPolicyTrainerParams(
        max_epochs=10**9,
        training_collector=collector,
        batch_size=work.batch_size,
        collection_step_num_env_steps=work.num_envs,
        update_step_num_gradient_steps_per_sample=work.updates_per_vector_step / work.num_envs,
        verbose=False,
        show_progress=False,
    )


if __name__ == "__main__":
    serve(TianshouLoop)
