"""A finished run is trained on only by a larger number of env steps that the user names."""

import json
import os

import pytest

from rlvision.cli.main import main
from rlvision.core.errors import ConfigError
from rlvision.runs.training import resume, train

END = 40


@pytest.fixture
def command(monkeypatch, tmp_path, small):
    """The command line of a preset that takes a moment, in an empty folder; returns status, output and env steps."""
    monkeypatch.chdir(tmp_path)
    config = small(tmp_path / "unused", env_steps=END, evaluation__games=1)
    (tmp_path / "mine.yaml").write_text(json.dumps(_tree(config)))

    def run(capsys, *arguments):
        status = main(arguments)
        paths = sorted((tmp_path / "runs" / "mine-seed1" / "checkpoints").glob("[0-9]*.ckpt"))
        return status, capsys.readouterr(), int(paths[-1].stem)

    return run


def _tree(config):
    from rlvision.config.fields import nest
    from rlvision.config.loading import flatten_used

    values = {name: value for name, value in flatten_used(config).items() if name != "out" and value is not None}
    return nest({name: list(value) if isinstance(value, tuple) else value for name, value in values.items()})


FINISHED = f"runs/mine-seed1 is finished: all {END} env steps are done; only a larger --env-steps trains it further\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "./mine.yaml"],
        ["train", "./mine.yaml", f"--env-steps={END}"],
        ["train", "./mine.yaml", "--env-steps=20", "--evaluation.games=7"],
        ["train", "./mine.yaml", "--out=auto"],
        ["resume", "runs/mine-seed1"],
        ["resume", "runs/mine-seed1", f"--env-steps={END}"],
    ],
    ids=" ".join,
)
def test_the_same_command_says_so_and_changes_nothing(command, capsys, tmp_path, arguments):
    assert command(capsys, "train", "./mine.yaml")[0] == 0
    before = _contents(tmp_path)
    status, said, env_steps = command(capsys, *arguments)
    assert (status, env_steps) == (0, END)
    assert FINISHED in said.out
    assert "rlvision evaluate" in said.out
    assert _contents(tmp_path) == before


def _contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_without_a_console_prints_nothing(command, capsys):
    for arguments in (
        ("train", "./mine.yaml", "--tracking.console=False"),
        ("train", "./mine.yaml", "--tracking.console=False"),
        ("resume", "runs/mine-seed1", f"--env-steps={END + 20}"),
    ):
        status, said, _ = command(capsys, *arguments)
        assert (status, said.out, said.err) == (0, "", "")


def test_a_preset_that_has_become_longer_lengthens_nothing(command, capsys, tmp_path):
    command(capsys, "train", "./mine.yaml")
    text = (tmp_path / "mine.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace(f'"env_steps": {END}', '"env_steps": 90'))
    status, said, env_steps = command(capsys, "train", "./mine.yaml")
    assert (status, env_steps) == (0, END)
    stays = f"env_steps stays {END}, as in runs/mine-seed1: --env-steps chooses another length\n"
    assert said.out.startswith(stays)
    assert FINISHED in said.out


@pytest.mark.parametrize("start", [["train", "./mine.yaml"], ["resume", "runs/mine-seed1"]], ids=" ".join)
def test_a_larger_number_trains_on(command, capsys, start):
    command(capsys, "train", "./mine.yaml")
    status, said, env_steps = command(capsys, *start, "--env-steps=60")
    assert (status, env_steps) == (0, 60)
    assert f"accepted: env_steps was {END}, is 60" in said.out


def test_a_run_that_reached_its_target_is_finished_too(tmp_path, small, capsys):
    train(small(tmp_path / "run", env_steps=END, evaluate_every=20, evaluation__target_score=-1e9))
    capsys.readouterr()
    train(small(tmp_path / "run", env_steps=END))  # no target any more
    assert "is finished: an evaluation reached" in capsys.readouterr().out


def test_a_run_that_was_interrupted_is_not_finished(tmp_path, small, capsys, monkeypatch, stop_at):
    stop_at(monkeypatch, 20)
    train(small(tmp_path / "run", env_steps=END))
    train(small(tmp_path / "run", env_steps=10))
    said = capsys.readouterr().out
    assert "is finished" not in said
    assert "the run is past 10 env steps already: it stays as it is" in said
    resume(tmp_path / "run")
    assert f"all {END} env steps are done" in capsys.readouterr().out


def test_a_finished_run_with_a_damaged_end_is_completed_again(tmp_path, small, capsys):
    train(small(tmp_path / "run", env_steps=END, checkpoint_every=20))
    newest = tmp_path / "run" / "checkpoints" / f"{END:012d}.ckpt"
    with newest.open("r+b") as file:
        file.truncate(os.path.getsize(newest) // 2)  # noqa: PTH202
    capsys.readouterr()
    resume(tmp_path / "run")
    said = capsys.readouterr().out
    assert "is finished" not in said
    assert "continuing" in said


def test_a_folder_inside_the_working_directory_is_shown_relative_to_it(tmp_path, small, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for steps in (4, 8):
        train(small("runs/a", env_steps=steps))
        train(small("runs/a", env_steps=steps))
    with pytest.raises(ConfigError, match=r"of the run in runs/a, got others .* out='runs/a-2' is free"):
        train(small("runs/a", env_steps=8, agent__double=False))
    said = capsys.readouterr().out
    assert "continuing runs/a at 4 env steps" in said
    assert "runs/a is finished: all 8 env steps are done" in said
    assert str(tmp_path) not in said


def test_other_settings_are_refused_with_a_free_folder(tmp_path, small):
    train(small(tmp_path / "run", env_steps=4))
    (tmp_path / "run-2").mkdir()
    (tmp_path / "run-2" / "notes").touch()
    with pytest.raises(ConfigError) as refusal:
        train(small(tmp_path / "run", env_steps=4, agent__double=False))
    assert f"another out: out='{tmp_path / 'run-3'}' is free, and out='auto' finds" in str(refusal.value)
