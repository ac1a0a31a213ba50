"""Groups of runs of the same agent, whose settings differ only in the seed and in settings outside the agent.

An agent's name is its network and its n, with the algorithm in front unless it is DQN. Then follow the other settings
in which runs of one game differ; if these are many, only as many as are needed to distinguish the agents::

    dn-renorm n=3            qr_dqn dn-layer n=3            dn-renorm n=3 double=false

Agents of one name in several games are one agent; presets may give it other settings in each game.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvision.analysis.run_info import RunInfo
from rlvision.config.field_types import format_value
from rlvision.config.fields import short_name
from rlvision.core.errors import ConfigError
from rlvision.nn.settings import OWN_SIZES

NON_AGENT_SETTINGS = (
    "out",
    "seed",
    "frames",
    "device",
    "threads",
    "precision",
    "cuda_graphs",
    "deterministic",
    "wandb",
    "evaluate_every",
    "checkpoint_every",
    "evaluation.",
    "checkpoint.",
    "tracking.",
    "env.game",
    "env.num_workers",
    "env.step_timeout",
    "env.max_restarts",
    "env.reseed_after",
    "replay.compression",
)
"""Settings that do not name an agent; a trailing dot stands for a group."""
ALGORITHM, ENCODER, NORM, N_STEP = "agent.name", "network.encoder", "network.norm", "agent.n_step"
ALWAYS = (ALGORITHM, ENCODER, NORM, N_STEP)
MANY = 3
"""Largest number of further settings in a name; above it, a name holds only those that distinguish agents."""


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one agent in one game."""

    game: str
    agent: str
    members: tuple[RunInfo, ...]  # by seed


def group(runs: Sequence[RunInfo]) -> list[Group]:
    """Group runs by game and agent, in the order of their first run.

    Raises:
        ConfigError: two runs of one agent and game have the same seed, so they are the same run.
    """
    naming = _naming(runs)
    found: dict[tuple[str, str], list[RunInfo]] = {}
    for run in runs:
        found.setdefault((run.game, agent_name(run, naming)), []).append(run)
    games = list(dict.fromkeys(run.game for run in runs))
    groups = [Group(game, agent, _by_seed(members)) for (game, agent), members in found.items()]
    return sorted(groups, key=lambda one: games.index(one.game))


def agent_name(run: RunInfo, naming: Iterable[str]) -> str:
    """Return an agent's name, as the module's documentation defines it.

    Args:
        run: a run of the agent.
        naming: dotted names of the settings that agents are named after.
    """
    settings, others = run.settings, [name for name in naming if name not in (ALGORITHM, ENCODER, N_STEP)]
    words = [] if settings.get(ALGORITHM, "dqn") == "dqn" else [str(settings[ALGORITHM])]
    words.append(f"{settings[ENCODER]}-{settings[NORM]}" if settings[ENCODER] in OWN_SIZES else str(settings[ENCODER]))
    if settings[ENCODER] in OWN_SIZES:
        others = [name for name in others if name != NORM]
    if N_STEP in settings:
        words.append(f"n={settings[N_STEP]}")
    words += [f"{short_name(name, settings)}={format_value(settings[name])}" for name in others if name in settings]
    return " ".join(words)


def differences_between_games(groups: Sequence[Group]) -> dict[str, tuple[str, ...]]:
    """Return agent -> dotted names of the settings in which its games differ."""
    agents: dict[str, list[RunInfo]] = {}
    for one in groups:
        agents.setdefault(one.agent, []).extend(one.members)
    differing = {agent: tuple(_differing([run.settings for run in members])) for agent, members in agents.items()}
    return {agent: names for agent, names in differing.items() if names}


def unnamed_differences(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return dotted names of the settings in which agents of one game differ and which are not in their names."""
    runs = [run for one in groups for run in one.members]
    named = {*ALWAYS, *_naming(runs)}
    return tuple(name for name in _varying(runs) if name not in named)


def _naming(runs: Sequence[RunInfo]) -> list[str]:
    """Return the settings in which runs of one game differ; if many, those that distinguish two agents."""
    varying = _varying(runs)
    if len([name for name in varying if name not in ALWAYS]) <= MANY:
        return varying
    chosen = list(ALWAYS)
    for name in varying:
        if _agents(runs, [*chosen, name]) > _agents(runs, chosen):
            chosen.append(name)
    return [name for name in chosen if name in varying]


def _agents(runs: Sequence[RunInfo], names: Sequence[str]) -> int:
    """Count the agents that these settings distinguish, game by game."""
    return len({(run.game, *(repr(run.settings.get(name)) for name in names)) for run in runs})


def _varying(runs: Sequence[RunInfo]) -> list[str]:
    """Return the settings in which runs of one game differ, in the order of the configuration."""
    games: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        games.setdefault(run.game, []).append(run.settings)
    return list(dict.fromkeys(name for settings in games.values() for name in _differing(settings)))


def _differing(settings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield settings of the agent with several values; a setting that an export lacks counts as equal."""
    for name in dict.fromkeys(name for values in settings for name in values):
        if _names_the_agent(name) and len({repr(values[name]) for values in settings if name in values}) > 1:
            yield name


def _names_the_agent(name: str) -> bool:
    return not any(name == other or (other.endswith(".") and name.startswith(other)) for other in NON_AGENT_SETTINGS)


def _by_seed(members: Sequence[RunInfo]) -> tuple[RunInfo, ...]:
    [(seed, times)] = Counter(member.seed for member in members).most_common(1)
    if times > 1:
        places = " and ".join(str(member.place) for member in members if member.seed == seed)
        raise ConfigError(f"expected every seed of an agent once, got seed {seed} from {places}: leave one of them out")
    return tuple(sorted(members, key=lambda member: member.seed))
