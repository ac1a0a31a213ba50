"""A run of a user's own world: what is said at its start, where it lies, and that another process finds the world."""

import gymnasium
import pytest

from rlvision.core.errors import ConfigError
from rlvision.runs.run import Run
from rlvision.runs.training import train

WORLD = {"env.game": "open_worlds:Striped", "env.crop": None, "env.height": 30, "env.width": 30, "env.frameskip": 1}


def test_a_registered_id_is_recorded_with_its_module(monkeypatch, tmp_path, small):
    import open_worlds  # noqa: F401 - as the user's script does

    game = {**WORLD, "env.game": "Open-v0", "env_steps": 40}
    train(small(tmp_path / "run", game))
    assert "game: open_worlds:Open-v0" in (tmp_path / "run" / "config.yaml").read_text()
    train(small(tmp_path / "run", game))  # by the same settings it is the same run
    monkeypatch.delitem(gymnasium.registry, "Open-v0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    with pytest.raises(ConfigError, match="expected a folder that needs no code besides rlvision"):
        Run(tmp_path / "run")


def test_the_first_lines_say_what_is_seen(tmp_path, capsys, small):
    train(small(tmp_path / "run", {**WORLD, "env.game": "open_worlds:build", "env_steps": 40}))
    assert "the agent sees its observation (uint8 [30, 28, 3]), in gray" in capsys.readouterr().out


def test_a_home_folder_is_expanded(tmp_path, monkeypatch, small):
    monkeypatch.setenv("HOME", str(tmp_path))
    train(small("~/run", {**WORLD, "env_steps": 40}))
    assert (tmp_path / "run" / "config.yaml").exists()
