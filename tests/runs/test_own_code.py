"""Code that the user has run on this machine needs no --trust-imports; a stranger's does."""

import json
import shutil
import sys
from contextlib import nullcontext

import pytest

from rlvision.cli.main import main
from rlvision.core.errors import ConfigError, RLVisionError
from rlvision.runs.own_code import imported_settings, remember_imports, strange_imports
from rlvision.runs.run import Run
from rlvision.runs.training import train

WORLD = "from rlvision.envs.counting_env import CountingEnv\n\nclass World(CountingEnv):\n    pass\n"


@pytest.fixture
def mine(tmp_path, monkeypatch, small, request):
    """A run of a world of the user's own in a folder of hers, which Python no longer looks into; its settings."""
    name = f"mine_{abs(hash(request.node.name))}"
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / f"{name}.py").write_text(WORLD)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "project")])
    config = small(
        tmp_path / "run", env_steps=4, evaluation__games=1, env__game=f"{name}:World", env__kwargs={"actions": 3}
    )
    train(config)
    forget(name, tmp_path, monkeypatch)
    yield config
    sys.modules.pop(name, None)


def forget(name, tmp_path, monkeypatch):
    """As in a new process that was started in another folder."""
    sys.modules.pop(name, None)
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path / "project")])


def test_ones_own_run_needs_no_word_of_trust_from_any_folder(mine, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "run"), "--games=1"]) == 0
    shutil.move(tmp_path / "run", tmp_path / "moved")
    assert main(["resume", str(tmp_path / "moved"), "--env-steps=8"]) == 0
    assert "--trust-imports" not in capsys.readouterr().out
    assert main(["export", str(tmp_path / "moved"), "--games=0", f"--out={tmp_path / 'export'}"]) == 0
    assert main(["evaluate", str(tmp_path / "export"), "--games=1"]) == 0


def test_a_run_that_goes_on_with_edited_code_says_so(mine, tmp_path, capsys, caplog):
    assert main(["resume", str(tmp_path / "run"), "--env-steps=8"]) == 0
    assert "the code of" not in caplog.text
    name = mine.env.game.partition(":")[0]
    (tmp_path / "project" / f"{name}.py").write_text(f"{WORLD}\n\nlater = 1\n")
    assert main(["resume", str(tmp_path / "run"), "--env-steps=12"]) == 0
    assert f"{name}.py) is another than in its last session: if that changes the game, scores" in caplog.text
    assert "differ in bits" not in capsys.readouterr().out


def test_a_run_whose_code_was_edited_is_played_with_a_warning(mine, tmp_path, caplog):
    name = mine.env.game.partition(":")[0]
    assert main(["evaluate", str(tmp_path / "run"), "--games=1"]) == 0
    assert "the code of" not in caplog.text
    (tmp_path / "project" / f"{name}.py").write_text(f"{WORLD}\n\nlater = 1\n")
    assert main(["evaluate", str(tmp_path / "run"), "--games=1"]) == 0
    assert f"{name}.py) is another than in its last session: if that changes" in caplog.text


def test_on_another_machine_it_does(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    with pytest.raises(ConfigError, match="set trust_imports=True"):
        Run(tmp_path / "run")


@pytest.mark.parametrize(("old", "new"), [("actions: 3", "actions: 4"), (":World", ":CountingEnv")])
def test_other_arguments_or_another_class_are_not_the_users(mine, tmp_path, old, new):
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert old in text
    (tmp_path / "run" / "config.yaml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match="set trust_imports=True"):
        Run(tmp_path / "run")


def test_a_module_of_the_same_name_from_elsewhere_is_not_imported(mine, tmp_path, monkeypatch):
    name = mine.env.game.partition(":")[0]
    (tmp_path / "elsewhere" / f"{name}.py").write_text("raise SystemExit('a trap')")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "elsewhere"), *sys.path])
    with pytest.raises(ConfigError, match="set trust_imports=True"):
        Run(tmp_path / "run")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    (tmp_path / "project" / f"{name}.py").unlink()
    with pytest.raises(ConfigError, match="where it was, got no such file"):
        Run(tmp_path / "run")


def test_a_module_in_a_package_is_found_again_without_importing_the_package(tmp_path, monkeypatch, small):
    package = tmp_path / "project" / "pack_of_mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text(WORLD)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "project")])
    config = small(tmp_path / "run", env__game="pack_of_mine.inner:World", network__encoder="pack_of_mine:Net")
    assert set(strange_imports(config, tmp_path)) == {"env.game", "network.encoder"}
    remember_imports(config)
    forget("pack_of_mine", tmp_path, monkeypatch)
    assert strange_imports(config, tmp_path) == {}
    assert str(tmp_path / "project") in sys.path
    assert "pack_of_mine" not in sys.modules
    (tmp_path / "elsewhere" / "pack_of_mine").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "elsewhere"), *sys.path])
    (tmp_path / "elsewhere" / "pack_of_mine" / "__init__.py").write_text("raise SystemExit('a trap')")
    assert set(strange_imports(config, tmp_path)) == {"env.game", "network.encoder"}
    sys.modules.pop("pack_of_mine.inner", None)


def test_an_agent_of_ones_own_with_its_settings(tmp_path, small, monkeypatch):
    train(small(tmp_path / "run", agent__name="own_agents:Online", env_steps=4, evaluation__games=1))
    Run(tmp_path / "run")
    text = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(text.replace("step_size: ", "step_size: 1"))
    with pytest.raises(ConfigError, match=r"agent\.name=own_agents:Online"):
        Run(tmp_path / "run")


def test_trackers_count_where_a_run_continues(small, tmp_path):
    config = small(tmp_path / "run", tracking__also=["own_trackers:Lines", "own_trackers:Failing"])
    assert imported_settings(config) == {}
    assert strange_imports(config, tmp_path, trains=True) == {
        "tracking.also": "own_trackers:Lines,own_trackers:Failing"
    }
    remember_imports(config)
    assert strange_imports(config, tmp_path, trains=True) == {}


def test_without_a_place_for_notes_training_goes_on_and_says_so(small, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    remember_imports(small(tmp_path / "run", tracking__also=["own_trackers:Lines"]))
    assert "without which commands ask for trust" in caplog.text


def test_a_note_says_where_the_code_was(own_state, small, tmp_path, own_code):
    remember_imports(small(tmp_path / "run", tracking__also=["own_trackers:Lines"]))
    (note,) = (own_state / "rlvision" / "own-code").iterdir()
    assert json.loads(note.read_text()) == {
        "import": "own_trackers:Lines",
        "files": [str((own_code / "own_trackers.py").resolve())],
    }


def test_a_note_keeps_the_files_of_one_name_that_which_ran_last_first(own_state, small, tmp_path, monkeypatch):
    config = small(tmp_path / "run", env__game="one_name_twice:World")
    for project in ("first", "second", "first"):
        (tmp_path / project).mkdir(exist_ok=True)
        (tmp_path / project / "one_name_twice.py").write_text(WORLD)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / project)
            remember_imports(config)
    (note,) = (own_state / "rlvision" / "own-code").iterdir()
    expected = [str((tmp_path / project / "one_name_twice.py").resolve()) for project in ("first", "second")]
    assert json.loads(note.read_text())["files"] == expected


def test_code_that_is_gone_is_named_with_its_place(mine, tmp_path):
    name = mine.env.game.partition(":")[0]
    file = tmp_path / "project" / f"{name}.py"
    file.rename(tmp_path / "project" / "renamed.py")
    with pytest.raises(ConfigError) as refused:
        Run(tmp_path / "run")
    assert str(refused.value) == (
        f"expected the module {name} for env.game={name}:World in {file.resolve()}, where it was, got no such file: "
        "put it back, or run where Python finds it"
    )


def test_code_that_is_elsewhere_now_asks_for_trust(mine, tmp_path, monkeypatch):
    name = mine.env.game.partition(":")[0]
    (tmp_path / "other").mkdir()
    (tmp_path / "project" / f"{name}.py").rename(tmp_path / "other" / f"{name}.py")
    monkeypatch.syspath_prepend(tmp_path / "other")
    with pytest.raises(ConfigError, match="set trust_imports=True"):
        Run(tmp_path / "run")
    assert Run(tmp_path / "run", trust_imports=True).env_steps == 4


@pytest.mark.parametrize("newest", ["first", "second"])
def test_of_two_projects_with_a_file_of_one_name_a_run_has_that_of_its_own(tmp_path, monkeypatch, small, newest):
    """Whichever ran last, and from whatever folder."""
    path, projects = sys.path, ("first", "second")
    for actions, project in enumerate(projects, 2):
        folder = tmp_path / project
        folder.mkdir()
        (folder / "one_name.py").write_text(
            WORLD.replace("pass", f"def __init__(self):\n        super().__init__(actions={actions})")
        )

    def within(project):
        sys.modules.pop("one_name", None)
        monkeypatch.setattr(sys, "path", [str(tmp_path / project), *path])
        monkeypatch.chdir(tmp_path / project)

    for project in sorted(projects, key=lambda name: name == newest):
        within(project)
        train(small(tmp_path / project / "run", env_steps=4, evaluation__games=1, env__game="one_name:World"))
    for actions, project in enumerate(projects, 2):
        for place in ("first", "second", "."):
            within(place)
            monkeypatch.setattr(sys, "path", list(path))
            run = Run(tmp_path / project / "run")
            assert run.spec.num_actions == actions
            assert run.make_env().action_space.n == actions
    within("second")
    shutil.move(tmp_path / "first" / "run", tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", list(path))
    with pytest.raises(RLVisionError) if newest == "second" else nullcontext():
        assert Run(tmp_path / "elsewhere").make_env().action_space.n == 2
    sys.modules.pop("one_name", None)
