import math
from pathlib import Path
from typing import Any, Literal

import pytest

from rlvision.config.field_types import check, parse, placeholder, spelling, words
from rlvision.config.fields import checked, settings_of
from rlvision.config.schema import Config, Count, Crop, Positive, Share, Text
from rlvision.core.errors import ConfigError

SETTINGS = settings_of(Config())


@pytest.mark.parametrize(
    ("hint", "in_words", "in_help"),
    [
        (bool, "true or false", "{true,false}"),
        (Positive, "a whole number above 0", "INT"),
        (Share | None, "a number of at least 0 and at most 1 or none", "FLOAT|none"),
        (Text, "text that is not empty", "TEXT"),
        (Literal["a", "b"], "one of a, b", "{a,b}"),
        (Crop | None, "4 values (each a whole number of at least 0) or none", "INT,INT,INT,INT|none"),
        (tuple[Text, ...], "a list (each text that is not empty)", "TEXT,..."),
        (dict[str, Any], "a mapping of plain values such as {key: value}", "YAML"),
        (Path | None, "a path or none", "PATH|none"),
    ],
)
def test_hints_in_words_and_as_placeholders(hint, in_words, in_help):
    assert words(hint) == in_words
    assert placeholder(hint) == in_help


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (Positive, "1000", 1000),
        (Positive, "1e6", 1_000_000),
        (Positive, "30_000", 30_000),
        (Share, "1e-4", 1e-4),
        (Share, "1", 1.0),
        (bool, "True", True),
        (bool, "false", False),
        (bool | None, "none", None),
        (Share | None, "None", None),
        (Text | None, "null", None),
        (Text, "none", "none"),
        (Text, "007", "007"),
        (Literal["none", "batch"], "none", "none"),
        (Crop | None, "34,194,0,160", (34, 194, 0, 160)),
        (Crop | None, "[34, 194, 0, 160]", (34, 194, 0, 160)),
        (Crop | None, "(34, 194, 0, 160)", (34, 194, 0, 160)),
        (tuple[Text, ...], "baseline,007", ("baseline", "007")),
        (tuple[Text, ...], "['a', 'b']", ("a", "b")),
        (tuple[Text, ...], "", ()),
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
        (Positive, 0),
        (Positive, True),
        (Positive, "1"),
        (Positive, 1.5),
        (Positive, math.inf),
        (Share, 1.0001),
        (Share, True),
        (Share, math.nan),
        (Share, 10**400),
        (bool, 1),
        (bool, "yes"),
        (Text, ""),
        (Text, 5),
        (Text, "\ud800"),
        (Text, None),
        (Literal["a"], ["a"]),
        (Crop | None, [1, 2, 3]),
        (Crop | None, [1, 2, 3, -4]),
        (tuple[Text, ...], "ab"),
        (tuple[Text, ...], [1]),
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
        check("x", "y" * 10_000, Count, "mend it")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_valid_and_can_be_typed(name):
    setting = SETTINGS[name]
    assert checked(setting, setting.default, name) == setting.default
    assert checked(setting, parse(spelling(setting.default), setting.hint), name) == setting.default
