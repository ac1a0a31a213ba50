import re

import pytest

from rlvision.config.loading import load_config
from rlvision.config.validation import _CHECKS
from rlvision.core.errors import ConfigError

CASES = [
    ({"env.crop": [100, 100, 0, 10]}, "env.crop"),
    ({"env.crop": [0, 100, 10, 9]}, "env.crop"),
    ({"env.num_envs": 2, "env.num_workers": 3}, "env.num_workers of at most env.num_envs (2), got 3"),
    ({"env.game": "CartPole-v1", "env.step_timeout": 5}, "env.num_workers of at least 1 when env.step_timeout is set"),
    ({"replay.capacity": 8 * 7 - 1, "replay.learning_starts": 50, "agent.n_step": 3}, "= 56, got 55"),
    ({"replay.learning_starts": 31}, "replay.learning_starts of at least replay.batch_size (32), got 31"),
    ({"replay.capacity": 5_000, "replay.learning_starts": 5_001}, "at most replay.capacity (5000), got 5001"),
    ({"exploration.start": 0.1, "exploration.end": 0.2}, "exploration.end of at most exploration.start (0.1), got 0.2"),
    ({"cuda_graphs": True, "optimiser.name": "adagrad"}, "when cuda_graphs is on, got adagrad"),
    ({"exploration.start": 2}, "exploration.start of at most 1 because it is a probability, got 2"),
    (
        {"exploration.kind": "softmax", "exploration.end": 0},
        "exploration.end above 0 because it is a temperature, got 0",
    ),
    (
        {"exploration.kind": "softmax", "exploration.final": 0},
        "exploration.final above 0 because it is a temperature, got 0",
    ),
    ({"exploration.end": 0.1, "exploration.final": 0.2}, "exploration.final of at most exploration.end (0.1), got 0.2"),
    ({"exploration.final_env_steps": 90_000}, "exploration.final when exploration.final_env_steps is set, got none"),
    (
        {"exploration.final": 0, "exploration.final_env_steps": 50_000},
        "exploration.final_env_steps above exploration.decay_env_steps (50000), got 50000",
    ),
    (
        {"optimiser.schedule": "linear", "optimiser.learning_rate": 1e-4, "optimiser.final_learning_rate": 2e-4},
        "optimiser.final_learning_rate of at most optimiser.learning_rate (0.0001), got 0.0002",
    ),
    ({"evaluate_every": 0, "evaluation.patience": 3}, "evaluate_every above 0"),
    (
        {"network.encoder": "nature", "network.momentum": 0.5},
        "network.encoder=dn when network.momentum is 0.5, got 'nature'",
    ),
    (
        {"network.encoder": "nature", "network.norm": "layer"},
        "network.encoder=dn when network.norm is 'layer', got 'nature'",
    ),
    (
        {"network.encoder": "a\nb", "network.norm": "layer"},
        r"network.encoder=dn when network.norm is 'layer', got 'a\nb'",
    ),
    (
        {"network.norm": "recalibrated", "network.calibration_batches": 0},
        "network.calibration_batches above 0 when network.norm is recalibrated, got 0",
    ),
    (
        {"network.norm": "fixed", "network.calibration_batches": 0},
        "network.calibration_batches above 0 when network.norm is fixed, got 0",
    ),
    (
        {"network.norm": "joint", "agent.target_tau": 0.01},
        "agent.target_tau to be unset when network.norm is joint, which has no target, got 0.01",
    ),
    (
        {"agent.horizon_env_steps": 9},
        "agent.final_n_step or agent.final_gamma when agent.horizon_env_steps is set, got neither",
    ),
    ({"agent.final_gamma": 1}, "agent.gamma and agent.final_gamma below 1 when gamma changes, got 0.99 and 1"),
    (
        {"agent.gamma": 1, "agent.final_gamma": 0.9},
        "agent.gamma and agent.final_gamma below 1 when gamma changes, got 1 and 0.9",
    ),
    ({"replay.capacity": 100, "replay.learning_starts": 50, "agent.final_n_step": 10}, "= 112, got 100"),
    ({"exploration.kind": "noisy"}, "network.noisy=true when exploration.kind is noisy, got false"),
    ({"network.kwargs": {"hidden": 64}}, "network.kwargs to be empty for network.encoder=dn"),
    (
        {"agent.name": "pqn", "agent.rollout_steps": 6, "agent.batch_size": 7, "env.num_envs": 4},
        "agent.batch_size to divide agent.rollout_steps * env.num_envs (24), got 7",
    ),
    (
        {"agent.name": "pqn", "network.norm": "joint"},
        "a network.norm without a target network for pqn, which has none, got joint",
    ),
]

ON_THE_EDGE = [
    {"env.crop": [0, 1, 0, 1]},
    {"env.num_envs": 2, "env.num_workers": 2},
    {"env.num_workers": 1, "env.step_timeout": 5},
    {"replay.capacity": 8 * 7, "replay.learning_starts": 50, "agent.n_step": 3},
    {"replay.learning_starts": 32},
    {"replay.capacity": 5_000, "replay.learning_starts": 5_000},
    {"exploration.start": 0.2, "exploration.end": 0.2},
    {"exploration.final": 0.01, "exploration.final_env_steps": 50_001},
    {"exploration.final": 0, "env_steps": 1_000},
    {"exploration.start": 1},
    {"exploration.kind": "softmax", "exploration.start": 2, "exploration.end": 0.1},
    {"optimiser.schedule": "linear", "optimiser.learning_rate": 1e-4, "optimiser.final_learning_rate": 1e-4},
    {"optimiser.schedule": "constant", "optimiser.final_learning_rate": 1.0},
    {"evaluate_every": 0},
    {"network.encoder": "nature", "network.hidden": 64, "network.dueling": True},
    {"agent.name": "qr_dqn", "agent.quantiles": 64},
    {"agent.horizon_env_steps": 9, "agent.final_n_step": 10},
    {"agent.horizon_env_steps": 9, "agent.final_gamma": 0.999},
    {"agent.gamma": 1},
    {"agent.name": "pqn", "agent.rollout_steps": 6, "agent.batch_size": 24, "env.num_envs": 4},
    {"agent.name": "pqn", "network.norm": "running"},
    {"exploration.kind": "noisy", "network.noisy": True},
    {"network.noisy": True},
    {"network.norm": "recalibrated", "network.calibration_batches": 1},
    {"network.norm": "renorm", "network.calibration_batches": 0, "agent.target_tau": 0.01},
]


@pytest.fixture
def load(tmp_path):
    """The defaults with overrides: what contradicts what does not hang on a preset."""
    (tmp_path / "defaults.yaml").write_text("# all of them\n")
    return lambda overrides: load_config(str(tmp_path / "defaults.yaml"), overrides)


@pytest.mark.parametrize(("overrides", "message"), CASES)
def test_what_cannot_be_used_together(overrides, message, load):
    with pytest.raises(ConfigError, match=rf"^expected .*{re.escape(message)}.*, got .*: |{re.escape(message)}: "):
        load(overrides)


@pytest.mark.parametrize("overrides", ON_THE_EDGE)
def test_what_just_can(overrides, load):
    load(overrides)


def test_every_contradiction_has_a_case(load):
    raised = set()
    for overrides, _ in CASES:
        with pytest.raises(ConfigError) as refused:
            load(overrides)
        raised.add(refused.traceback[-2].name)
    assert raised == {refuse.__name__ for refuse in _CHECKS}
