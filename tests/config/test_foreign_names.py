"""Names of settings that people bring from other libraries are answered with ours."""

import pytest

from rlvision.cli.main import COMMANDS, main
from rlvision.config import foreign_names
from rlvision.config.arguments import parameters
from rlvision.config.fields import settings_of
from rlvision.config.loading import load_config
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.learning.registry import agent_names, default_settings


def ours():
    """All names that there are: settings of every agent, and options of every command."""
    settings = {name for agent in agent_names() for name in settings_of(Config(agent=default_settings(agent)))}
    return settings | {name for command in COMMANDS.values() for name in parameters(command).options}


def test_every_name_of_ours_exists_and_none_of_theirs_is_ours():
    named = {ours.partition("=")[0] for names in foreign_names._OURS for ours in names.split("|")}
    assert named <= ours()
    assert not {theirs for theirs in foreign_names._THEIRS if theirs in settings_of(Config())} - {"deterministic"}
    listed = [theirs for names in foreign_names._OURS.values() for theirs in names.split()]
    assert sorted(listed) == sorted(set(listed))
    assert set(foreign_names._UNITS) <= set(listed)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("--lr=1e-4", "--optimiser.learning-rate=1e-4 for --lr"),
        ("--learning_rate 1e-4", "--optimiser.learning-rate=1e-4 for --learning-rate"),
        ("--total-timesteps=1e6", "--env-steps=1e6 for --total-timesteps"),
        ("--buffer-size=100", "--replay.capacity=100 for --buffer-size"),
        ("--batch_size=32", "--replay.batch-size=32 for --batch-size"),
        ("--agent.name=pqn --batch-size=32", "--agent.batch-size=32 for --batch-size"),
        ("--env CartPole-v1", "--env.game=CartPole-v1 for --env"),
        ("--env-id=CartPole-v1 --random-seed=3", "--env.game=CartPole-v1 for --env-id, --seed=3 for --random-seed"),
        ("--agent=dqn", "--agent.name=dqn for --agent"),
        ("--optimiser=adam --gamma=0.9", "--optimiser.name=adam for --optimiser, --agent.gamma=0.9 for --gamma"),
        ("--cuda", "--device=cuda for --cuda"),
        ("--track", "--wandb=online for --track"),
        (
            "--train-freq=4",
            "--replay.samples-per-env-step=N (the batch size divided by train_freq) for --train-freq",
        ),
        ("--start-e=1 --colour=2", "--exploration.start=1 for --start-e"),
        ("--verbose=0", "--tracking.console=N (true or false) for --verbose"),
        ("--quiet", "--tracking.console=false for --quiet"),
    ],
)
@pytest.mark.parametrize("preset", ["pong-dqn", ""])
def test_an_option_of_another_library_is_answered_with_ours(preset, given, advice, capsys):
    assert main(["train", *preset.split(), *given.split()]) == 2
    assert capsys.readouterr().err.endswith(f": write {advice}\n")


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("train quick -lr 1e-4", "got -lr: write --optimiser.learning-rate=VALUE"),
        ("train quick -n 1000", "got -n: write --env-steps=VALUE"),
        ("train quick -s 1", "got -s: write --seed=VALUE"),
        ("train quick --gamma=1", "got '--gamma': did you mean --agent.gamma?"),
        ("train quick --evaluation=1", "got '--evaluation': did you mean --evaluation.games?"),
        ("train quick -x 1", "got -x: write it with two dashes and a name"),
        ("evaluate RUN -s 1", "got -s: write --seed=VALUE"),
        ("evaluate RUN -n 1", "got -n: write it with two dashes and a name"),
        ("evaluate RUN --n-eval-episodes=5", "got '--n-eval-episodes': write --games=5 for --n-eval-episodes"),
        ("evaluate RUN --deterministic", "got '--deterministic': write --greedy=N for --deterministic"),
    ],
)
def test_every_command_answers_with_its_own_options(command, advice, capsys):
    assert main(command.split()) == 2
    assert advice in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "advice"),
    [
        ({"learning_rate": 1e-3}, "got 'learning_rate': did you mean optimiser.learning_rate?"),
        ({"total_timesteps": 10}, "got 'total_timesteps': did you mean env_steps?"),
        ({"agent": {"tau": 0.1}}, "got 'agent.tau': did you mean agent.target_tau?"),
        ({"env": "CartPole-v1"}, "expected env to be a group, got 'CartPole-v1': name a setting, such as env.game"),
    ],
)
def test_in_python_and_in_files_too(overrides, advice):
    with pytest.raises(ConfigError) as error:
        load_config("cartpole-dqn", overrides)
    assert advice in str(error.value)
