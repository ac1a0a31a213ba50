"""Errors inside a user's world, as errors of rlvision that quote them."""

from __future__ import annotations

import traceback
from pathlib import Path

import gymnasium

from rlvision.core.errors import EnvCrashError, EnvError, MissingExtraError, RLVisionError, how_to_find

LONGEST = 300
"""Largest number of characters shown of an environment's own error."""


def translated(error: BaseException, who: str, when: str) -> RLVisionError:
    """Return the error of rlvision that stands for one raised inside an environment.

    Args:
        error: the environment's.
        who: name of the environment.
        when: seed and step of its game.
    """
    if isinstance(error, EnvError) and not isinstance(error, EnvCrashError):
        return EnvError(f"{error} ({'; '.join(filter(None, (who, when)))})")
    if isinstance(error, RLVisionError):
        return error
    if isinstance(error, gymnasium.error.DependencyNotInstalled):
        return _missing(error, who)
    if isinstance(error, ImportError) and not when:  # in a game, a run may have work to save
        return _missing(error, who, how_to_find(who, error) if isinstance(error, ModuleNotFoundError) else "install it")
    place = "; ".join(filter(None, (error_location(error), when)))
    return EnvCrashError(f"expected {who} to work, got {one_line(error)} ({place})")


def one_line(error: BaseException) -> str:
    """Return the last line of an error's traceback, cut to `LONGEST` characters."""
    words = " ".join(str(error).split())
    shortened = words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."
    return f"{type(error).__name__}: {shortened}" if words else type(error).__name__


def error_location(error: BaseException) -> str:
    """Return the file and line in which an error was raised: ``lander.py:103``."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "wandb" not in Path(frame.filename).parts]  # W&B wraps sys.exit
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _missing(error: Exception, who: str, remedy: str = "install it") -> MissingExtraError:
    if "box2d" in str(error).lower():
        remedy = "pip install 'rlvision[box2d]'"
    return MissingExtraError(f"expected what {who} needs to be installed, got: {error}: {remedy}")
