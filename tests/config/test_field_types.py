import math
from pathlib import Path
from typing import Any, Literal

import pytest

from rlvision.config.field_types import check, describe_type, format_value, parse, placeholder
from rlvision.config.fields import checked, settings_of
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.ranges import NonEmptyStr, NonNegativeInt, PositiveInt, Probability

SETTINGS = settings_of(Config())
Crop = tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt]


@pytest.mark.parametrize(
    ("hint", "in_words", "in_help"),
    [
        (bool, "true or false", "{true,false}"),
        (PositiveInt, "a whole number above 0", "INT"),
        (Probability | None, "a number of at least 0 and at most 1 or none", "FLOAT|none"),
        (NonEmptyStr, "text that is not empty", "TEXT"),
        (Literal["a", "b"], "one of a, b", "{a,b}"),
        (Crop | None, "4 values (each a whole number of at least 0) or none", "INT,INT,INT,INT|none"),
        (tuple[NonEmptyStr, ...], "a list (each text that is not empty)", "TEXT,..."),
        (dict[str, Any], "a mapping of plain values such as {key: value}", "YAML"),
        (Path | None, "a path or none", "PATH|none"),
    ],
)
def test_hints_in_words_and_as_placeholders(hint, in_words, in_help):
    assert describe_type(hint) == in_words
    assert placeholder(hint) == in_help


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (PositiveInt, "1000", 1000),
        (PositiveInt, "1e6", 1_000_000),
        (PositiveInt, "30_000", 30_000),
        (Probability, "1e-4", 1e-4),
        (Probability, "1", 1.0),
        (bool, "True", True),
        (bool, "false", False),
        (bool | None, "none", None),
        (Probability | None, "None", None),
        (NonEmptyStr | None, "null", None),
        (NonEmptyStr, "none", "none"),
        (NonEmptyStr, "007", "007"),
        (Literal["none", "batch"], "none", "none"),
        (Crop | None, "34,194,0,160", (34, 194, 0, 160)),
        (Crop | None, "[34, 194, 0, 160]", (34, 194, 0, 160)),
        (Crop | None, "(34, 194, 0, 160)", (34, 194, 0, 160)),
        (tuple[NonEmptyStr, ...], "baseline,007", ("baseline", "007")),
        (tuple[NonEmptyStr, ...], "['a', 'b']", ("a", "b")),
        (tuple[NonEmptyStr, ...], "", ()),
        (dict[str, Any], "{continuous: false, gain: 1e-3}", {"continuous": False, "gain": 1e-3}),
        (dict[str, Any], '{"continuous": false}', {"continuous": False}),
        (dict[str, Any], "{'continuous': False}", {"continuous": False}),
        (Path, "runs/a", Path("runs/a")),
    ],
)
def test_text_of_the_command_line(hint, text, value):
    result = check("x", parse(text, hint), hint, "mend it")
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (PositiveInt, 0),
        (PositiveInt, True),
        (PositiveInt, "1"),
        (PositiveInt, 1.5),
        (PositiveInt, math.inf),
        (Probability, 1.0001),
        (Probability, True),
        (Probability, math.nan),
        (Probability, 10**400),
        (bool, 1),
        (bool, "yes"),
        (NonEmptyStr, ""),
        (NonEmptyStr, 5),
        (NonEmptyStr, "\ud800"),
        (NonEmptyStr, None),
        (Literal["a"], ["a"]),
        (Crop | None, [1, 2, 3]),
        (Crop | None, [1, 2, 3, -4]),
        (tuple[NonEmptyStr, ...], "ab"),
        (tuple[NonEmptyStr, ...], [1]),
        (dict[str, Any], {1: 2}),
        (dict[str, Any], {"a": object()}),
        (dict[str, Any], {"a": math.inf}),
        (dict[str, Any], {"a": "\ud800"}),
    ],
)
def test_values_that_a_hint_does_not_take(hint, value):
    with pytest.raises(ConfigError, match=r"^expected x to be .*, got .*: mend it$"):
        check("x", value, hint, "mend it")


def test_a_mapping_that_contains_itself_is_refused():
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ConfigError, match="expected x to be a mapping"):
        check("x", endless, dict[str, Any], "mend it")


def test_a_long_value_is_shortened():
    with pytest.raises(ConfigError) as refused:
        check("x", "y" * 10_000, NonNegativeInt, "mend it")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_valid_and_can_be_typed(name):
    setting = SETTINGS[name]
    assert checked(setting, setting.default, name) == setting.default
    assert checked(setting, parse(format_value(setting.default), setting.hint), name) == setting.default
