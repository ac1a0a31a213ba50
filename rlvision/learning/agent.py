"""Assembly of an agent that learns Q-values from a replay, shared by the files in ``agents/``."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rlvision.core.devices import Autocast, make_autocast
from rlvision.core.seeding import derive, generator
from rlvision.core.types import Agent, EnvSpec, QFunction, RewardTransform
from rlvision.learning.augmentation import AUGMENTATIONS
from rlvision.learning.learner import QLearner
from rlvision.learning.losses import TDRule
from rlvision.learning.policies import make_policy, make_q_function
from rlvision.learning.schedules import (
    Linear,
    exploration_schedule,
    gamma_schedule,
    learning_rate_schedule,
    n_step_schedule,
)
from rlvision.learning.settings import ExplorationSettings, OptimiserSettings, QLearningSettings
from rlvision.learning.targets import make_targets
from rlvision.nn.cuda_graphs import CaptureFn
from rlvision.nn.fusion import channels_last, fuse_conv_bn
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import make_q_network, norm_variant
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.target_network import OnlineTargetActor
from rlvision.replay.buffer import ReplayBuffer
from rlvision.replay.settings import ReplaySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """The parts of a run that an agent is made from, besides its own settings.

    Attributes:
        spec: of the environments it trains in.
        env_steps: length of the whole run, for schedules that span it.
        seed: of the run; the seed of every random generator is derived from it by name.
        device: device of networks, batches and replay.
        autocast: the precision of the encoder in training.
        capture: captures kernels to launch them at once; None launches them one by one.
        network: settings of the Q-network.
        replay: settings of the replay.
        optimiser: settings of the optimiser.
        exploration: settings of the exploring policy.
    """

    spec: EnvSpec
    env_steps: int
    seed: int
    device: torch.device
    autocast: Autocast
    capture: CaptureFn | None
    network: NetworkSettings
    replay: ReplaySettings
    optimiser: OptimiserSettings
    exploration: ExplorationSettings


def make_network(setup: Setup, *, quantiles: int = 1) -> QNetwork:
    """Make the Q-network on the run's device, initialised from the run's seed.

    Args:
        setup: of the run.
        quantiles: K, the quantiles of each action's return; 1 for the Q-value alone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(setup.seed, "network"))
        network = make_q_network(setup.network, setup.spec, quantiles=quantiles)
    return channels_last(network.to(setup.device))


def replay_agent(setup: Setup, settings: QLearningSettings, network: QNetwork, td_rule: TDRule) -> Agent:
    """Make an agent that explores, stores transitions, and learns from its replay with a target network.

    Args:
        setup: of the run.
        settings: of the agent.
        network: the online network.
        td_rule: the loss of a batch.

    Raises:
        MemoryBudgetError: the replay would not fit into the free memory.
    """
    memory = make_replay(setup, settings)
    networks = OnlineTargetActor(network, generator(setup.seed, "noise"))
    policy = make_policy(
        setup.exploration,
        exploration_schedule(setup.exploration, setup.env_steps),
        networks,
        setup.spec,
        lambda view: make_q_function(fuse_conv_bn(view), setup.device, setup.autocast, setup.capture),
        generator(setup.seed, "exploration"),
    )
    learner = _learner(setup, settings, networks, td_rule, lambda: memory.sample().transition.observation)
    return Agent(
        policy=policy,
        memory=memory,
        learner=learner,
        network=networks.actor,
        q_function=playing_q_function(setup, networks.actor),
        gamma=gamma_schedule(settings, setup.env_steps),
        reward_transform=reward_transform(settings),
    )


def make_replay(setup: Setup, settings: QLearningSettings) -> ReplayBuffer:
    """Make the replay, whose batches hold n-step returns of transformed rewards."""
    return ReplayBuffer(
        setup.replay,
        setup.spec,
        n_step=n_step_schedule(settings, setup.env_steps),
        gamma=gamma_schedule(settings, setup.env_steps),
        beta=Linear(setup.replay.beta, 1.0, setup.env_steps),
        reward_transform=reward_transform(settings),
        device=setup.device,
        generator=generator(setup.seed, "replay"),
    )


def reward_transform(settings: QLearningSettings) -> RewardTransform | None:
    """Return the scaling and clipping of raw rewards; None if the agent learns from them unchanged."""
    scale, bound = settings.reward_scale, settings.reward_clip
    if scale == 1.0 and bound is None:
        return None
    bound = float("inf") if bound is None else bound
    return lambda reward: (reward * scale).clamp(-bound, bound)


def playing_q_function(setup: Setup, network: QNetwork) -> QFunction:
    """Return the Q-function of a network for evaluation.

    It computes in float32, whatever the precision of training, so that another machine gives the same scores.
    """
    return make_q_function(fuse_conv_bn(network), setup.device, make_autocast("float32", setup.device), setup.capture)


def _learner(
    setup: Setup,
    settings: QLearningSettings,
    networks: OnlineTargetActor,
    td_rule: TDRule,
    sample: Callable[[], Tensor],
) -> QLearner:
    replay, calibration_batches = setup.replay, setup.network.calibration_batches
    updates = int(max(setup.env_steps - replay.learning_starts, 0) * replay.samples_per_env_step / replay.batch_size)
    make_augmentation = AUGMENTATIONS.get(settings.augmentation)
    return QLearner(
        networks=networks,
        targets=make_targets(
            networks,
            norm_variant(setup.network),
            period=settings.target_period,
            tau=settings.target_tau,
            autocast=setup.autocast,
            sample=sample,
            calibration_batches=calibration_batches,
        ),
        td_rule=td_rule,
        settings=setup.optimiser,
        learning_rate=learning_rate_schedule(setup.optimiser, updates),
        autocast=setup.autocast,
        sample=sample,
        calibration_batches=calibration_batches,
        augmentation=make_augmentation and make_augmentation(generator(setup.seed, "augmentation")),
        capture=setup.capture,
    )
