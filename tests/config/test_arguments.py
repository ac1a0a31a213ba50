import re
from pathlib import Path

import pytest

from rlvision.config.arguments import call, option_values, sort_arguments, switches_of
from rlvision.config.fields import settings_of
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import PositiveInt

SETTINGS = settings_of(Config())


came: list[tuple[Path, int, str | None, bool]] = []


def copy(source: Path, /, *, times: PositiveInt = 1, target_name: str | None = None, dry_run: bool = False) -> None:
    """Note what came."""
    came.append((source, times, target_name, dry_run))


@pytest.mark.parametrize(
    "arguments",
    [
        ["pong", "--env-steps=5", "--agent.n-step=2"],
        ["--env_steps=5", "pong", "--agent.n_step", "2"],
        ["--env-steps", "9", "pong", "--agent.n-step=2", "--env_steps", "5"],
    ],
)
def test_the_spellings_of_one_command(arguments):
    given = sort_arguments(arguments)
    assert given.positional == ("pong",)
    assert option_values(given.options, SETTINGS, "x") == {"env_steps": 5, "agent.n_step": 2}


def test_a_value_may_hold_what_an_option_is_made_of():
    given = sort_arguments(["--env.kwargs={a=b: --c}", "--tracking.notes=", "--exploration.end", "-1"])
    assert given.options == {"--env.kwargs": "{a=b: --c}", "--tracking.notes": "", "--exploration.end": "-1"}


@pytest.mark.parametrize("arguments", [["-s", "5"], ["-s"], ["-seed=5"], ["--"], ["--=5"]])
def test_an_option_needs_two_dashes_and_a_name(arguments):
    expected = f"expected --name=value, got {arguments[0]}: write it with two dashes and a name"
    with pytest.raises(ConfigError, match=f"^{re.escape(expected)}$"):
        sort_arguments(arguments)


@pytest.mark.parametrize("arguments", [["--seed"], ["--seed", "--env-steps=5"]])
def test_an_option_without_a_value_is_refused(arguments):
    with pytest.raises(ConfigError, match=r"^expected --name=value, got --seed alone: write --seed=INT$"):
        option_values(sort_arguments(arguments).options, SETTINGS, "rlvision train")


@pytest.mark.parametrize(
    "arguments",
    [
        ["pong", "--agent.double"],
        ["pong", "--agent.double", "--seed=1"],
        ["--agent.double", "true", "pong"],
        ["--agent.double=true", "pong"],
        ["--agent.double", "pong"],
    ],
)
def test_a_yes_or_no_setting_alone_is_true(arguments):
    given = sort_arguments(arguments, switches_of(SETTINGS))
    assert given.positional == ("pong",)
    assert option_values(given.options, SETTINGS, "rlvision train")["agent.double"] is True


def test_a_value_may_follow_a_yes_or_no_setting():
    given = sort_arguments(["--agent.double", "False", "pong"], switches_of(SETTINGS))
    assert given.positional == ("pong",)
    assert option_values(given.options, SETTINGS, "rlvision train") == {"agent.double": False}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"--zzz": "1"}, "expected an option of rlvision train, got '--zzz': rlvision train --help lists them"),
        ({"--double": "1"}, "expected an option of rlvision train, got '--double': did you mean --agent.double?"),
        (
            {"--agnet.double": "1"},
            "expected an option of rlvision train, got '--agnet.double': did you mean --agent.double?",
        ),
        ({"--resume": None}, "expected an option of rlvision train, got '--resume': rlvision train --help lists them"),
        ({"--seed": None}, "expected --name=value, got --seed alone: write --seed=INT"),
        ({"--agent": "{n_step: 1}"}, "expected an option of rlvision train, got '--agent': "),
        ({"--agent.n-step": "0"}, "expected --agent.n-step to be a whole number above 0, got 0: "),
        ({"--agent.n-step": "two"}, "expected --agent.n-step to be a whole number above 0, got 'two': "),
        ({"--env.crop": "1,2"}, "expected --env.crop to be 4 values (each a whole number of at least 0) or none, got "),
        (
            {"--env.kwargs": "{a: [}"},
            "expected --env.kwargs to be a mapping of plain values such as {key: value}, got ",
        ),
        ({"--agent.double": "yes"}, "expected --agent.double to be true or false, got 'yes': "),
    ],
)
def test_a_mistake_is_told_in_the_words_of_the_command_line(options, message):
    with pytest.raises(ConfigError) as refused:
        option_values(options, SETTINGS, "rlvision train")
    assert str(refused.value).startswith(message)


def test_a_command_gets_typed_values():
    came.clear()
    call(copy, ["a/b", "--times=3"], "copy")
    call(copy, ["--target-name", "7", "a"], "copy")
    assert came == [(Path("a/b"), 3, None, False), (Path("a"), 1, "7", False)]


def test_a_switch_stands_alone():
    came.clear()
    for given in (["--dry-run", "a"], ["a", "--dry_run"], ["a", "--dry-run=true"], ["a", "--dry-run=false"]):
        call(copy, given, "copy")
    assert [dry_run for *_, dry_run in came] == [True, True, True, False]
    with pytest.raises(ConfigError, match="expected --dry-run to be true or false, got 'yes'"):
        call(copy, ["a", "--dry-run=yes"], "copy")


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_a_command_gets_what_stands_alone_exactly(arguments):
    with pytest.raises(ConfigError, match=r"^expected SOURCE after copy, got (nothing|a b): copy --help explains it"):
        call(copy, arguments, "copy")


def join(target: str, parts: tuple[Path, ...], /, *, times: PositiveInt = 1) -> None:
    """Note what came."""
    joined.append((target, parts, times))


joined: list[tuple[str, tuple[Path, ...], int]] = []


def test_a_last_parameter_that_is_a_tuple_takes_all_the_rest():
    joined.clear()
    call(join, ["to", "a", "--times=2", "b/c", "d"], "join")
    call(join, ["to", "a"], "join")
    assert joined == [("to", (Path("a"), Path("b/c"), Path("d")), 2), ("to", (Path("a"),), 1)]
    with pytest.raises(ConfigError, match=r"^expected TARGET PARTS \.\.\. after join, got to: join --help explains it"):
        call(join, ["to"], "join")
