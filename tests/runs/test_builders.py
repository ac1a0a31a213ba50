"""Settings that would do nothing are refused; building leaves the caller's random numbers alone."""

import copy
import multiprocessing
from contextlib import closing

import pytest
import torch

from rlvision.cli import main as cli
from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.types import Batch, EnvSpec, Transition
from rlvision.envs.preprocessing import frame_size
from rlvision.learning.agent import reward_transform
from rlvision.learning.losses import double_q_target, huber, of_action, quantile_huber, quantile_targets
from rlvision.learning.schedules import exploration_schedule
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.statistics import statistics_layers
from rlvision.runs import builders
from tests.conftest import COUNTING, DQN


@pytest.mark.parametrize(
    ("preset", "overrides", "name"),
    [
        ("pong", {"env.num_workers": 2}, "num_workers"),
        ("pong", {"env.kwargs": {"a": 1}}, "kwargs"),
        ("pong", {"env.max_episode_steps": 5}, "max_episode_steps"),
        ("quick", {"env.sticky": 0.25}, "sticky"),
        ("quick", {"env.protocol": "machado"}, "protocol"),
        ("quick", {"env.reseed_after": 3}, "reseed_after"),
    ],
)
def test_settings_of_the_other_kind_are_refused_by_their_own_name(preset, overrides, name):
    with pytest.raises(ConfigError, match=f"expected env.{name} unset for .*, got .*: leave it out"):
        builders.make_env(load_config(preset, overrides), 1)


def test_a_time_limit_truncates():
    env = builders.make_env(load_config(DQN, {"env.max_episode_steps": 6}), 1)
    env.reset(seed=0)
    steps = [env.step(env_action()) for _ in range(4)]
    env.close()
    assert [bool(step.truncated[0]) for step in steps] == [False, False, True, False]  # two steps a decision


def env_action():
    return torch.zeros(1, dtype=torch.int64).numpy()


def test_building_a_network_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    builders.make_network(load_config("pong"), EnvSpec(1, (4, 84, 84), 1, ("a", "b"), 4))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "the network sees the whole 77x77 picture"),
        ({"encoder": "nature"}, "the network sees the whole 84x84 picture"),
        (
            {"size": (84, 84)},
            "the network sees 77x77 of 84x84 pixels (84 %); it sees all with env.height=77 or 85, env.width=77 or 85",
        ),
        ({"size": (40, 61)}, "the network sees 37x61 of 40x61 pixels (92 %); it sees all with env.height=37 or 45"),
        ({"size": (77, 60)}, "the network sees 77x53 of 77x60 pixels (88 %); it sees all with env.width=53 or 61"),
        ({"size": (84, 84), "encoder": "mlp"}, "the network sees the whole 84x84 picture"),
        ({"encoder": "own_networks:Particular"}, None),
    ],
)
def test_a_network_says_what_it_sees(settings, line):
    given = {"network.encoder": settings.get("encoder", "dn"), "device": "cpu"}
    given |= dict(zip(("env.height", "env.width"), settings.get("size", ()), strict=False))
    config = load_config("pong-dqn", given)
    spec = EnvSpec(1, (4, *frame_size(config.env)), 1, ("a", "b"), 4)
    assert builders.describe_view(builders.make_network(config, spec), spec) == line


def test_windows_of_a_network_that_is_no_encoder_of_ours_mean_nothing():
    network = torch.nn.Linear(1, 1)
    spec = EnvSpec(1, (4, 84, 84), 1, ("a", "b"), 4)
    assert builders.describe_view(network, spec) is None
    network.encoder = torch.nn.Linear(1, 1)
    network.encoder.windows = (1, 2)
    assert builders.describe_view(network, spec) is None


@pytest.mark.parametrize(
    ("overrides", "epsilons"),
    [
        ({}, [1.0, 0.1, 0.1, 0.1]),
        ({"exploration.final": 0.02}, [1.0, 0.1, 0.06, 0.02]),
        ({"exploration.final": 0.02, "exploration.final_env_steps": 200}, [1.0, 0.1, 0.02, 0.02]),
    ],
)
def test_exploration_falls_to_its_end_and_on_to_what_is_final(overrides, epsilons):
    given = {"env_steps": 300, "exploration.end": 0.1, "exploration.decay_env_steps": 100}
    config = load_config(DQN, given | overrides)
    exploration = exploration_schedule(config.exploration, config.env_steps)
    assert [exploration(count) for count in (0, 100, 200, 300)] == pytest.approx(epsilons)


@pytest.mark.parametrize(
    ("scale", "bound", "learned"),
    [
        (1.0, 1.0, [-1.0, -0.5, 0.0, 1.0, 1.0]),
        (0.5, 1.0, [-1.0, -0.25, 0.0, 1.0, 1.0]),
        (0.5, None, [-15.0, -0.25, 0.0, 1.0, 2.0]),
        (1.0, None, [-30.0, -0.5, 0.0, 2.0, 4.0]),
    ],
)
def test_rewards_are_scaled_and_then_bounded(scale, bound, learned):
    config = load_config("pong-dqn", {"agent.reward_scale": scale, "agent.reward_clip": bound})
    transform = reward_transform(config.agent)
    rewards = torch.tensor([-30.0, -0.5, 0.0, 2.0, 4.0])
    assert (rewards if transform is None else transform(rewards)).tolist() == learned


SMALL = {
    "device": "cpu",
    "precision": "float32",
    "env.height": 32,
    "env.width": 32,
    "replay.capacity": 1_000,
    "replay.learning_starts": 100,
}


def loss_of(name, seen, q_tm1, q_t, selector_t):
    """The mean loss of a batch by the formulas, for the action that the selector chooses."""
    if name == "dqn":
        target = double_q_target(seen.reward, seen.discount, q_t.q_values, selector_t.q_values)
        return huber(of_action(q_tm1.q_values, seen.action), target).mean()
    target = quantile_targets(seen.reward, seen.discount, q_t.quantiles, selector_t.q_values)
    return quantile_huber(of_action(q_tm1.quantiles, seen.action), target).mean()


@pytest.mark.parametrize(("name", "double"), [("dqn", False), ("dqn", True), ("qr_dqn", False), ("qr_dqn", True)])
def test_an_agent_learns_by_the_rule_of_its_name_and_copies_when_it_should(name, double):
    numbers = {"agent.name": name, "agent.double": double, "agent.target_period": 2}
    config = load_config("pong-dqn", {**SMALL, "network.calibration_batches": 0, **numbers})
    learner = builders.make_agent(config, EnvSpec(1, (4, 32, 32), 1, ("a", "b", "c"), 4)).learner
    draws = torch.Generator().manual_seed(1)
    s, after = torch.randint(256, (2, 64, 4, 32, 32), generator=draws).to(torch.uint8)
    seen = Transition(s, torch.arange(64) % 3, torch.ones(64), torch.full((64,), 0.9), after)
    networks = learner.networks
    with torch.no_grad():
        for parameter in networks.target.head.parameters():
            parameter.neg_()  # else both networks would choose alike
        q_tm1, q_t, online_t = copy.deepcopy(networks.online)(s), networks.target(after), networks.actor(after)
    losses = {True: loss_of(name, seen, q_tm1, q_t, online_t), False: loss_of(name, seen, q_tm1, q_t, q_t)}
    assert abs(losses[True] - losses[False]) > 1e-3
    batch = Batch(seen, torch.arange(64), torch.ones(64))
    torch.testing.assert_close(learner.update(batch).loss, losses[double], rtol=1e-4, atol=1e-5)
    assert not torch.equal(*(view.head.q.weight for view in (networks.online, networks.target)))
    learner.update(batch)
    assert torch.equal(*(view.head.q.weight for view in (networks.online, networks.target)))


@pytest.mark.parametrize("name", ["dqn", "qr_dqn"])
def test_a_soft_target_follows_at_once(name):
    config = load_config(
        "pong-dqn", {**SMALL, "network.calibration_batches": 0, "agent.name": name, "agent.target_tau": 1}
    )
    learner = builders.make_agent(config, EnvSpec(1, (4, 32, 32), 1, ("a", "b", "c"), 4)).learner
    s = torch.zeros(2, 4, 32, 32, dtype=torch.uint8)
    seen = Transition(s, torch.tensor([0, 1]), torch.ones(2), torch.ones(2), s)
    before = learner.networks.target.head.q.weight.clone()
    learner.update(Batch(seen, torch.arange(2), torch.ones(2)))
    after = learner.networks.target.head.q.weight
    assert torch.equal(after, learner.networks.online.head.q.weight)
    assert not torch.equal(after, before)


@pytest.mark.parametrize(
    ("norm", "chosen", "momentum"),
    [
        ("renorm", None, 0.1),
        ("running", None, 0.9),
        ("joint", None, 0.1),
        ("running", 0.1, 0.1),
        ("renorm", 0.9, 0.9),
    ],
)
def test_running_statistics_move_by_the_momentum_that_is_set_or_else_by_the_norms_own(norm, chosen, momentum):
    config = Config(device="cpu", network=NetworkSettings(norm=norm, momentum=chosen))  # not loaded, which fills it in
    encoder = builders.make_network(config, EnvSpec(1, (4, 32, 32), 1, ("a", "b"), 4)).encoder
    assert [layer.momentum for layer in statistics_layers(encoder)] == [momentum] * 3


def test_games_that_count_are_played_in_float32_whatever_the_precision_of_learning():
    config = load_config("pong-dqn", {**SMALL, "precision": "bfloat16"})
    agent = builders.make_agent(config, EnvSpec(1, (4, 32, 32), 1, ("a", "b", "c"), 4))
    s = torch.randint(256, (8, 4, 32, 32), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    with torch.no_grad():
        exact = agent.learner.networks.actor(s).q_values
    torch.testing.assert_close(agent.q_function(s.numpy()), exact, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(agent.policy._q_function(s.numpy()), exact, rtol=1e-5, atol=1e-6)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_played(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert cli.main(["evaluate", "nothing", f"--json={tmp_path}/taken/scores.json"]) == 2
    assert "expected a file to write in --json" in capsys.readouterr().err


def test_whoever_looks_at_a_game_has_it_in_this_process(tmp_path, small):
    before = multiprocessing.active_children()
    with closing(builders.make_one(small(tmp_path, COUNTING, env__num_workers=1))):
        assert multiprocessing.active_children() == before
