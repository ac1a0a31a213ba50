"""Which runs are one agent, and what it is called."""

from pathlib import Path

import pytest

from rlvision.analysis.grouping import NON_AGENT_SETTINGS, Group, differences_between_games, group, unnamed_differences
from rlvision.analysis.study import read_run_info
from rlvision.config.continuing import MAY_CHANGE
from rlvision.core.errors import CheckpointError, ConfigError


def grouped(*places: Path) -> list[Group]:
    return group([read_run_info(place) for place in places])


def names(groups: list[Group]) -> list[tuple[str, str, list[int]]]:
    return [(one.game, one.agent, [member.seed for member in one.members]) for one in groups]


def test_seeds_of_one_agent_are_one_group_whatever_the_machine_did(tmp_path, store_run):
    machine = {"threads": 1, "device": "cpu", "evaluate_every": 7, "tracking.name": "x", "checkpoint.keep": 5}
    second = store_run(tmp_path / "b", seed=2)
    first = store_run(tmp_path / "a", seed=1, settings=machine)
    assert names(grouped(second, first)) == [("pong", "dn-renorm n=3", [1, 2])]


def test_what_a_continued_run_may_change_of_the_machine_names_no_agent():
    assert set(MAY_CHANGE) - {"env_steps"} <= set(NON_AGENT_SETTINGS)


def test_what_differs_names_the_agent_and_nothing_else_does(tmp_path, store_run):
    places = [
        store_run(tmp_path / "base"),
        store_run(tmp_path / "single", settings={"agent.double": False}),
        store_run(tmp_path / "norm", settings={"network.norm": "layer"}),
        store_run(tmp_path / "steps", settings={"agent.n_step": 1}),
        store_run(tmp_path / "rate", settings={"optimiser.learning_rate": 1e-5}),
        store_run(tmp_path / "nature", settings={"network.encoder": "nature"}),
    ]
    assert [agent for _, agent, _ in names(grouped(*places))] == [
        "dn-renorm n=3 double=true learning_rate=0.0001",
        "dn-renorm n=3 double=false learning_rate=0.0001",
        "dn-layer n=3 double=true learning_rate=0.0001",
        "dn-renorm n=1 double=true learning_rate=0.0001",
        "dn-renorm n=3 double=true learning_rate=1e-05",
        "nature n=3 norm=renorm double=true learning_rate=0.0001",
    ]


def test_an_algorithm_other_than_dqn_is_named_and_counts_as_nothing_that_differs(tmp_path, store_run):
    quantiles = {"agent.name": "qr_dqn"}
    places = [store_run(tmp_path / "dqn"), store_run(tmp_path / "qr", settings=quantiles)]
    assert [agent for _, agent, _ in names(grouped(*places))] == ["dn-renorm n=3", "qr_dqn dn-renorm n=3"]


def test_of_many_settings_those_are_named_that_tell_agents_apart(tmp_path, store_run):
    one = {"agent.gamma": 0.9, "agent.double": False, "optimiser.learning_rate": 1e-3, "network.hidden": 64}
    two = {**one, "network.norm": "layer"}
    three = {**two, "replay.prioritised": True}
    places = [store_run(tmp_path / f"{place}", settings=each) for place, each in enumerate(({}, one, two, three))]
    groups = grouped(*places)
    assert [each.agent for each in groups] == [
        "dn-renorm n=3 hidden=0 prioritised=false",
        "dn-renorm n=3 hidden=64 prioritised=false",
        "dn-layer n=3 hidden=64 prioritised=false",
        "dn-layer n=3 hidden=64 prioritised=true",
    ]
    assert unnamed_differences(groups) == ("agent.gamma", "agent.double", "optimiser.learning_rate")
    assert unnamed_differences(groups[2:]) == ()


def test_a_leaf_that_two_groups_have_is_named_in_full(tmp_path, store_run):
    places = [store_run(tmp_path / f"{size}", settings={"optimiser.momentum": size}) for size in (0.5, 0.9)]
    assert [one.agent for one in grouped(*places)] == [
        "dn-renorm n=3 optimiser.momentum=0.5",
        "dn-renorm n=3 optimiser.momentum=0.9",
    ]


def test_games_come_together_and_settings_that_differ_between_them_are_told(tmp_path, store_run):
    places = [
        store_run(tmp_path / "a", game="pong"),
        store_run(tmp_path / "b", game="ALE/Breakout-v5", settings={"agent.gamma": 0.9}),
        store_run(tmp_path / "c", game="PongNoFrameskip-v4", seed=2),
    ]
    groups = grouped(*places)
    assert names(groups) == [("pong", "dn-renorm n=3", [1, 2]), ("breakout", "dn-renorm n=3", [1])]
    assert differences_between_games(groups) == {"dn-renorm n=3": ("agent.gamma",)}
    assert differences_between_games(groups[:1]) == {}


def test_an_agent_that_comes_along_is_grouped_with_the_runs_of_its_settings(tmp_path, store_run):
    shipped = read_run_info(Path("pong"))
    assert (shipped.game, shipped.seed, shipped.protocol) == ("pong", 3, "nature")
    place = store_run(
        tmp_path / "own", seed=7, settings={"env_steps": 50_000, "env.height": 84, "env.width": 84}, preset="pong-dqn"
    )
    own = read_run_info(place)
    assert "env_steps" not in shipped.settings
    assert names(group([shipped, own])) == [("pong", "qr_dqn dn-renorm n=20", [3, 7])]


def test_the_same_run_twice_is_refused(tmp_path, store_run):
    place = store_run(tmp_path / "a", seed=3)
    other = store_run(tmp_path / "b", seed=3)
    with pytest.raises(ConfigError) as refused:
        grouped(place, store_run(tmp_path / "c", seed=4), other)
    assert str(refused.value) == (
        f"expected every seed of an agent once, got seed 3 from {place} and {other}: leave one of them out"
    )


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="expected a run folder, an export or a bundled agent"):
        grouped(tmp_path)
