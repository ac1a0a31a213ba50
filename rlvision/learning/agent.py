"""Assembly of agents that learn Q-values from a replay or from rollouts, shared by the files in ``agents/``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from rlvision.core.agent import Agent
from rlvision.core.devices import Autocast, make_autocast
from rlvision.core.seeding import derive, generator
from rlvision.core.types import EnvSpec, QFunction, RewardTransform, TrainingPolicy
from rlvision.learning.augmentation import AUGMENTATIONS
from rlvision.learning.learner import QLearner
from rlvision.learning.losses import TDRule
from rlvision.learning.policies import make_policy, make_q_function
from rlvision.learning.rollout import RecordingPolicy, RolloutBuffer
from rlvision.learning.schedules import (
    Constant,
    Linear,
    exploration_schedule,
    gamma_schedule,
    learning_rate_schedule,
    n_step_schedule,
)
from rlvision.learning.settings import (
    ExplorationSettings,
    OptimiserSettings,
    QLearningSettings,
    ReturnSettings,
    RolloutSettings,
)
from rlvision.learning.targets import NoTargets, TargetEstimator, make_targets
from rlvision.nn.cuda_graphs import CaptureFn
from rlvision.nn.fusion import channels_last, fuse_conv_bn, fuse_conv_bn_train
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import make_q_network, norm_variant
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.target_network import OnlineActor, OnlineTargetActor
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
    sample = partial(_sampled_observation, memory)
    targets = make_targets(
        networks,
        norm_variant(setup.network),
        period=settings.target_period,
        tau=settings.target_tau,
        autocast=setup.autocast,
        sample=sample,
        calibration_batches=setup.network.calibration_batches,
    )
    replay = setup.replay
    updates = int(max(setup.env_steps - replay.learning_starts, 0) * replay.samples_per_env_step / replay.batch_size)
    return Agent(
        policy=_policy(setup, networks, partial(_acting_q_function, setup)),
        memory=memory,
        learner=_learner(setup, settings, networks, targets, td_rule, updates, sample),
        network=networks.actor,
        q_function=playing_q_function(setup, networks.actor),
        gamma=gamma_schedule(settings, setup.env_steps),
        reward_transform=reward_transform(settings),
    )


def rollout_agent(setup: Setup, settings: RolloutSettings, network: QNetwork, td_rule: TDRule) -> Agent:
    """Make an agent that plays a rollout in all environments, then learns from its λ-returns; it has no target network.

    Args:
        setup: of the run.
        settings: of the agent.
        network: the online network.
        td_rule: the loss of a batch, whose rewards are λ-returns; it reads only ``online_tm1``.

    Raises:
        MemoryBudgetError: a rollout would not fit into the free memory.
    """
    num_envs, networks = setup.spec.num_envs, OnlineActor(network, generator(setup.seed, "noise"))
    policy = RecordingPolicy(partial(_acting_q_function, setup), partial(_policy, setup, networks), num_envs)
    memory = RolloutBuffer(
        settings,
        setup.spec,
        take_values=policy.take_values,
        reward_transform=reward_transform(settings),
        device=setup.device,
        generator=generator(setup.seed, "rollout"),
    )
    updates = settings.updates(setup.env_steps, num_envs)
    targets = NoTargets(fuse_conv_bn_train(networks.online), setup.autocast)
    return Agent(
        policy=policy,
        memory=memory,
        learner=_learner(setup, settings, networks, targets, td_rule, updates, memory.sample),
        network=networks.actor,
        q_function=playing_q_function(setup, networks.actor),
        gamma=Constant(settings.gamma),
        reward_transform=reward_transform(settings),
        rows_until_due=memory.rows_until_due,
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


def reward_transform(settings: ReturnSettings) -> RewardTransform | None:
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


def _acting_q_function(setup: Setup, view: QNetwork) -> QFunction:
    """Return the Q-function of a view for training, in the precision of training."""
    return make_q_function(fuse_conv_bn(view), setup.device, setup.autocast, setup.capture)


def _policy(setup: Setup, networks: OnlineActor, q_function: Callable[[QNetwork], QFunction]) -> TrainingPolicy:
    schedule = exploration_schedule(setup.exploration, setup.env_steps)
    draws = generator(setup.seed, "exploration")
    return make_policy(setup.exploration, schedule, networks, setup.spec, q_function, draws)


def _sampled_observation(memory: ReplayBuffer) -> Tensor:
    return memory.sample().transition.observation


def _learner(
    setup: Setup,
    settings: ReturnSettings,
    networks: OnlineActor,
    targets: TargetEstimator,
    td_rule: TDRule,
    updates: int,
    sample: Callable[[], Tensor],
) -> QLearner:
    """Make the learner of a run with so many ``updates``; ``sample`` draws observations [B, C, H, W]."""
    make_augmentation = AUGMENTATIONS.get(settings.augmentation)
    return QLearner(
        networks=networks,
        targets=targets,
        td_rule=td_rule,
        settings=setup.optimiser,
        learning_rate=learning_rate_schedule(setup.optimiser, updates),
        autocast=setup.autocast,
        sample=sample,
        calibration_batches=setup.network.calibration_batches,
        augmentation=make_augmentation and make_augmentation(generator(setup.seed, "augmentation")),
        capture=setup.capture,
    )
