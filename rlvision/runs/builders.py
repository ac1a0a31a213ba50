"""From settings to parts: the only module that knows both."""

from collections.abc import Callable
from fractions import Fraction
from typing import cast

import torch
from torch import Tensor

from rlvision.agents.dqn import dqn
from rlvision.agents.qr_dqn import qr_dqn
from rlvision.config.schema import Config
from rlvision.core.devices import make_autocast, resolve_device
from rlvision.core.errors import ConfigError
from rlvision.core.seeding import derive, generator
from rlvision.core.types import EnvSpec, QFunction
from rlvision.envs.make import make
from rlvision.envs.vector_env import TapedVectorEnv
from rlvision.learning.agent import Agent, Ingredients
from rlvision.learning.optimisers import decay_groups, make_optimiser
from rlvision.learning.policies import EpsilonGreedy, Softmax, ladder_exponents, on_device
from rlvision.learning.schedules import Constant, Cosine, Linear, Schedule, Then, WarmUp
from rlvision.nn.cuda_graphs import Record, cuda_graph
from rlvision.nn.fusion import channels_last, folded
from rlvision.nn.heads import DuelingHead, LinearHead
from rlvision.nn.norm_variants import ARMS, momentum_of
from rlvision.nn.normalisation import BatchRenorm2d
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import build_encoder
from rlvision.nn.target_network import Views
from rlvision.replay.buffer import Replay, required_bytes
from rlvision.replay.samplers import PrioritySettings
from rlvision.training.trainer import Plan


def make_env(config: Config, num_envs: int) -> TapedVectorEnv:
    """Make ``num_envs`` environments of a run; a single one always in this process, where it can be watched.

    Raises:
        RLVisionError: there is no such environment, or it cannot be played with these settings.
    """
    return make(config.env, num_envs)


def make_network(config: Config, spec: EnvSpec) -> QNetwork:
    """The Q-network, initialised from the run's seed, on its device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(config.seed, "network"))
        q_network = new_network(config, spec)
    return channels_last(q_network.to(resolve_device(config.device)))


def new_network(config: Config, spec: EnvSpec) -> QNetwork:
    """The Q-network as torch makes it: on its default device, from its own stream of random numbers."""
    network = config.network
    is_dn = network.encoder == "dn"
    encoder = build_encoder(network.encoder, spec.observation_shape, **_encoder_options(config))
    head = (DuelingHead if network.dueling else LinearHead)(
        cast(int, encoder.features),  # build_encoder has checked it
        spec.num_actions,
        hidden=0 if is_dn else network.hidden,  # DN has it in its encoder
        zero_init=network.zero_head,
        quantiles=config.agent.quantiles if config.agent.name == "qr_dqn" else 1,
    )
    q_network = QNetwork(encoder, head)
    for layer in q_network.modules():
        if isinstance(layer, BatchRenorm2d):
            layer.r_max, layer.d_max = network.r_max, network.d_max
    return q_network


def make_actor(config: Config, network: QNetwork) -> QFunction:
    """The Q-function of a network in evaluation mode, for games that count.

    In float32 whatever the precision of learning, so that another machine gives the same scores.
    """
    device = resolve_device(config.device)
    return on_device(folded(network), device, make_autocast("float32", device), make_record(config))


def make_record(config: Config) -> Record | None:
    """How kernels are launched: as CUDA graphs, where that is wanted; None: one by one.

    Raises:
        ConfigError: it is wanted, and the device knows no CUDA graphs.
    """
    if not config.cuda_graphs:
        return None
    device = resolve_device(config.device)
    if device.type != "cuda":
        raise ConfigError(f"expected --device=cuda for cuda_graphs=True, got {device}: leave cuda_graphs out")
    return cuda_graph


def make_agent(config: Config, spec: EnvSpec) -> Agent:
    """The whole agent.

    Raises:
        MemoryBudgetError: its replay would not fit.
    """
    device = resolve_device(config.device)
    memory = make_memory(config, spec, device)
    autocast, record = make_autocast(config.precision, device), make_record(config)
    views = Views(make_network(config, spec))
    optimiser = config.optimiser
    ingredients = Ingredients(
        views=views,
        arm=ARMS[config.network.norm if config.network.encoder == "dn" else "none"],
        q_function=make_actor(config, views.actor),
        beta=Linear(config.replay.beta, 1.0, config.env_steps),
        policy=make_policy(config, spec, on_device(folded(views.actor), device, autocast, record)),
        memory=memory,
        optimiser=make_optimiser(
            optimiser.name,
            decay_groups(views.online, optimiser.weight_decay),
            learning_rate=optimiser.learning_rate,
            epsilon=optimiser.epsilon,
            momentum=optimiser.momentum,
        ),
        learning_rate=make_learning_rate(config),
        autocast=autocast,
        max_grad_norm=optimiser.max_grad_norm,
        calibration_batches=config.network.calibration_batches,
        record=record,
    )
    return _composed(config, ingredients)


def make_memory(config: Config, spec: EnvSpec, device: torch.device) -> Replay:
    """The replay."""
    replay, agent = config.replay, config.agent
    _, height, width = spec.observation_shape
    priority = PrioritySettings(alpha=replay.alpha, beta=replay.beta, epsilon=replay.priority_epsilon)
    return Replay(
        capacity=replay.capacity,
        num_envs=spec.num_envs,
        frame_shape=(spec.frame_channels, height, width),
        stack=spec.stack,
        n_step=agent.n_step,
        gamma=agent.gamma,
        batch_size=replay.batch_size,
        samples_per_env_step=Fraction(str(replay.samples_per_env_step)),
        learning_starts=replay.learning_starts,
        reward_transform=make_reward_transform(config),
        priority=priority if replay.prioritised else None,
        device=device,
        compression=replay.compression,
        generator=generator(config.seed, "replay"),
    )


def memory_of_replay(config: Config, spec: EnvSpec) -> str:
    """The setting of the replay's memory and what it takes, in words."""
    _, height, width = spec.observation_shape
    replay, frame_shape = config.replay, (spec.frame_channels, height, width)
    needed = required_bytes(
        replay.capacity, spec.num_envs, frame_shape, prioritised=replay.prioritised, compression=replay.compression
    )
    return f"replay.capacity ({replay.capacity:,}, {needed / 1e9:.2f} GB)"


def make_reward_transform(config: Config) -> Callable[[Tensor], Tensor] | None:
    """What the agent makes of raw rewards."""
    scale, bound = config.agent.reward_scale, config.agent.reward_clip
    if scale == 1.0 and bound is None:
        return None
    bound = float("inf") if bound is None else bound
    return lambda reward: (reward * scale).clamp(-bound, bound)


def make_policy(config: Config, spec: EnvSpec, q_function: QFunction) -> EpsilonGreedy | Softmax:
    """How the agent explores."""
    explore, schedule = config.exploration, make_exploration(config)
    draws = generator(config.seed, "exploration")
    if explore.kind == "softmax":
        return Softmax(q_function, schedule, draws)
    exponents = ladder_exponents(spec.num_envs, explore.ladder_alpha) if explore.kind == "ladder" else None
    return EpsilonGreedy(q_function, spec.num_actions, schedule, draws, exponents)


def make_exploration(config: Config) -> Schedule:
    """Epsilon or the temperature as a function of env steps: start to end, and on to final where that is set."""
    explore = config.exploration
    first = Linear(explore.start, explore.end, explore.decay_env_steps)
    if explore.final is None:
        return first
    rest = (explore.final_env_steps or config.env_steps) - explore.decay_env_steps
    return Then(first, explore.decay_env_steps, Linear(explore.end, explore.final, rest))


def make_learning_rate(config: Config) -> Schedule:
    """The learning rate as a function of updates."""
    optimiser, replay = config.optimiser, config.replay
    learning_env_steps = max(config.env_steps - replay.learning_starts, 0)
    updates = int(learning_env_steps * replay.samples_per_env_step / replay.batch_size)
    start, end = optimiser.learning_rate, optimiser.final_learning_rate
    schedules: dict[str, Schedule] = {
        "constant": Constant(start),
        "linear": Linear(start, end, updates),
        "cosine": Cosine(start, end, updates),
    }
    return WarmUp(schedules[optimiser.schedule], optimiser.warmup_updates)


def make_plan(config: Config) -> Plan:
    """When things happen."""
    return Plan(
        env_steps=config.env_steps,
        log_every=config.tracking.log_every,
        evaluate_every=config.evaluate_every,
        checkpoint_every=config.checkpoint_every,
        target_score=config.evaluation.target_score,
        patience=config.evaluation.patience,
    )


def _composed(config: Config, ingredients: Ingredients) -> Agent:
    """The agent by its recipe."""
    agent = config.agent
    if agent.name == "qr_dqn":
        return qr_dqn(ingredients, double=agent.double, target_period=agent.target_period, target_tau=agent.target_tau)
    return dqn(
        ingredients,
        double=agent.double,
        loss=agent.loss,
        target_period=agent.target_period,
        target_tau=agent.target_tau,
    )


def _encoder_options(config: Config) -> dict[str, object]:
    network = config.network
    options = dict(network.kwargs)
    if network.encoder == "dn":
        options |= {
            "norm": ARMS[network.norm].layer,
            "momentum": momentum_of(network.norm, network.momentum),
            "activation": network.activation,
            "max_pool": network.max_pool,
            "hidden": network.hidden,
            "dropout": network.dropout,
        }
    return options
