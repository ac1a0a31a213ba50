"""Settings of other agents: a caller may name them for any agent, and where the agent lacks them they have no effect.

So one program, one command line and one sweep serve several agents::

    rlvision train pong --agent.n-step=5      pong trains with pqn, which has λ-returns
    without effect: agent.n_step, which agent pqn does not have
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rlvision.config.fields import Setting, settings_of
from rlvision.config.schema import Config, defaults_for
from rlvision.learning.registry import agent_names, default_settings

REPLAY_SETTINGS = ("replay.", "checkpoint.replay")
"""Settings that only an agent with a replay has; a trailing dot stands for a group."""


def settings_of_others() -> dict[str, Setting]:
    """Return by dotted name the settings of all built-in agents."""
    agents = [defaults_for(default_settings(name)) for name in agent_names()]
    return {name: setting for agent in agents for name, setting in settings_of(agent).items()}


def used_settings(config: Config) -> dict[str, Setting]:
    """Return by dotted name the settings that a configuration's agent has: those of a replay only if it has one."""
    unused = () if config.agent.uses_replay else REPLAY_SETTINGS
    return {name: setting for name, setting in settings_of(config).items() if not name.startswith(unused)}


def without_idle(config: Config, chosen: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the chosen settings that the agent has, and the names of the others."""
    used = used_settings(config)
    return {name: value for name, value in chosen.items() if name in used}, [
        name for name in chosen if name not in used
    ]


def warn_of_idle(config: Config, idle: Sequence[str]) -> None:
    """Log one warning with the names of settings that the agent does not have, if there are any."""
    if idle:
        agent = config.agent.name
        logging.getLogger("rlvision").warning(
            "without effect: %s, which agent %s does not have", ", ".join(idle), agent
        )
