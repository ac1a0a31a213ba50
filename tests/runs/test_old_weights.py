"""A new run that starts from the weights of an earlier agent: ``network.init``."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.runs import builders
from rlvision.runs.checkpoint import read_state
from rlvision.runs.find import find_agent
from rlvision.runs.history import read
from rlvision.runs.run import Run
from rlvision.runs.training import resume, train
from rlvision.runs.weight_reader import read_old_weights as read_with
from tests.conftest import COUNTING
from tests.runs.conftest import ENV_STEPS, SPEC

HERE = {"agent__name": "dqn"}


def read_old_weights(config, spec):
    return read_with(config, find_agent, spec)


@pytest.fixture
def old(tmp_path, small_run):
    """A run folder and the weights in it, none of which is as it began."""
    return tmp_path / "old", small_run(tmp_path / "old").state_dict()


@pytest.fixture
def agent_of(settings):
    """The agent of new settings, after it has taken the old weights."""

    def make(spec=SPEC, **changes):
        config = settings(**{**HERE, "replay__capacity": 2_000, **changes})
        weights = read_old_weights(config, spec)
        agent = builders.make_agent(config, spec)
        weights.load_into(agent)
        return agent, weights

    return make


def test_all_weights_and_statistics_come_along_to_the_target_too(old, agent_of):
    folder, tensors = old
    agent, weights = agent_of(network__init=str(folder), optimiser__learning_rate=0.1)
    for view in (agent.network, agent.learner.networks.online, agent.learner.networks.target):
        found = view.state_dict()
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert any("running_mean" in name for name in tensors)
    assert weights.about == f"starts from {folder} ({ENV_STEPS:,} env steps)"
    assert weights.origin["changed"]["optimiser.learning_rate"][1] == 0.1
    assert (weights.origin["place"], weights.origin["env_steps"]) == (str(folder), ENV_STEPS)


@pytest.mark.parametrize(("norm", "batches"), [("renorm", 0), ("fixed", 0), ("recalibrated", 50)])
def test_the_statistics_are_not_measured_again(settings, norm, batches):
    config = settings(network__norm=norm, network__init="pong")
    assert builders.make_setup(config, SPEC).network.calibration_batches == batches
    assert builders.make_setup(settings(network__norm=norm), SPEC).network.calibration_batches == 50


def test_other_actions_leave_the_head_out_and_say_so(old, agent_of):
    folder, tensors = old
    other = replace(SPEC, action_meanings=("a", "b", "c", "d", "e"))
    agent, weights = agent_of(other, network__init=str(folder))
    found = agent.network.state_dict()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors if name.startswith("encoder."))
    assert found["head.q.weight"].shape[0] == 5
    assert weights.about.endswith(f"were {', '.join(SPEC.action_meanings)} and are a, b, c, d, e")
    swapped = replace(SPEC, action_meanings=SPEC.action_meanings[::-1])
    assert "without its head" in agent_of(swapped, network__init=str(folder))[1].about


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"network__hidden": 4}, "network.hidden was 0, is 4"),
        ({"network__activation": "tanh"}, "network.activation was 'relu', is 'tanh'"),
        ({"network__norm": "none"}, "network.norm was 'renorm', is 'none'"),
        ({"network__dueling": True}, "network.dueling was False, is True"),
        ({"env__height": 40}, "env.height was 32, is 40"),
        ({"network__encoder": "nature", "env__height": 84, "env__width": 84}, "network.encoder was 'dn', is 'nature'"),
    ],
)
def test_other_layers_are_refused_by_the_settings_that_make_them(old, settings, changes, named):
    folder, _ = old
    with pytest.raises(ConfigError) as refusal:
        read_old_weights(settings(network__init=str(folder), **changes), SPEC)
    assert f"expected --network.init={folder} to have the layers of this network, got others (" in str(refusal.value)
    assert named in str(refusal.value)


def test_another_batch_normalisation_plays_the_same(old, agent_of):
    folder, tensors = old
    agent, _ = agent_of(network__init=str(folder), network__norm="running")
    assert torch.equal(agent.network.state_dict()["encoder.bn1.running_var"], tensors["encoder.bn1.running_var"])


@pytest.mark.parametrize("hidden", [0, 6])
def test_an_export_starts_an_agent_with_quantiles(tmp_path, small_export, settings, observations, hidden):
    """The export's head gives Q-values; each becomes the start of its quantiles, so the play is the same."""
    old = small_export(tmp_path / "export", settings(network__encoder="nature", env__height=40, network__hidden=hidden),
                       replace(SPEC, observation_shape=(2, 40, 40)))  # fmt: skip
    spec = replace(SPEC, observation_shape=(2, 40, 40))
    config = settings(
        agent__name="qr_dqn", agent__quantiles=3, replay__capacity=2_000, network__init=str(tmp_path / "export"),
        network__encoder="nature", env__height=40, network__hidden=hidden,
    )  # fmt: skip
    agent = builders.make_agent(config, spec)
    read_old_weights(config, spec).load_into(agent)
    seen = observations(5, spec)
    assert torch.allclose(agent.network(seen).q_values, old(seen).q_values, atol=1e-5)


def test_quantiles_of_another_number_are_refused(tmp_path, small_run, settings):
    small_run(tmp_path / "old", settings(agent__name="qr_dqn", agent__quantiles=4))
    config = settings(agent__name="dqn", network__init=str(tmp_path / "old"))
    with pytest.raises(ConfigError, match=r"agent\.quantiles was 4, is None"):
        read_old_weights(config, SPEC)


def test_a_run_starts_there_records_it_and_never_needs_it_again(
    tmp_path, small, watched, everything, differences, monkeypatch, stop_at
):
    usual = {"env_steps": 60, "evaluate_every": 0, "checkpoint_every": 0, "replay__learning_starts": 16}
    train(small(tmp_path / "old", COUNTING, **{**usual, "env_steps": 40}))
    old = Run(tmp_path / "old", device="cpu").network.state_dict()
    new = {**usual, "network__init": str(tmp_path / "old")}
    undisturbed = everything(watched.train(small(tmp_path / "whole", COUNTING, **new)))
    first = read_state(tmp_path / "whole" / "checkpoints" / f"{0:012d}.ckpt")
    assert all(torch.equal(first["online"][name], tensor) for name, tensor in old.items())
    assert read(tmp_path / "whole")[0]["from"]["place"] == str(tmp_path / "old")

    stop_at(monkeypatch, 2)
    stopped = watched.train(small(tmp_path / "part", COUNTING, **new))._folder.checkpoints.paths()[-1]
    stopped.unlink()  # as if it had been killed before its first checkpoint but the one at its start
    shutil.rmtree(tmp_path / "old")
    resume(tmp_path / "part")
    assert differences(undisturbed, everything(watched.sessions[-1])) == []


def test_without_the_old_weights_nothing_is_left_behind(tmp_path, small):
    with pytest.raises(CheckpointError, match="without a config"):
        train(small(tmp_path / "new", COUNTING, network__init=str(tmp_path / "missing")))
    assert not (tmp_path / "new").exists()


def test_no_code_of_the_old_folder_is_imported(tmp_path, small_run, small_export, edit, settings, monkeypatch):
    """Nor is code asked for, if the new run names none: its weights are tensors."""
    for folder in (tmp_path / "run", tmp_path / "export"):
        (small_run if folder.name == "run" else small_export)(folder)
    text = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(
        text.replace("game: CartPole-v1", "game: evil:World").replace("name: dqn", "name: evil:Agent")
    )
    edit(tmp_path / "export", lambda tree: tree["env"].update(game="evil:World"))
    for name in ("run", "export"):
        config = settings(agent__name="dqn", network__init=str(tmp_path / name))
        assert read_old_weights(config, SPEC).tensors
    edit(tmp_path / "export", lambda tree: tree.update(agent={"name": "evil:Agent"}))
    with pytest.raises(ConfigError, match=r"got agent\.name=evil:Agent: read that code"):
        read_old_weights(settings(network__init=str(tmp_path / "export")), SPEC)


def test_an_export_does_not_say_where_its_weights_came_from(tmp_path, small_export, settings):
    small_export(tmp_path / "export", settings(network__init="pong"))
    assert "init" not in json.loads((tmp_path / "export" / "export.json").read_text())["network"]
