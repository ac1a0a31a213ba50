"""Rule 8 of the design: every setting arrives, as the value that it is, where it acts."""

from collections import Counter

import pytest
import torch

from rlvision.config.fields import flatten
from rlvision.config.loading import load_config
from rlvision.learning.learner import QLearner
from tests.conftest import DQN
from tests.runs.wiring import (
    AGENTS,
    agents,
    atari,
    cases,
    networks,
    optimisers,
    policies,
    rollouts,
    runs,
    settings_for,
    worlds,
)
from tests.runs.wiring.watched import observed

TABLES = tuple(room.table for room in (agents, optimisers, networks, policies, worlds, atari, runs, rollouts))
CASES = [pytest.param(agent, row, id=f"{agent}-{row.title}") for agent, row in cases(TABLES)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("wiring")


@pytest.mark.parametrize(("agent", "row"), CASES)
def test_a_value_is_found_where_it_acts(agent, row, folder):
    config = row.config(agent, folder)
    wanted, found = flatten(config)[row.name], row.find(config)
    if isinstance(wanted, (int, float)):
        assert isinstance(found, bool) == isinstance(wanted, bool)
        assert found == pytest.approx(wanted, rel=1e-4)
    else:
        assert found == wanted


@pytest.mark.parametrize("agent", AGENTS)
def test_every_setting_has_a_row_in_which_it_is_not_its_default(agent, folder):
    usual = settings_for(agent)
    rows = [row for table in TABLES for row in table.rows]
    changed = {row.name for row in rows if flatten(row.config(agent, folder)).get(row.name) != usual.get(row.name)}
    assert changed | {"agent.name"} >= set(usual)  # each agent has its own name, which is found with both
    assert {row.name for row in rows} <= {name for each in (*AGENTS, "pqn") for name in settings_for(each)}


def test_every_setting_of_a_rollout_has_a_row_in_which_it_is_not_its_default(folder):
    usual = {name: value for name, value in settings_for("pqn").items() if name.startswith("agent.")}
    changed = {
        row.name for row in rollouts.table.rows if flatten(row.config("pqn", folder))[row.name] != usual[row.name]
    }
    assert changed | {"agent.name"} == set(usual)


@pytest.mark.parametrize("table", TABLES)
def test_no_two_numbers_of_a_base_are_equal(table):
    numbers = Counter(value for value in table.base.values() if type(value) in (int, float) and value)
    usual = [value for name, value in table.base.items() if settings_for("dqn").get(name) == value]
    assert {value for value, times in numbers.items() if times > 1} <= set(usual)


@pytest.mark.parametrize("agent", AGENTS)
def test_the_priorities_of_two_updates_arrive_in_the_tree(agent, folder, monkeypatch):
    named = {"agent.name": agent, "out": str(folder / f"{agent}-two"), "wandb": "disabled"}
    known = settings_for(agent)
    base = {name: value for name, value in runs.BASE.items() if name in known}
    config = load_config(DQN, {**base, **named, "env_steps": 46, "evaluate_every": 0, "checkpoint_every": 0})
    updates, update = [], QLearner.update

    def noted(learner, batch):
        result = update(learner, batch)
        updates.append(dict(zip(batch.index.tolist(), result.priority.tolist(), strict=True)))
        return result

    monkeypatch.setattr(QLearner, "update", noted)
    memory = observed(config).memory
    assert len(updates) == 2
    priorities = updates[0] | updates[1]
    assert len({round(priority, 6) for priority in priorities.values()}) > 2
    masses = memory._sampler.mass[torch.tensor(list(priorities))]
    wanted = [(priority + 0.02) ** 0.7 for priority in priorities.values()]
    assert masses.tolist() == pytest.approx(wanted, rel=1e-6)
