"""The table of settings: where each value is found in parts that were built from it.

A finder is given a configuration, builds what a run builds, and returns the value that acts there. It never looks at
the setting itself, so a value that is scaled, dropped or exchanged on its way is not found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvision.config.fields import flatten, settings_of
from rlvision.config.loading import load_config
from rlvision.config.schema import Config, defaults_for
from rlvision.learning.registry import default_settings
from tests.conftest import DQN

Settings = Mapping[str, Any]
Finder = Callable[[Config], Any]
AGENTS = ("dqn", "qr_dqn")


@dataclass(frozen=True)
class Row:
    """One value of a setting, and a place where it acts."""

    name: str
    find: Finder
    settings: Settings
    agents: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name, value and place, for the reports of pytest; of a folder its last part, the same in every process."""
        value = self.settings.get(self.name)
        shown = Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
        return f"{self.name}={shown}-{self.find.__name__}"

    def config(self, agent: str, folder: Path) -> Config:
        """The configuration that the parts are built from; runs with equal settings share a folder."""
        number = abs(hash(repr(sorted(self.settings.items(), key=repr))))
        usual = {"agent.name": agent, "out": str(folder / f"{agent}-{number}")}
        known = settings_of(defaults_for(default_settings(agent)))
        settings = {name: value for name, value in self.settings.items() if name in known}
        return load_config(DQN, {**usual, **settings})


class Table:
    """Rows over a common base of settings.

    Args:
        base: what all of them are built from; a row may change some of it.
        agents: with which a row is looked up, where they have its setting.
    """

    def __init__(self, base: Settings, agents: tuple[str, ...] = AGENTS) -> None:
        self.base = base
        self.rows: list[Row] = []
        self._agents = agents

    def finds(
        self, name: str, settings: Settings | None = None, *, each: Sequence[Any] = (), base: Settings | None = None
    ) -> Callable[[Finder], Finder]:
        """Add a finder of a setting to the table.

        Args:
            name: of the setting.
            settings: what differs from the base.
            each: values of the setting, a row each; none: the one that the settings have.
            base: another than the table's.
        """
        given = {**(self.base if base is None else base), **(settings or {})}
        variants = [{**given, name: value} for value in each] or [given]

        def add(find: Finder) -> Finder:
            self.rows += [Row(name, find, variant, self._agents) for variant in variants]
            return find

        return add


def without(base: Settings, *names: str) -> Settings:
    """A base without some settings, by their names or by their groups (``network.``)."""
    return {name: value for name, value in base.items() if not name.startswith(names)}


def settings_for(agent: str) -> dict[str, Any]:
    """All settings with an agent, and their defaults."""
    return flatten(defaults_for(default_settings(agent)))


def cases(tables: Sequence[Table]) -> Iterator[tuple[str, Row]]:
    """Each row with each agent that has its setting."""
    for table in tables:
        for row in table.rows:
            yield from ((agent, row) for agent in row.agents if row.name in settings_for(agent))
