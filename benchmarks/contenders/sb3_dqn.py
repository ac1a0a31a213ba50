"""stable-baselines3's DQN as a contender, as its users and rl-zoo run it on Atari.

It uses `make_atari_env` (AtariWrapper) in a DummyVecEnv, `VecFrameStack` and `CnnPolicy`. DN is a features
extractor with the same layers; BatchNorm trains and evaluates by the library's own rules.
"""

import ale_py
import gymnasium
import stable_baselines3
from contenders.plain_networks import dn_layers, width
from contenders.slices import serve
from contenders.work import Work
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack
from torch import Tensor


class DN(BaseFeaturesExtractor):
    """DN without its head."""

    def __init__(self, observation_space: gymnasium.spaces.Box, norm: str) -> None:
        layers = dn_layers(observation_space.shape[0], norm)
        super().__init__(observation_space, width(layers, *observation_space.shape))
        self.layers = layers.train()

    def forward(self, observations: Tensor) -> Tensor:
        return self.layers(observations)  # type: ignore[no-any-return]


class SB3Loop:
    """A warmed-up `contenders.slices.Loop` of stable-baselines3."""

    version = stable_baselines3.__version__

    def __init__(self, work: Work) -> None:
        self._env = make_env(work)
        self._model = DQN(
            "CnnPolicy",
            self._env,
            learning_rate=2.5e-4,
            buffer_size=work.capacity,
            learning_starts=work.prefill,
            batch_size=work.batch_size,
            train_freq=(1, "step"),
            gradient_steps=work.updates_per_vector_step,
            target_update_interval=work.target_period // work.updates_per_vector_step * work.num_envs,
            exploration_initial_eps=work.epsilon,
            exploration_final_eps=work.epsilon,
            policy_kwargs=policy_settings(work),
            seed=1,
            device=work.device,
        )
        self.train(work.prefill + 2 * work.num_envs)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._model.q_net.parameters())

    @property
    def updates(self) -> int:
        return self._model._n_updates

    def train(self, env_steps: int) -> None:
        self._model.learn(env_steps, reset_num_timesteps=False)

    def close(self) -> None:
        self._env.close()


def make_env(work: Work) -> VecEnv:
    gymnasium.register_envs(ale_py)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return VecFrameStack(make_atari_env(work.game, n_envs=work.num_envs, seed=1), n_stack=4)


def policy_settings(work: Work) -> dict[str, object]:
    settings: dict[str, object] = {"optimizer_kwargs": {"eps": 1.5e-4}}
    if work.network == "dn":
        settings |= {
            "features_extractor_class": DN,
            "features_extractor_kwargs": {"norm": work.norm},
            "net_arch": [],
        }
    return settings


if __name__ == "__main__":
    serve(SB3Loop)
