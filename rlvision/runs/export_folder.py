"""An export: a folder with everything that an agent needs to play, and nothing else.

::

    exports/pong-seed1/
      model.safetensors    the weights
      export.json          the settings to play with, and the training: `rlvision.runs.export_manifest`
      README.md            the card, for people

Reading an export runs no code from it. Weights are tensors, and settings are plain values. A setting that would import
code is refused unless the reader trusts the export.
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
from rlvision.core.paths import AnyPath, as_path
from rlvision.core.types import EnvSpec, State
from rlvision.core.wording import as_written
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs.checkpoint import require_like
from rlvision.runs.export_manifest import MANIFEST, Layout, Manifest, read_manifest
from rlvision.runs.own_code import look_where_it_was, require_code, strange_imports
from rlvision.runs.stored_spec import spec_to_state

MODEL = "model.safetensors"
CARD = "README.md"
LARGEST_HEADER = 2**20
"""Maximum bytes of names and shapes before the weights."""


class ExportFolder:
    """Reader of an export.

    Args:
        path: of the folder.
        trust_imports: whether an environment, encoder or agent that it names by import path may be imported.
    """

    def __init__(self, path: AnyPath, *, trust_imports: bool = False) -> None:
        self.path = as_path(path)
        self._trusted = trust_imports

    def __repr__(self) -> str:
        """Return its path."""
        return f"ExportFolder({str(self.path)!r})"

    @cached_property
    def manifest(self) -> Manifest:
        """Return the content of the manifest.

        Raises:
            CheckpointError: it is missing, damaged or of another schema.
            ConfigError: a setting cannot be used, or would import code that is not trusted.
        """
        manifest = read_manifest(self.path / MANIFEST)
        look_where_it_was(manifest.config, self.path)
        if not self._trusted:
            require_no_imports(manifest.config, self.path)
        return read_manifest(self.path / MANIFEST, trusts=lambda agent: True)

    def config(self) -> Config:
        """Return the settings to play with; those of the training have their defaults."""
        return self.manifest.config

    @property
    def trained_by(self) -> str:
        """Return the name of the agent that learned the weights, which is none of the settings to play with."""
        agent = self.manifest.training.get("agent")
        return str(agent["name"]) if isinstance(agent, dict) and "name" in agent else self.config().agent.name

    def weights(self, which: str, blank: Callable[[EnvSpec], QNetwork]) -> State:
        """Return the weights, in the form of a run folder's.

        Args:
            which: must be ``best``; an export has one set of weights.
            blank: makes the network of the weights, perhaps without memory for its tensors.

        Raises:
            CheckpointError: the weights are missing, damaged, or of another network than the manifest's.
            ConfigError: ``which`` is not ``best``.
        """
        if which != "best":
            raise ConfigError(f"expected no choice of weights for an export, got {which!r}: {self.path} has one set")
        manifest = self.manifest
        network = blank(manifest.spec)
        online = _to_network(self._read_tensors(network), network, manifest.layout)
        return {"env_steps": manifest.env_steps, "spec": spec_to_state(manifest.spec), "online": online}

    def _read_tensors(self, network: QNetwork) -> dict[str, Tensor]:
        path, manifest = self.path / MODEL, self.manifest
        expected = export_state_dict(network, manifest.layout)
        try:
            content = read_bytes(path, 2 * sum(tensor.nbytes for tensor in expected.values()) + LARGEST_HEADER)
        except OSError as error:
            raise CheckpointError(
                f"expected weights at {path}, got {error.strerror}: fetch the export again"
            ) from error
        if digest(content) != manifest.sha256:
            raise CheckpointError(
                f"expected {path} with the checksum in {MANIFEST}, got other bytes: fetch the export again"
            )
        found = from_bytes(content, str(path))
        require_like(found, expected, str(path))
        return found


def require_no_imports(config: Config, path: Path, *, trains: bool = False) -> None:
    """Refuse settings of an untrusted folder that would import code.

    Args:
        config: the settings.
        path: of the folder.
        trains: whether the run continues, which imports its trackers, too.

    Raises:
        ConfigError: the message names the imports, or a module of the user's own that is gone.
    """
    require_code(config)
    if named := strange_imports(config, path, trains=trains):
        listed = " and ".join(f"{name}={place}" for name, place in named.items())
        raise ConfigError(
            f"expected a folder that needs no code besides rlvision, got {listed} in {path}: read the code that "
            f"it would run, then set {as_written('trust_imports', True)}"
        )


def export_layout(network: QNetwork) -> Layout:
    """Return ``chapter`` if the weights load into the class on the card, else ``network``."""
    return "chapter" if network.matches_reference else "network"


def export_state_dict(network: QNetwork, layout: Layout) -> Mapping[str, Tensor]:
    """Return the tensors of a network by their names in an export.

    Raises:
        ConfigError: the layout is ``chapter``, and the network has other layers.
    """
    return network.reference_state_dict() if layout == "chapter" else network.state_dict()


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, as ``sha256sum`` prints it."""
    return hashlib.sha256(content).hexdigest()


def _to_network(found: Mapping[str, Tensor], network: QNetwork, layout: Layout) -> dict[str, Tensor]:
    """Return the tensors of an export by their names in the network."""
    return {
        own: found[name] for own, name in zip(network.state_dict(), export_state_dict(network, layout), strict=True)
    }


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the content of a safetensors file; tensors that share memory are copied."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def from_bytes(content: bytes, source: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Args:
        content: of the file.
        source: origin of the file, for the error message.

    Raises:
        CheckpointError: it is not a safetensors file.
    """
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"expected a safetensors file at {source}, got other bytes ({reason}): fetch it again"
        ) from error
