"""Every command and code block of the README and the pages is run, shortened, or says in `NOT_RUN` why it is not."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rlvision.cli import main as cli

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
NOT_RUN = {
    "pip install": "installs; .ci/run runs the README's",
    "python -m venv": "installs",
    "source .venv": "installs",
    "pytest": "is what runs this",
    "ruff": "is a step of .ci/run",
    "mypy": "is a step of .ci/run",
    "wandb login": "asks for an account",
    "tensorboard --logdir": "serves until it is interrupted",
    "rlvision watch runs/quick-seed1 --web": "serves until it is interrupted: tests/watch/web/test_web_server.py",
    "rlvision sweep quick": "is eight runs of two minutes; docs/sweep.md has a smaller one",
}
SHORT = {
    "train": [
        "--env-steps=64",
        "--env.num-envs=2",
        "--replay.learning-starts=32",
        "--replay.capacity=1000",
        "--replay.batch-size=8",
        "--replay.samples-per-env-step=2",
        "--evaluation.games=1",
        "--evaluation.max-frames=200",
        "--tracking.video-every=0",
        "--tracking.log-every=32",
        "--wandb=disabled",
        "--network.calibration-batches=2",
        "--agent.rollout-steps=8",
        "--agent.batch-size=8",
    ],
    "evaluate": ["--games=1", "--max-frames=200"],
    "export": ["--games=1"],
    "watch": ["--max-steps=20"],
    "replay": ["--max-steps=20"],
}
SHORTER = {"--env-steps": "96", "--games": "1", "--runs": "1"}
"""What takes the place of a number that a page gives: a run that goes on is longer than the 64 it had."""
ROLLOUTS = {"quick", "cartpole", "pong"}
"""Presets whose agent has no replay."""
CONFIGURED = '"env_steps": 64, "replay.learning_starts": 32, "evaluation.games": 1, "wandb": "disabled"'
WRITES = ("--video", "--html", "--json", "--out")


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block of a page, in its order."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """The commands of a block, one a line; a comment behind it is none of it."""
    lines = re.sub(r"\\\n\s*|\s{2,}#.*", " ", text).splitlines()
    return [command.strip() for line in lines for command in line.split("&&") if command.strip()]


def not_run(command: str) -> list[str]:
    return [start for start in NOT_RUN if command.startswith(start)]


def shortened(command: str) -> list[str]:
    """The arguments of an ``rlvision`` command, which does the same for a shorter time."""
    name, *given = shlex.split(command)[1:]
    if "--help" in given:
        return [name, *given]
    given = [f"{option}={SHORTER.get(option, value)}" if value else option for option, value in map(split, given)]
    names = {split(argument)[0] for argument in given}
    learns_from_rollouts = "--agent.name" not in names and not ROLLOUTS.isdisjoint(given)
    unused = "--replay." if learns_from_rollouts else "--agent."
    more = (argument for argument in SHORT.get(name, ()) if split(argument)[0] not in names)
    return [name, *given, *(argument for argument in more if not argument.startswith(unused))]


def split(argument: str) -> tuple[str, str]:
    option, _, value = argument.partition("=")
    return option, value


class Workspace:
    """A working directory in which pages are followed; what one page did, the next need not do again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done: set[str] = set()

    def follow(self, page: str, languages: Sequence[str] = ("bash", "python")) -> list[dict[str, object]]:
        """Write a page's files, run its commands and its code; the names that each piece of code made."""
        for _, text in blocks(page):
            if name := re.match(r"# ([\w-]+\.(py|yaml))\n", text):
                (self.folder / name[1]).write_text(text.replace('quick, "${args}"', f'quick, {SWEPT}, "${{args}}"'))
        followed = [block for block in blocks(page) if block[0] in languages]
        made = [self._follow(*block) for block in followed]
        self._done |= {command for _, text in followed for command in commands(text)}
        return [names for names in made if names]

    def _follow(self, language: str, text: str) -> dict[str, object]:
        if language == "bash":
            for command in commands(text):
                if command not in self._done and not not_run(command):
                    self.run(command)
        if language != "python" or text.startswith("# "):
            return {}
        names: dict[str, object] = {}
        exec(text.replace('"env_steps": 2_000', CONFIGURED), names)  # noqa: S102 - our own pages
        return names

    def run(self, command: str) -> None:
        assert command.startswith("rlvision "), f"{command}: run it here, or say in NOT_RUN why not"
        arguments = shortened(command)
        assert cli.main(arguments) == 0, arguments
        for option, value in map(split, arguments):
            assert option not in WRITES or (self.folder / value).exists(), (arguments, value)


SWEPT = ", ".join(f'"{argument}"' for argument in SHORT["train"] if not argument.startswith("--replay."))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace in which ``quick`` has been trained."""
    workspace = Workspace(tmp_path_factory.mktemp("pages"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        patch.syspath_prepend(workspace.folder)
        workspace.run("rlvision train quick")
        yield workspace
    for name in ("catch", "tiny", "glass", "my_agents"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_every_page_can_be_followed(workspace, page):
    for names in workspace.follow(page):
        assert "config" not in names or names["run"].env_steps == 64


def test_the_code_of_the_readme_runs(workspace, capsys):
    [names] = workspace.follow("README.md", ["python"])
    names["env"].close()
    assert names["observation"] in names["env"].observation_space
    assert names["reward"] == 2.0  # of two frames
    assert float(capsys.readouterr().out.splitlines()[-1]) > 0


def test_the_commands_of_the_readme_can_be_followed(workspace):
    workspace.follow("README.md", ["bash"])
    ran = {
        command.split()[1] for _, text in blocks("README.md") for command in commands(text) if "rlvision " in command
    }
    assert {"train", "resume", "evaluate", "watch", "replay", "compare", "plot", "export"} <= ran
    assert (workspace.folder / "exports/quick/model.safetensors").exists()
    assert (workspace.folder / "quick.mp4").stat().st_size > 1_000


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_its_language(page):
    assert {language for language, _ in blocks(page)} <= {"bash", "python", "yaml", "text"}


def test_what_is_not_run_is_there():
    written = [command for page in PAGES for language, text in blocks(page) for command in commands(text)]
    left_out = [start for command in written for start in not_run(command)]
    assert set(left_out) == set(NOT_RUN)


def test_the_set_up_commands_are_those_of_ci():
    marked = re.findall(r"<!-- ci: run -->\n```bash\n(.*?)\n```", text_of("README.md"))
    assert marked == [
        "pip install . && rlvision train quick",
        "pip install '.[test]' && pytest -n auto --dist worksteal",
    ]
