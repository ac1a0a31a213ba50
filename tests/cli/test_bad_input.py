"""Whatever is wrong with a command is one line of three parts, exit status 2, and nothing on the disk."""

import re
from pathlib import Path

import pytest

from rlvision.cli import main as cli

ONE_LINE = re.compile(r"rlvision: expected .+, got .+: .+\n")
TWICE = "env: {game: pong}\nenv: {game: breakout}\n"
OWN = """
import gymnasium, numpy

class Stacking(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 255, (4, 84, 84), numpy.uint8)
    action_space = gymnasium.spaces.Discrete(2)
"""

CASES = {
    "preset": ("train pnog", "did you mean pong"),
    "preset file": ("train nothing.yaml", "No such file"),
    "key": ("train cartpole-dqn --agent.duoble=true", "did you mean --agent.double"),
    "key in a file": ("train key.yaml", "did you mean agent.double"),
    "the same key twice": ("train twice.yaml", "the key 'env' twice"),
    "not YAML": ("train torn.yaml", "plain YAML"),
    "not text": ("train binary.yaml", "utf-8"),
    "game": ("train atari --env.game=pnog", "did you mean 'pong'"),
    "Gymnasium id": ("train quick --env.game=CartPool-v1", "did you mean 'CartPole-v1'"),
    "import path": ("train quick --env.game=nowhere:Env", "No module named 'nowhere'"),
    "class": ("train quick --env.game=own_worlds:None", "own_worlds"),
    "an environment that stacks itself": ("train quick --env.game=own_worlds:Stacking --env.crop=none", "stacks its"),
    "network": ("train quick --network.encoder=impalla", "did you mean 'impala'"),
    "device": ("train quick --device=gpu", "cpu, cuda or cuda:1"),
    "absent device": ("train quick --device=cuda:77", "of this machine"),
    "type": ("train quick --env-steps=many", "a whole number"),
    "a number as text": ("train text.yaml", "a number above 0, got '1e-4'"),
    "range": ("train quick --agent.gamma=1.5", "at most 1, got 1.5"),
    "endless frames": ("train quick --env.height=1000000000", "at most 4096"),
    "n-step longer than the ring": ("train cartpole-dqn --agent.n-step=300000", "raise replay.capacity"),
    "batch larger than learning start": ("train cartpole-dqn --replay.batch-size=5000", "raise replay.learning_starts"),
    "frames too small": ("train quick --env.height=9 --env.width=9", "frames of at least 29x29"),
    "memory": ("train cartpole-dqn --replay.capacity=99999999999", "lower replay.capacity"),
    "crop off the screen": ("train quick --env.crop=[0,4000,0,9]", "within a screen of 400 rows"),
    "endless game": ("train pong --env.max-episode-frames=3000000000", "at most 2147483647"),
    "endless run": (f"train quick --env-steps={'9' * 400}", "at most 1,000,000,000,000,000"),
    "options of a network": ('train quick --network.encoder=mlp --network.kwargs={"hidden":64}', "TypeError"),
    "folder with too long a name": (f"train quick --out={'a' * 300}", "File name too long"),
    "folder with a zero in its name": ("train zero.yaml", "null byte"),
    "run with too long a name": (f"evaluate {'a' * 300}", "without a config.yaml"),
    "run to resume": ("resume nowhere", "without a config.yaml"),
    "export to resume": ("resume pong", "use rlvision watch or evaluate for it"),
    "export to replay": ("replay pong", "which has no checkpoints and no training games"),
    "game of an export": ("replay pong --episode=best --video=a.mp4", "which has no checkpoints and no training games"),
    "run to evaluate": ("evaluate nowhere", "without a config.yaml"),
    "run to watch": ("watch nowhere --video=a.mp4", "without a config.yaml"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what the cases name, and no other file."""
    files = {
        "key.yaml": "agent: {duoble: true}",
        "twice.yaml": TWICE,
        "torn.yaml": "env: {game: [",
        "zero.yaml": 'out: "a\\0b"\nenv: {game: pong}',
        "text.yaml": "optimiser: {learning_rate: '1e-4'}",
        "own_worlds.py": OWN,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return tmp_path


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_line_with_status_2_and_leaves_nothing(name, here, capsys):
    command, said = CASES[name]
    before = content(here)
    assert cli.main(command.split()) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert ONE_LINE.fullmatch(error), error
    assert said in error
    assert content(here) == before


def test_debug_shows_the_traceback(here):
    with pytest.raises(Exception, match="expected a device of this machine"):
        cli.main(["train", "quick", "--device=cuda:77", "--debug"])
