"""TorchRL's DQN as a contender, with the loop of its own Atari script.

It uses a `Collector` over Gymnasium's vector environment with Gymnasium's own preprocessing (which presses no FIRE), a
`TensorDictReplayBuffer` on a `LazyTensorStorage` of bytes (whole stacks of s and s'), `DQNLoss` and a hard target
update. The loop collects a step of all environments, extends the buffer, and makes the updates that are due. As in its
script, nothing is compiled. Its wrapper of EnvPool needs gym and treevalue, which are no longer maintained.
"""

import logging
import warnings
from functools import partial

import ale_py
import gymnasium
import numpy as np
import torch
import torchrl
from contenders.plain_networks import PlainQNetwork
from contenders.slices import serve
from contenders.work import Work
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation, TransformReward
from tensordict.nn import TensorDictSequential
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import GymWrapper
from torchrl.modules import EGreedyModule, QValueActor
from torchrl.objectives import DQNLoss, HardUpdate

MAX_GRAD_NORM = 10.0
FOREVER = -1


class TorchRLLoop:
    """A warmed-up `contenders.slices.Loop` of TorchRL."""

    version = torchrl.__version__

    def __init__(self, work: Work) -> None:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        self._work = work
        self._env = GymWrapper(make_env(work), categorical_action_encoding=True)
        actions = self._env.action_spec_unbatched
        network = PlainQNetwork(work, int(actions.space.n))
        actor = QValueActor(network, in_keys=["observation"], spec=actions).to(work.device)
        self._loss = make_loss(actor)
        self._explore = EGreedyModule(actions, eps_init=work.epsilon, eps_end=work.epsilon)
        self._target = HardUpdate(self._loss, value_network_update_interval=work.target_period)
        self._optimiser = torch.optim.Adam(self._loss.parameters(), lr=2.5e-4, eps=1.5e-4)
        self._buffer = TensorDictReplayBuffer(
            storage=LazyTensorStorage(work.capacity), batch_size=work.batch_size, prefetch=None
        )
        self._collector = Collector(
            self._env,
            TensorDictSequential(actor, self._explore),
            frames_per_batch=work.num_envs,
            total_frames=FOREVER,
            init_random_frames=work.prefill,
            policy_device=work.device,
            storing_device="cpu",
            env_device="cpu",
        )
        self._steps = iter(self._collector)
        self.updates = 0
        for _ in range(work.prefill // work.num_envs):
            self._collect()
        self.train(2 * work.num_envs)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._loss.parameters())

    def train(self, env_steps: int) -> None:
        for _ in range(env_steps // self._work.num_envs):
            self._collect()
            for _ in range(self._work.updates_per_vector_step):
                self._update()

    def close(self) -> None:
        self._collector.shutdown()

    def _collect(self) -> None:
        self._buffer.extend(next(self._steps).reshape(-1))

    def _update(self) -> None:
        batch = self._buffer.sample().to(self._work.device)
        loss = self._loss(batch)["loss"]
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._loss.parameters(), MAX_GRAD_NORM)
        self._optimiser.step()
        self._target.step()
        self.updates += 1


def make_loss(actor: QValueActor) -> DQNLoss:
    loss = DQNLoss(value_network=actor, loss_function="smooth_l1", delay_value=True, double_dqn=False)
    loss.make_value_estimator(gamma=0.99)
    return loss


def make_env(work: Work) -> gymnasium.vector.VectorEnv:
    gymnasium.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    same_step = gymnasium.vector.AutoresetMode.SAME_STEP
    return gymnasium.vector.SyncVectorEnv([partial(make_game, work.game)] * work.num_envs, autoreset_mode=same_step)


def make_game(game: str) -> gymnasium.Env:
    env = AtariPreprocessing(gymnasium.make(game), noop_max=30, terminal_on_life_loss=True)
    return TransformReward(FrameStackObservation(env, 4, padding_type="zero"), np.sign)


if __name__ == "__main__":
    serve(TorchRLLoop)
