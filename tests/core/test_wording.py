"""Settings in messages, for a shell and for a Python program."""

from pathlib import Path

import pytest

from rlvision.core.wording import as_written, in_shell, shown, title_of, where


@pytest.mark.parametrize(
    ("name", "value", "shell", "python"),
    [
        ("out", None, "--out", "out"),
        ("env_steps", None, "--env-steps", "env_steps"),
        ("out", "runs/a", "--out=runs/a", "out='runs/a'"),
        ("trust_imports", True, "--trust-imports", "trust_imports=True"),
        ("checkpoint.replay", False, "--checkpoint.replay=false", "checkpoint=dict(replay=False)"),
        ("checkpoint.game_archive_mb", 0, "--checkpoint.game_archive_mb=0", "checkpoint=dict(game_archive_mb=0)"),
        ("replay.compression", "none", "--replay.compression=none", "replay=dict(compression='none')"),
    ],
)
def test_a_setting_is_worded_for_where_the_user_is(name, value, shell, python):
    with in_shell():
        assert as_written(name, value) == shell
    assert as_written(name, value) == python


def test_a_path_inside_the_working_directory_is_relative_to_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "runs" / "a") == str(Path("runs", "a"))
    assert shown(Path("runs/a")) == str(Path("runs", "a"))
    assert shown(tmp_path.parent / "b") == str(tmp_path.parent / "b")


def test_only_a_shell_has_a_debug_option():
    with in_shell():
        assert where() == "--debug shows where"
    assert "--" not in where()


def test_an_error_ends_the_words_of_a_shell():
    with pytest.raises(ValueError, match="stop"), in_shell():
        raise ValueError("stop")
    assert as_written("out") == "out"


@pytest.mark.parametrize(
    ("name", "title"),
    [("pong", "pong"), ("mine:Catch-v0", "mine:Catch-v0"), ("object:Catch-v0-5f3a91", "Catch-v0")],
)
def test_a_title_has_no_digest(name, title):
    assert title_of(name) == title
