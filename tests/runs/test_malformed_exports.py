"""A damaged export, or one made to do harm, is refused in one line, and nothing of it runs."""

import json
import os
import pickle
import random
import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from rlvision.cli import main as cli
from rlvision.core.errors import CheckpointError, ConfigError, RLVisionError
from rlvision.runs import export_folder
from rlvision.runs.run import Run


@pytest.fixture
def export(tmp_path, small_export):
    small_export(tmp_path / "it")
    return tmp_path / "it"


def set_in(group, name, value):
    return lambda tree: tree[group].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.pop("spec"), CheckpointError, r"expected the keys schema, env, .* in .*json, got no spec: fetch"),
        (lambda t: t.update(hook="os"), CheckpointError, r"expected the keys .*, got 'hook': fetch the export again"),
        (lambda t: t.pop("schema"), CheckpointError, "to be an object with a schema"),
        (lambda t: t.update(schema=3), CheckpointError, r"of schema 2, got 3: use the release of rlvision"),
        (lambda t: t.update(schema=[1]), CheckpointError, r"of schema 2, got \[1\]"),
        (lambda t: t.update(env=[]), ConfigError, r"expected env in .* to be a mapping"),
        (lambda t: t.update(env_steps=-1), ConfigError, r"expected env_steps in .* of at least 0, got -1"),
        (lambda t: t.update(env_steps="1"), ConfigError, r"expected env_steps in .*, got '1'"),
        (lambda t: t.update(scores={}), ConfigError, r"expected scores in .* to be a list"),
        (lambda t: t["env"].pop("game"), CheckpointError, r"expected env.game in .*, got none"),
        (set_in("env", "hieght", 32), ConfigError, r"got 'env.hieght': did you mean env.height\?"),
        (set_in("env", "num_workers", 10_000), ConfigError, r"expected a setting in .*, got 'env.num_workers'"),
        (set_in("env", "height", "big"), ConfigError, r"expected env.height in .* to be a whole number"),
        (set_in("env", "height", 33), ConfigError, r"frameskip in .* to be .*, as its env has them, got"),
        (set_in("env", "frameskip", 2), ConfigError, r"observation_shape and frameskip in"),
        (set_in("env", "crop", [9, 3, 0, 4]), ConfigError, "env.crop"),
        (set_in("network", "norm", "magic"), ConfigError, r"expected network.norm in .* to be one of renorm,"),
        (set_in("network", "dueling", True), ConfigError, "expected the reference network"),
        (set_in("network", "encoder", "resnet"), ConfigError, "expected an encoder out of dn"),
        (set_in("evaluation", "epsilon", 2), ConfigError, r"expected evaluation.epsilon in"),
        (set_in("spec", "observation_shape", [2, 32]), ConfigError, r"expected observation_shape in spec in"),
        (set_in("spec", "observation_shape", [2, 32, -40]), ConfigError, r"expected observation_shape in spec in"),
        (set_in("spec", "action_meanings", ["0", 1]), ConfigError, r"expected action_meanings in spec in"),
        (set_in("spec", "action_meanings", ["0", "1", "2"]), CheckpointError, r"head.bias in .* \[3\], got .* \[2\]"),
        (set_in("spec", "num_envs", 7), CheckpointError, r"expected the keys .* in spec in .*, got 'num_envs'"),
        (set_in("weights", "layout", "mine"), ConfigError, r"expected layout in weights in"),
        (set_in("weights", "layout", "network"), CheckpointError, r"to be none, got float32|, got none"),
        (set_in("weights", "sha256", "0" * 64), CheckpointError, "with the checksum in export.json, got other bytes"),
    ],
)  # fmt: skip
def test_what_a_manifest_must_not_say(export, change, error, message, edit):
    edit(export, change)
    with pytest.raises(error, match=message) as refusal:
        Run(export, device="cpu")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "nul", '{"schema": 1', "[" * 100_000, '{"schema": NaN}', "\xff"])
def test_a_manifest_that_is_none(export, text):
    (export / "export.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"expected .*export.json"):
        Run(export)


@pytest.mark.parametrize("name", ["model.safetensors", "export.json"])
def test_a_file_that_is_missing(export, name):
    (export / name).unlink()
    with pytest.raises(CheckpointError, match=r"got (No such file|.* without a config.yaml or export.json)"):
        Run(export)


def changed(content: bytes, change) -> bytes:
    weights = load(content)
    change(weights)
    return save(weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("bn2.running_var"), r"expected bn2.running_var in .* to be float32 \[32\], got none"),
        (lambda w: w.update(more=torch.zeros(1)), r"expected more in .* to be none, got float32 \[1\]"),
        (lambda w: w.update({"head.bias": torch.zeros(3)}), r"expected head.bias in .* \[2\], got float32 \[3\]"),
        (lambda w: w.update({"head.bias": torch.zeros(2, 1)}), r"expected head.bias in .*, got float32 \[2, 1\]"),
        (lambda w: w.update({"head.bias": torch.zeros(2, dtype=torch.int64)}), r"got int64 \[2\]"),
        (lambda w: w.update({"head.bias": torch.zeros(2).half()}), r"got float16 \[2\]"),
    ],
)  # fmt: skip
def test_weights_of_another_network(export, change, message, replace_model):
    replace_model(export, changed((export / "model.safetensors").read_bytes(), change))
    with pytest.raises(CheckpointError, match=message):
        Run(export, device="cpu")


def test_a_truncated_or_flipped_file_is_noticed_by_its_checksum(export):
    whole = (export / "model.safetensors").read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]):
        (export / "model.safetensors").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="got other bytes: fetch the export again"):
            Run(export)


def test_no_bytes_whatever_do_more_than_fail(export):
    """Weights are read from any bytes, their checksum right: to tensors, or to one error of ours."""
    whole, draws = (export / "model.safetensors").read_bytes(), random.Random(3)
    header = 8 + int.from_bytes(whole[:8], "little")
    for trial in range(300):
        damaged = bytearray(whole[: draws.randrange(len(whole))] if trial % 3 == 0 else whole[: header + 64])
        for _ in range(draws.randrange(1, 4)):
            damaged[draws.randrange(min(len(damaged), header)) if damaged else 0 :][:1] = bytes([draws.randrange(256)])
        with pytest.raises(CheckpointError, match="expected a safetensors file at it, got other bytes"):
            export_folder.from_bytes(bytes(damaged), "it")


def test_no_manifest_whatever_does_more_than_fail(export):
    whole, draws = (export / "export.json").read_bytes(), random.Random(3)
    refused = 0
    for trial in range(400):
        damaged = bytearray(whole[: draws.randrange(len(whole))] if trial % 4 == 0 else whole)
        for _ in range(draws.randrange(1, 4) if damaged else 0):
            damaged[draws.randrange(len(damaged))] = draws.choice(b' 0123456789.-"[]{},:nullabcxyz\xff')
        (export / "export.json").write_bytes(damaged)
        try:
            Run(export, device="cpu")
        except RLVisionError:
            refused += 1
    assert refused > 300


def test_a_network_larger_than_its_weights_is_refused_before_there_is_memory_for_it(export, edit):
    def grow(tree):
        tree["network"].update(encoder="mlp", norm="renorm", kwargs={"hidden": [10**9, 10**9]})
        tree["weights"].update(layout="network")

    edit(export, grow)
    with pytest.raises(CheckpointError, match=r"expected .* in .*safetensors to be"):
        Run(export, device="cpu")


# Trust.


class Harmful:
    """What leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_weights_that_would_run_code_are_refused_and_do_not(export, tmp_path, replace_model):
    content = pickle.dumps(Harmful(tmp_path / "harm"))
    (tmp_path / "torch.pt").write_bytes(b"")
    torch.save({"head.bias": Harmful(tmp_path / "harm")}, tmp_path / "torch.pt")
    for harmful in (content, (tmp_path / "torch.pt").read_bytes()):
        replace_model(export, harmful)
        with pytest.raises(CheckpointError, match="expected a safetensors file at"):
            Run(export)
    assert not (tmp_path / "harm").exists()
    pickle.loads(content)  # noqa: S301 - it would have been
    assert (tmp_path / "harm").exists()


HARM = """
from pathlib import Path
Path("harm").touch()
from rlvision.envs.counting_env import CountingEnv
from rlvision.nn.standard_encoders import MLP
"""


@pytest.fixture
def harm(tmp_path, monkeypatch):
    """A module in the working folder that leaves a trace where it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("harmful.py").write_text(HARM)
    yield Path("harm")
    sys.modules.pop("harmful", None)


@pytest.mark.parametrize(
    ("group", "name", "path"),
    [
        ("env", "game", "harmful:CountingEnv"),
        ("env", "game", "harmful:Some-v0"),
        ("network", "encoder", "harmful:MLP"),
    ],
)
def test_code_that_an_export_names_is_not_imported(export, harm, capsys, group, name, path, edit):
    edit(export, set_in(group, name, path))
    for command in (["evaluate", "it"], ["watch", "it", "--video=it.mp4"]):
        assert cli.main(command) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    for line in said:
        assert re.fullmatch(
            rf"rlvision: expected a folder that needs no code besides rlvision, got {group}.{name}={path} in it: "
            "read the code that it would run, then set --trust-imports",
            line,
        )
    assert not harm.exists()
    assert "harmful" not in sys.modules


@pytest.mark.parametrize(
    "command",
    ["evaluate it", "watch it --video=it.mp4", "export it", "replay it --episode=best --video=it.mp4", "resume it"],
)
def test_nor_is_code_that_a_run_folder_names_which_anybody_may_have_made(harm, capsys, command, settings, small_run):
    """As fetched from W&B, whose artifacts are run folders."""
    config = settings(network__encoder="harmful:MLP", network__kwargs={"hidden": [8]}, env__max_episode_steps=20)
    small_run(Path("it"), config)
    harm.unlink()
    del sys.modules["harmful"]
    assert cli.main(command.split()) == 2
    assert "got network.encoder=harmful:MLP in it: read the code that it would run" in capsys.readouterr().err
    assert not harm.exists()
    assert "harmful" not in sys.modules


def test_code_of_ones_own_is_imported_where_it_is_trusted(harm, settings, small_run):
    config = settings(network__encoder="harmful:MLP", network__kwargs={"hidden": [8]}, env__max_episode_steps=20)
    small_run(Path("run"), config)
    assert harm.exists()  # the configuration was its user's own
    Run("run", trust_imports=True).export("out", games=0)
    harm.unlink()
    del sys.modules["harmful"]
    assert "rlvision evaluate out --trust-imports" in Path("out/README.md").read_text()
    with pytest.raises(ConfigError, match="trust_imports=True"):
        Run("out")
    assert not harm.exists()
    assert cli.main(["evaluate", "out", "--games=1", "--trust-imports", "--json=scores.json"]) == 0
    assert harm.exists()
    assert len(json.loads(Path("scores.json").read_text())["scores"]) == 1


def test_environments_other_than_the_weights_are_for_are_refused(export, edit):
    edit(export, set_in("env", "game", "MountainCar-v0"))
    run = Run(export, device="cpu")
    with pytest.raises(CheckpointError, match=r"with actions \('0', '1'\), got .*'2'\)"):
        run.make_env()


def test_what_a_killed_export_left_is_no_hindrance(tmp_path, monkeypatch, settings, small_run):
    monkeypatch.chdir(tmp_path)
    small_run(Path("run"), settings(env__max_episode_steps=20))
    Path(".out.part").mkdir()
    Path(".out.part/model.safetensors").write_bytes(b"half of it")
    Run("run").export("out", games=0)
    assert sorted(path.name for path in Path("out").iterdir()) == ["README.md", "export.json", "model.safetensors"]
    assert not Path(".out.part").exists()


@pytest.mark.parametrize("name", ["export.json", "model.safetensors"])
def test_a_file_larger_than_any_of_its_kind_is_not_read(export, name):
    os.truncate(export / name, 2**40)
    with pytest.raises(CheckpointError, match=rf"expected at most [\d,]+ bytes in .*{name}, got 1,099,511,627,776"):
        Run(export, device="cpu")


def test_weights_of_twice_the_precision_are_refused_as_such(export, replace_model):
    tensors = {
        name: t.double() if t.is_floating_point() else t
        for name, t in load((export / "model.safetensors").read_bytes()).items()
    }
    replace_model(export, save(tensors))
    with pytest.raises(CheckpointError, match=r"to be float32 .*, got float64"):
        Run(export, device="cpu")
