"""Weights of an earlier agent, which a new run starts from: the setting ``network.init``.

They are read once. The first checkpoint of the new run follows at once, so that a continued run never needs them again.
No code is imported that the new run does not name itself.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from rlvision.config.continuing import Changes, list_changes
from rlvision.config.loading import differences
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.types import EnvSpec, State
from rlvision.runs import builders
from rlvision.runs.checkpoint import require_like
from rlvision.runs.export_folder import ExportFolder, digest, to_bytes
from rlvision.runs.export_manifest import MANIFEST, read_manifest
from rlvision.runs.old_weights import OldWeights
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.stored_spec import spec_from_state

HEAD = "head."
"""Start of the names of the tensors that compute Q-values from features."""
LAYERS = (
    "network.encoder",
    "network.activation",
    "network.max_pool",
    "network.hidden",
    "network.dueling",
    "network.noisy",
    "network.kwargs",
    "agent.quantiles",
    "env.stack",
    "env.gray",
    "env.height",
    "env.width",
)
"""Settings that decide which layers a network has, and their sizes."""
NOT_BATCH_NORMS = ("layer", "group", "none")
"""Values of ``network.norm`` whose layers compute something else than BatchNorm, when the agent plays."""


class FindAgent(Protocol):
    """The function `rlvision.runs.find.find_agent`."""

    def __call__(self, place: Path, *, trust_imports: bool) -> RunFolder | ExportFolder:
        """Return the folder; nothing is imported yet."""


def read_old_weights(config: Config, find: FindAgent, spec: EnvSpec) -> OldWeights:
    """Read the weights that ``network.init`` names: the best of a run, or those of an export.

    The head is left out if the actions differ: each of its Q-values belongs to one action.

    Args:
        config: of the new run.
        find: finds the folder of an agent.
        spec: of its environments.

    Raises:
        CheckpointError: there is no agent, or its weights are missing or damaged.
        ConfigError: its network has other layers.
    """
    place = Path(str(config.network.init)).expanduser()
    folder = _checked(find(place, trust_imports=True), config)
    old = folder.config()
    _require_same_layers(place, old, config)
    state = folder.weights("best", partial(builders.meta_network, _with_agent_of(old, config)))
    old_spec = spec_from_state(state["spec"])
    keeps_head = old_spec.action_meanings == spec.action_meanings
    taken = {name: tensor for name, tensor in state["online"].items() if keeps_head or not name.startswith(HEAD)}
    new = builders.meta_network(config, spec).state_dict()
    taken = {
        name: _with_quantiles(tensor, new[name]) if name.startswith(HEAD) else tensor for name, tensor in taken.items()
    }
    require_like(taken, {name: new[name] for name in taken}, str(place))
    about = f"starts from {place} ({state['env_steps']:,} env steps)"
    if not keeps_head:
        about += (
            f" without its head, which starts anew: the actions were {', '.join(old_spec.action_meanings)} and are "
            f"{', '.join(spec.action_meanings)}"
        )
    return OldWeights(taken, about, _origin(folder, state, config))


def _checked(folder: RunFolder | ExportFolder, config: Config) -> RunFolder | ExportFolder:
    """Return the folder; only an agent that the new run names, too, is ever imported for it."""
    if isinstance(folder, RunFolder):
        return RunFolder(folder.path, trusts=lambda agent: agent == config.agent.name)
    agent = read_manifest(folder.path / MANIFEST).config.agent.name
    if ":" in agent and agent != config.agent.name:
        raise ConfigError(
            f"expected --network.init={folder.path} to need no code besides the new run's, got agent.name={agent}: "
            "read that code, then choose it with --agent.name"
        )
    return folder


def _with_agent_of(old: Config, new: Config) -> Config:
    """Return the new settings with the old agent, whose head may have no quantiles; none is imported for it."""
    return new if ":" in old.agent.name else replace(new, agent=old.agent)


def _with_quantiles(tensor: Tensor, new: Tensor) -> Tensor:
    """Repeat the rows of a head's tensor as often as the new one has quantiles of each."""
    times, rest = divmod(len(new), len(tensor))
    return tensor.repeat_interleave(times, dim=0) if times > 1 and not rest else tensor


def _require_same_layers(place: Path, old: Config, new: Config) -> None:
    if other := _other_layers(old, new):
        raise ConfigError(
            f"expected --network.init={place} to have the layers of this network, got others "
            f"({list_changes(other)}): use its settings, or leave --network.init out"
        )


def _other_layers(old: Config, new: Config) -> Changes:
    """Return the settings by which the layers differ; a batch normalisation plays like any other one."""
    changed = differences(old, new)
    other = {name: changed[name] for name in LAYERS if name in changed}
    if other.get("agent.quantiles", (1, None))[0] is None:  # each Q-value becomes the start of its quantiles
        del other["agent.quantiles"]
    norms = (old.network.norm, new.network.norm)
    if norms[0] != norms[1] and not set(norms).isdisjoint(NOT_BATCH_NORMS):
        other["network.norm"] = norms
    return other


def _origin(folder: RunFolder | ExportFolder, state: State, new: Config) -> dict[str, Any]:
    """Return the record of the weights: their place, age and digest, and the settings that are others now."""
    changed = differences(folder.config(), new)
    if isinstance(folder, ExportFolder):  # which does not have those of the training
        changed = {name: values for name, values in changed.items() if name.startswith(("env.", "network."))}
    return {
        "place": str(folder.path),
        "env_steps": state["env_steps"],
        "sha256": digest(to_bytes(state["online"])),
        "changed": {name: list(values) for name, values in changed.items()},
    }
