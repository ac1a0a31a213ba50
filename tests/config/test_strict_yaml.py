import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvision.config.strict_yaml import dump, parse
from rlvision.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e7", 1e7),
        ("2.5E+3", 2500.0),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("30_000", 30_000),
        ("010", 10),
        ("-7", -7),
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("no", "no"),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        ("2024-01-01", "2024-01-01"),
        ("12:30:00", "12:30:00"),
        ("0x10", "0x10"),
        ("=", "="),
        ("[1, a, 1e3]", [1, "a", 1000.0]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_plain_scalars_mean_what_they_look_like(text, value):
    parsed = parse(text, "a test")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' twice"),
        ("env:\n  game: pong\n  game: breakout", "the key 'game' twice"),
        ("a: &x [1]\nb: *x", "an alias"),
        ("&x [*x]", "an alias"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: [1", "expected ',' or ']'"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("? [1]\n: 2", "unhashable"),
        ("9" * 5000, "limit"),
        ("[" * 400, "recursion"),
        ("\x00", "special characters"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_in_one_line(text, reason):
    with pytest.raises(ConfigError, match=r"expected a test to be plain YAML, got .*: correct the text") as refused:
        parse(text, "a test")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


_words = st.sampled_from(
    [
        "1e-4",
        "on",
        "null",
        "none",
        "010",
        "1_0",
        ".inf",
        "~",
        "a: b",
        "- a",
        "# a",
        "'",
        "é",
        "\x85",
        "\r",
        "a\u2028",
        "",
    ]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | _words
_trees = st.recursive(_scalars, lambda tree: st.lists(tree) | st.dictionaries(st.text() | _words, tree), max_leaves=8)


@given(_trees)
def test_what_is_written_is_read_back(tree):
    assert parse(dump(tree), "a test") == tree
