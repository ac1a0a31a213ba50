"""Checks of settings that are valid alone but not together, and of settings without effect.

Some limits are known only to a part, such as the smallest frame of an encoder or the devices of the machine. The part
checks them itself when it is built.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rlvision.config.field_types import short_repr
from rlvision.config.fields import flatten
from rlvision.config.schema import Config, defaults_for
from rlvision.core.errors import ConfigError
from rlvision.envs.settings import EnvSettings
from rlvision.learning.settings import QLearningSettings, RolloutSettings
from rlvision.nn.norm_variants import NORM_VARIANTS, resolve_momentum
from rlvision.nn.settings import NetworkSettings

DN_SETTINGS = ("max_pool",)
"""Settings of the network that only the encoder dn has."""
CHAPTER_SETTINGS = ("norm", "momentum", "r_max", "d_max", "activation", "negative_slope", "dropout")
"""Settings of the network that only the encoders of the chapter have."""


def validate_config(config: Config) -> None:
    """Refuse settings that cannot be used together.

    Raises:
        ConfigError: The message names the first settings that conflict.
    """
    for refuse in _CHECKS:
        refuse(config)


def _refuse(expected: str, got: str, remedy: str) -> None:
    raise ConfigError(f"expected {expected}, got {got}: {remedy}")


def _check_crop(config: Config) -> None:
    if (crop := config.env.crop) is None:
        return
    top, bottom, left, right = crop
    if top >= bottom or left >= right:
        _refuse("env.crop to be top, bottom, left, right with top < bottom and left < right", f"{crop}", "reorder it")


def _check_num_workers(config: Config) -> None:
    env = config.env
    if env.num_workers > env.num_envs:
        expected = f"env.num_workers of at most env.num_envs ({env.num_envs})"
        _refuse(expected, f"{env.num_workers}", "use fewer workers or more environments")


def _check_step_timeout(config: Config) -> None:
    env = config.env
    if env.num_workers == 0 and env.step_timeout != EnvSettings().step_timeout:
        expected = "env.num_workers of at least 1 when env.step_timeout is set"
        _refuse(expected, "0", "raise it, because only a worker process can be ended in mid-step, or leave both out")


def _check_capacity(config: Config) -> None:
    env, replay, agent = config.env, config.replay, config.agent
    if not isinstance(agent, QLearningSettings):
        return
    needed = env.num_envs * (max(agent.n_step, agent.final_n_step or 0) + env.stack)
    if replay.capacity < needed:
        expected = f"replay.capacity of at least env.num_envs * (agent.n_step + env.stack) = {needed}"
        _refuse(expected, f"{replay.capacity}", "raise replay.capacity or lower agent.n_step")


def _check_rollout(config: Config) -> None:
    agent, num_envs = config.agent, config.env.num_envs
    if not isinstance(agent, RolloutSettings):
        return
    if (rows := agent.rollout_steps * num_envs) % agent.batch_size:
        fitting = max(size for size in range(1, min(agent.batch_size, rows) + 1) if rows % size == 0)
        expected = f"agent.batch_size to divide agent.rollout_steps * env.num_envs ({rows})"
        _refuse(expected, f"{agent.batch_size}", f"set it to {fitting}, say")
    if NORM_VARIANTS[config.network.norm].target != "eval":
        expected = f"a network.norm without a target network for {agent.name}, which has none"
        _refuse(expected, config.network.norm, "choose running for plain BatchNorm, renorm or layer")


def _check_batch_size(config: Config) -> None:
    replay = config.replay
    if not config.agent.uses_replay:
        return
    if replay.batch_size > replay.learning_starts:
        expected = f"replay.learning_starts of at least replay.batch_size ({replay.batch_size})"
        _refuse(expected, f"{replay.learning_starts}", "raise replay.learning_starts or lower replay.batch_size")


def _check_learning_starts(config: Config) -> None:
    replay = config.replay
    if config.agent.uses_replay and replay.learning_starts > replay.capacity:
        expected = f"replay.learning_starts of at most replay.capacity ({replay.capacity})"
        _refuse(expected, f"{replay.learning_starts}", "lower replay.learning_starts or raise replay.capacity")


def _check_exploration_decay(config: Config) -> None:
    exploration = config.exploration
    if exploration.end > exploration.start:
        expected = f"exploration.end of at most exploration.start ({exploration.start:g})"
        _refuse(expected, f"{exploration.end:g}", "lower exploration.end")
    if exploration.final is not None and exploration.final > exploration.end:
        expected = f"exploration.final of at most exploration.end ({exploration.end:g})"
        _refuse(expected, f"{exploration.final:g}", "lower exploration.final")


def _check_final_exploration(config: Config) -> None:
    exploration = config.exploration
    if (last := exploration.final_env_steps) is None:
        return
    if exploration.final is None:
        expected = "exploration.final when exploration.final_env_steps is set"
        _refuse(expected, "none", "set exploration.final or unset exploration.final_env_steps")
    if last <= exploration.decay_env_steps:
        expected = f"exploration.final_env_steps above exploration.decay_env_steps ({exploration.decay_env_steps})"
        _refuse(expected, f"{last}", "raise it, or leave it out, and the decay lasts until the end of the run")


def _check_cuda_graphs_optimiser(config: Config) -> None:
    if config.cuda_graphs and config.optimiser.name == "adagrad":
        expected = "an optimiser whose steps CUDA graphs can capture when cuda_graphs is on"
        _refuse(expected, "adagrad", "choose adam, adamw, radam, sgd or rmsprop, or leave cuda_graphs out")


def _check_epsilon(config: Config) -> None:
    exploration = config.exploration
    if exploration.kind != "softmax" and exploration.start > 1:
        remedy = "lower it, or choose exploration.kind=softmax, where it is a temperature"
        _refuse("exploration.start of at most 1 because it is a probability", f"{exploration.start:g}", remedy)


def _check_temperature(config: Config) -> None:
    exploration = config.exploration
    for name in ("end", "final"):
        if exploration.kind == "softmax" and getattr(exploration, name) == 0:
            expected = f"exploration.{name} above 0 because it is a temperature"
            _refuse(expected, "0", "raise it, or choose exploration.kind=epsilon_greedy")


def _check_learning_rate(config: Config) -> None:
    optimiser = config.optimiser
    if optimiser.schedule != "constant" and optimiser.final_learning_rate > optimiser.learning_rate:
        expected = f"optimiser.final_learning_rate of at most optimiser.learning_rate ({optimiser.learning_rate:g})"
        _refuse(expected, f"{optimiser.final_learning_rate:g}", "lower optimiser.final_learning_rate")


def _check_patience(config: Config) -> None:
    if config.evaluation.patience is not None and config.evaluate_every == 0:
        expected = "evaluate_every above 0 when evaluation.patience is set"
        _refuse(expected, "0", "set evaluate_every or unset evaluation.patience")


def _check_encoder_settings(config: Config) -> None:
    network = config.network
    defaults = NetworkSettings(momentum=None if network.momentum is None else NORM_VARIANTS[network.norm].momentum)
    for name in (*(() if network.is_chapters else CHAPTER_SETTINGS), *(() if network.encoder == "dn" else DN_SETTINGS)):
        if (value := getattr(network, name)) != (default := getattr(defaults, name)):
            expected = f"network.encoder=dn when network.{name} is {short_repr(value)}"
            remedy = f"set network.{name}={default}, its default; other encoders take their settings in network.kwargs"
            _refuse(expected, short_repr(network.encoder), remedy)


def _check_calibration_batches(config: Config) -> None:
    network = config.network
    purposes = {"recalibrated": "the target's statistics at each sync", "fixed": "the statistics once, for good"}
    if network.norm in purposes and network.calibration_batches == 0:
        expected = f"network.calibration_batches above 0 when network.norm is {network.norm}"
        _refuse(expected, "0", f"raise it, because these batches measure {purposes[network.norm]}")


def _check_target_tau(config: Config) -> None:
    network, agent = config.network, config.agent
    if not isinstance(agent, QLearningSettings):
        return
    reasons = {"joint": "which has no target", "recalibrated": "which needs hard copies"}
    if agent.target_tau is not None and network.norm in reasons:
        expected = f"agent.target_tau to be unset when network.norm is {network.norm}, {reasons[network.norm]}"
        _refuse(expected, f"{agent.target_tau:g}", "unset it, or choose another network.norm")


def _check_horizon(config: Config) -> None:
    agent = config.agent
    if not isinstance(agent, QLearningSettings):
        return
    if agent.horizon_env_steps is not None and agent.final_n_step is None and agent.final_gamma is None:
        expected = "agent.final_n_step or agent.final_gamma when agent.horizon_env_steps is set"
        _refuse(expected, "neither", "set one of them, or leave all three out")
    if agent.final_gamma is not None and 1.0 in (agent.gamma, agent.final_gamma):
        expected = "agent.gamma and agent.final_gamma below 1 when gamma changes"
        _refuse(expected, f"{agent.gamma:g} and {agent.final_gamma:g}", "lower them, or leave agent.final_gamma out")


def _check_noisy(config: Config) -> None:
    if config.exploration.kind == "noisy" and not config.network.noisy:
        expected = "network.noisy=true when exploration.kind is noisy"
        _refuse(expected, "false", "set it, or choose another exploration.kind")


def _check_network_kwargs(config: Config) -> None:
    network = config.network
    if network.is_chapters and network.kwargs:
        expected = f"network.kwargs to be empty for network.encoder={network.encoder}, which has settings of its own"
        _refuse(expected, f"{network.kwargs}", "set network.hidden, network.norm and so on instead")


_CHECKS: tuple[Callable[[Config], None], ...] = (
    _check_crop,
    _check_num_workers,
    _check_step_timeout,
    _check_capacity,
    _check_rollout,
    _check_batch_size,
    _check_learning_starts,
    _check_exploration_decay,
    _check_final_exploration,
    _check_cuda_graphs_optimiser,
    _check_epsilon,
    _check_temperature,
    _check_learning_rate,
    _check_patience,
    _check_encoder_settings,
    _check_network_kwargs,
    _check_horizon,
    _check_noisy,
    _check_calibration_batches,
    _check_target_tau,
)


class Requirement(NamedTuple):
    """Settings that have an effect only together with another setting."""

    settings: tuple[str, ...]  # by dotted name
    needs: str
    is_met: Callable[[Config], bool]


REQUIREMENTS = (
    Requirement(("network.r_max", "network.d_max"), "network.norm=renorm", lambda c: c.network.norm == "renorm"),
    Requirement(("network.negative_slope",), "activation=leaky_relu", lambda c: c.network.activation == "leaky_relu"),
    Requirement(
        ("network.momentum",),
        "a network.norm that updates running statistics",
        lambda c: c.network.norm not in ("fixed", "layer", "group", "none"),
    ),
    Requirement(
        ("network.calibration_batches",),
        "a network.norm with running statistics",
        lambda c: c.network.norm not in ("layer", "group", "none"),
    ),
    Requirement(
        ("network.calibration_batches",),
        "no network.init, whose weights bring their statistics, or network.norm=recalibrated",
        lambda c: c.network.init is None or c.network.norm == "recalibrated",
    ),
    Requirement(
        ("replay.alpha", "replay.beta", "replay.priority_epsilon"),
        "replay.prioritised",
        lambda c: c.replay.prioritised,
    ),
    Requirement(("agent.double",), "a target network (not network.norm=joint)", lambda c: c.network.norm != "joint"),
    Requirement(
        ("agent.target_period",),
        "periodic target copies (not agent.target_tau, not network.norm=joint)",
        lambda c: getattr(c.agent, "target_tau", None) is None and c.network.norm != "joint",
    ),
    Requirement(
        ("optimiser.final_learning_rate",),
        "optimiser.schedule=linear or cosine",
        lambda c: c.optimiser.schedule != "constant",
    ),
    Requirement(("optimiser.epsilon",), "an optimiser.name other than sgd", lambda c: c.optimiser.name != "sgd"),
    Requirement(
        ("optimiser.momentum",), "an optimiser.name other than adagrad", lambda c: c.optimiser.name != "adagrad"
    ),
    Requirement(("exploration.ladder_alpha",), "exploration.kind=ladder", lambda c: c.exploration.kind == "ladder"),
    Requirement(
        ("exploration.persistence",), "exploration.kind=persistent", lambda c: c.exploration.kind == "persistent"
    ),
    Requirement(
        ("exploration.start", "exploration.end", "exploration.decay_env_steps", "exploration.final"),
        "an exploration.kind other than noisy",
        lambda c: c.exploration.kind != "noisy",
    ),
    Requirement(("tracking.video_steps",), "tracking.video_every above 0", lambda c: c.tracking.video_every > 0),
)


def unused_settings(config: Config) -> Iterator[str]:
    """Yield a phrase for each changed setting that has no effect: its name, and the setting that it needs."""
    values = flatten(config)
    defaults = flatten(defaults_for(config.agent)) | {"network.momentum": resolve_momentum(config.network.norm, None)}
    for settings, needs, is_met in REQUIREMENTS:
        if not is_met(config):
            changed = (name for name in settings if name in values and values[name] != defaults[name])
            yield from (f"{name} needs {needs}" for name in changed)
