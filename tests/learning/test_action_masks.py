"""Action masks in acting and in learning: every policy keeps to them, and every target equals a naive twin's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rlvision.core.action_masks import (
    ILLEGAL,
    MaskedStep,
    MaskedTransition,
    greedy_actions,
    legal_values,
    random_actions,
    replace_illegal,
)
from rlvision.core.agent import PARTS, require_masks
from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.seeding import generator
from rlvision.core.types import Batch, EnvSpec, QOutput, Transition
from rlvision.learning.augmentation import RandomShift
from rlvision.learning.legal_values import LegalValues, values_of_legal
from rlvision.learning.policies import EpsilonGreedy, NoisyGreedy, PersistentEpsilonGreedy, Softmax
from rlvision.learning.registry import find_agent
from rlvision.learning.rollout import RecordingPolicy, RolloutBuffer, rollout_bytes
from rlvision.learning.schedules import Constant
from rlvision.learning.settings import RolloutSettings
from rlvision.nn.diagnostics import diagnose
from tests.learning.conftest import ACTIONS, QUANTILES, ROWS, batch

ENVS, A = 3_000, 4
DRAWS = np.random.default_rng(5)
MASK = DRAWS.random((ENVS, A)) < 0.5
MASK[np.arange(ENVS), DRAWS.integers(A, size=ENVS)] = True  # at least one is legal
OBSERVATION = np.zeros((ENVS, 1, 1, 1), np.uint8)
GOES_ON = np.zeros(ENVS, np.bool_)
Q_VALUES = torch.from_numpy(DRAWS.normal(size=(ENVS, A)).astype(np.float32))
SPEC = EnvSpec(ENVS, (1, 1, 1), 1, tuple("abcd"), 1, A)
NEXT_MASK = torch.tensor([[True, False, True], [False, True, False]]).repeat(ROWS // 2, 1)  # [B, A]


def q_function(observation):
    return Q_VALUES[: len(observation)]


def policy(kind, chance):
    draws = generator(3, "test")
    return {
        "epsilon": lambda: EpsilonGreedy(q_function, A, Constant(chance), draws),
        "ladder": lambda: EpsilonGreedy(q_function, A, Constant(chance), draws, torch.linspace(1, 3, ENVS)),
        "persistent": lambda: PersistentEpsilonGreedy(q_function, SPEC, Constant(chance), 2.0, draws),
        "softmax": lambda: Softmax(q_function, Constant(chance or 1e-3), draws),
        "noisy": lambda: NoisyGreedy(q_function, lambda draws: None, draws),
    }[kind]()


def greedy_twin(mask):
    """The best legal action, found by looking at each."""
    return [
        max(np.flatnonzero(row), key=values.__getitem__) for row, values in zip(mask, Q_VALUES.tolist(), strict=True)
    ]


@pytest.mark.parametrize("kind", ["epsilon", "ladder", "persistent", "softmax", "noisy"])
@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_no_policy_takes_an_illegal_action(kind, chance):
    acting, mask = policy(kind, chance), MASK
    for env_steps in range(4):
        action = acting.act(OBSERVATION, GOES_ON, env_steps, mask=mask)
        assert mask[np.arange(ENVS), action].all()
        if kind == "noisy" or (chance == 0.0 and kind != "softmax"):
            assert action.tolist() == greedy_twin(mask)
        mask = np.roll(mask, 1, axis=0)


def test_random_actions_are_drawn_evenly_from_the_legal_ones():
    mask = np.tile([True, False, True, True], (9_000, 1))
    drawn = random_actions(A, 9_000, generator(1, "test"), mask)
    shares = np.bincount(drawn, minlength=A) / 9_000
    assert shares == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3], abs=0.02)  # four standard deviations
    everywhere = policy("epsilon", 1.0).act(OBSERVATION[:2000], GOES_ON[:2000], 0, mask=mask[:2000])
    assert np.bincount(everywhere, minlength=A) / 2000 == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3], abs=0.045)


def test_without_a_mask_the_draws_are_those_of_before():
    drawn = random_actions(A, 5, generator(1, "test"), None)
    assert drawn.tolist() == torch.randint(A, (5,), generator=generator(1, "test")).tolist()


def test_a_repeated_action_is_dropped_where_it_is_illegal():
    explorer = policy("persistent", 1.0)
    every = np.ones((ENVS, A), bool)
    explorer._left[:], explorer._action[:] = 5, 2
    assert set(explorer.act(OBSERVATION, GOES_ON, 0, mask=every)) == {2}
    barred = every.copy()
    barred[:10, 2] = False
    action = explorer.act(OBSERVATION, GOES_ON, 1, mask=barred)
    assert set(action[10:]) == {2}
    assert 2 not in action[:10]


def test_a_softmax_gives_legal_actions_their_usual_odds():
    mask = np.tile([True, False, False, True], (ENVS, 1))
    acting = Softmax(
        lambda observation: torch.tensor([[0.0, 9.0, 9.0, 1.0]]).expand(ENVS, A), Constant(1.0), generator(1, "t")
    )
    share = (acting.act(OBSERVATION, GOES_ON, 0, mask=mask) == 3).mean()
    assert share == pytest.approx(np.e / (1 + np.e), abs=0.035)


def test_values_of_illegal_actions_are_out_of_the_way_and_finite():
    values = torch.tensor([[2.0, 7.0, 1.0]])
    mask = torch.tensor([[True, False, True]])
    assert legal_values(values, mask).tolist() == [[2.0, pytest.approx(ILLEGAL), 1.0]]
    assert legal_values(values, None) is values
    quantiles = values.unsqueeze(2).expand(1, 3, 2)
    assert legal_values(quantiles, mask).tolist() == [[[2.0] * 2, [pytest.approx(ILLEGAL)] * 2, [1.0] * 2]]
    assert greedy_actions(values, mask).tolist() == [0]
    assert greedy_actions(values, np.array([0, 0, 1], np.int8)).tolist() == [2]
    with pytest.raises(ValueError, match=r"expected a mask \[1, 3\], one flag an action, got \[2, 3\]"):
        legal_values(values, mask.repeat(2, 1))
    soft = torch.softmax(legal_values(values, mask) / 0.01, 1)
    assert (soft * legal_values(values, mask)).sum().item() == pytest.approx(2.0)


def test_an_illegal_action_of_a_person_gives_way_to_the_first_legal_one():
    mask = np.array([[False, True, True], [False, False, True], [True, True, True]])
    assert replace_illegal(np.array([2, 0, 1]), mask).tolist() == [2, 2, 1]
    assert replace_illegal(np.array([0, 0, 0]), None).tolist() == [0, 0, 0]


def with_masks(seen, next_mask=NEXT_MASK):
    parts = {name: getattr(seen.transition, name) for name in Transition.__dataclass_fields__}
    mask = torch.ones(ROWS, ACTIONS, dtype=torch.bool)
    mask.scatter_(1, ((seen.transition.action + 1) % ACTIONS).unsqueeze(1), False)  # another than the one taken
    return replace(seen, transition=MaskedTransition(**parts, mask=mask, next_mask=next_mask))


def fake_values(draws):
    def output():
        quantiles = torch.randn(ROWS, ACTIONS, QUANTILES, generator=draws)
        return QOutput(quantiles.mean(2), quantiles)

    return SimpleNamespace(target_t=output(), online_t=output(), target_tm1=output(), online_tm1=output())


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("name", ["dqn", "qr_dqn"])
def test_targets_equal_those_of_a_naive_twin(name, double):
    algorithm = find_agent(name)
    rule = algorithm(algorithm.Settings(name=name, double=double)).td_loss
    seen, values = with_masks(batch(3)).transition, fake_values(torch.Generator().manual_seed(1))
    found = rule(values_of_legal(values, seen), seen)
    chooser = values.online_t if double else values.target_t
    for row in range(ROWS):
        legal = [a for a in range(ACTIONS) if NEXT_MASK[row, a]]
        best = max(legal, key=lambda a, row=row: chooser.q_values[row, a].item())
        target = seen.reward[row] + seen.discount[row] * values.target_t.q_values[row, best]
        error = target - values.online_tm1.q_values[row, seen.action[row]]
        assert found.td_error[row].item() == pytest.approx(error.item(), abs=1e-6)
    free = rule(values, seen)
    assert (free.td_error - found.td_error).abs().max() > 0.1  # masks matter here


@pytest.mark.parametrize("variant", ["none", "joint"])
def test_a_gradient_step_learns_from_the_legal_maximum(learner, variant):
    """The same step as one by hand: a target network, or one forward of s and s' together."""
    agent, seen = learner(variant, loss="mse", double=False), with_masks(batch(2))
    values = agent._targets.values(seen.transition)
    legal_maximum = values.target_t.q_values.masked_fill(~NEXT_MASK, -torch.inf).amax(1)
    target = seen.transition.reward + seen.transition.discount * legal_maximum
    predicted = values.online_tm1.q_values.gather(1, seen.transition.action.unsqueeze(1)).squeeze(1)
    greedy = values.online_tm1.q_values.masked_fill(~seen.transition.mask, -torch.inf).amax(1)
    update = agent.update(seen)
    torch.testing.assert_close(update.priority, (target - predicted).abs().detach(), rtol=1e-4, atol=1e-5)
    assert float(update.metrics["q/mean"]) == pytest.approx(greedy.mean().item(), rel=1e-4)


def test_diagnostics_and_distributions_look_at_legal_actions_also_after_a_restart(learner):
    agent, seen = learner("running"), with_masks(batch(1))
    agent.update(seen)
    mask, everything = seen.transition.mask, agent.networks.actor(seen.transition.observation).q_values
    torch.testing.assert_close(agent.distributions()["q/values"], everything[mask], rtol=1e-4, atol=1e-5)
    legal = diagnose(agent.networks, seen.transition.observation, mask)["bn/gap"]
    assert agent.diagnose()["bn/gap"] == legal != diagnose(agent.networks, seen.transition.observation)["bn/gap"]
    again = learner("running")
    again.load_state_dict(agent.state_dict())
    assert again.diagnose()["bn/gap"] == legal
    assert again.distributions()["q/values"].shape == (int(mask.sum()),)


def test_masks_that_allow_all_change_no_bit_of_a_step(learner, snapshot, equal):
    plain, masked, seen = learner("none"), learner("none"), batch(1)
    every = torch.ones(ROWS, ACTIONS, dtype=torch.bool)
    allowing = with_masks(seen, every)
    allowing = replace(allowing, transition=replace(allowing.transition, mask=every))
    for _ in range(3):
        plain.update(seen)
        masked.update(allowing)
    assert equal(snapshot(plain.networks.online), snapshot(masked.networks.online))


def test_an_augmentation_keeps_the_masks():
    seen = with_masks(batch(1)).transition
    assert RandomShift(4, generator(1, "test"))(seen).next_mask is seen.next_mask


@pytest.mark.parametrize("part", ["target_t", "online_t", "target_tm1", "online_tm1"])
def test_every_value_of_an_illegal_action_is_replaced_and_no_other(part):
    seen, values = with_masks(batch(3)).transition, fake_values(torch.Generator().manual_seed(1))
    mask = seen.next_mask if part.endswith("_t") else seen.mask
    found, free = getattr(LegalValues(values, seen), part), getattr(values, part)
    assert (found.q_values == ILLEGAL).equal(~mask)
    assert found.q_values[mask].equal(free.q_values[mask])
    assert found.quantiles[mask].equal(free.quantiles[mask])
    assert (found.quantiles[~mask] == ILLEGAL).all()


def test_values_are_read_only_when_a_rule_asks_for_them():
    """Of a rollout nothing is known of s'."""

    class OnlineAlone:
        online_tm1 = QOutput(torch.zeros(ROWS, ACTIONS))

        @property
        def target_t(self):
            raise RuntimeError("nothing follows")

    seen = with_masks(batch(1)).transition
    legal = LegalValues(OnlineAlone(), seen)
    assert (legal.online_tm1.q_values == ILLEGAL).equal(~seen.mask)
    assert legal.online_tm1.quantiles is None
    with pytest.raises(RuntimeError, match="nothing follows"):
        _ = legal.target_t


# Rollouts.

PAIR = EnvSpec(2, (1, 1, 2), 1, ("LEFT", "RIGHT"), 1, 2)


def row(number, mask):
    pixels, no = np.full((2, 1, 1, 2), number, np.uint8), np.zeros(2, np.bool_)
    return MaskedStep(pixels, np.array([0, 1]), np.ones(2, np.float32), no, no, no, mask=np.array(mask, bool))


def rollout(spec=PAIR, take_values=lambda: torch.zeros(2)):
    settings = RolloutSettings(name="pqn", rollout_steps=2, epochs=1, batch_size=4, gamma=0.5, return_lambda=0.0)
    return RolloutBuffer(settings, spec, take_values=take_values, generator=torch.Generator().manual_seed(0))


def test_the_values_of_a_rollout_are_those_of_legal_actions():
    acting = EpsilonGreedy(
        lambda observation: torch.tensor([[1.0, 5.0], [2.0, 3.0]]), 2, Constant(0.0), generator(1, "t")
    )
    recording = RecordingPolicy(lambda view: view, lambda make: acting_on(acting, make), num_envs=2)
    mask = np.array([[True, False], [True, True]])
    action = recording.act(np.zeros((2, 1, 1, 1), np.uint8), np.zeros(2, bool), 0, mask=mask)
    assert action.tolist() == [0, 1]
    assert recording.take_values().tolist() == [1.0, 3.0]


def acting_on(acting, make):
    acting._q_function = make(acting._q_function)
    return acting


def test_a_rollout_keeps_masks_with_its_rows_and_its_state():
    rows = [row(1, [[1, 0], [1, 1]]), row(2, [[0, 1], [1, 0]]), row(3, [[1, 1], [0, 1]])]
    memory, again = rollout(), rollout()
    for step in rows[:2]:
        memory.add(step)
    again.load_state_dict(memory.state_dict())
    again.add(rows[2])
    assert rollout_bytes(again._settings, PAIR) == sum(rows.nbytes for rows in again.state_dict()["rows"].values())
    (found,) = again.batches()
    expected = {1: [[True, False], [True, True]], 2: [[False, True], [True, False]]}
    for place in range(4):
        number, env = int(found.transition.observation[place, 0, 0, 0]), int(found.index[place]) % 2
        assert found.transition.mask[place].tolist() == expected[number][env]
    assert again.state_dict()["rows"]["mask"].tolist() == [[[True, True], [False, True]]]


def test_a_memory_refuses_rows_without_the_masks_that_it_was_built_for():
    plain = row(1, [[1, 1], [1, 1]])
    plain = type(plain).__base__(*(getattr(plain, name) for name in type(plain).__base__.__dataclass_fields__))
    with pytest.raises(
        EnvError, match=r"expected a row with an action mask \[2, 2\], got \[2, 0\]: add a .*MaskedStep"
    ):
        rollout().add(plain)
    unmasked = rollout(replace(PAIR, mask_size=0))
    unmasked.add(plain)
    assert "mask" not in unmasked.state_dict()["rows"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_does_not_respect_masks_is_refused_by_name(part):
    class Respectful:
        respects_masks = True

    class Ignorant:
        pass

    agent = SimpleNamespace(**dict.fromkeys(PARTS, Respectful()))
    assert require_masks(agent, SPEC, "mine:Agent") is agent
    setattr(agent, part, Ignorant())
    assert require_masks(agent, replace(SPEC, mask_size=0), "mine:Agent") is agent
    with pytest.raises(
        ConfigError, match=rf"got mine:Agent, whose {part} Ignorant does not say .*respects_masks = True"
    ):
        require_masks(agent, SPEC, "mine:Agent")


def test_a_batch_is_a_plain_one_where_there_are_no_masks():
    seen = batch(1)
    assert isinstance(seen, Batch)
    values = fake_values(torch.Generator())
    assert values_of_legal(values, seen.transition) is values
