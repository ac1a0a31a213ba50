"""Shapes and names of environments in checkpoints, and the comparison with those that are there now."""

from dataclasses import asdict

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.core.paths import AnyPath
from rlvision.core.types import EnvSpec, State
from rlvision.core.wording import as_written

_AS = {
    "num_envs": "number",
    "observation_shape": "observations",
    "frame_channels": "channels of a frame",
    "action_meanings": "actions",
    "frameskip": "frameskip",
}
"""Parts of a spec, in words."""


def spec_to_state(spec: EnvSpec) -> State:
    """Return a spec as plain values."""
    return asdict(spec)


def spec_from_state(state: State) -> EnvSpec:
    """Return the spec from the plain values of `spec_to_state`."""
    channels, height, width = state["observation_shape"]
    return EnvSpec(
        num_envs=state["num_envs"],
        observation_shape=(channels, height, width),
        frame_channels=state["frame_channels"],
        action_meanings=tuple(state["action_meanings"]),
        frameskip=state["frameskip"],
        mask_size=state.get("mask_size", 0),  # absent before there were action masks
    )


def require_same_spec(stored: EnvSpec, present: EnvSpec) -> None:
    """Refuse environments that differ from those of the checkpoint.

    Raises:
        CheckpointError: the message shows in what they differ.
    """
    before, now = asdict(stored), asdict(present)
    changed = [name for name in before if before[name] != now[name] and name != "mask_size"]
    if not changed:
        return
    sizes = stored.observation_shape, stored.num_actions
    remedy = (
        "install the versions of ale-py and Gymnasium that the run started with"
        if sizes == (present.observation_shape, present.num_actions)
        else "choose a world with as many actions, seen at the same size"
    )
    was, found = (", ".join(f"{_AS[name]} {each[name]}" for name in changed) for each in (before, now))
    raise CheckpointError(f"expected environments as the agent was trained in, with {was}, got {found}: {remedy}")


def require_same_masks(stored: EnvSpec, present: EnvSpec, path: AnyPath) -> None:
    """Refuse to continue a run whose rows have no action masks in a world that gives them, or the reverse.

    Raises:
        ConfigError: the message has the remedy.
    """
    if stored.mask_size != present.mask_size:
        was, now = ("with" if spec.mask_size else "without" for spec in (stored, present))
        raise ConfigError(
            f"expected an environment {was} action masks, as when {path} began, got one {now} them: start a new run "
            f"with another {as_written('out')}, from these weights by {as_written('network.init', path)}"
        )
