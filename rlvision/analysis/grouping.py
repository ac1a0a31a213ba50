"""Which runs are the same agent: those whose settings differ in nothing but the seed and what is no part of the agent.

An agent's name is its network and its n, before them the algorithm where it is not DQN, and after them each other
setting in which runs of one game differ; where these are many, so many of them as tell the agents apart::

    dn-renorm n=3            qr_dqn dn-layer n=3            dn-renorm n=3 double=false

Agents of one name in several games are one agent; presets may give it other settings in each game.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvision.analysis.scores import Source
from rlvision.config.field_types import spelling
from rlvision.core.errors import ConfigError
from rlvision.sweeps.trials import short_name

NOT_THE_AGENT = (
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
"""Further settings in a name, above which only those are in it that tell agents apart."""


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one agent in one game."""

    game: str
    agent: str
    members: tuple[Source, ...]  # by seed


def group(sources: Sequence[Source]) -> list[Group]:
    """The runs by game and agent, in the order in which these first come.

    Raises:
        ConfigError: two runs of one agent and game have the same seed: the same run twice.
    """
    naming = _naming(sources)
    found: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        found.setdefault((source.game, name_of(source, naming)), []).append(source)
    games = list(dict.fromkeys(source.game for source in sources))
    groups = [Group(game, agent, _by_seed(members)) for (game, agent), members in found.items()]
    return sorted(groups, key=lambda one: games.index(one.game))


def name_of(source: Source, naming: Iterable[str]) -> str:
    """An agent's name, as the module's documentation has it.

    Args:
        source: a run of it.
        naming: the settings that are in the names of agents, by dotted name.
    """
    settings, others = source.settings, [name for name in naming if name not in (ALGORITHM, ENCODER, N_STEP)]
    words = [] if settings.get(ALGORITHM, "dqn") == "dqn" else [str(settings[ALGORITHM])]
    words.append(f"dn-{settings[NORM]}" if settings[ENCODER] == "dn" else str(settings[ENCODER]))
    if settings[ENCODER] == "dn":
        others = [name for name in others if name != NORM]
    if N_STEP in settings:
        words.append(f"n={settings[N_STEP]}")
    words += [f"{short_name(name, settings)}={spelling(settings[name])}" for name in others if name in settings]
    return " ".join(words)


def differing_between_games(groups: Sequence[Group]) -> dict[str, tuple[str, ...]]:
    """By agent, the settings that it has otherwise in another game, by dotted name."""
    agents: dict[str, list[Source]] = {}
    for one in groups:
        agents.setdefault(one.agent, []).extend(one.members)
    differing = {agent: tuple(_differing([source.settings for source in members])) for agent, members in agents.items()}
    return {agent: names for agent, names in differing.items() if names}


def differing_unnamed(groups: Sequence[Group]) -> tuple[str, ...]:
    """The settings in which agents of one game differ and that are not in their names, by dotted name."""
    sources = [source for one in groups for source in one.members]
    named = {*ALWAYS, *_naming(sources)}
    return tuple(name for name in _varying(sources) if name not in named)


def _naming(sources: Sequence[Source]) -> list[str]:
    """The settings in which runs of one game differ; of many, those without which two agents would look alike."""
    varying = _varying(sources)
    if len([name for name in varying if name not in ALWAYS]) <= MANY:
        return varying
    chosen = list(ALWAYS)
    for name in varying:
        if _agents(sources, [*chosen, name]) > _agents(sources, chosen):
            chosen.append(name)
    return [name for name in chosen if name in varying]


def _agents(sources: Sequence[Source], names: Sequence[str]) -> int:
    """How many agents these settings tell apart, game by game."""
    return len({(source.game, *(repr(source.settings.get(name)) for name in names)) for source in sources})


def _varying(sources: Sequence[Source]) -> list[str]:
    """The settings in which runs of one game differ, in the order of the configuration."""
    games: dict[str, list[Mapping[str, Any]]] = {}
    for source in sources:
        games.setdefault(source.game, []).append(source.settings)
    return list(dict.fromkeys(name for settings in games.values() for name in _differing(settings)))


def _differing(settings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Settings of the agent that have several values; what an export does not tell is as the others have it."""
    for name in dict.fromkeys(name for values in settings for name in values):
        if _names_the_agent(name) and len({repr(values[name]) for values in settings if name in values}) > 1:
            yield name


def _names_the_agent(name: str) -> bool:
    return not any(name == other or (other.endswith(".") and name.startswith(other)) for other in NOT_THE_AGENT)


def _by_seed(members: Sequence[Source]) -> tuple[Source, ...]:
    [(seed, times)] = Counter(member.seed for member in members).most_common(1)
    if times > 1:
        places = " and ".join(str(member.place) for member in members if member.seed == seed)
        raise ConfigError(f"expected every seed of an agent once, got seed {seed} from {places}: leave one of them out")
    return tuple(sorted(members, key=lambda member: member.seed))
