"""Whatever is given as a configuration, what comes back is a configuration or one clear line."""

import re
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlvision.cli import main as cli
from rlvision.config.arguments import option_values, sort_arguments
from rlvision.config.field_types import format_value
from rlvision.config.fields import settings_of
from rlvision.config.loading import load_config, read_config, save_config
from rlvision.config.presets import known_presets
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.envs.vector_env import ReplayableVectorEnv
from rlvision.runs import builders
from rlvision.runs.run_folder import RunFolder

SETTINGS = settings_of(Config())
ONE_LINE = re.compile(r"expected .+, got .*: .+")

_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=3)
_trees = st.recursive(
    _plain | st.sampled_from(["none", "1e-4", "pong", "[1", "*a", "", "\ud800", 10**400]),
    lambda tree: st.lists(tree, max_size=3) | st.tuples(tree) | st.dictionaries(_plain, tree, max_size=3),
    max_leaves=4,
)
_mappings = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=2)


def _valid(name: str) -> st.SearchStrategy[Any]:
    """Values of the setting's own type."""
    hint = SETTINGS[name].hint
    return _mappings if hint == dict[str, Any] else st.from_type(hint)


def _items(values: Any) -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(sorted(SETTINGS)).flatmap(lambda name: st.tuples(st.just(name), values(name)))


_names = st.sampled_from([*SETTINGS, "agent", "env", "agent.", ".", "agent.double.x", "env.kwargs.a"]) | st.text(
    max_size=8
)
_valid_items = _items(_valid)
_any_items = _items(lambda name: _trees) | st.tuples(_names | _plain, _trees)
_overrides = st.lists(_valid_items | _any_items, max_size=4).map(dict) | st.lists(_valid_items, max_size=3).map(dict)
_presets = st.sampled_from([preset.name for preset in known_presets()])
_texts = st.text(max_size=10) | _plain.map(str) | st.sampled_from(["none", "{a: 1}", "[1,2,3,4]", "1,2,3,4", "{a: [}"])
_arguments = st.lists(
    st.text(max_size=10)
    | st.builds("--{}={}".format, _names, _texts)
    | _valid_items.map(lambda item: f"--{item[0]}={format_value(item[1])}"),
    max_size=4,
)


FEW = ("--env.num-envs=2", "--replay.capacity=2000", "--replay.learning-starts=100", "--device=cpu")
_costly = ("env.num_envs", "env.num_workers", "threads", "env.height", "env.width", "env.kwargs", "env.stack")
"""Settings of which any value is tried above, without making what they ask for."""
_valid_arguments = st.lists(
    st.sampled_from(sorted(set(SETTINGS) - {*_costly}))
    .flatmap(lambda name: st.tuples(st.just(name), _valid(name)))
    .map(lambda item: f"--{item[0]}={format_value(item[1])}"),
    max_size=3,
)

_words = st.sampled_from(
    [*SETTINGS, "agent:", "env: ", ": ", "- ", "\n", "  ", "{", "}", "[", "]", "&a", "*a", "!!int", "1e-4", "'"]
)
_files = st.lists(_words | st.text(max_size=6), max_size=8).map("".join)


def _config_or_one_line(load: Any) -> Config | None:
    try:
        config = load()
    except ConfigError as error:
        message = str(error)
    else:
        assert isinstance(config, Config)
        return config
    assert ONE_LINE.fullmatch(message), message
    return None


def _from_overrides(preset: str, overrides: dict[Any, Any]) -> Config:
    return load_config(preset, overrides)


def _from_arguments(preset: str, arguments: list[str]) -> Config:
    return load_config(preset, option_values(sort_arguments(arguments).options, SETTINGS, "rlvision train"))


def _from_text(preset: str, text: str) -> Config:
    with NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
        file.flush()
        return load_config(file.name)


_attempts = (
    st.builds(partial, st.just(_from_overrides), _presets, _overrides)
    | st.builds(partial, st.just(_from_arguments), _presets, _arguments)
    | st.builds(partial, st.just(_from_text), _presets, _files)
)


@settings(max_examples=500, deadline=None)
@given(_attempts)
def test_any_configuration(attempt):
    _config_or_one_line(attempt)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(_attempts)
def test_very_many_configurations(attempt):
    _config_or_one_line(attempt)


class EnoughError(Exception):
    """All parts of a run could be made."""


def _makes_its_parts(preset: str, arguments: list[str]) -> None:
    """As far as a command goes before it trains: one line, or parts that are ready; nothing on the disk either way."""

    def make(config: Config, folder: RunFolder, env: ReplayableVectorEnv, *others: object) -> None:
        builders.make_agent(config, env.spec)
        raise EnoughError

    before = Path.cwd()
    with TemporaryDirectory() as empty, pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as said:
        patch.setattr("rlvision.runs.training.Session", make)
        patch.chdir(empty)
        try:
            status = cli.main(["train", preset, *FEW, *arguments])
        except EnoughError:
            status = None
        assert status in (None, 2)
        assert status is None or re.fullmatch(f"rlvision: {ONE_LINE.pattern}\\n", said.getvalue()), said.getvalue()
        assert list(Path(empty).iterdir()) == []
    assert Path.cwd() == before


@pytest.mark.parametrize("preset", [preset.name for preset in known_presets()])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(arguments=_valid_arguments)
def test_any_command_line_makes_its_parts_or_one_line(preset, arguments):
    _makes_its_parts(preset, arguments)


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(_presets, _valid_arguments)
def test_very_many_command_lines(preset, arguments):
    _makes_its_parts(preset, arguments)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_presets, _overrides)
def test_any_configuration_is_read_back_as_it_was_saved(tmp_path, preset, overrides):
    config = _config_or_one_line(partial(load_config, preset, overrides))
    if config is not None:
        save_config(config, tmp_path / "config.yaml")
        assert read_config(tmp_path / "config.yaml") == config
