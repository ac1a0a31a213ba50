import importlib.metadata
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlvision.cli import main as cli
from rlvision.config.loading import load_config, save_config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.types import Episode
from rlvision.evaluation.episode_limits import EpisodeLimits
from rlvision.evaluation.games import Evaluation
from rlvision.evaluation.report import EvalConditions, Report
from rlvision.runs import run as runs
from rlvision.runs import training
from rlvision.runs.eval_protocol import make_limits
from rlvision.watch.rollout import Game

ROOT = Path(__file__).parents[2]


GAME = Game(score=1.0, length=2, seed=0, over=True)
REPORT = Report(EvalConditions("pong", "nature", {}, 0.001, 0), Evaluation((Episode(1.0, 2, 8, 0),)))


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the commands ask of `Run`, `train` and `resume`, in an empty working directory."""
    seen = []

    class Agent:
        config = load_config("cartpole-dqn")
        env_steps = 7

        def __init__(self, folder, **named):
            seen.append(("Run", folder, named))

        def measure(self, games, **named):
            seen.append(("measure", games, named))
            return REPORT

        def watch(self, video, **named):
            seen.append(("watch", video, named))
            video.touch()
            return [GAME]

    def train(config):
        seen.append(("train", config, {}))
        Path(config.out).mkdir(parents=True)
        save_config(config, Path(config.out) / "config.yaml")

    def resume(folder, **named):
        seen.append(("resume", folder, named))
        return Agent

    monkeypatch.setattr(runs, "Run", Agent)
    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(training, "resume", resume)
    monkeypatch.chdir(tmp_path)
    return seen


def test_train_hands_over_the_complete_configuration(calls):
    assert cli.main(["train", "pong-dqn", "--agent.double=True", "--env-steps=1e3", "--env.kwargs={a: 1e-4}"]) == 0
    expected = load_config("pong-dqn", {"agent.double": True, "env_steps": 1000, "env.kwargs": {"a": 1e-4}})
    assert calls == [("train", expected, {})]
    assert expected.out == "runs/pong-dqn-seed1"


def test_the_names_that_scripts_rely_on(calls):
    assert cli.main([
        "train", "cartpole-dqn", "--out=a/b", "--seed=2", "--env-steps=9", "--device=cpu", "--checkpoint-every=3",
        "--evaluate-every=4", "--wandb=disabled",
    ]) == 0  # fmt: skip
    assert cli.main(["evaluate", "a/b", "--games=5", "--json=scores.json"]) == 0
    assert cli.main(["watch", "a/b", "--video=a.webm", "--episodes=2", "--max-steps=50"]) == 0
    assert cli.main(["resume", "a/b"]) == 0
    run = Path("a/b")
    scripted = {
        "out": "a/b", "seed": 2, "env_steps": 9, "device": "cpu", "checkpoint_every": 3, "evaluate_every": 4,
        "wandb": "disabled",
    }  # fmt: skip
    agent = ("Run", run, {"weights": "best", "device": "auto", "trust_imports": False})
    usual = {"seed": 0, "epsilon": None}
    games = {"num_envs": 16, "protocol": None, "limits": make_limits(load_config("cartpole-dqn")), **usual}
    assert calls == [
        ("train", load_config("cartpole-dqn", scripted), {}),
        agent,
        ("measure", 5, games),
        agent,
        ("watch", Path("a.webm"), {"terminal": False, "html": None, "episodes": 2, "max_steps": 50, **usual}),
        ("resume", run, {"env_steps": None, "trust_imports": False}),
    ]
    assert json.loads(Path("scores.json").read_text()) == {"run": "a/b", "env_steps": 7, **REPORT.to_dict()}


@pytest.mark.parametrize(
    ("given", "cut_after"), [("", 500), ("--max-idle-frames=7", 7), ("--max-idle-frames=never", None)]
)
def test_games_without_a_reward_are_cut_as_the_command_says_or_else_the_run(monkeypatch, given, cut_after):
    limits_seen = []

    class Agent:
        config = load_config("pong", {"evaluation.max_idle_frames": 500})

        def __init__(self, *_, **__):
            pass

        def measure(self, games, *, limits, **_):
            limits_seen.append(limits)
            raise ConfigError("expected to play, got what was wanted: enough")

    monkeypatch.setattr(runs, "Run", Agent)
    assert cli.main(["evaluate", "a", *filter(None, [given])]) == 2
    assert limits_seen == [EpisodeLimits(108_000, cut_after)]


PRESETS = "atari, breakout, cartpole, cartpole-dqn, pixels, pong, pong-dqn, quick"
A_PRESET = f"a preset ({PRESETS}), a YAML file or the name of a world"
A_SEED = "--seed to be a whole number of at least 0 and below 4294967296"
A_COMMAND = f"a command ({', '.join(cli.COMMANDS)})"


@pytest.mark.parametrize(
    ("command", "expected", "got", "remedy"),
    [
        ("tran pong", A_COMMAND, "'tran'", "did you mean train?"),
        ("train", "one PRESET after rlvision train", "nothing", "rlvision presets lists them"),
        ("train pong quick", "one PRESET after rlvision train", "pong quick", "rlvision presets lists them"),
        ("train pnog", A_PRESET, "'pnog'", "did you mean pong?"),
        ("train pong --sead=1", "an option of rlvision train", "'--sead'", "did you mean --seed?"),
        ("train pong --seed=x", A_SEED, "'x'", "set another value, the default is 1"),
        (
            "train pong-dqn --replay.batch-size=9999 --replay.learning-starts=5000",
            "replay.learning_starts of at least replay.batch_size (9999)",
            "5000",
            "raise replay.learning_starts or lower replay.batch_size",
        ),
        ("resume", "RUN after rlvision resume", "nothing", "rlvision resume --help explains it"),
        ("watch a --fps=3", "an option of rlvision watch", "'--fps'", "rlvision watch --help lists them"),
        ("watch a --port=3", "--port with --web", "--port=3 alone", "add --web"),
        (
            "watch a --web --max-steps=9",
            "--web alone",
            "--max-steps too",
            "leave --max-steps out, the page plays until Ctrl-C",
        ),
        (
            "evaluate a --greedy --epsilon=0.1",
            "--greedy or --epsilon",
            "both (--epsilon=0.1)",
            "leave one out",
        ),
        ("evaluate a --games=0", "--games to be a whole number above 0", "0", "set another value, the default is 30"),
    ],
)
def test_a_mistake_is_one_line_and_creates_nothing(command, expected, got, remedy, calls, capsys, tmp_path):
    assert cli.main(command.split()) == 2
    assert capsys.readouterr() == ("", f"rlvision: expected {expected}, got {got}: {remedy}\n")
    assert calls == []
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_part_is_one_line_too(monkeypatch, calls, capsys):
    def fail(run, **_):
        raise CheckpointError("expected a run,\n  got nothing: train one")

    monkeypatch.setattr(training, "resume", fail)
    assert cli.main(["resume", "a"]) == 2
    assert capsys.readouterr().err == "rlvision: expected a run, got nothing: train one\n"
    with pytest.raises(CheckpointError):
        cli.main(["resume", "a", "--debug"])


def test_an_interruption_has_its_own_status(monkeypatch, calls):
    def interrupt(run, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "resume", interrupt)
    assert cli.main(["resume", "a"]) == 130


def test_the_version_is_that_of_the_distribution(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"rlvision {importlib.metadata.version('rlvision')}\n"


def test_a_reader_that_leaves_is_no_error():
    program = (
        "import sys; sys.stdin.readline(); from rlvision.cli.main import main; sys.exit(main(['train', '--help']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(b"go\n")
    assert (process.returncode, errors) == (141, b"")


def test_train_py_is_the_same_program(tmp_path):
    command = [sys.executable, ROOT / "train.py", "pnog"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    line = f"rlvision: expected {A_PRESET}, got 'pnog': did you mean pong?\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", line)


def test_a_world_that_crashes_the_interpreter_leaves_the_line_where_it_did(tmp_path):
    options = ["--env.kwargs={how: abort, at: 2}", f"--out={tmp_path / 'check.png'}"]
    command = [sys.executable, "-m", "rlvision", "check", "faulty_worlds:Failing", *options]
    run = subprocess.run(command, cwd=ROOT / "tests" / "own", capture_output=True, text=True)
    assert run.returncode == -signal.SIGABRT
    assert re.search(r'faulty_worlds.py", line \d+ in fail', run.stderr)
