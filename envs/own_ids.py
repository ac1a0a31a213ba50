"""Ids that a user has registered stay the user's, also where ale-py registers an Atari game under the same id."""

from importlib import import_module

import gymnasium


def import_ale() -> None:
    """Import ale-py, which registers its games, and put back the ids that were registered before."""
    before = dict(gymnasium.registry)
    level = gymnasium.logger.min_level
    gymnasium.logger.min_level = gymnasium.logger.ERROR  # it warns of the ids that are registered twice
    try:
        import_module("ale_py")
    finally:
        gymnasium.logger.min_level = level
        gymnasium.registry.update(before)
