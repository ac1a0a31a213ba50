"""The README's snippets, run as they stand but for their length."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from rlvision.cli import main as cli

README = (Path(__file__).parents[2] / "README.md").read_text()
SHORT = [
    "--env-steps=64",
    "--env.num-envs=2",
    "--replay.learning-starts=32",
    "--replay.capacity=1000",
    "--evaluation.games=1",
    "--wandb=disabled",
    "--network.calibration-batches=2",
]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands():
    """Every ``rlvision`` command of the README, in its order."""
    lines = "".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("rlvision ")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the files that the README shows."""
    for text in blocks("python") + blocks("yaml"):
        if name := re.match(r"# (\w+\.\w+)\n", text):
            (tmp_path / name[1]).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("catch", "tiny"):
        sys.modules.pop(name, None)


def test_every_command_runs(folder):
    ran = []
    for command in commands():
        short = [argument for argument in SHORT if argument.split("=")[0] not in " ".join(command)]
        extra = {"train": short, "evaluate": ["--games=1"], "watch": ["--max-steps=20"], "export": ["--games=0"]}
        if command[0] in ("evaluate", "watch"):
            command = [argument for argument in command if not argument.startswith(("--games", "--episodes"))]
        assert cli.main([*command, *extra.get(command[0], [])]) == 0, command
        ran.append(command[0])
    assert {"train", "resume", "evaluate", "watch", "export"} <= set(ran)
    assert (folder / "scores.json").exists()
    assert (folder / "exports/pong/model.safetensors").exists()
    assert (folder / "pong.mp4").stat().st_size > 1_000


def test_the_python_api(folder, capsys):
    api = next(text for text in blocks("python") if text.startswith("import rlvision"))
    assert "2_000" in api
    api = api.replace('"env_steps": 2_000', '"env_steps": 64, "replay.learning_starts": 32, "wandb": "disabled"')
    names = {}
    exec(api, names)  # noqa: S102 - our own README
    names["env"].close()
    assert names["action"].shape == (3,)
    assert set(names["action"].tolist()) <= {0, 1}
    assert float(capsys.readouterr().out.splitlines()[-1]) > 0


def test_the_set_up_commands_are_those_of_ci():
    marked = re.findall(r"<!-- ci: run -->\n```bash\n(.*?)\n```", README)
    assert marked == ["pip install . && rlvision train quick", "pip install '.[test]' && pytest"]


def test_the_map_names_what_is_there():
    root = Path(__file__).parents[2]
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (root / path).exists(), path
