"""Errors as a notebook shows them."""

import subprocess
import sys

import pytest

from rlvision.core.errors import ConfigError

CELL = """\
from rlvision.core.user_code import kept_object
name = "object:World"
kept_object(name, "env.game")
"""


def test_a_notebook_shows_the_users_line_and_the_message_alone():
    shown = subprocess.run([sys.executable, "-m", "IPython", "-c", CELL], capture_output=True, text=True).stdout
    first, second = shown.strip().splitlines()[-2:]
    assert first == 'line 3: kept_object(name, "env.game")'
    assert second.startswith("ConfigError: expected the Python object env.game=object:World of the")
    assert "user_code.py" not in shown


def test_an_error_that_was_not_raised_by_a_cell_has_its_message():
    with pytest.raises(ConfigError) as caught:
        raise ConfigError("expected one, got two: take one")
    assert caught.value._render_traceback_() == ["ConfigError: expected one, got two: take one"]
