"""Find trained agents: in a run folder, in an export, or by the name of a bundled agent."""

from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from rlvision.config.fields import nearest
from rlvision.config.schema import Config
from rlvision.core.errors import CheckpointError, ConfigError, RLVisionError
from rlvision.core.files import path_exists
from rlvision.core.paths import AnyPath, as_path
from rlvision.runs.export_folder import ExportFolder, require_no_imports
from rlvision.runs.export_manifest import MANIFEST
from rlvision.runs.own_code import look_where_it_was
from rlvision.runs.run_folder import RunFolder


def find_agent(place: AnyPath, *, trust_imports: bool = False, trains: bool = False) -> RunFolder | ExportFolder:
    """Return the run folder or export at a place. An existing path takes precedence over a bundled agent's name.

    Args:
        place: folder of a run or an export, or a name in `bundled_agents`.
        trust_imports: whether an environment, an encoder or an agent that the folder names by import path may be
            imported.
        trains: whether the run continues, which imports trackers, too.

    Raises:
        CheckpointError: there is no agent.
        ConfigError: its folder would import code that is not trusted.
    """
    place = as_path(place)
    if path_exists(place / MANIFEST):
        return ExportFolder(place, trust_imports=trust_imports)
    folder = RunFolder(place)
    if folder.exists:
        folder.require_no_links()
        if not trust_imports:
            require_no_imports(folder.config(), place, trains=trains)
        with suppress(RLVisionError):  # of damaged settings, which whoever reads them reports
            look_where_it_was(folder.config(), place)
        return RunFolder(place, trusts=lambda agent: True)
    if not path_exists(place) and str(place) in bundled_agents():
        return ExportFolder(bundled_agents()[str(place)])
    near = nearest(str(place), bundled_agents())
    raise CheckpointError(
        f"expected a run folder, an export or a bundled agent ({', '.join(bundled_agents())}), got {place} "
        f"without a config.yaml or {MANIFEST}: {f'did you mean {near}?' if near else 'check the path'}"
    )


def find_run(place: AnyPath, *, trust_imports: bool = False, trains: bool = False) -> RunFolder:
    """Return the run folder at a place, which has checkpoints and training games, unlike an export.

    Args:
        place: folder of a run.
        trust_imports: as in `find_agent`.
        trains: as in `find_agent`.

    Raises:
        CheckpointError: there is no run.
        ConfigError: this is an export, or its folder would import code that is not trusted.
    """
    folder = find_agent(place, trust_imports=trust_imports, trains=trains)
    if isinstance(folder, ExportFolder):
        raise ConfigError(
            f"expected a run folder, got the export {place}, which has no checkpoints and no training games: "
            "use rlvision watch or evaluate for it"
        )
    return folder


def stored_settings(folder: RunFolder | ExportFolder) -> Config:
    """Return the settings in a folder, to be shown or compared: nothing that they name is imported.

    Raises:
        CheckpointError: they are missing, or of another release.
        ConfigError: they cannot be used.
    """
    return RunFolder(folder.path).config() if isinstance(folder, RunFolder) else folder.config()


@cache
def bundled_agents() -> dict[str, Path]:
    """Return the folders of the bundled agents by name."""
    folder = Path(str(files("rlvision.runs.trained").joinpath("")))
    # resolve links, because some installers link packages to their cache
    return {path.parent.name: path.resolve().parent for path in sorted(folder.glob(f"*/{MANIFEST}"))}
