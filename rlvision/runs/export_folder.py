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
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.files import read_bytes
from rlvision.core.types import EnvSpec, State
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs.checkpoint import require_like
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

    def weights(self, which: str, blank: Callable[[EnvSpec], QNetwork]) -> State:
        """The weights, as a run folder has them.

        Args:
            which: an export has one set: ``best``.
            blank: makes the network that they are for, perhaps without memory for its tensors.

        Raises:
            CheckpointError: they are missing, damaged, or of another network than the export says.
            ConfigError: another set is asked for.
        """
        if which != "best":
            raise ConfigError(f"expected no choice of weights for an export, got {which!r}: {self.path} has one set")
        manifest = self.manifest
        network = blank(manifest.spec)
        online = _to_network(self._read_tensors(network), network, manifest.layout)
        return {"env_steps": manifest.env_steps, "spec": spec_to_state(manifest.spec), "online": online}

    def _read_tensors(self, network: QNetwork) -> dict[str, Tensor]:
        path, manifest = self.path / MODEL, self.manifest
        due = export_state_dict(network, manifest.layout)
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


def imported_settings(config: Config) -> dict[str, str]:
    """The settings that name something to import, by name; Gymnasium imports ``package`` of ``package:Id-v0``, too."""
    named = {"env.game": config.env.game, "network.encoder": config.network.encoder, "agent.name": config.agent.name}
    return {name: value for name, value in named.items() if ":" in value and value not in HARMLESS}


def require_no_imports(config: Config, path: Path) -> None:
    """Refuse settings that came with a folder, and may have been made by anybody, if they would run code of their own.

    Raises:
        ConfigError: names what would be imported.
    """
    if named := imported_settings(config):
        listed = " and ".join(f"{name}={place}" for name, place in named.items())
        raise ConfigError(
            f"expected a folder that names only what comes with rlvision, got {listed} in {path}, which runs "
            "code of its own: read that code, then say --trust-imports"
        )


def export_layout(network: QNetwork) -> Layout:
    """``chapter`` where the weights load into the chapter's class, else ``network``."""
    return "chapter" if network.matches_reference else "network"


def export_state_dict(network: QNetwork, layout: Layout) -> Mapping[str, Tensor]:
    """The tensors of a network by the names they have in an export.

    Raises:
        ConfigError: the layout is the chapter's, and the network is not.
    """
    return network.reference_state_dict() if layout == "chapter" else network.state_dict()


def digest(content: bytes) -> str:
    """SHA-256, as ``sha256sum`` prints it."""
    return hashlib.sha256(content).hexdigest()


def _to_network(found: Mapping[str, Tensor], network: QNetwork, layout: Layout) -> dict[str, Tensor]:
    """The tensors by the names that the network has for them."""
    return {
        own: found[name] for own, name in zip(network.state_dict(), export_state_dict(network, layout), strict=True)
    }


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
