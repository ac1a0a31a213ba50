import pytest

from rlvision.core.errors import ConfigError
from rlvision.envs.atari_games import ATARI_PROTOCOLS, find_game, resolve_game, rom_ids


@pytest.mark.parametrize(
    ("name", "game"),
    [
        ("pong", "pong"),
        ("ALE/Pong-v5", "pong"),
        ("Pong-v5", "pong"),
        ("Pong-v4", "pong"),
        ("PongNoFrameskip-v4", "pong"),
        ("PongDeterministic-v0", "pong"),
        ("ms_pacman", "ms_pacman"),
        ("MsPacmanNoFrameskip-v4", "ms_pacman"),
        ("ALE/TicTacToe3D-v5", "tic_tac_toe_3d"),
    ],
)
def test_a_game_goes_by_all_its_names(name, game):
    assert resolve_game(name) == game


@pytest.mark.parametrize("name", ["Blackjack-v1", "CartPole-v1", "Pong-ram-v4", "module:Pong", "Pong", "combat"])
def test_other_names_are_no_games(name):
    assert find_game(name) is None


@pytest.mark.parametrize(
    ("name", "near"), [("pogn", "pong"), ("MsPackman-v5", "ms_pacman"), ("ALE/Braekout-v5", "breakout")]
)
def test_the_nearest_game_is_named(name, near):
    with pytest.raises(ConfigError, match=f"did you mean '{near}'"):
        resolve_game(name)


def test_a_name_like_no_other_has_no_nearest():
    with pytest.raises(ConfigError, match=r"got 'xyzzy': such as pong, CartPole-v1, or"):
        resolve_game("xyzzy")


def test_games_for_two_players_only_are_left_out():
    assert not {"combat", "joust", "maze_craze", "warlords"} & set(rom_ids())
    assert len(rom_ids()) > 100


def test_the_protocols_differ_as_their_papers_do():
    machado, nature = ATARI_PROTOCOLS["machado"], ATARI_PROTOCOLS["nature"]
    assert (machado.sticky, machado.noop_max, machado.life_loss) == (0.25, 0, False)
    assert (nature.sticky, nature.noop_max, nature.life_loss) == (0.0, 30, True)
    assert machado.max_episode_frames == nature.max_episode_frames == 30 * 60 * 60  # half an hour at 60 Hz
