"""Load a trained agent, with the Python objects that its settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlvision.core.errors import ConfigError
from rlvision.core.object_names import name_object
from rlvision.core.paths import AnyPath
from rlvision.core.user_code import keep_object
from rlvision.runs.find import find_agent, stored_settings
from rlvision.runs.python_settings import with_world
from rlvision.runs.run import Run

if TYPE_CHECKING:
    from rlvision.runs.python_settings import World


def load(
    agent: AnyPath,
    *,
    weights: str = "best",
    env: World | None = None,
    network: object = None,
    algorithm: object = None,
    device: str = "auto",
    trust_imports: bool = False,
) -> Run:
    """Return a trained agent, to act, to play and to be looked into.

    Args:
        agent: folder of a run or of an export, or the name of a bundled agent, such as ``pong``.
        weights: ``best`` (by evaluation, where there was one) or ``last``; an export has one set.
        env: the world, for a run whose world was a Python object, or to play in another than the run's.
        network: the encoder's class, for a run whose encoder was a Python object, or whose module has another name now.
        algorithm: the agent's class, for a run whose agent was a Python object.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
        trust_imports: whether code that the folder names by path may be imported.

    Raises:
        CheckpointError: there is no agent, or no checkpoint yet.
        ConfigError: the folder would import code that is not trusted, or its Python objects are not there.
    """
    stored = stored_settings(find_agent(agent, trust_imports=True)) if network or algorithm or env else None
    if stored is not None:
        _keep({stored.network.encoder: network, stored.agent.name: algorithm})
    run = Run(agent, weights=weights, device=device, trust_imports=trust_imports)
    run.config = with_world(run.config, env)
    return run


def _keep(objects: dict[str, Any]) -> None:
    """Keep objects under the names that the settings of a run have for them."""
    for name, found in objects.items():
        if found is None or name_object(found) == name:
            continue
        if ":" not in name:
            raise ConfigError(f"expected no class for {name}, which is found by its name, got {found!r}: leave it out")
        keep_object(name, found)
