"""Agents by the name of their file or by import path, and what is said of those that are none."""

import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

import rlvision.agents
from rlvision.agents.dqn import DQN, DQNSettings
from rlvision.agents.qr_dqn import QRDQN, QRDQNSettings
from rlvision.core.errors import ConfigError
from rlvision.learning import registry
from rlvision.learning.registry import agent_names, default_settings, find_agent
from rlvision.learning.settings import AgentSettings


@dataclass(frozen=True, kw_only=True)
class OwnSettings(AgentSettings):
    speed: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Demanding(AgentSettings):
    speed: float


def agent_class(name="Own", settings=OwnSettings, methods=("make_network", "make_agent")):
    """A class with what an agent needs, or less."""
    held = {} if settings is None else {"Settings": settings}
    return type(name, (), {**held, **{method: lambda *_: None for method in methods}})


@pytest.fixture
def add_agent(tmp_path, monkeypatch):
    """(name, text) -> a file in the folder of agents, until the test is over."""
    added = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(rlvision.agents, "__path__", [*rlvision.agents.__path__, str(tmp_path)])
        added.append(f"rlvision.agents.{name}")

    yield write
    for name in added:
        sys.modules.pop(name, None)


@pytest.fixture
def module(monkeypatch):
    """A module of a user's own, which can be imported."""
    made = ModuleType("agents_of_mine")
    monkeypatch.setitem(sys.modules, "agents_of_mine", made)
    return made


def test_a_file_in_the_folder_of_agents_is_one_by_its_name():
    assert {"dqn", "qr_dqn"} <= set(agent_names())
    assert (find_agent("dqn"), find_agent("qr_dqn")) == (DQN, QRDQN)
    assert default_settings("dqn") == DQNSettings(name="dqn")
    assert default_settings("qr_dqn") == QRDQNSettings(name="qr_dqn")


@pytest.mark.parametrize("name", agent_names())
def test_every_agent_in_the_folder_can_be_found_and_bears_its_name(name):
    assert default_settings(name).name == name
    assert find_agent(name).__module__ == f"rlvision.agents.{name}"


ADDED = """
from dataclasses import dataclass
from rlvision.learning.settings import AgentSettings

@dataclass(frozen=True, kw_only=True)
class AddedSettings(AgentSettings):
    speed: float = 3.0

class Added:
    Settings = AddedSettings
    def __init__(self, settings): ...
    def make_network(self, setup): ...
    def make_agent(self, setup): ...
"""


def test_a_file_that_is_added_is_found_and_nothing_else_need_change(add_agent):
    add_agent("added", ADDED)
    assert "added" in agent_names()
    assert default_settings("added").speed == 3.0


@pytest.mark.parametrize(
    ("text", "listed"), [("x = 1\n", "none"), ("class A:\n make_agent = 1\nclass B:\n make_agent = 1\n", "A, B")]
)
def test_a_file_in_the_folder_holds_one_agent(add_agent, text, listed):
    add_agent("strange", text)
    with pytest.raises(
        ConfigError, match=rf"expected one class with make_agent\(setup\) in .*, got {listed}: leave exactly one"
    ):
        find_agent("strange")


def test_a_class_of_ones_own_is_found_by_its_path(module):
    module.Own = agent_class()
    assert find_agent("agents_of_mine:Own") is module.Own
    assert default_settings("agents_of_mine:Own") == OwnSettings(name="agents_of_mine:Own", speed=2.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DQN", "expected an agent out of dqn, .*, got 'DQN': did you mean 'dqn'?"),
        ("dqm", "expected an agent out of dqn, .*, got 'dqm': did you mean 'dqn'?"),
        ("zzz", r"got 'zzz': write your own as package\.module:Class"),
        ("", "got ''"),
        ("__init__", "got '__init__'"),
        ("no_such_module:Own", r"expected agent.name 'no_such_module:Own' to be importable, got ModuleNotFoundError"),
        (":Own", "expected agent.name ':Own' to be importable, got ValueError"),
        ("agents_of_mine:", "expected a class '' in 'agents_of_mine', got none"),
        ("agents_of_mine:Absent", "expected a class 'Absent' in 'agents_of_mine', got none: check the name"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(module, name, message):
    with pytest.raises(ConfigError, match=message):
        find_agent(name)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (agent_class(settings=None), "a class with a dataclass Settings derived from rlvision.learning.AgentSettings"),
        (agent_class(settings=dict), "a class with a dataclass Settings derived from rlvision.learning.AgentSettings"),
        (OwnSettings(), "a class with a dataclass Settings"),
        (agent_class(methods=("make_agent",)), "got none of make_network"),
        (agent_class(methods=()), "got none of make_network and make_agent"),
    ],
)
def test_what_is_no_agent_is_refused_with_what_it_lacks(module, own, message):
    module.Own = own
    with pytest.raises(ConfigError, match=f"expected agent 'agents_of_mine:Own' to .*{message}"):
        find_agent("agents_of_mine:Own")


def test_settings_without_defaults_are_refused(module):
    module.Own = agent_class(settings=Demanding)
    with pytest.raises(ConfigError, match=r"to have defaults, got Demanding .*'speed'.*: give each field a default"):
        default_settings("agents_of_mine:Own")


def test_reading_the_settings_of_an_agent_imports_no_torch():
    """Help screens do so, and are instant."""
    code = f"""
import sys
from {registry.__name__} import agent_names, default_settings
for name in agent_names():
    default_settings(name)
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
