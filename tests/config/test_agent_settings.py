"""The settings of an agent are those of the agent that is named, wherever it is named."""

from dataclasses import dataclass, replace

import pytest

from rlvision.agents.qr_dqn import QRDQNSettings
from rlvision.config.fields import flatten
from rlvision.config.loading import differences, load_config, read_config, save_config, settings_for
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import PositiveFloat, PositiveInt, UnitInterval
from rlvision.learning.settings import AgentSettings


@dataclass(frozen=True, kw_only=True)
class OwnSettings(AgentSettings):
    """Of an agent of a user's own."""

    gamma: UnitInterval = 0.5
    n_step: PositiveInt = 7
    target_period: PositiveFloat = 1.5  # of another type than DQN's
    speed: PositiveFloat = 2.0


class Own:
    Settings = OwnSettings

    def __init__(self, settings):
        raise AssertionError("reading settings makes no agent")

    def make_network(self, setup): ...

    def make_agent(self, setup): ...


OWN = f"{__name__}:Own"


@pytest.fixture
def preset(tmp_path):
    """A preset of DQN, as a file."""
    path = tmp_path / "mine.yaml"
    path.write_text("agent: {gamma: 0.9, target_period: 77, loss: mse}")
    return str(path)


def test_an_agent_has_its_own_settings_and_no_others():
    assert load_config("cartpole-dqn", {"agent.name": "qr_dqn", "agent.quantiles": 64}).agent.quantiles == 64
    assert load_config("pong", {"agent.epochs": 3}).agent == replace(load_config("pong").agent, epochs=3)
    for name, setting, value in (("dqn", "quantiles", 64), ("qr_dqn", "loss", "mse")):
        given = {"agent.name": name, f"agent.{setting}": value}
        assert load_config("cartpole-dqn", given) == load_config("cartpole-dqn", {"agent.name": name})
        assert not hasattr(load_config("cartpole-dqn", given).agent, setting)
    for name in ("dqn", "qr_dqn"):
        with pytest.raises(ConfigError, match=r"expected a setting in the overrides, got 'agent\.speed'"):
            load_config("cartpole-dqn", {"agent.name": name, "agent.speed": 3})


@pytest.mark.parametrize("overrides", [{"agent.name": "qr_dqn"}, {"agent": {"name": "qr_dqn"}}])
def test_another_agent_takes_what_the_preset_sets_of_what_both_have(preset, overrides):
    assert load_config(preset, overrides).agent == QRDQNSettings(name="qr_dqn", gamma=0.9, target_period=77)
    assert load_config(preset, {"agent.name": "dqn"}).agent.loss == "mse"


def test_what_the_preset_leaves_open_is_the_other_agents_own_default(preset):
    agent = load_config(preset, {"agent.name": OWN, "agent.speed": 3}).agent
    assert agent == OwnSettings(name=OWN, gamma=0.9, n_step=7, target_period=1.5, speed=3.0)


def test_an_agent_in_a_preset_has_its_settings_there(tmp_path):
    for text in (f"agent: {{name: '{OWN}', speed: 4}}", f"agent.name: '{OWN}'\nagent.speed: 4"):
        (tmp_path / "mine.yaml").write_text(text)
        assert load_config(str(tmp_path / "mine.yaml")).agent == OwnSettings(name=OWN, speed=4.0)


@pytest.mark.parametrize("name", [5, ["dqn"], {"a": 1}])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(ConfigError, match=r"expected agent\.name in the overrides to be text, got "):
        load_config("cartpole-dqn", {"agent.name": name})


def test_settings_of_another_agent_are_listed_as_the_command_line_takes_them(preset):
    assert settings_for(None, None) == Config()
    assert settings_for(preset, "qr_dqn").agent == QRDQNSettings(name="qr_dqn", gamma=0.9, target_period=77)
    assert settings_for(preset, None) == load_config(preset)


def test_two_agents_differ_in_what_one_of_them_has():
    old, new = load_config("cartpole-dqn"), load_config("cartpole-dqn", {"agent.name": "qr_dqn"})
    assert differences(old, new) == {
        "agent.name": ("dqn", "qr_dqn"),
        "agent.loss": ("huber", None),
        "agent.quantiles": (None, 32),
    }


def test_an_agent_that_is_trusted_is_read_by_its_own_types(tmp_path):
    path = tmp_path / "config.yaml"
    config = load_config("cartpole-dqn", {"agent.name": OWN, "agent.speed": 3})
    save_config(config, path)
    assert read_config(path, trusts=lambda name: name == OWN) == config
    path.write_text(path.read_text().replace("speed: 3.0", "speed: fast"))
    with pytest.raises(ConfigError, match=r"expected agent\.speed in .* to be a number above 0, got 'fast'"):
        read_config(path, trusts=lambda name: True)


@pytest.mark.parametrize(
    "text",
    [
        "agent: {name: 'nobody.knows:Agent', n-step: 4, gamma: fast, deep: {a: 1}}",
        "agent.name: nobody.knows:Agent\nagent.n_step: 4\nagent: {gamma: fast, deep: {a: 1}}",
    ],
)
def test_an_agent_that_is_not_trusted_is_read_as_plain_values(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    config = read_config(path)
    plain = {"name": "nobody.knows:Agent", "n_step": 4, "gamma": "fast", "deep": {"a": 1}}
    assert flatten(config.agent) == plain
    save_config(config, tmp_path / "again.yaml")
    assert flatten(read_config(tmp_path / "again.yaml")) == flatten(config)
    with pytest.raises(ConfigError, match="to be importable, got ModuleNotFoundError"):
        read_config(path, trusts=lambda name: True)


@pytest.mark.parametrize("key", ["'x y'", "class", "__slots__", "3"])
def test_names_that_no_setting_can_have_are_one_line(tmp_path, key):
    (tmp_path / "config.yaml").write_text(f"agent: {{name: 'a:B', {key}: 1}}")
    shown = key.strip("'")
    with pytest.raises(ConfigError, match=f"expected names of settings under agent in .*, got '{shown}'"):
        read_config(tmp_path / "config.yaml")
