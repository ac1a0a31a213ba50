"""What must never be in a run folder is not there."""

import logging

import pytest
import wandb

SECRET = "f00dfeedc0ffee5ec4e7" * 2  # as long as a key of W&B


@pytest.mark.parametrize("where", ["environment", "netrc"])
def test_no_key_is_written_into_the_run_folder_or_the_log(tmp_path, monkeypatch, caplog, capfd, where, small, watched):
    """Neither offline nor on the way to a server that is away."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # a closed door
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("rlvision.tracking.wandb.CONNECT_SECONDS", 0.5)
    if where == "environment":
        monkeypatch.setenv("WANDB_API_KEY", SECRET)
    else:
        (tmp_path / "netrc").write_text(f"machine 127.0.0.1:9 login user password {SECRET}\n")
        (tmp_path / "netrc").chmod(0o600)
    with caplog.at_level(logging.DEBUG):
        watched.train(small(tmp_path / "run", wandb="auto", env_steps=60))
    wandb.teardown()
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix == ".wandb"]
    assert [path for path in files if path.name == "debug-internal.log"]
    found = [path for path in files if SECRET.encode() in path.read_bytes()]
    assert found == []
    said = capfd.readouterr()
    assert "could not start an online run" in caplog.text  # the key was found and used
    assert SECRET not in caplog.text + said.out + said.err
