"""Published scores: the numbers of well-known tables, each with its protocol, length of training and source."""

import pytest

from rlvision.core.errors import ConfigError
from rlvision.envs.atari_games import rom_ids
from rlvision.evaluation import atari_scores as atari


def test_the_57_games_go_by_their_rom_ids():
    assert len(atari.games()) == 57
    assert set(atari.games()) <= set(rom_ids())
    assert list(atari.games()) == sorted(atari.games())


@pytest.mark.parametrize(
    ("game", "random", "human"),
    [("pong", -20.7, 14.6), ("breakout", 1.7, 30.5), ("alien", 227.8, 7127.7), ("skiing", -17098.1, -4336.9)],
)
def test_random_and_human_are_those_of_the_papers(game, random, human):
    assert atari.reference(game) == atari.Reference(random, human)
    assert atari.human_normalised(game, random) == 0.0
    assert atari.human_normalised(game, human) == 1.0


def test_human_normalised_by_hand():
    """Breakout: (59.3 - 1.7) / (30.5 - 1.7) = 57.6 / 28.8."""
    assert atari.human_normalised("breakout", 59.3) == pytest.approx(2.0)
    assert atari.human_normalised("pong", -56.0) == pytest.approx(-1.0)


@pytest.mark.parametrize("game", ["CartPole-v1", "air_raid", "Pong"])
def test_other_games_have_no_scale(game):
    assert atari.reference(game) is None
    assert atari.human_normalised(game, 1.0) is None


@pytest.mark.parametrize(
    ("key", "game", "score", "frames"),
    [
        ("dqn", "pong", 19.5, 200_000_000),
        ("rainbow", "pong", 20.9, 200_000_000),
        ("rainbow", "breakout", 417.5, 200_000_000),
        ("dopamine_dqn_200m", "pong", 19.48, 200_000_000),
        ("dopamine_rainbow_10m", "pong", 7.68, 10_000_000),
        ("bbf_100k", "pong", 16.37, 400_000),
        ("bbf_sticky_1m", "pong", 16.53, 4_000_000),
        ("pqn", "breakout", 384.85, 40_000_000),
    ],
)
def test_scores_are_those_that_were_published(key, game, score, frames):
    assert atari.published(key)[game] == score
    assert atari.tables()[key].frames == frames


@pytest.mark.parametrize("key", atari.tables())
def test_every_table_says_how_it_was_measured_and_where_it_was_read(key):
    table = atari.tables()[key]
    assert table.agent
    assert table.protocol
    assert table.source.startswith("github.com/")
    assert "@" in table.source  # the very commit
    scores = atari.published(key)
    assert scores
    assert set(scores) <= set(atari.games())


def test_the_tables_of_all_57_games_are_whole():
    whole = {key for key in atari.tables() if len(atari.published(key)) == 57}
    assert {"dqn", "double_dqn", "dueling_double_dqn", "c51", "qr_dqn", "iqn", "rainbow", "dreamerv3"} <= whole


def test_sticky_tables_say_so():
    for key, table in atari.tables().items():
        if key.startswith("dopamine") or "sticky" in key:
            assert "sticky actions 0.25" in table.protocol


def test_the_scale_has_a_source_too():
    assert atari.reference_source().startswith("github.com/google-deepmind/dqn_zoo")


def test_an_unknown_table_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="got 'dqm': choose from dqn, double_dqn"):
        atari.published("dqm")
