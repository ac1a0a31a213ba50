"""Exports and runs made in no time, and the chapter's class to hold them against."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlvision.config.loading import load_config, save_config
from rlvision.config.schema import Config
from rlvision.core.types import EnvSpec
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs.builders import make_network, playing_config
from rlvision.runs.checkpoint import CheckpointFolder
from rlvision.runs.export_folder import MODEL, digest
from rlvision.runs.export_manifest import MANIFEST
from rlvision.runs.export_writer import write_export
from rlvision.runs.stored_spec import spec_to_state
from tests.conftest import DQN

CARTPOLE = {"env.crop": [160, 320, 0, 600], "env.height": 32, "env.width": 40, "env.stack": 2, "device": "cpu"}
SPEC = EnvSpec(1, (2, 32, 40), 1, ("0", "1"), frameskip=4)
ENV_STEPS = 1_234


class Chapter(nn.Module):
    """The chapter's network, as it is printed."""

    def __init__(self, h: int, w: int, outputs: int, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, kernel_size=5, stride=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5, stride=2)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, kernel_size=5, stride=2)
        self.bn3 = nn.BatchNorm2d(32)

        def conv2d_size_out(size: int, kernel_size: int = 5, stride: int = 2) -> int:
            return (size - (kernel_size - 1) - 1) // stride + 1

        convw = conv2d_size_out(conv2d_size_out(conv2d_size_out(w)))
        convh = conv2d_size_out(conv2d_size_out(conv2d_size_out(h)))
        self.head = nn.Linear(convw * convh * 32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.head(x.view(x.size(0), -1))


@pytest.fixture(scope="session")
def settings():
    """CartPole in small; settings by dotted name with ``__`` for the dot."""
    return _settings


def _settings(**changes: Any) -> Config:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return load_config(DQN, {**CARTPOLE, "env.frameskip": SPEC.frameskip, **named})


def _used_network(config: Config, spec: EnvSpec = SPEC) -> QNetwork:
    """A network whose every parameter and running statistic has moved away from where it began."""
    network = make_network(config, spec)
    draws = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=draws) * 0.1 - 0.04)
            else:
                tensor.add_(7)
    network.pin_mode(training=False)
    return network


@pytest.fixture(scope="session")
def observations():
    """[count, C, H, W] uint8, always the same."""
    return _observations


def _observations(count: int, spec: EnvSpec = SPEC) -> Tensor:
    draws = torch.Generator().manual_seed(5)
    return torch.randint(256, (count, *spec.observation_shape), generator=draws, dtype=torch.uint8)


@pytest.fixture(scope="session")
def small_export():
    """Write an export; returns its network."""
    return _small_export


def _small_export(out: Path, config: Config | None = None, spec: EnvSpec = SPEC) -> QNetwork:
    config = config or _settings()
    network = _used_network(config, spec)
    played = playing_config(config, spec, network)
    write_export(
        out, str(out), config=config, played=played, spec=spec, env_steps=ENV_STEPS, network=network, reports=()
    )
    return network


@pytest.fixture(scope="session")
def small_run():
    """Write a run folder that has its best weights; returns its network."""
    return _small_run


def _small_run(out: Path, config: Config | None = None) -> QNetwork:
    config = config or _settings()
    network = _used_network(config)
    out.mkdir()
    save_config(config, out / "config.yaml")
    state = {"env_steps": ENV_STEPS, "spec": spec_to_state(SPEC), "online": network.state_dict()}
    CheckpointFolder(out / "checkpoints", 1).save_best(state)
    return network


@pytest.fixture(scope="session")
def edit():
    """Change what an ``export.json`` says."""
    return _edit


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


@pytest.fixture(scope="session")
def replace_model():
    """Put other weights in, with their checksum."""
    return _replace_model


def _replace_model(folder: Path, content: bytes) -> None:
    (folder / MODEL).write_bytes(content)
    _edit(folder, lambda tree: tree["weights"].update(sha256=digest(content)))
