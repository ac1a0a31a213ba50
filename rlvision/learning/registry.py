"""Find agents by name: a file in rlvision's ``agents/``, or a user's class by its import path.

There is no list of agents: every file in ``agents/`` is one, and the file's name is the agent's. The settings of a
built-in agent load without torch, so that help screens stay instant.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, ClassVar, Protocol

from rlvision.core.errors import ConfigError
from rlvision.core.imports import did_you_mean
from rlvision.core.user_code import import_object
from rlvision.learning.settings import AgentSettings

if TYPE_CHECKING:
    from rlvision.core.agent import Agent
    from rlvision.learning.agent import Setup
    from rlvision.nn.qnetwork import QNetwork

BUILT_IN = "rlvision.agents"


class Algorithm(Protocol):
    """The class in an agent's file, which makes its network, memory, policy and learner."""

    Settings: ClassVar[type[AgentSettings]]
    """A frozen dataclass of the settings under ``agent.``; the docstrings of its fields are the help texts."""

    def __init__(self, settings: AgentSettings) -> None:
        """Store the settings, an instance of ``Settings``."""

    def make_network(self, setup: Setup) -> QNetwork:
        """Make the network that trains and plays; one seed gives one network."""

    def make_agent(self, setup: Setup) -> Agent:
        """Make the whole agent.

        Raises:
            MemoryBudgetError: it would not fit into the free memory.
        """


def agent_names() -> tuple[str, ...]:
    """Return the names of the built-in agents."""
    return tuple(sorted(module.name for module in iter_modules(import_module(BUILT_IN).__path__)))


def find_agent(name: str) -> type[Algorithm]:
    """Return the class of an agent.

    Args:
        name: of a file in ``agents/``, or ``package.module:Class`` of your own.

    Raises:
        ConfigError: there is no such agent, or it cannot be imported.
    """
    return _checked(import_object(name, "agent.name"), name) if ":" in name else _built_in(name)


def default_settings(name: str) -> AgentSettings:
    """Return an agent's settings with their defaults.

    Raises:
        ConfigError: there is no such agent, it cannot be imported, or one of its settings has no default.
    """
    settings = find_agent(name).Settings
    try:
        return settings(name=name)
    except TypeError as error:
        raise ConfigError(
            f"expected the settings of agent {name!r} to have defaults, got {settings.__name__} without ({error}): "
            "give each field a default"
        ) from error


@cache
def _built_in(name: str) -> type[Algorithm]:
    if name not in agent_names():
        near = did_you_mean(name, agent_names(), "write your own as package.module:Class")
        raise ConfigError(f"expected an agent out of {', '.join(agent_names())}, got {name!r}: {near}")
    module = import_module(f"{BUILT_IN}.{name}")
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    found = [value for value in own if hasattr(value, "make_agent")]
    if len(found) != 1:
        listed = ", ".join(value.__name__ for value in found) or "none"
        raise ConfigError(
            f"expected one class with make_agent(setup) in {module.__file__}, got {listed}: leave exactly one"
        )
    return _checked(found[0], name)


def _checked(found: object, name: str) -> type[Algorithm]:
    settings = getattr(found, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, AgentSettings) and callable(found)):
        raise ConfigError(
            f"expected agent {name!r} to be a class with a dataclass Settings derived from "
            f"rlvision.learning.AgentSettings, got {found!r}: see examples/own_agent.py"
        )
    missing = [method for method in ("make_network", "make_agent") if not callable(getattr(found, method, None))]
    if missing:
        raise ConfigError(
            f"expected agent {name!r} to have make_network(setup) and make_agent(setup), got none of "
            f"{' and '.join(missing)}: see examples/own_agent.py"
        )
    return found  # type: ignore[return-value]
