"""What is said of an evaluation: under which protocol it was played, and what came of it."""

from dataclasses import asdict, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.types import Episode
from rlvision.envs.atari_games import MACHADO, NATURE, resolve_protocol
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.report import EvalConditions, Report
from rlvision.evaluation.result import Evaluation
from rlvision.runs.eval_protocol import describe_protocol, eval_conditions, make_limits, with_protocol


def playing(game: str = "breakout", **env: Any) -> Config:
    return load_config("atari", {"env": {"game": game, "actions": None, **env}})


def report(game: str = "breakout", protocol: str | None = "nature") -> Report:
    episodes = tuple(Episode(score, 10, 40, seed) for seed, score in enumerate([1.7, 30.5, 59.3]))
    return Report(EvalConditions(game, protocol, {"sticky": 0.0}, 0.001, 7), Evaluation(episodes, {1: "too long"}))


def test_plain_values_hold_all_that_repeats_and_judges_an_evaluation() -> None:
    plain = report().to_dict()
    assert {name: plain[name] for name in ("game", "protocol", "settings", "epsilon", "seed", "games")} == {
        "game": "breakout", "protocol": "nature", "settings": {"sticky": 0.0}, "epsilon": 0.001, "seed": 7, "games": 3,
    }  # fmt: skip
    assert (plain["scores"], plain["frames"], plain["seeds"]) == ([1.7, 30.5, 59.3], [40] * 3, [0, 1, 2])
    assert plain["cut"] == {"1": "too long"}
    assert plain["mean"] == pytest.approx(30.5)
    assert plain["median"] == 30.5
    assert plain["standard_error"] == pytest.approx(28.8 / 3**0.5)
    assert plain["human_normalised"]["mean"] == pytest.approx(1.0)
    low, high = plain["interval"]
    assert plain["human_normalised"]["interval"] == pytest.approx([(low - 1.7) / 28.8, (high - 1.7) / 28.8])


def test_a_table_reads_as_people_do() -> None:
    screen = StringIO()
    Console(file=screen, width=100).print(report().table("breakout, weights"))
    lines = [" ".join(line.replace("│", " ").split()) for line in screen.getvalue().splitlines()]
    assert lines[0] == "breakout, weights"
    for said in (
        "protocol nature", "epsilon 0.001", "games 3 (seed 7)", "mean 30.50", "standard error 16.63", "median 30.50",
        "lowest, highest 1.7, 59.3", "games cut game 1: too long",
    ):  # fmt: skip
        assert said in lines
    assert any(line.startswith("human-normalised 1.000 (") for line in lines)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ({0: "too long", 1: "too long", 2: "too long"}, "all: too long"),
        ({0: "too long", 2: "too long"}, "games 0, 2: too long"),
        ({0: "too long", 1: "idle", 2: "too long"}, "games 0, 2: too long; game 1: idle"),
    ],
)
def test_games_cut_for_one_reason_are_said_once(cut: dict[int, str], said: str) -> None:
    episodes = tuple(Episode(1.0, 10, 40, seed) for seed in range(3))
    assert Report(EvalConditions("pong", None, {}, 0.0, 0), Evaluation(episodes, cut)).rows()["games cut"] == said


def test_what_is_no_game_of_atari_has_neither_protocol_nor_scale() -> None:
    other = Report(EvalConditions("CartPole-v1", None, {}, 0.0, 0), Evaluation((Episode(9.0, 9, 9, 0),)))
    assert other.to_dict()["human_normalised"] is None
    assert other.rows() == {
        "epsilon": "0", "games": "1 (seed 0)", "mean": "9.00", "standard error": "-", "95 % interval": "9.00 to 9.00",
        "median": "9.00", "lowest, highest": "9, 9",
    }  # fmt: skip


# Protocols.


def test_a_protocol_is_the_book_whatever_the_run_was_trained_with() -> None:
    config = playing(protocol="nature", sticky=0.1, noop_max=5, max_episode_frames=999, fire_on_reset=False)
    assert resolve_protocol(with_protocol(config, "machado").env) == replace(MACHADO, full_action_space=False)
    assert resolve_protocol(with_protocol(config, "nature").env) == NATURE
    assert with_protocol(config, None) is config


def test_a_network_keeps_the_actions_it_was_trained_for() -> None:
    of_all = playing(protocol="machado")
    assert resolve_protocol(with_protocol(of_all, "nature").env).full_action_space is True
    assert describe_protocol(with_protocol(of_all, "nature").env) == "nature (full_action_space true)"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"protocol": "nature"}, "nature"),
        ({"protocol": "machado", "sticky": 0.25}, "machado"),
        ({"protocol": "machado", "full_action_space": False}, "machado (full_action_space false)"),
        ({"protocol": "nature", "sticky": 0.1, "noop_max": 1}, "nature (sticky 0.1, noop_max 1)"),
        ({"protocol": "nature", "life_loss": False}, "nature"),  # whole games are scored either way
    ],
)
def test_departures_from_the_book_are_named(env: dict[str, Any], words: str) -> None:
    assert describe_protocol(playing(**env).env) == words


def test_conditions_name_the_game_as_the_scale_does() -> None:
    said = eval_conditions(playing("ALE/MsPacman-v5", protocol="nature"), 0.05, 3)
    assert (said.game, said.protocol, said.settings, said.epsilon, said.seed) == (
        "ms_pacman",
        "nature",
        asdict(NATURE),
        0.05,
        3,
    )
    other = eval_conditions(load_config("quick"), 0.05, 3)
    assert (other.game, other.protocol, other.settings) == ("CartPole-v1", None, {})


@pytest.mark.parametrize(
    ("config", "protocol", "message"),
    [
        (
            load_config("quick"),
            "nature",
            r"expected an Atari game for the protocol nature, got CartPole-v1: leave it",
        ),
        (playing(), "dopamine", r"expected a protocol of machado, nature, got 'dopamine': choose one of them"),
    ],
)
def test_a_protocol_that_does_not_fit_is_refused(config: Config, protocol: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_protocol(config, protocol)


@pytest.mark.parametrize(
    ("evaluation", "cap", "limits"),
    [
        ({}, None, EpisodeLimits(108_000, 18_000)),
        ({}, 200_000, EpisodeLimits(200_000, 18_000)),
        ({"max_frames": 50, "max_idle_frames": None}, 200_000, EpisodeLimits(50, None)),
    ],
)
def test_the_limits_are_the_runs(evaluation: dict[str, Any], cap: int | None, limits: EpisodeLimits) -> None:
    config = load_config("pong", {"evaluation": evaluation, "env.max_episode_frames": cap})
    assert make_limits(config) == limits
