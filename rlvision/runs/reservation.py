"""The folder of a new run, reserved as soon as it is chosen.

::

    rlvision train quick --out=auto    chooses runs/quick-seed1, and creates it
    rlvision train quick --out=auto    at the same time: finds it, and creates runs/quick-seed1-2
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlvision.config.schema import Config
from rlvision.core.files import path_exists


@contextmanager
def reserved(load: Callable[[], Config], *, is_auto: bool) -> Iterator[Config]:
    """Yield a configuration; its new folder is created at once with ``out=auto``, so that no other process chooses it.

    What was created is removed after the block, if nothing is in it.

    Args:
        load: returns the configuration, whose folder is the first that is there for it.
        is_auto: whether that folder was numbered.
    """
    config, made = _reserve(load) if is_auto else (load(), [])
    try:
        yield config
    finally:
        with suppress(OSError):  # something is in it
            for folder in made:
                folder.rmdir()


def _reserve(load: Callable[[], Config]) -> tuple[Config, list[Path]]:
    """Load the configuration and create its folder, once more if another process was faster; return what is new."""
    while True:
        config = load()
        folder = Path(str(config.out)).expanduser()
        made = [path for path in (folder, *folder.parents) if not path_exists(path)]
        try:
            if made:
                folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError:  # training says why it cannot write there
            made = []
        return config, made
