import re
import subprocess
import sys

import pytest

from rlvision.cli import main as cli
from rlvision.config.arguments import option, parameters
from rlvision.config.field_types import format_value
from rlvision.config.fields import settings_of
from rlvision.config.loading import differences, fill_unset, flatten_used, load_config
from rlvision.config.presets import known_presets
from rlvision.config.schema import Config, defaults_for
from rlvision.nn.settings import OWN_SIZES


@pytest.fixture
def screen(monkeypatch, capsys):
    """What a command prints, at 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")

    def show(*arguments):
        assert cli.main(arguments) == 0
        out, errors = capsys.readouterr()
        assert errors == ""
        return out

    return show


HEAVY = {"torch", "numpy", "gymnasium", "wandb", "pydantic", "ale_py", "cv2", "matplotlib"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], HEAVY | {"tyro"}),
        (["--version"], HEAVY | {"tyro", "rich"}),
        (["presets"], HEAVY | {"tyro"}),
        (["watch", "--help"], HEAVY),
        (["train", "pong", "--help"], HEAVY - {"pydantic"}),
        (["train", "pong", "--seed=x"], HEAVY - {"pydantic"}),
    ],
)
def test_what_is_not_imported_on_the_way(arguments, absent):
    program = "import sys; from rlvision.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    imported = set(run.stderr.split())
    assert "rlvision.cli.main" in imported
    assert not imported & absent


def test_the_first_screen_names_every_command(screen):
    assert screen() == screen("--help") == screen("-h")
    for name in cli.COMMANDS:
        assert f"│ {name} " in screen()


def test_the_presets_are_a_table(screen):
    text = " ".join(screen("presets").split())
    for preset in known_presets():
        assert f"│ {preset.name} │ {preset.trains.split()[0]} " in text


@pytest.mark.parametrize("name", ["resume", "evaluate", "watch"])
def test_a_command_explains_its_options(name, screen):
    text = screen(name, "--help")
    assert text.startswith(f"usage: rlvision {name} [-h] ")
    assert " RUN  " in text
    for setting in parameters(cli.COMMANDS[name]).options.values():
        assert f" {option(setting.name)} " in text


@pytest.mark.parametrize("name", [None, "pong", "pong-dqn"])
def test_every_setting_is_explained_with_its_default(name, screen):
    words = screen("train", *filter(None, [name]), "--help").replace("│", " ").split()
    text = " ".join([*words, "--"])
    config = load_config(name) if name else Config()
    used = flatten_used(config)
    for setting in (setting for name, setting in settings_of(config).items() if name in used):
        shown = format_value(setting.default)
        start = text.index(f" {option(setting.name)} ")
        end = text.find(" --", start + 3)
        assert f"(default: {shown})" in text[start:end] or f"(default: '{shown}')" in text[start:end], setting.name
        assert len(text[start:end].split()) > 5, f"{setting.name} has no help"


def test_lines_fit_the_terminal(screen):
    for arguments in (["--help"], ["presets"], ["train", "--help"], ["train", "pong", "--help"], ["watch", "--help"]):
        assert max(map(len, screen(*arguments).splitlines())) <= 100


@pytest.mark.parametrize("width", [60, 100])
def test_the_help_of_a_preset_fits_any_terminal_and_marks_what_it_changes(width, screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("pong-dqn", "pong"):
        text = screen("train", name, "--help")
        assert max(map(len, text.splitlines())) <= width
        words = " ".join(text.replace("│", " ").split())
        assert f"Marked with *: what {name} changes." in words
        changed = differences(fill_unset(defaults_for(load_config(name).agent)), load_config(name))
        for setting, (old, new) in changed.items():
            note = f"(default: {format_value(new)}) * otherwise {format_value(old)}"
            assert note in words or setting == "out", setting
        assert words.count("* otherwise") == len(changed) - 1 + (load_config(name).agent.name != "dqn")
    assert "* otherwise" not in screen("train", "--help")


def test_the_networks_are_listed_with_their_costs(screen):
    text = screen("networks")
    for name in (*OWN_SIZES, "nature", "impala", "mlp"):
        assert re.search(rf"^{name} +\d+x\d+ +[\d,]+ +[\d.]+ M +[\d.]+ ms +[\d.]+ ms$", text, re.MULTILINE)
    assert re.search("^dn +77x77 +49,654 +7.2 M ", text, re.MULTILINE)
    assert "\n  columns that see the picture in different ways (Cireşan et al. 2012)\n" in text
    assert "\n  dense layers over the pixels\n" in text
    assert max(map(len, text.splitlines())) <= 80
