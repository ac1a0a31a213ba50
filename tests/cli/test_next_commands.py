"""What is suggested after a command can be typed as it stands."""

import shlex
import subprocess
import sys

import pytest

from rlvision.cli.output import echo, next_commands
from rlvision.config.loading import load_config, save_config


@pytest.fixture
def run(tmp_path):
    """A run folder whose name a shell and rich would both take for more than a name."""
    folder = tmp_path / "my run's [v2]"
    folder.mkdir()
    save_config(load_config("quick", {"out": str(folder)}), folder / "config.yaml")
    return folder


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line.split("      ")[0]) for line in text.splitlines()]


def test_each_command_is_quoted_for_a_shell(run):
    assert commands(next_commands(run)) == [["rlvision", what, str(run)] for what in ("evaluate", "watch", "replay")]


def test_a_world_that_no_shell_can_make_is_handed_over_in_python(run):
    save_config(load_config("quick", {"out": str(run), "env.game": "object:Catch-5f3a91"}), run / "config.yaml")
    first, second = next_commands(run).splitlines()
    assert first.startswith(f"rlvision.load({str(run)!r}, env=...)")
    assert second.startswith("rlvision replay")


def test_what_wandb_keeps_offline_is_to_be_uploaded(run):
    kept = run / "wandb" / "offline-run-20261129_080000-abcd1234"
    kept.mkdir(parents=True)
    line = next_commands(run).splitlines()[-1].split("      ")[0]
    assert line.startswith("wandb sync ")
    seen = subprocess.run(["bash", "-c", line.replace("wandb sync", "ls -d")], capture_output=True, text=True)
    assert seen.stdout == f"{kept}\n"


def test_brackets_are_printed_as_they_are(run, capsys):
    echo(next_commands(run))
    assert "[v2]" in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error(run):
    """As ``rlvision train ... | head -1``: what is said last finds nobody."""
    code = f"import time; time.sleep(1); from rlvision.cli.output import echo; echo({'word ' * 99!r})"
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}; echo $? >&2"
    done = subprocess.run(["bash", "-c", f"({line}) | true"], capture_output=True, text=True)
    assert done.stderr == "0\n"
