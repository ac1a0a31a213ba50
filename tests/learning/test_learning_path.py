"""The path of experience into the weights, its numbers worked out by hand: rows, windows, priorities, one update."""

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from rlvision import learning
from rlvision.core.devices import make_autocast
from rlvision.core.types import Batch, EnvSpec, EnvStep, Transition
from rlvision.learning.policies import ladder_exponents
from rlvision.nn.norm_variants import NORM_VARIANTS
from rlvision.nn.qnetwork import QNetwork
from rlvision.nn.registry import make_q_network
from rlvision.nn.settings import NetworkSettings
from rlvision.nn.statistics import statistics_layers
from rlvision.nn.target_network import OnlineTargetActor, recalibrate
from rlvision.replay.buffer import ReplayBuffer
from rlvision.replay.settings import ReplaySettings

BLANK = 0
GAMES = (
    (1.0, "first"),
    (2.0, ""),
    (4.0, "truncated"),
    (0.0, "dead"),
    (8.0, "first"),
    (16.0, ""),
    (32.0, "terminated"),
    (0.0, "dead"),
    (64.0, "first"),
    (128.0, ""),
    (256.0, ""),
    (512.0, ""),
)
"""Reward and what is said of each row, number 1 and on."""
TRANSITIONS = {
    # start: (return, discount, observation, next observation) with n = 3, γ = 1/2 and stacks of two
    0: (1 + 2 / 2 + 4 / 4, 1 / 8, [BLANK, 1], [3, 4]),
    1: (2 + 4 / 2, 1 / 4, [1, 2], [3, 4]),
    2: (4, 1 / 2, [2, 3], [3, 4]),
    4: (8 + 16 / 2 + 32 / 4, 0, [BLANK, 5], [7, 8]),
    5: (16 + 32 / 2, 0, [5, 6], [7, 8]),
    6: (32, 0, [6, 7], [7, 8]),
    8: (64 + 128 / 2 + 256 / 4, 1 / 8, [BLANK, 9], [11, 12]),
}


def row(number, reward=0.0, said=""):
    """Of one environment; every pixel is the row's number, from 1 on."""
    flags = [np.array([said == flag]) for flag in ("terminated", "truncated", "first")]
    observation = np.full((1, 2, 1, 2), number, np.uint8)
    return EnvStep(observation, np.array([number]), np.array([reward], np.float32), *flags)


def replay(rows=GAMES, *, transform=None, num_envs=1, beta=0.5, **settings):
    """A replay of rows, with n = 3 and γ = 1/2."""
    memory = ReplayBuffer(
        ReplaySettings(**{"capacity": 20, "batch_size": 400, "learning_starts": 0, **settings}),
        EnvSpec(num_envs, (2, 1, 2), 1, ("a",), 1),
        n_step=learning.Constant(3),
        gamma=learning.Constant(0.5),
        beta=learning.Constant(beta),
        generator=torch.Generator().manual_seed(1),
        reward_transform=transform,
    )
    for number, (reward, said) in enumerate(rows, 1):
        memory.add(row(number, reward, said))
    return memory


def drawn(memory):
    """Start -> (return, discount, observation, next observation)."""
    batch = memory.sample()
    t = batch.transition
    shown = (t.observation[:, :, 0, 0].tolist(), t.next_observation[:, :, 0, 0].tolist())
    return dict(
        zip(batch.index.tolist(), zip(t.reward.tolist(), t.discount.tolist(), *shown, strict=True), strict=True)
    )


@pytest.mark.parametrize("prioritised", [False, True])
def test_transitions_are_those_worked_out_by_hand(prioritised):
    assert drawn(replay(prioritised=prioritised)) == TRANSITIONS


@pytest.mark.parametrize(("said", "kept"), [("terminated", 0), ("truncated", 1)])
def test_a_window_ends_with_a_life_though_the_game_goes_on(said, kept):
    life = [(1.0, "first"), (2.0, said), (4.0, ""), (8.0, ""), (16.0, ""), (32.0, "")]
    assert drawn(replay(life)) == {
        0: (1 + 2 / 2, kept / 4, [BLANK, 1], [2, 3]),
        1: (2, kept / 2, [1, 2], [2, 3]),
        2: (4 + 8 / 2 + 16 / 4, 1 / 8, [2, 3], [5, 6]),
    }


def test_rewards_are_bounded_before_they_are_summed():
    returns = {start: total for start, (total, *_) in drawn(replay(transform=lambda r: r.clamp(-3, 3))).items()}
    assert returns == {0: 1 + 2 / 2 + 3 / 4, 1: 2 + 3 / 2, 2: 3, 4: 5.25, 5: 4.5, 6: 3, 8: 5.25}


def test_what_was_overwritten_is_not_drawn():
    memory = replay([*GAMES, *((0.0, ""),) * 14])  # 26 rows, of which rows 6 to 25 are here
    assert set(drawn(memory)) == {*range(8, 23)}  # 6's stack lacks row 5, and what 7 led to nobody knows


PRIORITIES = {"prioritised": True, "alpha": 0.5, "priority_epsilon": 1.0}


def masses(memory):
    return memory._sampler.mass.tolist()


def test_a_new_transition_enters_at_the_largest_priority_seen():
    memory = replay(**PRIORITIES)
    assert {masses(memory)[start] for start in TRANSITIONS} == {1.0}
    memory.update_priorities(torch.tensor([0, 1, 2]), torch.tensor([3.0, 24.0, 8.0]))
    memory.add(row(13))
    assert [masses(memory)[cell] for cell in (0, 1, 2, 3, 9)] == [2.0, 5.0, 3.0, 0.0, 5.0]
    memory.update_priorities(torch.tensor([1]), torch.tensor([0.0]))
    memory.add(row(14))
    assert [masses(memory)[cell] for cell in (1, 9, 10)] == [1.0, 5.0, 5.0]


def test_the_priority_of_what_was_overwritten_changes_nothing():
    memory = replay([(0.0, "")] * 26, **PRIORITIES)
    before = masses(memory)
    memory.update_priorities(torch.tensor([2]), torch.tensor([99.0]))  # its cell now has row 22
    memory.update_priorities(torch.tensor([25]), torch.tensor([99.0]))  # no start yet
    assert masses(memory) == before
    memory.update_priorities(torch.tensor([20]), torch.tensor([99.0]))
    assert masses(memory)[0] == 10.0


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_importance_weights_are_inverse_masses_over_the_largest_of_the_batch(beta):
    memory = replay(beta=beta, **PRIORITIES)
    memory.update_priorities(torch.tensor([0, 1, 2]), torch.tensor([15.0, 80.0, 255.0]))  # masses 4, 9 and 16 of 33
    batch = memory.sample()
    weight = dict(zip(batch.index.tolist(), batch.importance_weight.tolist(), strict=True))
    assert weight == pytest.approx({**dict.fromkeys(TRANSITIONS, 1.0), 0: 4**-beta, 1: 9**-beta, 2: 16**-beta})
    assert (batch.index == 2).float().mean() == pytest.approx(16 / 33, abs=0.01)


def test_batches_are_owed_in_exact_proportion_to_what_comes_after_the_start():
    memory = replay([(0.0, "")] * 5, batch_size=2, samples_per_env_step=0.7, learning_starts=7)
    made = []
    for number in range(6, 18):
        memory.add(row(number))
        made.append(len(list(memory.batches())))
    due = [int(0.35 * max(0, env_steps - 7)) for env_steps in range(6, 18)]
    assert np.cumsum(made).tolist() == due == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_losses_are_those_worked_out_by_hand():
    prediction, target = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([0.5, -3.0, 1.5])
    assert learning.huber(prediction, target).tolist() == [0.125, 2.5, 1.0]
    # two quantiles, drawn to the shares 1/4 and 3/4 of the targets; errors 3 and 1, then -1 and -3
    losses = learning.quantile_huber(torch.tensor([[0.0, 2.0], [0.0, 2.0]]), torch.tensor([[3.0], [-1.0]]))
    assert losses.tolist() == [0.25 * 2.5 + 0.75 * 0.5, 0.75 * 0.5 + 0.25 * 2.5]


def test_epsilons_of_a_ladder_have_the_exponents_of_the_paper():
    assert ladder_exponents(3, 7.0).tolist() == [1.0, 4.5, 8.0]


# one update

SPEC = EnvSpec(1, (1, 29, 29), 1, ("a", "b", "c"), 1)


def frames(seed, rows=6):
    return torch.randint(256, (rows, 1, 29, 29), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def batch(weight=1.0, reward=1.0):
    rewards, discounts = torch.full((6,), reward), torch.full((6,), 0.5)
    transition = Transition(frames(1), torch.arange(6) % 3, rewards, discounts, frames(2))
    return Batch(transition, torch.arange(6), torch.full((6,), weight))


def learner(*, period=3, tau=None, calibration_batches=0, double=True, **optimiser):
    """Of a small network, by the rule of DQN."""
    torch.manual_seed(0)
    network = make_q_network(NetworkSettings(), SPEC)
    networks, autocast = OnlineTargetActor(network), make_autocast("float32", torch.device("cpu"))
    options = {"autocast": autocast, "sample": lambda: frames(3), "calibration_batches": calibration_batches}
    targets = learning.make_targets(networks, NORM_VARIANTS["renorm"], period=period, tau=tau, **options)
    return learning.QLearner(
        networks=networks,
        targets=targets,
        td_rule=learning.find_agent("dqn")(learning.find_agent("dqn").Settings(double=double)).td_loss,
        settings=learning.OptimiserSettings(**optimiser),
        learning_rate=learning.Constant(0.01),
        **options,
    )


def tensors(network):
    return torch.cat([tensor.detach().flatten().float() for tensor in network.state_dict().values()])


def test_the_target_is_a_copy_after_every_period_buffers_included():
    made = learner(period=3)
    copies = []
    for _ in range(7):
        made.update(batch())
        copies.append(torch.equal(tensors(made.networks.online), tensors(made.networks.target)))
    assert copies == [False, False, True, False, False, True, False]


def test_a_soft_target_goes_its_part_of_the_way_and_takes_the_buffers_whole():
    made = learner(tau=0.25)
    networks = made.networks
    before = [parameter.clone() for parameter in networks.target.parameters()]
    made.update(batch())
    for old, target, online in zip(before, networks.target.parameters(), networks.online.parameters(), strict=True):
        torch.testing.assert_close(target, old + 0.25 * (online - old))
    for target, online in zip(networks.target.buffers(), networks.online.buffers(), strict=True):
        assert torch.equal(target, online)


def test_the_statistics_are_measured_before_the_first_update_and_in_both_networks():
    made = learner(calibration_batches=4, period=1_000)
    fresh = learner(period=1_000)
    recalibrate(fresh.networks.online, (frames(3) for _ in range(4)))
    fresh.networks.sync_target()
    for one in (made, fresh):
        one.update(batch())
        one.update(batch())
    assert torch.equal(tensors(made.networks.online), tensors(fresh.networks.online))
    assert torch.equal(tensors(made.networks.target), tensors(fresh.networks.target))
    assert [int(layer.num_batches_tracked) for layer in statistics_layers(made.networks.online)] == [6, 6, 6]


@pytest.mark.parametrize("double", [True, False])
def test_an_update_makes_one_training_forward_on_s_and_none_on_what_follows(double):
    made, seen = learner(double=double), []

    def note(module, inputs):
        if isinstance(module, QNetwork):
            seen.append((module.training, inputs[0]))

    with register_module_forward_pre_hook(note):
        made.update(batch())
    (learned,) = [observation for training, observation in seen if training]
    assert torch.equal(learned, frames(1) / 255)
    assert [training for training, _ in seen] == [*[False] * (1 + double), True]


def test_the_loss_is_the_mean_by_importance_and_the_priority_the_size_of_the_error():
    whole, half = learner().update(batch()), learner().update(batch(weight=0.5))
    assert float(half.loss) == pytest.approx(float(whole.loss) / 2)
    torch.testing.assert_close(half.priority, whole.priority)
    assert (learner().update(batch(reward=-5.0)).priority > 0).all()


def test_the_best_action_is_chosen_by_the_online_network_and_valued_by_the_target():
    made, output = learner(double=True), {}
    for network, values in (("online", [0.0, 1.0, 0.0]), ("target", [5.0, 3.0, 1.0])):
        output[network] = getattr(made.networks, network).head.q
        with torch.no_grad():
            output[network].weight.zero_()
            output[network].bias.copy_(torch.tensor(values))
    priority = made.update(batch()).priority  # |1 + 3 / 2 - Q(s, a)|
    torch.testing.assert_close(priority, torch.tensor([2.5, 1.5, 2.5, 2.5, 1.5, 2.5]))


def test_an_agent_explores_and_plays_by_the_weights_that_were_just_learned():
    setup = learning.Setup(
        spec=SPEC,
        env_steps=100,
        seed=1,
        device=torch.device("cpu"),
        autocast=make_autocast("float32", torch.device("cpu")),
        capture=None,
        network=NetworkSettings(calibration_batches=0),
        replay=ReplaySettings(capacity=50),
        optimiser=learning.OptimiserSettings(learning_rate=0.05),
        exploration=learning.ExplorationSettings(start=0.0, end=0.0),
    )
    algorithm = learning.find_agent("dqn")
    agent = algorithm(algorithm.Settings()).make_agent(setup)
    agent.learner.update(batch())
    seen, networks = frames(5, rows=40), agent.learner.networks
    with torch.no_grad():
        learned, target = networks.actor(seen).q_values, networks.target(seen).q_values
    assert not torch.equal(learned.argmax(1), target.argmax(1))
    torch.testing.assert_close(agent.q_function(seen.numpy()), learned, rtol=1e-4, atol=1e-5)
    assert agent.policy.act(seen.numpy(), np.zeros(40, np.bool_), 0).tolist() == learned.argmax(1).tolist()
    assert torch.equal(tensors(agent.network), tensors(networks.online))
