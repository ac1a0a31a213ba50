"""Sweep files: what they mean, and what is refused before anything starts."""

import math
from random import Random
from statistics import mean

import pytest
import yaml

from rlvision.config.loading import load_config
from rlvision.core.errors import ConfigError
from rlvision.sweeps.distributions import DISTRIBUTIONS, read_domain
from rlvision.sweeps.sweep_file import read_sweep
from rlvision.sweeps.trials import make_trials, trial_name

FILE = {
    "program": "train.py",
    "method": "grid",
    "parameters": {"agent.n_step": {"values": [1, 3]}},
    "command": ["${env}", "${interpreter}", "${program}", "cartpole-dqn", "--env-steps=400", "${args}"],
}


@pytest.fixture
def sweep_of(tmp_path):
    """Reads a file like `FILE` but for some keys; None leaves a key out."""

    def read(**changes):
        path = tmp_path / "mine.yaml"
        tree = {key: value for key, value in {**FILE, **changes}.items() if value is not None}
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return read_sweep(str(path))

    return read


def settings(sweep, runs=None, seeds=()):
    return [trial.settings for trial in make_trials(sweep, runs=runs, seeds=seeds)]


def test_a_grid_is_every_combination_and_the_last_parameter_changes_fastest(sweep_of):
    sweep = sweep_of(
        parameters={"agent.n_step": {"values": [1, 3]}, "seed": {"min": 4, "max": 6}, "agent.double": {"value": False}}
    )
    assert [tuple(each.values()) for each in settings(sweep)] == [(n, s, False) for n in (1, 3) for s in (4, 5, 6)]
    assert [tuple(each.values()) for each in settings(sweep, runs=2)] == [(1, 4, False), (1, 5, False)]


def test_a_trial_is_what_the_same_command_would_train(sweep_of):
    first, *_ = make_trials(sweep_of(), runs=None, seeds=())
    assert first.config == load_config("cartpole-dqn", {"env_steps": 400, "agent.n_step": 1})


def test_every_setting_is_repeated_with_every_seed(sweep_of):
    assert settings(sweep_of(), seeds=(7, 8)) == [{"agent.n_step": n, "seed": s} for n in (1, 3) for s in (7, 8)]
    with pytest.raises(ConfigError, match="seeds from --seeds or from sweep mine, got both"):
        settings(sweep_of(parameters={"seed": {"values": [1]}}), seeds=(1,))


def test_a_draw_does_not_depend_on_how_many_there_are(sweep_of):
    domain = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}
    sweep = sweep_of(method="random", run_cap=3, parameters={"optimiser.learning_rate": domain})
    assert settings(sweep) == settings(sweep, runs=9)[:3]
    assert len({each["optimiser.learning_rate"] for each in settings(sweep, runs=9)}) == 9
    with pytest.raises(ConfigError, match="number of runs for the random sweep mine, got none: add --runs=20"):
        settings(sweep_of(method="random"))


def test_equal_draws_are_one_run(sweep_of):
    assert len(settings(sweep_of(method="random"), runs=50)) == 2


@pytest.mark.parametrize(
    ("given", "low", "high", "centre"),
    [
        ({"distribution": "uniform", "min": 2, "max": 4}, 2, 4, 3),
        ({"min": 2.0, "max": 4.0}, 2, 4, 3),
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 5}, 0, 10, 5),
        ({"min": 1, "max": 5}, 1, 5, 3),
        ({"distribution": "log_uniform_values", "min": 0.01, "max": 100}, 0.01, 100, 99.99 / math.log(1e4)),
        ({"distribution": "log_uniform", "min": 0, "max": 1}, 1, math.e, math.e - 1),
        ({"distribution": "normal", "mu": 5, "sigma": 2}, -20, 30, 5),
        ({"distribution": "log_normal", "mu": 0, "sigma": 0.5}, 0, 20, math.exp(0.125)),
        ({"values": [1, 5], "probabilities": [0.75, 0.25]}, 1, 5, 2),
    ],
)
def test_draws_have_the_bounds_and_the_mean_of_their_distribution(given, low, high, centre):
    rng, domain = Random(0), read_domain("x", given)
    draws = [domain.draw(rng) for _ in range(20_000)]
    assert low <= min(draws) <= max(draws) <= high
    assert mean(draws) == pytest.approx(centre, rel=0.05)


def test_rounded_draws_are_multiples_and_whole_where_the_step_is():
    rng = Random(0)
    domain = read_domain("x", {"distribution": "q_log_uniform_values", "q": 100, "min": 200, "max": 4000})
    draws = [domain.draw(rng) for _ in range(100)]
    assert all(isinstance(draw, int) and draw % 100 == 0 for draw in draws)
    assert {f"q_{name}" for name in DISTRIBUTIONS} == {
        "q_uniform",
        "q_log_uniform",
        "q_log_uniform_values",
        "q_normal",
        "q_log_normal",
    }


def test_a_name_says_the_settings_and_differs_where_they_differ():
    assert trial_name({"optimiser.learning_rate": 0.0005, "network.norm": "renorm", "seed": 1}) == (
        "learning_rate=0.0005-norm=renorm-seed=1"
    )
    assert trial_name({"exploration.epsilon": 1, "optimiser.epsilon": 2}) == "exploration.epsilon=1-optimiser.epsilon=2"
    close = [trial_name({"optimiser.learning_rate": rate}) for rate in (0.00123456, 0.00123457)]
    assert all(name.startswith("learning_rate=0.001235-") for name in close)
    assert len({*close}) == 2
    assert "/" not in trial_name({"env.game": "ALE/Pong-v5"})
    assert len(trial_name({"network.kwargs": {"a": "x" * 500}})) < 120


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "bayes"}, "method: grid or random in sweep mine.yaml, got 'bayes': bayes needs W&B's server"),
        ({"metod": "grid"}, "a key of sweep mine.yaml, got 'metod': did you mean method"),
        ({"early_terminate": {"type": "hyperband"}}, "got early_terminate, which needs W&B's server: leave it out"),
        ({"program": "main.py"}, "program: train.py in sweep mine.yaml, got 'main.py'"),
        ({"command": None}, r"the command of a run in sweep mine.yaml, got None: write command: \[\$\{env\}"),
        ({"command": ["${program}", "${args}"]}, r"one preset after \$\{program\} in sweep mine.yaml, got none"),
        ({"command": ["${program}", "quik", "${args}"]}, "got 'quik': did you mean quick"),
        (
            {"command": ["${program}", "cartpole-dqn", "--gama=1", "${args}"]},
            "an option of rlvision train, got '--gama'",
        ),
        ({"metric": {"name": "evaluate/maen"}}, "to be a metric, got 'evaluate/maen': did you mean evaluate/mean"),
        ({"metric": {"name": "loss/td", "goal": "low"}}, "metric.goal of sweep mine.yaml to be maximize or minimize"),
        ({"run_cap": 0}, "run_cap of sweep mine.yaml to be a whole number above 0, got 0"),
        ({"parameters": {}}, "expected parameters in sweep mine.yaml"),
        ({"parameters": {"agent.n_steps": {"value": 1}}}, "got 'agent.n_steps': did you mean agent.n_step"),
        ({"parameters": {"agent": {"parameters": {}}}}, "a setting in sweep mine.yaml, got 'agent'"),
        ({"parameters": {"out": {"value": "x"}}}, "expected out not among the parameters"),
        ({"parameters": {"env_steps": {"value": 1}}}, "expected env_steps not among the parameters"),
        ({"parameters": {"seed": 3}}, r"expected seed to hold value, values or a distribution, got 3"),
        ({"parameters": {"seed": {}}}, "expected seed to hold value, values, or min and max, got nothing"),
        ({"parameters": {"seed": {"values": []}}}, "seed.values to be a list with at least one value"),
        (
            {"parameters": {"seed": {"values": [1], "min": 2}}},
            "seed to hold values and probabilities for categorical, got min",
        ),
        ({"parameters": {"seed": {"values": [1, 2], "probabilities": [1]}}}, "to be 2 numbers that add to 1"),
        ({"parameters": {"seed": {"min": 3, "max": 3}}}, "seed.min below seed.max, got 3 and 3"),
        ({"parameters": {"seed": {"min": 1, "max": "many"}}}, "seed.max to be a number, got 'many'"),
        ({"parameters": {"seed": {"distribution": "beta"}}}, r"a distribution \(constant, .*\) of seed, got 'beta'"),
        ({"parameters": {"seed": {"distribution": "normal", "mu": 1}}}, "hold mu and sigma for normal, got no sigma"),
        ({"parameters": {"agent.gamma": {"min": 0.5, "max": 0.9}}}, "a list of values of agent.gamma for method: grid"),
        ({"parameters": {"agent.gamma": {"values": [0.5, 1.5]}}}, "expected agent.gamma of sweep mine to be"),
        (
            {"parameters": {"agent.double": {"values": ["yes"]}}},
            "expected agent.double of sweep mine to be true or false",
        ),
        (
            {"parameters": {"replay.batch_size": {"value": 5000}}},
            "replay.learning_starts of at least replay.batch_size",
        ),
        (
            {"parameters": {"agent.name": {"value": "pqn"}, "replay.capacity": {"values": [500, 900]}}},
            "a setting of the agent pqn in sweep mine, got 'replay.capacity'",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_anything_starts(sweep_of, changes, message):
    with pytest.raises(ConfigError, match=message):
        settings(sweep_of(**changes))


def test_logarithms_need_something_above_zero():
    with pytest.raises(ConfigError, match=r"x.min above 0 for q_log_uniform_values, got 0"):
        read_domain("x", {"distribution": "q_log_uniform_values", "min": 0, "max": 1})


@pytest.mark.parametrize("name", ["quick", "pong"])
def test_the_sweeps_that_come_along_are_found_by_name_and_can_be_run(name):
    sweep = read_sweep(name)
    assert sweep.preset == name
    assert len(settings(sweep)) == {"quick": 8, "pong": 12}[name]


def test_a_name_that_is_none_of_them_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"a sweep \(pong, quick\) or a YAML file, got 'quik': did you mean quick"):
        read_sweep("quik")
