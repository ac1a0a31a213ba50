"""The pages say what the code says, and lead where they say they lead."""

import inspect
import re
from pathlib import Path

import pytest

from rlvision.cli.main import COMMANDS
from rlvision.config.field_types import format_value
from rlvision.config.fields import settings_of
from rlvision.config.schema import Config
from rlvision.learning.registry import agent_names, default_settings

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md", *DOCS]
SHARED = {"checkpoint", "device", "trust_imports"}
"""Options that stand once at the top of the page and are named again where a command takes them."""


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links spell them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", DOCS, ids=by_name)
def test_every_page_says_its_kind(page):
    title, _, about, *_ = page.read_text().splitlines()
    assert title.startswith("# ")
    assert re.match(r"\*(Index|Tutorial|Guide|Reference|Explanation): ", about)


def test_the_index_names_every_page_and_its_kind():
    rows = re.findall(r"\]\(([\w-]+\.md)\) \| (\w+) \|$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)
    kinds = {path.name: path.read_text().splitlines()[2].split(":")[0].strip("*").lower() for path in DOCS}
    assert dict(rows) == {name: kind for name, kind in kinds.items() if kind != "index"}


def test_the_settings_are_those_of_the_schema():
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| ?(.*?) ?\|", text, re.MULTILINE)
    settings = settings_of(Config())
    agents = [settings_of(Config(agent=default_settings(name))) for name in agent_names()]
    others = {name: setting for known in agents for name, setting in known.items() if name not in settings}
    assert [name for name, _ in rows if name not in others] == list(settings)
    assert {name for name, _ in rows} == {*settings, *others}
    settings |= others
    assert {name: default.replace(",", "") for name, default in rows} == {
        name: format_value(setting.default) for name, setting in settings.items()
    }


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_the_command_line_page_has_every_option(name):
    _, *sections = re.split(r"^## rlvision ", (ROOT / "docs" / "command-line.md").read_text(), flags=re.MULTILINE)
    section = next(section for section in sections if section.startswith(f"{name}\n"))
    taken = inspect.signature(COMMANDS[name]).parameters.values()
    options = {taker.name for taker in taken if taker.kind is taker.KEYWORD_ONLY}
    rows = re.findall(r"^\| `--([\w-]+)` \|", section, re.MULTILINE)
    named = {row.replace("-", "_") for row in rows} | {
        option for option in SHARED if f"`--{option.replace('_', '-')}`" in section
    }
    assert named == options


def test_the_command_line_page_has_every_command():
    text = (ROOT / "docs" / "command-line.md").read_text()
    assert set(re.findall(r"^## rlvision (\w+)$", text, re.MULTILINE)) == set(COMMANDS)


def test_the_faults_name_tests_that_are_there():
    named = set(re.findall(r"`(\w+/test_\w+\.py)`", (ROOT / "docs" / "faults.md").read_text()))
    assert len(named) > 15
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()
