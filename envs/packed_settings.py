"""Settings of environments on their way to another process, with the Python object that the world may be."""

from __future__ import annotations

import cloudpickle

from rlvision.core.errors import ConfigError
from rlvision.core.user_code import is_here, keep_object, kept_object
from rlvision.envs.env_errors import one_line
from rlvision.envs.settings import EnvSettings

Packed = tuple[EnvSettings, bytes | None]
"""Settings, and the object that makes the world, if only this process has it."""


def packed_settings(settings: EnvSettings) -> Packed:
    """Return settings that a new process can read, whatever makes the world.

    Raises:
        ConfigError: the object that makes the world cannot be sent to another process.
    """
    if not is_here(settings.game):
        return settings, None
    try:
        return settings, cloudpickle.dumps(kept_object(settings.game, "env.game"))
    except Exception as error:  # an object of the user's may raise anything
        raise ConfigError(
            f"expected a world that can be sent to worker processes, got {settings.game} ({one_line(error)}): set "
            "env.num_workers=0, or put what makes it into a module of its own"
        ) from error


def unpacked_settings(packed: Packed) -> EnvSettings:
    """Return the settings in another process, which then has the object, too."""
    settings, world = packed
    if world is not None:
        keep_object(settings.game, cloudpickle.loads(world))
    return settings
