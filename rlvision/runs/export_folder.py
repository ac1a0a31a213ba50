"""An export: a folder with all that it takes to play, and nothing else.

::

    exports/pong-seed1/
      model.safetensors    the weights
      export.json          how they are to be played, and how they came about: `rlvision.runs.export_manifest`
      README.md            the card, for people

Reading one runs none of its content: weights are tensors, settings are plain values, and a setting that would import
code of somebody's own is refused unless the reader says that it is trusted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from rlvision.config.schema import Config, default_agent
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.files import read_bytes
from rlvision.core.types import EnvSpec, State
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import builders
from rlvision.runs.export_manifest import MANIFEST, Layout, Manifest, read_manifest
from rlvision.runs.run_folder import spec_to_state

MODEL = "model.safetensors"
CARD = "README.md"
LARGEST_HEADER = 2**20
"""Bytes of names and shapes before the weights."""
HARMLESS = ("rlvision.envs.counting_env:CountingEnv",)
"""Import paths that anybody's folder may name. Not all of ours: an environment's class is called with what it says."""


class ExportFolder:
    """Reads an export.

    Args:
        path: of the folder.
        trust_imports: whether an environment or an encoder that it names by import path may be imported.
    """

    def __init__(self, path: Path, *, trust_imports: bool = False) -> None:
        self.path = path
        self._trusted = trust_imports

    @cached_property
    def manifest(self) -> Manifest:
        """What the export says of itself.

        Raises:
            CheckpointError: it is missing, damaged or of another schema.
            ConfigError: a setting cannot be used, or would import code that nobody trusts.
        """
        manifest = read_manifest(self.path / MANIFEST, trusts=lambda agent: self._trusted)
        if not self._trusted:
            require_no_imports(manifest.config, self.path)
        return manifest

    def config(self) -> Config:
        """The settings to play with; training's are the defaults."""
        return self.manifest.config

    def weights(self, which: str) -> State:
        """The weights, as a run folder has them.

        Args:
            which: an export has one set: ``best``.

        Raises:
            CheckpointError: they are missing, damaged, or of another network than the export says.
            ConfigError: another set is asked for.
        """
        if which != "best":
            raise ConfigError(f"expected no choice of weights for an export, got {which!r}: {self.path} has one set")
        manifest = self.manifest
        network = blank_network(manifest.config, manifest.spec)
        online = _to_network(self._read_tensors(network), network, manifest.layout)
        return {"env_steps": manifest.env_steps, "spec": spec_to_state(manifest.spec), "online": online}

    def _read_tensors(self, network: QNetwork) -> dict[str, Tensor]:
        path, manifest = self.path / MODEL, self.manifest
        due = laid_out(network, manifest.layout)
        try:
            content = read_bytes(path, 2 * sum(tensor.nbytes for tensor in due.values()) + LARGEST_HEADER)
        except OSError as error:
            raise CheckpointError(
                f"expected weights at {path}, got {error.strerror}: fetch the export again"
            ) from error
        if digest(content) != manifest.sha256:
            raise CheckpointError(
                f"expected {path} with the checksum in {MANIFEST}, got other bytes: fetch the export again"
            )
        found = from_bytes(content, str(path))
        require_like(found, due, str(path))
        return found


def imported(config: Config) -> dict[str, str]:
    """The settings that name something to import, by name; Gymnasium imports ``package`` of ``package:Id-v0``, too."""
    named = {"env.game": config.env.game, "network.encoder": config.network.encoder, "agent.name": config.agent.name}
    return {name: value for name, value in named.items() if ":" in value and value not in HARMLESS}


def require_no_imports(config: Config, path: Path) -> None:
    """Refuse settings that came with a folder, and may have been made by anybody, if they would run code of their own.

    Raises:
        ConfigError: names what would be imported.
    """
    if named := imported(config):
        listed = " and ".join(f"{name}={place}" for name, place in named.items())
        raise ConfigError(
            f"expected a folder that names only what comes with rlvision, got {listed} in {path}, which runs "
            "code of its own: read that code, then say --trust-imports"
        )


def blank_network(config: Config, spec: EnvSpec) -> QNetwork:
    """The network without memory for its tensors: names, shapes and kinds. One of a user's own does have memory."""
    is_own = ":" in config.network.encoder or ":" in config.agent.name
    return builders.make_network(config, spec, torch.device("cpu" if is_own else "meta"))


def playing_config(config: Config, spec: EnvSpec, network: QNetwork) -> Config:
    """The settings by which a network is made to play with: without an agent where an ordinary Q-network will do.

    An agent's own settings are needed only where its network has other layers than the settings of the network alone
    would give.
    """
    usual = replace(config, agent=default_agent(), network=replace(config.network, noisy=False))
    return usual if _layers(blank_network(usual, spec)) == _layers(network) else config


def _layers(network: QNetwork) -> list[tuple[str, str, str]]:
    """The layers of a network and the tensors that they hold, by name, kind and shape."""
    kinds = [
        (name, f"{type(layer).__module__}.{type(layer).__qualname__}", "") for name, layer in network.named_modules()
    ]
    return kinds + [(name, "tensor", _words(tensor)) for name, tensor in network.state_dict().items()]


def layout_of(network: QNetwork) -> Layout:
    """``chapter`` where the weights load into the chapter's class, else ``network``."""
    return "chapter" if network.is_chapters else "network"


def laid_out(network: QNetwork, layout: Layout) -> Mapping[str, Tensor]:
    """The tensors of a network by the names they have in an export.

    Raises:
        ConfigError: the layout is the chapter's, and the network is not.
    """
    return network.chapter_state_dict() if layout == "chapter" else network.state_dict()


def digest(content: bytes) -> str:
    """SHA-256, as ``sha256sum`` prints it."""
    return hashlib.sha256(content).hexdigest()


def _to_network(found: Mapping[str, Tensor], network: QNetwork, layout: Layout) -> dict[str, Tensor]:
    """The tensors by the names that the network has for them."""
    return {own: found[name] for own, name in zip(network.state_dict(), laid_out(network, layout), strict=True)}


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a safetensors file; tensors that share memory are written out one by one."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def from_bytes(content: bytes, source: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Args:
        content: of the file.
        source: where it comes from, for the error message.

    Raises:
        CheckpointError: it is no such file.
    """
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"expected a safetensors file at {source}, got other bytes ({reason}): fetch it again"
        ) from error


def require_like(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that are not, by name, shape and kind, those that a network takes.

    Args:
        tensors: as they came.
        expected: as the network has them; only their shapes and kinds are looked at.
        source: where they come from, for the error message.

    Raises:
        CheckpointError: names the first that differs.
    """
    for name in sorted({*tensors, *expected}):
        came, due = (_words(side.get(name)) for side in (tensors, expected))
        if came != due:
            raise CheckpointError(
                f"expected {name} in {source} to be {due}, got {came}: the file is not of the network it is given for"
            )


def _words(tensor: Tensor | None) -> str:
    return "none" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
